"""The level rows: made where they are missing, given the policy of their SKU."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping

import sqlalchemy as sa

from shopctl.core.db import dialects
from shopctl.core.db.tables import stock_levels, variants
from shopctl.core.db.unit_of_work import UnitOfWork
from shopctl.core.errors import Refused
from shopctl.core.queries.warehouses import DEFAULT, default_warehouse
from shopctl.core.stock import buckets
from shopctl.core.stock.ledger import COUNTERS, GENERAL


def ensure_levels(tx: UnitOfWork, places: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
    """Make the level rows of (sku, warehouse) pairs that have none yet; those pairs, however many writers there are."""
    if not places:
        return set()
    c = stock_levels.c
    document = sa.literal(json.dumps(sorted(set(places)), ensure_ascii=False))
    place = dialects.json_rows(document, {"sku": c.sku.type, "warehouse": c.warehouse.type}).subquery()
    values = {
        "sku": variants.c.sku,
        "warehouse": place.c.warehouse,
        "pool": sa.literal(GENERAL),
        "bucket": sa.literal(0),
        **{name: sa.literal(0) for name in COUNTERS},
        "tracked": variants.c.tracked,
        "backorder_limit": sa.case(
            (place.c.warehouse == DEFAULT.scalar_subquery(), variants.c.backorder_limit), else_=0
        ),
        "updated_at": sa.literal(tx.now, c.updated_at.type),
    }
    rows = sa.select(*values.values()).join_from(place, variants, variants.c.sku == place.c.sku)
    insert = dialects.insert_new(tx.connection, stock_levels).from_select(
        list(values), rows.order_by(variants.c.sku, place.c.warehouse)
    )
    made = tx.rows(insert.on_conflict_do_nothing().returning(c.sku, c.warehouse))
    return {(row.sku, row.warehouse) for row in made}


def follow_policy(tx: UnitOfWork, policies: Mapping[str, tuple[bool, int]]) -> None:
    """Copy the variants' stock policy (tracked, backorder limit) to their levels, where the database enforces it.

    The limit is the SKU's, so one level has it, the default warehouse's: on each it would be sold as many times over. A sale's
    pool has none.
    """
    if not policies:
        return
    may_backorder = [sku for sku, (tracked, limit) in policies.items() if tracked and limit]
    if may_backorder:
        ensure_levels(tx, [(sku, default_warehouse(tx)) for sku in may_backorder])
    spread = buckets.spread_skus(tx, policies)
    rows = [{"k_sku": sku, "t": tracked, "l": units} for sku, (tracked, units) in sorted(policies.items())]
    tx.execute(_FOLLOW, [{**row, "l": None if row["k_sku"] in spread else row["l"], "now": tx.now} for row in rows])
    for sku in spread:
        if not buckets.follow(tx, sku, {default_warehouse(tx): policies[sku][1]}):
            raise Refused("insufficient_stock", f"More of {sku} is promised than could be had then", sku=sku)


def _follow() -> sa.Update:
    """`l` is None for a level in buckets, which share its limit."""
    c = stock_levels.c
    wanted = sa.bindparam("l", type_=c.backorder_limit.type)
    has_it = sa.and_(c.warehouse == DEFAULT.scalar_subquery(), c.pool == GENERAL)
    limit = sa.case((wanted.is_(None), c.backorder_limit), (has_it, wanted), else_=0)
    return (
        sa.update(stock_levels)
        .where(c.sku == sa.bindparam("k_sku"))
        .where(sa.or_(c.tracked != sa.bindparam("t"), c.backorder_limit != limit))
        .values(
            tracked=sa.bindparam("t"), backorder_limit=limit, updated_at=sa.bindparam("now", type_=c.updated_at.type)
        )
    )


_FOLLOW = _follow()
_KEEP = (
    sa.update(stock_levels)
    .where(stock_levels.c.sku == sa.bindparam("k_sku"), stock_levels.c.warehouse == sa.bindparam("k_warehouse"))
    .where(stock_levels.c.pool == GENERAL, stock_levels.c.bucket == 0)
    .values(safety_stock=sa.bindparam("safe"), updated_at=sa.bindparam("now", type_=stock_levels.c.updated_at.type))
)


def keep_safe(tx: UnitOfWork, units: Mapping[tuple[str, str], int]) -> None:
    """Set how many units of each (sku, warehouse) are never held for a shopper."""
    if not units:
        return
    spread = buckets.locked(tx, {sku for sku, _ in units})
    rows = [
        {"k_sku": sku, "k_warehouse": place, "safe": safe, "now": tx.now}
        for (sku, place), safe in sorted(units.items())
        if (sku, place) not in spread
    ]
    if rows:
        tx.execute(_KEEP, rows)
    for place, found in spread.items():
        if place in units:
            buckets.keep_back(tx, found, units[place])
