"""The indexer: what the outbox says has changed goes into the index, at least once; or all of it anew."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate

from shopctl.core import outbox
from shopctl.core.errors import ShopError, Unavailable
from shopctl.core.ports import Document, IndexBusy, IndexQuery, IndexUnusable
from shopctl.core.queries import search as reads
from shopctl.core.shop import Shop

SMALL_CATALOGUE = 5000
"""Active products that are indexed anew within a command, in a few seconds."""
SMALL_BACKLOG = 200
SMALL_BACKLOG_PRODUCTS = 1000
"""Facts, and products in them, that a search indexes before it begins."""
FACTS_AT_A_TIME = 10
"""Facts of an import (500 products each) that are indexed in one go."""
HURRY_SECONDS = 1.0
"""How long a search waits for its turn to write down what it has indexed."""

_ANYTHING = IndexQuery("a", limit=1)

Progress = Callable[[int, int], None]
"""Called now and then with how much is in the index, and of how much."""


def index_changes(shop: Shop, limit: int = SMALL_BACKLOG) -> int:
    """Bring the products of up to `limit` waiting facts into the index, at least once; the number of facts.

    0 when nothing is due, when the index cannot be written now (the facts stay), and in a dry run.
    """
    if shop.dry_run:
        return 0
    with shop.work("search.index") as tx:
        facts = outbox.take(tx, [outbox.CATALOG_CHANGED], limit)
        if not facts:
            return 0
        tx.commit()
    problem = _indexed(shop, sorted({id for fact in facts for id in fact.payload.get("products", ())}))
    with shop.work("search.index") as tx:
        if problem is None:
            outbox.done(tx, facts)
        else:
            for fact in facts:
                outbox.failed(tx, fact, problem)
        tx.commit()
    return len(facts) if problem is None else 0


def reindex(shop: Shop, progress: Progress = lambda _done, _total: None) -> int:
    """Build the index anew from the store; the number of products. Unavailable when it cannot be written."""
    with shop.read() as tx:
        total = reads.active_products(tx)
    if shop.dry_run:
        return total
    with shop.work("search.reindex") as tx:  # what waits already will have been read; what comes later may not
        facts = outbox.waiting_ids(tx, outbox.CATALOG_CHANGED)
        tx.commit()
    try:
        count = shop.index.rebuild(_told(_every_document(shop), total, progress))
    except IndexUnusable as error:
        raise Unavailable("index_unusable", f"The search index cannot be written: {error}") from None
    if facts:
        with shop.work("search.reindex") as tx:
            for i in range(0, len(facts), reads.CHUNK):
                outbox.done_ids(tx, facts[i : i + reads.CHUNK])
            tx.commit()
    return count


def index_all(shop: Shop, progress: Progress) -> None:
    """Index everything that waits, however much, a few facts at a time; anew where there is no usable index.

    What cannot be indexed now keeps waiting.
    """
    total = 0 if shop.dry_run else lag(shop)
    if not total:
        return
    try:
        shop.index.find(_ANYTHING)
    except IndexUnusable as error:
        if not isinstance(error, IndexBusy):
            with shop.read() as tx:
                products = reads.active_products(tx)
            if products > SMALL_CATALOGUE:
                shop.narrate(f"Indexing {products} products for search, which takes longer than importing them.")
            reindex(shop, progress)
        return
    indexed = 0
    while facts := index_changes(shop, FACTS_AT_A_TIME):
        indexed += facts
        progress(indexed, max(indexed, total))


def lag(shop: Shop) -> int:
    """How many facts of the catalogue are not in the index yet."""
    with shop.read() as tx:
        return outbox.lag(tx, outbox.CATALOG_CHANGED)


def _indexed(shop: Shop, ids: Sequence[str]) -> str | None:
    """Replace these products in the index; the problem when that cannot be done now."""

    def documents() -> Iterator[Document]:  # read inside the writer's turn: see SearchIndex
        with shop.read() as tx:
            yield from reads.documents(tx, ids)

    try:
        shop.index.put(documents(), gone=ids)
    except IndexUnusable as error:
        return None if rebuilt_if_small(shop, error) else str(error)
    return None


def rebuilt_if_small(shop: Shop, error: IndexUnusable) -> bool:
    """Build an unusable index anew where that takes seconds; whether it was done."""
    if isinstance(error, IndexBusy) or shop.read_only or shop.dry_run:
        return False
    with shop.read() as tx:
        if reads.active_products(tx) > SMALL_CATALOGUE:
            return False
    shop.narrate(f"{error}; building it anew")
    try:
        reindex(shop)
    except ShopError:
        return False
    return True


def _told(documents: Iterator[Document], total: int, progress: Progress) -> Iterator[Document]:
    for count, document in enumerate(documents, 1):
        yield document
        if count % reads.CHUNK == 0:
            progress(count, max(count, total))


def _every_document(shop: Shop) -> Iterator[Document]:
    last: str | None = None
    while True:
        with shop.read() as tx:
            ids = reads.active_after(tx, last, reads.CHUNK)
            found = list(reads.documents(tx, ids))
        yield from found
        if len(ids) < reads.CHUNK:
            return
        last = ids[-1]


def catch_up(shop: Shop, notices: list[str]) -> None:
    """Index what waits, where that is little; say what still waits. Nothing that fails here fails the search."""
    try:
        with shop.read() as tx:
            waiting = outbox.waiting(tx, outbox.CATALOG_CHANGED, SMALL_BACKLOG)
        sizes = accumulate(len(fact.payload.get("products", ())) for fact in waiting)
        affordable = sum(size <= SMALL_BACKLOG_PRODUCTS for size in sizes)
        if affordable and not shop.read_only:
            engine = shop.engine.execution_options(lock_wait=HURRY_SECONDS)
            index_changes(shop.but(engine=engine), affordable)
        left = lag(shop) if waiting else 0
    except ShopError as error:
        notices.append(f"the latest changes of the catalogue may be missing: {error.message}")
    else:
        if left:
            notices.append(
                f"{left} changes of the catalogue are not searchable yet; shopctl store reindex brings them in"
            )
