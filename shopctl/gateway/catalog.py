"""Browsing: products, categories, search, what can be had. Only what is for sale is there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import Query
from fastapi.responses import Response

from shopctl import core
from shopctl.core.errors import BadInput
from shopctl.core.queries import catalog as reads
from shopctl.core.queries.catalog import Category, Product, VariantRow
from shopctl.core.queries.stock import Availability
from shopctl.core.search import Request, Results
from shopctl.core.search.plan import SORTS
from shopctl.gateway.answers import answer, documented, keyed
from shopctl.gateway.callers import Reader
from shopctl.gateway.paging import MOST, Paged, Paginated, page

router = keyed("catalog")
PRODUCTS = Paginated(reads.LIST, lambda row: (row.handle, row.position, row.sku), (str, int, str))
CATEGORIES = Paginated(reads.CATEGORIES, lambda row: (row.path,), (str,))


@router.get("/products", **documented(VariantRow, page=True))
def products(caller: Reader, paged: Paged) -> Response:
    """Every variant that is for sale, product by product."""
    return page(caller.shop, PRODUCTS, paged, lambda _: reads.for_sale())


@router.get("/products/{name:path}", **documented(Product, 404))
def product(caller: Reader, name: str) -> Response:
    """A product with its variants, by its handle or by a SKU."""
    with caller.shop.read() as tx:
        return answer(reads.offered(tx, name))


@router.get("/categories", **documented(Category, page=True))
def categories(caller: Reader, paged: Paged) -> Response:
    """The tree of categories, a path a row."""
    return page(caller.shop, CATEGORIES, paged)


@router.get("/availability", **documented(Availability, 404, many=True))
def availability(
    caller: Reader, sku: Annotated[list[str], Query(min_length=1, max_length=MOST, description="May be repeated.")]
) -> Response:
    """How many units of each SKU can be had now; null where they are not counted."""
    with caller.shop.read() as tx:
        return answer(core.queries.stock.availability(tx, sku))


@router.get("/search", **documented(Results))
def search(
    caller: Reader,
    q: Annotated[str, Query(description="Words; a trailing * is a prefix; empty browses.")] = "",
    in_stock: Annotated[bool, Query(description="Only what can be had now.")] = False,
    brand: str | None = None,
    category: Annotated[str | None, Query(description="In a category or below it: A > B.")] = None,
    option: Annotated[list[str] | None, Query(description="NAME=VALUE; may be repeated.", max_length=20)] = None,
    tag: Annotated[list[str] | None, Query(description="May be repeated.", max_length=20)] = None,
    min_price: str | None = None,
    max_price: str | None = None,
    facets: Annotated[bool, Query(description="Count by brand, category, option …")] = False,
    sort: Annotated[str, Query(description=f"One of {', '.join(SORTS)}.")] = "relevance",
    limit: Annotated[int, Query(ge=0, le=200)] = 20,
) -> Response:
    """Products by relevance, with live price and stock."""
    wanted = Request(
        text=q,
        in_stock=in_stock,
        brand=brand,
        category=category,
        options=_options(option or ()),
        tags=tuple(tag or ()),
        min_price=min_price,
        max_price=max_price,
        facets=facets,
        sort=sort,
        limit=limit,
    )
    return answer(core.search.search(caller.shop, wanted))


def _options(given: Sequence[str]) -> dict[str, str]:
    pairs = [text.partition("=") for text in given]
    if any(not equals for _, equals, _ in pairs):
        raise BadInput("bad_option", "An option filter is NAME=VALUE", hint="option=Colour=Red")
    return {name: value for name, _, value in pairs}
