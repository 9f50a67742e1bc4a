"""Carts live in the database alone: there is never a hot copy, and nothing to do for one."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from shopctl.core.ports import CartChange, CartStamp, HotCart, HotHealth


class DatabaseCarts:
    """The HotCarts of a shop without Redis."""

    kept = False
    used = False

    def find(self, _cart_ids: Collection[str]) -> Mapping[str, HotCart]:
        return {}

    def load(self, _cart_id: str, _stamp: CartStamp, _copy: HotCart) -> None: ...

    def change(self, _cart_id: str, _stamp: CartStamp, _change: CartChange) -> HotCart | None:
        return None

    def close(self, _cart_id: str, _stamp: CartStamp) -> HotCart | None:
        return None

    def void(self, _versions: Mapping[str, int]) -> None: ...

    def persisted(self, _cart_id: str, _copy: HotCart, _version: int) -> None: ...

    def waiting(self, _limit: int) -> Sequence[str]:
        return ()

    def all(self) -> Iterator[str]:
        return iter(())

    def wipe(self) -> None: ...

    def health(self) -> HotHealth | None:
        return None
