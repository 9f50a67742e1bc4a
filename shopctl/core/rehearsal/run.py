"""The rehearsal: a crowd comes, a worker admits, shoppers buy or do not; in virtual time, until everyone has a final word.

Requests that come within a tick are answered together, as a gateway under load answers them. The admitter is a worker with a
lease: some of them are killed inside the transaction of a round, whose work is then rolled back, and whose lease must run out
before another takes over.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from random import Random
from typing import Any

import sqlalchemy as sa

from shopctl.core import sales, verify
from shopctl.core.db.tables import tickets
from shopctl.core.db.types import new_id
from shopctl.core.db.unit_of_work import UnitOfWork
from shopctl.core.domain import text
from shopctl.core.errors import Refused, ShopError
from shopctl.core.faults import Faults, Injected
from shopctl.core.queries import pools
from shopctl.core.queries import sales as sale_reads
from shopctl.core.queries import tickets as reads
from shopctl.core.queries.tickets import Ticket
from shopctl.core.rehearsal import crowd, report
from shopctl.core.rehearsal.clock import Clock
from shopctl.core.rehearsal.crowd import EARLY_MS, Shopper
from shopctl.core.rehearsal.report import Outside, Report
from shopctl.core.rehearsal.scratch import NAME, Scratch, furnish
from shopctl.core.sales import Joining, Terms
from shopctl.core.shop import Shop
from shopctl.core.workers import life
from shopctl.core.workers.jobs import ADMITTER

TICK, IDLE, ASKING = 100, 1000, 5000
"""Milliseconds: requests that are answered together; the pause of a worker with nothing to do; how often shoppers look."""
KILLS, KILLED_WITHIN = 3, 12
"""How many admitters are killed, and in which of the first rounds that have something to do."""
t = tickets.c

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """How many shoppers want one of how many units, drawn from which seed, on which terms."""

    shoppers: int = 100_000
    stock: int = 1000
    seed: int = 7
    terms: Terms = field(default_factory=Terms)


def run(shop: Shop, clock: Clock, scratch: Scratch, plan: Plan, *, progress: Progress) -> Report:
    """Run it in a scratch store that was opened with this clock."""
    starts = clock.began + timedelta(milliseconds=EARLY_MS)
    furnish(shop, scratch, replace(plan.terms, starts_at=starts))
    people = crowd.drawn(plan.seed, plan.shoppers)
    floor = _Floor(shop, clock, scratch.sku, people, Random(f"{plan.seed} admitters"), progress)
    floor.run()
    return report.count(shop, plan.shoppers, plan.stock, plan.seed, floor.outside())


def judged(shop: Shop, found: Report) -> Report:
    """The report with what it says of promises that were broken."""
    broken = [
        *([f"{found.oversold} units were oversold"] if found.oversold else []),
        *([] if found.first_come_first_served else ["somebody was passed over"]),
        *([f"{found.shoppers - found.answered} shoppers have no answer"] if found.answered != found.shoppers else []),
        *(violation.message for violation in verify.verify(shop).violations),
    ]
    return replace(found, broken=broken)


def must_stand(found: Report) -> None:
    """Refused(rehearsal_failed) when a promise was broken; shops keep them, so that is a defect, of the shop or of ours."""
    if broken := found.broken:
        more = f"; and {len(broken) - 1} more" if len(broken) > 1 else ""
        what = f"The rehearsal broke a promise: {broken[0]}{more}"
        raise Refused("rehearsal_failed", what, hint="The scratch store is kept: look at it.", broken=broken)


@dataclass
class _Floor:
    """Everybody who takes part."""

    shop: Shop
    clock: Clock
    sku: str
    people: Sequence[Shopper]
    random: Random
    progress: Progress
    ticks: int = 0
    coming: int = 0
    worker: str = field(default_factory=new_id)
    rounds: int = 0
    killed: int = 0
    limited: int = 0
    refused: dict[str, datetime] = field(default_factory=dict)  # address → when they heard
    told: dict[str, tuple[datetime, int]] = field(default_factory=dict)  # ticket → when, how many seconds

    def run(self) -> None:
        self._invite()
        self.doomed = sorted(self.random.sample(range(1, KILLED_WITHIN), KILLS))
        with self.shop.read() as tx:
            self.sale_id = sale_reads.row_by_name(tx, NAME).id
        self.home = address_in(self.shop.facts.country)
        self.by_email = {text.fold(one.email): one for one in self.people}
        while self.clock.step():
            pass

    def outside(self) -> Outside:
        """What no row of the store tells."""
        bots = sum(bool(one.asks) for one in self.people)
        with self.shop.read() as tx:
            have = {row.email_folded for row in tx.rows(sa.select(t.email_folded))}
        refused = {email: when for email, when in self.refused.items() if email not in have}
        last = max(refused.values(), default=None)
        return Outside(bots, self.limited, len(refused), last, self.killed, self.told)

    # --- joining ---------------------------------------------------------------------------------------------------
    def _invite(self) -> None:
        """The opening, the first round, and a tick for each time at which somebody comes."""
        ticks: dict[int, list[tuple[Shopper, int]]] = defaultdict(list)
        for one in self.people:
            for time, when in enumerate((one.comes, *one.asks)):
                ticks[when // TICK * TICK + TICK].append((one, time))
        self.clock.at(EARLY_MS, self._open)
        self.clock.at(EARLY_MS, self._round)
        self.clock.at(EARLY_MS + ASKING, self._ask)
        self.ticks = self.coming = len(ticks)
        for when in sorted(ticks):
            self.clock.at(when, partial(self._join, ticks[when]))

    def _open(self) -> None:
        sales.open_(self.shop, name=NAME)

    def _join(self, asking: Sequence[tuple[Shopper, int]]) -> None:
        self.coming -= 1
        wanted = [Joining(one.spelling(time)) for one, time in asking]
        for (one, time), answer in zip(asking, sales.join_all(self.shop, sale=NAME, wanted=wanted), strict=True):
            if isinstance(answer, Ticket):
                self._has(one, time, answer)
            elif answer.code == "rate_limited":
                self._told_later(one, time, answer)
            else:
                self.refused.setdefault(text.fold(one.email), self.clock())
        self.progress(max(0, self.ticks - self.coming), self.ticks)

    def _has(self, one: Shopper, time: int, ticket: Ticket) -> None:
        if ticket.wait_seconds is not None:
            self.told.setdefault(ticket.ticket, (self.clock(), ticket.wait_seconds))
        if one.patience is not None and not time:
            self.clock.after(one.patience, partial(self._leave, ticket.ticket))

    def _told_later(self, one: Shopper, time: int, why: ShopError) -> None:
        """Who would not ask again by themselves comes when they were told to."""
        self.limited += 1
        if time == len(one.asks):
            self.coming += 1
            self.clock.after(1000 * int(str(why.details["retry_after"])), partial(self._join, [(one, time)]))

    def _leave(self, ticket: str) -> None:
        with suppress(ShopError):  # it was their turn meanwhile, and that is over, too
            sales.leave(self.shop, ticket=ticket)

    # --- waiting ---------------------------------------------------------------------------------------------------
    def _ask(self) -> None:
        """Who waits not far from the head, and was told no time yet, looks again."""
        with self.shop.read() as tx:
            sale = sale_reads.row_by_name(tx, NAME)
            if sale.status != "open" or sale.sold_out_at is not None:
                return
            near = tx.rows(self._in("waiting").limit(_NEAR))
            waiting = [row.email_folded for row in near if row.id not in self.told]
            for place in reads.of_sale(tx, sale.id, waiting).values():
                if place.wait_seconds is not None:
                    self.told[place.ticket] = (self.clock(), place.wait_seconds)
        self.clock.after(ASKING, self._ask)

    # --- admitting -------------------------------------------------------------------------------------------------
    def _round(self) -> None:
        """What a worker does: it takes the turn, does a round, and gives the turn back. One that could do nothing is left out."""
        with self.shop.read() as tx:
            over, idle = self._is_over(tx), self._is_idle(tx)
        if over:
            sales.close(self.shop, name=NAME)
            return
        did = not idle and life.take_turn(self.shop, self.worker, "flash sales", ADMITTER) and self._admitted()
        self.clock.after(TICK if did else IDLE, self._round)

    def _is_over(self, tx: UnitOfWork) -> bool:
        """Nobody is to come, nobody waits, and nobody has a turn."""
        return not self.coming and not any(tx.row(self._in(state).limit(1)) for state in ("waiting", "admitted"))

    def _is_idle(self, tx: UnitOfWork) -> bool:
        """Nobody can be let in, nobody's time is over, and nobody is to be told that it is sold out."""
        pool = pools.of_sku(tx, self.sku)
        if tx.row(self._in("admitted").where(t.hold_until <= tx.now).limit(1)):
            return False
        waits = tx.row(self._in("waiting").limit(1)) is not None
        return not waits if pool.free else bool(pool.held) or NAME not in sale_reads.due(tx)

    def _admitted(self) -> bool:
        """Whether the round did anything. A worker that is killed at it gives nothing back, and a new one comes."""
        self.rounds += 1
        doomed = self.doomed and self.rounds >= self.doomed[0]
        struck = Faults("sales.admit.before_commit", how="raise") if doomed else None
        try:
            done = sales.run_all(self.shop.but(faults=struck))
        except Injected:
            self.worker, self.killed = new_id(), self.killed + 1
            del self.doomed[0]
            return False
        life.end_turn(self.shop, self.worker, "flash sales")
        if any(one.admitted for one in done):
            self._call()
        return any(one.count for one in done)

    def _call(self) -> None:
        """Those whose turn has come now think, and act."""
        now = (
            sa.select(t.id, t.email_folded).where(t.state == "admitted", t.admitted_at == self.clock()).order_by(t.seq)
        )
        with self.shop.read() as tx:
            called = tx.rows(now)
        for row in called:
            one = self.by_email[row.email_folded]
            for nth, card in enumerate(one.cards, 1):
                self.clock.after(nth * one.thinks, partial(self._buy, row.id, card))

    def _in(self, state: str) -> sa.Select[Any]:
        """The tickets in a state, in their order."""
        mine = (t.sale_id == self.sale_id, t.state == state, t.sku == self.sku)
        return sa.select(t.id, t.email_folded).where(*mine).order_by(t.seq)

    def _buy(self, ticket: str, card: str) -> None:
        with suppress(Refused):  # the card is declined, or the turn is over
            sales.buy(self.shop, ticket=ticket, address=self.home, token=card)


def address_in(country: str) -> Mapping[str, str]:
    """Where everybody lives."""
    return {**_HOME, "country": country}


_NEAR = 2000
_HOME = {"name": "Shopper", "line1": "1 Road", "line2": "", "city": "Town", "region": "", "postal_code": "10115"}
