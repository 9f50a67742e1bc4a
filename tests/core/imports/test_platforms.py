"""Products of our own in every platform's format: they come back equal in all that the format can say."""

from __future__ import annotations

from typing import Any

import pytest

from shopctl.core.shop import Shop

from .conftest import NewShop
from .helpers import accepted, catalogue, everything, exported, lines
from .sheets import imported_again, out

STRANGE = {
    "handle": "strange",
    "title": '=HYPERLINK("x")',
    "description": "a\\n b\n\\\nend\r\n'z",
    "brand": "Acme, Inc",
    "category": "A, B > C/D",
    "tags": ["x", "-1 y"],
    "status": "archived",
    "image_urls": ["https://a/b,c.jpg", "https://a/d.jpg"],
    "variants": [{"sku": "S", "price": "5", "compare_at_price": "9.5", "weight_grams": 333, "barcode": "007"}],
}
TEE: dict[str, Any] = {
    "handle": "tee",
    "title": "Tee",
    "status": "draft",
    "variants": [
        {"sku": "TEE", "options": {"Size": "M", "Fit": "a,b"}, "price": "20", "quantity": 4, "low_stock": 3},
        {"sku": "TEE-L", "options": {"Size": "L", "Fit": "x"}, "price": "20", "compare_at_price": "25"},
        {"sku": "TEE-X", "options": {"Size": "X", "Fit": "x"}, "price": "22", "tracked": False, "taxable": False},
        {"sku": "TEE-Z", "options": {"Size": "Z", "Fit": "x"}, "price": "0", "requires_shipping": False},
        {"sku": "TEE-B", "options": {"Size": "B", "Fit": "x"}, "price": "20", "backorder_limit": 10**9},
    ],
}
TWIN = {"handle": "tee-2", "title": "Tee", "variants": [{"sku": "ONE", "options": {"Size": "M"}, "price": "1"}]}

CANNOT_SAY = {
    "shopify": ["low_stock"],
    "shopify-2024": ["low_stock"],
    "square": ["backorder_limit", "brand", "compare_at_price", "image_urls", "low_stock", "tags", "taxable"],
    "woocommerce": [],
    "medusa": ["brand", "category", "compare_at_price", "low_stock", "requires_shipping", "taxable"],
    "bigcommerce": ["backorder_limit", "weight_grams"],
}


@pytest.mark.parametrize("format", CANNOT_SAY)
def test_products_come_back_equal(shop: Shop, new_shop: NewShop, format: str) -> None:
    accepted(shop, lines(STRANGE, TEE, TWIN))
    before = everything(shop)
    assert imported_again(shop, format) == (0, 0, 3)
    assert everything(shop) == before
    other = new_shop()
    assert accepted(other, exported(shop, format)).format == format
    assert lost(catalogue(shop), catalogue(other)) == CANNOT_SAY[format]
    assert out(other, format) == out(shop, format)


@pytest.mark.parametrize("format", CANNOT_SAY)
def test_no_cell_is_a_formula(shop: Shop, format: str) -> None:
    accepted(shop, lines(STRANGE, TEE, TWIN))
    cells = [cell for row in out(shop, format) for cell in row.values()]
    assert [cell for cell in cells if cell[:1] in ("=", "+", "@", "\t") or (cell[:1] == "-" and cell != "-1")] == []


@pytest.mark.parametrize("format", CANNOT_SAY)
def test_cells_kept_for_another_format_stay(shop: Shop, format: str) -> None:
    extra = {"shopify": {"Cost per item": "3"}}
    accepted(shop, lines(TEE | {"extra": extra, "variants": [v | {"extra": extra} for v in TEE["variants"]]}))
    assert imported_again(shop, format) == (0, 0, 1)
    tee = catalogue(shop)["tee"]
    assert [part["extra"] for part in (tee, *tee["variants"])] == [extra] * 6


def lost(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """The fields of products and variants that are not the same."""
    assert before.keys() == after.keys()
    fields = set()
    for handle, product in before.items():
        for one, other in zip(
            (product, *product["variants"]), (after[handle], *after[handle]["variants"]), strict=True
        ):
            fields |= {name for name in one if name != "variants" and one[name] != other.get(name)}
    return sorted(fields)
