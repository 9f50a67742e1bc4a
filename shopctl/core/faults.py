"""Faults for test stores: die, fail or be stopped at the N-th statement, commit, gateway call or file write.

    SHOPCTL_FAILPOINT=POINT[:N[:HOW]]

POINT is a kind (statement, commit, gateway, file: every one of them counts) or one place by name: checkout.settle.before_commit
and .after_commit, for every action of the audit log; gateway.authorize.before and .after, for every call of the gateway. N is 1
unless said. HOW is kill (SIGKILL, as a power cut), term (SIGTERM, as an operator) or raise (an error that nobody expects).

No place has to be named in the code: a point is wherever something is about to be, or has just been, made durable or asked of others.
Only a store that carries the mark of a test store is armed, so a variable in the environment can never arm a real shop.
"""

from __future__ import annotations

import os
import signal
import sys
from collections import Counter
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

import sqlalchemy as sa

from shopctl.core.errors import BadInput

KINDS = ("statement", "commit", "gateway", "file")
HOWS = ("kill", "term", "raise")
_CALLS = ("authorize", "find", "capture", "void", "refund", "find_refund")
_CHANGES = ("os.rename", "os.link", "os.remove", "os.mkdir")

Watched = TypeVar("Watched")


class Injected(Exception):
    """A fault that was asked for."""


@dataclass
class Faults:
    """Counts points, by kind and by name, and strikes at one of them; at none when `at` is "" (which only counts)."""

    at: str = ""
    number: int = 1
    how: Literal["kill", "term", "raise"] = "kill"
    counts: Counter[str] = field(default_factory=Counter)

    def point(self, kind: str, name: str) -> None:
        """Here something could happen."""
        for what in (kind, name):
            self.counts[what] += 1
            if what == self.at and self.counts[what] == self.number:
                self._strike(name)

    def _strike(self, name: str) -> None:
        if self.how == "raise":
            raise Injected(f"at {name}")
        os.kill(os.getpid(), signal.SIGKILL if self.how == "kill" else signal.SIGTERM)

    def watch(self, engine: sa.Engine) -> None:
        """Make every statement of an engine, and every file that this process writes, a point."""
        sa.event.listen(engine, "before_cursor_execute", lambda *_: self.point("statement", "statement"))
        sys.addaudithook(self._file)

    def _file(self, event: str, values: tuple[Any, ...]) -> None:
        writes = event == "open" and isinstance(values[2], int) and values[2] & (os.O_WRONLY | os.O_RDWR)
        if (writes or event in _CHANGES) and _ours(values[0]):
            self.point("file", "file")

    def around(self, gateway: Watched) -> Watched:
        """The same gateway, with a point before and after each call."""
        kind = type(gateway)
        calls = {name: self._call(name, getattr(kind, name)) for name in _CALLS}
        found = copy(gateway)
        object.__setattr__(found, "__class__", type(kind.__name__, (kind,), {"__slots__": (), **calls}))
        return found

    def _call(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def asked(*args: Any, **kwargs: Any) -> Any:
            self.point("gateway", f"gateway.{name}.before")
            answer = call(*args, **kwargs)
            self.point("gateway", f"gateway.{name}.after")
            return answer

        return asked


def parse(text: str) -> Faults:
    """What SHOPCTL_FAILPOINT says; BadInput when it says nothing."""
    at, _, rest = text.partition(":")
    number, _, how = rest.partition(":")
    if not at or not (number or "1").isdigit() or (how or "kill") not in HOWS:
        raise BadInput(
            "bad_failpoint",
            f"{text!r} is no failpoint",
            hint=f"POINT[:N[:HOW]]: {', '.join(KINDS)} or checkout.settle.before_commit; {', '.join(HOWS)}.",
        )
    return Faults(at, int(number or 1), how or "kill")  # type: ignore[arg-type]


def _ours(path: object) -> bool:
    """Not what Python writes for itself."""
    return isinstance(path, str | bytes | os.PathLike) and b"__pycache__" not in os.fsencode(path)
