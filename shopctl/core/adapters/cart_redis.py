"""Hot copies of carts in Redis (7 or later) or Valkey: one hash a cart, and a sorted set of those that wait to be persisted.

    shopctl:{SHOP}:cart:CART    v version of the database   g id of the copy   r revision   u when it was changed   c closed
                                q:SKU quantity   p:SKU price seen   t:SKU when it was added; times in microseconds
    shopctl:{SHOP}:waiting      cart → when it was changed first since it was persisted

Without `g` it is a mark: nothing is here, and nothing may be loaded that is older than `v` (closed: as old as `v`).
Whatever must be decided is decided in one script, so in one round trip; nothing is tried a second time, because an
answer that was lost may have been a yes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from typing import Any, TypeVar

from shopctl.core.db.tables import MAX_QUANTITY
from shopctl.core.ports import CartChange, CartStamp, HotCart, HotCartsAway, HotHealth, HotLine

CONNECT_SECONDS = 0.25
ANSWER_SECONDS = 0.5
PAUSE_SECONDS = 5.0
"""How long Redis is left alone after it did not answer: its slowness is paid for once, not at every call."""
MARK_SECONDS = 3600
"""How long a mark stays: longer than any process may still act on what it read of the database before."""

T = TypeVar("T")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

# KEYS: the cart's hash, the waiting set. ARGV: the cart's id, then version, hot_id and hot_revision of the database.
_HERE = f"""
local cart, waiting, id = KEYS[1], KEYS[2], ARGV[1]
local v, g, r, closed, changed = unpack(redis.call('HMGET', cart, 'v', 'g', 'r', 'c', 'u'))
local version = tonumber(ARGV[2])
local function continues()
  return g and (tonumber(v) == version or (g == ARGV[3] and tonumber(r) >= tonumber(ARGV[4])))
end
local function mark()
  redis.call('DEL', cart)
  redis.call('HSET', cart, 'v', ARGV[2])
  redis.call('EXPIRE', cart, {MARK_SECONDS})
  redis.call('ZREM', waiting, id)
end
"""

# ARGV 5…: term, copy, revision, changed, then the fields of the lines
_LOAD = """
if continues() or (v and (tonumber(v) > version or (tonumber(v) == version and closed))) then return end
redis.call('DEL', cart)
redis.call('HSET', cart, 'v', ARGV[2], 'g', ARGV[6], 'r', 0, 'u', ARGV[7])
for i = 8, #ARGV, 2 do redis.call('HSET', cart, ARGV[i], ARGV[i + 1]) end
redis.call('EXPIRE', cart, ARGV[5])
redis.call('ZREM', waiting, id)
"""

# ARGV 5…: term, sku, quantity, more, needs_line, most, price, now
_CHANGE = """
local term, sku, wanted, now = ARGV[5], ARGV[6], tonumber(ARGV[7]), ARGV[12]
if not continues() or closed or tonumber(changed) + tonumber(term) * 1000000 <= tonumber(now) then return false end
local line = 'q:' .. sku
local before = tonumber(redis.call('HGET', cart, line) or 0)
if ARGV[8] == '1' then wanted = before + wanted end
if before < 0 or wanted > tonumber(ARGV[10]) or (ARGV[9] == '1' and before == 0) then return false end
if wanted == 0 then
  redis.call('HDEL', cart, line, 'p:' .. sku, 't:' .. sku)
else
  redis.call('HINCRBY', cart, line, wanted - before)
  redis.call('HSET', cart, 'p:' .. sku, ARGV[11])
  redis.call('HSETNX', cart, 't:' .. sku, now)
end
redis.call('HINCRBY', cart, 'r', 1)
redis.call('HSET', cart, 'u', now)
redis.call('EXPIRE', cart, term)
redis.call('ZADD', waiting, 'NX', redis.call('TIME')[1], id)
return redis.call('HGETALL', cart)
"""

_CLOSE = """
if continues() then
  redis.call('HSET', cart, 'c', 1)
  return redis.call('HGETALL', cart)
end
if not v or tonumber(v) <= version then
  mark()
  redis.call('HSET', cart, 'c', 1)
end
return false
"""

_VOID = """
if v and tonumber(v) >= version then
  if redis.call('ZSCORE', waiting, id) then redis.call('ZADD', waiting, redis.call('TIME')[1], id) end
else
  mark()
end
"""

# ARGV 3, 4: copy, revision
_PERSISTED = """
if g ~= ARGV[3] then return end
if tonumber(v) < version then redis.call('HSET', cart, 'v', ARGV[2]) end
if r == ARGV[4] then redis.call('ZREM', waiting, id) end
"""


@dataclass
class RedisCarts:
    """The hot carts of one shop. `term`: seconds that a copy lives after its last change."""

    url: str
    shop_id: str
    term: int
    kept: bool = field(default=True, init=False)
    used: bool = field(default=False, init=False)
    _away_until: float = field(default=0.0, init=False)
    _said: bool = field(default=False, init=False)

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
        pipeline = self._asked(lambda: self._client.pipeline(transaction=False))
        for cart_id in cart_ids:
            pipeline.hgetall(self._key(cart_id))
        copies = {
            cart_id: _cart(answer) for cart_id, answer in zip(cart_ids, self._asked(pipeline.execute), strict=True)
        }
        return {cart_id: copy for cart_id, copy in copies.items() if copy}

    def void(self, versions: Mapping[str, int]) -> None:
        for cart_id, version in versions.items():
            self._run("void", cart_id, CartStamp(version))

    def waiting(self, limit: int) -> Sequence[str]:
        return list(self._asked(lambda: self._client.zrange(self._waiting, 0, limit - 1)))

    def all(self) -> Iterator[str]:
        found = self._client.scan_iter(match=_literal(self._key("")) + "*", count=1000)
        seen: set[str] = set()  # a scan may name a key twice
        while (key := self._asked(lambda: next(found, None))) is not None:
            if key not in seen:
                seen.add(key)
                yield key.removeprefix(self._key(""))

    def wipe(self) -> None:
        for key in [self._waiting, *map(self._key, self.all())]:
            self._asked(partial(self._client.unlink, key))

    # --- the server -----------------------------------------------------------------------------------------------
    def health(self) -> HotHealth:
        try:
            info, waits, oldest, now = self._asked(
                lambda: (
                    self._client.info(),
                    self._client.zcard(self._waiting),
                    self._client.zrange(self._waiting, 0, 0, withscores=True),
                    self._client.time()[0],
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
            waiting_seconds=int(now - oldest[0][1]) if oldest else 0,
        )

    def _snapshots(self) -> str | None:
        """When snapshots are made ("" is never); None where a managed server does not tell."""
        try:
            return str(self._asked(lambda: self._client.config_get("save")).get("save", ""))
        except HotCartsAway:
            return None

    # --- how it works ---------------------------------------------------------------------------------------------
    @cached_property
    def _client(self) -> Any:
        from redis import Redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        self.used = True
        return Redis.from_url(
            self.url,
            decode_responses=True,
            socket_connect_timeout=CONNECT_SECONDS,
            socket_timeout=ANSWER_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )

    @cached_property
    def _scripts(self) -> Mapping[str, Any]:
        """What frees memory, or only marks, is allowed when memory is full: what is hot can still be persisted then."""
        growing = {"load": _LOAD, "change": _CHANGE}
        small = {"close": _CLOSE, "void": _VOID, "persisted": _PERSISTED}
        register = self._client.register_script
        return {
            **{name: register("#!lua\n" + _HERE + body) for name, body in growing.items()},
            **{name: register("#!lua flags=allow-oom\n" + _HERE + body) for name, body in small.items()},
        }

    def _run(self, name: str, cart_id: str, stamp: CartStamp, *more: object) -> Any:
        given = (cart_id, stamp.version, stamp.hot_id or "", stamp.hot_revision, *more)
        return self._asked(lambda: self._scripts[name](keys=(self._key(cart_id), self._waiting), args=given))

    def _asked(self, question: Callable[[], T]) -> T:
        """The answer, or HotCartsAway; after none came in time, Redis is not asked for a while."""
        from redis.exceptions import RedisError, ResponseError

        if time.monotonic() < self._away_until:
            raise self._away("it did not answer a moment ago")
        try:
            return question()
        except ResponseError as error:  # it answers, and will not do that: full, loading, not allowed
            raise self._away(str(error)) from None
        except (RedisError, OSError) as error:
            self._away_until = time.monotonic() + PAUSE_SECONDS
            raise self._away(str(error)) from None

    def _away(self, why: str) -> HotCartsAway:
        news, self._said = not self._said, True
        return HotCartsAway(why, news=news)

    def _key(self, cart_id: str) -> str:
        return f"shopctl:{{{self.shop_id}}}:cart:{cart_id}"

    @property
    def _waiting(self) -> str:
        return f"shopctl:{{{self.shop_id}}}:waiting"


def _cart(answer: Any) -> HotCart | None:
    """A hash as a copy; None for a mark, and for what nobody of us has written."""
    if not answer:
        return None
    hash_ = answer if isinstance(answer, dict) else dict(zip(answer[::2], answer[1::2], strict=True))
    try:
        lines = [
            HotLine(name[2:], _quantity(value), int(hash_[f"p:{name[2:]}"]), _moment(hash_[f"t:{name[2:]}"]))
            for name, value in hash_.items()
            if name.startswith("q:")
        ]
        lines.sort(key=lambda line: (line.added_at, line.sku))
        return HotCart(hash_["g"], int(hash_["r"]), int(hash_["v"]), _moment(hash_["u"]), lines)
    except (KeyError, ValueError, OverflowError):
        return None


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
