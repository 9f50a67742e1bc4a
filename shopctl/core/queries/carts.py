"""Reads of carts: the lines, with the live price and availability of each, and what changed since it was added."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from shopctl.core.db import types
from shopctl.core.db.tables import cart_lines, carts, customers, products, reservations, variants
from shopctl.core.db.unit_of_work import Row, UnitOfWork
from shopctl.core.domain import text
from shopctl.core.domain.money import Money
from shopctl.core.errors import NotFound
from shopctl.core.ports import CartStamp, HotCart
from shopctl.core.queries import near, pause
from shopctl.core.queries.customers import customer_id
from shopctl.core.queries.listing import Listing
from shopctl.core.queries.stock import can_be_had


@dataclass(frozen=True, slots=True)
class CartLine:
    """`available` counts the cart's own holds in and is None for what is not tracked; `changes` are sentences."""

    sku: str
    product_name: str
    options: Mapping[str, str]
    quantity: int
    unit_price: Money
    total_price: Money
    available: int | None
    changes: Sequence[str]


@dataclass(frozen=True, slots=True)
class CartView:
    cart: str
    id: str
    customer: str | None
    lines: Sequence[CartLine]
    subtotal: Money
    currency: str
    in_checkout: bool
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class MergedCart(CartView):
    """A cart after another joined it; `changes` says what is not as it was."""

    changes: Sequence[str]


@dataclass(frozen=True, slots=True)
class CartSummary:
    """A cart as a line of their list. `merged_into` is the handle of the cart that took its lines."""

    cart: str
    id: str
    state: str
    customer: str | None
    lines: int
    units: int
    in_checkout: bool
    updated_at: datetime
    expires_at: datetime
    merged_into: str | None


_OF_VARIANT = (
    products.c.title,
    products.c.status,
    variants.c.options,
    variants.c.price,
    variants.c.weight_grams,
    variants.c.taxable,
    variants.c.requires_shipping,
    variants.c.tracked,
    variants.c.hold_at,
)
_VARIANTS = (
    sa.select(variants.c.sku, *_OF_VARIANT)
    .join(products, products.c.id == variants.c.product_id)
    .where(variants.c.sku.in_(sa.bindparam("skus", expanding=True)))
)
LINES = (
    sa.select(
        cart_lines.c.sku,
        cart_lines.c.quantity,
        cart_lines.c.seen_price,
        cart_lines.c.agreed_price,
        *(column for column in _OF_VARIANT if column is not variants.c.price),
        sa.func.coalesce(cart_lines.c.agreed_price, variants.c.price).label("price"),
    )
    .join(variants, variants.c.sku == cart_lines.c.sku)
    .join(products, products.c.id == variants.c.product_id)
    .where(cart_lines.c.cart_id == sa.bindparam("cart_id"))
    .order_by(cart_lines.c.added_at, cart_lines.c.sku)
)
# Conditions of partial indexes are written out: given as parameters, SQLite would plan the statement anew each time.
_OPEN = carts.c.state == sa.literal_column("'open'")
_HELD = reservations.c.state == sa.literal_column("'held'")
_OF_CART = (carts.c.id, carts.c.handle, carts.c.version, carts.c.customer_id, carts.c.claimed_by, carts.c.expires_at)
_holds = sa.exists().where(reservations.c.owner_id == carts.c.id, reservations.c.owner_kind == "cart", _HELD)
_BASKET = (
    sa.select(
        *_OF_CART,
        customers.c.email,
        sa.type_coerce(_holds, types.Flag()).label("holds"),
        pause.KEPT.label("paused"),
        *LINES.selected_columns,
    )
    .outerjoin(customers, customers.c.id == carts.c.customer_id)
    .outerjoin(cart_lines, cart_lines.c.cart_id == carts.c.id)
    .outerjoin(variants, variants.c.sku == cart_lines.c.sku)
    .outerjoin(products, products.c.id == variants.c.product_id)
    .where(_OPEN)
    .order_by(cart_lines.c.added_at, cart_lines.c.sku)
)
_BASKET_BY_HANDLE = _BASKET.where(carts.c.handle_folded == sa.bindparam("folded"))
_BASKET_BY_ID = _BASKET.where(carts.c.id == sa.bindparam("cart_id"))
_BY_HANDLE = sa.select(carts).where(
    carts.c.handle_folded == sa.bindparam("folded"),
    _OPEN,
    carts.c.ticket_id.is_(None),  # a turn at a sale stays as it is
)
_BY_CUSTOMER = sa.select(carts).where(carts.c.customer_id == sa.bindparam("customer"), _OPEN)
_signpost = carts.alias()
_BY_SIGNPOST = (
    sa.select(carts)
    .join(_signpost, _signpost.c.merged_into == carts.c.id)
    .where(_signpost.c.handle_folded == sa.bindparam("folded"), _signpost.c.state == "merged")
    .order_by(_signpost.c.updated_at.desc(), _signpost.c.id.desc())
    .limit(1)
)


def open_cart(tx: UnitOfWork, name: str) -> Row | None:
    """The open cart of a name, however old: by its handle, by that of a device logged in to it, or by its customer's
    e-mail address.
    """
    folded = {"folded": text.fold(name)}
    if is_address(name):
        found = tx.execute(sa.select(customers.c.id).where(customers.c.email_folded == folded["folded"])).scalar()
        return cart_of(tx, found) if found else None
    cart = tx.row(_BY_HANDLE, folded)
    if cart is not None:
        return cart
    led_to = tx.row(_BY_SIGNPOST, folded)  # the latest merge counts: an older one may have been another customer's
    return led_to if led_to is not None and led_to.state == "open" and led_to.customer_id else None


def owner(tx: UnitOfWork, name: str) -> str | None:
    """Whose the open cart of a name is, the id of their account; None for a guest's, and where there is none."""
    cart = open_cart(tx, name)
    return cart.customer_id if cart else None


def basket(tx: UnitOfWork, name: str) -> Sequence[Row]:
    """The open cart of a name, however old, with its owner's e-mail address, whether it holds units, what is kept of a pause
    of the shop, and its lines as LINES has them: a row for each line, one without a SKU for an empty cart, none where there
    is no cart.
    """
    rows = [] if is_address(name) else tx.rows(_BASKET_BY_HANDLE, {"folded": text.fold(name)})
    if rows:
        return rows
    cart = open_cart(tx, name)
    return [] if cart is None else tx.rows(_BASKET_BY_ID, {"cart_id": cart.id})


def cart_of(tx: UnitOfWork, customer: str) -> Row | None:
    """A customer's open cart, however old."""
    return tx.row(_BY_CUSTOMER, {"customer": customer})


def is_address(name: str) -> bool:
    """Whether a cart is named by its customer's e-mail address; no handle has an @."""
    return "@" in text.fold(name)


def owner_email(tx: UnitOfWork, cart: Row) -> str | None:
    """The e-mail address of a cart's customer; None for a guest's."""
    found = sa.select(customers.c.email).where(customers.c.id == cart.customer_id)
    return tx.execute(found).scalar() if cart.customer_id else None


def show(tx: UnitOfWork, name: str, copy: HotCart | None = None) -> CartView:
    """One cart, or NotFound(unknown_cart); an expired one is not there any more. `copy`: a hot copy that may be ahead."""
    cart = open_cart(tx, name)
    ahead = copy if cart and copy and copy.is_ahead(stamp(cart)) else None
    if cart is None or _until(tx, cart, ahead) <= tx.now:
        raise unknown_cart(tx, name)
    return view(tx, cart, ahead)


def stamp(cart: Row) -> CartStamp:
    """What a hot copy must continue. A version that was not written from one names none."""
    if cart.hot_version != cart.version:
        return CartStamp(cart.version)
    return CartStamp(cart.version, cart.hot_id, cart.hot_revision)


def unknown_cart(tx: UnitOfWork, name: str) -> NotFound:
    alive = (carts.c.state == "open", carts.c.expires_at > tx.now)
    hint = None if is_address(name) else near.hint(tx, carts.c.handle_folded, text.fold(name), *alive)
    return NotFound("unknown_cart", f"There is no open cart {name!r}", hint=hint, cart=name)


def view(tx: UnitOfWork, cart: Row, copy: HotCart | None = None) -> CartView:
    """The cart with what the database says of its lines; `copy`: its hot copy, whose lines count instead of its own."""
    currency = tx.facts.currency
    content = _content(tx, cart, copy)
    units = can_be_had(tx, [row.sku for row, *_ in content], owner_id=cart.id) if content else {}
    return CartView(
        cart=cart.handle,
        id=cart.id,
        customer=owner_email(tx, cart),
        lines=[_line(*line, units.get(line[0].sku, 0), currency) for line in content],
        subtotal=Money(sum(row.price * quantity for row, quantity, _ in content), currency),
        currency=currency,
        in_checkout=cart.claimed_by is not None,
        expires_at=_until(tx, cart, copy),
    )


def _content(tx: UnitOfWork, cart: Row, copy: HotCart | None) -> list[tuple[Row, int, int]]:
    """What the database says of each SKU in the cart, the quantity, and the price seen."""
    if copy is None:
        return [(row, row.quantity, row.seen_price) for row in tx.rows(LINES, {"cart_id": cart.id})]
    known = {row.sku: row for row in tx.rows(_VARIANTS, {"skus": [line.sku for line in copy.lines]})}
    return [(known[line.sku], line.quantity, line.seen_price) for line in copy.lines if line.sku in known]


def _until(tx: UnitOfWork, cart: Row, copy: HotCart | None) -> datetime:
    return copy.updated_at + tx.facts.cart_ttl if copy else cart.expires_at


def _line(row: Row, quantity: int, seen_price: int, units: int, currency: str) -> CartLine:
    changes = []
    if row.price != seen_price:
        changes.append(f"the price was {Money(seen_price, currency)} and is {Money(row.price, currency)}")
    if row.status != "active":
        changes.append(f"the product is {row.status} and cannot be bought")
    if row.tracked and units < quantity:
        changes.append(f"only {units} can be had")
    return CartLine(
        sku=row.sku,
        product_name=row.title,
        options=row.options,
        quantity=quantity,
        unit_price=Money(row.price, currency),
        total_price=Money(row.price * quantity, currency),
        available=units if row.tracked else None,
        changes=changes,
    )


def _summaries(_: UnitOfWork, rows: Sequence[Row]) -> list[CartSummary]:
    return [
        CartSummary(
            cart=row.handle,
            id=row.id,
            state=row.state,
            customer=row.email,
            lines=row.lines,
            units=int(row.units),
            in_checkout=row.in_checkout,
            updated_at=row.updated_at,
            expires_at=row.expires_at,
            merged_into=row.merged_into,
        )
        for row in rows
    ]


def which(tx: UnitOfWork, *, state: str | None = None, email: str | None = None) -> list[sa.ColumnElement[bool]]:
    """Conditions for a list of carts: a state, a customer (NotFound when there is no such customer)."""
    conditions: list[sa.ColumnElement[bool]] = [] if state is None else [carts.c.state == state]
    if email is not None:
        conditions.append(carts.c.customer_id == customer_id(tx, email))
    return conditions


_into = carts.alias()
_in_checkout = sa.type_coerce(carts.c.claimed_by.is_not(None), types.Flag())
_lines = sa.select(sa.func.count()).where(cart_lines.c.cart_id == carts.c.id).scalar_subquery()
_units = (
    sa.select(sa.func.coalesce(sa.func.sum(cart_lines.c.quantity), 0))
    .where(cart_lines.c.cart_id == carts.c.id)
    .scalar_subquery()
)
LIST: Listing[CartSummary] = Listing(
    sa.select(
        carts.c.handle,
        carts.c.id,
        carts.c.state,
        customers.c.email,
        _lines.label("lines"),
        _units.label("units"),
        _in_checkout.label("in_checkout"),
        carts.c.updated_at,
        carts.c.expires_at,
        _into.c.handle.label("merged_into"),
    )
    .outerjoin(customers, customers.c.id == carts.c.customer_id)
    .outerjoin(_into, _into.c.id == carts.c.merged_into),
    {
        "cart": carts.c.handle,
        "state": carts.c.state,
        "customer": customers.c.email,
        "lines": _lines,
        "units": _units,
        "in_checkout": _in_checkout,
        "updated_at": carts.c.updated_at,
        "expires_at": carts.c.expires_at,
        "merged_into": _into.c.handle,
    },
    ("cart", "customer"),
    (carts.c.updated_at.desc(), carts.c.id.desc()),
    _summaries,
)
