"""What the tests of other platforms' files share: a file goes in, comes out with equal values, and changes nothing."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation

from shopctl.core.shop import Shop

from .helpers import accepted, everything, exported

Rows = list[dict[str, str]]


def sheet(columns: Sequence[str], *rows: Mapping[str, str], delimiter: str = ",") -> str:
    """A CSV file of the columns; no row may say anything beside them."""
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, columns, restval="", delimiter=delimiter, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def table(text: str) -> Rows:
    """The rows of a CSV file by folded column name; the cells as values: numbers as numbers, TRUE as true."""
    header, *rows = csv.reader(io.StringIO(text, newline=""))
    return [{name.casefold(): value(cell) for name, cell in zip(header, row, strict=True)} for row in rows]


def value(cell: str) -> str:
    try:
        return str(Decimal(cell).normalize())
    except InvalidOperation:
        return cell.casefold() if cell.casefold() in ("true", "false") else cell


def comes_back(shop: Shop, format: str, text: str) -> Rows:
    """Import the text, export it, compare every cell; what came out changes nothing when it goes in. Its rows."""
    accepted(shop, text)
    out = exported(shop, format)
    said, told = table(text), table(out)
    assert len(told) == len(said)
    pairs = enumerate(zip(said, told, strict=True))
    differing = [(at, name, was[name], now.get(name, "")) for at, (was, now) in pairs for name in was]
    differing = [cell for cell in differing if cell[2] != cell[3]]
    assert differing == [], differing
    before = everything(shop)
    again = accepted(shop, out)
    assert (again.products_created, again.products_updated) == (0, 0)
    assert everything(shop) == before
    return told
