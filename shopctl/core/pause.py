"""Pausing: no new checkout begins, while everything else goes on; also the checkouts that have begun, to their end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shopctl.core import outbox, settings
from shopctl.core.errors import BadInput, Refused
from shopctl.core.queries import pause as reads
from shopctl.core.queries.pause import Pause
from shopctl.core.shop import Shop, retried

LONGEST_REASON = 200


@dataclass(frozen=True, slots=True)
class Paused:
    """Whether checkouts may begin now. `changed` is false when it was so already."""

    paused: bool
    reason: str | None
    since: datetime | None
    changed: bool


@retried
def pause(shop: Shop, *, reason: str) -> Paused:
    """Refuse new checkouts with this reason. A shop that is paused stays so since then; another reason takes the place of
    the first.
    """
    said = reason.strip()
    if not 1 <= len(said) <= LONGEST_REASON or not said.isprintable():
        raise BadInput("bad_reason", f"A reason has 1 to {LONGEST_REASON} visible characters", hint="--reason TEXT")
    with shop.work("store.pause") as tx:
        found = reads.find(tx)
        changed = found is None or found.reason != said
        since = found.since if found else tx.now
        if changed:
            settings.put(tx, reads.KEY, {"reason": said, "since": since.isoformat(), "actor": tx.actor})
            outbox.add(tx, "shop.paused", tx.facts.id, reason=said)
            tx.commit()
    return Paused(True, said, since, changed)


@retried
def resume(shop: Shop) -> Paused:
    """Let checkouts begin again."""
    with shop.work("store.resume") as tx:
        found = reads.find(tx)
        if found is not None:
            settings.remove(tx, reads.KEY)
            outbox.add(tx, "shop.resumed", tx.facts.id)
            tx.commit()
    return Paused(False, None, None, found is not None)


def check(kept: Mapping[str, Any] | None) -> None:
    """Refused(shop_paused) when a pause is kept."""
    if found := reads.of_kept(kept):
        raise refused(found)


def refused(found: Pause) -> Refused:
    return Refused(
        "shop_paused",
        f"The shop takes no new orders since {found.since:%Y-%m-%d %H:%M} UTC: {found.reason}",
        hint="The cart stays as it is. `shopctl store resume` ends the pause.",
        reason=found.reason,
        since=found.since,
    )
