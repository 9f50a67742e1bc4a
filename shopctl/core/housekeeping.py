"""What keeps a shop tidy. Without a worker, a command indexes and delivers its own changes after it, bounded.

Whatever does not get done here waits in the outbox for the next command, or for a worker; nothing is lost and nothing
depends on it.
"""

from __future__ import annotations

from collections.abc import Callable

from shopctl.core import cart, letters, outbox, sales, search, settings, webhooks
from shopctl.core.domain.facts import LETTERS
from shopctl.core.errors import ShopError
from shopctl.core.queries import due, workers
from shopctl.core.shop import Shop, retried

BATCH = 100


def after_command(shop: Shop) -> None:
    """Without a worker: deliver and index a bounded number of waiting facts, persist hot carts. Never fails the command
    that it follows."""
    try:
        with shop.read() as tx:
            if workers.any_alive(tx):
                return
            waiting, told = due.topics(tx), due.webhooks(tx)
        if shop.carts.used:
            cart.persist(shop, limit=BATCH)
        if not waiting.isdisjoint(LETTERS):
            letters.send(shop, BATCH)
        if told:
            webhooks.tell(shop, BATCH)
        if outbox.CATALOG_CHANGED in waiting:
            notices: list[str] = []
            search.catch_up(shop, notices)
            for notice in notices:
                shop.narrate(notice)
    except ShopError as error:
        shop.narrate(f"Left for later: {error.message}")


def while_serving(shop: Shop) -> None:
    """What a server does now and then: a round of each sale that has something to do, also beside workers, of which nobody knows
    at once that they have died; and without one what a command does after it."""
    try:
        sales.run_all(shop)
    except ShopError as error:
        shop.narrate(f"Left for later: {error.message}")
    after_command(shop)


def index_all(shop: Shop, progress: Callable[[int, int], None]) -> None:
    """After an import: index everything that waits, unless a worker lives. Never fails what it follows."""
    try:
        with shop.read() as tx:
            left_to_worker = workers.any_alive(tx)
        if left_to_worker:
            shop.narrate("A worker brings it into the search index.")
        else:
            search.index_all(shop, progress)
    except ShopError as error:
        shop.narrate(f"Left for later: {error.message}")


@retried
def revive(shop: Shop) -> int:
    """Give what was put aside as undeliverable another round of tries; how many facts."""
    with shop.work("outbox.revive") as tx:
        count = outbox.revive(tx)
        tx.commit()
    return count


def forget_events(shop: Shop, *, batch: int = 5000, tick: Callable[[], None] = lambda: None) -> int:
    """Remove the facts that are older than the shop keeps them (`events_days`) and delivered, in batches; how many.

    `tick` is called after each batch.
    """
    total = 0
    while True:
        with shop.work("outbox.prune") as tx:
            before = tx.now - tx.facts.events_ttl
            webhooks.prune(tx, before, batch)
            count = outbox.prune(tx, before, batch)
            kept_since = settings.marked(tx, "events_kept_since")  # verify does not miss facts from before
            if count and (kept_since is None or kept_since < before):
                settings.put(tx, "events_kept_since", before.isoformat())
            tx.commit()
        total += count
        if count < batch or shop.dry_run:
            return total
        tick()
