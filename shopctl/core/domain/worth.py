"""What the parts of an order are worth: its lines, their units, its shipping. Pure, in minor units.

An order's total falls apart into prices and the tax on top of them, each allocated by largest remainder, so that the parts
of everything sum to the total exactly: nothing is lost when an order is cancelled, shipped or returned unit by unit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from shopctl.core.domain.money import allocate


class Priced(Protocol):
    """An order as it was charged."""

    @property
    def subtotal(self) -> int: ...
    @property
    def discount(self) -> int: ...
    @property
    def shipping(self) -> int: ...
    @property
    def tax(self) -> int: ...
    @property
    def tax_included(self) -> int: ...


class Sold(Protocol):
    """A line of it; `tax` is all of its tax, also what is inside the price."""

    @property
    def total_price(self) -> int: ...
    @property
    def tax(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Worth:
    """An amount of money in an order: `tax` is what was added to the prices, `included` what is inside them."""

    items: int = 0
    shipping: int = 0
    tax: int = 0
    included: int = 0

    @property
    def total(self) -> int:
        return self.items + self.shipping + self.tax

    def __add__(self, other: Worth) -> Worth:
        return Worth(*(one + two for one, two in zip(_parts(self), _parts(other), strict=True)))

    def __sub__(self, other: Worth) -> Worth:
        return Worth(*(one - two for one, two in zip(_parts(self), _parts(other), strict=True)))

    def within(self, most: Worth) -> Worth:
        """Of each part no more than there is in `most`."""
        return Worth(*(min(one, two) for one, two in zip(_parts(self), _parts(most), strict=True)))

    def of_units(self, quantity: int, first: int, count: int) -> Worth:
        """The worth of `count` of the `quantity` units that this is the worth of, behind the `first` ones."""
        return Worth(*(_up_to(part, quantity, first + count) - _up_to(part, quantity, first) for part in _parts(self)))

    def of_shipping(self, amount: int) -> Worth:
        """`amount` of the shipping in this, with the tax on it."""
        rest = [amount, self.shipping - amount]
        return Worth(0, amount, allocate(self.tax, rest)[0], allocate(self.included, rest)[0]) if amount else Worth()

    def of_amount(self, amount: int) -> Worth:
        """`amount` of this, in proportion from all of its parts."""
        items, shipping, tax = allocate(amount, [self.items, self.shipping, self.tax])
        return Worth(items, shipping, tax, self.inside(items + shipping))

    def inside(self, prices: int) -> int:
        """The tax inside so much of the prices, in proportion."""
        priced = self.items + self.shipping
        return allocate(self.included, [prices, priced - prices])[0] if priced else 0


def whole(order: Priced) -> Worth:
    """The order's total, in its parts. A discount beyond the goods is one on the shipping, and then on the tax."""
    items, shipping, tax = order.subtotal - order.discount, order.shipping, order.tax - order.tax_included
    if tax < 0:
        items, tax = items + tax, 0
    if items < 0:
        items, shipping = 0, shipping + items
    if shipping < 0:
        shipping, tax = 0, tax + shipping
    return Worth(items, shipping, tax, order.tax_included)


def shares(order: Priced, lines: Sequence[Sold]) -> tuple[list[Worth], Worth]:
    """The worth of each line, and of the shipping: together the whole."""
    all_of_it = whole(order)
    prices = allocate(all_of_it.items, [line.total_price for line in lines])
    taxed = [line.tax for line in lines]
    weights = [*taxed, max(0, order.tax - sum(taxed))]
    if not any(taxed):  # nobody said which line the tax belongs to
        weights = [*(line.total_price for line in lines), all_of_it.shipping]
    taxes, included = allocate(all_of_it.tax, weights), allocate(all_of_it.included, weights)
    of_lines = [Worth(price, 0, taxes[i], included[i]) for i, price in enumerate(prices)]
    return of_lines, Worth(0, all_of_it.shipping, taxes[-1], included[-1])


def by_tax(amount: Worth, left: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """How much of which tax an amount has, from what is `left` of each (as orders.taxes has them)."""
    found = [{**part, "amount": 0} for part in left]
    for inside, sum_of in ((True, amount.included), (False, amount.tax)):
        same = [i for i, part in enumerate(left) if part["included"] is inside]
        for i, share in zip(same, allocate(sum_of, [left[i]["amount"] for i in same]), strict=True):
            found[i]["amount"] = share
    return found


def _parts(of: Worth) -> tuple[int, int, int, int]:
    return of.items, of.shipping, of.tax, of.included


def _up_to(amount: int, quantity: int, count: int) -> int:
    """The first `count` of `quantity` parts of an amount, by largest remainder: the first ones bear what does not divide."""
    each, over = divmod(amount, quantity)
    return count * each + min(count, over)
