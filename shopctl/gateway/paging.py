"""Lists, a page at a time. A page goes on behind the row that the one before ended with, whatever came or went meanwhile."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Depends, Query
from fastapi.responses import Response

from shopctl.core.errors import BadInput
from shopctl.core.queries.listing import Listing
from shopctl.core.shop import Shop
from shopctl.gateway.answers import answer

T = TypeVar("T")
MOST = 200


@dataclass(frozen=True)
class Paginated(Generic[T]):
    """A list that has pages. `place`: the values of its own order in a row, by which the next page goes on; of these `kinds`."""

    listing: Listing[T]
    place: Callable[[T], Sequence[object]]
    kinds: Sequence[type]


@dataclass(frozen=True, slots=True)
class Paging:
    """What of a list is wanted."""

    limit: int
    sort: str | None
    filters: Sequence[str]
    after: str | None


def _paging(
    limit: Annotated[int, Query(ge=1, le=MOST, description="How many rows.")] = 50,
    sort: Annotated[str | None, Query(max_length=100, description="Order by a field; -FIELD is descending.")] = None,
    filter: Annotated[
        list[str] | None,
        Query(max_length=10, description="FIELD:VALUE, !FIELD:VALUE, FIELD:>5, or a word; may be repeated."),
    ] = None,
    after: Annotated[str | None, Query(max_length=1000, description="`next` of the page before.")] = None,
) -> Paging:
    return Paging(limit, sort, filter or (), after)


Paged = Annotated[Paging, Depends(_paging)]


def page(
    shop: Shop, paginated: Paginated[T], wanted: Paging, where: Callable[[Any], Sequence[Any]] = lambda _: ()
) -> Response:
    """A page of a list; `where` narrows it in the same snapshot."""
    behind = _read(wanted.after, paginated.kinds) if wanted.after else ()
    if behind and wanted.sort:
        raise BadInput("bad_cursor", "A list that is sorted has no next page", hint="Narrow it, or raise limit.")
    with shop.read() as tx:
        rows = paginated.listing.rows(
            tx, filters=wanted.filters, sort=wanted.sort, limit=wanted.limit, where=where(tx), after=behind
        )
    shown = rows[: wanted.limit]
    more = len(rows) > wanted.limit and not wanted.sort
    return answer({"items": shown, "next": _written(paginated.place(shown[-1])) if more else None})


def _written(values: Sequence[object]) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


def _read(cursor: str, kinds: Sequence[type]) -> Sequence[object]:
    try:
        found = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, list) or [type(value) for value in found] != list(kinds):
        raise BadInput("bad_cursor", "after is the `next` of a page", value=cursor)
    return found
