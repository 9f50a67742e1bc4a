"""Export: lossless in both formats, whatever the text; what comes out goes in again and changes nothing."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shopctl.core import catalog
from shopctl.core.errors import BadInput
from shopctl.core.imports import export
from shopctl.core.shop import Shop

from .conftest import NewShop
from .helpers import accepted, catalogue, everything, exported, lines

NASTY = [
    "shirt [/oops] \x1b]52;c;AAAA\x07",
    "\u202eright to left\u202c \u2066isolate\u2069 \u200f",
    "Z\u0351\u036b\u0343\u036aa\u0302\u036bl\u0334\u0321g\u0489o",
    "=1+1",
    "'=x",
    "''@x",
    "+1",
    "-2+3",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "'",
    "line\r\nfeed\nand\rreturn\tand tab",
    "\n",
    "   ",
    " around ",
    "👩‍👩‍👧‍👦 🏳️‍🌈",
    'say "hi", or; not',
    '""',
    "[1, 2]",
    "{",
    "NULL",
    "\x7f\x80\x9b\u2028\u2029\u0085",
    "\ufeffmark",
    "\U000e0041tag",
    "\x1c\x1d\x1e\x1f\x0b\x0c",
    "<script>alert(1)</script>",
    "; DROP TABLE products",
]


def fields(text: str) -> dict[str, Any]:
    """A product with the text wherever text may be."""
    return {
        "title": text,
        "description": text,
        "brand": text,
        "category": "A > B",
        "tags": [text, ""],
        "image_urls": [text],
        "variants": [{"sku": None, "options": {text: text}, "price": "0.5", "barcode": text, "image_urls": [text]}],
    }


@pytest.mark.parametrize("format", ["jsonl", "csv"])
def test_nasty_text_survives(new_shop: NewShop, format: str) -> None:
    shop, other = new_shop(), new_shop()
    accepted(shop, lines(*({"handle": f"{n:03}", **fields(text)} for n, text in enumerate(NASTY))))
    assert [product["title"] for product in catalogue(shop).values()] == NASTY
    assert [product["variants"][0]["options"] for product in catalogue(shop).values()] == [{t: t} for t in NASTY]
    out = exported(shop, format)
    accepted(other, out.encode())
    assert exported(other, format) == out
    assert exported(other) == exported(shop)
    before = everything(shop)
    assert accepted(shop, out).products_unchanged == len(NASTY)
    assert everything(shop) == before


def test_handles_are_text_too(new_shop: NewShop) -> None:
    shop, other = new_shop(), new_shop()
    accepted(shop, lines(*({"handle": text, "title": "T", "variants": [{"price": "1"}]} for text in NASTY)))
    out = exported(shop, "csv")
    accepted(other, out)
    assert exported(other, "csv") == out
    assert list(catalogue(other)) == sorted(NASTY)


def test_the_columns_and_their_order(shop: Shop) -> None:
    variants = [{"options": {"Size": s}, "price": "5", "quantity": 3, "hold_at": "cart"} for s in "ML"]
    accepted(shop, lines({"title": "T", "brand": "B", "tags": ["a", "b"], "variants": variants}))
    head, first, second = csv.reader(io.StringIO(exported(shop, "csv")))
    assert ",".join(head) == (
        "handle,title,description,brand,category,tags,status,image_urls,extra,sku,options,price,compare_at_price,currency,"
        "barcode,weight_grams,variant_image_urls,taxable,requires_shipping,tracked,backorder_limit,low_stock,"
        "hold_at,variant_extra"
    )
    assert first[:10] == ["t", "T", "", "B", "", '["a","b"]', "active", "", "", "T-M"]
    options = ["T-L", '{"Size":"L"}', "5.00", "", "USD", "", "0", ""]
    assert second == ["t", *[""] * 8, *options, *["true"] * 3, "0", "", "cart", ""]


def test_json_lines_hide_no_control_characters(shop: Shop) -> None:
    accepted(shop, lines(*({"handle": f"{n}", **fields(text)} for n, text in enumerate(NASTY))))
    out = exported(shop)
    assert not any(char in out for char in "\x1b\x07\x7f\x80\x9b\u202e\u2066\u200f\u2028\u2029\r\t")
    assert "👩" in out
    assert len(out.splitlines()) == len(NASTY)


def test_formulas_never_begin_a_cell(shop: Shop) -> None:
    accepted(shop, lines(*({"handle": text, **fields(text)} for text in NASTY)))
    for row in csv.reader(io.StringIO(exported(shop, "csv"), newline="")):
        assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in row)


def test_pages_are_joined_by_handle(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "PAGE", 3)
    handles = ["b", "a", "B", "é", "z", "Z", "10", "9"]
    accepted(shop, lines(*({"handle": h, "title": h, "variants": [{"price": "1"}]} for h in handles)))
    assert list(catalogue(shop)) == sorted(handles)


def test_an_empty_shop(shop: Shop) -> None:
    assert exported(shop) == ""
    assert accepted(shop, exported(shop, "csv")).rows == 0


def test_another_format_is_refused_before_anything_is_read(shop: Shop) -> None:
    with pytest.raises(BadInput, match="no export format"):
        export.export_products(shop, "xml")


TEXT = st.one_of(
    st.sampled_from(NASTY),
    st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=20),
    st.text("'=+-@\t\r\n,;\"[{ ", max_size=6),
)
FULL = TEXT.filter(bool)
PRICE = st.integers(0, 10**6)
VARIANT = st.fixed_dictionaries(
    {"price": PRICE},
    optional={
        "compare_at_price": st.none() | PRICE,
        "barcode": st.none() | FULL,
        "weight_grams": st.integers(0, 10**9),
        "image_urls": st.lists(TEXT, max_size=2),
        "taxable": st.booleans(),
        "requires_shipping": st.booleans(),
        "tracked": st.booleans(),
        "backorder_limit": st.integers(0, 10**9),
        "hold_at": st.sampled_from([None, "cart", "checkout"]),
    },
)
OPTIONS = st.lists(
    st.dictionaries(FULL, TEXT, max_size=3), min_size=1, max_size=3, unique_by=lambda o: str(sorted(o.items()))
)
PRODUCT = st.fixed_dictionaries(
    {"title": FULL},
    optional={
        "description": TEXT,
        "brand": st.none() | FULL,
        "category": st.sampled_from([None, "A", "A > B", "=1 > '", "\x1b"]),
        "tags": st.lists(TEXT, max_size=3),
        "status": st.sampled_from(catalog.STATUSES),
        "image_urls": st.lists(TEXT, max_size=2),
    },
)
CATALOGUE = st.dictionaries(FULL, st.tuples(PRODUCT, OPTIONS, st.lists(VARIANT, min_size=3, max_size=3)), max_size=4)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(wanted=CATALOGUE)
def test_any_catalogue_survives(new_shop: NewShop, wanted: dict[str, Any]) -> None:
    shop = new_shop()
    drafts = [
        catalog.ProductDraft(
            handle, said, [catalog.VariantDraft(o, v) for o, v in zip(options, variants, strict=False)]
        )
        for handle, (said, options, variants) in wanted.items()
    ]
    with shop.work("test") as tx:
        assert not any(written.clashes for written in catalog.put(tx, drafts))
        tx.commit()
    before = everything(shop)
    for format in ("jsonl", "csv"):
        out = exported(shop, format)
        other = new_shop()
        if out:
            accepted(other, out.encode())
            accepted(shop, out.encode())
        assert exported(other, format) == out
        assert exported(other) == exported(shop)
    assert everything(shop) == before
    assert [json.loads(line)["handle"] for line in exported(shop).splitlines()] == sorted(wanted)
