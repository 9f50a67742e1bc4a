"""Orders under way: notes, another address, what to fetch and to pack."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser

import pytest
import sqlalchemy as sa

from shopctl.core import cart, catalog, checkout, documents, orders, rates, recovery, settlement, stock, verify
from shopctl.core.db.tables import shipment_lines, shipments
from shopctl.core.errors import BadInput, NotFound, Refused, StillPending
from shopctl.core.queries import orders as reads
from shopctl.core.queries import parcels
from shopctl.core.queries.orders import OrderDetail
from shopctl.core.queries.parcels import Share, Slip
from shopctl.core.shop import Shop
from tests.shops import HOME, buy, placement, product

EVIL = "shirt \"'</td></title><script>alert(1)</script><img src=x onerror=alert(2)> &lt;\x1b]52;c;AAAA\x07 \u202egpj"
PARIS = {**HOME, "line1": "2 Rue", "city": "Paris", "postal_code": "75001", "country": "FR"}


def shown(shop: Shop, number: str = "1001") -> OrderDetail:
    with shop.read() as tx:
        return reads.detail(tx, number)


def tax(shop: Shop, country: str, percent: str, name: str = "VAT") -> None:
    rates.add(shop, rates.TAX, {"name": name, "country": country, "percent": percent, "included": False})


def shipping(shop: Shop, country: str, amount: str) -> None:
    rates.add(shop, rates.SHIPPING, {"name": "Std", "country": country, "amount": amount})


# --- notes ---------------------------------------------------------------------------------------------------------
def test_a_note_stays_in_the_history_whatever_the_status(shop: Shop) -> None:
    product(shop, "TEE", units=5)
    buy(shop, "c1", "TEE")
    orders.note(shop, number="1001", note="  call first\nplease ")
    orders.ship(shop, number="1001")
    assert orders.note(shop, number="1001", note="broken on arrival").status == "shipped"
    told = [(event.verb, event.to_status, event.note) for event in shown(shop).timeline]
    assert told == [
        ("place", "pending", None),
        ("capture", None, "captured by sandbox"),
        ("confirm", "confirmed", None),
        ("note", "confirmed", "call first\nplease"),
        ("ship", "shipped", None),
        ("note", "shipped", "broken on arrival"),
    ]
    assert verify.verify(shop).violations == []


@pytest.mark.parametrize("note", ["", "  \n", "x" * 2001, "a\x00b", "card 4242 4242 4242 4242", "\ud800"])
def test_what_is_no_note(shop: Shop, note: str) -> None:
    product(shop, "TEE", units=5)
    buy(shop, "c1", "TEE")
    with pytest.raises(BadInput):
        orders.note(shop, number="1001", note=note)
    assert [event.verb for event in shown(shop).timeline] == ["place", "capture", "confirm"]


def test_verify_sees_a_remark_that_moves_an_order(shop: Shop) -> None:
    product(shop, "TEE", units=5)
    buy(shop, "c1", "TEE")
    orders.note(shop, number="1001", note="x")
    with shop.engine.begin() as connection:
        connection.execute(sa.text("UPDATE order_events SET from_status = 'pending' WHERE verb = 'note'"))
    assert {violation.check for violation in verify.verify(shop).violations} == {19}


# --- another address -----------------------------------------------------------------------------------------------
def test_another_address_in_the_same_place_keeps_the_old_one_in_the_history(shop: Shop) -> None:
    tax(shop, "DE", "19")
    product(shop, "TEE", units=5)
    before = buy(shop, "c1", "TEE")
    moved = {**HOME, "line1": '2 "Side" → St', "city": "Hamburg"}
    after = orders.readdress(shop, number="1001", address=moved)
    assert after.shipping_address == moved
    assert (after.total, after.tax) == (before.total, before.tax)
    entry = shown(shop).timeline[-1]
    assert (entry.verb, entry.from_status, entry.to_status) == ("address", "confirmed", "confirmed")
    assert entry.note == 'line1: "1 Road" → "2 \\"Side\\" → St"; city: "Berlin" → "Hamburg"'
    orders.readdress(shop, number="1001", address=moved)
    assert len(shown(shop).timeline) == 4  # the same address is no change
    assert verify.verify(shop).violations == []


def test_a_street_may_change_after_the_rates_did(shop: Shop) -> None:
    product(shop, "TEE", units=5)
    buy(shop, "c1", "TEE")
    tax(shop, "DE", "19")
    assert orders.readdress(shop, number="1001", address={**HOME, "line1": "2 Road"}).tax.amount == 0


def test_a_place_with_other_tax_or_shipping_is_refused(shop: Shop) -> None:
    tax(shop, "DE", "19")
    tax(shop, "AT", "19")
    tax(shop, "FR", "20")
    tax(shop, "IT", "19", name="IVA")
    for country, amount in (("DE", "4.99"), ("AT", "4.99"), ("FR", "4.99"), ("IT", "4.99"), ("NL", "9.99")):
        shipping(shop, country, amount)
    product(shop, "TEE", units=5, price=1000)
    charged = buy(shop, "c1", "TEE")
    for country, code in (
        ("FR", "address_changes_total"),
        ("IT", "address_changes_total"),  # as much tax, but another
        ("NL", "address_changes_total"),
        ("US", "no_shipping_rate"),
    ):
        with pytest.raises(Refused) as refused:
            orders.readdress(shop, number="1001", address={**PARIS, "country": country})
        assert refused.value.code == code
    assert "1.90 tax and 4.99 shipping; there it would be 2.00 and 4.99" in _refusal(shop, PARIS).message
    assert orders.readdress(shop, number="1001", address={**PARIS, "country": "AT"}).total == charged.total
    kept = orders.readdress(shop, number="1001", address=PARIS, keep_totals=True)
    assert (kept.shipping_address, kept.total) == (PARIS, charged.total)
    assert verify.verify(shop).violations == []


def _refusal(shop: Shop, address: dict[str, str]) -> Refused:
    with pytest.raises(Refused) as refused:
        orders.readdress(shop, number="1001", address=address)
    return refused.value


def test_rates_that_came_later_do_not_count(shop: Shop) -> None:
    product(shop, "TEE", units=5)
    buy(shop, "c1", "TEE")
    tax(shop, "FR", "20")
    assert orders.readdress(shop, number="1001", address=PARIS).shipping_address == PARIS


def test_an_address_changes_only_between_confirmation_and_shipping(shop: Shop) -> None:
    product(shop, "TEE", units=5)
    cart.add(shop, handle="c1", sku="TEE", quantity=1)
    with pytest.raises(StillPending):
        checkout.place(shop, placement("c1", "k1", token="pm_card_timeout"))
    assert (_refusal(shop, PARIS).code, _refusal(shop, PARIS).details["status"]) == ("invalid_state", "pending")
    recovery.recover(shop)
    assert _refusal(shop, PARIS).details["status"] == "cancelled"
    buy(shop, "c2", "TEE")
    orders.ship(shop, number="1002")
    with pytest.raises(Refused, match="shipped"):
        orders.readdress(shop, number="1002", address=PARIS)
    assert shown(shop, "1002").shipping_address == HOME


# --- what to fetch, what to pack -----------------------------------------------------------------------------------
@pytest.fixture
def busy(shop: Shop) -> Shop:
    """Two warehouses, an order that is split over both, goods without stock and goods without a parcel."""
    stock.add_warehouse(shop, code="EAST")
    product(shop, "TEE", units=3)
    stock.receive(shop, sku="TEE", quantity=10, warehouse="EAST")
    product(shop, "CUP", units=10)
    product(shop, "WRAP", tracked=False)
    product(shop, "CODE", tracked=False, requires_shipping=False)
    for sku, quantity in (("CUP", 2), ("WRAP", 1), ("CODE", 1)):
        cart.add(shop, handle="c1", sku=sku, quantity=quantity)
    buy(shop, "c1", "TEE", 12)
    buy(shop, "c2", "CUP", 3)
    buy(shop, "c3", "CODE")
    return shop


def picks(shop: Shop, **which: object) -> list[tuple[str | None, str, int, list[Share]]]:
    with shop.read() as tx:
        found = parcels.picklist(tx, **which)  # type: ignore[arg-type]
    return [(pick.warehouse, pick.sku, pick.quantity, list(pick.orders)) for pick in found]


def slips(shop: Shop, number: str) -> list[Slip]:
    with shop.read() as tx:
        return parcels.slips(tx, number)


def test_a_picklist_adds_up_what_confirmed_orders_owe(busy: Shop) -> None:
    with busy.read() as tx:
        split = {row.warehouse: row.quantity for row in reads.detail(tx, "1001").reservations if row.sku == "TEE"}
    assert sum(split.values()) == 12
    assert len(split) == 2
    first = Share("1001", 1)
    assert picks(busy) == [
        ("EAST", "TEE", split["EAST"], [Share("1001", split["EAST"])]),
        ("EAST", "WRAP", 1, [first]),
        ("MAIN", "CUP", 5, [Share("1001", 2), Share("1002", 3)]),
        ("MAIN", "TEE", split["MAIN"], [Share("1001", split["MAIN"])]),
    ]
    assert picks(busy, warehouse="EAST", numbers=["1002"]) == []
    assert picks(busy, numbers=["#1002"]) == [("MAIN", "CUP", 3, [Share("1002", 3)])]
    with pytest.raises(NotFound, match="MOON"):
        picks(busy, warehouse="MOON")
    orders.ship(busy, number="1001")
    assert picks(busy) == [("MAIN", "CUP", 3, [Share("1002", 3)])]
    with pytest.raises(Refused, match="1001 is shipped"):
        picks(busy, numbers=["1002", "1001"])


def test_an_order_is_packed_as_its_slips_said(busy: Shop) -> None:
    def contents() -> list[tuple[str | None, dict[str, int]]]:
        return [(slip.warehouse, {item.sku: item.quantity for item in slip.lines}) for slip in slips(busy, "1001")]

    planned = contents()
    assert [(warehouse, sorted(units)) for warehouse, units in planned] == [
        ("EAST", ["TEE", "WRAP"]),
        ("MAIN", ["CUP", "TEE"]),
    ]
    orders.ship(busy, number="1001", tracking="1Z")
    assert contents() == planned
    assert {(slip.tracking, slip.parcel, slip.parcels) for slip in slips(busy, "1001")} == {("1Z", 1, 2), ("1Z", 2, 2)}
    with busy.read() as tx:
        sent = sa.select(sa.func.count()).select_from(shipments.join(shipment_lines))
        assert tx.execute(sent).scalar_one() == 5  # the code, too, which is on no slip
    assert slips(busy, "1003") == []
    settlement.cancel(busy, number="1002")
    with pytest.raises(Refused, match="nothing to pack"):
        slips(busy, "1002")
    assert verify.verify(busy).violations == []


class _Seen(HTMLParser):
    """The elements and the text of a page, as a browser would have them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


def test_hostile_names_stay_text_on_paper(shop: Shop) -> None:
    draft = catalog.VariantDraft({EVIL: EVIL}, {"price": 1999}, "TEE")
    catalog.add(shop, catalog.ProductDraft("evil", {"title": EVIL}, [draft]))
    stock.receive(shop, sku="TEE", quantity=5)
    address = {**HOME, "name": "</address><script>", "line1": "<b>1 Road</b>"}
    buy(shop, "c1", "TEE", address=address)
    facts = replace(shop.facts, name="<Shop> & 'Co'")
    with shop.read() as tx:
        found, picked = parcels.slips(tx, "1001"), parcels.picklist(tx)
    for page in (documents.slips_html(facts, found), documents.picklist_html(facts, picked)):
        seen = _Seen(page)
        assert seen.tags <= {
            *("html", "head", "meta", "title", "style", "body", "section", "p", "h1", "br", "address"),
            *("table", "thead", "tbody", "tr", "th", "td"),
        }
        assert seen.attributes <= {"lang", "charset", "http-equiv", "content", "class"}
        assert "<script>alert(1)</script>" in seen.text
        assert "<Shop> & 'Co'" in seen.text
        assert not any(bad in page for bad in "\x1b\x07\u202e")
    text = "\n".join(documents.slip_text(facts, found[0]))
    assert "<script>alert(1)</script>" in text
    assert "    <b>1 Road</b>" in text
    assert not any(bad in text for bad in "\x1b\x07\u202e")
    assert not any(amount in text for amount in ("19.99", "USD"))


def test_orders_are_found_by_what_is_in_them(busy: Shop) -> None:
    def numbers(*filters: str) -> list[str]:
        with busy.read() as tx:
            return [order.number for order in reads.LIST.rows(tx, filters=filters)]

    assert numbers("sku:cup") == ["1002", "1001"]
    assert numbers("!sku:TEE") == ["1003", "1002"]
    assert numbers("sku:TEE", "sku:CUP") == ["1001"]  # both, in different lines
    assert numbers("source:checkout", "created_at:today", "total:>50") == ["1002", "1001"]
    assert numbers("reference:x") == []
    everything = numbers()
    assert numbers("created_at:>=today") == numbers("created_at:<=today") == everything
    assert numbers("created_at:<today") == numbers("created_at:>today") == []
    assert numbers("in_flight:NO") == everything
    assert numbers("in_flight:yes") == []
    for nonsense in ("status:", "!email:", "total:", "in_flight:maybe", "created_at:=>today"):  # never all, never none
        with pytest.raises(BadInput):
            numbers(nonsense)
    with busy.read() as tx, pytest.raises(BadInput, match="not sorted"):
        reads.LIST.rows(tx, sort="-sku")
