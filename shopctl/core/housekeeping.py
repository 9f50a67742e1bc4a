"""What keeps a shop tidy. Without a worker, a command indexes and delivers its own changes after it, bounded.

Whatever does not get done here waits in the outbox for the next command, or for a worker; nothing is lost and nothing
depends on it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from shopctl.core import cart, outbox, search, settings
from shopctl.core.db.tables import orders
from shopctl.core.db.unit_of_work import UnitOfWork
from shopctl.core.errors import ShopError
from shopctl.core.outbox import Fact
from shopctl.core.ports import Message
from shopctl.core.queries import due, workers
from shopctl.core.queries.orders import ORDERS, Order, of_rows
from shopctl.core.shop import Shop, retried

BATCH = 100


def after_command(shop: Shop) -> None:
    """Without a worker: deliver and index a bounded number of waiting facts, persist hot carts. Never fails the command
    that it follows."""
    try:
        with shop.read() as tx:
            if workers.any_alive(tx):
                return
            waiting = due.topics(tx)
        if shop.carts.used:
            cart.persist(shop, limit=BATCH)
        if outbox.ORDER_CONFIRMED in waiting:
            confirm(shop, BATCH)
        if outbox.CATALOG_CHANGED in waiting:
            notices: list[str] = []
            search.catch_up(shop, notices)
            for notice in notices:
                shop.narrate(notice)
    except ShopError as error:
        shop.narrate(f"Left for later: {error.message}")


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


def confirm(shop: Shop, limit: int, problems: list[str] | None = None) -> int:
    """Send the confirmations of orders that wait for one; how many. At least once, under a stable message id.

    Why others could not be sent is added to `problems`; they are tried again.
    """
    with shop.work("outbox.take", outbox.ORDER_CONFIRMED) as tx:
        taken = outbox.take(tx, outbox.ORDER_CONFIRMED, limit)
        letters = _letters(shop, tx, taken)
        tx.commit()
    sent: list[Fact] = []
    refused: list[tuple[Fact, Exception]] = []
    for fact in taken:
        try:
            shop.notifier.send(letters[fact.subject])
            sent.append(fact)
        except Exception as error:  # whatever is wrong with one letter must not keep back the others, or the command
            refused.append((fact, error))
    if taken:
        with shop.work("outbox.delivered", outbox.ORDER_CONFIRMED) as tx:
            outbox.done(tx, sent)
            for fact, why in refused:
                outbox.failed(tx, fact, str(why) or type(why).__name__)
            tx.commit()
    if problems is not None:  # whatever it is that is not ours may quote the letter
        problems += [why.message if isinstance(why, ShopError) else type(why).__name__ for _, why in refused]
    return len(sent)


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
            count = outbox.prune(tx, before, batch)
            kept_since = settings.marked(tx, "events_kept_since")  # verify does not miss facts from before
            if count and (kept_since is None or kept_since < before):
                settings.put(tx, "events_kept_since", before.isoformat())
            tx.commit()
        total += count
        if count < batch or shop.dry_run:
            return total
        tick()


def _letters(shop: Shop, tx: UnitOfWork, taken: Sequence[Fact]) -> dict[str, Message]:
    ids = [fact.subject for fact in taken]
    rows = tx.rows(ORDERS.where(orders.c.id.in_(ids)))
    return {order.id: _confirmation(shop, order) for order in of_rows(tx, rows)}


def _confirmation(shop: Shop, order: Order) -> Message:
    lines = [f"{line.quantity} × {line.product_name} ({line.sku})  {line.total_price}" for line in order.lines]
    added = [("Subtotal", order.subtotal), ("Shipping", order.shipping), ("Tax", order.tax), ("Total", order.total)]
    address = [part for part in order.shipping_address.values() if part]
    text = "\n".join(
        [
            f"Thank you for your order {order.number}.",
            "",
            *lines,
            "",
            *(f"{name}: {amount} {order.currency}" for name, amount in added),
            "",
            "It goes to:",
            *address,
            "",
            shop.facts.name,
        ]
    )
    return Message(
        id=f"order-{order.id}-confirmed",
        sender=shop.facts.email_sender,
        recipient=order.email,
        subject=f"{shop.facts.name}: order {order.number} is confirmed",
        text=text,
    )
