"""The core: use cases over a Shop. Knows no face.

Its modules are loaded when they are first named (`core.orders.ship`), so that a command pays only for what it runs.
"""

from typing import TYPE_CHECKING

from shopctl.lazy import modules_of

if TYPE_CHECKING:
    from shopctl.core import (
        accounts,
        cart,
        catalog,
        checkout,
        customers,
        db,
        demo,
        doctor,
        documents,
        erasure,
        housekeeping,
        imports,
        keys,
        letters,
        limits,
        metrics,
        moving,
        notices,
        orders,
        pause,
        payments,
        queries,
        rates,
        reconcile,
        recovery,
        rehearsal,
        reservations,
        sales,
        search,
        settings,
        settlement,
        stock,
        store,
        verify,
        webhooks,
        workers,
    )

    __all__ = [
        "accounts",
        "cart",
        "catalog",
        "checkout",
        "customers",
        "db",
        "demo",
        "doctor",
        "documents",
        "erasure",
        "housekeeping",
        "imports",
        "keys",
        "letters",
        "limits",
        "metrics",
        "moving",
        "notices",
        "orders",
        "pause",
        "payments",
        "queries",
        "rates",
        "reconcile",
        "recovery",
        "rehearsal",
        "reservations",
        "sales",
        "search",
        "settings",
        "settlement",
        "stock",
        "store",
        "verify",
        "webhooks",
        "workers",
    ]


__getattr__ = modules_of(__name__)
