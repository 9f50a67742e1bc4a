"""Search in files beside the store, by Whoosh: where the index lies, who may have touched it, who writes it now.

    index/           0700
      lock           taken while somebody writes
      000007/        0700, one build; the highest number counts, so publishing a new one is one rename

Whoosh unpickles its files, so a tampered index would run code. The fence: before anything is opened, the folders and
every file must be ours and writable by nobody else. An index is derived data: whatever is wrong with it is answered with
IndexUnusable, and a rebuild cures it. Whoosh itself is imported by `search_whoosh_files`, and only when it is needed.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from shopctl.core.errors import ShopError
from shopctl.core.ports import Document, IndexAnswer, IndexBusy, IndexQuery, IndexUnusable

if TYPE_CHECKING:
    from shopctl.core.adapters.search_whoosh_files import Opened

try:
    import fcntl
except ImportError:  # no flock on this platform: one process at a time
    fcntl = None  # type: ignore[assignment]

BUSY = "the search index is being written by another process"
_READ = (".toc", ".seg")
"""Endings of the files that a reader opens; the others come and go while somebody writes."""
_TRIES = 2
"""A writer may have replaced what a reader was about to open: once more. (Whoosh tries for half a second each time.)"""

State = tuple[object, ...]


@dataclass(frozen=True)
class WhooshIndex:
    """The index in one folder, which need not exist. The open state is kept until the files change."""

    path: Path
    _open: dict[State, Opened] = field(default_factory=dict, init=False, repr=False, compare=False)
    _turn: Any = field(default_factory=Lock, init=False, repr=False, compare=False)

    def find(self, query: IndexQuery) -> IndexAnswer:
        with self._turn, _usable():
            return self._opened().find(query)

    def suggest(self, word: str) -> str | None:
        with self._turn, _usable():
            return self._opened().suggest(word)

    def versions(self) -> dict[str, int]:
        with self._turn, _usable():
            return self._opened().versions()

    def put(self, documents: Iterable[Document], gone: Iterable[str] = ()) -> None:
        with _usable(), self._writing():
            from shopctl.core.adapters import search_whoosh_files as files

            files.update(_checked(self.path)[0], documents, gone)

    def rebuild(self, documents: Iterable[Document]) -> int:
        with _usable(), self._writing():
            from shopctl.core.adapters import search_whoosh_files as files

            old = list(self.path.iterdir())
            fresh = self.path / f"new-{os.getpid()}"
            shutil.rmtree(fresh, ignore_errors=True)
            fresh.mkdir(mode=0o700)
            try:
                count = files.create(fresh, documents)
                fresh.rename(self.path / f"{_number(self.path) + 1:06d}")
            except BaseException:
                shutil.rmtree(fresh, ignore_errors=True)
                raise
            for build in old:  # who has one open keeps it: its files live until they are closed
                if build.is_dir():
                    shutil.rmtree(build, ignore_errors=True)
            return count

    def _opened(self) -> Opened:
        """What there is now, open; the state opened before when no file has changed since."""
        for attempt in range(_TRIES):
            try:
                folder, state = _checked(self.path)
                if state not in self._open:
                    from shopctl.core.adapters import search_whoosh_files as files

                    fresh = files.Opened(folder)
                    for stale in self._open.values():
                        stale.close()
                    self._open.clear()
                    self._open[state] = fresh
                return self._open[state]
            except FileNotFoundError:
                if attempt == _TRIES - 1:
                    raise
        raise AssertionError

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Be the only writer; make the folder where it is missing, and private where it is ours but was not."""
        if not self.path.is_dir():
            self.path.unlink(missing_ok=True)
            self.path.mkdir(parents=True, mode=0o700)
        self.path.chmod(0o700)
        with open(os.open(self.path / "lock", os.O_CREAT | os.O_WRONLY | os.O_NOFOLLOW, 0o600), "wb") as lock:
            if fcntl is not None:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except OSError:
                    raise IndexBusy(BUSY) from None
            yield


def _number(path: Path) -> int:
    """The highest number of a build; 0 when there is none."""
    return max((int(entry.name) for entry in path.iterdir() if entry.name.isdecimal()), default=0)


def _checked(path: Path) -> tuple[Path, State]:
    """The build that counts, and what tells its state from any other; IndexUnusable when the fence is broken."""
    number = _number(path) if path.is_dir() else 0
    if not number:
        raise IndexUnusable("there is no search index yet")
    folder = path / f"{number:06d}"
    for place in (path, folder):
        _fence(place.stat(), place)
    state: list[object] = [folder]
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            with suppress(FileNotFoundError):
                about = entry.stat(follow_symlinks=False)
                _fence(about, folder / entry.name)
                if entry.name.endswith(_READ):
                    state += (entry.name, about.st_ino, about.st_size, about.st_mtime_ns)
    return folder, tuple(state)


def _fence(about: os.stat_result, path: Path) -> None:
    if about.st_uid != os.getuid() or about.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise IndexUnusable(f"the search index is not safe to open: others may have written {path}")
    if not (stat.S_ISREG(about.st_mode) or stat.S_ISDIR(about.st_mode)):
        raise IndexUnusable(f"the search index is not safe to open: {path} is no file")


@contextmanager
def _usable() -> Iterator[None]:
    """Whatever goes wrong in the index is IndexUnusable. Any exception: unpickling damaged bytes can raise every one."""
    try:
        yield
    except (IndexUnusable, ShopError):  # the latter from the documents
        raise
    except Exception as error:
        raise IndexUnusable(f"the search index cannot be used: {type(error).__name__}: {error}"[:300]) from error
