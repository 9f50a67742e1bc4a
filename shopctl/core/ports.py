"""What the core asks of the outside: protocols, each with an adapter in core/adapters/ that bootstrap chooses."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable


# --- payments ------------------------------------------------------------------------------------------------------
class NoAnswer(Exception):
    """The gateway did not answer: the outcome is unknown, and only asking with the same key can tell it."""


@dataclass(frozen=True, slots=True)
class Charge:
    """The gateway's word on one key. `amount` in minor units; `reference` is the gateway's own id."""

    status: Literal["captured", "declined"]
    reference: str
    amount: int
    currency: str
    decline_code: str | None = None


@dataclass(frozen=True, slots=True)
class ChargeRequest:
    """What is asked of the gateway; the key makes the same request safe to repeat."""

    key: str
    amount: int
    currency: str
    token: str
    order_id: str


class Gateway(Protocol):
    """An external payment gateway. A repeat with the same key gets the first answer; no answer raises NoAnswer."""

    @property
    def name(self) -> str: ...

    def authorize(self, request: ChargeRequest) -> Charge:
        """Authorize and capture in one call."""
        ...

    def find(self, key: str) -> Charge | None:
        """What became of a key; None when the gateway has never seen it."""
        ...

    def refund(self, *, key: str, reference: str, amount: int) -> str:
        """Give back part of a captured charge; the refund's reference."""
        ...


@runtime_checkable
class Ledgered(Protocol):
    """A gateway whose own ledger can be read, to compare it with the shop's payments. Not every gateway is one."""

    def entries(self) -> Iterator[Mapping[str, Any]]:
        """Every line, oldest first, never all in memory: `verb` charge or refund, `key`, `reference`, `amount`; a charge
        has `status` (captured, declined), `currency` and `order_id`, a refund the reference of its `charge`."""
        ...


# --- notifications -------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Message:
    """One e-mail. `id` is stable, so that a second delivery can be recognised."""

    id: str
    sender: str
    recipient: str
    subject: str
    text: str


class Notifier(Protocol):
    def send(self, message: Message) -> None:
        """Hand the message over, at least once; raises Unavailable when that cannot be done now."""
        ...


@runtime_checkable
class Keeping(Protocol):
    """A notifier that keeps copies of what it sent. Not every notifier does."""

    def forget(self, recipients: Collection[str]) -> int:
        """Destroy the copies of what was sent to these addresses; how many. Raises Unavailable."""
        ...


# --- search --------------------------------------------------------------------------------------------------------
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
