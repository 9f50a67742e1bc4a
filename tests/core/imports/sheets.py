"""CSV files of other platforms for tests: made from rows by column, and read back the same way."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation

from shopctl.core.imports.products import import_products
from shopctl.core.shop import Shop

from .helpers import exported

Rows = list[dict[str, str]]


def sheet(*rows: Mapping[str, str], delimiter: str = ",") -> str:
    """A file with the columns that the rows have between them."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, restval="", delimiter=delimiter, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def rows_of(file: str) -> Rows:
    return list(csv.DictReader(io.StringIO(file)))


def out(shop: Shop, format: str) -> Rows:
    return rows_of(exported(shop, format))


def differences(before: Sequence[Mapping[str, str]], after: Sequence[Mapping[str, str]], key: str) -> list[str]:
    """Cells of the rows before that are something else after; numbers compared as numbers."""
    found = {row[key]: row for row in after}
    return [
        f"{row[key]} {name}: {cell!r} became {found[row[key]].get(name)!r}"
        for row in before
        for name, cell in row.items()
        if _value(cell) != _value(found[row[key]].get(name, ""))
    ]


def imported_again(shop: Shop, format: str) -> tuple[int, int, int]:
    """Created, updated and unchanged products when what the shop exports goes in again, refusals none."""
    report = import_products(shop, exported(shop, format))
    assert (report.format, report.refusals) == (format, [])
    return report.products_created, report.products_updated, report.products_unchanged


def _value(cell: str) -> Decimal | str:
    try:
        return Decimal(cell)
    except InvalidOperation:
        return cell
