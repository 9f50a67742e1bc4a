"""Which format a file is in, and files that cannot be read at all."""

from __future__ import annotations

import io

import pytest

from shopctl.core.errors import BadInput
from shopctl.core.imports import export, formats, sniff
from shopctl.core.imports.products import import_products
from shopctl.core.shop import Shop

from .helpers import accepted, catalogue, refused


@pytest.mark.parametrize(
    ("file", "format"),
    [
        ('\n  {"title": "A", "variants": [{"price": "1"}]}', "jsonl"),
        ("title,price\nA,1\n", "csv"),
        ("TITLE;PRICE\nA;1\n", "csv"),
        ("handle,title,variant price\na,A,1\n", "shopify"),
        ("Token,ITEM name,Price\nx,A,1\n", "square"),
        ("TITLE,url HANDLE,price\nA,a,1\n", "shopify-2024"),
    ],
)
def test_the_format_is_told_from_the_start(shop: Shop, file: str, format: str) -> None:
    assert accepted(shop, file).format == format
    assert list(catalogue(shop)) == ["a"]


@pytest.mark.parametrize(
    ("header", "code", "what"),
    [
        ("Name,Email,Financial Status,Lineitem sku", "orders_export", "file of orders"),
        ("Item,Name,Options,Inventory Tracking", "unsupported_format", "BigCommerce"),
        ("Handle,Title,SKU,HS Code,COO,Berlin", "inventory_file", "inventory file"),
        ("SKU,Location,On hand (new)", "inventory_file", "inventory file"),
        ("sku,warehouse,quantity", "inventory_file", "inventory file"),
        ("a,b,c", "unknown_format", "a, b, c"),
        ("[", "unsupported_format", "JSON array"),
        ("", "empty_file", "empty"),
        ("\n \n", "empty_file", "empty"),
        ("\ufeff", "empty_file", "empty"),
        ('"a', "bad_header", "line 1"),
    ],
)
def test_files_that_are_no_products(shop: Shop, header: str, code: str, what: str) -> None:
    with pytest.raises(BadInput) as caught:
        import_products(shop, header + "\n" * bool(header) + "1,2,3\n" * (header not in ("", "\n \n", "\ufeff", '"a')))
    assert caught.value.code == code
    assert what in caught.value.message


def test_every_format_is_read_and_written() -> None:
    assert {"jsonl", *sniff._READERS} == set(formats.FORMATS)
    assert set(export._OWN) == set(formats.OWN)
    assert set(export._PLATFORMS) == set(formats.PLATFORMS)


def test_the_format_can_be_said(shop: Shop) -> None:
    assert refused(shop, "title,price\n", format="jsonl")[0][:2] == (1, "(row)")
    with pytest.raises(BadInput, match="Handle column"):
        import_products(shop, "title,price\nA,1\n", format="shopify")
    with pytest.raises(BadInput, match="no import format"):
        import_products(shop, "title,price\nA,1\n", format="xml")
    assert accepted(shop, "handle,title,price,variant image\na,A,1,u\n", format="csv").ignored == ["variant image"]


def test_a_line_that_is_not_utf_8(shop: Shop) -> None:
    with pytest.raises(BadInput, match="Line 3 is not UTF-8") as caught:
        import_products(shop, io.BytesIO(b"title,price\nA,1\nCaf\xe9,1\nD,1\n"), batch=1)
    assert (caught.value.code, caught.value.details) == ("not_utf8", {"line": 3, "imported": 0})


def test_a_file_without_line_ends(shop: Shop) -> None:
    with pytest.raises(BadInput, match="Line 1 is longer"):
        import_products(shop, b"{" * (17 * 1024 * 1024))


def test_a_header_alone_is_a_file_without_products(shop: Shop) -> None:
    assert accepted(shop, "title,price\n").rows == 0
