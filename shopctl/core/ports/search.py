"""What the core asks of a search index."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol


@dataclass(frozen=True, slots=True)
class Document:
    """What of a product is searched. `options` are "name=value", folded; `category` is the path of the tree."""

    product_id: str
    version: int
    title: str
    brand: str
    category: str
    tags: Sequence[str]
    options: Sequence[str]
    skus: Sequence[str]
    description: str


MAX_QUERY_CHARACTERS = 500
MAX_QUERY_WORDS = 32
"""What is used of a query's text; the rest is ignored."""


@dataclass(frozen=True, slots=True)
class IndexQuery:
    """Words in, product ids out. `match` all: every word; any: at least one. "tea*" is every word that begins so.

    No text is everything that the filters allow. Text is data: there is no query language in it.
    """

    text: str
    brand: str | None = None
    category: str | None = None
    options: Sequence[str] = field(default=())
    limit: int = 5000
    match: Literal["all", "any"] = "all"


@dataclass(frozen=True, slots=True)
class IndexAnswer:
    """Product ids, best first, with their scores; `more` when the limit cut them."""

    ids: Sequence[str]
    scores: Sequence[float]
    more: bool


class IndexUnusable(Exception):
    """The index is missing, damaged or not safe to open; it is derived data and can be rebuilt."""


class IndexBusy(IndexUnusable):
    """Somebody else is writing the index: the work can wait."""


class SearchIndex(Protocol):
    """Ids and scores only; rows, prices and stock always come from the store. Everything raises IndexUnusable.

    Writers take turns (a second one gets IndexBusy), and documents are drawn inside the writer's turn: an iterable that
    reads the store when it is drawn can never replace a newer document by an older one.
    """

    def find(self, query: IndexQuery) -> IndexAnswer: ...

    def suggest(self, word: str) -> str | None:
        """A word of the catalogue that `word` may be a misspelling of; None for a word that is in it."""
        ...

    def put(self, documents: Iterable[Document], gone: Iterable[str] = ()) -> None:
        """Drop the products that are gone, then add or replace documents (one may be in both): one commit."""
        ...

    def rebuild(self, documents: Iterable[Document]) -> int:
        """Build beside, then swap; the number of documents."""
        ...

    def versions(self) -> dict[str, int]:
        """Product id → version as indexed."""
        ...
