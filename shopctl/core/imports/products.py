"""Importing products: a file → drafts → the catalogue, batch by batch.

Each batch of products is one unit of work: catalogue, stock, and how far the file has gone in. After a cut the same file
goes on behind the last batch; a file that is imported again changes nothing. With on_error="stop", and in a dry run, the
whole file is one unit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, BinaryIO, Literal

from shopctl.core import catalog, stock
from shopctl.core.catalog import Change
from shopctl.core.db.unit_of_work import UnitOfWork
from shopctl.core.errors import BadInput, Refused
from shopctl.core.imports import runs
from shopctl.core.imports.batches import Batches
from shopctl.core.imports.refused import RefusedFile, mending
from shopctl.core.imports.report import Report
from shopctl.core.imports.rows import OPENING, Refusal, Source
from shopctl.core.imports.seen import Seen
from shopctl.core.imports.sniff import open_source
from shopctl.core.imports.source import Lines, Readable, opened
from shopctl.core.shop import Shop

if TYPE_CHECKING:
    from shopctl.core.imports.models import Checked

ACTION = "catalog.import"
KIND = "products"

OnRefusal = Callable[[Refusal], None]
OnChange = Callable[[Change], None]
Progress = Callable[[int, int], None]
"""Called after each batch with the rows and the bytes read so far."""


@dataclass(frozen=True, slots=True)
class How:
    """Ways to import. `format` None: told from the file. `target` names the file in the audit log.

    `refused` names the file for refused rows, as they were read. `from_start`: not behind where a cut import of the same
    file had come. `on_change` is told what becomes of each field.
    """

    format: str | None = None
    on_error: Literal["continue", "stop"] = "continue"
    batch: int = 500
    target: str | None = None
    refused: str | None = None
    from_start: bool = False
    progress: Progress | None = None
    on_refusal: OnRefusal | None = None
    on_change: OnChange | None = None


class _Changed(Exception):
    """The file begins otherwise than the one whose import was cut."""


def import_products(
    shop: Shop,
    source: Readable,
    *,
    format: str | None = None,
    on_error: Literal["continue", "stop"] = "continue",
    batch: int = 500,
    target: str | None = None,
    refused: str | None = None,
    from_start: bool = False,
    progress: Progress | None = None,
    on_refusal: OnRefusal | None = None,
    on_change: OnChange | None = None,
) -> Report:
    """Create and update products from a file; what was refused is in the report. `How` says what the ways mean.

    Raises BadInput for a file that cannot be read at all (empty_file, not_utf8, unknown_format, unsupported_format …),
    Refused("import_refused") for the first refusal with on_error="stop": then nothing went in.
    """
    file = opened(source)
    how = How(format, on_error, batch, target, refused, from_start, progress, on_refusal, on_change)
    try:
        return _imported(shop, file, how)
    except _Changed:
        if not file.seekable():
            raise BadInput(
                "input_changed",
                "The input begins like one whose import was cut, and then goes on otherwise",
                hint="Nothing was changed. Pipe it again with --from-start.",
            ) from None
    shop.narrate("The file has changed since its import was cut: it is imported from its start.")
    file.seek(0)
    return _imported(shop, file, replace(how, from_start=True))


@dataclass(slots=True)
class _Job:
    """One import under way. `one_unit`: the unit of work that the whole file is. `recorded`: there is a run to finish."""

    shop: Shop
    how: How
    lines: Lines
    found: Source
    batches: Batches
    report: Report
    fingerprint: str
    one_unit: UnitOfWork | None = None
    refused: RefusedFile | None = None
    recorded: bool = False

    def note(self) -> None:
        """Put into the report what the reader has counted."""
        found, report = self.found, self.report
        report.rows, report.ignored, report.notes = found.rows, list(found.ignored), list(found.notes)


def _imported(shop: Shop, file: BinaryIO, how: How) -> Report:
    with ExitStack() as stack:
        job = _begin(shop, file, how, stack)
        if job.one_unit is None:
            _go_on(job)
        try:
            for products in job.batches:
                _import_batch(job, products)
                _note(job)
        except BadInput as error:
            report = job.report
            error.details["imported"] = 0 if job.one_unit else report.products_created + report.products_updated
            raise
        if job.one_unit:
            job.one_unit.commit()
        return job.report


def _begin(shop: Shop, file: BinaryIO, how: How, stack: ExitStack) -> _Job:
    whole = how.on_error == "stop" or shop.dry_run
    refused, kept = mending(stack, how.refused, how.on_error, dry_run=shop.dry_run)
    lines = Lines(file, kept)
    found = open_source(lines, how.format, shop.facts.currency)
    batches = Batches(found, stack.enter_context(Seen()), shop.facts.currency, how.batch)
    report, fingerprint = Report(found.format, dry_run=shop.dry_run), f"{found.format}:{lines.fingerprint}"
    job = _Job(shop, how, lines, found, batches, report, fingerprint, refused=refused)
    if whole:
        job.one_unit = stack.enter_context(shop.work(ACTION, how.target))
    return job


def _go_on(job: _Job) -> None:
    """Pass what went in before the same file's import was cut; raises _Changed when it is not the same."""
    with job.shop.read() as tx:
        run = runs.unfinished(tx, KIND, job.fingerprint)
    marked = None
    if run and job.how.from_start:
        with job.shop.work(ACTION, job.how.target) as tx:
            runs.forget(tx, KIND, job.fingerprint)
            tx.commit()
    elif run:
        job.batches.skip(run.state["products"])
        if job.lines.digest != run.state["digest"]:
            raise _Changed
        job.report, marked, job.recorded = Report.restored(run.state["report"]), run.state["refused"], True
        job.shop.narrate(
            f"Goes on behind line {run.line}: the import of {run.started_at:%Y-%m-%d %H:%M} was cut there. "
            "--from-start begins anew."
        )
        _note(job)
    if job.refused and not job.refused.resume(marked):
        job.refused.must_be_free()
        if run and job.report.rows_refused:
            job.shop.narrate(f"Rows that were refused before are not in {job.refused.path}.")


def _import_batch(job: _Job, products: Sequence[Checked]) -> None:
    refusals = [refusal for product in products for refusal in product.refusals]
    job.report.products_refused += sum(product.draft is None for product in products)
    takes_in = any(product.draft for product in products)
    if job.one_unit:
        _tell(job, products, [*refusals, *_put(job.one_unit, job, products)])
    elif takes_in or (job.recorded and job.batches.last):
        with job.shop.work(ACTION, job.how.target) as tx:
            _tell(job, products, [*refusals, *_put(tx, job, products)])
            _record(tx, job)
            tx.commit()
        if job.refused:
            job.refused.settle()
    else:
        _tell(job, products, refusals)


def _put(tx: UnitOfWork, job: _Job, products: Sequence[Checked]) -> list[Refusal]:
    """Write the drafts of a batch with their opening stock; what the catalogue could not take."""
    report = job.report
    sound = [product for product in products if product.draft]
    tells = job.how.on_change
    results = catalog.put(tx, [product.draft for product in sound if product.draft], compare=tells is not None)
    openings: dict[str, int] = {}
    refusals: list[Refusal] = []
    for product, written in zip(sound, results, strict=True):
        report.add(written)
        refusals += _clashes(job.found, product, written)
        openings |= {sku: quantity for sku, quantity, _ in written.openings}
    ignored = stock.open_stock(tx, openings)
    booked = {sku: quantity for sku, quantity in openings.items() if quantity and sku not in ignored}
    report.opening_booked += len(booked)
    report.opening_units += sum(booked.values())
    report.opening_ignored += len(ignored)
    if tells:
        for written in results:
            opened = [(sku, units) for sku, units, _ in written.openings if sku in booked]
            for change in (*written.changes, *(Change(written.handle, sku, OPENING, None, u) for sku, u in opened)):
                tells(change)
    return refusals


def _tell(job: _Job, products: Sequence[Checked], refusals: list[Refusal]) -> None:
    """Say what of a batch was refused: in the report, to who listens, and as rows to mend."""
    refusals.sort(key=lambda refusal: refusal.line)
    if refusals and job.how.on_error == "stop":
        raise stopped(refusals[0])
    kept = job.lines.kept
    if job.refused and kept:
        lines = {refusal.line for refusal in refusals}
        whole = [line for product in products if lines.intersection(product.raw.lines) for line in product.raw.lines]
        job.refused.write(kept.start, kept.texts(whole))
        kept.drop(line for product in products for line in product.raw.lines)
        if job.batches.last:  # what stands behind a quote that never closes was not read
            while rest := list(islice(job.lines, job.how.batch)):
                job.refused.write(kept.start, rest)
    job.report.refuse(refusals, job.how.on_refusal)


def _record(tx: UnitOfWork, job: _Job) -> None:
    job.note()
    state = {
        "products": job.batches.products,
        "digest": job.lines.digest,
        "refused": job.refused.mark if job.refused else None,
        "report": job.report.saved(),
    }
    runs.record(tx, KIND, job.fingerprint, job.how.target, job.batches.line, state)
    job.recorded = True
    if job.batches.last:
        runs.finish(tx, KIND, job.fingerprint, {"report": job.report.counts()})


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


def stopped(refusal: Refusal) -> Refused:
    """What ends an import with on_error="stop"."""
    return Refused(
        "import_refused",
        f"Line {refusal.line}, {refusal.column} {refusal.value!r}: {refusal.reason}. Nothing was imported",
        line=refusal.line,
        column=refusal.column,
        value=refusal.value,
        reason=refusal.reason,
    )


def _note(job: _Job) -> None:
    job.note()
    if job.how.progress:
        job.how.progress(job.found.rows, job.lines.size)
