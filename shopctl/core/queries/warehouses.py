"""Reads of warehouses: which there are, which is the first, which one is meant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from shopctl.core.db import engine as stores
from shopctl.core.db.tables import stock_levels, warehouses
from shopctl.core.db.unit_of_work import Row, UnitOfWork
from shopctl.core.errors import NotFound
from shopctl.core.queries import near

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
    return tx.rows(sa.select(warehouses).order_by(w.priority, stores.binary(tx.connection, w.code)))


def rows(tx: UnitOfWork) -> list[Warehouse]:
    """The warehouses in priority order, with what they hold."""
    c = stock_levels.c
    counted = sa.select(c.warehouse, sa.func.count(sa.distinct(c.sku)), sa.func.sum(c.quantity)).group_by(c.warehouse)
    held = {place: (skus, int(units)) for place, skus, units in tx.rows(counted)}
    return [
        Warehouse(row.code, row.name, row.priority, row.active, *held.get(row.code, (0, 0))) for row in in_order(tx)
    ]
