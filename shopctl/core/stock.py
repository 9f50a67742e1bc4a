"""Stock: levels per SKU, warehouse, pool and bucket, and the append-only ledger of movements that they are sums of.

Every change of a counter goes through `move`: one guarded statement for all levels, then their movements. The guard
decides whether there is enough; nothing is read first and decided in Python.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from shopctl.core import outbox
from shopctl.core.db import engine as stores
from shopctl.core.db.tables import (
    MAX_QUANTITY,
    order_allocations,
    stock_levels,
    stock_movements,
    variants,
    warehouses,
)
from shopctl.core.db.unit_of_work import UnitOfWork
from shopctl.core.domain import text
from shopctl.core.errors import BadInput, NotFound, Refused
from shopctl.core.queries.catalog import find_variant
from shopctl.core.queries.stock import StockRow, level_of
from shopctl.core.shop import Shop

GENERAL = "general"
COUNTERS = ("quantity", "reserved", "committed")


@dataclass(frozen=True, slots=True)
class Move:
    """A change of one level's counters. `reservation_id` and `reference` say what it belongs to."""

    sku: str
    warehouse: str
    pool: str = GENERAL
    bucket: int = 0
    quantity: int = 0
    reserved: int = 0
    committed: int = 0
    reference: str | None = None
    reservation_id: str | None = None


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A level's counters and what its movements sum to; `before` is None for a level that there is not."""

    before: Mapping[str, int] | None
    after: Mapping[str, int]
    possible: bool


def _guarded() -> sa.Update:
    c, add = stock_levels.c, sa.bindparam
    quantity, reserved, committed = c.quantity + add("dq"), c.reserved + add("dr"), c.committed + add("dc")
    return (
        sa.update(stock_levels)
        .where(
            c.sku == add("k_sku"),
            c.warehouse == add("k_warehouse"),
            c.pool == add("k_pool"),
            c.bucket == add("k_bucket"),
        )
        .where(quantity >= 0, reserved >= 0, committed >= 0, reserved + committed <= quantity + c.backorder_limit)
        .values(quantity=quantity, reserved=reserved, committed=committed, updated_at=add("now"))
    )


GUARDED_MOVE = _guarded()
_APPEND = sa.insert(stock_movements)


# --- steps ---------------------------------------------------------------------------------------------------------
def move(tx: UnitOfWork, kind: str, moves: Sequence[Move], *, reason: str | None = None) -> bool:
    """Apply moves, all in (sku, warehouse) order; False, with the ledger untouched, when a level refused one.

    After False the levels are half changed: the caller rolls back, or has moved only one.
    """
    if not moves:
        return True
    ordered = sorted(moves, key=lambda m: (m.sku, m.warehouse, m.pool, m.bucket))
    changed = tx.execute(
        GUARDED_MOVE,
        [
            {
                "k_sku": m.sku,
                "k_warehouse": m.warehouse,
                "k_pool": m.pool,
                "k_bucket": m.bucket,
                "dq": m.quantity,
                "dr": m.reserved,
                "dc": m.committed,
                "now": tx.now,
            }
            for m in ordered
        ],
    )
    if changed.rowcount != len(ordered):
        return False
    tx.execute(
        _APPEND,
        [
            {
                "sku": m.sku,
                "warehouse": m.warehouse,
                "pool": m.pool,
                "bucket": m.bucket,
                "kind": kind,
                "quantity": m.quantity,
                "reserved": m.reserved,
                "committed": m.committed,
                "reason": reason,
                "reference": m.reference,
                "reservation_id": m.reservation_id,
                "actor": tx.actor,
                "request_id": tx.request_id,
                "at": tx.now,
            }
            for m in ordered
        ],
    )
    return True


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
        sa.case((to_warehouse == _DEFAULT.scalar_subquery(), variants.c.backorder_limit), else_=0),
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
        (c.warehouse == _DEFAULT.scalar_subquery(), sa.bindparam("l", type_=c.backorder_limit.type)), else_=0
    )
    statement = (
        sa.update(stock_levels)
        .where(c.sku == sa.bindparam("k_sku"))
        .where(sa.or_(c.tracked != sa.bindparam("t"), c.backorder_limit != limit))
        .values(tracked=sa.bindparam("t"), backorder_limit=limit, updated_at=tx.now)
    )
    tx.execute(statement, [{"k_sku": sku, "t": tracked, "l": units} for sku, (tracked, units) in policies.items()])


_DEFAULT = (
    sa.select(warehouses.c.code).where(warehouses.c.active).order_by(warehouses.c.priority, warehouses.c.code).limit(1)
)


def default_warehouse(tx: UnitOfWork) -> str:
    """The active warehouse with the first priority."""
    code = tx.execute(_DEFAULT).scalar()
    if code is None:
        raise NotFound(
            "no_warehouse", "The shop has no active warehouse", hint="Add one: shopctl stock warehouses add CODE."
        )
    return str(code)


def book(tx: UnitOfWork, kind: str, *, sku: str, warehouse: str, quantity: int, reason: str | None) -> None:
    """Change what is on hand by `quantity` (never 0), making the level where it is new."""
    ensure_levels(tx, [(sku, warehouse)])
    if not move(tx, kind, [Move(sku, warehouse, quantity=quantity)], reason=reason):
        level = level_of(tx, sku, warehouse)
        raise Refused(
            "insufficient_stock",
            f"{sku} in {warehouse} cannot change by {quantity:+d}: "
            f"{level.quantity} on hand, {level.reserved} reserved, {level.committed} committed",
            sku=sku,
            warehouse=warehouse,
            requested=quantity,
            available=level.available,
        )
    outbox.add(tx, f"stock.{kind}", sku, warehouse=warehouse, quantity=quantity, reason=reason)


def open_stock(tx: UnitOfWork, openings: Mapping[str, int]) -> set[str]:
    """Book opening stock for SKUs without any movement; the SKUs that had some, whose opening is ignored."""
    if not openings:
        return set()
    skus = sorted(openings)
    here = stores.among(tx.connection, stock_movements.c.sku, skus)
    moved = {row.sku for row in tx.rows(sa.select(stock_movements.c.sku).where(here).distinct())}
    fresh = {sku: openings[sku] for sku in skus if sku not in moved and openings[sku]}
    if fresh:
        _open(tx, fresh, default_warehouse(tx))
    return {sku for sku in moved if openings[sku]}


def _open(tx: UnitOfWork, fresh: Mapping[str, int], warehouse: str) -> None:
    """Levels and movements of SKUs that never moved, two statements for all. No guard: nothing can be promised yet."""
    opening, level, movement = stores.pairs(tx.connection, fresh), stock_levels.c, stock_movements.c
    zero, now = sa.literal(0), sa.literal(tx.now, level.updated_at.type)
    place = (sa.literal(warehouse), sa.literal(GENERAL), zero)
    rows = (
        sa.select(
            variants.c.sku,
            *place,
            opening.c.value,
            zero,
            zero,
            variants.c.tracked,
            variants.c.backorder_limit,
            zero,
            now,
        )
        .where(variants.c.sku == opening.c.key)
        .order_by(variants.c.sku)
    )
    insert = stores.insert_new(tx.connection, stock_levels).from_select([c.name for c in level], rows)
    tx.execute(
        insert.on_conflict_do_update(
            index_elements=list(stock_levels.primary_key),
            set_={
                "quantity": level.quantity + insert.excluded.quantity,
                "updated_at": insert.excluded.updated_at,
            },
        )
    )
    fixed = {
        "kind": sa.literal("receive"),
        "reserved": zero,
        "committed": zero,
        "reason": sa.literal("opening stock"),
        "actor": sa.literal(tx.actor),
        "request_id": sa.literal(tx.request_id, movement.request_id.type),
        "at": now,
    }
    columns = ["sku", "warehouse", "pool", "bucket", "quantity", *fixed]
    entries = sa.select(opening.c.key, *place, opening.c.value, *fixed.values()).order_by(opening.c.key)
    tx.execute(sa.insert(stock_movements).from_select(columns, entries))


def uncommitted_units(tx: UnitOfWork, order_id: str, reference: str) -> None:
    """Give back everything that an order still has committed: the units become available again."""
    a = order_allocations.c
    left = tx.rows(
        sa.select(order_allocations).where(a.order_id == order_id, a.quantity > a.shipped + a.cancelled).order_by(a.sku)
    )
    moves = [
        Move(
            row.sku,
            row.warehouse,
            row.pool,
            row.bucket,
            committed=row.shipped + row.cancelled - row.quantity,
            reference=reference,
            reservation_id=row.reservation_id,
        )
        for row in left
    ]
    if not move(tx, "uncommit", moves):
        raise books_disagree(reference)


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
    return Rewritten(before, after, possible)


def books_disagree(reference: str) -> Refused:
    return Refused(
        "books_disagree",
        f"The stock levels do not hold what {reference} should have",
        hint="Run `shopctl verify`.",
    )


# --- use cases -----------------------------------------------------------------------------------------------------
def receive(
    shop: Shop, *, sku: str, quantity: int, warehouse: str | None = None, reason: str | None = None
) -> StockRow:
    """Goods arrived: add `quantity` units (1 or more) on hand."""
    if quantity <= 0:
        raise BadInput("bad_quantity", f"A quantity to receive is 1 or more, not {quantity}", quantity=quantity)
    return _book(shop, "receive", sku, quantity, warehouse, reason)


def receive_all(shop: Shop, *, rows: Sequence[tuple[str, str, int]], reason: str) -> int:
    """Many goods arrived at once, as (sku, warehouse, quantity): all of them or none; the units."""
    with shop.work("stock.receive", reason) as tx:
        ensure_levels(tx, [(sku, warehouse) for sku, warehouse, _ in rows])
        moves = [Move(sku, warehouse, quantity=quantity) for sku, warehouse, quantity in rows if quantity > 0]
        if not move(tx, "receive", moves, reason=reason):
            raise NotFound("unknown_place", "A SKU or warehouse among the received goods does not exist")
        outbox.add(tx, "stock.receive", reason, rows=len(moves))
        tx.commit()
    return sum(moved.quantity for moved in moves)


def adjust(shop: Shop, *, sku: str, quantity: int, reason: str, warehouse: str | None = None) -> StockRow:
    """Correct what is on hand by ±`quantity`, with a reason; never below what is reserved and committed."""
    if quantity == 0:
        raise BadInput("bad_quantity", "An adjustment of 0 changes nothing", quantity=quantity)
    if not reason.strip():
        raise BadInput("reason_missing", "An adjustment needs a reason")
    return _book(shop, "adjust", sku, quantity, warehouse, reason)


def add_warehouse(shop: Shop, *, code: str, name: str | None = None, priority: int | None = None) -> dict[str, object]:
    """Open a warehouse; without a priority it comes last."""
    try:
        text.sku(code)
    except ValueError as error:
        raise BadInput("bad_warehouse", f"A warehouse code {error}", value=code) from None
    with shop.work("stock.warehouses.add", code) as tx:
        if tx.row(sa.select(warehouses.c.code).where(warehouses.c.code == code)):
            raise Refused("warehouse_exists", f"There is a warehouse {code!r} already", warehouse=code)
        last = tx.execute(sa.select(sa.func.coalesce(sa.func.max(warehouses.c.priority), 0))).scalar_one()
        row = {"code": code, "name": name or code, "priority": last + 1 if priority is None else priority}
        tx.insert(warehouses, [{**row, "active": True, "created_at": tx.now}])
        tx.commit()
    return row


def _book(shop: Shop, kind: str, sku: str, quantity: int, warehouse: str | None, reason: str | None) -> StockRow:
    if abs(quantity) > MAX_QUANTITY:
        raise BadInput("bad_quantity", f"{quantity} is more than a level can hold ({MAX_QUANTITY})", quantity=quantity)
    with shop.work(f"stock.{kind}", sku) as tx:
        find_variant(tx, sku)
        place = _known_warehouse(tx, warehouse) if warehouse else default_warehouse(tx)
        book(tx, kind, sku=sku, warehouse=place, quantity=quantity, reason=reason)
        row = level_of(tx, sku, place)
        tx.commit()
    return row


def _known_warehouse(tx: UnitOfWork, code: str) -> str:
    if not tx.row(sa.select(warehouses.c.code).where(warehouses.c.code == code)):
        raise NotFound("unknown_warehouse", f"There is no warehouse {code!r}", warehouse=code)
    return code
