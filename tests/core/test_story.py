"""A shop under random use: whatever is done in whatever order, the books add up after each step."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule

from shopctl.core import cart, catalog, checkout, erasure, orders, recovery, reservations, settlement, stock, verify
from shopctl.core.errors import Refused, ShopError, StillPending
from shopctl.core.payments import asking
from tests import shops, stories

SKUS = st.sampled_from(["AT-CHECKOUT", "AT-CART", "LATER"])
CARTS = st.sampled_from(["c1", "c2", "c3"])
EMAILS = st.sampled_from(["ana@example.com", "ben@example.com"])
UNITS = st.integers(1, 4)


class Books(stories.Story):
    """Receive, add, set, log in and out, place (paid, declined, unanswered), cancel, ship, deliver, erase, let time pass, sweep,
    recover.
    """

    @initialize()
    def open(self) -> None:
        asking.BACKOFF_SECONDS = 0
        self.directory = Path(tempfile.mkdtemp())
        self.moment = datetime.now(UTC)
        self.key = 0
        self.shop = shops.make(self.directory).but(clock=lambda: self.moment)
        stock.add_warehouse(self.shop, code="EAST")
        shops.product(self.shop, "AT-CHECKOUT", units=5)
        shops.product(self.shop, "AT-CART", units=5, hold_at="cart")
        shops.product(self.shop, "LATER", backorder_limit=3)

    @rule(sku=SKUS, units=UNITS, warehouse=st.sampled_from(["MAIN", "EAST"]))
    def receive(self, sku: str, units: int, warehouse: str) -> None:
        stock.receive(self.shop, sku=sku, quantity=units, warehouse=warehouse)

    @rule(sku=SKUS, units=UNITS)
    def lose(self, sku: str, units: int) -> None:
        self._perhaps(lambda: stock.adjust(self.shop, sku=sku, quantity=-units, reason="lost"))

    @rule(sku=SKUS, buckets=st.integers(1, 4))
    def spread(self, sku: str, buckets: int) -> None:
        self._perhaps(lambda: stock.spread(self.shop, sku=sku, buckets=buckets))

    @rule(handle=CARTS, sku=SKUS, units=UNITS)
    def add(self, handle: str, sku: str, units: int) -> None:
        self._perhaps(lambda: cart.add(self.shop, handle=handle, sku=sku, quantity=units))

    @rule(handle=CARTS, sku=SKUS, units=st.integers(0, 4))
    def set(self, handle: str, sku: str, units: int) -> None:
        self._perhaps(lambda: cart.set_quantity(self.shop, handle=handle, sku=sku, quantity=units))

    @rule(one=CARTS, other=CARTS)
    def merge(self, one: str, other: str) -> None:
        self._perhaps(lambda: cart.merge(self.shop, source=one, target=other))

    @rule(handle=CARTS, email=EMAILS)
    def log_in(self, handle: str, email: str) -> None:
        self._perhaps(lambda: cart.login(self.shop, handle=handle, email=email))

    @rule(handle=CARTS)
    def log_out(self, handle: str) -> None:
        self._perhaps(lambda: cart.logout(self.shop, handle=handle))

    @rule(email=EMAILS)
    def erase(self, email: str) -> None:
        self._perhaps(lambda: erasure.erase(self.shop, email=email))

    @rule(
        handle=CARTS,
        token=st.sampled_from(["pm_card_visa", "pm_card_visa", "pm_card_chargeDeclined", "pm_card_lostReply"]),
    )
    def place(self, handle: str, token: str) -> None:
        self.key += 1
        self._perhaps(lambda: checkout.place(self.shop, shops.placement(handle, f"k{self.key}", token=token)))

    @rule(handle=CARTS)
    def place_into_silence(self, handle: str) -> None:
        self.key += 1
        self._perhaps(
            lambda: checkout.place(self.shop, shops.placement(handle, f"k{self.key}", token="pm_card_timeout"))
        )

    @rule(number=st.integers(1001, 1012))
    def ship(self, number: int) -> None:
        self._perhaps(lambda: orders.ship(self.shop, number=str(number)))

    @rule(number=st.integers(1001, 1012))
    def deliver(self, number: int) -> None:
        self._perhaps(lambda: orders.deliver(self.shop, number=str(number)))

    @rule(number=st.integers(1001, 1012))
    def cancel(self, number: int) -> None:
        self._perhaps(lambda: settlement.cancel(self.shop, number=str(number)))

    @rule(minutes=st.sampled_from([1, 11, 60 * 24 * 8]))
    def pass_time(self, minutes: int) -> None:
        self.moment += timedelta(minutes=minutes)

    @rule()
    def sweep(self) -> None:
        reservations.sweep(self.shop)
        cart.sweep(self.shop)

    @rule()
    def recover(self) -> None:
        recovery.recover(self.shop)

    @rule(limit=st.integers(0, 4))
    def change_policy(self, limit: int) -> None:
        self._perhaps(lambda: catalog.edit(self.shop, name="LATER", said={"backorder_limit": limit}))

    @invariant()
    def the_books_add_up(self) -> None:
        if hasattr(self, "shop") and self.is_new(self.moment):
            found = [v for v in verify.verify(self.shop).violations if v.check != 18]  # time flies here
            assert not found, found

    def _perhaps(self, attempt: object) -> None:
        """Refusals are part of the story; anything else is not."""
        assert callable(attempt)
        try:
            attempt()
        except (Refused, StillPending):
            pass
        except ShopError as error:
            if error.code not in ("unknown_cart", "unknown_customer", "unknown_order", "same_cart"):
                raise


def test_the_books_under_random_use() -> None:
    stories.tell(Books, examples=12, steps=25)
