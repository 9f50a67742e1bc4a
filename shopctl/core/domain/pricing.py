"""What a basket costs: items, tax and shipping, in minor units. Pure.

Tax is rounded half-up per line. Rates of different names add up (GST and PST); of one name the most specific place wins
(a region before its country, a country before everywhere). An included rate is part of the price already: it is reported
in `tax` and in `tax_included`, so that total = subtotal − discount + shipping + tax − tax_included.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from shopctl.core.domain.money import MAX_AMOUNT, allocate
from shopctl.core.errors import Refused

MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class BasketLine:
    """`unit_price` in minor units, `weight_grams` of one unit."""

    sku: str
    quantity: int
    unit_price: int
    taxable: bool = True
    requires_shipping: bool = True
    weight_grams: int = 0

    @property
    def total(self) -> int:
        return self.unit_price * self.quantity


@dataclass(frozen=True, slots=True)
class TaxRate:
    """A rate in parts per million; empty country or region: everywhere there."""

    name: str
    country: str
    region: str
    parts_per_million: int
    included: bool = False
    on_shipping: bool = False


@dataclass(frozen=True, slots=True)
class ShippingRate:
    """What a method costs in a place, for weights and totals from min (inclusive) to max (exclusive, None: no end)."""

    name: str
    country: str
    region: str
    amount: int
    min_weight_grams: int = 0
    max_weight_grams: int | None = None
    min_total: int = 0
    max_total: int | None = None
    free_above: int | None = None


@dataclass(frozen=True, slots=True)
class TaxPart:
    """How much of an order's tax is which tax; the parts sum to the tax."""

    name: str
    parts_per_million: int
    included: bool
    amount: int


@dataclass(frozen=True, slots=True)
class Totals:
    """All in minor units; `line_taxes` in the order of the lines; `shipping_method` None when nothing is shipped or free of rates."""

    subtotal: int
    discount: int
    shipping: int
    tax: int
    tax_included: int
    line_taxes: tuple[int, ...]
    taxes: tuple[TaxPart, ...]
    shipping_method: str | None

    @property
    def total(self) -> int:
        return self.subtotal - self.discount + self.shipping + self.tax - self.tax_included


def price(
    lines: Sequence[BasketLine],
    taxes: Iterable[TaxRate],
    shipping_rates: Sequence[ShippingRate] | None,
    *,
    method: str | None = None,
) -> Totals:
    """The totals of a basket. `shipping_rates` None: shipping is free; a list of which none fits: no_shipping_rate."""
    rates = _most_specific(taxes)
    subtotal = sum(line.total for line in lines)
    if subtotal > MAX_AMOUNT:
        raise Refused("total_too_large", "The basket costs more than any order may", hint="Order it in parts.")
    chosen, shipping = _ship(lines, subtotal, shipping_rates, method)
    line_taxes = [_tax(line.total, rates) if line.taxable else (0, 0) for line in lines]
    on_shipping = [rate for rate in rates if rate.on_shipping]
    shipping_tax = _tax(shipping, on_shipping)
    return Totals(
        subtotal=subtotal,
        discount=0,
        shipping=shipping,
        tax=sum(tax for tax, _ in line_taxes) + shipping_tax[0],
        tax_included=sum(included for _, included in line_taxes) + shipping_tax[1],
        line_taxes=tuple(tax for tax, _ in line_taxes),
        taxes=_by_name(rates, [*((tax, rates) for tax in line_taxes), (shipping_tax, on_shipping)]),
        shipping_method=chosen,
    )


def _most_specific(rates: Iterable[TaxRate]) -> list[TaxRate]:
    best: dict[str, TaxRate] = {}
    for rate in rates:
        if rate.name not in best or _specificity(rate) > _specificity(best[rate.name]):
            best[rate.name] = rate
    return list(best.values())


def _specificity(rate: TaxRate | ShippingRate) -> int:
    return (2 if rate.country else 0) + (1 if rate.region else 0)


def _tax(amount: int, rates: Sequence[TaxRate]) -> tuple[int, int]:
    """The tax on an amount, and how much of it is in the amount already."""
    inside = sum(rate.parts_per_million for rate in rates if rate.included)
    on_top = sum(rate.parts_per_million for rate in rates if not rate.included)
    included = _half_up(amount * inside, MILLION + inside)
    return included + _half_up((amount - included) * on_top, MILLION), included


def _by_name(
    rates: Sequence[TaxRate], taxed: Iterable[tuple[tuple[int, int], Sequence[TaxRate]]]
) -> tuple[TaxPart, ...]:
    """Each amount of tax allocated to the rates that made it, and summed by rate."""
    sums = dict.fromkeys(rates, 0)
    for (tax, included), applied in taxed:
        for inside, amount in ((True, included), (False, tax - included)):
            of_kind = [rate for rate in applied if rate.included is inside]
            for rate, part in zip(of_kind, allocate(amount, [r.parts_per_million for r in of_kind]), strict=True):
                sums[rate] += part
    return tuple(TaxPart(rate.name, rate.parts_per_million, rate.included, amount) for rate, amount in sums.items())


def _half_up(numerator: int, denominator: int) -> int:
    return (2 * numerator + denominator) // (2 * denominator)


def _ship(
    lines: Sequence[BasketLine], subtotal: int, rates: Sequence[ShippingRate] | None, method: str | None
) -> tuple[str | None, int]:
    """The method and its cost: the one asked for, else the cheapest that fits."""
    weight = sum(line.weight_grams * line.quantity for line in lines if line.requires_shipping)
    if rates is None or not any(line.requires_shipping for line in lines):
        return None, 0
    fitting: dict[str, ShippingRate] = {}
    for rate in rates:
        if _fits(rate, weight, subtotal) and (
            rate.name not in fitting
            or (_specificity(rate), -rate.amount) > (_specificity(fitting[rate.name]), -fitting[rate.name].amount)
        ):
            fitting[rate.name] = rate
    costs = {name: _cost(rate, subtotal) for name, rate in fitting.items()}
    if method is not None and method not in costs:
        raise Refused(
            "no_shipping_rate",
            f"There is no shipping method {method!r} for this address and basket",
            hint=f"Possible: {', '.join(costs) or 'none'}.",
            methods=list(costs),
        )
    if not costs:
        raise Refused(
            "no_shipping_rate",
            "No shipping rate fits this address and basket",
            hint="See `shopctl store shipping list`.",
            weight_grams=weight,
        )
    chosen = method or min(costs, key=lambda name: (costs[name], name))
    return chosen, costs[chosen]


def _fits(rate: ShippingRate, weight: int, subtotal: int) -> bool:
    return (
        rate.min_weight_grams <= weight
        and (rate.max_weight_grams is None or weight < rate.max_weight_grams)
        and rate.min_total <= subtotal
        and (rate.max_total is None or subtotal < rate.max_total)
    )


def _cost(rate: ShippingRate, subtotal: int) -> int:
    return 0 if rate.free_above is not None and subtotal >= rate.free_above else rate.amount
