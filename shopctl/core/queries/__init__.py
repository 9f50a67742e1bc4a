"""Reads for lists and screens → frozen rows; never writes. Loaded when first named, like the core itself."""

from typing import TYPE_CHECKING

from shopctl.lazy import modules_of

if TYPE_CHECKING:
    from shopctl.core.queries import (
        carts,
        catalog,
        customers,
        events,
        listing,
        orders,
        overview,
        parcels,
        rates,
        reservations,
        sourcing,
        stock,
        warehouses,
    )

    __all__ = [
        "carts",
        "catalog",
        "customers",
        "events",
        "listing",
        "orders",
        "overview",
        "parcels",
        "rates",
        "reservations",
        "sourcing",
        "stock",
        "warehouses",
    ]


__getattr__ = modules_of(__name__)
