"""Reads of warehouses: which there are, which is the first, which one is meant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from shopctl.core.db.tables import stock_levels, warehouses
from shopctl.core.db.unit_of_work import Row, UnitOfWork
from shopctl.core.errors import NotFound
from shopctl.core.queries import near
from shopctl.core.queries.listing import Listing

w = warehouses.c
DEFAULT = sa.select(w.code).where(w.active).order_by(w.priority, w.code).limit(1)


@dataclass(frozen=True, slots=True)
class Warehouse:
    """A place with what lies there. Shoppers are promised nothing from one that is not active."""

    code: str
    name: str
    priority: int
    active: bool
    skus: int
    units: int


def _build(_: UnitOfWork, rows: Sequence[Row]) -> list[Warehouse]:
    return [Warehouse(row.code, row.name, row.priority, row.active, row.skus, int(row.units)) for row in rows]


def _held(what: sa.ColumnElement[int]) -> sa.ScalarSelect[int]:
    return sa.select(what).where(stock_levels.c.warehouse == w.code).scalar_subquery()


_SKUS = _held(sa.func.count(sa.distinct(stock_levels.c.sku)))
_UNITS = _held(sa.func.coalesce(sa.func.sum(stock_levels.c.quantity), 0))
LIST: Listing[Warehouse] = Listing(
    sa.select(warehouses, _SKUS.label("skus"), _UNITS.label("units")),
    {"code": w.code, "name": w.name, "priority": w.priority, "active": w.active, "skus": _SKUS, "units": _UNITS},
    ("code", "name"),
    (w.priority, w.code),
    _build,
)


def default_warehouse(tx: UnitOfWork) -> str:
    """The active warehouse with the first priority."""
    code = tx.execute(DEFAULT).scalar()
    if code is None:
        raise NotFound(
            "no_warehouse", "The shop has no active warehouse", hint="Add one: shopctl stock warehouses add CODE."
        )
    return str(code)


def known_warehouse(tx: UnitOfWork, code: str) -> str:
    """The code, if there is such a warehouse; NotFound(unknown_warehouse)."""
    if not tx.row(sa.select(w.code).where(w.code == code)):
        raise unknown_warehouse(tx, code)
    return code


def unknown_warehouse(tx: UnitOfWork, code: str) -> NotFound:
    hint = near.hint(tx, w.code, code, otherwise="See `shopctl stock warehouses list`.")
    return NotFound("unknown_warehouse", f"There is no warehouse {code!r}", hint=hint, warehouse=code)


def in_order(tx: UnitOfWork) -> Sequence[Row]:
    """Every warehouse's row, by priority."""
    return tx.rows(sa.select(warehouses).order_by(w.priority, w.code))
