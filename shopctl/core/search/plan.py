"""The plan of a query.

The index gives product ids and scores; every row, price and stock level comes from the store, where stale ids fall out.
A query is: exact SKU, barcode or handle → all words → any word when little is found → a correction of its spelling when
nothing is. An index that cannot be used is rebuilt when that is quick, else passed by: searching never fails for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from shopctl.core.domain import money, text
from shopctl.core.domain.money import Money
from shopctl.core.errors import BadInput
from shopctl.core.ports import (
    MAX_QUERY_CHARACTERS,
    MAX_QUERY_WORDS,
    IndexAnswer,
    IndexQuery,
    IndexUnusable,
)
from shopctl.core.queries import search as reads
from shopctl.core.queries.search import Candidate, Filters, Variant
from shopctl.core.search.facets import FacetValue, facets
from shopctl.core.search.indexer import catch_up, rebuilt_if_small
from shopctl.core.shop import Shop

SORTS = ("relevance", "price", "-price", "title", "newest")
CANDIDATES = 5000
"""Products that one query looks at; beyond them the total is "at least"."""
LITTLE = 3
"""With fewer hits than this for all words, any word will do."""
MAX_CORRECTIONS = 4
NAMES_ONLY = "the search index is not usable; searched names only; run shopctl store reindex"


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked. Prices are decimal strings of the shop's currency; limit -1 is every hit among the candidates."""

    text: str = ""
    in_stock: bool = False
    brand: str | None = None
    category: str | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    tags: Sequence[str] = ()
    min_price: str | None = None
    max_price: str | None = None
    facets: bool = False
    sort: str = "relevance"
    limit: int = 20


@dataclass(frozen=True, slots=True)
class Hit:
    """A product, shown by the variant that fits best. `available` is None for what is not tracked."""

    sku: str
    handle: str
    title: str
    brand: str | None
    category: str | None
    options: Mapping[str, str]
    price: Money
    compare_at_price: Money | None
    currency: str
    available: int | None
    score: float


@dataclass(frozen=True, slots=True)
class Results:
    """`total` and `facets` count products; `corrected` is the text that was searched in place of the one asked."""

    total: int
    relation: Literal["exact", "at_least"]
    hits: Sequence[Hit]
    facets: Mapping[str, Sequence[FacetValue]]
    corrected: str | None
    notices: Sequence[str]


@dataclass(frozen=True, slots=True)
class _Found:
    """Product ids, best first, with the scores of those that have one; `exact`: by name, with the SKU meant."""

    ids: Sequence[str]
    more: bool
    scores: Mapping[str, float] = field(default_factory=dict)
    exact: Mapping[str, str | None] = field(default_factory=dict)
    corrected: str | None = None


# --- use cases: searching ------------------------------------------------------------------------------------------
def search(shop: Shop, request: Request) -> Results:
    """Find products. BadInput for a sort, a limit or a price that cannot be used; nothing else of the text is refused."""
    filters = _filters(shop, request)
    if request.sort not in SORTS:
        raise BadInput(
            "bad_sort", f"There is no order {request.sort!r}", hint=f"One of {', '.join(SORTS)}.", value=request.sort
        )
    if request.limit < -1:
        raise BadInput("bad_limit", f"A limit is 0 or more, or -1 for all, not {request.limit}", value=request.limit)
    notices: list[str] = []
    told = _overheard(shop, notices)
    wanted = _clean(request.text, notices)
    found = _find(told, wanted, filters, notices) if wanted else _browse(shop, request.sort, filters)
    return _results(shop, request, filters, found, found.corrected or wanted, notices)


def _clean(asked: str, notices: list[str]) -> str:
    """The text as the store and the index take it, cut to what a query may be."""
    clean = asked.encode("utf-8", "replace").decode().replace("\x00", " ").strip()
    if len(clean) > MAX_QUERY_CHARACTERS or len(clean.split()) > MAX_QUERY_WORDS:
        notices.append(f"only the first {MAX_QUERY_CHARACTERS} characters and {MAX_QUERY_WORDS} words were searched")
    return " ".join(clean[:MAX_QUERY_CHARACTERS].split()[:MAX_QUERY_WORDS])


def _filters(shop: Shop, request: Request) -> Filters:
    def amount(said: str | None) -> int | None:
        return None if said is None else money.parse_amount(said, shop.facts.currency)

    path = " > ".join(part.strip() for part in (request.category or "").split(">"))
    return Filters(
        brand=text.fold(request.brand) if request.brand else None,
        category=text.fold(path) if path else None,
        tags=frozenset(text.fold(tag) for tag in request.tags),
        options=frozenset((text.fold(name), text.fold(value)) for name, value in request.options.items()),
        min_price=amount(request.min_price),
        max_price=amount(request.max_price),
    )


def _overheard(shop: Shop, notices: list[str]) -> Shop:
    """The same shop; what it narrates is a notice, too."""

    def tell(sentence: str) -> None:
        shop.narrate(sentence)
        notices.append(sentence)

    return shop.but(narrate=tell)


# --- which products ------------------------------------------------------------------------------------------------
def _browse(shop: Shop, sort: str, filters: Filters) -> _Found:
    order = "newest" if sort == "relevance" else sort
    with shop.read() as tx:
        ids = reads.browse(tx, filters, order, CANDIDATES + 1)
    return _Found(ids[:CANDIDATES], more=len(ids) > CANDIDATES)


def _find(shop: Shop, wanted: str, filters: Filters, notices: list[str]) -> _Found:
    catch_up(shop, notices)
    with shop.read() as tx:
        exact = reads.named(tx, wanted)
    query = IndexQuery(
        wanted,
        brand=filters.brand,
        category=filters.category,
        options=[f"{name}={value}" for name, value in sorted(filters.options)],
        limit=CANDIDATES,
    )
    try:
        found = _ask(shop, query, found_already=bool(exact))
    except IndexUnusable as error:
        found = _ask_again(shop, query, error, notices, found_already=bool(exact))
    ids = [*exact, *(id for id in found.ids if id not in exact)]
    return replace(found, ids=ids[:CANDIDATES], more=found.more or len(ids) > CANDIDATES, exact=exact)


def _ask(shop: Shop, query: IndexQuery, *, found_already: bool) -> _Found:
    """The plan over the index; what was found by its exact name needs no widening. Raises IndexUnusable."""
    every = shop.index.find(query)
    if found_already or len(every.ids) >= LITTLE:
        return _joined(every)
    corrected = None if every.ids else _corrected(shop, query.text)
    if corrected:
        right = shop.index.find(replace(query, text=corrected))
        if right.ids:
            return _joined(right, corrected=corrected)
    any_word = shop.index.find(replace(query, match="any"))
    if not any_word.ids and corrected:
        return _joined(shop.index.find(replace(query, text=corrected, match="any")), corrected=corrected)
    return _joined(every, any_word)


def _joined(*answers: IndexAnswer, corrected: str | None = None) -> _Found:
    scores: dict[str, float] = {}
    for answer in answers:
        for id, score in zip(answer.ids, answer.scores, strict=True):
            scores.setdefault(id, score)
    return _Found(list(scores), any(answer.more for answer in answers), scores, corrected=corrected)


def _corrected(shop: Shop, wanted: str) -> str | None:
    """The text with its first few unknown words replaced by near ones of the catalogue; None when that changes nothing."""
    words, left = [], MAX_CORRECTIONS
    for piece in wanted.split():
        for word in [piece] if piece.endswith("*") else text.words(piece):
            better = shop.index.suggest(word) if left and word.isalpha() else None
            left -= better is not None
            words.append(better or word)
    return " ".join(words) if left < MAX_CORRECTIONS else None


def _ask_again(
    shop: Shop, query: IndexQuery, error: IndexUnusable, notices: list[str], *, found_already: bool
) -> _Found:
    if rebuilt_if_small(shop, error):
        try:
            return _ask(shop, query, found_already=found_already)
        except IndexUnusable:
            pass
    notices.append(NAMES_ONLY)
    with shop.read() as tx:
        ids = reads.called_like(tx, query.text.split(), CANDIDATES + 1)
    return _Found(ids[:CANDIDATES], more=len(ids) > CANDIDATES)


# --- the rows behind them ------------------------------------------------------------------------------------------
def _results(
    shop: Shop, request: Request, filters: Filters, found: _Found, wanted: str, notices: Sequence[str]
) -> Results:
    limit = None if request.limit < 0 else request.limit
    unsorted = request.sort == "relevance"
    if filters == Filters() and not request.in_stock and not request.facets and unsorted:
        with shop.read() as tx:  # the rows of what is not shown are not needed
            alive = reads.alive(tx, found.ids)
            ids = [id for id in found.ids if id in alive]
            shown, total = reads.candidates(tx, ids[:limit], filters), len(ids)
    else:
        with shop.read() as tx:
            shown = reads.candidates(tx, found.ids, filters)
        if request.in_stock:
            shown = [Candidate(one.product, had) for one in shown if (had := [v for v in one.variants if v.in_stock])]
        total = len(shown)
    words = frozenset(text.words(wanted))
    return Results(
        total=total,
        relation="at_least" if found.more else "exact",
        hits=[_hit(one, variant, found) for one, variant in _ranked(shown, request.sort, limit, words, found)],
        facets=facets(shown, shop.facts.currency) if request.facets else {},
        corrected=found.corrected,
        notices=list(notices),
    )


def _ranked(
    shown: Sequence[Candidate], sort: str, limit: int | None, words: frozenset[str], found: _Found
) -> list[tuple[Candidate, Variant]]:
    """The first of the products in their order, each with its variant; ties stay in the order of relevance."""
    if sort == "title":
        shown = sorted(shown, key=lambda one: text.plain(one.product.title))
    elif sort == "newest":
        shown = sorted(shown, key=lambda one: (one.product.created_at, one.product.id), reverse=True)
    by_price = sort in ("price", "-price")
    pairs = [(one, _fitting(one, words, found.exact)) for one in (shown if by_price else shown[:limit])]
    if by_price:
        pairs.sort(key=lambda pair: pair[1].price, reverse=sort == "-price")
    return pairs[:limit]


def _fitting(one: Candidate, words: frozenset[str], exact: Mapping[str, str | None]) -> Variant:
    """The variant meant by its SKU, else with most of the words in its options and SKU, else one that can be had."""

    def fit(variant: Variant) -> tuple[bool, int, bool]:
        said = {word for value in (variant.sku, *variant.options.values()) for word in text.words(value)}
        return variant.sku == exact.get(one.product.id), len(words & said), variant.in_stock

    return max(one.variants, key=fit)


def _hit(one: Candidate, variant: Variant, found: _Found) -> Hit:
    was = variant.compare_at_price
    # What was asked for by its name is before everything else.
    score = max(found.scores.values(), default=0.0) + 1 if one.product.id in found.exact else None
    return Hit(
        sku=variant.sku,
        handle=one.product.handle,
        title=one.product.title,
        brand=one.product.brand,
        category=one.product.category,
        options=variant.options,
        price=Money(variant.price, variant.currency),
        compare_at_price=None if was is None else Money(was, variant.currency),
        currency=variant.currency,
        available=variant.units,
        score=round(found.scores.get(one.product.id, 0.0) if score is None else score, 3),
    )
