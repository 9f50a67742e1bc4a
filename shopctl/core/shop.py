"""Shop: the one handle given to every use case."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, NoReturn, ParamSpec, TypeVar

import sqlalchemy as sa

from shopctl.core.db.engine import Clock, Patience, pauses
from shopctl.core.db.failures import BrokenOff
from shopctl.core.db.types import new_id
from shopctl.core.db.unit_of_work import Group, UnitOfWork
from shopctl.core.domain.facts import Facts
from shopctl.core.errors import NotPermitted
from shopctl.core.faults import Faults
from shopctl.core.gathering import Closed, Gathering
from shopctl.core.log import Effort, Log
from shopctl.core.ports import Gateway, HotCarts, Notifier, Poster, RateLimiter, SearchIndex

Narrator = Callable[[str], None]
Unit = Callable[[Group | None], Any]
"""A unit of work that is done in a group, or by itself."""
P = ParamSpec("P")
T = TypeVar("T")


RETRY_SECONDS = 10.0


class Apart(Exception):
    """Of a unit of work that was to share a commit nothing is true: do it alone."""


def retried(use_case: Callable[Concatenate[Shop, P], T]) -> Callable[Concatenate[Shop, P], T]:
    """A use case that is ONE unit of work and calls nobody outside: when the store breaks it off, nothing of it is true,
    and it is tried again, for a bounded time. Inside a group the group is what is tried again; in a shop that shares its
    commits (sharing.py) it is done with those of other threads.
    """

    @wraps(use_case)
    def persistent(shop: Shop, /, *args: P.args, **kwargs: P.kwargs) -> T:
        if shop.group is not None:
            return use_case(shop, *args, **kwargs)
        if shop.shared is not None:
            try:
                done: T = shop.shared.ask(lambda group: use_case(shop.inside(group), *args, **kwargs)).result()
            except Apart:
                shop.effort.retries += 1
            except Closed:
                pass  # what has begun is ended, also while the process ends
            else:
                return done
            shop = shop.but(shared=None)
        for pause in pauses(RETRY_SECONDS):
            try:
                return use_case(shop, *args, **kwargs)
            except BrokenOff:
                shop.effort.retries += 1
                time.sleep(pause)
        return use_case(shop, *args, **kwargs)

    return persistent


class _OutOfReach:
    """Stands for whoever is outside while a transaction is open: calling them then is a defect."""

    def __getattr__(self, name: str) -> NoReturn:
        raise AssertionError(f"{name}: nobody outside is called while a transaction is open")


@dataclass(frozen=True, slots=True)
class Together:
    """See `Shop.together`."""

    shop: Shop
    commit: Callable[[], None]


@dataclass(frozen=True)
class Shop:
    """A store with everything a use case needs around it. `faults` are a test store's only."""

    engine: sa.Engine
    facts: Facts
    home: Path
    gateway: Gateway  # of new payments
    index: SearchIndex
    notifier: Notifier
    poster: Poster
    carts: HotCarts
    limiter: RateLimiter
    clock: Clock
    actor: str
    request_id: str
    other_gateways: Sequence[Gateway] = ()  # older payments were made with
    read_only: bool = False
    dry_run: bool = False
    faults: Faults | None = None
    narrate: Narrator = lambda _: None
    group: Group | None = None
    shared: Gathering[Unit, Any] | None = None
    effort: Effort = field(default_factory=Effort)
    log: Log = field(default_factory=Log)

    def work(self, action: str, target: str | None = None) -> UnitOfWork:
        """A writing unit of work. `action` is what the audit log says and what a role must allow."""
        self.must_write(action)
        return self._unit(action, target)

    def read(self, patience: Patience | None = None) -> UnitOfWork:
        """A reading unit of work: one snapshot, no lock; given up when `patience` is out."""
        return self._unit(None, None, patience)

    def _unit(self, action: str | None, target: str | None, patience: Patience | None = None) -> UnitOfWork:
        return UnitOfWork(
            engine=self.engine,
            facts=self.facts,
            actor=self.actor,
            request_id=self.request_id,
            clock=self.clock,
            action=action,
            target=target,
            dry_run=self.dry_run,
            patience=patience,
            group=self.group,
            note=self.effort.note,
            faults=self.faults,
        )

    @contextmanager
    def together(self) -> Iterator[Together]:
        """A shop whose units of work share one transaction, durable at `commit()`. For use cases that call nobody outside."""
        self.must_write("a change")
        with Group(self.engine, self.faults) as group:
            yield Together(self.inside(group), group.commit)

    def inside(self, group: Group | None) -> Shop:
        """This shop in a transaction that others share, out of reach of everybody outside; without one, it shares nothing."""
        if group is None:
            return self.but(shared=None)
        away = _OutOfReach()
        carts = away if self.carts.kept else self.carts
        outside = {"gateway": away, "notifier": away, "poster": away, "limiter": away, "carts": carts}
        return self.but(group=group, other_gateways=(), **outside)

    @contextmanager
    def request(self, command: str) -> Iterator[Shop]:
        """This shop for a request of its own: another id, and a line in the log."""
        mine = self.but(request_id=new_id(), effort=Effort())
        with self.log.request(command, mine.request_id, mine.effort):
            yield mine

    def must_write(self, action: str) -> None:
        """Refuse what a shop that is open read-only must not do; also before a gateway is asked for anything."""
        if self.read_only:
            raise NotPermitted("read_only", f"This shop is open read-only: {action} is not possible")

    def but(self, **changes: object) -> Shop:
        """The same shop in other circumstances."""
        return replace(self, **changes)  # type: ignore[arg-type]
