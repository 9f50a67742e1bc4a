"""Customers: changed, moved out and in, told what is known, forgotten."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import sqlalchemy as sa

from shopctl.core import cart, customers, erasure, orders, sales, settlement, verify
from shopctl.core import letters as post
from shopctl.core.db.tables import metadata, outbox
from shopctl.core.db.tables import orders as order_rows
from shopctl.core.domain.wire import encoded, plain
from shopctl.core.errors import BadInput, NotFound, Refused
from shopctl.core.imports.customers import export_customers
from shopctl.core.queries import access
from shopctl.core.queries import customers as reads
from shopctl.core.shop import Shop
from tests import flash, shops

ANA, BEN = "Ana@Example.com", "ben@example.com"
HERS = {**shops.HOME, "name": "Ana Secretova", "line1": "Hidden Lane 5", "city": "Nowhereham", "postal_code": "X9 9XX"}
PERSONAL = ("ana@example.com", "secretova", "hidden lane", "nowhereham", "x9 9xx", "1zsecret", "rings twice")


def show(shop: Shop, email: str) -> reads.CustomerDetail:
    with shop.read() as tx:
        return reads.show(tx, email)


def test_an_account_is_renamed_and_moved(shop: Shop) -> None:
    customers.add(shop, email=ANA, name="Ana")
    customers.add(shop, email=BEN)
    assert customers.edit(shop, email="ana@example.com", new_email="ana@new.example", name="").name is None
    assert show(shop, "ANA@NEW.example").id
    customers.edit(
        shop, email="ana@new.example", new_email="Ana@New.Example"
    )  # another spelling of one's own is no twin
    with pytest.raises(Refused, match="has an account"):
        customers.edit(shop, email="ana@new.example", new_email="BEN@example.com")
    with pytest.raises(BadInput, match="Name what to change"):
        customers.edit(shop, email=BEN)
    with pytest.raises(NotFound):
        show(shop, ANA)


def test_a_guests_account_becomes_a_registered_one_once(shop: Shop) -> None:
    shops.product(shop, "TEE", units=5)
    shops.buy(shop, "c1", "TEE", email=ANA)
    assert not show(shop, ANA).registered
    assert customers.add(shop, email=ANA, name="Ana").name == "Ana"
    assert show(shop, ANA).registered
    with pytest.raises(Refused):
        customers.add(shop, email=ANA)


def test_addresses_are_kept_changed_and_forgotten(shop: Shop) -> None:
    customers.add(shop, email=ANA)
    customers.add(shop, email=BEN)
    first = customers.add_address(shop, email=ANA, data=shops.HOME)
    assert customers.add_address(shop, email=ANA, data=shops.HOME) == first
    second = customers.add_address(shop, email=ANA, data={**shops.HOME, "line1": "2 Road"})
    with pytest.raises(Refused, match="already"):
        customers.edit_address(shop, email=ANA, address_id=second["id"], data=first)
    changed = customers.edit_address(shop, email=ANA, address_id=second["id"], data={**second, "city": "Hamburg"})
    assert (changed["id"], changed["city"]) == (second["id"], "Hamburg")
    for whose, which in ((BEN, first["id"]), (ANA, "nonsense")):
        with pytest.raises(NotFound):
            customers.remove_address(shop, email=whose, address_id=which)
    customers.remove_address(shop, email=ANA, address_id=first["id"])
    assert show(shop, ANA).addresses == [changed]


def test_what_is_exported_is_taken_back(shop: Shop, tmp_path: Path) -> None:
    customers.add(shop, email=ANA, name="=HYPERLINK(1), “Ana” \x1b[31m\u202e", places=[HERS, shops.HOME])
    customers.add(shop, email=BEN)
    out = "".join(export_customers(shop))
    assert "\x1b" not in out
    rows = [json.loads(line) for line in out.splitlines()]
    (tmp_path / "other").mkdir()
    other = shops.make(tmp_path / "other")
    for row in rows:
        customers.add(other, email=row["email"], name=row["name"], places=row["addresses"])
    again = [json.loads(line) for line in "".join(export_customers(other)).splitlines()]
    assert [{**row, "created_at": ""} for row in again] == [{**row, "created_at": ""} for row in rows]
    assert "\"'=HYPERLINK" in "".join(export_customers(shop, "csv"))
    with pytest.raises(BadInput):
        export_customers(shop, "xml")
    other.engine.dispose()


@pytest.fixture
def lived(shop: Shop) -> Shop:
    """Ana bought, cancelled, returned to her cart, and was somebody's contact."""
    shops.product(shop, "TEE", units=20)
    customers.add(shop, email=ANA, name="Ana Secretova", places=[HERS])
    cart.login(shop, handle="phone", email=ANA)
    shops.buy(shop, "phone", "TEE", 2, email=None, address=HERS)
    orders.ship(shop, number="1001", tracking="1ZSECRET")
    orders.deliver(shop, number="1001")
    shops.buy(shop, "phone", "TEE", email="ana@example.com", address=HERS, key="k2")
    settlement.cancel(shop, number="1002")
    cart.login(shop, handle="bens", email=BEN)
    shops.buy(shop, "bens", "TEE", email="ANA@example.COM")
    post.send(shop, 100)
    cart.login(shop, handle="tablet", email=ANA)
    cart.add(shop, handle="tablet", sku="TEE", quantity=1)
    with shop.work("test") as tx:
        tx.execute(sa.update(order_rows).where(order_rows.c.number == 1001).values(extra={"Notes": "Rings twice"}))
        tx.commit()
    return shop


def said(shop: Shop) -> str:
    """Everything that the store says, in one text."""
    with shop.read() as tx:
        rows = [tuple(row) for table in metadata.sorted_tables for row in tx.rows(sa.select(table))]
    return "\n".join(encoded(plain(row)) for row in rows).lower()


def letters(shop: Shop) -> list[str]:
    return [path.read_text() for path in sorted(shop.home.glob("maildir/new/*"))]


def test_a_customer_is_told_all_that_is_known(lived: Shop) -> None:
    flash.make(lived)
    sales.join(lived, sale="friday", wanted=sales.Joining(ANA.upper(), address=shops.HOME))
    with lived.read() as tx:
        known = access.known(tx, ANA)
    told = encoded(plain(known)).lower()
    assert [word for word in PERSONAL if word not in told] == []
    assert [one.order.number for one in known.orders] == ["1001", "1002"]
    assert [str(refund.amount) for refund in known.orders[1].refunds] == ["19.99"]
    assert {one.cart: len(one.lines) for one in known.carts} == {"phone": 1, "tablet": 0}
    assert {"customer.added", "order.delivered", "cart.merged"} <= {fact.topic for fact in known.events}
    assert [(one.sale, one.state, str(one.price)) for one in known.tickets] == [("friday", "waiting", "9.99")]
    assert BEN not in told


def test_nothing_of_an_erased_customer_is_left_but_the_books(lived: Shop) -> None:
    before, mail = said(lived), letters(lived)
    assert [word for word in PERSONAL if word not in before] == []
    assert len(mail) == 6
    account = show(lived, ANA).id
    assert erasure.erase(lived, email="ana@example.com") == erasure.Erased(account, 3, 6)
    assert [word for word in PERSONAL if word in said(lived)] == []
    assert letters(lived) == []
    with lived.read() as tx:
        old = tx.rows(sa.select(order_rows).where(order_rows.c.customer_id == account).order_by(order_rows.c.number))
        bens = tx.rows(sa.select(order_rows).where(order_rows.c.number == 1003))[0]
    assert [(row.status, row.total, row.shipping_address["country"]) for row in old] == [
        ("delivered", 3998, "DE"),
        ("cancelled", 1999, "DE"),
    ]
    assert (bens.shipping_address["line1"], bens.email) == (shops.HOME["line1"], old[0].email)
    assert not verify.verify(lived).violations
    for name in ("phone", "tablet", ANA):
        with pytest.raises(NotFound):
            cart.clear(lived, handle=name)
    with pytest.raises(NotFound):
        erasure.erase(lived, email=old[0].email)
    assert customers.add(lived, email=ANA).id != account
    assert show(lived, ANA).orders == 0


def test_a_repeated_key_buys_nothing_after_the_erasure(lived: Shop) -> None:
    erasure.erase(lived, email=ANA)
    customers.add(lived, email=ANA)
    with pytest.raises(Refused) as refused:
        shops.buy(lived, ANA, "TEE", email=None, address=HERS, key="k2")
    assert refused.value.code == "key_reused"


def test_an_erasure_can_be_rehearsed(lived: Shop) -> None:
    before, mail = said(lived), letters(lived)
    assert erasure.erase(lived.but(dry_run=True), email=ANA).orders == 3
    assert (said(lived), letters(lived)) == (before, mail)


def test_who_is_owed_something_is_not_erased(lived: Shop) -> None:
    order = shops.buy(lived, "phone", "TEE", email=ANA, address=HERS, key="k3")
    for step in (lambda: None, lambda: orders.ship(lived, number=order.number)):
        step()
        before, mail = said(lived), letters(lived)
        with pytest.raises(Refused, match=f"Order {order.number} is"):
            erasure.erase(lived, email=ANA)
        assert (said(lived), letters(lived)) == (before, mail)
    orders.deliver(lived, number=order.number)
    erasure.erase(lived, email=ANA)
    with lived.read() as tx:  # the confirmation of the last order was not sent yet: it never will be
        waiting = sa.select(sa.func.count()).where(outbox.c.topic == "order.confirmed", outbox.c.state != "done")
        assert tx.execute(waiting).scalar() == 0
    assert post.send(lived, 100) == 0
    assert [word for word in PERSONAL if word in said(lived)] == []
