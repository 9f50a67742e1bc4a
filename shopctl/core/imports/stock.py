"""Importing stock: what a file says is on hand, and kept as safety stock, booked level by level.

A batch of rows is one unit of work. Only on hand is set, never below what is promised; a level that is right already is
left alone, so the same file again changes nothing. With on_error="stop", and in a dry run, the whole file is one unit.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import islice
from typing import Literal

from shopctl.core import outbox, stock
from shopctl.core.db.tables import MAX_QUANTITY
from shopctl.core.db.unit_of_work import UnitOfWork
from shopctl.core.errors import BadInput
from shopctl.core.imports.places import Places, whose
from shopctl.core.imports.products import stopped
from shopctl.core.imports.read.inventory import NOT_STOCKED, Inventory, RawRow, Said, open_inventory
from shopctl.core.imports.refused import RefusedFile, mending
from shopctl.core.imports.report import Refusing
from shopctl.core.imports.rows import Refusal, shown
from shopctl.core.imports.seen import Seen
from shopctl.core.imports.source import Lines, Readable, opened
from shopctl.core.shop import Shop
from shopctl.core.stock import Count, Counted

ACTION = "stock.import"
BATCH = 500
"""Cells of one unit of work."""
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class LevelChange:
    """One number of one level, and what it was; None for a level that there was not."""

    sku: str
    warehouse: str
    field: str
    before: int | None
    after: int


@dataclass(slots=True)
class StockReport(Refusing):
    """Counts of one import of stock. Levels are what rows say of single warehouses."""

    format: str = ""
    rows: int = 0
    rows_refused: int = 0
    levels_made: int = 0
    levels_changed: int = 0
    levels_unchanged: int = 0
    left_alone: int = 0  # blank, or not stocked
    units_added: int = 0
    units_removed: int = 0
    warehouses_made: list[str] = field(default_factory=list)
    refusals_total: int = 0
    refusals: list[Refusal] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    dry_run: bool = False

    def add(self, result: Counted) -> None:
        made = result.before is None
        self.levels_made += made
        self.levels_changed += result.changed and not made
        self.levels_unchanged += not result.changed and not made
        self.units_added += max(0, result.difference)
        self.units_removed += max(0, -result.difference)


@dataclass(frozen=True, slots=True)
class How:
    """Ways to import. `make_warehouses`: a place that the shop does not know is opened instead of refused."""

    on_error: Literal["continue", "stop"]
    make_warehouses: bool
    target: str | None
    progress: Callable[[int, int], None] | None
    on_refusal: Callable[[Refusal], None] | None
    on_change: Callable[[LevelChange], None] | None


def import_stock(
    shop: Shop,
    source: Readable,
    *,
    format: str | None = None,
    on_error: Literal["continue", "stop"] = "continue",
    make_warehouses: bool = False,
    target: str | None = None,
    refused: str | None = None,
    progress: Callable[[int, int], None] | None = None,
    on_refusal: Callable[[Refusal], None] | None = None,
    on_change: Callable[[LevelChange], None] | None = None,
) -> StockReport:
    """Set what is on hand from a file; `refused` names the file for rows to mend, what was refused is in the report.

    Raises BadInput for a file that cannot be read at all, or whose header names places that the shop does not know;
    Refused("import_refused") for the first refusal with on_error="stop": then nothing went in.
    """
    how = How(on_error, make_warehouses, target, progress, on_refusal, on_change)
    with ExitStack() as stack:
        mend, kept = mending(stack, refused, on_error, dry_run=shop.dry_run)
        if mend:
            mend.must_be_free()
        lines = Lines(opened(source), kept)
        found = open_inventory(lines, format)
        report = StockReport(found.format, dry_run=shop.dry_run)
        job = _Job(shop, how, lines, found, report, stack.enter_context(Seen()), mend)
        if not make_warehouses:
            job.must_know_the_header()
        one_unit = None
        if on_error == "stop" or shop.dry_run:
            one_unit = stack.enter_context(shop.work(ACTION, target))
        for rows in _batches(found):
            job.take(rows, one_unit)
        while mend and kept and (rest := list(islice(lines, BATCH))):  # what stands behind a quote that never closes
            mend.write(kept.start, rest)
        if one_unit:
            one_unit.commit()
        job.note()
        return report


def _batches(found: Inventory) -> Iterator[list[RawRow]]:
    rows = iter(found.rows)
    size = max(1, BATCH // max(1, len(found.places)))
    while batch := list(islice(rows, size)):
        yield batch


@dataclass(slots=True)
class _Job:
    """One import under way."""

    shop: Shop
    how: How
    lines: Lines
    found: Inventory
    report: StockReport
    seen: Seen
    mend: RefusedFile | None

    def must_know_the_header(self) -> None:
        with self.shop.read() as tx:
            places = Places.of(tx)
        if unknown := [name for name in self.found.places if places.code_of(name) is None]:
            raise BadInput(
                "unknown_location",
                f"The file has a column {unknown[0]!r}: {places.why_not(unknown[0])}",
                hint="Or add it: shopctl stock warehouses add CODE --name NAME.",
                locations=unknown,
            )

    def take(self, rows: Sequence[RawRow], one_unit: UnitOfWork | None) -> None:
        """Book a batch in a unit of work of its own, or in that of the whole file."""
        if one_unit:
            self._tell(rows, self._book(one_unit, rows))
        else:
            with self.shop.work(ACTION, self.how.target) as tx:
                self._tell(rows, self._book(tx, rows))
                tx.commit()
        self.note()

    def note(self) -> None:
        self.report.rows, self.report.ignored = self.found.count, list(self.found.ignored)
        if self.how.progress:
            self.how.progress(self.found.count, self.lines.size)

    def _book(self, tx: UnitOfWork, rows: Sequence[RawRow]) -> list[Refusal]:
        """Make the levels what the rows say; what could not be."""
        cells, refusals = self._read(tx, rows)
        target = self.how.target
        reason = "import" if target in (None, "-") else f"import {target}"
        results = stock.take_stock(tx, [cell.count for cell in cells], reason=reason)
        sound = [(cell, result) for cell, result in zip(cells, results, strict=True) if not result.problem]
        refusals += [
            Refusal(cell.line, cell.said.column, cell.said.quantity or cell.said.opening, result.problem)
            for cell, result in zip(cells, results, strict=True)
            if result.problem
        ]
        for _, result in sound:
            self.report.add(result)
        if self.how.on_change:
            for change in (change for _, result in sound for change in _changes(result)):
                self.how.on_change(change)
        if changed := sum(result.changed for _, result in sound):
            outbox.add(tx, ACTION, target or self.found.format, levels=changed)
        return refusals

    def _read(self, tx: UnitOfWork, rows: Sequence[RawRow]) -> tuple[list[_Cell], list[Refusal]]:
        """What a batch says of each level, and what of it cannot be."""
        cells: list[_Cell] = []
        refusals: list[Refusal] = []
        places = Places.of(tx)
        for row, owner in zip(rows, whose(tx, rows), strict=True):
            if row.problem:
                refusals.append(row.problem)
            elif owner.problem:
                refusals.append(Refusal(row.line, "SKU", shown(row.sku or row.handle), owner.problem))
            else:
                for said in row.said:
                    try:
                        cell = self._cell(tx, places, row.line, owner.sku, said)
                    except _Unusable as unusable:
                        refusals.append(unusable.args[0])
                        continue
                    if cell:
                        cells.append(cell)
                    else:
                        self.report.left_alone += 1
        return cells, refusals

    def _cell(self, tx: UnitOfWork, places: Places, line: int, sku: str, said: Said) -> _Cell | None:
        """One level as said; None when nothing is."""
        numbers = {
            "quantity": _units(line, said.column, said.quantity),
            "safety_stock": _units(line, "safety_stock", said.safety_stock),
            "opening": _units(line, said.column, said.opening),
            "expected": _whole(said.expected),
        }
        if numbers["quantity"] is numbers["safety_stock"] is numbers["opening"] is None:
            return None
        code = self._place(tx, places, line, said)
        began, _ = self.seen.first(f"{sku}\n{code}", line, "")
        if began != line:
            raise _Unusable(Refusal(line, said.column, shown(sku), f"{sku} in {code} stands in line {began} already"))
        return _Cell(line, said, Count(sku, code, **numbers))

    def _place(self, tx: UnitOfWork, places: Places, line: int, said: Said) -> str:
        """The warehouse that is meant, opened where it is new and that is wanted."""
        code, why = places.code_of(said.place), places.why_not(said.place)
        if code is None and said.place and self.how.make_warehouses and not places.is_ambiguous(said.place):
            try:
                code = places.make(tx, said.place)
                self.report.warehouses_made.append(code)
            except BadInput as error:
                why = error.message
        if code is None:
            raise _Unusable(Refusal(line, said.place_column, shown(said.place), why))
        return code

    def _tell(self, rows: Sequence[RawRow], refusals: list[Refusal]) -> None:
        """Say what of a batch was refused: in the report, to who listens, and as rows to mend."""
        refusals.sort(key=lambda refusal: refusal.line)
        if refusals and self.how.on_error == "stop":
            raise stopped(refusals[0])
        if self.mend and (kept := self.lines.kept):
            self.mend.write(kept.start, kept.texts({refusal.line for refusal in refusals}))
            kept.drop(row.line for row in rows)
        self.report.refuse(refusals)
        if self.how.on_refusal:
            for refusal in refusals:
                self.how.on_refusal(refusal)


@dataclass(frozen=True, slots=True)
class _Cell:
    """What a row says of one level."""

    line: int
    said: Said
    count: Count


class _Unusable(Exception):
    """A cell cannot be used; its argument is the refusal."""


def _units(line: int, column: str, cell: str) -> int | None:
    """A number of units; None for a cell that says nothing."""
    if not cell or cell.casefold() == NOT_STOCKED:
        return None
    units = _whole(cell)
    if units is None:
        raise _Unusable(Refusal(line, column, shown(cell), "is not a whole number"))
    if units < 0:
        raise _Unusable(Refusal(line, column, shown(cell), "is negative; nobody has less than nothing on hand"))
    if units > MAX_QUANTITY:
        raise _Unusable(Refusal(line, column, shown(cell), f"is more than {MAX_QUANTITY}"))
    return units


def _whole(cell: str) -> int | None:
    return int(cell) if _WHOLE.fullmatch(cell) else None


def _changes(result: Counted) -> Iterator[LevelChange]:
    if result.before != result.after:
        yield LevelChange(result.sku, result.warehouse, "quantity", result.before, result.after)
    if result.safety_before != result.safety_after:
        yield LevelChange(result.sku, result.warehouse, "safety_stock", result.safety_before, result.safety_after)
