"""Customers: one account per e-mail address; a guest gets one with the first order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa

from shopctl.core import outbox
from shopctl.core.db import engine as stores
from shopctl.core.db.tables import customer_addresses, customers
from shopctl.core.db.types import new_id
from shopctl.core.db.unit_of_work import UnitOfWork
from shopctl.core.domain import text
from shopctl.core.errors import BadInput, NotFound, Refused
from shopctl.core.queries.customers import addresses, customer_id
from shopctl.core.shop import Shop


def email_address(value: str) -> str:
    """The address as given, trimmed; BadInput when mail could not be sent there."""
    trimmed = value.strip()
    if not text.EMAIL.fullmatch(trimmed) or len(trimmed) > 254 or not trimmed.isprintable():
        raise BadInput("bad_email", f"{value!r} is not an e-mail address", value=value)
    return text.refuse_card_number(trimmed, "e-mail address")


def parse_address(data: object) -> dict[str, str]:
    """A validated address: name, line1, line2, city, region, postal_code, country. BadInput names the first bad part."""
    from pydantic import ValidationError

    from shopctl.core.domain.address import Address

    try:
        return Address.model_validate(data).model_dump()
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "address"
        raise BadInput(
            "bad_address",
            f"The address cannot be used: {where}: {first['msg']}",
            hint='An address is {"name","line1","line2","city","region","postal_code","country"}.',
            field=where,
        ) from None


# --- steps ---------------------------------------------------------------------------------------------------------
def ensure(tx: UnitOfWork, email: str, *, name: str | None = None, registered: bool = False) -> str:
    """The id of the account of an e-mail address, made when it is new."""
    folded = text.fold(email)
    statement = stores.insert_new(tx.connection, customers).values(
        id=new_id(),
        email=email,
        email_folded=folded,
        name=name,
        registered=registered,
        created_at=tx.now,
        updated_at=tx.now,
    )
    made = tx.execute(statement.on_conflict_do_nothing(index_elements=["email_folded"])).rowcount
    account = str(tx.execute(sa.select(customers.c.id).where(customers.c.email_folded == folded)).scalar_one())
    if made:
        outbox.add(tx, "customer.added", account, registered=registered)
    return account


def known(tx: UnitOfWork, emails: Iterable[str]) -> dict[str, str]:
    """The ids of those accounts that there are already, by folded e-mail address."""
    folded = sorted({text.fold(email) for email in emails})
    found = sa.select(customers.c.email_folded, customers.c.id).where(customers.c.email_folded.in_(folded))
    return {row.email_folded: row.id for row in tx.rows(found)}


def remember_address(tx: UnitOfWork, customer_id: str, address: Mapping[str, str]) -> None:
    """Keep an address with its customer, once."""
    statement = stores.insert_new(tx.connection, customer_addresses).values(
        id=new_id(), customer_id=customer_id, address=dict(address), created_at=tx.now
    )
    tx.execute(statement.on_conflict_do_nothing(index_elements=["customer_id", "address"]))


def address_by_id(tx: UnitOfWork, address_id: str) -> dict[str, str]:
    value = tx.execute(sa.select(customer_addresses.c.address).where(customer_addresses.c.id == address_id)).scalar()
    if value is None:
        raise NotFound("unknown_address", f"There is no address {address_id!r}")
    return dict(value)


# --- use cases -----------------------------------------------------------------------------------------------------
def add(shop: Shop, *, email: str, name: str | None = None) -> dict[str, Any]:
    """Open an account; a guest's account becomes a registered one."""
    address = email_address(email)
    if name is not None:
        try:
            text.refuse_card_number(text.storable(name), "name")
        except ValueError as error:
            raise BadInput("bad_name", f"The name {error}") from None
    with shop.work("customers.add", None) as tx:
        account = ensure(tx, address, name=name, registered=True)
        row = tx.rows(sa.select(customers).where(customers.c.id == account))[0]
        if row.registered and row.created_at != tx.now:
            raise Refused("customer_exists", f"{address} has an account already", email=address)
        tx.execute(
            sa.update(customers)
            .where(customers.c.id == account)
            .values(registered=True, name=name or row.name, updated_at=tx.now)
        )
        tx.commit()
    return {"id": account, "email": address, "name": name or row.name}


def add_address(shop: Shop, *, email: str, data: object) -> dict[str, str]:
    """Keep an address for later orders; the address with its id."""
    address = parse_address(data)
    with shop.work("customers.addresses.add") as tx:
        account = customer_id(tx, email)
        remember_address(tx, account, address)
        kept = next(found for found in addresses(tx, account) if found.items() >= address.items())
        tx.commit()
    return kept
