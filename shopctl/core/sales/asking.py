"""How often somebody may ask for a ticket: one customer, all who come from one source, and all for one sale's SKU."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import TYPE_CHECKING

from shopctl.core import limits
from shopctl.core.errors import Refused, TimedOut, Unavailable
from shopctl.core.limits import Limit
from shopctl.core.shop import Shop

if TYPE_CHECKING:
    from shopctl.core.sales.queue import Joining

BURST_SECONDS = 10
"""So much of a rate may come at once."""


def refused(shop: Shop, sale: str, wanted: Sequence[Joining]) -> list[Refused | None]:
    """Who asks too often. Who cannot be counted is let in: a limit must not shut a sale."""
    try:
        return limits.take_all(shop, [list(_limits(shop, sale, one)) for one in wanted])
    except (TimedOut, Unavailable):
        return [None] * len(wanted)


def source_of(address: str) -> str:
    """Where somebody asks from: of IPv6 the network (/64), of which one subscriber has all."""
    try:
        found = ip_address(address.strip())
    except ValueError:
        return address
    return str(IPv6Network((found, 64), strict=False)) if isinstance(found, IPv6Address) else str(found)


def _limits(shop: Shop, sale: str, one: Joining) -> Iterator[Limit]:
    facts = shop.facts
    named = (
        ("tickets of a customer", one.email, facts.sale_customer_rate),
        ("tickets of a source", one.source and source_of(one.source), facts.sale_source_rate),
        ("tickets for a SKU", f"{sale} {one.sku or ''}", facts.sale_sku_rate),
    )
    for name, subject, rate in named:
        if subject and rate:
            yield Limit(name, subject, rate / 60, max(1, rate * BURST_SECONDS // 60))
