"""Returns: goods that come back. Asked for, received, then restocked or written off, and refunded by a credit.

The only writer of returns and return_lines.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from shopctl.core import stock
from shopctl.core.db.tables import order_lines, return_lines, returns, shipment_lines, shipments, variants, warehouses
from shopctl.core.db.types import new_id
from shopctl.core.db.unit_of_work import Row, UnitOfWork
from shopctl.core.domain import lifecycle, text
from shopctl.core.errors import BadInput
from shopctl.core.orders import credits
from shopctl.core.orders.record import lines_of, lock, remark
from shopctl.core.orders.repaying import finish, going_back, money_back
from shopctl.core.orders.units import Units, in_lines, told
from shopctl.core.queries import returns as reads
from shopctl.core.queries.orders import row_by_number
from shopctl.core.queries.returns import Return
from shopctl.core.queries.warehouses import default_warehouse, known_warehouse
from shopctl.core.shop import Shop, retried
from shopctl.core.stock import Move

r, rl, line = returns.c, return_lines.c, order_lines.c


# --- use cases -----------------------------------------------------------------------------------------------------
@retried
def request(shop: Shop, *, number: str, lines: Units, reason: str) -> Return:
    """A customer wants to send units back that were shipped. Errors: not_owed."""
    why = text.reason(reason)
    if not lines:
        raise BadInput("usage", "Say what comes back", hint="--line SKU=QTY")
    with shop.work("orders.return", number) as tx:
        order = lock(tx, row_by_number(tx, number).id)
        sold = lines_of(tx, order.id)
        on_the_way = coming(tx, order.id)

        def there(one: Row) -> int:
            return int(one.shipped - one.returned - on_the_way.get(one.id, 0))

        units = in_lines(order, sold, lines, there, "that were shipped and do not come back already")
        name, _ = _write(tx, order, units, why, "requested")
        remark(tx, order, "return_request", "return_requested", f"{name}: {told(sold, units)} ({why})")
        shown = reads.get(tx, name)
        tx.commit()
    return shown


@retried
def receive(shop: Shop, *, number: str) -> Return:
    """The goods of a return have arrived here."""
    with shop.work("returns.receive", number) as tx:
        order, found, units = _locked(tx, number)
        _step(tx, found, "receive")
        _take(tx, units)
        remark(tx, order, "return_receive", "return_received", found.number)
        shown = reads.get(tx, found.number)
        tx.commit()
    return shown


@retried
def reject(shop: Shop, *, number: str, reason: str | None = None) -> Return:
    """A return is not accepted."""
    why = text.reason(reason) if reason else None
    with shop.work("returns.reject", number) as tx:
        order, found, _ = _locked(tx, number)
        _step(tx, found, "reject")
        remark(tx, order, "return_reject", "return_rejected", f"{found.number}: {why}" if why else found.number)
        shown = reads.get(tx, found.number)
        tx.commit()
    return shown


def resolve(
    shop: Shop,
    *,
    number: str,
    restock: Units | None = None,
    write_off: Units | None = None,
    refund: bool = True,
    warehouse: str | None = None,
) -> Return:
    """What was received goes back into the stock or is written off, and is refunded by a credit unless that is not wanted.

    What neither names is restocked; if only `restock` names units, it is written off. It is restocked where it was shipped
    from, or in `warehouse`. Repeated after it was cut off, it finishes the refund.
    """
    with shop.read() as tx:
        found = reads.get(tx, number)
        order = row_by_number(tx, found.order)
        owed = going_back(tx, order.id)
    if found.state == "resolved" and owed and not shop.dry_run:  # killed on the way: only the money is left
        money_back(shop, order.id)
        return found
    finish(shop, found.order)
    shown, order_id = _resolved(shop, number, restock, write_off, refund, warehouse)
    if not shop.dry_run:
        money_back(shop, order_id)
    return shown


# --- steps ---------------------------------------------------------------------------------------------------------
def take_back(tx: UnitOfWork, order: Row, lines: Sequence[Row], units: Mapping[str, int], *, reason: str) -> str:
    """A return in one go: the units, by the line's id, are here already, and are restocked; its id."""
    name, return_id = _write(tx, order, units, reason, "resolved")
    _take(tx, units)
    _put(tx, order, name, return_id, lines, units, {}, None)
    remark(tx, order, "return_resolve", "return_resolved", f"{name}: {told(lines, units)} restocked ({reason})")
    return return_id


def coming(tx: UnitOfWork, order_id: str) -> dict[str, int]:
    """Units by line that were announced and have not arrived."""
    announced = (
        sa.select(rl.order_line_id, sa.func.sum(rl.quantity).label("units"))
        .join(returns, r.id == rl.return_id)
        .where(r.order_id == order_id, r.state == "requested")
        .group_by(rl.order_line_id)
    )
    return {row.order_line_id: int(row.units) for row in tx.rows(announced)}


def forget(tx: UnitOfWork, order_ids: Sequence[str]) -> None:
    """A reason leads to a person, too."""
    tx.execute(sa.update(returns).where(r.order_id.in_(order_ids)).values(reason=""))


# --- how it works --------------------------------------------------------------------------------------------------
@retried
def _resolved(
    shop: Shop, number: str, restock: Units | None, write_off: Units | None, refund: bool, warehouse: str | None
) -> tuple[Return, str]:
    with shop.work("returns.resolve", number) as tx:
        order, found, units = _locked(tx, number)
        _step(tx, found, "resolve")
        sold = lines_of(tx, order.id)
        back, lost = _shared_out(order, sold, units, restock, write_off)
        place = known_warehouse(tx, warehouse) if warehouse else None
        _put(tx, order, found.number, found.id, sold, back, lost, place)
        parts = [f"{told(sold, those)} {what}" for those, what in ((back, "restocked"), (lost, "written off")) if those]
        remark(tx, order, "return_resolve", "return_resolved", f"{found.number}: {', '.join(parts)}")
        if refund:
            books = credits.account(tx, order)
            credits.credit(
                tx,
                books,
                "return",
                books.units(units),
                reason=f"return {found.number}: {found.reason}",
                units=units,
                return_id=found.id,
            )
        shown = reads.get(tx, found.number)
        tx.commit()
    return shown, order.id


def _locked(tx: UnitOfWork, number: str) -> tuple[Row, Row, dict[str, int]]:
    """The order and its return, ours until the transaction ends, and the return's units by line."""
    order = lock(tx, reads.row_by_number(tx, number).order_id)
    found = reads.row_by_number(tx, number)
    lines = tx.rows(sa.select(rl.order_line_id, rl.quantity).where(rl.return_id == found.id))
    return order, found, {row.order_line_id: row.quantity for row in lines}


def _step(tx: UnitOfWork, found: Row, verb: str) -> None:
    state = lifecycle.step(lifecycle.RETURN, found.state, verb, f"Return {found.number}")
    tx.execute(sa.update(returns).where(r.id == found.id).values(state=state, updated_at=tx.now))


def _write(tx: UnitOfWork, order: Row, units: Mapping[str, int], reason: str, state: str) -> tuple[str, str]:
    """A new return of the order: its number, its id."""
    count = tx.execute(sa.select(sa.func.count()).where(r.order_id == order.id)).scalar_one()
    row = {"id": new_id(), "order_id": order.id, "number": f"{order.number}-R{count + 1}", "state": state}
    row |= {"reason": reason, "actor": tx.actor}
    tx.insert(returns, [{**row, "created_at": tx.now, "updated_at": tx.now}])
    nothing = {"restocked": 0, "written_off": 0}
    tx.insert(
        return_lines,
        [
            {"return_id": row["id"], "order_line_id": line_id, "quantity": count, **nothing}
            for line_id, count in units.items()
        ],
    )
    return str(row["number"]), str(row["id"])


def _take(tx: UnitOfWork, units: Mapping[str, int]) -> None:
    for line_id, count in units.items():
        tx.execute(sa.update(order_lines).where(line.id == line_id).values(returned=line.returned + count))


def _shared_out(
    order: Row, sold: Sequence[Row], units: Mapping[str, int], restock: Units | None, write_off: Units | None
) -> tuple[dict[str, int], dict[str, int]]:
    """Which units are restocked, and which are written off."""
    back = in_lines(order, sold, restock or {}, lambda one: units.get(one.id, 0), "in this return")
    left = {line_id: count - back.get(line_id, 0) for line_id, count in units.items()}
    if restock and not write_off:
        return back, {line_id: count for line_id, count in left.items() if count}
    lost = in_lines(
        order, sold, write_off or {}, lambda one: left.get(one.id, 0), "in this return that are not restocked"
    )
    for line_id, count in left.items():
        if rest := count - lost.get(line_id, 0):
            back[line_id] = back.get(line_id, 0) + rest
    return back, lost


def _put(
    tx: UnitOfWork,
    order: Row,
    name: str,
    return_id: str,
    sold: Sequence[Row],
    back: Mapping[str, int],
    lost: Mapping[str, int],
    warehouse: str | None,
) -> None:
    """Restock and write off; what is not counted is only noted."""
    for line_id in {**back, **lost}:
        tx.execute(
            sa.update(return_lines)
            .where(rl.return_id == return_id, rl.order_line_id == line_id)
            .values(restocked=back.get(line_id, 0), written_off=lost.get(line_id, 0))
        )
    counted = [one for one in sold if back.get(one.id) and (one.tracked or _is_tracked(tx, one.sku))]
    units: dict[tuple[str, str], int] = {}
    for one in counted:
        place = one.sku, warehouse or _sent_from(tx, one.id) or default_warehouse(tx)
        units[place] = units.get(place, 0) + back[one.id]
    stock.ensure_levels(tx, sorted(units))
    moves = [Move(sku, place, quantity=count, reference=f"return {name}") for (sku, place), count in units.items()]
    if not stock.book(tx, "receive", moves, reason=f"returned from order {order.number}"):
        raise stock.books_disagree(f"return {name}")


def _is_tracked(tx: UnitOfWork, sku: str) -> bool:
    return tx.row(sa.select(variants.c.sku).where(variants.c.sku == sku, variants.c.tracked)) is not None


def _sent_from(tx: UnitOfWork, line_id: str) -> str | None:
    """The warehouse that has sent units of the line, the latest."""
    sent = (
        sa.select(shipments.c.warehouse)
        .join(shipment_lines, shipment_lines.c.shipment_id == shipments.c.id)
        .join(order_lines, line.id == shipment_lines.c.order_line_id)
        .join(warehouses, warehouses.c.code == shipments.c.warehouse)
        .where(line.id == line_id, shipments.c.order_id == line.order_id)
        .order_by(shipments.c.id.desc())
        .limit(1)
    )
    row = tx.row(sent)
    return row.warehouse if row else None
