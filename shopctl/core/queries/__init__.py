"""Reads for lists and screens → frozen rows; never writes. Loaded when first named, like the core itself."""

from typing import TYPE_CHECKING

from shopctl.lazy import modules_of

if TYPE_CHECKING:
    from shopctl.core.queries import (
        access,
        carts,
        catalog,
        customers,
        events,
        keys,
        letters,
        listing,
        orders,
        overview,
        parcels,
        payments,
        pools,
        rates,
        related,
        reports,
        reservations,
        sales,
        sourcing,
        stock,
        tickets,
        tracking,
        warehouses,
        webhooks,
    )

    __all__ = [
        "access",
        "carts",
        "catalog",
        "customers",
        "events",
        "keys",
        "letters",
        "listing",
        "orders",
        "overview",
        "parcels",
        "payments",
        "pools",
        "rates",
        "related",
        "reports",
        "reservations",
        "sales",
        "sourcing",
        "stock",
        "tickets",
        "tracking",
        "warehouses",
        "webhooks",
    ]


__getattr__ = modules_of(__name__)
