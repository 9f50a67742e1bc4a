"""Inventory files: our own CSV and JSONL, and Shopify's, wide (a column a location) and tall (a row a location).

A row is read into what it says of each place. `not stocked`, and a blank, say nothing: that level is left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from shopctl.core.domain import text
from shopctl.core.errors import BadInput
from shopctl.core.imports.cells import unguarded
from shopctl.core.imports.read.jsonl import parsed
from shopctl.core.imports.rows import ROW, Refusal, shown
from shopctl.core.imports.source import Lines
from shopctl.core.imports.table import Row, Table

NOT_STOCKED = "not stocked"
FORMATS = ("jsonl", "csv", "shopify-wide", "shopify-tall")

OPTIONS = tuple((f"Option{i} Name", f"Option{i} Value") for i in (1, 2, 3))
PRODUCT_COLUMNS = ("Handle", "Title", *(name for pair in OPTIONS for name in pair), "SKU", "HS Code", "COO")
LOCATION, CURRENT, NEW = "Location", "On hand (current)", "On hand (new)"
TOLD_COLUMNS = tuple(f"{name} (not editable)" for name in ("Incoming", "Unavailable", "Committed", "Available"))
TALL_COLUMNS = (*PRODUCT_COLUMNS, LOCATION, "Bin name", *TOLD_COLUMNS, CURRENT, NEW)
OWN_COLUMNS = ("sku", "warehouse", "quantity", "safety_stock")

_NO_OPTIONS = ("Default Title",)  # Shopify's word for a product without options
_PLACELESS = frozenset(name.casefold() for name in (*PRODUCT_COLUMNS, "Bin name"))
_OLD_TALL = ("incoming", "unavailable", "committed", "available", "on hand")
_VALUES = tuple(value.casefold() for _, value in OPTIONS)


@dataclass(frozen=True, slots=True)
class Said:
    """What a row says of one place. Cells as they stand; "" says nothing.

    `opening` is on hand only where there is no level yet. `expected` is what the file's maker saw.
    """

    place: str
    place_column: str
    column: str
    quantity: str
    safety_stock: str = ""
    opening: str = ""
    expected: str = ""


@dataclass(slots=True)
class RawRow:
    """One row: whose stock it is about, by SKU, or else by handle and option values; and what it says."""

    line: int
    sku: str = ""
    handle: str = ""
    options: tuple[str, ...] = ()
    said: list[Said] = field(default_factory=list)
    problem: Refusal | None = None


@dataclass(slots=True)
class Inventory:
    """A file being read. `places` are those that its header names."""

    format: str
    rows: Iterator[RawRow] = field(default_factory=lambda: iter(()))
    places: Sequence[str] = ()
    count: int = 0
    ignored: dict[str, None] = field(default_factory=dict)


def is_place(name: str) -> bool:
    """Whether a column of this name is a location's."""
    return name == name.strip() and bool(name) and name.casefold() not in _PLACELESS


def open_inventory(lines: Lines, wanted: str | None = None) -> Inventory:
    """A reader for the file, in the wanted format or the one that it shows.

    BadInput: empty_file, unknown_format, products_file, column_twice.
    """
    if wanted is not None and wanted not in FORMATS:
        raise BadInput("unknown_format", f"{wanted!r} is no stock format", hint=f"Formats: {', '.join(FORMATS)}.")
    start = lines.peek()
    if not start:
        raise BadInput("empty_file", "The file is empty: there is nothing to import")
    if wanted == "jsonl" or (wanted is None and start.lstrip().startswith("{")):
        found = _jsonl(lines)
    else:
        table = Table(lines)
        found = _READERS[wanted or _sniffed(table)](table)
    found.rows = map(_storable, found.rows)
    return found


def _storable(row: RawRow) -> RawRow:
    """The row; with a problem, when a name in it is one that no store can have."""
    names = [("SKU", row.sku), ("Handle", row.handle), *((said.place_column, said.place) for said in row.said)]
    for column, name in names:
        try:
            text.storable(name)
        except ValueError as error:
            row.problem = row.problem or Refusal(row.line, column, shown(name), str(error))
    return row


def _sniffed(table: Table) -> str:
    names = set(table.names)
    if names & {"variant price", "price", "body (html)", "url handle"}:
        raise BadInput(
            "products_file",
            "This is a product file, not an inventory",
            hint="Take it in with: shopctl catalog import FILE",
        )
    if "location" in names:
        return "shopify-tall"
    if "sku" in names and ("quantity" in names or "safety_stock" in names):
        return "csv"
    if names & {"sku", "handle"} and names - _PLACELESS:
        return "shopify-wide"
    raise BadInput(
        "unknown_format",
        f"No stock format has this header: {shown(', '.join(table.header))}",
        hint="Ours is sku, warehouse, quantity, safety_stock; Shopify's inventory files are taken, too.",
    )


# --- ours ----------------------------------------------------------------------------------------------------------
def _csv(table: Table) -> Inventory:
    found = Inventory("csv")
    at = _columns(table, OWN_COLUMNS, ("sku",))
    if "quantity" not in at and "safety_stock" not in at:
        raise BadInput("no_quantity", "The header has neither a quantity nor a safety_stock column")

    others = [i for i in range(len(table.header)) if i not in at.values()]

    def row(line: Row) -> RawRow:
        cell = _cells(line, at)
        found.ignored |= {table.header[i] or f"column {i + 1}": None for i in others if line.cells[i]}
        said = Said(cell("warehouse"), "warehouse", "quantity", cell("quantity"), cell("safety_stock"))
        return RawRow(line.line, cell("sku"), said=[said])

    found.rows = _rows(found, table, row)
    return found


def _jsonl(lines: Lines) -> Inventory:
    found = Inventory("jsonl")
    found.rows = _objects(lines, found)
    return found


def _objects(lines: Lines, found: Inventory) -> Iterator[RawRow]:
    for line in lines:
        if line.isspace():
            continue
        found.count += 1
        if lines.kept:
            lines.kept.add(lines.number, line)
        yield _object(line, lines.number, found)


def _object(line: str, number: int, found: Inventory) -> RawRow:
    try:
        data = parsed(line)
    except ValueError as error:
        return RawRow(number, problem=Refusal(number, ROW, shown(line.strip()), str(error)))
    for name, value in data.items():
        if name in OWN_COLUMNS and not _is_cell(value, name):
            return RawRow(number, problem=Refusal(number, name, shown(value), _WRONG[name in _UNITS]))
        if name not in OWN_COLUMNS:
            found.ignored[name] = None
    sku, place, units, safe = ("" if data.get(name) is None else str(data[name]) for name in OWN_COLUMNS)
    return RawRow(number, sku.strip(), said=[Said(place.strip(), "warehouse", "quantity", units.strip(), safe.strip())])


_UNITS = ("quantity", "safety_stock")
_WRONG = ("is not text", "is not a whole number")


def _is_cell(value: object, name: str) -> bool:
    if isinstance(value, bool):
        return False
    return value is None or isinstance(value, str) or (name in _UNITS and isinstance(value, int))


# --- Shopify's -----------------------------------------------------------------------------------------------------
def _wide(table: Table) -> Inventory:
    at = _columns(table, tuple(_PLACELESS), ())
    places = [(i, unguarded(name)) for i, name in enumerate(table.header) if table.names[i] not in _PLACELESS]
    for i, name in places:
        if not name:
            raise BadInput("bad_header", "A column has no name: it should be that of a location")
        table.index([table.names[i]])
    _whose(at)
    found = Inventory("shopify-wide", places=[name for _, name in places])

    def row(line: Row) -> RawRow:
        raw = _shopify(line, at)
        raw.said = [Said(name, name, name, line.cells[i].strip()) for i, name in places]
        return raw

    found.rows = _rows(found, table, row)
    return found


def _tall(table: Table) -> Inventory:
    told = [name.casefold() for name in (*TALL_COLUMNS, *_OLD_TALL)]
    at = _columns(table, tuple(dict.fromkeys(told)), ("location",))
    now, new = at.get("on hand (current)", at.get("on hand")), at.get("on hand (new)")
    if now is None and new is None:
        raise BadInput("no_quantity", f"The header has neither {CURRENT} nor {NEW}")
    _whose(at)
    found = Inventory("shopify-tall")

    def row(line: Row) -> RawRow:
        raw, cell = _shopify(line, at), _cells(line, at)
        current = "" if now is None else line.cells[now].strip()
        wanted = "" if new is None else line.cells[new].strip()
        column = NEW if wanted else CURRENT
        seen = "" if current.casefold() == NOT_STOCKED else current
        raw.said = [Said(cell("location"), LOCATION, column, wanted, opening=current, expected=seen)]
        return raw

    found.rows = _rows(found, table, row)
    return found


def _whose(at: Mapping[str, int]) -> None:
    if "sku" not in at and "handle" not in at:
        raise BadInput("no_sku", "The header has neither a SKU nor a Handle column")


def _shopify(line: Row, at: Mapping[str, int]) -> RawRow:
    cell = _cells(line, at)
    values = tuple(value for name in _VALUES if (value := cell(name)))
    return RawRow(line.line, cell("sku"), cell("handle"), () if values == _NO_OPTIONS else values)


# --- tables --------------------------------------------------------------------------------------------------------
def _columns(table: Table, wanted: Sequence[str], needed: Sequence[str]) -> dict[str, int]:
    at = table.index(wanted)
    for name in needed:
        if name not in at:
            raise BadInput("bad_header", f"The header has no column {name!r}", column=name)
    return at


def _cells(line: Row, at: Mapping[str, int]) -> Callable[[str], str]:
    return lambda name: unguarded(line.cells[at[name]].strip()) if name in at else ""


def _rows(found: Inventory, table: Table, read: Callable[[Row], RawRow]) -> Iterator[RawRow]:
    for line in table:
        found.count += 1
        yield RawRow(line.line, problem=line.problem) if line.problem else read(line)


_READERS: Mapping[str, Callable[[Table], Inventory]] = {"csv": _csv, "shopify-wide": _wide, "shopify-tall": _tall}
