"""What bash, zsh and fish need for TAB: a function for each, a place to install it, and how a name is written on their lines.

The function hands over the line up to the cursor in COMP_LINE and the shell's name in _SHOPCTL_COMPLETE, and reads names, a
line each; an exit status other than 0 asks for the shell's own file names. Nothing of the answer is ever evaluated, and
whatever is put on a line is quoted: by zsh and fish themselves, by `Line` here for bash.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from shopctl.commands.output import unknown
from shopctl.core.errors import BadInput

VARIABLE = "_SHOPCTL_COMPLETE"

_BASH = r"""_shopctl_completion() {
    local answer IFS=$'\n'
    COMPREPLY=()
    answer=$(COMP_LINE="${COMP_LINE:0:$COMP_POINT}" COMP_WORDBREAKS="$COMP_WORDBREAKS" _SHOPCTL_COMPLETE=complete_bash "$1" 2>/dev/null) || {
        compopt -o default
        return
    }
    while read -r; do
        [[ -n $REPLY ]] && COMPREPLY+=("$REPLY")
    done <<<"$answer"
    [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *[:=,] ]] && compopt -o nospace
    return 0
}
complete -F _shopctl_completion shopctl
"""

_ZSH = r"""#compdef shopctl
_shopctl() {
    local answer name about
    local -a names shown open_names open_shown
    answer=$(COMP_LINE="${words[1,CURRENT-1]} ${QIPREFIX}${IPREFIX}${PREFIX}" _SHOPCTL_COMPLETE=complete_zsh ${(Q)words[1]} 2>/dev/null) || {
        _files
        return
    }
    for name about in "${(@f)answer}"; do
        if [[ $name == *[:=,] ]]; then
            open_names+=("$name") open_shown+=("$about")
        elif [[ -n $name ]]; then
            names+=("$name") shown+=("$about")
        fi
    done
    (( $#names )) && compadd -l -d shown -a names
    (( $#open_names )) && compadd -S '' -l -d open_shown -a open_names
}
if [[ $funcstack[1] == _shopctl ]]; then
    _shopctl "$@"
else
    compdef _shopctl shopctl
fi
"""

_FISH = r"""function __shopctl_complete
    set -lx COMP_LINE (commandline --current-process --cut-at-cursor | string collect)
    set -lx _SHOPCTL_COMPLETE complete_fish
    set -l answer (shopctl 2>/dev/null)
    if test $status -eq 0
        printf '%s\n' $answer
    else
        __fish_complete_path (commandline --current-token --cut-at-cursor)
    end
end
complete --command shopctl --no-files --arguments '(__shopctl_complete)'
"""

SCRIPTS: Mapping[str, str] = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}


@dataclass(frozen=True, slots=True)
class Line:
    """A line up to the cursor: the words before, the value of the one being typed, and the part of it that bash replaces."""

    words: Sequence[str]
    value: str
    kept: int  # characters of the value that bash leaves alone
    quote: str  # the quote that is open at the cursor

    def answer(self, shell: str, names: Sequence[tuple[str, str]]) -> str:
        """Names, each with what it is, in the form that the shell's function reads."""
        match shell:
            case "zsh":
                pairs = ((name, f"{name}  -- {about}" if about else name) for name, about in names)
                return "\n".join(line for pair in pairs for line in pair)
            case "fish":
                return "\n".join(f"{name}\t{about}" for name, about in names)
            case _:
                return "\n".join(self._for_bash(name) for name, _ in names)

    def _for_bash(self, name: str) -> str:
        rest = name[self.kept :]
        match self.quote:
            case "'":
                return rest.replace("'", "'\\''")
            case '"':  # a ! would ask bash's history even here, so it stands outside
                return "".join(f"\\{c}" if c in '$`"\\' else '"\\!"' if c == "!" else c for c in rest)
            case _:
                return "".join(letter if _is_plain(letter) else f"\\{letter}" for letter in rest)


def parse(text: str, breaks: str) -> Line:
    """A line as the shell would split it; `breaks` are the characters at which bash begins a word of its own to replace."""
    words: list[str] = []
    value, kept, quote, begun = "", 0, "", False
    letters = iter(text)
    for letter in letters:
        if quote:
            if letter == quote:
                quote, kept = "", len(value)
            elif letter == "\\" and quote == '"':
                following = next(letters, "")
                value += following if following in '$`"\\' else f"\\{following}"
            else:
                value += letter
        elif letter in "'\"":
            quote, kept, begun = letter, len(value), True
        elif letter == "\\":
            value, begun = value + next(letters, ""), True
        elif letter.isspace():
            if begun:
                words.append(value)
            value, kept, begun = "", 0, False
        else:
            value, begun = value + letter, True
            if letter in breaks:
                kept = len(value)
    return Line(words, value, kept, quote)


def script(shell: str) -> str:
    """The completion function of a shell."""
    if shell not in SCRIPTS:
        raise unknown("shell", shell, SCRIPTS)
    return SCRIPTS[shell]


def install(shell: str) -> Path:
    """Put the function where the shell finds it when it starts; doing so again changes nothing. The file."""
    text, home = script(shell), Path.home()
    config = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config")
    try:
        match shell:
            case "bash":
                path = home / ".bash_completions" / "shopctl.sh"
                _have_line(home / ".bashrc", f"source '{path}'")
            case "zsh":
                path = home / ".zfunc" / "_shopctl"
                start = Path(os.environ.get("ZDOTDIR") or home) / ".zshrc"
                _have_line(start, "fpath+=(~/.zfunc); autoload -Uz compinit; compinit")
            case _:
                path = config / "fish" / "completions" / "shopctl.fish"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise BadInput("not_installed", f"Completion cannot be installed: {error}") from None
    return path


def running() -> str:
    """The shell that this was started from."""
    from typer._completion_shared import _get_shell_name

    return _get_shell_name() or Path(os.environ.get("SHELL", "")).name


def _have_line(path: Path, line: str) -> None:
    found = path.read_text(encoding="utf-8") if path.exists() else ""
    if line not in found:
        path.write_text(f"{found.rstrip()}\n{line}\n".lstrip(), encoding="utf-8")


def _is_plain(letter: str) -> bool:
    """Means nothing to bash anywhere in a word."""
    return letter.isalnum() or letter in "_-./,+@:%"
