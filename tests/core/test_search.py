"""Search over a real store and a real index: what is found, in which order, with which counts, and what cannot break it."""

from __future__ import annotations

import fcntl
import json
import os
import random
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from shopctl.core import catalog, outbox, search, stock
from shopctl.core.adapters.search_whoosh import WhooshIndex
from shopctl.core.domain import money, text
from shopctl.core.errors import BadInput, ShopError, Unavailable
from shopctl.core.ports import Document, IndexAnswer, IndexBusy, IndexQuery, IndexUnusable
from shopctl.core.queries import search as reads
from shopctl.core.queries.stock import can_be_had
from shopctl.core.search import Hit, Request, Results, indexer, plan
from shopctl.core.search.facets import FACET_VALUES
from shopctl.core.search.plan import NAMES_ONLY
from shopctl.core.shop import Shop
from tests import shops

CATALOGUE = Path(__file__).parents[2] / "data" / "catalogue.jsonl"
Product = dict[str, Any]


def draft(product: Product) -> catalog.ProductDraft:
    """A line of a catalogue as the draft of a product."""

    def variant(said: Product) -> catalog.VariantDraft:
        about = {"price": money.parse_amount(said["price"], "USD"), "barcode": said.get("barcode")}
        return catalog.VariantDraft(said["options"], about | said.get("more", {}), said["sku"])

    about = {key: product[key] for key in ("title", "description", "brand", "category", "tags", "status")}
    return catalog.ProductDraft(product["handle"], about, [variant(one) for one in product["variants"]])


def product(handle: str, *variants: Product, **about: Any) -> Product:
    plain: Product = {
        "title": handle,
        "description": "",
        "brand": None,
        "category": None,
        "tags": [],
        "status": "active",
    }
    return {
        **plain,
        "handle": handle,
        "variants": variants or ({"sku": handle.upper(), "options": {}, "price": "1.00"},),
        **about,
    }


def new_shop(folder: Path, products: list[Product]) -> Shop:
    """A shop in a folder with these products; of every third SKU 5 units are in stock."""
    shop = shops.make(folder)
    add(shop, *products)
    skus = sorted(variant["sku"] for one in products for variant in one["variants"])
    with shop.work("test") as tx:
        stock.open_stock(tx, dict.fromkeys(skus[::3], 5))
        tx.commit()
    return shop


def add(shop: Shop, *products: Product) -> None:
    with shop.work("test") as tx:
        for result in catalog.put(tx, [draft(one) for one in products]):
            assert not result.clashes
        tx.commit()


@cache
def catalogue() -> list[Product]:
    with CATALOGUE.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def filled(folder: Path) -> None:
    """The demo catalogue, indexed."""
    search.reindex(new_shop(folder, catalogue()))


@pytest.fixture(scope="session")
def products() -> list[Product]:
    return catalogue()


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """The demo shop, the test's own."""
    return shops.copy_of(filled, tmp_path)


@pytest.fixture
def small(tmp_path: Path) -> Callable[..., Shop]:
    """Makes a shop of few products."""
    return lambda *products: new_shop(tmp_path, list(products))


def find(shop: Shop, asked: str = "", **more: Any) -> Results:
    return search.search(shop, Request(asked, **more))


def handles(results: Results) -> list[str]:
    return [hit.handle for hit in results.hits]


def build_of(shop: Shop) -> Path:
    return max(entry for entry in (shop.home / "index").iterdir() if entry.name.isdecimal())


# --- words ---------------------------------------------------------------------------------------------------------
def test_an_exact_sku_comes_first_with_its_own_variant(shop: Shop) -> None:
    found = find(shop, "TEE-NAVY-XL")
    assert (found.hits[0].sku, found.hits[0].handle) == ("TEE-NAVY-XL", "classic-tee")
    assert found.hits[0].options == {"Colour": "Navy", "Size": "XL"}
    assert found.hits[0].score == max(hit.score for hit in found.hits)
    assert find(shop, "tee-navy-xl").hits[0].sku == "TEE-NAVY-XL"


def test_a_barcode_or_a_handle_is_an_exact_name_too(shop: Shop, products: list[Product]) -> None:
    variant = products[100]["variants"][1]
    found = find(shop, variant["barcode"])
    assert [hit.sku for hit in found.hits] == [variant["sku"]]
    assert handles(find(shop, "wheeled-carry-on"))[0] == "wheeled-carry-on"


def test_all_words_come_before_any_word(shop: Shop) -> None:
    assert handles(find(shop, "merino henley"))[0] == "merino-henley"
    little = find(shop, "henley kettle")  # no product has both
    assert {"merino-henley"} < set(handles(little))
    assert any("kettle" in hit.title.lower() for hit in little.hits)


def test_words_match_by_their_stem_in_any_case(shop: Shop) -> None:
    one, many = find(shop, "boot", limit=-1), find(shop, "BOOTS", limit=-1)
    assert handles(one) == handles(many)
    assert one.total > 5


def test_a_star_is_any_word_that_begins_so(shop: Shop) -> None:
    assert "featherweight-merino-tee" in handles(find(shop, "feath*", limit=-1))
    assert "featherweight-merino-tee" in handles(find(shop, "feath* tee"))
    assert find(shop, "xqz*").total == 0
    assert find(shop, "*").total == 0


def test_what_a_dash_joins_is_found_with_and_without_it(small: Callable[..., Shop]) -> None:
    shop = small(product("a", title="Plain T-Shirt"), product("b", title="Men's vest"))
    assert [handles(find(shop, asked)) for asked in ("t-shirt", "tshirts", "t shirt", "mens", "men’s")] == [
        ["a"], ["a"], ["a"], ["b"], ["b"],
    ]  # fmt: skip


def test_a_typo_is_corrected_and_said(shop: Shop) -> None:
    found = find(shop, "hoodei")
    assert found.corrected == "hoodie"
    assert "quayside-hoodie" in handles(found)
    assert find(shop, "hoodie").corrected is None


def test_a_typo_among_right_words_is_corrected_before_any_word_will_do(shop: Shop) -> None:
    found = find(shop, "quayside hoodei")
    assert found.corrected == "quayside hoodie"
    assert handles(found)[0] == "quayside-hoodie"


def test_accents_do_not_matter(small: Callable[..., Shop]) -> None:
    shop = small(product("brulee", title="Crème Brûlée Torch"), product("smor", title="Smørrebrød board", brand="Øst"))
    for asked in ("creme brulee", "CRÈME BRÛLÉE", "cre\u0300me brûlée"):
        assert handles(find(shop, asked)) == ["brulee"]
    assert handles(find(shop, "smorrebrod")) == ["smor"]
    assert handles(find(shop, brand="øst")) == ["smor"]


def test_words_without_meaning_are_kept(small: Callable[..., Shop]) -> None:
    shop = small(product("who", title="The Who at the BBC"), product("it", title="It"))
    assert handles(find(shop, "the who")) == ["who"]
    assert handles(find(shop, "it")) == ["it"]


def test_the_shown_variant_fits_the_words_and_can_be_had(small: Callable[..., Shop]) -> None:
    def tee(sku: str, colour: str) -> Product:
        return {"sku": sku, "options": {"Colour": colour}, "price": "5.00"}

    shop = small(product("tee", tee("Z-1", "Red"), tee("Z-2", "Green"), tee("Z-3", "Blue"), title="Plain tee"))
    stock.receive(shop, sku="Z-3", quantity=4)
    assert find(shop, "green tee").hits[0].sku == "Z-2"
    stock.adjust(shop, sku="Z-1", quantity=-5, reason="lost")
    assert [(hit.sku, hit.available) for hit in find(shop, "tee").hits] == [("Z-3", 4)]


# --- filters, counts, order ----------------------------------------------------------------------------------------
def brute_force(products: list[Product], shop: Shop, keep: Callable[[Product, Product], bool]) -> list[Product]:
    """Active products with those of their variants that are kept; what the store says of stock goes with each."""
    with shop.read() as tx:
        skus = [variant["sku"] for one in products for variant in one["variants"]]
        units: dict[str, int] = {}
        for i in range(0, len(skus), 500):
            units |= can_be_had(tx, skus[i : i + 500])
    found = []
    for one in products:
        kept = [{**v, "units": units.get(v["sku"], 0)} for v in one["variants"]]
        kept = [variant for variant in kept if keep(one, variant)]
        if one["status"] == "active" and kept:
            found.append({**one, "variants": kept})
    return found


def counted(found: list[Product], values: Callable[[Product], set[str]]) -> list[tuple[str, int]]:
    counter = Counter(value for one in found for value in values(one))
    return sorted(counter.items(), key=lambda item: (-item[1], item[0]))[:FACET_VALUES]


FILTERS: list[tuple[dict[str, Any], Callable[[Product, Product], bool]]] = [
    ({}, lambda _, v: True),
    ({"brand": "harbour & PINE"}, lambda p, v: p["brand"] == "Harbour & Pine"),
    ({"category": "apparel"}, lambda p, v: p["category"].startswith("Apparel")),
    ({"category": "Apparel>T-Shirts"}, lambda p, v: p["category"] == "Apparel > T-Shirts"),
    ({"tags": ["Cotton"]}, lambda p, v: "cotton" in p["tags"]),
    ({"in_stock": True}, lambda p, v: v["units"] > 0),
    ({"min_price": "19.99", "max_price": "48"}, lambda p, v: 1999 <= Decimal(v["price"]) * 100 <= 4800),
    (
        {"options": {"colour": "navy", "SIZE": "m"}, "in_stock": True, "max_price": "60"},
        lambda p, v: (
            (v["options"].get("Colour"), v["options"].get("Size")) == ("Navy", "M")
            and v["units"] > 0
            and Decimal(v["price"]) <= 60
        ),
    ),
]


@pytest.mark.parametrize("asked", ["", "wool"])
@pytest.mark.parametrize(("filters", "keep"), FILTERS)
def test_filters_and_facets_agree_with_brute_force(
    shop: Shop, products: list[Product], asked: str, filters: dict[str, Any], keep: Callable[[Product, Product], bool]
) -> None:
    with_word = {hit.handle for hit in find(shop, asked, limit=-1).hits}
    expected = [one for one in brute_force(products, shop, keep) if one["handle"] in with_word]
    found = find(shop, asked, facets=True, limit=-1, **filters)
    assert sorted(handles(found)) == sorted(one["handle"] for one in expected)
    assert (found.total, found.relation) == (len(expected), "exact")
    got = {name: [(one.value, one.count) for one in values] for name, values in found.facets.items()}
    assert got.pop("brand") == counted(expected, lambda p: {p["brand"]})
    assert got.pop("category") == counted(expected, lambda p: {p["category"]})
    assert got.pop("tags") == counted(expected, lambda p: set(p["tags"]))
    assert got.pop("in_stock") == counted(
        expected, lambda p: {"yes" if any(v["units"] for v in p["variants"]) else "no"}
    )
    for value, count in got.pop("price"):
        low, high = map(Decimal, value.split("-"))
        inside = (any(low <= Decimal(v["price"]) <= high for v in p["variants"]) for p in expected)
        assert count == sum(inside)
    names = {name for one in expected for v in one["variants"] for name in v["options"]}
    assert got.keys() == names
    for name in names:
        assert got[name] == counted(expected, lambda p, name=name: {v["options"][name] for v in p["variants"] if name in v["options"]})  # type: ignore[misc]  # fmt: skip


def test_a_facet_counts_what_its_value_as_a_filter_finds(shop: Shop) -> None:
    facets = find(shop, facets=True).facets
    for one in facets["price"]:
        low, high = one.value.split("-")
        assert find(shop, min_price=low, max_price=high).total == one.count
    for one in facets["Colour"]:
        assert find(shop, options={"Colour": one.value}).total == one.count


def test_options_meet_on_one_variant(small: Callable[..., Shop]) -> None:
    shop = small(
        product(
            "tee",
            {"sku": "R-M", "options": {"Colour": "Red", "Size": "M"}, "price": "10.00"},
            {"sku": "B-L", "options": {"Colour": "Blue", "Size": "L"}, "price": "20.00"},
        )
    )
    for asked in ("", "tee"):
        assert [hit.sku for hit in find(shop, asked, options={"Colour": "Blue", "Size": "L"}).hits] == ["B-L"]
        assert find(shop, asked, options={"Colour": "Blue", "Size": "M"}).total == 0
        assert find(shop, asked, options={"Colour": "Blue"}, max_price="19.99").total == 0


def test_what_is_not_tracked_is_in_stock(small: Callable[..., Shop]) -> None:
    card = {"sku": "GIFT", "options": {}, "price": "25.00", "more": {"tracked": False}}
    shop = small(product("a"), product("gift", card, title="Gift card"))  # A is the first SKU: it has stock
    assert [(hit.handle, hit.available) for hit in find(shop, in_stock=True, sort="title").hits] == [
        ("a", 5),
        ("gift", None),
    ]


def test_the_order_is_what_was_asked(shop: Shop) -> None:
    for asked in ("", "tee"):
        cheap = [hit.price.amount for hit in find(shop, asked, sort="price", limit=-1).hits]
        dear = [hit.price.amount for hit in find(shop, asked, sort="-price", limit=-1).hits]
        titles = [hit.title.lower() for hit in find(shop, asked, sort="title", limit=-1).hits]
        assert cheap == sorted(cheap)
        assert dear == sorted(dear, reverse=True)
        assert titles == sorted(titles)
        assert len(cheap) == len(titles) > 5
    add(shop, product("fresh", title="Fresh tee"))
    assert handles(find(shop))[0] == handles(find(shop, "tee", sort="newest"))[0] == "fresh"
    with pytest.raises(BadInput) as refused:
        find(shop, sort="cheapest")
    assert refused.value.code == "bad_sort"
    assert "newest" in (refused.value.hint or "")


def test_the_limit_cuts_the_hits_and_nothing_else(shop: Shop) -> None:
    every = find(shop, "wool", limit=-1)
    assert handles(find(shop, "wool", limit=3)) == handles(every)[:3]
    assert find(shop, "wool", limit=3).total == every.total == len(every.hits)
    assert (find(shop, "wool", limit=0).hits, find(shop, "wool", limit=0).total) == ([], every.total)
    with pytest.raises(BadInput):
        find(shop, limit=-2)


def test_prices_are_exact_and_checked(shop: Shop) -> None:
    assert find(shop, "TEE-RED-M", min_price="19.99", max_price="19.99").hits[0].price == money.Money(1999, "USD")
    assert "classic-tee" not in handles(find(shop, "tee", min_price="20", limit=-1))
    with pytest.raises(BadInput):
        find(shop, min_price="cheap")


def test_beyond_the_candidates_the_total_is_at_least(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "CANDIDATES", 7)
    for asked in ("", "wool"):
        found = find(shop, asked, facets=True)
        assert (found.total, found.relation, len(found.hits)) == (7, "at_least", 7)


# --- changes -------------------------------------------------------------------------------------------------------
def test_prices_stock_and_titles_are_the_stores_not_the_indexes(shop: Shop) -> None:
    catalog.edit(shop, name="TEE-RED-M", said={"price": 777})
    stock.receive(shop, sku="TEE-RED-M", quantity=50)
    read_only = shop.but(read_only=True)  # so that nothing is indexed on the way
    hit = find(read_only, "TEE-RED-M").hits[0]
    assert hit.price == money.Money(777, "USD")
    assert hit.available is not None
    assert hit.available >= 50


def test_archived_products_are_gone_at_once(shop: Shop) -> None:
    catalog.archive(shop, handle="classic-tee")
    with_stale_index = find(shop.but(read_only=True), "classic tee", limit=-1)
    assert "classic-tee" not in handles(with_stale_index)
    assert with_stale_index.total == len(with_stale_index.hits)
    assert any("not searchable yet" in notice for notice in with_stale_index.notices)
    assert "classic-tee" not in handles(find(shop, "classic tee", limit=-1))
    assert search.lag(shop) == 0
    with shop.read() as tx:
        assert set(shop.index.versions()) == set(reads.active_after(tx, None, 1000))


def test_a_search_indexes_the_small_backlog_first(shop: Shop) -> None:
    add(shop, product("zeppelin", title="Zeppelin kit"))
    assert search.lag(shop) == 1
    found = find(shop, "zeppelins")
    assert (handles(found), list(found.notices)) == (["zeppelin"], [])
    assert search.lag(shop) == 0
    catalog.edit(shop, name="zeppelin", said={"title": "Balloon kit"})
    assert handles(find(shop, "balloon")) == ["zeppelin"]
    assert find(shop, "zeppelin", sort="price").hits[0].title == "Balloon kit"  # by its handle
    catalog.archive(shop, handle="zeppelin")
    assert search.index_changes(shop) == 1
    catalog.edit(shop, name="zeppelin", said={"status": "active"})
    assert (search.index_changes(shop), search.index_changes(shop)) == (1, 0)
    assert handles(find(shop, "balloon")) == ["zeppelin"]


def test_a_large_backlog_is_left_to_the_indexer_and_said(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indexer, "SMALL_BACKLOG_PRODUCTS", 2)
    add(shop, *(product(f"zeppelin-{i}") for i in range(3)))
    found = find(shop, "boots")
    assert "1 changes of the catalogue are not searchable yet" in found.notices[0]
    assert (search.index_changes(shop), find(shop, "zeppelin").total) == (1, 3)


def test_many_small_changes_keep_the_index_small_and_right(shop: Shop) -> None:
    for i in range(25):
        catalog.edit(shop, name="classic-tee", said={"title": f"Tee number{i}"})
        search.index_changes(shop)
    assert len(list(build_of(shop).glob("*.seg"))) <= 9
    assert handles(find(shop, "number24")) == ["classic-tee"]
    assert find(shop.but(read_only=True), "number23").corrected is None
    with shop.read() as tx:
        assert set(shop.index.versions()) == set(reads.active_after(tx, None, 1000))


def test_a_rebuild_takes_in_what_waited_and_leaves_what_comes_meanwhile(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(shop, product("before"))
    every = indexer._every_document

    def slowly(shop: Shop) -> Iterator[Document]:
        yield from every(shop)
        add(shop, product("meanwhile"))

    monkeypatch.setattr(indexer, "_every_document", slowly)
    assert search.reindex(shop) == 354
    assert search.lag(shop) == 1
    assert handles(find(shop, "meanwhile")) == ["meanwhile"]


def test_a_dry_run_and_a_read_only_shop_write_no_index(shop: Shop) -> None:
    add(shop, product("zeppelin", title="Zeppelin kit"))
    before = shop.index.versions()
    assert search.index_changes(shop.but(dry_run=True)) == 0
    assert search.reindex(shop.but(dry_run=True)) == 354
    assert find(shop.but(dry_run=True), "kit").total >= 0
    assert find(shop.but(read_only=True), "kit").total >= 0
    with pytest.raises(ShopError):
        search.reindex(shop.but(read_only=True))
    assert (shop.index.versions(), search.lag(shop)) == (before, 1)


def test_a_new_shop_finds_nothing_calmly(small: Callable[..., Shop]) -> None:
    shop = small()
    assert (find(shop).total, find(shop, "tee").total, find(shop, "tee*").total) == (0, 0, 0)
    add(shop, product("tee"))
    assert handles(find(shop, "tees")) == ["tee"]


# --- what is wrong with the index ----------------------------------------------------------------------------------
def _delete(index: Path) -> None:
    shutil.rmtree(index)


def _replace_by_file(index: Path) -> None:
    shutil.rmtree(index)
    index.write_text("garbage")


def _each_file(change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    def damage(index: Path) -> None:
        for path in (path for path in index.rglob("*") if path.is_file()):
            path.write_bytes(change(path.read_bytes()))

    return damage


def _let_others_write(index: Path) -> None:
    for path in (path for path in index.rglob("*.seg")):
        path.chmod(0o666)


def _let_others_write_the_folder(index: Path) -> None:
    index.chmod(0o777)


def _lose_segments(index: Path) -> None:
    for path in index.rglob("*.seg"):
        path.unlink()


DAMAGES = [
    _delete,
    _replace_by_file,
    _each_file(lambda content: b""),
    _each_file(lambda content: content[: len(content) // 2]),
    _each_file(lambda content: random.Random(7).randbytes(len(content))),
    _each_file(lambda content: content[:8] + b"\xff" * 300 + content[308:]),
    _let_others_write,
    _let_others_write_the_folder,
    _lose_segments,
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_whatever_is_wrong_with_the_index_search_answers_and_repairs(
    shop: Shop, damage: Callable[[Path], None]
) -> None:
    right = handles(find(shop, "waxed jacket"))  # the index is open in this process, too
    damage(shop.home / "index")
    bypassed = find(shop.but(read_only=True), "waxed")
    assert NAMES_ONLY in bypassed.notices
    assert "waxed-cotton-field-jacket" in handles(bypassed)
    told: list[str] = []
    repaired = find(shop.but(narrate=told.append), "waxed jacket")
    assert handles(repaired) == right
    assert list(repaired.notices) == told
    assert "building it anew" in told[0]
    assert find(shop, "waxed jacket").notices == []
    assert (shop.home / "index").stat().st_mode & 0o777 == 0o700


def test_an_index_of_somebody_else_is_never_opened(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    me = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: me + 1)
    with pytest.raises(IndexUnusable, match="not safe"):
        WhooshIndex(shop.home / "index").find(IndexQuery("tee"))


def test_a_large_catalogue_is_not_rebuilt_in_passing(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indexer, "SMALL_CATALOGUE", 10)
    _delete(shop.home / "index")
    found = find(shop, "waxed")
    assert list(found.notices) == [NAMES_ONLY]
    assert found.total > 0
    catalog.edit(shop, name="classic-tee", said={"title": "Changed"})
    assert (search.index_changes(shop), search.lag(shop)) == (0, 1)
    assert search.reindex(shop) == 353
    assert (search.lag(shop), find(shop, "changed").notices) == (0, [])


@pytest.mark.parametrize("asked", ["100%", "a_b", "\\", "/", "'; DROP TABLE products; --", '"', "%"])
def test_without_an_index_wildcards_are_plain_characters(small: Callable[..., Shop], asked: str) -> None:
    shop = small(product("odd", title=f"x{asked}y"), product("even", title="100 axb"))
    assert handles(find(shop.but(read_only=True), asked)) == ["odd"]


def test_while_another_process_writes_the_changes_wait(shop: Shop) -> None:
    add(shop, product("zeppelin", title="Zeppelin kit"))
    with (shop.home / "index" / "lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(IndexBusy, match="being written by another process"):
            shop.index.put([])
        with pytest.raises(Unavailable):
            search.reindex(shop)
        found = find(shop, "boots")
        assert found.total > 0
        assert "not searchable yet" in found.notices[0]
        assert search.lag(shop) == 1
    with shop.read() as tx:
        fact = outbox.waiting(tx, outbox.CATALOG_CHANGED)[0]
    assert fact.attempts == 1
    later = shop.but(clock=lambda: shop.clock().replace(year=2090))
    assert search.index_changes(later) == 1
    assert handles(find(shop, "zeppelin kit"))[0] == "zeppelin"


def test_what_is_not_searched_for_is_not_indexed_again(shop: Shop) -> None:
    """A price, a stock rule: the index asks the store for them, so their change is no work for it."""
    assert search.lag(shop) == 0
    sku = find(shop, "boots").hits[0].sku
    catalog.edit(shop, name=sku, said={"price": 12345, "backorder_limit": 2})
    assert search.lag(shop) == 0
    assert next(hit for hit in find(shop, "boots").hits if hit.sku == sku).price.amount == 12345
    catalog.edit(shop, name=sku, said={"title": "Zeppelin boots"})
    assert search.lag(shop) == 1
    assert find(shop, "zeppelin boots").hits[0].sku == sku


def test_whooshs_own_lock_is_respected(shop: Shop) -> None:
    from whoosh import index

    writer = index.open_dir(str(build_of(shop))).writer()
    with pytest.raises(IndexBusy, match="being written by another process"):
        shop.index.put([])
    writer.cancel()


def test_a_slower_indexer_never_puts_back_what_was_older(shop: Shop) -> None:
    """Documents are read inside the writer's turn, so a second writer cannot come between reading and writing."""

    def documents() -> Iterator[Document]:
        with pytest.raises(IndexBusy):
            WhooshIndex(shop.home / "index").put([])
        yield from ()

    shop.index.put(documents())


def test_an_error_of_the_store_while_indexing_is_that_error_and_changes_nothing(shop: Shop) -> None:
    def broken() -> Iterator[Document]:
        raise BadInput("boom", "boom")
        yield

    before = shop.index.versions()
    for write in (shop.index.put, shop.index.rebuild):
        with pytest.raises(BadInput, match="boom"):
            write(broken())
    assert shop.index.versions() == before
    assert [entry.name for entry in (shop.home / "index").iterdir() if entry.name.startswith("new")] == []


def test_a_reader_in_another_process_sees_the_old_index_or_the_new(shop: Shop) -> None:
    program = (
        "import sys; from pathlib import Path\n"
        "from shopctl.core.adapters.search_whoosh import WhooshIndex\n"
        "from shopctl.core.ports import IndexQuery\n"
        "print(len(WhooshIndex(Path(sys.argv[1])).find(IndexQuery('wool')).ids), flush=True)\n"
        "index = WhooshIndex(Path(sys.argv[1]))\n"
        "print(min(len(index.find(IndexQuery('wool')).ids) for _ in range(300)))\n"
    )
    path = str(shop.home / "index")
    with subprocess.Popen([sys.executable, "-c", program, path], stdout=subprocess.PIPE, text=True) as reader:
        assert reader.stdout
        first = int(reader.stdout.readline())
        while reader.poll() is None:
            search.reindex(shop)
        assert first == int(reader.stdout.read()) > 0
    assert reader.returncode == 0


def test_files_are_private_whatever_the_umask(shop: Shop) -> None:
    old = os.umask(0)
    try:
        search.reindex(shop)
        catalog.edit(shop, name="classic-tee", said={"title": "Changed"})
        assert search.index_changes(shop) == 1
    finally:
        os.umask(old)
    index = shop.home / "index"
    assert {path.stat().st_mode & 0o077 for path in [index, *index.rglob("*")]} == {0}


# --- hostile text --------------------------------------------------------------------------------------------------
HOSTILE = [
    "[bold red]tee[/]",
    "\x1b[31mtee\x1b[0m",
    '"tee" AND title:(x OR *)',
    "tee' OR 1=1 --",
    "%",
    "_" * 40,
    "\\",
    "tee\x00tee",
    "\ud800tee",
    "tee " * 2500,
    "x" * 10_000,
    "* ** tee*",
    "🙂 👩‍👩‍👧 テ",
    "NOT AND OR TO [ ] { } ^ ~ ? : \" ' ( )",
    "a* b* c* d* e* f* g* h* i* j*",
]


@pytest.mark.parametrize("asked", HOSTILE)
@pytest.mark.parametrize("usable", [True, False])
def test_no_text_is_refused_or_breaks_anything(shop: Shop, asked: str, usable: bool) -> None:
    if not usable:
        _delete(shop.home / "index")
    found = find(shop.but(read_only=True), asked, facets=True)
    assert found.total >= len(found.hits)
    find(shop, brand=asked, category=asked, options={asked: asked}, tags=[asked])
    find(shop, "tee", brand=asked, category=asked, options={asked: asked}, tags=[asked])


def test_a_long_query_is_cut_and_said(shop: Shop) -> None:
    assert "500 characters and 32 words" in find(shop, "tee " * 2500).notices[0]


# --- the index by itself -------------------------------------------------------------------------------------------
def test_whoosh_is_imported_only_when_it_is_used(tmp_path: Path) -> None:
    program = "import sys, shopctl.bootstrap, shopctl.core.search; sys.exit('whoosh' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_the_index_ranks_and_cuts_like_the_sum_of_its_words(tmp_path: Path) -> None:
    """Whoosh loses good documents when it skips by quality; whatever is asked, the best are the best of all."""
    chance = random.Random(1)
    words = [f"w{i}" for i in range(40)]

    def document(number: int, version: int) -> Document:
        title = " ".join(chance.choices(words, [1 / (i + 1) for i in range(40)], k=5))
        return Document(f"p{number}", version, title, chance.choice("AB"), "X > Y", (), ("c=r",), (f"s{number}",), "")

    kept = {f"p{i}": document(i, 1) for i in range(800)}
    index = WhooshIndex(tmp_path / "index")
    assert index.rebuild(kept.values()) == 800
    for version in range(2, 6):
        for match in ("all", "any"):
            for asked in ("w0 w1", "w3 w1* w2", "w*", "w5 w30"):
                query = IndexQuery(asked, brand=chance.choice([None, "a"]), match=match)
                every = index.find(query)
                best = index.find(IndexQuery(asked, brand=query.brand, match=query.match, limit=9))
                assert best == IndexAnswer(every.ids[:9], every.scores[:9], len(every.ids) > 9)
                assert sorted(every.ids) == sorted(id for id, one in kept.items() if _matches(query, one))
        changed = [document(chance.randrange(800), version) for _ in range(20)]
        gone = [f"p{chance.randrange(800)}" for _ in range(3)]
        index.put(changed, gone)
        for id in gone:
            kept.pop(id, None)
        kept |= {one.product_id: one for one in reversed(changed)}  # the first of two with one id
        assert index.versions() == {id: one.version for id, one in kept.items()}


def _matches(query: IndexQuery, document: Document) -> bool:
    has = set(text.words(document.title))
    said = (
        any(word.startswith(one[:-1]) for word in has) if one[-1] == "*" else one in has for one in query.text.split()
    )
    return (all if query.match == "all" else any)(said) and query.brand in (None, document.brand.lower())


def test_hits_name_their_fields_in_order() -> None:
    order = "sku handle title brand category options price compare_at_price currency available score"
    assert list(Hit.__dataclass_fields__) == order.split()
