"""The places: opened, renamed, ranked, closed.

An inactive warehouse promises nothing new: it has no part in new holds, in what can be had and in thresholds. What is
held or sold from it stays so, and is paid, shipped or given back as ever; its stock is counted and moved as ever.
"""

from __future__ import annotations

import sqlalchemy as sa

from shopctl.core.db.tables import stock_levels, variants, warehouses
from shopctl.core.db.unit_of_work import Row, UnitOfWork
from shopctl.core.domain import text
from shopctl.core.errors import BadInput, Refused
from shopctl.core.queries import stock as reads
from shopctl.core.queries.warehouses import DEFAULT, default_warehouse, known_warehouse
from shopctl.core.shop import Shop, retried
from shopctl.core.stock import low
from shopctl.core.stock.levels import follow_policy

_CHUNK = 500
MAX_PRIORITY = 1_000_000


# --- steps ---------------------------------------------------------------------------------------------------------
def make_warehouse(tx: UnitOfWork, *, code: str, name: str | None = None, priority: int | None = None) -> Row:
    """Open a warehouse; without a priority it comes last."""
    name, priority = _name(name), _priority(priority)
    if tx.row(sa.select(warehouses.c.code).where(warehouses.c.code == code)):
        raise Refused("warehouse_exists", f"There is a warehouse {code!r} already", warehouse=code)
    first = tx.execute(DEFAULT).scalar()
    last = tx.execute(sa.select(sa.func.coalesce(sa.func.max(warehouses.c.priority), 0))).scalar_one()
    row = {"code": code, "name": name or code, "priority": last + 1 if priority is None else priority}
    tx.insert(warehouses, [{**row, "active": True, "created_at": tx.now}])
    _follow_the_first(tx, first)
    return _row(tx, code)


# --- use cases -----------------------------------------------------------------------------------------------------
@retried
def add_warehouse(shop: Shop, *, code: str, name: str | None = None, priority: int | None = None) -> dict[str, object]:
    """Open a warehouse; without a priority it comes last."""
    try:
        text.sku(code)
    except ValueError as error:
        raise BadInput("bad_warehouse", f"A warehouse code {error}", value=code) from None
    with shop.work("stock.warehouses.add", code) as tx:
        row = make_warehouse(tx, code=code, name=name, priority=priority)
        tx.commit()
    return _shown(row)


@retried
def edit_warehouse(
    shop: Shop, *, code: str, name: str | None = None, priority: int | None = None, active: bool | None = None
) -> dict[str, object]:
    """Rename a warehouse, rank it anew, close it or open it again; the module says what closing means."""
    said = {"name": _name(name), "priority": _priority(priority), "active": active}
    changes = {field: value for field, value in said.items() if value is not None}
    if not changes:
        raise BadInput("nothing_to_change", "Name what to change: a name, a priority, active or not")
    with shop.work("stock.warehouses.edit", code) as tx:
        known_warehouse(tx, code)
        first, were_low = tx.execute(DEFAULT).scalar(), _low_in(tx, code)
        tx.execute(sa.update(warehouses).where(warehouses.c.code == code).values(**changes))
        if not tx.execute(DEFAULT).scalar():
            raise Refused(
                "last_warehouse",
                f"{code} is the last active warehouse; a shop needs one",
                hint="Open another first: shopctl stock warehouses add CODE.",
                warehouse=code,
            )
        _follow_the_first(tx, first)
        for sku, found in reads.thresholds(tx, sorted(were_low ^ _low_in(tx, code))).items():
            low.crossed(tx, sku, int(found.units), found.threshold)
        row = _row(tx, code)
        tx.commit()
    return _shown(row)


# --- how it works --------------------------------------------------------------------------------------------------
def _follow_the_first(tx: UnitOfWork, before: str | None) -> None:
    """Backorder limits lie with the first warehouse: when another becomes it, they go along.

    Not while the one before owes units that are not there: its limit is what lets it.
    """
    now = default_warehouse(tx)
    if before is None or now == before:
        return
    c = stock_levels.c
    owing = (
        sa.select(c.sku)
        .where(c.warehouse == before)
        .group_by(c.sku)
        .having(sa.func.sum(c.reserved + c.committed) > sa.func.sum(c.quantity))
        .order_by(c.sku)
        .limit(1)
    )
    if owed := tx.execute(owing).scalar():
        raise Refused(
            "units_owed",
            f"{before} has to stay the first warehouse for now: it owes units of {owed} that are not there yet",
            hint="Receive them there first; backorders go with the first warehouse.",
            warehouse=before,
            sku=owed,
        )
    v = variants.c
    page = sa.select(v.sku, v.tracked, v.backorder_limit).where(v.backorder_limit > 0, v.sku > sa.bindparam("last"))
    last = ""
    while rows := tx.rows(page.order_by(v.sku).limit(_CHUNK), {"last": last}):
        follow_policy(tx, {row.sku: (row.tracked, row.backorder_limit) for row in rows})
        last = rows[-1].sku


def _low_in(tx: UnitOfWork, code: str) -> set[str]:
    """The SKUs with a level here that are low, over all warehouses."""
    here = sa.select(stock_levels.c.sku).where(stock_levels.c.warehouse == code, reads.IS_LOW).distinct()
    return {row.sku for row in tx.rows(here, reads.given(tx))}


def _row(tx: UnitOfWork, code: str) -> Row:
    return tx.rows(sa.select(warehouses).where(warehouses.c.code == code))[0]


def _shown(row: Row) -> dict[str, object]:
    return {name: getattr(row, name) for name in ("code", "name", "priority", "active")}


def _name(name: str | None) -> str | None:
    if name is None:
        return None
    try:
        found = text.storable(name.strip())
    except ValueError as error:
        raise BadInput("bad_name", f"A warehouse's name {error}", value=name) from None
    if not 1 <= len(found) <= 200:
        raise BadInput("bad_name", "A warehouse's name has 1 to 200 characters", value=name)
    return found


def _priority(priority: int | None) -> int | None:
    if priority is not None and not 0 <= priority <= MAX_PRIORITY:
        raise BadInput("bad_priority", f"A priority is 0 to {MAX_PRIORITY}; 1 ships first", value=priority)
    return priority
