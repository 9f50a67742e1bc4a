"""What becomes of an authorization: captured, in parts if need be, or let go. Each under a key of its own."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from shopctl.core.db.tables import orders, payment_actions, payments
from shopctl.core.db.types import new_id
from shopctl.core.db.unit_of_work import Row, UnitOfWork
from shopctl.core.domain import lifecycle
from shopctl.core.domain.lifecycle import UNASKED
from shopctl.core.domain.money import Money
from shopctl.core.errors import Refused, StillPending
from shopctl.core.payments.asking import act, still_open
from shopctl.core.payments.record import attempted, locked, tell
from shopctl.core.ports import Rejected
from shopctl.core.shop import Shop, retried

a, p = payment_actions.c, payments.c
_PENDING = (
    sa.select(
        payment_actions,
        p.reference,
        p.gateway,
        p.gateway_key.label("payment_key"),
        p.created_at.label("payment_made_at"),
        p.captured.label("captured_before"),
        orders.c.number,
    )
    .join(payments, p.id == a.payment_id)
    .join(orders, orders.c.id == a.order_id)
    .where(a.state == "pending")
    .order_by(a.created_at, a.id)
)


# --- steps ---------------------------------------------------------------------------------------------------------
def let_go(tx: UnitOfWork, payment: Row) -> bool:
    """Write that what is still authorized is to be let go; False when there is nothing, or it is written already."""
    if payment.state not in ("authorized", "requires_action") or payment.gateway in UNASKED:
        return False
    if pending_actions(tx, payment.order_id):
        return False
    _write(tx, payment, "void", int(payment.amount), final=True)
    return True


def let_rest_go(tx: UnitOfWork, payment: Row) -> None:
    """Nothing more will be captured: an authorization is let go, and what is left of one captured in part lapses by itself."""
    if payment.state == "captured":
        tx.execute(sa.update(payments).where(p.id == payment.id, p.open > 0).values(open=0, updated_at=tx.now))
    else:
        let_go(tx, payment)


def pending_actions(tx: UnitOfWork, order_id: str | None = None) -> list[Row]:
    """What the gateway has not confirmed yet, oldest first."""
    return list(tx.rows(_PENDING if order_id is None else _PENDING.where(a.order_id == order_id)))


def _write(tx: UnitOfWork, payment: Row, verb: str, amount: int, *, final: bool) -> None:
    row = {"id": new_id(), "payment_id": payment.id, "order_id": payment.order_id, "verb": verb, "amount": amount}
    row |= {"gateway_key": f"{verb}-{row['id']}", "final": final, "currency": payment.currency, "state": "pending"}
    tx.insert(payment_actions, [{**row, "created_at": tx.now, "updated_at": tx.now}])


# --- use cases -----------------------------------------------------------------------------------------------------
def capture_up_to(shop: Shop, *, order_id: str, amount: int, final: bool) -> None:
    """See to it that `amount` (minor units) of the order's payment is captured; `final` lets the rest of it go.

    An unfinished capture is finished first. Errors: capture_failed; StillPending when the gateway does not answer: repeat it.
    """
    _must_be_done(finish_actions(shop, order_id=order_id))
    if _opened(shop, order_id, amount, final):
        _must_be_done(finish_actions(shop, order_id=order_id))


@retried
def _opened(shop: Shop, order_id: str, amount: int, final: bool) -> bool:
    """Whether there is something to ask for, now that it is written."""
    with shop.work("payments.capture", order_id) as tx:
        found = tx.row(sa.select(p.id).where(p.order_id == order_id, p.open > 0))
        payment = locked(tx, found.id) if found else None
        if payment is None or (amount <= payment.captured and not (final and payment.captured)):
            return False
        tx.target = str(payment.number)
        if pending := pending_actions(tx, order_id):
            raise _unresolved(pending[0])
        missing = max(0, amount - payment.captured)
        if missing > payment.open:
            raise Refused(
                "capture_failed",
                f"Only {Money(payment.open, payment.currency)} {payment.currency} of order {payment.number} is authorized",
                number=str(payment.number),
            )
        if missing == 0:
            let_rest_go(tx, payment)
        else:
            _write(tx, payment, "capture", missing, final=final)
        tx.commit()
        return bool(missing > 0)


def finish_actions(shop: Shop, *, order_id: str | None = None) -> list[tuple[Row, Rejected | None]]:
    """Ask the gateway for everything that is written and not confirmed; what is still not done, and why: refused for good, or
    (None) without an answer."""
    with shop.read() as tx:
        waiting = pending_actions(tx, order_id)
    undone: list[tuple[Row, Rejected | None]] = []
    for action in waiting:
        try:
            charge = act(shop, action)
        except Rejected as rejected:
            left = still_open(shop, action)
            if left is not None:
                _failed(shop, action, rejected, left)
            undone.append((action, None if left is None else rejected))
            continue
        if charge is None:
            undone.append((action, None))
        else:
            _done(shop, action)
    return undone


def _must_be_done(undone: Sequence[tuple[Row, Rejected | None]]) -> None:
    for action, why in undone:
        if why is None:
            raise _unresolved(action)
        raise Refused(
            "capture_failed",
            f"The gateway does not {action.verb} the payment of order {action.number}: {why}",
            hint="The authorization may have lapsed: `shopctl payments show` says until when it was good.",
            number=str(action.number),
            gateway_code=why.code,
        )


def _unresolved(action: Row) -> StillPending:
    return StillPending(
        "capture_unresolved",
        f"The gateway does not answer about the payment of order {action.number}",
        hint="Repeat the command, or run `shopctl store recover`.",
        order=str(action.number),
    )


@retried
def _done(shop: Shop, action: Row) -> None:
    """Record the confirmation of an action; a second one records nothing new."""
    with shop.work(f"payments.{action.verb}", str(action.number)) as tx:
        payment = locked(tx, action.payment_id)
        # who was killed in between finds a void recorded already: the gateway was asked about its charge
        if _resolved(tx, action, "succeeded", None) and (action.verb, payment.state) != ("void", "voided"):
            verb = "capture" if action.verb == "capture" else "void"
            state = lifecycle.step(lifecycle.PAYMENT, payment.state, verb, "The payment")
            captured = int(payment.captured) + (int(action.amount) if verb == "capture" else 0)
            left = 0 if action.final else int(payment.amount) - captured
            tx.execute(
                sa.update(payments)
                .where(p.id == payment.id)
                .values(state=state, captured=captured, open=left, updated_at=tx.now)
            )
            attempted(tx, payment.id, verb, state)
            tell(tx, state, payment.id, action)
        tx.commit()


@retried
def _failed(shop: Shop, action: Row, why: Rejected, left: int) -> None:
    """The gateway will not do it: mostly because what was authorized is not there any more. `left` of it still is."""
    with shop.work(f"payments.{action.verb}_failed", str(action.number)) as tx:
        payment = locked(tx, action.payment_id)
        if _resolved(tx, action, "failed", f"{why.code}: {why}"):
            tx.execute(sa.update(payments).where(p.id == payment.id).values(open=left, updated_at=tx.now))
            attempted(tx, payment.id, action.verb, "rejected")
            tell(tx, f"{action.verb}_failed", payment.id, action)
        tx.commit()


def _resolved(tx: UnitOfWork, action: Row, state: str, problem: str | None) -> bool:
    """Whether this is the first to say what became of an action."""
    resolved = (
        sa.update(payment_actions)
        .where(a.id == action.id, a.state == "pending")
        .values(state=state, problem=problem, updated_at=tx.now)
    )
    return bool(tx.execute(resolved).rowcount)
