"""Orders under random use, the whole way: whatever is cancelled, shipped, delivered, returned and refunded in whatever order,
units and money add up after each step, to the cent and at the gateway, too."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from shopctl.core import cart, checkout, orders, payments, rates, settlement, stock, verify
from shopctl.core.domain.money import Money
from shopctl.core.errors import NotFound, Refused
from shopctl.core.orders import credits
from shopctl.core.queries import returns as return_reads
from shopctl.core.queries.orders import detail, row_by_number
from tests import shops

SKUS = ("TEE", "CAP", "FREE", "FILE")
ORDERS = st.integers(1001, 1003)
UNITS = st.integers(1, 3)
WANTED = st.one_of(st.none(), st.dictionaries(st.sampled_from(SKUS), UNITS, min_size=1, max_size=2))
AMOUNTS = st.integers(1, 3000).map(lambda cents: str(Money(cents, "USD")))


class Life(RuleBasedStateMachine):
    """Three orders over two warehouses, taxed inside or on top or both, shipped for money, captured at once or by parcel."""

    @initialize(
        capture=st.sampled_from(["order", "shipment"]),
        included=st.sampled_from([(True,), (False,), (True, False), ()]),
        units=st.lists(st.tuples(UNITS, UNITS), min_size=3, max_size=3),
    )
    def open(self, capture: str, included: tuple[bool, ...], units: list[tuple[int, int]]) -> None:
        self.directory = Path(tempfile.mkdtemp())
        self.shop = shops.rule(shops.make(self.directory), self.directory, capture=capture)
        stock.add_warehouse(self.shop, code="EAST")
        for i, inside in enumerate(included):
            rate = {"name": f"Tax{i}", "country": "DE", "percent": "7.7", "included": inside, "on_shipping": True}
            rates.add(self.shop, rates.TAX, rate)
        rates.add(self.shop, rates.SHIPPING, {"name": "Std", "country": "DE", "amount": "4.99"})
        shops.product(self.shop, "TEE", price=1999)
        shops.product(self.shop, "CAP", price=333, taxable=False)
        shops.product(self.shop, "FREE", price=0)
        shops.product(self.shop, "FILE", price=101, tracked=False)
        for sku in ("TEE", "CAP", "FREE"):
            for warehouse in ("MAIN", "EAST"):
                stock.receive(self.shop, sku=sku, quantity=5, warehouse=warehouse)
        for i, (some, others) in enumerate(units):
            for sku, count in (("TEE", some), ("CAP", others), ("FREE", 1), ("FILE", others)):
                cart.add(self.shop, handle=f"c{i}", sku=sku, quantity=count)
            checkout.place(self.shop, shops.placement(f"c{i}", f"k{i}"))

    def teardown(self) -> None:
        self.shop.engine.dispose()
        shutil.rmtree(self.directory)

    @rule(number=ORDERS, wanted=WANTED, warehouse=st.sampled_from([None, "MAIN", "EAST"]))
    def ship(self, number: int, wanted: dict[str, int] | None, warehouse: str | None) -> None:
        self._perhaps(lambda: orders.ship(self.shop, number=str(number), lines=wanted, warehouse=warehouse))

    @rule(number=ORDERS, shipment=st.sampled_from([None, 1, 2]))
    def deliver(self, number: int, shipment: int | None) -> None:
        self._perhaps(lambda: orders.deliver(self.shop, number=str(number), shipment=shipment))

    @rule(number=ORDERS, wanted=WANTED)
    def cancel(self, number: int, wanted: dict[str, int] | None) -> None:
        self._perhaps(lambda: settlement.cancel(self.shop, number=str(number), lines=wanted))

    @rule(number=ORDERS, amount=AMOUNTS)
    def refund_amount(self, number: int, amount: str) -> None:
        self._perhaps(lambda: orders.refund(self.shop, number=str(number), reason="sorry", amount=amount))

    @rule(number=ORDERS, wanted=WANTED, shipping=st.booleans(), restock=st.booleans())
    def refund(self, number: int, wanted: dict[str, int] | None, shipping: bool, restock: bool) -> None:
        if wanted or shipping:
            back = restock and bool(wanted)
            said = {"number": str(number), "reason": "sorry"}
            self._perhaps(lambda: orders.refund(self.shop, **said, lines=wanted, shipping=shipping, restock=back))

    @rule(number=ORDERS, sku=st.sampled_from(SKUS), units=UNITS)
    def ask_to_return(self, number: int, sku: str, units: int) -> None:
        wanted = {sku: units}
        self._perhaps(lambda: orders.returns.request(self.shop, number=str(number), lines=wanted, reason="too small"))

    @rule(number=ORDERS, verb=st.sampled_from(["receive", "reject"]))
    def answer_return(self, number: int, verb: str) -> None:
        self._perhaps(lambda: getattr(orders.returns, verb)(self.shop, number=f"{number}-R1"))
        self._perhaps(lambda: getattr(orders.returns, verb)(self.shop, number=f"{number}-R2"))

    @rule(number=ORDERS, which=st.integers(1, 3), write_off=st.booleans(), refund=st.booleans())
    def resolve(self, number: int, which: int, write_off: bool, refund: bool) -> None:
        def attempt() -> None:
            name = f"{number}-R{which}"
            with self.shop.read() as tx:
                lost = {line.sku: 1 for line in return_reads.get(tx, name).lines} if write_off else None
            orders.returns.resolve(self.shop, number=name, write_off=lost, refund=refund)

        self._perhaps(attempt)

    @invariant()
    def the_books_add_up(self) -> None:
        if not hasattr(self, "shop"):
            return
        assert verify.verify(self.shop).violations == []
        with self.shop.read() as tx:
            for number in ("1001", "1002", "1003"):
                shown, row = detail(tx, number), row_by_number(tx, number)
                books = credits.account(tx, row)
                payment = payments.of_order(tx, row.id)
                assert payment is not None
                kept = payments.kept(tx, payment)
                assert min(books.left.items, books.left.shipping, books.left.tax, books.left.included) >= 0
                assert kept == (0 if shown.status == "cancelled" else books.due(payment))
                for line in shown.lines:
                    assert line.returned <= line.shipped <= line.quantity - line.cancelled
                charge = self.shop.gateway.find(payment.gateway_key, since=payment.created_at)
                assert charge is not None
                assert charge.captured == payment.captured

    def _perhaps(self, attempt: object) -> None:
        """Refusals are part of the story; anything else is not."""
        assert callable(attempt)
        try:
            attempt()
        except (Refused, NotFound) as refused:
            if refused.code in ("books_disagree", "capture_failed", "refund_failed"):
                raise


def test_orders_the_whole_way() -> None:
    run_state_machine_as_test(
        Life,
        settings=settings(
            max_examples=4,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=(
                Phase.explicit,
                Phase.reuse,
                Phase.generate,
            ),  # shrinking would replay a real shop hundreds of times
            print_blob=True,
        ),
    )
