"""What comes next for goods that come back: they are expected, they arrive, they are sold again or written off."""

from __future__ import annotations

from collections.abc import Callable

from shopctl.core.queries.orders import Order, OrderDetail
from shopctl.core.queries.returns import Return
from shopctl.tui import deeds
from shopctl.tui.deeds import Deed
from shopctl.tui.screens import dialogs
from shopctl.tui.screens.dialogs import Field, Plan, Typed

Step = tuple[Plan, Callable[[Typed], Deed]]


def first(order: Order) -> Step:
    """The customer wants to send units back."""
    plan = Plan(
        f"Return of order {order.number}",
        f"{order.email} sends units back. When they arrive, the same key on the order's page goes on.",
        "Expect it",
        (
            Field("lines", "Lines (TEE=1 CAP=2)", check=dialogs.some_units),
            Field("reason", "Reason", check=dialogs.needed),
        ),
    )
    return plan, lambda typed: deeds.bring_back(order.number, typed["lines"], typed["reason"])


def following(order: OrderDetail) -> Step:
    """What the oldest return that is not resolved waits for; without one, a first step."""
    waiting = next((one for one in order.returns if one.state in ("requested", "received")), None)
    if waiting is None:
        return first(order)
    return _arrival(waiting) if waiting.state == "requested" else _resolution(order, waiting)


def _arrival(back: Return) -> Step:
    plan = Plan(f"Return {back.number} is here", f"{_units(back)}: {back.reason}", "They are here")
    return plan, lambda _: deeds.take_in(back.number)


def _resolution(order: Order, back: Return) -> Step:
    plan = Plan(
        f"Resolve return {back.number}",
        f"{_units(back)} of {order.email}: what is not written off goes back into the stock.",
        "Resolve",
        (
            Field("write_off", "Write off (optional)", check=dialogs.optional_units_of),
            Field("refund", "Refund? yes, no", "yes", check=dialogs.yes_or_no),
            Field("number", f"Type {back.number}", exactly=back.number),
        ),
        severe=True,
        leave="Leave it",
    )
    return plan, lambda typed: deeds.resolve(back.number, typed["write_off"], refund=typed["refund"].strip() == "yes")


def _units(back: Return) -> str:
    return ", ".join(f"{line.quantity} {line.sku}" for line in back.lines)
