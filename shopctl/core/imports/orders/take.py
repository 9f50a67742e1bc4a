"""Importing orders: a file → drafts → orders that were placed elsewhere, batch by batch.

Each batch is one unit of work, so that a killed import leaves whole batches; the same file again completes it, and a
third time changes nothing. With on_error="stop", and in a dry run, the whole file is one unit.

An order that is shipped, delivered or cancelled moves no stock: its goods left before ours were counted. An open one takes
its units as a checkout does, held and committed, so that it can be shipped, delivered or cancelled like any other.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, replace
from typing import Literal

from shopctl.core import customers, orders, payments, reservations, stock
from shopctl.core.db.tables import orders as orders_table
from shopctl.core.db.types import new_id
from shopctl.core.db.unit_of_work import Row, UnitOfWork
from shopctl.core.domain import text
from shopctl.core.errors import BadInput, Refused
from shopctl.core.imports.orders.check import Checked, check, fingerprint
from shopctl.core.imports.orders.known import Known, known, resolved
from shopctl.core.imports.orders.raw import OrderSource
from shopctl.core.imports.orders.read import grouped
from shopctl.core.imports.orders.report import Report
from shopctl.core.imports.orders.sniff import open_source
from shopctl.core.imports.orders.stored import all_orders
from shopctl.core.imports.products import OnRefusal, Progress, stopped
from shopctl.core.imports.refused import RefusedFile, mending
from shopctl.core.imports.rows import Refusal, shown
from shopctl.core.imports.source import Lines, Readable, lines_of
from shopctl.core.orders import OrderDraft
from shopctl.core.reservations import Owner
from shopctl.core.shop import Shop

ACTION = "orders.import"
_LINES_AN_ORDER = 20  # a batch of orders with far more lines than this is cut earlier
OnOrder = Callable[[OrderDraft], None]


@dataclass(frozen=True, slots=True)
class How:
    """Ways to import. `format` None: told from the file. `target` names the file in the audit log, `refused` the one for
    refused rows. `strict_skus` refuses lines whose SKU the catalogue has not. `on_order` is told of each order that is new.
    """

    format: str | None = None
    on_error: Literal["continue", "stop"] = "continue"
    batch: int = 200
    target: str | None = None
    refused: str | None = None
    strict_skus: bool = False
    progress: Progress | None = None
    on_refusal: OnRefusal | None = None
    on_order: OnOrder | None = None


@dataclass(slots=True)
class _Job:
    """One import under way. `one_unit`: the unit of work that the whole file is."""

    shop: Shop
    how: How
    lines: Lines
    found: OrderSource
    report: Report
    one_unit: UnitOfWork | None = None
    refused: RefusedFile | None = None


def import_orders(shop: Shop, source: Readable, how: How | None = None) -> Report:
    """Take in orders from our JSONL or CSV, or Shopify's export; what was refused is in the report.

    Raises BadInput for a file that cannot be read at all (empty_file, not_utf8, unknown_format, products_file …),
    Refused("import_refused") for the first refusal with on_error="stop": then nothing went in.
    """
    with ExitStack() as stack:
        job = _begin(shop, source, how or How(), stack)
        try:
            for batch in _batches(job):
                _import_batch(job, batch)
                if job.how.progress:
                    job.how.progress(job.found.rows, job.lines.size)
        except BadInput as error:
            error.details["imported"] = 0 if job.one_unit else job.report.orders_created
            raise
        if job.one_unit:
            job.one_unit.commit()
        job.report.note()
        return job.report


def _begin(shop: Shop, source: Readable, how: How, stack: ExitStack) -> _Job:
    refused, kept = mending(stack, how.refused, how.on_error, dry_run=shop.dry_run)
    if refused:
        refused.must_be_free()
    lines = lines_of(source, kept)
    found = open_source(lines, how.format)
    job = _Job(shop, how, lines, found, Report(found.format, dry_run=shop.dry_run), refused=refused)
    if how.on_error == "stop" or shop.dry_run:
        job.one_unit = stack.enter_context(shop.work(ACTION, how.target))
    return job


def _batches(job: _Job) -> Iterator[list[Checked]]:
    """The file's orders, checked, in groups; smaller ones when they have many lines."""
    ready: list[Checked] = []
    rows = 0
    for raw in job.found.orders:
        ready.append(check(raw, job.found, job.shop.facts.currency))
        rows += len(raw.line_rows)
        if len(ready) >= job.how.batch or rows >= job.how.batch * _LINES_AN_ORDER:
            yield ready
            ready, rows = [], 0
    if ready:
        yield ready


def _import_batch(job: _Job, batch: Sequence[Checked]) -> None:
    if job.one_unit:
        _tell(job, batch, _put(job.one_unit, job, batch))
    elif any(one.draft for one in batch):
        with job.shop.work(ACTION, job.how.target) as tx:
            refusals = _put(tx, job, batch)
            tx.commit()
        _tell(job, batch, refusals)
    else:
        _tell(job, batch, [list(one.refusals) for one in batch])


def _tell(job: _Job, batch: Sequence[Checked], refusals: Sequence[list[Refusal]]) -> None:
    """Say what of a batch was refused: in the report, to who listens, and as rows to mend."""
    told = sorted((refusal for of_order in refusals for refusal in of_order), key=lambda refusal: refusal.line)
    if told and job.how.on_error == "stop":
        raise stopped(told[0])
    job.report.rows, job.report.ignored = job.found.rows, list(job.found.ignored)
    job.report.orders_refused += sum(bool(of_order) for of_order in refusals)
    if job.refused and (kept := job.lines.kept):
        whole = [row for one, of_order in zip(batch, refusals, strict=True) if of_order for row in one.raw.rows]
        job.refused.write(kept.start, kept.texts(whole))
        kept.drop(row for one in batch for row in one.raw.rows)
    job.report.refuse(told, job.how.on_refusal)


# --- one batch -----------------------------------------------------------------------------------------------------
@dataclass(slots=True)
class _New:
    """An order that goes in; `held` are the reservations that its units are committed in."""

    one: Checked
    draft: OrderDraft
    id: str
    number: int
    held: Sequence[Row] = ()

    @property
    def wanted(self) -> dict[str, int]:
        """The units that it takes from the stock, by SKU."""
        units: dict[str, int] = {}
        for line in self.draft.lines:
            if line.tracked:
                units[line.sku] = units.get(line.sku, 0) + line.quantity
        return units


def _put(tx: UnitOfWork, job: _Job, batch: Sequence[Checked]) -> list[list[Refusal]]:
    """Write the orders of a batch that are new; what of each is refused."""
    store = known(tx, [one for one in batch if one.draft])
    unseen = [one for one in batch if one.draft and one.key not in store.keys]
    still_to_ship = [one.draft for one in unseen if one.draft and one.draft.status == "confirmed"]
    stock.lock_levels(
        tx, {line.sku for draft in still_to_ship for line in draft.lines}
    )  # in one order, for all of them
    numbers = deque(orders.next_numbers(tx, len(unseen)))
    refusals: list[list[Refusal]] = []
    new: list[_New] = []
    for one in batch:
        found = _decide(tx, job, one, one.draft, store, numbers) if one.draft else list(one.refusals)
        refusals.append(found if isinstance(found, list) else [])
        new += [found] if isinstance(found, _New) else []
    _write(tx, new, store)
    for order in new:
        job.report.add(order.draft)
        if job.how.on_order:
            job.how.on_order(order.draft)
    return refusals


def _decide(
    tx: UnitOfWork, job: _Job, one: Checked, draft: OrderDraft, store: Known, numbers: deque[int]
) -> _New | list[Refusal]:
    """The order that is made of a draft, its stock taken, or why there is none; neither when it is there already."""
    before = store.keys.get(one.key)
    if before is None and draft.id in store.ids:
        stored = next(all_orders(tx, orders_table.c.id == draft.id), None)
        before = fingerprint(stored.draft) if stored else "a checkout under way"
    if before == one.fingerprint:
        job.report.orders_unchanged += 1
        return []
    if before is not None:
        return _refused(job, one, "reference", one.raw.name, "differs from the order that is known by this name")
    paid = draft.payment.reference if draft.payment else None
    if paid in store.references:
        why = f"is the reference of the payment of order {store.references[paid]} already"
        return _refused(job, one, "payments.reference", paid, why)
    strange = [line for line in draft.lines if line.sku not in store.catalogue]
    if strange and job.how.strict_skus:
        return _refused_line(job, one, strange[0].sku, "is no SKU of the catalogue")
    told = replace(draft, lines=[resolved(line, draft, store.catalogue.get(line.sku)) for line in draft.lines])
    try:
        new = _New(one, told, draft.id or new_id(), numbers[0])
        with tx.savepoint() if new.wanted else nullcontext():
            new.held = _hold(tx, new)
    except Refused as error:
        if error.code != "insufficient_stock":
            raise
        return _refused_line(job, one, str(error.details["sku"]), error.message)
    numbers.popleft()
    store.keys[one.key] = one.fingerprint
    if paid is not None:
        store.references[paid] = new.number
    return new


def _hold(tx: UnitOfWork, new: _New) -> Sequence[Row]:
    """Hold and commit the units of an open order, all or nothing, as a checkout does."""
    if not new.wanted:
        return ()
    reservations.hold(tx, Owner("order", new.id, f"order {new.number}"), new.wanted, origin="checkout")
    return reservations.commit(tx, new.id)


def _write(tx: UnitOfWork, new: Sequence[_New], store: Known) -> None:
    """Write orders whose stock is taken, with their customers and payments."""
    taken = [
        orders.TakenIn(
            order.draft, order.id, order.number, _customer(tx, order.draft, store), order.one.key, order.one.fingerprint
        )
        for order in new
    ]
    orders.take_in(tx, taken)
    payments.take_in(tx, {order.id: order.draft.payment for order in new if order.draft.payment})
    for order in new:
        if order.held:
            lines = orders.lines_of(tx, order.id)
            orders.allocate(tx, order.id, lines, order.held)
            gone = zip(lines, order.draft.lines, strict=True)
            if given_up := {line.id: sold.cancelled for line, sold in gone if sold.tracked and sold.cancelled}:
                orders.give_up(tx, orders.lock(tx, order.id), given_up)


def _customer(tx: UnitOfWork, draft: OrderDraft, store: Known) -> str:
    folded, address = text.fold(draft.email), draft.shipping_address
    if folded not in store.customers:
        store.customers[folded] = customers.ensure(tx, draft.email, name=address["name"] or None)
    if all(address[part] for part in ("name", "line1", "city", "country")):
        customers.remember_address(tx, store.customers[folded], address)
    return store.customers[folded]


def _refused(job: _Job, one: Checked, field: str, value: str, reason: str) -> list[Refusal]:
    told = Refusal(one.raw.line, job.found.columns.get(field, field), shown(value), reason)
    return [told, *grouped.others(one.raw.name, one.raw.rows, [told])]


def _refused_line(job: _Job, one: Checked, sku: str, reason: str) -> list[Refusal]:
    """A refusal where the SKU stands: in the first of the order's lines that has it."""
    column, skus = job.found.line_columns.get("sku", "sku"), [line.sku for line in one.draft.lines] if one.draft else []
    told = Refusal(one.raw.line_rows[skus.index(sku)], column, shown(sku), reason)
    return [told, *grouped.others(one.raw.name, one.raw.rows, [told])]
