"""Sending: take what is due, hand it over outside any transaction, record what became of it. At least once.

Killed in between, the lease of what was taken runs out, and the same letter goes out again under the same Message-ID.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from shopctl.core import outbox
from shopctl.core.db.tables import outbox as facts
from shopctl.core.domain.facts import LETTERS
from shopctl.core.errors import NotFound, ShopError, Unavailable
from shopctl.core.letters.compose import compose
from shopctl.core.letters.templates import Templates
from shopctl.core.outbox import Fact
from shopctl.core.ports import Undeliverable
from shopctl.core.queries import letters as reads
from shopctl.core.queries.letters import About
from shopctl.core.shop import Shop, retried

SECONDS = 25.0
"""After so long the rest of what was taken is given back, well before its lease runs out."""


@dataclass(slots=True)
class _Outcome:
    """What became of what was taken; what is in neither was not tried."""

    done: list[Fact] = field(default_factory=list)
    refused: list[tuple[Fact, Exception]] = field(default_factory=list)
    sent: int = 0


def send(shop: Shop, limit: int, problems: list[str] | None = None, tick: Callable[[], None] = lambda: None) -> int:
    """Send up to `limit` letters that are due, oldest first; how many. `tick` is called before each.

    Why others could not be sent is added to `problems`; they are tried again, or put aside when they never can be.
    """
    with shop.work("outbox.take", "letters") as tx:
        taken = outbox.take(tx, LETTERS, limit)
        if not taken:
            return 0
        about = reads.about(tx, [fact.subject for fact in taken])
        tx.commit()
    found = _Outcome()
    try:
        _hand_over(shop, taken, about, found, tick)
    finally:  # also when the worker is told to end: what was sent is sent
        _record(shop, taken, found)
    if problems is not None:
        problems += [_said(why) for _, why in found.refused]
    return found.sent


def _hand_over(
    shop: Shop, taken: Sequence[Fact], about: Mapping[str, About], found: _Outcome, tick: Callable[[], None]
) -> None:
    templates, until = Templates.of(shop.home), time.monotonic() + SECONDS
    with shop.notifier.session() as hand_over:
        for i, fact in enumerate(taken):
            tick()
            if time.monotonic() > until:
                return
            try:
                message = compose(shop.facts, fact, about[fact.subject], templates) if fact.subject in about else None
                if message is not None:
                    hand_over(message)
                    found.sent += 1
                found.done.append(fact)
            except Unavailable as away:  # nothing can be handed over now
                found.refused += [(left, away) for left in taken[i:]]
                return
            except (
                Exception
            ) as error:  # whatever is wrong with one letter must not keep back the others, or the command
                found.refused.append((fact, error))


def _record(shop: Shop, taken: Sequence[Fact], found: _Outcome) -> None:
    known = {fact.id for fact in (*found.done, *(fact for fact, _ in found.refused))}
    with shop.work("outbox.delivered", "letters") as tx:
        outbox.done(tx, found.done)
        outbox.release(tx, [fact for fact in taken if fact.id not in known])
        for fact, why in found.refused:
            for_good = isinstance(why, Undeliverable) and why.for_good
            outbox.failed(tx, fact, str(why) or type(why).__name__, for_good=for_good)
        tx.commit()


def _said(why: Exception) -> str:
    """For logs: what is not ours may quote the letter."""
    if isinstance(why, Undeliverable):
        return "the mail server refuses a recipient" if why.for_good else "the mail server puts a recipient off"
    return why.message if isinstance(why, ShopError) else type(why).__name__


@retried
def again(shop: Shop, *, fact_id: str) -> reads.Sent:
    """Send a letter once more, whatever became of it; it is due at once. NotFound(unknown_delivery)."""
    with shop.work("letters.again", fact_id) as tx:
        if not outbox.again(tx, fact_id):
            raise NotFound("unknown_delivery", f"There is no delivery or letter {fact_id!r}", id=fact_id)
        (found,) = reads.LIST.rows(tx, where=[facts.c.id == fact_id])
        tx.commit()
    return found
