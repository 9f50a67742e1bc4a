"""Customers: one account per e-mail address; a guest gets one with the first order. The only writer of accounts and addresses.

The audit log and events name an account by its id: an e-mail address there could not be erased.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from shopctl.core import outbox
from shopctl.core.db import dialects
from shopctl.core.db import engine as stores
from shopctl.core.db.tables import customer_addresses, customers
from shopctl.core.db.types import new_id
from shopctl.core.db.unit_of_work import Row, UnitOfWork
from shopctl.core.domain import text
from shopctl.core.errors import BadInput, Refused
from shopctl.core.queries.customers import ERASED, addresses, customer_id, unknown_address
from shopctl.core.shop import Shop, retried

c, a = customers.c, customer_addresses.c
_BY_EMAIL = sa.select(c.id).where(c.email_folded == sa.bindparam("folded"))


@dataclass(frozen=True, slots=True)
class Account:
    """An account after it was changed."""

    id: str
    email: str
    name: str | None


def email_address(value: str) -> str:
    """The address as given, trimmed; BadInput when mail could not be sent there."""
    trimmed = value.strip()
    if not text.EMAIL.fullmatch(trimmed) or len(trimmed) > 254 or not trimmed.isprintable():
        raise BadInput("bad_email", f"{value!r} is not an e-mail address", value=value)
    return text.refuse_card_number(trimmed, "e-mail address")


def checked_name(name: str | None) -> str | None:
    """The name as it is kept; "" is none. BadInput when it cannot be."""
    try:
        return text.refuse_card_number(text.storable(name.strip()), "name") or None if name is not None else None
    except ValueError as error:
        raise BadInput("bad_name", f"The name {error}") from None


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
    new = {"email": email, "email_folded": folded, "name": name, "registered": registered}
    insert = dialects.insert_once(tx.connection, customers, "email_folded")
    made = tx.row(insert, {"id": new_id(), **new, "created_at": tx.now, "updated_at": tx.now})
    if made is None:
        return str(tx.execute(_BY_EMAIL, {"folded": folded}).scalar_one())
    account = str(made.id)
    outbox.add(tx, "customer.added", account, registered=registered)
    return account


def register(tx: UnitOfWork, email: str, *, name: str | None = None) -> str:
    """The id of the account of an e-mail address, a registered one from now on, and ours until the transaction ends."""
    account = ensure(tx, email, registered=True)
    if not _locked(tx, account).registered:
        _change(tx, account, registered=True)
    if name is not None:
        tx.execute(sa.update(customers).where(c.id == account).values(name=name))
    return account


def known(tx: UnitOfWork, emails: Iterable[str]) -> dict[str, str]:
    """The ids of those accounts that there are already, by folded e-mail address."""
    folded = sorted({text.fold(email) for email in emails})
    found = sa.select(customers.c.email_folded, customers.c.id).where(customers.c.email_folded.in_(folded))
    return {row.email_folded: row.id for row in tx.rows(found)}


def remember_address(tx: UnitOfWork, customer_id: str, address: Mapping[str, str]) -> None:
    """Keep an address with its customer, once."""
    insert = dialects.insert_once(tx.connection, customer_addresses, "customer_id", "address")
    tx.execute(insert, {"id": new_id(), "customer_id": customer_id, "address": dict(address), "created_at": tx.now})


def address_by_id(tx: UnitOfWork, address_id: str) -> dict[str, str]:
    value = tx.execute(sa.select(a.address).where(a.id == address_id)).scalar()
    if value is None:
        raise unknown_address(address_id)
    return dict(value)


def forget(tx: UnitOfWork, account: str) -> str:
    """Erase an account: what is left is a number without a person; the address that stands for theirs from now on."""
    placeholder = f"{account}{ERASED}"
    tx.execute(sa.delete(customer_addresses).where(a.customer_id == account))
    nobody = {"email": placeholder, "email_folded": placeholder, "name": None, "registered": False}
    tx.execute(sa.update(customers).where(c.id == account).values(**nobody, erased_at=tx.now, updated_at=tx.now))
    outbox.add(tx, "customer.erased", account)
    return placeholder


# --- use cases -----------------------------------------------------------------------------------------------------
@retried
def add(shop: Shop, *, email: str, name: str | None = None, places: Sequence[object] = ()) -> Account:
    """Open an account, with addresses (`places`) if there are; a guest's account becomes a registered one."""
    address, called = email_address(email), checked_name(name)
    kept = [parse_address(_without_id(place)) for place in places]
    with shop.work("customers.add") as tx:
        stores.one_at_a_time(tx.connection, "customers")
        if tx.execute(sa.select(c.registered).where(c.email_folded == text.fold(address))).scalar():
            raise _exists(address)
        account = tx.target = register(tx, address, name=called)
        for place in kept:
            remember_address(tx, account, place)
        row = _locked(tx, account)
        tx.commit()
    return Account(account, row.email, row.name)


@retried
def edit(shop: Shop, *, email: str, name: str | None = None, new_email: str | None = None) -> Account:
    """Rename a customer ("" takes the name away), or give them another e-mail address. Orders stay as they were placed."""
    if name is None and new_email is None:
        raise BadInput("nothing_to_change", "Name what to change", hint="--name NAME or --new-email E")
    address = None if new_email is None else email_address(new_email)
    called = checked_name(name)
    with shop.work("customers.edit") as tx:
        stores.one_at_a_time(tx.connection, "customers")
        account = tx.target = customer_id(tx, email)
        row = _locked(tx, account)
        if address is not None:
            twin = tx.execute(sa.select(c.id).where(c.email_folded == text.fold(address), c.id != account)).scalar()
            if twin is not None:
                raise _exists(address)
        changed = Account(account, address or row.email, row.name if name is None else called)
        _change(tx, account, email=changed.email, email_folded=text.fold(changed.email), name=changed.name)
        tx.commit()
    return changed


@retried
def add_address(shop: Shop, *, email: str, data: object) -> dict[str, str]:
    """Keep an address for later orders; the address with its id."""
    address = parse_address(data)
    with shop.work("customers.addresses.add") as tx:
        account = tx.target = customer_id(tx, email)
        remember_address(tx, account, address)
        kept = next(found for found in addresses(tx, account) if found.items() >= address.items())
        _change(tx, account)
        tx.commit()
    return kept


@retried
def edit_address(shop: Shop, *, email: str, address_id: str, data: object) -> dict[str, str]:
    """Put another address in the place of one; orders already placed keep theirs. The address with its id."""
    address = parse_address(_without_id(data))
    with shop.work("customers.addresses.edit") as tx:
        account = tx.target = customer_id(tx, email)
        _own_address(tx, account, address_id)
        if any(found["id"] != address_id and found.items() >= address.items() for found in addresses(tx, account)):
            raise Refused("address_exists", "The customer has this address already", hint="Remove the other one.")
        tx.execute(sa.update(customer_addresses).where(a.id == address_id).values(address=address))
        _change(tx, account)
        tx.commit()
    return {"id": address_id, **address}


@retried
def remove_address(shop: Shop, *, email: str, address_id: str) -> dict[str, str]:
    """Forget an address; the address that it was."""
    with shop.work("customers.addresses.remove") as tx:
        account = tx.target = customer_id(tx, email)
        gone = _own_address(tx, account, address_id)
        tx.execute(sa.delete(customer_addresses).where(a.id == address_id))
        _change(tx, account)
        tx.commit()
    return gone


# --- how it works --------------------------------------------------------------------------------------------------
def _locked(tx: UnitOfWork, account: str) -> Row:
    return tx.rows(sa.select(customers).where(c.id == account).with_for_update())[0]


def _change(tx: UnitOfWork, account: str, **values: object) -> None:
    """Touch an account, and tell that it has changed."""
    tx.execute(sa.update(customers).where(c.id == account).values(**values, updated_at=tx.now))
    outbox.add(tx, "customer.changed", account)


def _own_address(tx: UnitOfWork, account: str, address_id: str) -> dict[str, str]:
    for found in addresses(tx, account):
        if found["id"] == address_id:
            return found
    raise unknown_address(address_id)


def _without_id(data: object) -> object:
    """An address as `addresses list` shows it, as it was given."""
    return {key: value for key, value in data.items() if key != "id"} if isinstance(data, Mapping) else data


def _exists(email: str) -> Refused:
    return Refused("customer_exists", f"{email} has an account already", email=email)
