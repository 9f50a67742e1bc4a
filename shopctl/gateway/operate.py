"""The back office, for scripts: orders and stock over the same use cases as the commands of these names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from fastapi import Path
from fastapi.responses import Response
from pydantic import BaseModel, Field

from shopctl import core
from shopctl.core.queries import orders, stock
from shopctl.core.queries.orders import Order, OrderDetail
from shopctl.core.queries.stock import StockRow
from shopctl.gateway.accounts import ORDERS
from shopctl.gateway.answers import answer, documented, keyed
from shopctl.gateway.callers import Operator
from shopctl.gateway.models import Given
from shopctl.gateway.paging import Paged, Paginated, page

router = keyed("operate")
LEVELS = Paginated(stock.LIST, lambda row: (row.sku, row.warehouse), (str, str))
Sku = Annotated[str, Path(max_length=200)]
Units = Annotated[
    Mapping[str, Annotated[int, Field(ge=1)]] | None,
    Field(description="{SKU: QTY}; default: everything.", max_length=200),
]


class Parcel(BaseModel):
    """What is sent."""

    model_config = Given
    units: Units = None
    warehouse: str | None = None
    tracking: str | None = None


class Cancellation(BaseModel):
    """What is not to be sent."""

    model_config = Given
    units: Units = None


class Refund(BaseModel):
    """What goes back: an amount, or units that were shipped, or the shipping."""

    model_config = Given
    reason: str
    amount: str | None = Field(None, max_length=40)
    units: Units = None
    refund_shipping: bool = False
    restock: bool = False


class Adjustment(BaseModel):
    """A change of what is on hand: -2, 5."""

    model_config = Given
    sku: str
    quantity: int
    reason: str
    warehouse: str | None = None


@router.get("/operate/orders", **documented(Order, page=True))
def list_orders(caller: Operator, paged: Paged) -> Response:
    """Orders, the latest first."""
    return page(caller.shop, ORDERS, paged)


@router.get("/operate/orders/{number}", **documented(OrderDetail, 404))
def show_order(caller: Operator, number: str) -> Response:
    """An order with everything that happened to it."""
    with caller.shop.read() as tx:
        return answer(orders.detail(tx, number))


@router.post("/operate/orders/{number}/ship", **documented(Order, 202, 404, 409))
def ship(caller: Operator, number: str, wanted: Parcel) -> Response:
    """Send all that the order owes, or part of it."""
    how = {"warehouse": wanted.warehouse, "tracking": wanted.tracking}
    return answer(core.orders.ship(caller.shop, number=number, lines=wanted.units, **how))


@router.post("/operate/orders/{number}/cancel", **documented(Order, 202, 404, 409))
def cancel(caller: Operator, number: str, wanted: Cancellation) -> Response:
    """Cancel what is not shipped, all of it or some units: stock returns, money is refunded."""
    return answer(core.settlement.cancel(caller.shop, number=number, lines=wanted.units))


@router.post("/operate/orders/{number}/refund", **documented(Order, 202, 404, 409))
def refund(caller: Operator, number: str, wanted: Refund) -> Response:
    """Give money back; never more than was captured. Not to be repeated blindly: each is another refund."""
    return answer(
        core.orders.refund(
            caller.shop,
            number=number,
            reason=wanted.reason,
            amount=wanted.amount,
            lines=wanted.units,
            shipping=wanted.refund_shipping,
            restock=wanted.restock,
        )
    )


@router.get("/operate/stock", **documented(StockRow, page=True))
def levels(caller: Operator, paged: Paged) -> Response:
    """The levels, a row per SKU and warehouse."""
    return page(caller.shop, LEVELS, paged)


@router.post("/operate/adjustments", **documented(StockRow, 404, 409))
def adjust(caller: Operator, wanted: Adjustment) -> Response:
    """Correct what is on hand. Not to be repeated blindly: it changes it again."""
    return answer(core.stock.adjust(caller.shop, **wanted.model_dump()))


@router.get("/operate/stock/{sku:path}", **documented(StockRow, 404, many=True))
def level(caller: Operator, sku: Sku) -> Response:
    """Where a SKU lies, a row per warehouse."""
    with caller.shop.read() as tx:
        return answer(stock.show(tx, sku))
