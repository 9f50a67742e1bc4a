"""Reads of customers: accounts, their addresses, what they bought."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from shopctl.core.db.tables import customer_addresses, customers, orders
from shopctl.core.db.unit_of_work import Row, UnitOfWork
from shopctl.core.domain import text
from shopctl.core.domain.lifecycle import PAID_ORDERS
from shopctl.core.domain.money import Money
from shopctl.core.errors import NotFound
from shopctl.core.queries.listing import Listing
from shopctl.core.queries.owed import OWED

ERASED = "@erased.invalid"
"""How the address ends that stands for a customer who is erased. RFC 2606: no mail ever goes there."""


@dataclass(frozen=True, slots=True)
class Customer:
    """`spent` is what orders that were not cancelled cost, less what of it was credited."""

    email: str
    id: str
    name: str | None
    registered: bool
    orders: int
    spent: Money
    currency: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class CustomerDetail(Customer):
    addresses: Sequence[Mapping[str, str]]


_kept = orders.c.status.in_(PAID_ORDERS)
_count = sa.select(sa.func.count()).where(orders.c.customer_id == customers.c.id).scalar_subquery()
_spent = (
    sa.select(sa.func.coalesce(sa.func.sum(OWED), 0))
    .where(orders.c.customer_id == customers.c.id, _kept)
    .scalar_subquery()
)


def _build(tx: UnitOfWork, rows: Sequence[Row]) -> list[Customer]:
    currency = tx.facts.currency
    return [
        Customer(
            row.email,
            row.id,
            row.name,
            row.registered,
            row.orders,
            Money(int(row.spent), currency),
            currency,
            row.created_at,
        )
        for row in rows
    ]


LIST: Listing[Customer] = Listing(
    sa.select(customers, _count.label("orders"), _spent.label("spent")).where(customers.c.erased_at.is_(None)),
    {
        "email": customers.c.email,
        "name": customers.c.name,
        "registered": customers.c.registered,
        "created_at": customers.c.created_at,
        "orders": _count,
        "spent": _spent,
    },
    ("email", "name"),
    (customers.c.created_at.desc(), customers.c.id.desc()),
    _build,
)


def is_customer(tx: UnitOfWork, email: str) -> bool:
    """Whether there is an account."""
    return _account(tx, email) is not None


def _account(tx: UnitOfWork, email: str) -> str | None:
    named = (customers.c.email_folded == text.fold(email), customers.c.erased_at.is_(None))
    found = tx.execute(sa.select(customers.c.id).where(*named)).scalar()
    return None if found is None else str(found)


def customer_id(tx: UnitOfWork, email: str) -> str:
    """The id of an account, or NotFound(unknown_customer)."""
    found = _account(tx, email)
    if found is None:
        raise NotFound("unknown_customer", f"There is no customer {email!r}", email=email)
    return found


def show(tx: UnitOfWork, email: str) -> CustomerDetail:
    """One account with its addresses, or NotFound(unknown_customer)."""
    customer = LIST.rows(tx, where=[customers.c.id == customer_id(tx, email)])[0]
    facts: dict[str, Any] = {name: getattr(customer, name) for name in Customer.__slots__}
    return CustomerDetail(**facts, addresses=addresses(tx, customer.id))


def addresses(tx: UnitOfWork, customer_id: str) -> list[dict[str, str]]:
    """A customer's addresses with their ids, newest first."""
    a = customer_addresses.c
    found = tx.rows(
        sa.select(a.id, a.address).where(a.customer_id == customer_id).order_by(a.created_at.desc(), a.id.desc())
    )
    return [{"id": row.id, **row.address} for row in found]


def unknown_address(address_id: str) -> NotFound:
    return NotFound("unknown_address", f"There is no address {address_id!r}", address=address_id)
