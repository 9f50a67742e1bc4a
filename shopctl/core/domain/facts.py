"""What a shop is and how it behaves: the values of its settings table, typed. Read once when a shop is opened."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Facts:
    """One shop's identity and rules. Durations are whole seconds in the table."""

    id: str
    name: str
    currency: str
    country: str
    timezone: str
    prices_include_tax: bool = False
    hold_at: str = "checkout"
    hold_seconds: int = 600
    cart_seconds: int = 7 * 24 * 3600
    email_sender: str = "shop@localhost"
    low_stock: int | None = None
    test_store: bool = False

    @property
    def hold_ttl(self) -> timedelta:
        return timedelta(seconds=self.hold_seconds)

    @property
    def cart_ttl(self) -> timedelta:
        return timedelta(seconds=self.cart_seconds)
