"""A real shell on a terminal of its own, with completion loaded, and what a line ran after TAB."""

from __future__ import annotations

import os
import pty
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from shopctl.commands import shells
from tests.cli import Cli

_SHIM = """#!/bin/sh
[ -n "$_SHOPCTL_COMPLETE" ] && exec {python} -m shopctl
for word in "$@"; do printf '%s\\0' "$word"; done >{ran}
"""
_START = {
    "bash": "bind 'set bell-style none' 2>/dev/null\n",
    "zsh": "autoload -Uz compinit; compinit -u -d {home}/.zcompdump\n",
    "fish": "",
}
_COMMAND = {
    "bash": ["bash", "--noprofile", "--rcfile", "{start}", "-i"],
    "zsh": ["zsh", "-i"],
    "fish": ["fish", "--no-config", "--init-command", "source {start}"],
}


def known() -> list[str]:
    """The shells of this machine."""
    return [shell for shell in shells.SCRIPTS if shutil.which(shell)]


@dataclass(frozen=True)
class Terminal:
    """Somebody at a prompt of one shell."""

    cli: Cli
    shell: str

    def types(self, keys: str) -> list[str]:
        """The words that a line ran shopctl with; `keys` may hold \\t."""
        home = self.cli.directory / f"home-{self.shell}"
        ran, start = home / "ran", home / ".zshrc"
        (home / "bin").mkdir(parents=True, exist_ok=True)
        shim = home / "bin" / "shopctl"
        shim.write_text(_SHIM.format(python=sys.executable, ran=ran))
        shim.chmod(0o700)
        start.write_text(_START[self.shell].format(home=home) + shells.script(self.shell))
        ran.unlink(missing_ok=True)
        self._session(home, [part.format(start=start) for part in _COMMAND[self.shell]], f"{keys}\rexit\r")
        return ran.read_text().split("\0")[:-1] if ran.exists() else []

    def _session(self, home: Path, command: list[str], keys: str) -> None:
        """The terminal hands the keys over as the shell asks for them, so nothing has to be waited for."""
        mine = {"HOME": str(home), "ZDOTDIR": str(home), "TERM": "xterm", "SHOPCTL_COMPLETION_SECONDS": "60"}
        mine |= {"PYTHONPATH": str(Path(__file__).parents[1]), "PATH": f"{home / 'bin'}:{os.environ['PATH']}"}
        environment = self.cli.environment(**mine)
        process, terminal = pty.fork()
        if process == 0:
            os.chdir(home)
            os.execvpe(command[0], command, environment)
        os.write(terminal, keys.encode())
        try:
            while os.read(terminal, 65536):
                pass
        except OSError:  # the shell has left
            pass
        os.waitpid(process, 0)
        os.close(terminal)
