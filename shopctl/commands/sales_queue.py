"""The queue of a flash sale: tickets, and buying one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from shopctl import core
from shopctl.commands.addresses import SHIP_TO, address_of
from shopctl.commands.face import face, whole
from shopctl.core.errors import BadInput

Ticket = Annotated[str, typer.Argument(metavar="TICKET", help="The ticket, or - to read rows from stdin.")]
Address = Annotated[str | None, SHIP_TO]
Payment = Annotated[str | None, typer.Option(metavar="TOKEN", help="From the gateway, never a card number.")]
Agree = Annotated[str | None, typer.Option(metavar="PRICE", help="What the shopper agrees to pay for one.")]


def join(
    ctx: typer.Context,
    sale: Annotated[str, typer.Argument(metavar="SALE", help="The sale's name, or - to read rows from stdin.")],
    email: Annotated[str | None, typer.Option(help="The shopper's; one ticket each, however it is written.")] = None,
    sku: Annotated[str | None, typer.Option(help="Of a sale with several.")] = None,
    quantity: Annotated[int, typer.Option(metavar="N", help="Units, up to the sale's limit.")] = 1,
    ship_to: Address = None,
    payment: Payment = None,
    agree: Agree = None,
) -> None:
    """Take a ticket; with an address and a payment token it can be bought with one word. Who comes again keeps their place.

    Rows of -: {"sale", "email", "sku"?, "quantity"?, "ship_to"?: {…} or an address id, "payment"?, "agree"?}.
    """
    row = {"sale": sale, "email": email, "sku": sku, "quantity": quantity}
    row |= {"ship_to": ship_to, "payment": payment, "agree": agree}
    if sale != "-" and email is None:
        raise BadInput("usage", "Missing option '--email'")
    face(ctx).each(sale, ("sale", "email"), _join, row, alone=True)  # the limiter is asked first


def _join(shop: Any, row: Mapping[str, Any]) -> object:
    wanted = core.sales.Joining(
        email=row["email"],
        sku=row.get("sku"),
        quantity=whole(row.get("quantity", 1), "quantity"),
        address=address_of(shop, row["ship_to"]) if row.get("ship_to") else None,
        token=row.get("payment"),
        agreed=_text(row.get("agree")),
    )
    return core.sales.join(shop, sale=row["sale"], wanted=wanted)


def position(ctx: typer.Context, ticket: Annotated[str, typer.Argument(metavar="TICKET")]) -> None:
    """Where a ticket is: how many are before it, how long it may take, whether there is a chance, what is wrong with it."""
    face(ctx).show(lambda tx: core.queries.tickets.position(tx, ticket))


def leave(ctx: typer.Context, ticket: Ticket) -> None:
    """Wait no more, or give a turn back to the next. Rows of -: {"ticket"}."""
    face(ctx).each(
        ticket, ("ticket",), lambda shop, row: core.sales.leave(shop, ticket=row["ticket"]), {"ticket": ticket}
    )


def tickets(ctx: typer.Context, sale: Annotated[str, typer.Argument(metavar="SALE")]) -> None:
    """The queue of a sale in its order. Filters: state:waiting sku:TEE problem:price_changed email:ana@."""
    reads = core.queries.tickets
    columns = ("number", "email", "sku", "quantity", "state", "problem", "order", "joined_at", "ticket")
    face(ctx).listed(reads.LIST, columns, where=lambda tx: reads.of(tx, sale))


def buy(
    ctx: typer.Context,
    ticket: Ticket,
    ship_to: Address = None,
    payment: Payment = None,
    shipping_method: Annotated[
        str | None, typer.Option("--shipping-method", metavar="METHOD", help="Default: the cheapest that fits.")
    ] = None,
    agree: Agree = None,
) -> None:
    """Buy the units whose turn it is, with what was registered or what is said here; once, however often it is repeated.

    Rows of -: {"ticket", "ship_to"?: {…} or an address id, "payment"?, "shipping"?, "agree"?}.
    """
    row = {"ticket": ticket, "ship_to": ship_to, "payment": payment, "shipping": shipping_method, "agree": agree}
    face(ctx).each(ticket, ("ticket",), _buy, row, alone=True)


def _buy(shop: Any, row: Mapping[str, Any]) -> object:
    return core.sales.buy(
        shop,
        ticket=row["ticket"],
        address=address_of(shop, row["ship_to"]) if row.get("ship_to") else None,
        token=row.get("payment"),
        method=row.get("shipping"),
        agreed=_text(row.get("agree")),
    )


def _text(value: object) -> str | None:
    return None if value is None else str(value)
