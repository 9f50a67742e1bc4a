"""The level rows: made where they are missing, given the policy of their SKU, mended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from shopctl.core.db import engine as stores
from shopctl.core.db.tables import stock_levels, stock_movements, variants
from shopctl.core.db.unit_of_work import UnitOfWork
from shopctl.core.queries.warehouses import DEFAULT, default_warehouse
from shopctl.core.stock import low
from shopctl.core.stock.ledger import COUNTERS, GENERAL


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A level's counters and what its movements sum to; `before` is None for a level that there is not."""

    before: Mapping[str, int] | None
    after: Mapping[str, int]
    possible: bool


def ensure_levels(tx: UnitOfWork, places: Sequence[tuple[str, str]]) -> None:
    """Make the level rows of (sku, warehouse) pairs that have none yet."""
    if not places:
        return
    to_warehouse = sa.bindparam("to_warehouse", type_=stock_levels.c.warehouse.type)
    row = sa.select(
        variants.c.sku,
        to_warehouse,
        sa.literal(GENERAL),
        *(sa.literal(0) for _ in range(4)),
        variants.c.tracked,
        sa.case((to_warehouse == DEFAULT.scalar_subquery(), variants.c.backorder_limit), else_=0),
        sa.literal(0),
        sa.bindparam("now", type_=stock_levels.c.updated_at.type),
    ).where(variants.c.sku == sa.bindparam("of_sku"))
    columns = [c.name for c in stock_levels.c]
    statement = stores.insert_new(tx.connection, stock_levels).from_select(columns, row).on_conflict_do_nothing()
    tx.execute(statement, [{"of_sku": sku, "to_warehouse": code, "now": tx.now} for sku, code in sorted(set(places))])


def follow_policy(tx: UnitOfWork, policies: Mapping[str, tuple[bool, int]]) -> None:
    """Copy the variants' stock policy (tracked, backorder limit) to their levels, where the database enforces it.

    The limit is the SKU's, so one level has it, the default warehouse's: on each it would be sold as many times over.
    """
    if not policies:
        return
    may_backorder = [sku for sku, (tracked, limit) in policies.items() if tracked and limit]
    if may_backorder:
        ensure_levels(tx, [(sku, default_warehouse(tx)) for sku in may_backorder])
    c = stock_levels.c
    limit = sa.case(
        (c.warehouse == DEFAULT.scalar_subquery(), sa.bindparam("l", type_=c.backorder_limit.type)), else_=0
    )
    statement = (
        sa.update(stock_levels)
        .where(c.sku == sa.bindparam("k_sku"))
        .where(sa.or_(c.tracked != sa.bindparam("t"), c.backorder_limit != limit))
        .values(tracked=sa.bindparam("t"), backorder_limit=limit, updated_at=tx.now)
    )
    tx.execute(statement, [{"k_sku": sku, "t": tracked, "l": units} for sku, (tracked, units) in policies.items()])


def keep_safe(tx: UnitOfWork, units: Mapping[tuple[str, str], int]) -> None:
    """Set how many units of each (sku, warehouse) are never held for a shopper."""
    c = stock_levels.c
    statement = (
        sa.update(stock_levels)
        .where(c.sku == sa.bindparam("k_sku"), c.warehouse == sa.bindparam("k_warehouse"))
        .where(c.pool == GENERAL, c.bucket == 0)
        .values(safety_stock=sa.bindparam("safe"), updated_at=tx.now)
    )
    rows = [{"k_sku": sku, "k_warehouse": place, "safe": safe} for (sku, place), safe in sorted(units.items())]
    if rows:
        tx.execute(statement, rows)


def rewrite_level(tx: UnitOfWork, *, sku: str, warehouse: str, pool: str, bucket: int) -> Rewritten:
    """Make a level's counters what its movements sum to, if a level can be that. The ledger stays as it is."""
    if pool == GENERAL and bucket == 0:
        ensure_levels(tx, [(sku, warehouse)])
    place = {"sku": sku, "warehouse": warehouse, "pool": pool, "bucket": bucket}
    mine = [stock_levels.c[name] == value for name, value in place.items()]
    level = tx.row(sa.select(stock_levels).where(*mine).with_for_update())
    sums = sa.select(*(sa.func.coalesce(sa.func.sum(stock_movements.c[name]), 0) for name in COUNTERS))
    summed = tx.rows(sums.where(*(stock_movements.c[name] == value for name, value in place.items())))[0]
    after = {name: int(value) for name, value in zip(COUNTERS, summed, strict=True)}
    if level is None:
        return Rewritten(None, after, False)
    before = {name: getattr(level, name) for name in COUNTERS}
    promised = after["reserved"] + after["committed"]
    possible = min(after.values()) >= 0 and promised <= after["quantity"] + level.backorder_limit
    if possible:
        tx.execute(sa.update(stock_levels).where(*mine).values(**after, updated_at=tx.now))
        change = {name: after[name] - before[name] for name in COUNTERS}
        low.tell(tx, [(sku, warehouse, change["quantity"] - change["committed"])])
    return Rewritten(before, after, possible)
