"""The store against the search index (check 27), which shares no transaction with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice

import sqlalchemy as sa

from shopctl.core import outbox as facts
from shopctl.core.db.tables import outbox, products
from shopctl.core.db.unit_of_work import UnitOfWork
from shopctl.core.ports import IndexUnusable
from shopctl.core.shop import Shop
from shopctl.core.verify.findings import CHUNK, Finding, Note, Violation, stream

INDEX = 27


def index(shop: Shop, tx: UnitOfWork) -> Iterator[Finding]:
    """The index has every active product at its version, and no other; products with a waiting change may lag.

    Memory grows with the catalogue, as `versions()` does, and not with orders.
    """
    try:
        indexed = shop.index.versions()
    except IndexUnusable as error:
        yield Note(
            "index_unusable", f"The search index cannot be used: {error}; `shopctl store reindex` makes a new one"
        )
        return
    lagging = _waiting(tx)
    if lagging:
        yield Note("index_lag", f"{len(lagging)} products wait to be indexed", {"products": len(lagging)})
    missing: dict[str, int] = {}
    for row in stream(tx, _ACTIVE):
        version = indexed.pop(row.id, None)
        if version != row.version and row.id not in lagging:
            if version is not None and version > row.version:
                indexed[row.id] = version  # newer than this snapshot: seen to below
            elif version is None:
                missing[row.id] = row.version
            else:
                yield _stale(row.handle, f"is indexed at version {version}, and is at {row.version}")
    yield from _absent(shop, missing)
    yield from _beyond(shop, indexed, lagging)


_ACTIVE = sa.select(products.c.id, products.c.handle, products.c.version).where(products.c.status == "active")


def _absent(shop: Shop, missing: Mapping[str, int]) -> Iterator[Violation]:
    """What the snapshot had and the index has not: an archived product may have left the index since the snapshot."""
    with shop.read() as tx:
        lagging = _waiting(tx)
        suspects = iter(missing)
        while chunk := list(islice(suspects, CHUNK)):
            for row in tx.rows(_ACTIVE.where(products.c.id.in_(chunk))):
                if row.id not in lagging and row.version == missing[row.id]:
                    yield _stale(row.handle, f"is at version {row.version}, and is not indexed")


def _beyond(shop: Shop, indexed: Mapping[str, int], lagging: set[str]) -> Iterator[Violation]:
    """What the index has and the snapshot had not: judged by a younger one, for the index may have been the faster."""
    with shop.read() as tx:
        lagging = lagging | _waiting(tx)
        suspects = iter(sorted(indexed.items()))
        while chunk := dict(islice(suspects, CHUNK)):
            versions = {row.id: row.version for row in tx.rows(_ACTIVE.where(products.c.id.in_(chunk)))}
            for product, version in chunk.items():
                if product not in lagging and versions.get(product, 0) < version:
                    yield _stale(product, f"is indexed at version {version}, and is at {versions.get(product)}")


def _waiting(tx: UnitOfWork) -> set[str]:
    """The products whose change is written and not indexed yet."""
    waits = sa.select(outbox.c.payload).where(
        outbox.c.topic == facts.CATALOG_CHANGED, outbox.c.state.in_(("pending", "taken"))
    )
    return {product for row in stream(tx, waits) for product in row.payload["products"]}


def _stale(product: str, what: str) -> Violation:
    return Violation(INDEX, "index_stale", f"product {product}", f"Product {product} {what}")
