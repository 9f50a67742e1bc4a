"""Rounds: look what is due, do it, say what was done. Whatever fails is tried again later, and ends nothing."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields
from datetime import datetime

from shopctl.core import settings
from shopctl.core.db.types import new_id
from shopctl.core.errors import ShopError
from shopctl.core.log import Effort
from shopctl.core.shop import Shop
from shopctl.core.workers import life
from shopctl.core.workers.jobs import JOBS, Job

BEAT_SECONDS = 10.0
LONGEST_PAUSE = 60.0
"""Seconds between two tries of what fails."""


@dataclass(frozen=True, slots=True)
class Round:
    """What a worker did: how much of each job, and what is wrong with others. `request_id` is in the audit log, too."""

    at: datetime
    worker: str
    request_id: str
    ms: int
    done: Mapping[str, int]
    problems: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Planned:
    """A job, and whether there is anything for it to do."""

    job: str
    due: bool


def plan(shop: Shop) -> Sequence[Planned]:
    """What a worker would do now."""
    with shop.read() as tx:
        return [Planned(job.name, job.is_due(shop, tx)) for job in JOBS]


class _Stopped(Exception):
    """The worker is to end, in the middle of a long job."""


@dataclass(slots=True)
class _Pace:
    """When something may be tried (again), by the monotonic clock."""

    next: float = 0
    failures: int = 0

    def succeeded(self, every: float) -> None:
        self.failures, self.next = 0, time.monotonic() + every

    def failed(self) -> None:
        """Twice as late each time, and not when others try again."""
        self.failures += 1
        longest = min(2.0 ** min(self.failures, 10), LONGEST_PAUSE)
        self.next = time.monotonic() + random.uniform(longest / 2, longest)

    @property
    def is_time(self) -> bool:
        return time.monotonic() >= self.next


@dataclass(slots=True)
class Rounds:
    """One worker. `stopped` is asked between units of work, `wait` lets time pass."""

    shop: Shop
    stopped: Callable[[], bool]
    wait: Callable[[float], None]
    every: float = 1.0
    jobs: Sequence[Job] = JOBS
    id: str = field(default_factory=new_id)
    _paces: dict[str, _Pace] = field(default_factory=dict)
    _store: _Pace = field(default_factory=_Pace)
    _beaten: float = 0

    def once(self) -> Round:
        """Do everything that is due now."""
        try:
            self._beat(life.IDLE)
            return self._round()
        finally:
            self._leave()

    def go_on(self) -> Generator[Round, None, None]:
        """Round after round, those that did something or could not; until it is stopped."""
        try:
            while not self.stopped():
                done = self._survived()
                if done.done or done.problems:
                    yield done
                if not done.done:
                    self.wait(self.every)
        finally:
            self._leave()

    def _survived(self) -> Round:
        """A round; while the store is away none, and that is told."""
        if not self._store.is_time:
            return Round(self.shop.clock(), self.id, self.shop.request_id, 0, {}, {})
        try:
            self._beat(life.IDLE)
            found = self._round()
        except Exception as error:
            self._store.failed()
            return Round(self.shop.clock(), self.id, self.shop.request_id, 0, {}, {"store": _said(error)})
        self._store.succeeded(0)
        return found

    def _round(self) -> Round:
        started = time.monotonic()
        facts = settings.load(self.shop.engine)
        shop = self.shop = self.shop.but(request_id=new_id(), facts=facts, effort=Effort())
        done: dict[str, int] = {}
        problems: dict[str, str] = {}
        with shop.read() as tx:
            at, due = tx.now, [job for job in self.jobs if self._pace(job).is_time and job.is_due(shop, tx)]
        for job in due:
            if self.stopped():
                break
            try:
                if count := self._do(shop, job):
                    done[job.name] = count
            except _Stopped:
                break
            except (
                Exception
            ) as error:  # whatever is wrong with one job must not end the worker, or keep back the others
                self._pace(job).failed()
                problems[job.name] = _said(error)
            else:
                self._pace(job).succeeded(job.every(shop.facts))
        found = Round(at, self.id, shop.request_id, round(1000 * (time.monotonic() - started)), done, problems)
        if done or problems:
            said = {field.name: getattr(found, field.name) for field in fields(found) if field.name != "at"}
            shop.log.write(command="store worker", **said, retries=shop.effort.retries)
        return found

    def _do(self, shop: Shop, job: Job) -> int:
        if not job.shared and not life.take_turn(shop, self.id, job.name, job.lease):
            return 0
        try:
            return job.run(shop, lambda: self._tick(job.name))
        finally:
            if not job.shared:
                with suppress(ShopError):  # the turn ends by itself when this worker is not heard of
                    life.end_turn(shop, self.id, job.name)

    def _tick(self, doing: str) -> None:
        if self.stopped():
            raise _Stopped
        self._beat(doing)

    def _beat(self, doing: str) -> None:
        if time.monotonic() - self._beaten >= BEAT_SECONDS:
            life.beat(self.shop, self.id, doing)
            self._beaten = time.monotonic()

    def _leave(self) -> None:
        with suppress(ShopError):  # the store is away: the heartbeat gets stale
            life.leave(self.shop, self.id)

    def _pace(self, job: Job) -> _Pace:
        return self._paces.setdefault(job.name, _Pace())


def _said(error: Exception) -> str:
    """What is wrong; of what is not ours only its name, for it may quote data."""
    return error.message if isinstance(error, ShopError) else type(error).__name__
