"""Shopify's files out, in both layouts: what came in comes out with equal values, what changed here shows."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from shopctl.core import catalog
from shopctl.core.imports.platforms.shopify import CLASSIC, SINCE_2024, Layout
from shopctl.core.shop import Shop

from .conftest import NewShop
from .helpers import accepted, catalogue, exported, lines, only
from .platforms import comes_back, sheet, table

Cells = dict[str, str]

LAYOUTS = pytest.mark.parametrize("layout", [CLASSIC, SINCE_2024], ids=lambda layout: layout.format)
MORE = {
    "shopify": ("Variant Fulfillment Service", "Variant Weight Unit", "SEO Title", "Price / EU", "Colour (metafield)"),
    "shopify-2024": ("Fulfillment service", "Weight unit for display", "SEO title", "Price / EU", "Colour (metafield)"),
}
SERVICE, UNIT, SEO, REGION, FIELD = range(5)


class Sheet:
    """Builds rows of a layout by role."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        few = [role for role in layout.columns if role != "limit" and not re.match("option([4-9]|10) ", role)]
        self.columns = [layout.columns[role] for role in few]
        self.columns += MORE[layout.format]

    def row(self, *more: str, **cells: str) -> Cells:
        named = {
            self.layout.columns[role.replace("_", " ") if "option" in role else role]: c for role, c in cells.items()
        }
        return {
            self.layout.columns["handle"]: "tee",
            **named,
            **dict(zip(MORE[self.layout.format], more, strict=False)),
        }

    def variant(self, *more: str, **cells: str) -> Cells:
        usual = {"sku": "T", "grams": "180", "tracker": "shopify", "quantity": "3", "policy": "deny", "price": "5"}
        return self.row(*more, **{**usual, "shipping": "TRUE", "taxable": "true", **cells})

    def first(self, *more: str, **cells: str) -> Cells:
        head = {"title": "Tee", "published": "TRUE", "status": "active"}
        options = {"option1_name": "Title", "option1_value": "Default Title"}
        return self.variant(*more, **{**head, **options, **cells})

    def text(self, *rows: Cells) -> str:
        return sheet(self.columns, *rows)


@LAYOUTS
def test_all_that_a_file_says_comes_back(shop: Shop, layout: Layout) -> None:
    s = Sheet(layout)
    head = {"description": "<p>a, b</p>\n", "vendor": "Acme", "type": "Shirts", "tags": "a,b , c", "category": "X>Y"}
    sizes = {"option1_name": "Size", "option1_value": "M", "option2_name": "Colour", "option2_value": "Red"}
    rows = [
        s.first("manual", "oz", "Seo", "9", "red", sku="T-M", grams="226.79", tracker="amazon", **head, **sizes)
        | s.row(image="u1", position="3", alt="one", variant_image="v", barcode="'012"),
        s.variant("manual", "", "", "8.5", "blue", sku="T-L", option1_value="L", option2_value="Red", compare_at="6.50")
        | s.row(tracker="", quantity="7", policy="continue", taxable="FALSE", title="Tee"),
        s.variant(sku="T-S", option1_value="S", option2_value="", image="u3", position="2")
        | s.row(option2_value="Red"),
        s.row(image="u0", position="1", alt="zero"),
        s.row("auto", image="u9"),
    ]
    told = comes_back(shop, layout.format, s.text(*rows))
    assert len(told) == 5
    product = only(shop)
    assert product["image_urls"] == ["u0", "u3", "u1", "u9"]
    assert product["category"] == "X > Y"
    assert [v["weight_grams"] for v in product["variants"]] == [227, 180, 180]


@LAYOUTS
@pytest.mark.parametrize(
    "cells",
    [
        {"published": "TRUE", "status": "draft"},
        {"published": "FALSE", "status": "active"},
        {"published": "FALSE", "status": ""},
        {"published": "", "status": "draft"},
        {"published": "", "status": ""},
        {"published": "TRUE", "status": "archived"},
        {"policy": "", "taxable": "", "shipping": "", "grams": ""},
        {"taxable": "yes", "grams": "0.5"},
        {"option1_name": "", "option1_value": ""},
        {"tracker": "", "quantity": ""},
        {"tracker": "", "quantity": "4"},
        {"quantity": ""},
        {"quantity": "0"},
        {"category": "A > B"},
        {"category": "A > B", "type": "T"},
        {"type": "T"},
        {"type": "A>B"},
        {"image": "u"},
        {"image": "u", "position": "7"},
        {"tags": ""},
    ],
    ids=str,
)
def test_other_words_for_the_same_come_back(shop: Shop, layout: Layout, cells: Cells) -> None:
    s = Sheet(layout)
    comes_back(shop, layout.format, s.text(s.first(**cells)))


@LAYOUTS
def test_images_as_we_lay_them_need_no_notes(shop: Shop, layout: Layout) -> None:
    s = Sheet(layout)
    one = s.first(option1_name="Size", option1_value="M", image="u1", position="1")
    comes_back(
        shop, layout.format, s.text(one, s.variant(option1_value="L", sku="L") | s.row(image="u2", position="2"))
    )
    assert "extra" not in only(shop)


@LAYOUTS
def test_what_changes_here_shows(shop: Shop, layout: Layout) -> None:
    s = Sheet(layout)
    head = {"category": "A > B", "type": "T", "tags": "b,a", "published": "FALSE", "status": "active"}
    first = s.first(
        "manual", "oz", "Seo", sku="T", grams="0.5", tracker="amazon", image="u1", position="3", alt="x", **head
    )
    accepted(shop, s.text(first, s.row(image="u2", position="4", alt="y")))
    said: dict[str, Any] = {"title": "Coat", "category": "C", "tags": ["z"], "status": "active"}
    catalog.edit(shop, name="tee", said=said | {"image_urls": ["u2", "u3"]})
    catalog.edit(shop, name="T", said={"price": 900, "weight_grams": 7, "tracked": False, "backorder_limit": 5})
    one, two = table(exported(shop, layout.format))[0:2]

    def cell(role: str) -> str | None:
        return one[layout.columns[role].casefold()]

    assert [cell(role) for role in ("title", "category", "type", "tags")] == ["Coat", "C", "T", "z"]
    assert [cell(role) for role in ("published", "status", "grams", "tracker")] == ["true", "active", "7", ""]
    assert [cell(role) for role in ("price", "policy", "limit")] == ["9", "continue", "5"]
    assert [one[name.casefold()] for name in MORE[layout.format][:3]] == ["manual", "oz", "Seo"]
    images = [[row[layout.columns[role].casefold()] for role in ("image", "position", "alt")] for row in (one, two)]
    assert images == [["", "", ""], ["u2", "4", "y"]]
    assert table(exported(shop, layout.format))[2][layout.columns["image"].casefold()] == "u3"
    before = only(shop)
    accepted(shop, exported(shop, layout.format))
    after = only(shop)
    for found in (before, after):
        del found["extra"], found["variants"][0]["extra"]
    assert after == before


@LAYOUTS
def test_images_that_changed_places_are_counted_anew(shop: Shop, layout: Layout) -> None:
    s = Sheet(layout)
    accepted(shop, s.text(s.first(image="u1", position="5", alt="one"), s.row(image="u2", position="6")))
    catalog.edit(shop, name="tee", said={"image_urls": ["u2", "u1"]})
    rows = table(exported(shop, layout.format))
    assert [[r[layout.columns[role].casefold()] for role in ("image", "position", "alt")] for r in rows] == [
        ["u1", "2", "one"],
        ["u2", "1", ""],
    ]


FOREIGN = {
    "title": "=Tee",
    "description": "+1",
    "brand": "-2",
    "category": "A > B",
    "tags": ["a", "b"],
    "status": "archived",
    "image_urls": ["u1", "u2", "u1"],
    "variants": [
        {
            "sku": f"T-{n}",
            "options": {name: f"{name}{n}" for name in ("One", "Two", "Three", "Four")},
            "price": "0.50",
            "compare_at_price": "1.00",
            "barcode": "-5",
            "weight_grams": n,
            "image_urls": ["v"],
            "taxable": False,
            "requires_shipping": False,
            "tracked": n == 0,
            "backorder_limit": (0, 7, 10**9)[n],
        }
        for n in range(3)
    ],
}


@LAYOUTS
@pytest.mark.parametrize("images", [[], ["u1"], ["u1", "u2", "u1", "u3", "u4"]], ids=len)
def test_products_from_elsewhere_come_back(new_shop: NewShop, layout: Layout, images: list[str]) -> None:
    shop, other = new_shop(), new_shop()
    plain = {"title": "Plain", "variants": [{"price": "1", "quantity": 4}]}
    accepted(shop, lines(FOREIGN | {"image_urls": images}, plain))
    out = exported(shop, layout.format)
    assert accepted(shop, out).products_unchanged == 2
    accepted(other, out)
    assert catalogue(other) == catalogue(shop)
    assert exported(other, layout.format) == out
    assert "\n=" not in out
    assert ",=" not in out


@LAYOUTS
def test_extra_that_is_not_ours_does_no_harm(shop: Shop, layout: Layout) -> None:
    image = layout.columns["image"]
    for cell in ("u1", "[1]", '{"a": 1}', '[{"a": 1}]', "[" * 5_000):
        extra = {layout.format: {image: cell, layout.columns["title"]: "Old", layout.columns["grams"]: "x"}}
        one = {"price": "1", "extra": extra}
        accepted(shop, lines({"title": "Tee", "image_urls": ["u1"], "extra": extra, "variants": [one]}))
        row = table(exported(shop, layout.format))[0]
        assert (row["title"], row[layout.columns["grams"].casefold()]) == ("Tee", "0")
        assert [r[image.casefold()] for r in table(exported(shop, layout.format))][-1] == "u1"


def test_each_layout_keeps_its_own(shop: Shop) -> None:
    s, t = Sheet(CLASSIC), Sheet(SINCE_2024)
    accepted(shop, s.text(s.first("manual", "oz")))
    accepted(shop, t.text(t.first("auto", "kg")))
    assert table(exported(shop, "shopify"))[0]["variant weight unit"] == "oz"
    assert table(exported(shop, "shopify-2024"))[0]["weight unit for display"] == "kg"
    assert json.loads(exported(shop))["variants"][0]["extra"].keys() == {"shopify", "shopify-2024"}
