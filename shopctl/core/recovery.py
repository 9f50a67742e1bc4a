"""What a dead process left behind is finished, by asking the gateway with the stored keys. Owns no table.

May itself be killed at any line and run again, by any number of processes at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from shopctl.core import orders, payments, process, settlement
from shopctl.core.db.unit_of_work import Row
from shopctl.core.errors import ShopError
from shopctl.core.queries.orders import row_by_number
from shopctl.core.shop import Shop

PATIENCE_SECONDS = 60
"""How long an unfinished order of another machine is left alone."""


@dataclass(frozen=True, slots=True)
class Recovered:
    """What `recover` did with one order; not `ok` when it must be tried again."""

    number: str
    status: str
    action: str
    ok: bool = True


def recover(shop: Shop, *, doubtful: timedelta | None = None) -> list[Recovered]:
    """Finish every order and refund that a dead process left behind, by asking the gateway with the stored key.

    Orders whose process still lives are left to it. One that cannot be finished says why, and keeps none of the others.
    Payments that were given up are asked about again; with `doubtful` only those of so long.
    """
    with shop.read() as tx:
        waiting = [
            (order, payments.of_order(tx, order.id), (tx.now - order.updated_at).total_seconds())
            for order in orders.unfinished(tx)
        ]
        voided = payments.doubtful(tx, since=tx.now - doubtful if doubtful else None)
    results = [_finish(shop, order, payment, age) for order, payment, age in waiting]
    if not shop.dry_run:
        results += [found for payment in voided for found in _late_money(shop, payment)]
        results += _captures(shop)
    with shop.read() as tx:
        owed = orders.going_back(tx)
    by_order = {refund.order_id: str(refund.number) for refund in owed}
    return results + [_refund(shop, order_id, number) for order_id, number in by_order.items()]


def _captures(shop: Shop) -> list[Recovered]:
    """Captures that were asked for by processes that died: what they were for is shipped by whoever comes to ship it."""
    with shop.read() as tx:
        asked = [action for action in payments.pending_actions(tx) if action.verb == "capture"]
    undone = {action.id: why for action, why in payments.finish_actions(shop)} if asked else {}
    results = []
    for action in asked:
        why = undone.get(action.id)
        done = f"the gateway refused a capture: {why}" if why else "its capture is finished"
        silent = action.id in undone and why is None
        results.append(
            Recovered(str(action.number), "confirmed", "the gateway does not answer" if silent else done, ok=not silent)
        )
    return results


def _late_money(shop: Shop, payment: Row) -> list[Recovered]:
    """A given-up payment that was charged after all, by a process that hung and died: settling it refunds it."""
    try:
        outcome = payments.look_up(shop, payment)
        if outcome.charge is None or outcome.charge.status not in ("authorized", "captured"):
            return []
        settled = settlement.settle(shop, order_id=payment.order_id, outcome=outcome)
    except ShopError as error:
        return [Recovered(str(payment.number), "cancelled", error.message, ok=False)]
    return [Recovered(settled.number, settled.status, "its late payment is refunded")]


def _refund(shop: Shop, order_id: str, number: str) -> Recovered:
    with shop.read() as tx:
        status = row_by_number(tx, number).status
    if shop.dry_run:
        return Recovered(number, status, "would ask for its refund again")
    try:
        orders.money_back(shop, order_id)
    except ShopError as error:
        return Recovered(number, status, error.message, ok=False)
    return Recovered(number, status, "its refund or void is finished")


def _finish(shop: Shop, order: Row, payment: Row | None, age: float) -> Recovered:
    alive = process.is_alive(order.process)
    if order.process != process.name() and (alive or (alive is None and age < PATIENCE_SECONDS)):
        return Recovered(str(order.number), order.status, "left to its own process")
    if shop.dry_run:
        return Recovered(str(order.number), order.status, "would ask the gateway")
    try:
        settled = settlement.settle_by_asking(shop, order.id, payment)
    except ShopError as error:
        return Recovered(str(order.number), order.status, error.message, ok=False)
    if settled.status == "pending":
        with shop.read() as tx:
            waits = payments.of_order(tx, order.id)
        if waits and waits.state == "requires_action":
            return Recovered(settled.number, settled.status, "waits for its shopper to confirm the payment")
        return Recovered(settled.number, settled.status, "the gateway does not answer", ok=False)
    return Recovered(settled.number, settled.status, "finished as the gateway says")
