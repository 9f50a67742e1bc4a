"""The core: use cases over a Shop. Knows no face.

Its modules are loaded when they are first named (`core.orders.ship`), so that a command pays only for what it runs.
"""

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shopctl.core import (
        cart,
        catalog,
        checkout,
        customers,
        housekeeping,
        orders,
        payments,
        queries,
        rates,
        reservations,
        search,
        settings,
        settlement,
        stock,
        store,
        verify,
    )

    __all__ = [
        "cart",
        "catalog",
        "checkout",
        "customers",
        "housekeeping",
        "orders",
        "payments",
        "queries",
        "rates",
        "reservations",
        "search",
        "settings",
        "settlement",
        "stock",
        "store",
        "verify",
    ]


def __getattr__(name: str) -> ModuleType:
    try:
        return import_module(f"{__name__}.{name}")
    except ModuleNotFoundError as error:
        if error.name == f"{__name__}.{name}":
            raise AttributeError(name) from None
        raise
