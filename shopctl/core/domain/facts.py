"""What a shop is and how it behaves: the values of its settings table, typed. Read once when a shop is opened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import timedelta

DEFAULT_SENDER = "shop@localhost"

LETTERS: Mapping[str, str] = {
    "order.confirmed": "confirmed",
    "order.partially_shipped": "shipped",
    "order.shipped": "shipped",
    "order.cancelled": "cancelled",
    "payment.refunded": "refunded",
    "payment.action_required": "action",
    "payment.awaited": "payment",
}
"""Topics of which the customer is told, and what the letter is called."""


@dataclass(frozen=True, slots=True)
class Facts:
    """One shop's identity and rules. Durations are whole seconds in the table, rates are by the minute, and 0 is none."""

    id: str
    name: str
    currency: str
    country: str
    timezone: str
    prices_include_tax: bool = False
    hold_at: str = "checkout"
    capture: str = "order"
    hold_seconds: int = 600
    cart_seconds: int = 7 * 24 * 3600
    cart_persist_seconds: int = 30
    sale_customer_rate: int = 30
    sale_source_rate: int = 600
    sale_sku_rate: int = 0
    events_days: int = 90
    email_sender: str = DEFAULT_SENDER
    letters: str = "all"
    payment_instructions: str = ""
    low_stock: int | None = None
    test_store: bool = False

    @property
    def hold_ttl(self) -> timedelta:
        return timedelta(seconds=self.hold_seconds)

    @property
    def cart_ttl(self) -> timedelta:
        return timedelta(seconds=self.cart_seconds)

    def sends(self, letter: str) -> bool:
        """Whether customers get this letter."""
        return self.letters == "all" or letter in self.letters.split(",")

    @property
    def events_ttl(self) -> timedelta:
        return timedelta(days=self.events_days)


EDITABLE = tuple(
    field.name for field in fields(Facts) if field.name not in ("id", "currency", "prices_include_tax", "test_store")
)
"""What `store set` changes; the others are the shop's for good."""
