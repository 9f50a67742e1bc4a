"""Hot copies of carts in Redis (7 or later) or Valkey: one hash a cart, and a sorted set of those that wait to be persisted.

    shopctl:{SHOP}:cart:CART    v version of the database   g id of the copy   r revision   u when it was changed   c closed
                                q:SKU quantity   p:SKU price seen   t:SKU when it was added; times in microseconds
    shopctl:{SHOP}:waiting      cart → when it was changed first since it was persisted

Without `g` it is a mark: nothing is here, and nothing may be loaded that is older than `v` (closed: as old as `v`).
Whatever must be decided is decided in one script, so in one round trip.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from shopctl.core.adapters.cart_redis_scripts import SCRIPTS
from shopctl.core.adapters.redis_link import RedisLink
from shopctl.core.db.tables import MAX_QUANTITY
from shopctl.core.ports import CartChange, CartStamp, HotCart, HotCartsAway, HotHealth, HotLine

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass
class RedisCarts:
    """The hot carts of one shop. `term`: seconds that a copy lives after its last change."""

    url: str
    shop_id: str
    term: int
    kept: bool = field(default=True, init=False)
    _link: RedisLink = field(init=False)

    def __post_init__(self) -> None:
        self._link = RedisLink(self.url, HotCartsAway)

    @property
    def used(self) -> bool:
        return self._link.used

    # --- one cart -------------------------------------------------------------------------------------------------
    def load(self, cart_id: str, stamp: CartStamp, copy: HotCart) -> None:
        lines: list[object] = []
        for line in copy.lines:
            added = _micros(line.added_at)
            lines += (f"q:{line.sku}", line.quantity, f"p:{line.sku}", line.seen_price, f"t:{line.sku}", added)
        self._run("load", cart_id, stamp, self.term, copy.id, _micros(copy.updated_at), *lines)

    def change(self, cart_id: str, stamp: CartStamp, change: CartChange) -> HotCart | None:
        more, needs = int(change.more), int(change.needs_line)
        line = (change.sku, change.quantity, more, needs, change.most, change.seen_price, _micros(change.at))
        return _cart(self._run("change", cart_id, stamp, self.term, *line))

    def close(self, cart_id: str, stamp: CartStamp) -> HotCart | None:
        return _cart(self._run("close", cart_id, stamp))

    def persisted(self, cart_id: str, copy: HotCart, version: int) -> None:
        self._run("persisted", cart_id, CartStamp(version, copy.id, copy.revision))

    # --- many carts -----------------------------------------------------------------------------------------------
    def find(self, cart_ids: Collection[str]) -> Mapping[str, HotCart]:
        if not cart_ids:
            return {}
        pipeline = self._link.asked(lambda: self._link.client.pipeline(transaction=False))
        for cart_id in cart_ids:
            pipeline.hgetall(self._key(cart_id))
        copies = {
            cart_id: _cart(answer) for cart_id, answer in zip(cart_ids, self._link.asked(pipeline.execute), strict=True)
        }
        return {cart_id: copy for cart_id, copy in copies.items() if copy}

    def void(self, versions: Mapping[str, int]) -> None:
        for cart_id, version in versions.items():
            self._run("void", cart_id, CartStamp(version))

    def waiting(self, limit: int) -> Sequence[str]:
        return list(self._link.asked(lambda: self._link.client.zrange(self._waiting, 0, limit - 1)))

    def all(self) -> Iterator[str]:
        found = self._link.client.scan_iter(match=_literal(self._key("")) + "*", count=1000)
        seen: set[str] = set()  # a scan may name a key twice
        while (key := self._link.asked(lambda: next(found, None))) is not None:
            if key not in seen:
                seen.add(key)
                yield key.removeprefix(self._key(""))

    def wipe(self) -> None:
        for key in [self._waiting, *map(self._key, self.all())]:
            self._link.asked(partial(self._link.client.unlink, key))

    # --- the server -----------------------------------------------------------------------------------------------
    def health(self) -> HotHealth:
        try:
            info, waits, oldest, now = self._link.asked(
                lambda: (
                    self._link.client.info(),
                    self._link.client.zcard(self._waiting),
                    self._link.client.zrange(self._waiting, 0, 0, withscores=True),
                    self._link.client.time()[0],
                )
            )
        except HotCartsAway as away:
            return HotHealth(reachable=False, problem=str(away))
        return HotHealth(
            reachable=True,
            version=f"{info.get('server_name', 'redis')} {info.get('valkey_version') or info.get('redis_version')}",
            max_memory=info.get("maxmemory"),
            eviction=info.get("maxmemory_policy"),
            append_only=bool(info["aof_enabled"]) if "aof_enabled" in info else None,
            snapshots=self._snapshots(),
            waiting=int(waits),
            waiting_seconds=max(0, int(now - oldest[0][1] / 1_000_000)) if oldest else 0,
        )

    def _snapshots(self) -> str | None:
        """When snapshots are made ("" is never); None where a managed server does not tell."""
        try:
            return str(self._link.asked(lambda: self._link.client.config_get("save")).get("save", ""))
        except HotCartsAway:
            return None

    # --- how it works ---------------------------------------------------------------------------------------------
    def _run(self, name: str, cart_id: str, stamp: CartStamp, *more: object) -> Any:
        words = (2, self._key(cart_id), self._waiting, cart_id, stamp.version, stamp.hot_id or "", stamp.hot_revision)
        return self._link.run(SCRIPTS[name], *words, *more)

    def _key(self, cart_id: str) -> str:
        return f"shopctl:{{{self.shop_id}}}:cart:{cart_id}"

    @property
    def _waiting(self) -> str:
        return f"shopctl:{{{self.shop_id}}}:waiting"


def _cart(answer: Any) -> HotCart | None:
    """A hash as a copy; None for a mark, and for what nobody of us has written."""
    if not answer:
        return None
    try:
        hash_ = answer if isinstance(answer, dict) else _paired(json.loads(answer))
        lines = [
            HotLine(name[2:], _quantity(value), int(hash_[f"p:{name[2:]}"]), _moment(hash_[f"t:{name[2:]}"]))
            for name, value in hash_.items()
            if name.startswith("q:")
        ]
        lines.sort(key=lambda line: (line.added_at, line.sku))
        return HotCart(hash_["g"], int(hash_["r"]), int(hash_["v"]), _moment(hash_["u"]), lines)
    except (KeyError, ValueError, OverflowError):
        return None


def _paired(flat: list[str]) -> dict[str, str]:
    return dict(zip(flat[::2], flat[1::2], strict=True))


def _quantity(value: str) -> int:
    if not 1 <= int(value) <= MAX_QUANTITY:
        raise ValueError(value)
    return int(value)


def _micros(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND


def _moment(micros: str) -> datetime:
    return _EPOCH + int(micros) * _MICROSECOND


def _literal(text: str) -> str:
    """Text for a pattern of Redis that means itself."""
    return "".join(f"\\{char}" if char in "*?[]\\" else char for char in text)
