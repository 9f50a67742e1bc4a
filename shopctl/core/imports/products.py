"""Importing products: a file → drafts → the catalogue, batch by batch.

Each batch of products is one unit of work, stock and all, so that a killed import leaves whole batches; the same file
again completes it, and a third time changes nothing. With on_error="stop", and in a dry run, the whole file is one unit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Literal, TextIO

from shopctl.core import catalog, stock
from shopctl.core.db.unit_of_work import UnitOfWork
from shopctl.core.domain import text
from shopctl.core.errors import BadInput, Refused
from shopctl.core.imports.report import Report
from shopctl.core.imports.rows import RawProduct, Refusal, Source, shown
from shopctl.core.imports.seen import Seen
from shopctl.core.imports.sniff import open_source
from shopctl.core.imports.source import Lines, lines_of
from shopctl.core.shop import Shop

if TYPE_CHECKING:
    from shopctl.core.imports.models import Checked

ACTION = "catalog.import"
_VARIANTS_A_PRODUCT = 10  # a batch of products with far more variants than this is cut earlier

OnRefusal = Callable[[Refusal], None]
Progress = Callable[[int, int], None]
"""Called after each batch with the rows and the bytes read so far."""


@dataclass(frozen=True, slots=True)
class How:
    """Ways to import. `format` None: told from the file. `target` names the file in the audit log."""

    format: str | None = None
    on_error: Literal["continue", "stop"] = "continue"
    batch: int = 500
    target: str | None = None
    progress: Progress | None = None
    on_refusal: OnRefusal | None = None


def import_products(
    shop: Shop,
    source: BinaryIO | TextIO | str | bytes,
    *,
    format: str | None = None,
    on_error: Literal["continue", "stop"] = "continue",
    batch: int = 500,
    target: str | None = None,
    progress: Progress | None = None,
    on_refusal: OnRefusal | None = None,
) -> Report:
    """Create and update products from JSONL, our own CSV or Shopify's; what was refused is in the report.

    Raises BadInput for a file that cannot be read at all (empty_file, not_utf8, unknown_format, unsupported_format …),
    Refused("import_refused") for the first refusal with on_error="stop": then nothing went in.
    """
    how = How(format, on_error, batch, target, progress, on_refusal)
    lines = lines_of(source)
    found = open_source(lines, format, shop.facts.currency)
    report = Report(found.format, dry_run=shop.dry_run)
    with Seen() as seen, ExitStack() as whole:
        one_unit = None
        if on_error == "stop" or shop.dry_run:
            one_unit = whole.enter_context(shop.work(ACTION, target))
        try:
            for products in _batches(found, seen, shop.facts.currency, batch):
                _import_batch(shop, one_unit, found, products, report, how)
                _note(report, found, lines, how)
        except BadInput as error:
            error.details["imported"] = 0 if one_unit else report.products_created + report.products_updated
            raise
        if one_unit:
            shop.fault("import.before_commit")
            one_unit.commit()
    _note(report, found, lines, how)
    return report


def _batches(found: Source, seen: Seen, currency: str, size: int) -> Iterator[list[Checked]]:
    """Validated products in groups of `size`, fewer when they have many variants."""
    from shopctl.core.imports.models import check

    ready: list[Checked] = []
    weight = 0
    for raw in found.products:
        if raw.handle and (began := _first(seen, raw)) != raw.line:
            raw.problems.insert(0, _again(found, raw, began))
        ready.append(check(raw, found, currency))
        weight += len(raw.variants)
        if len(ready) >= size or weight >= size * _VARIANTS_A_PRODUCT:
            yield ready
            ready, weight = [], 0
    if ready:
        yield ready


def _first(seen: Seen, raw: RawProduct) -> int:
    """The line where this product began: its own, unless it is there already. A handle made from the title gives way
    to one that tells it apart when another product has made the same.
    """
    key = raw.key or str(raw.said.get("title"))
    began, name = seen.first(raw.handle, raw.line, key)
    if began != raw.line and not raw.said.get("handle") and name != key:
        raw.handle = text.told_apart(raw.handle, key)
        began, _ = seen.first(raw.handle, raw.line, key)
    return began


def _again(found: Source, raw: RawProduct, began: int) -> Refusal:
    if found.whole:
        made = "" if raw.said.get("handle") else " (made from the title; give each product its own)"
        reason = f"one product is one line; this handle stands in line {began} already{made}"
    elif found.id_column:
        reason = f"this product stands in line {began} already; a SKU or an ID tells products apart"
    else:
        reason = f"rows of one product must stand together; {raw.handle} began at line {began}"
    return Refusal(raw.line, found.product_columns.get("handle", "handle"), shown(raw.handle), reason)


def _import_batch(
    shop: Shop,
    one_unit: UnitOfWork | None,
    found: Source,
    products: Sequence[Checked],
    report: Report,
    how: How,
) -> None:
    refusals = [refusal for product in products for refusal in product.refusals]
    report.products_refused += sum(product.draft is None for product in products)
    if any(product.draft for product in products):
        if one_unit:
            refusals += _put(one_unit, found, products, report)
        else:
            with shop.work(ACTION, how.target) as tx:
                refusals += _put(tx, found, products, report)
                shop.fault("import.before_commit")
                tx.commit()
            shop.fault("import.after_commit")
    refusals.sort(key=lambda refusal: refusal.line)
    if refusals and how.on_error == "stop":
        raise _stopped(refusals[0])
    report.refuse(refusals, how.on_refusal)


def _put(tx: UnitOfWork, found: Source, products: Sequence[Checked], report: Report) -> list[Refusal]:
    """Write the drafts of a batch with their opening stock; what the catalogue could not take."""
    sound = [product for product in products if product.draft]
    results = catalog.put(tx, [product.draft for product in sound if product.draft])
    openings: dict[str, int] = {}
    refusals: list[Refusal] = []
    for product, written in zip(sound, results, strict=True):
        report.add(written)
        refusals += _clashes(found, product, written)
        openings |= {sku: quantity for sku, quantity, _ in written.openings}
    ignored = stock.open_stock(tx, openings)
    booked = [quantity for sku, quantity in openings.items() if quantity and sku not in ignored]
    report.opening_booked += len(booked)
    report.opening_units += sum(booked)
    report.opening_ignored += len(ignored)
    return refusals


def _clashes(found: Source, product: Checked, written: catalog.Written) -> list[Refusal]:
    from shopctl.core.imports.models import others

    refusals = []
    for clash in written.clashes:
        if clash.column == "variants" and product.refusals:
            continue  # it has none left because all its rows are refused, each for its own reason
        if clash.index is None:
            column = found.product_columns.get(clash.column, clash.column)
        else:
            column = product.kept[clash.index].path + found.variant_columns.get(clash.column, clash.column)
        refusals.append(Refusal(clash.line, column, clash.value, clash.reason))
    if refusals and written.outcome == "refused":
        refusals += others(product.raw, found, [*refusals, *product.refusals])
    return refusals


def _stopped(refusal: Refusal) -> Refused:
    return Refused(
        "import_refused",
        f"Line {refusal.line}, {refusal.column} {refusal.value!r}: {refusal.reason}. Nothing was imported",
        line=refusal.line,
        column=refusal.column,
        value=refusal.value,
        reason=refusal.reason,
    )


def _note(report: Report, found: Source, lines: Lines, how: How) -> None:
    report.rows, report.ignored, report.notes = found.rows, list(found.ignored), list(found.notes)
    if how.progress:
        how.progress(found.rows, lines.size)
