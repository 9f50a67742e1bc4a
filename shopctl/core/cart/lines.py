"""What is in a cart. Stock is held at checkout, or already here, by the shop's rule or the SKU's own (`hold_at`)."""

from __future__ import annotations

import sqlalchemy as sa

from shopctl.core import reservations
from shopctl.core.db import dialects
from shopctl.core.db.tables import MAX_QUANTITY, cart_lines
from shopctl.core.db.unit_of_work import Row, UnitOfWork
from shopctl.core.domain.money import Money
from shopctl.core.errors import BadInput, Refused
from shopctl.core.queries.catalog import find_variant
from shopctl.core.queries.stock import can_be_had
from shopctl.core.reservations import Owner

c = cart_lines.c
_DROPPED = sa.delete(cart_lines).where(c.cart_id == sa.bindparam("k_cart"))


def owner(cart: Row) -> Owner:
    """The cart as the owner of holds."""
    return Owner("cart", cart.id, f"cart {cart.handle}")


def put_line(tx: UnitOfWork, cart: Row, sku: str, quantity: int) -> None:
    """Make a line exactly `quantity`; holds follow the rule of the SKU or the shop."""
    if quantity > MAX_QUANTITY:
        raise BadInput("bad_quantity", f"{quantity} is more than a cart can hold", quantity=quantity)
    if quantity == 0:
        reservations.release_cart(tx, cart.id, sku)
        tx.execute(sa.delete(cart_lines).where(c.cart_id == cart.id, c.sku == sku))
        return
    variant = find_variant(tx, sku)
    if variant.status != "active":
        raise Refused("not_for_sale", f"{sku} is {variant.status} and cannot be bought", sku=sku, status=variant.status)
    reservations.release_cart(tx, cart.id, sku)  # an earlier hold, by whatever rule, makes room for what is wanted now
    if variant.tracked:
        _secure(tx, cart, sku, quantity, at_once=(variant.hold_at or tx.facts.hold_at) == "cart")
    statement = dialects.insert_new(tx.connection, cart_lines).values(
        cart_id=cart.id, sku=sku, quantity=quantity, seen_price=variant.price, added_at=tx.now
    )
    tx.execute(
        statement.on_conflict_do_update(
            index_elements=["cart_id", "sku"],
            set_={"quantity": statement.excluded.quantity, "seen_price": statement.excluded.seen_price},
        )
    )


def quantity_of(tx: UnitOfWork, cart_id: str, sku: str) -> int:
    found = sa.select(c.quantity).where(c.cart_id == cart_id, c.sku == sku)
    return int(tx.execute(found).scalar() or 0)


def move_lines(tx: UnitOfWork, source: Row, into: Row) -> list[str]:
    """Add one cart's lines to another's, as far as they can be bought; sentences about what is not as it was."""
    lines = tx.rows(sa.select(cart_lines).where(c.cart_id == source.id).order_by(c.added_at, c.sku))
    empty_out(tx, source.id)
    return [sentence for line in lines for sentence in _move_line(tx, line, into)]


def empty_out(tx: UnitOfWork, cart_id: str) -> None:
    """Take everything out and give back what was held."""
    reservations.release_cart(tx, cart_id)
    drop_lines(tx, cart_id)


def drop_lines(tx: UnitOfWork, cart_id: str) -> None:
    """The claimed lines were bought. (A claimed cart cannot have grown others.)"""
    tx.execute(_DROPPED, {"k_cart": cart_id})


# --- how it works --------------------------------------------------------------------------------------------------
def _move_line(tx: UnitOfWork, line: Row, into: Row) -> list[str]:
    sku, currency = line.sku, tx.facts.currency
    variant = find_variant(tx, sku)
    if variant.status != "active":
        return [f"{sku} is {variant.status} and was left out."]
    before = quantity_of(tx, into.id, sku)
    wanted = before + line.quantity
    possible = min(wanted, MAX_QUANTITY)
    if variant.tracked:
        possible = min(possible, max(before, can_be_had(tx, [sku], owner_id=into.id).get(sku, 0)))
    if possible > before:
        put_line(tx, into, sku, possible)
    said = [f"Only {possible} of {sku} are in the cart; {wanted} were wanted."] if possible < wanted else []
    if possible and line.seen_price != variant.price:
        said.append(
            f"The price of {sku} was {Money(line.seen_price, currency)} and is {Money(variant.price, currency)}."
        )
    return said


def _secure(tx: UnitOfWork, cart: Row, sku: str, quantity: int, *, at_once: bool) -> None:
    """Hold the units now, or make sure that they could be held."""
    if at_once:
        reservations.hold(tx, owner(cart), {sku: quantity}, origin="cart")
        return
    available = can_be_had(tx, [sku], owner_id=cart.id).get(sku, 0)
    if available < quantity:
        raise reservations.short({sku: quantity}, {sku: available})
