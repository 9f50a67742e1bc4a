"""What the core asks of the outside: protocols, each with an adapter in core/adapters/ that bootstrap chooses."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, Protocol, runtime_checkable


# --- payments ------------------------------------------------------------------------------------------------------
class NoAnswer(Exception):
    """The gateway did not answer: the outcome is unknown, and only asking with the same key can tell it."""


class Throttled(NoAnswer):
    """The gateway was asked too often (429). Nothing happened; the same key may be used again after `seconds`."""

    def __init__(self, seconds: float = 0.5) -> None:
        super().__init__()
        self.seconds = seconds


class Rejected(Exception):
    """The gateway says that this cannot be done, now or later: nothing happened. `code` is the gateway's own word."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


ChargeStatus = Literal["requires_action", "authorized", "captured", "declined", "voided"]


@dataclass(frozen=True, slots=True)
class Charge:
    """The gateway's word on one key. Amounts in minor units; `reference` is the gateway's own id.

    `captured` of `amount` was taken. While it is only authorized, the rest can be captured until `expires_at` (None: it says
    no time). requires_action: the shopper confirms it at `action_url` (3-D Secure).
    """

    status: ChargeStatus
    reference: str
    amount: int
    currency: str
    captured: int = 0
    decline_code: str | None = None
    action_url: str | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ChargeRequest:
    """What is asked of the gateway; the key makes the same request safe to repeat.

    `at` is when it was written down, before it was asked; `gateway` is the name of who is asked. `capture`: at once, or later
    in parts.
    """

    key: str
    amount: int
    currency: str
    token: str
    order_id: str
    at: datetime
    gateway: str
    capture: bool = True


@dataclass(frozen=True, slots=True)
class Repaid:
    """The gateway's word on a refund: `pending` is on its way, `failed` has a `problem` and moved nothing."""

    status: Literal["succeeded", "pending", "failed"]
    reference: str
    amount: int
    problem: str | None = None


class Gateway(Protocol):
    """An external payment gateway. A repeat with the same key gets the first answer for as long as `memory`; the same key
    with other words is Rejected. No answer raises NoAnswer, too many questions Throttled; a gateway that cannot be used at all
    (no key, a wrong one) Unavailable.
    """

    @property
    def name(self) -> str: ...

    @property
    def live(self) -> bool:
        """Whether real money moves; not with a sandbox, or with a test key."""
        ...

    @property
    def memory(self) -> timedelta:
        """How long a repeated key is sure to get its first answer. Later one must look, and not repeat."""
        ...

    def ready(self) -> None:
        """Raise Unavailable (or what is wrong with the settings) when it cannot be asked at all. Asks nobody."""
        ...

    def authorize(self, request: ChargeRequest) -> Charge:
        """Authorize, and capture in the same call when that is asked for. A decline is an answer, not an error."""
        ...

    def find(self, key: str, *, since: datetime) -> Charge | None:
        """What has become of a charge by now; None when the gateway has not seen the key. `since`: not asked before then."""
        ...

    def capture(self, *, key: str, reference: str, amount: int, final: bool) -> Charge:
        """Take part of an authorization; `final` lets the rest of it go. Rejected when it has lapsed, or is not enough."""
        ...

    def void(self, *, key: str, reference: str) -> Charge:
        """Let an authorization go, or a charge that still requires action. Rejected when money was captured."""
        ...

    def refund(self, *, key: str, reference: str, amount: int) -> Repaid:
        """Give back part of a captured charge. Rejected when that is more than it has left."""
        ...

    def find_refund(self, key: str, *, reference: str) -> Repaid | None:
        """What has become of a refund of a charge by now; None when the gateway has not seen the key."""
        ...


@dataclass(frozen=True, slots=True)
class Notice:
    """What a gateway tells of its own accord. It is a reason to ask, never an answer: it may be late, repeated, out of order,
    or about somebody else's charge. `key` and `reference` of the charge it is about, as far as it says them.
    """

    id: str
    kind: str
    key: str | None
    reference: str | None


@runtime_checkable
class Rehearsing(Protocol):
    """A gateway that lets anybody play the shopper: a sandbox."""

    def confirm(self, *, reference: str, succeed: bool = True) -> Charge:
        """Confirm a charge that requires it, or fail to. Rejected when it does not."""
        ...


@runtime_checkable
class Notifying(Protocol):
    """A gateway that sends notices (webhooks). Not every gateway does."""

    @property
    def signature_header(self) -> str:
        """Which header of a notice has its signature."""
        ...

    def notice(self, body: bytes, headers: Mapping[str, str]) -> Notice | None:
        """Read a notice, once its signature is verified; None for one that is about no charge. NotPermitted for a wrong or
        missing signature, or one from too long ago."""
        ...


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of a gateway's own ledger: a charge as it is now, or a refund of one (`charge` is its reference).

    `amount` of a charge is what was captured of it; `status` is a charge's or a refund's.
    """

    verb: Literal["charge", "refund"]
    key: str | None
    reference: str
    amount: int
    currency: str
    status: str
    order_id: str | None = None
    charge: str | None = None
    at: datetime | None = None


@runtime_checkable
class Ledgered(Protocol):
    """A gateway whose own ledger can be read, to compare it with the shop's payments. Not every gateway is one."""

    def entries(self, since: datetime | None = None) -> Iterator[Entry]:
        """Every charge, then every refund; never all in memory; with `since`, those made from then on."""
        ...


# --- notifications -------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Message:
    """One e-mail. `id` and `at` are stable, so that a second delivery can be recognised: "left@right" of its Message-ID."""

    id: str
    at: datetime
    sender_name: str
    sender: str
    recipient: str
    subject: str
    text: str
    html: str


class Undeliverable(Exception):
    """This one letter was not taken, and others may be; `for_good`: nor will it ever be."""

    def __init__(self, why: str, *, for_good: bool) -> None:
        super().__init__(why)
        self.for_good = for_good


Send = Callable[[Message], None]
"""Hand one message over. Raises Undeliverable, or Unavailable when nothing can be handed over now."""


class Notifier(Protocol):
    def session(self) -> AbstractContextManager[Send]:
        """For any number of messages, one after the other. Nobody is called before the first."""
        ...

    def check(self) -> str:
        """Whether messages could be handed over now: where to, in words. Raises Unavailable."""
        ...


@runtime_checkable
class Keeping(Protocol):
    """A notifier that keeps copies of what it sent. Not every notifier does."""

    def forget(self, recipients: Collection[str]) -> int:
        """Destroy the copies of what was sent to these addresses; how many. Raises Unavailable."""
        ...


# --- webhooks ------------------------------------------------------------------------------------------------------
class NoReply(Exception):
    """Whoever was posted to has not answered in time, or not in HTTP: whether it was received is unknown."""


class Poster(Protocol):
    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        """POST to a http or https address; the status of the answer, whatever it is. No redirect is followed and no body read.
        Raises NoReply, after a bounded time.
        """
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


# --- hot carts -----------------------------------------------------------------------------------------------------
class HotCartsAway(Exception):
    """The hot copies cannot be used now, and why: the database copy counts. `news`: the first time in this process."""

    def __init__(self, why: str, *, news: bool) -> None:
        super().__init__(why)
        self.news = news


@dataclass(frozen=True, slots=True)
class HotLine:
    """A line of a cart; `seen_price` in minor units."""

    sku: str
    quantity: int
    seen_price: int
    added_at: datetime


@dataclass(frozen=True, slots=True)
class CartStamp:
    """What the database knows of a cart: its version, and which revision of which hot copy that version was written from."""

    version: int
    hot_id: str | None = None
    hot_revision: int = 0


@dataclass(frozen=True, slots=True)
class HotCart:
    """A hot copy: `id` is drawn when it is loaded from `version` of the cart, `revision` counts the changes since."""

    id: str
    revision: int
    version: int
    updated_at: datetime
    lines: Sequence[HotLine]

    def continues(self, stamp: CartStamp) -> bool:
        """Whether this copy goes on from what the database has. If not, the database copy counts."""
        written = self.id == stamp.hot_id and self.revision >= stamp.hot_revision
        return written or self.version == stamp.version

    def is_ahead(self, stamp: CartStamp) -> bool:
        """Whether it has changes that the database has not."""
        known = stamp.hot_revision if self.id == stamp.hot_id else 0
        return self.continues(stamp) and self.revision > known


@dataclass(frozen=True, slots=True)
class CartChange:
    """Of one line: `quantity` more, or exactly that many if not `more`; never above `most`. `needs_line`: it must be there."""

    sku: str
    quantity: int
    most: int
    seen_price: int
    at: datetime
    more: bool = False
    needs_line: bool = False


@dataclass(frozen=True, slots=True)
class HotHealth:
    """What an operator should know of the server that keeps the hot copies. None: it does not say.

    `waiting` carts have changes that the database has not; the oldest of these has waited so many seconds.
    """

    reachable: bool
    problem: str | None = None
    version: str | None = None
    max_memory: int | None = None
    eviction: str | None = None
    append_only: bool | None = None
    snapshots: str | None = None
    waiting: int = 0
    waiting_seconds: int = 0


class HotCarts(Protocol):
    """Copies of carts in memory, that the database copy may be behind of for a while: docs/carts.md has the protocol.

    A copy may be gone at any time. Everything but `health` raises HotCartsAway, within a second.
    """

    @property
    def kept(self) -> bool:
        """Whether there are any hot copies: if not, the database copy is all there is."""
        ...

    @property
    def used(self) -> bool:
        """Whether this process has used them."""
        ...

    def find(self, cart_ids: Collection[str]) -> Mapping[str, HotCart]:
        """The copies of these carts that there are, open and closed ones."""
        ...

    def load(self, cart_id: str, stamp: CartStamp, copy: HotCart) -> None:
        """Make a copy of what the database has, unless there is one that continues it, or it is closed at that version."""
        ...

    def change(self, cart_id: str, stamp: CartStamp, change: CartChange) -> HotCart | None:
        """Change an open copy that continues the database's, and keep it for a new term; None when that is not possible."""
        ...

    def close(self, cart_id: str, stamp: CartStamp) -> HotCart | None:
        """From now on nothing is changed or loaded before the database has another version; the copy, if it continues."""
        ...

    def void(self, versions: Mapping[str, int]) -> None:
        """The database has moved on to these versions by itself: older copies go, and are not loaded again."""
        ...

    def persisted(self, cart_id: str, copy: HotCart, version: int) -> None:
        """The database has written this revision of the copy, as that version."""
        ...

    def waiting(self, limit: int) -> Sequence[str]:
        """Carts that were changed and not persisted since, the longest waiting first."""
        ...

    def all(self) -> Iterator[str]:
        """Every cart that may have a copy."""
        ...

    def wipe(self) -> None:
        """Forget all of it: the database was replaced by another."""
        ...

    def health(self) -> HotHealth | None:
        """How the server is; None when there is none."""
        ...
