"""The command line as a user has it: a process of its own, its streams, its exit status."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from tests import forks, shops

SECONDS = 120


@dataclass(frozen=True)
class Said:
    """What a command said and how it left."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def error(self) -> dict[str, Any]:
        """The error of a machine format: the last line of stderr."""
        found: dict[str, Any] = json.loads(self.err.strip().splitlines()[-1])["error"]
        return found


@dataclass(frozen=True)
class Cli:
    """Runs shopctl on the store of a directory."""

    directory: Path

    def environment(self, **extra: str) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SHOPCTL_")}
        mine = {
            "SHOPCTL_STORE": shops.store_url(self.directory),
            "SHOPCTL_DATA_DIR": str(self.directory / "data"),
        }
        if redis := os.environ.get("SHOPCTL_TEST_CARTS"):
            mine["SHOPCTL_REDIS"] = redis
        return {**kept, "HOME": str(self.directory), "XDG_CONFIG_HOME": str(self.directory / "config"), **mine, **extra}

    def __call__(self, *words: object, stdin: str = "", **extra: str) -> Said:
        """A new interpreter where what it reads as it starts is the subject; otherwise a fork of one that is ready."""
        said, env = [str(word) for word in words], self.environment(**extra)
        with _pipe(stdin.encode()) as given, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            if any(name.startswith(("PYTHON", "LC_", "LANG")) for name in extra):
                command = [sys.executable, "-m", "shopctl", *said]
                status = subprocess.call(
                    command, stdin=given, stdout=out, stderr=err, cwd=self.directory, env=env, timeout=SECONDS
                )
            else:
                status = forks.nursery().run(said, self.directory, env, (given, out, err), SECONDS)
            for stream in (out, err):
                stream.seek(0)
            return Said(status, out.read().decode(), err.read().decode())


@contextmanager
def _pipe(content: bytes) -> Iterator[IO[bytes]]:
    """The end to read from of a pipe with this in it, however much."""
    read, write = os.pipe()

    def fill() -> None:
        with suppress(BrokenPipeError), open(write, "wb") as file:
            file.write(content)

    filling = threading.Thread(target=fill)
    filling.start()
    with open(read, "rb") as file:
        yield file
    filling.join()
