"""Processes that need not start Python and import SQLAlchemy first: forks of one that has.

A fork is a process as any other, with streams, signals and an end of its own; only what it costs to begin, more than most commands
take, is paid once. Nothing of shopctl is imported before a command is forked: it loads what it needs when it needs it, as always.
"""

from __future__ import annotations

import atexit
import gc
import json
import multiprocessing.context as mp
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).parents[1]
HEAVY = (
    "typer.main",
    "rich.console",
    "rich.table",
    "pydantic",
    "sqlalchemy",
    "sqlalchemy.dialects.sqlite",
    "sqlalchemy.dialects.postgresql.psycopg",
    "psycopg",
    "alembic.command",
    "whoosh.index",
    "redis",
)


class Nursery:
    """The process that forks; it ends with the one that made it."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._requests, its = socket.socketpair()
        command = [sys.executable, "-m", __name__, str(its.fileno())]
        with its:
            self._process = subprocess.Popen(
                command, cwd=ROOT, stdin=subprocess.DEVNULL, pass_fds=[its.fileno()], start_new_session=True
            )
        atexit.register(self._end)

    def run(
        self,
        words: Sequence[str],
        directory: Path,
        env: Mapping[str, str],
        streams: Sequence[IO[bytes]],
        timeout: float,
    ) -> int:
        """Run shopctl there, with these streams; its exit status, or minus its signal."""
        told, tells = socket.socketpair()
        with told, tells, tempfile.TemporaryFile() as request:
            request.write(json.dumps([[*words], str(directory), dict(env)]).encode())
            request.seek(0)
            with self._turn:
                files = [request.fileno(), *(stream.fileno() for stream in streams), tells.fileno()]
                socket.send_fds(self._requests, [b"!"], files)
            tells.close()
            told.settimeout(timeout)
            with told.makefile() as answers:
                child = int(answers.readline())
                try:
                    return os.waitstatus_to_exitcode(int(answers.readline()))
                except TimeoutError:
                    os.kill(child, signal.SIGKILL)
                    raise

    def _end(self) -> None:
        self._requests.close()
        self._process.wait(10)


@cache
def nursery() -> Nursery:
    return Nursery()


def serve(requests: socket.socket) -> None:
    """Fork for each request. Returns in a fork, which is to be the command."""
    for name in HEAVY:
        import_module(name)
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those that wait
    while True:
        asked, files, *_ = socket.recv_fds(requests, 1, 5)
        if not asked:
            sys.exit()
        if os.fork() == 0:
            break
        for file in files:
            os.close(file)
    requests.close()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    child = os.fork()
    if child == 0:
        _become(*files)
        return
    for file in files[:-1]:
        os.close(file)
    with socket.socket(fileno=files[-1]) as tells:
        tells.sendall(f"{child}\n".encode())
        tells.sendall(f"{os.waitpid(child, 0)[1]}\n".encode())
    os._exit(0)


def _become(request: int, stdin: int, stdout: int, stderr: int, tells: int) -> None:
    """Take over the circumstances of a command."""
    with open(request) as file:
        words, directory, env = json.load(file)
    for number, stream in enumerate((stdin, stdout, stderr)):
        os.dup2(stream, number)
        os.close(stream)
    os.close(tells)
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(env)
    time.tzset()
    sys.argv = ["shopctl", *words]


class _Process(mp.ForkServerProcess):
    """In the environment as it is now, not as it was when the first one was made."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._environment = dict(os.environ)

    def run(self) -> None:
        os.environ.clear()
        os.environ.update(self._environment)
        super().run()


class _Context(mp.ForkServerContext):
    Process = _Process


@cache
def processes() -> _Context:
    """As `multiprocessing`: makes processes that run a function of the tests, and what they share."""
    context = _Context()
    context.set_forkserver_preload(["tests.races", *HEAVY])
    return context


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
    from shopctl.cli import main

    main()
