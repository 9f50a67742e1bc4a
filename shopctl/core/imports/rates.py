"""Tax and shipping rates from a file: our own CSV or JSONL, and two published tables of dated VAT rates.

A rate that is there already is left alone, so the same file again changes nothing; one that overlaps another is refused.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any, BinaryIO, Literal

from shopctl.core import rates
from shopctl.core.errors import BadInput, NotFound, Refused, ShopError
from shopctl.core.imports.read.jsonl import parsed
from shopctl.core.imports.rows import ROW, Refusal, shown
from shopctl.core.imports.source import Lines, lines_of
from shopctl.core.imports.table import Row, Table
from shopctl.core.rates import Kind
from shopctl.core.shop import Shop

_ALIASES = {"EL": "GR", "UK": "GB"}  # codes of the European Union that ISO 3166 has otherwise
_LONG_AGO = "1900-01-01"
_LONGEST_REGION = 3  # of ISO 3166-2; longer ones are postal codes


@dataclass(slots=True)
class RatesReport:
    """What an import of rates did. `refusals` name line, column, value and reason."""

    rows: int = 0
    added: int = 0
    unchanged: int = 0
    refused: int = 0
    refusals: list[Refusal] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Read:
    """A rate as the file says it, or the reason why it says none."""

    line: int
    said: Mapping[str, Any]
    problem: Refusal | None = None


def import_rates(
    shop: Shop,
    kind: Kind,
    source: BinaryIO | str,
    *,
    defaults: Mapping[str, Any] | None = None,
    on_error: Literal["continue", "stop"] = "continue",
) -> RatesReport:
    """Add the rates of a file, in one transaction; `defaults` are said of each rate that does not say them itself.

    Refused(import_refused) for the first refusal with on_error="stop": then nothing is added.
    """
    report = RatesReport()
    with shop.together() as group:
        # Each rate is seen by those behind it, also in a dry run: what is taken back then is the whole file.
        taking = group.shop.but(dry_run=False)
        for found in _rates(lines_of(source), kind):
            report.rows += 1
            refusal = found.problem or _take(taking, kind, {**(defaults or {}), **found.said}, found.line, report)
            if refusal is None:
                continue
            if on_error == "stop":
                raise Refused("import_refused", f"Line {refusal.line}: {refusal.reason}. Nothing was imported")
            report.refused += 1
            report.refusals.append(refusal)
        if not shop.dry_run:
            group.commit()
    return report


def _take(shop: Shop, kind: Kind, said: Mapping[str, Any], line: int, report: RatesReport) -> Refusal | None:
    try:
        if rates.is_there(shop, kind, said):
            report.unchanged += 1
        else:
            rates.add(shop, kind, said)
            report.added += 1
    except (BadInput, Refused, NotFound) as error:
        return Refusal(line, ROW, shown(dict(said)), _reason(error))
    return None


def _reason(error: ShopError) -> str:
    return error.message[:1].lower() + error.message[1:]


def _rates(lines: Lines, kind: Kind) -> Iterator[_Read]:
    start = lines.peek()
    if not start:
        raise BadInput("empty_file", "The file is empty: there is nothing to import")
    if start.lstrip().startswith("{"):
        text = "".join(lines)
        return iter(_periods(text)) if _is_one_object(text) else _jsonl(text)
    table = Table(lines)
    if {"territory_codes", "rate", "rate_type"} <= set(table.names) and kind is rates.TAX:
        return _territories(table)
    return _own(table, kind)


# --- our own -------------------------------------------------------------------------------------------------------
def _own(table: Table, kind: Kind) -> Iterator[_Read]:
    known = [name for name in table.names if name in kind.parsers]
    if not {"name", kind.needed} <= set(known):
        raise BadInput(
            "unknown_format",
            f"The header has no name and {kind.needed}: {shown(', '.join(table.header))}",
            hint=f"Columns: {', '.join(kind.parsers)}.",
        )
    at = table.index(known)
    for row in table:
        yield _Read(row.line, {} if row.problem else {name: row.cells[i] for name, i in at.items()}, row.problem)


def _jsonl(text: str) -> Iterator[_Read]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = parsed(line)
        except ValueError as error:
            yield _Read(number, {}, Refusal(number, ROW, shown(line), str(error)))
        else:
            # What lists print besides what can be said.
            yield _Read(number, {name: value for name, value in row.items() if name not in ("id", "currency")})


# --- dated VAT rates: start_date, stop_date, territory_codes, rate, rate_type ---------------------------------------
def _territories(table: Table) -> Iterator[_Read]:
    at = table.index(("start_date", "stop_date", "territory_codes", "rate", "rate_type"))
    for row in table:
        if row.problem:
            yield _Read(row.line, {}, row.problem)
            continue
        cell = {name: row.cells[i].strip() for name, i in at.items()}
        for territory in cell["territory_codes"].splitlines() or [""]:
            yield _territory(row, territory, cell)


def _territory(row: Row, territory: str, cell: Mapping[str, str]) -> _Read:
    if cell["rate_type"] != "standard":
        return _not_taken(
            row.line, "rate_type", cell["rate_type"], "is not the standard rate; products have no classes"
        )
    country, _, region = territory.partition("-")
    if len(country) != 2 or len(region) > _LONGEST_REGION:
        return _not_taken(row.line, "territory_codes", territory, "is a postal area; rates are by country and region")
    try:
        percent = format((Decimal(cell["rate"]) * 100).normalize(), "f")
    except InvalidOperation:
        return _not_taken(row.line, "rate", cell["rate"], "is not a number")
    return _vat(row.line, country, percent, cell.get("start_date", ""), cell.get("stop_date", ""), region)


# --- dated VAT rates: {"items": {"ES": [{"effective_from", "rates": {"standard"}}]}} ---------------------------------
def _is_one_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text).get("items"), dict)
    except (ValueError, AttributeError, RecursionError):
        return False


def _periods(text: str) -> list[_Read]:
    try:
        countries = sorted(json.loads(text)["items"].items())
        return [
            read for number, (country, periods) in enumerate(countries, 1) for read in _of(number, country, periods)
        ]
    except (KeyError, TypeError, AttributeError) as error:
        raise BadInput("unknown_format", f"The table of rates is not as expected: {error!r}") from None


def _of(number: int, country: str, periods: Any) -> Iterator[_Read]:
    """The rates of one country, each until the next one begins; `number` counts the countries."""
    dated = sorted(periods, key=lambda period: str(period["effective_from"]))
    for i, period in enumerate(dated):
        ends = str(dated[i + 1]["effective_from"]) if i + 1 < len(dated) else ""
        yield _vat(number, country, str(period["rates"]["standard"]), str(period["effective_from"]), ends)
        for exception in period.get("exceptions", ()):
            name = str(exception.get("name", ""))
            yield _not_taken(number, country, name, "is a postal area; rates are by country and region")


def _vat(line: int, country: str, percent: str, start: str, stop: str, region: str = "") -> _Read:
    begins = start if start > _LONG_AGO else _LONG_AGO
    said = {"name": "VAT", "country": _ALIASES.get(country, country), "region": region, "percent": percent}
    return _Read(line, {**said, "valid_from": begins, "valid_to": stop or None})


def _not_taken(line: int, column: str, value: str, reason: str) -> _Read:
    return _Read(line, {}, Refusal(line, column, shown(value), reason))
