"""The tree of categories. The only writer of that table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from shopctl.core.db import dialects
from shopctl.core.db import engine as stores
from shopctl.core.db.tables import categories
from shopctl.core.db.types import new_id
from shopctl.core.db.unit_of_work import UnitOfWork
from shopctl.core.shop import Shop, retried


def ensure_categories(tx: UnitOfWork, wanted: Iterable[str | None]) -> dict[str | None, str | None]:
    """Category ids by path ("A > B"), made with their parents where missing; None is no category."""
    stores.one_at_a_time(tx.connection, "catalog")
    needed = {
        " > ".join(parts[: i + 1])
        for path in wanted
        if path
        for parts in [path.split(" > ")]
        for i in range(len(parts))
    }
    if not needed:
        return {None: None}
    ids: dict[str | None, str | None] = {None: None}
    here = dialects.among(tx.connection, categories.c.path, sorted(needed))
    ids |= {row.path: row.id for row in tx.rows(sa.select(categories.c.path, categories.c.id).where(here))}
    fresh: list[dict[str, Any]] = []
    for path in sorted(needed - ids.keys()):  # a parent sorts before its children
        parent, _, name = path.rpartition(" > ")
        ids[path] = new_id()
        fresh.append(
            {
                "id": ids[path],
                "parent_id": ids[parent or None],
                "name": name,
                "path": path,
                "created_at": tx.now,
            }
        )
    for depth in sorted({row["path"].count(" > ") for row in fresh}):
        tx.insert(categories, [row for row in fresh if row["path"].count(" > ") == depth])
    return ids


@retried
def add_category(shop: Shop, *, path: str) -> str:
    """Make a category and its parents; its path."""
    with shop.work("catalog.categories.add", path) as tx:
        ensure_categories(tx, [path])
        tx.commit()
    return path
