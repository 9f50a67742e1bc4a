"""Facets: what a filter would find, counted over every product that was found."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from shopctl.core.domain import money
from shopctl.core.queries.search import Candidate

FACET_VALUES = 20


@dataclass(frozen=True, slots=True)
class FacetValue:
    """A value, and how many of the products found a search for it would leave."""

    value: str
    count: int


_PRODUCT_FACETS = ("brand", "category", "tags", "in_stock", "price")


def facets(shown: Sequence[Candidate], currency: str) -> dict[str, list[FacetValue]]:
    """Values of all the products found, each product counted once a value; of its variants only those that are meant."""
    counts: dict[str, Counter[str]] = {name: Counter() for name in _PRODUCT_FACETS}
    counts["brand"].update(one.product.brand for one in shown if one.product.brand)
    counts["category"].update(one.product.category for one in shown if one.product.category)
    counts["tags"].update(tag for one in shown for tag in set(one.product.tags))
    counts["in_stock"].update("yes" if any(v.in_stock for v in one.variants) else "no" for one in shown)
    bounds = _price_bounds(currency)
    bands = Counter(band for one in shown for band in {bisect_right(bounds, v.price) for v in one.variants})
    for band, count in bands.items():
        low, high = bounds[band - 1], bounds[band] - 1
        counts["price"][f"{money.format_amount(low, currency)}-{money.format_amount(high, currency)}"] = count
    options = Counter(pair for one in shown for pair in {pair for v in one.variants for pair in v.options.items()})
    for (name, value), count in options.items():
        counts.setdefault(f"option {name}" if name in _PRODUCT_FACETS else name, Counter())[value] = count
    return {name: _most(counter) for name, counter in counts.items()}


def _most(counter: Counter[str]) -> list[FacetValue]:
    ranked = sorted(counter.items(), key=lambda item: (-item[1], item[0]))
    return [FacetValue(value, count) for value, count in ranked[:FACET_VALUES]]


@lru_cache
def _price_bounds(currency: str) -> Sequence[int]:
    """Where the bands of prices begin, in minor units: 0.00, 1.00, 2.00, 5.00, 10.00, 20.00 and so on, beyond any price."""
    one = 10 ** money.digits(currency)
    bounds = (one * step * 10**power for power in range(18) for step in (1, 2, 5))
    return [0, *(bound for bound in bounds if bound <= 10 * money.MAX_AMOUNT)]
