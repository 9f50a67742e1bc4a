"""Reads for lists and screens → frozen rows; never writes. Loaded when first named, like the core itself."""

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shopctl.core.queries import carts, catalog, customers, listing, orders, overview, rates, reservations, stock

    __all__ = ["carts", "catalog", "customers", "listing", "orders", "overview", "rates", "reservations", "stock"]


def __getattr__(name: str) -> ModuleType:
    try:
        return import_module(f"{__name__}.{name}")
    except ModuleNotFoundError as error:
        if error.name == f"{__name__}.{name}":
            raise AttributeError(name) from None
        raise
