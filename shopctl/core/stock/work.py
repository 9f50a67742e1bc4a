"""An operator's work on stock: receive, adjust, transfer, set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shopctl.core import outbox
from shopctl.core.db.tables import MAX_QUANTITY
from shopctl.core.db.unit_of_work import UnitOfWork
from shopctl.core.domain.buckets import MOST
from shopctl.core.errors import BadInput, NotFound, Refused
from shopctl.core.queries.catalog import find_variant
from shopctl.core.queries.stock import StockRow, level_of, show
from shopctl.core.queries.warehouses import default_warehouse, known_warehouse
from shopctl.core.shop import Shop, retried
from shopctl.core.stock.buckets import book, spread_over
from shopctl.core.stock.counts import Count, take_stock
from shopctl.core.stock.ledger import Move
from shopctl.core.stock.levels import ensure_levels

STOCK_TAKE = "stock take"


@dataclass(frozen=True, slots=True)
class Transferred:
    """Units that went from one warehouse to another, and what both levels are now."""

    sku: str
    quantity: int
    source: StockRow
    target: StockRow


@dataclass(frozen=True, slots=True)
class LevelSet(StockRow):
    """A level as it was set; `difference` is what was booked on hand, 0 for nothing."""

    difference: int


def receive(
    shop: Shop, *, sku: str, quantity: int, warehouse: str | None = None, reason: str | None = None
) -> StockRow:
    """Goods arrived: add `quantity` units (1 or more) on hand."""
    if quantity <= 0:
        raise BadInput("bad_quantity", f"A quantity to receive is 1 or more, not {quantity}", quantity=quantity)
    return _booked(shop, "receive", sku, quantity, warehouse, reason)


@retried
def receive_all(shop: Shop, *, rows: Sequence[tuple[str, str, int]], reason: str) -> int:
    """Many goods arrived at once, as (sku, warehouse, quantity): all of them or none; the units."""
    with shop.work("stock.receive", reason) as tx:
        ensure_levels(tx, [(sku, warehouse) for sku, warehouse, _ in rows])
        moves = [Move(sku, warehouse, quantity=quantity) for sku, warehouse, quantity in rows if quantity > 0]
        if not book(tx, "receive", moves, reason=reason):
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
    return _booked(shop, "adjust", sku, quantity, warehouse, reason)


@retried
def transfer(
    shop: Shop, *, sku: str, quantity: int, source: str, target: str, reason: str | None = None
) -> Transferred:
    """Move units to another warehouse, both levels at once; never what the source has reserved or committed."""
    if quantity <= 0:
        raise BadInput("bad_quantity", f"A quantity to transfer is 1 or more, not {quantity}", quantity=quantity)
    _bounded(quantity)
    if source == target:
        raise BadInput("same_warehouse", "A transfer is from one warehouse to another", warehouse=source)
    with shop.work("stock.transfer", sku) as tx:
        find_variant(tx, sku)
        for code in (source, target):
            known_warehouse(tx, code)
        ensure_levels(tx, [(sku, source), (sku, target)])
        moves = [
            Move(sku, source, quantity=-quantity, reference=f"to {target}"),
            Move(sku, target, quantity=quantity, reference=f"from {source}"),
        ]
        if not book(tx, "transfer", moves, reason=reason):
            raise _too_few(tx, sku, source, quantity)
        outbox.add(tx, "stock.transfer", sku, source=source, target=target, quantity=quantity)
        done = Transferred(sku, quantity, level_of(tx, sku, source), level_of(tx, sku, target))
        tx.commit()
    return done


@retried
def set_level(
    shop: Shop,
    *,
    sku: str,
    warehouse: str | None = None,
    quantity: int | None = None,
    safety_stock: int | None = None,
    reason: str | None = None,
) -> LevelSet:
    """Say what was counted on hand, how many units are kept back from shoppers, or both.

    The difference to what the books have is booked as an adjustment; a first level's as received.
    """
    if quantity is None and safety_stock is None:
        raise BadInput("nothing_to_set", "Say what was counted, or a safety stock")
    for name, units in (("quantity", quantity), ("safety stock", safety_stock)):
        if units is not None and not 0 <= units <= MAX_QUANTITY:
            raise BadInput("bad_quantity", f"A {name} is 0 to {MAX_QUANTITY}, not {units}", quantity=units)
    with shop.work("stock.set", sku) as tx:
        find_variant(tx, sku)
        place = known_warehouse(tx, warehouse) if warehouse else default_warehouse(tx)
        count = Count(sku, place, quantity, safety_stock)
        result = take_stock(tx, [count], reason=reason or STOCK_TAKE)[0]
        if result.problem:
            raise Refused(
                "insufficient_stock",
                f"{quantity} {sku} in {place} {result.problem}",
                hint="Release or cancel what is promised first.",
                sku=sku,
                warehouse=place,
                requested=quantity,
            )
        if result.changed:
            facts = {"warehouse": place, "quantity": result.after, "safety_stock": result.safety_after}
            outbox.add(tx, "stock.set", sku, **facts)
        row = level_of(tx, sku, place)
        tx.commit()
    fields = {name: getattr(row, name) for name in StockRow.__slots__}
    return LevelSet(**fields, difference=result.difference)


@retried
def spread(shop: Shop, *, sku: str, buckets: int, warehouse: str | None = None) -> Sequence[StockRow]:
    """Put a SKU's level into so many buckets, in one warehouse or wherever it is stocked; in 1 it is whole again.

    Many buyers at once do not queue for one row then; all of them together get what there is, as ever.
    """
    if not 1 <= buckets <= MOST:
        raise BadInput("bad_buckets", f"A level has 1 to {MOST} buckets, not {buckets}", buckets=buckets)
    with shop.work("stock.spread", sku) as tx:
        find_variant(tx, sku)
        if warehouse:
            ensure_levels(tx, [(sku, known_warehouse(tx, warehouse))])
        places = [warehouse] if warehouse else [row.warehouse for row in show(tx, sku)]
        if not places:
            raise Refused(
                "not_stocked", f"{sku} is stocked nowhere", hint="Receive it first, or name a warehouse.", sku=sku
            )
        spread_over(tx, sku, places, buckets)
        found = [level_of(tx, sku, place) for place in places]
        tx.commit()
    return found


@retried
def _booked(shop: Shop, kind: str, sku: str, quantity: int, warehouse: str | None, reason: str | None) -> StockRow:
    _bounded(quantity)
    with shop.work(f"stock.{kind}", sku) as tx:
        find_variant(tx, sku)
        place = known_warehouse(tx, warehouse) if warehouse else default_warehouse(tx)
        ensure_levels(tx, [(sku, place)])
        if not book(tx, kind, [Move(sku, place, quantity=quantity)], reason=reason):
            raise _cannot_change(tx, sku, place, quantity)
        outbox.add(tx, f"stock.{kind}", sku, warehouse=place, quantity=quantity, reason=reason)
        row = level_of(tx, sku, place)
        tx.commit()
    return row


def _cannot_change(tx: UnitOfWork, sku: str, warehouse: str, quantity: int) -> Refused:
    level = level_of(tx, sku, warehouse)
    return Refused(
        "insufficient_stock",
        f"{sku} in {warehouse} cannot change by {quantity:+d}: "
        f"{level.quantity} on hand, {level.reserved} reserved, {level.committed} committed",
        sku=sku,
        warehouse=warehouse,
        requested=quantity,
        available=level.available,
    )


def _too_few(tx: UnitOfWork, sku: str, warehouse: str, quantity: int) -> Refused:
    level = level_of(tx, sku, warehouse)  # its own move was refused: it is as it was
    return Refused(
        "insufficient_stock",
        f"{quantity} {sku} cannot leave {warehouse}: "
        f"{level.quantity} on hand, {level.reserved} reserved, {level.committed} committed",
        sku=sku,
        warehouse=warehouse,
        requested=quantity,
        available=level.available,
    )


def _bounded(quantity: int) -> None:
    if abs(quantity) > MAX_QUANTITY:
        raise BadInput("bad_quantity", f"{quantity} is more than a level can hold ({MAX_QUANTITY})", quantity=quantity)
