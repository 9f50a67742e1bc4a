"""Extra cells: kept by format and column, merged column by column."""

from __future__ import annotations

from typing import Any

import pytest

from shopctl.core.errors import BadInput
from shopctl.core.imports import extra
from shopctl.core.imports.source import lines_of
from shopctl.core.imports.table import Table
from shopctl.core.shop import Shop

from .helpers import accepted, exported, lines, only, refused


def product(of_product: Any, of_variant: Any) -> str:
    return lines({"title": "T", "extra": of_product, "variants": [{"price": "1", "extra": of_variant}]})


def kept(shop: Shop) -> tuple[Any, Any]:
    found = only(shop)
    return found.get("extra"), found["variants"][0].get("extra")


def test_cells_are_merged_by_column(shop: Shop) -> None:
    accepted(shop, product({"a": {"x": "1", "y": "2", "z": ""}}, {"a": {"v": "1"}}))
    assert kept(shop) == ({"a": {"x": "1", "y": "2"}}, {"a": {"v": "1"}})
    assert accepted(shop, product({"a": {"x": ""}, "b": {"x": "3"}}, {"a": {"w": "2"}})).products_updated == 1
    assert kept(shop) == ({"a": {"y": "2"}, "b": {"x": "3"}}, {"a": {"v": "1", "w": "2"}})
    assert accepted(shop, exported(shop)).products_unchanged == 1
    assert accepted(shop, exported(shop, "csv")).products_unchanged == 1
    accepted(shop, product(None, {"a": {"v": "", "w": ""}}))
    assert kept(shop) == (None, None)


def test_cells_must_be_storable_text(shop: Shop) -> None:
    assert refused(shop, product({"a": {"x": 1}}, None))[0][1:] == ("extra", "1", "is not text")
    assert refused(shop, product({"a": {"x": "\0"}}, None))[0][3] == "holds a NUL character"
    assert refused(shop, product(None, {"a": {"x" * 600_000: "y" * 600_000}}))[0][1] == "variants[0].extra"


def test_unused_columns() -> None:
    table = Table(lines_of('SKU,"b\nc",seo TITLE,,,Note\n1,2,3,4,5,\n'))
    columns = extra.unused(table, [0], ["SEO Title", "SKU"])
    assert columns == {"b\nc": 1, "SEO Title": 2, "Note": 5}
    assert extra.picked(next(iter(table)).cells, columns) == {"b\nc": "2", "SEO Title": "3", "Note": ""}
    with pytest.raises(BadInput, match="'note' more than once"):
        extra.unused(Table(lines_of("SKU,Note,NOTE\n")), [0])
