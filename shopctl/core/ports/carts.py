"""What the core asks of whoever keeps hot carts."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


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
