"""Rate limits in Redis (or Valkey): a number a bucket, one script a question, by the server's clock. While Redis is away the
database counts, from full buckets.

    shopctl:{SHOP}:limit:KEY    when the bucket is full again, in microseconds since 1970; until then it is there
"""

from __future__ import annotations

from dataclasses import dataclass, field

from shopctl.core.adapters.redis_link import RedisLink, Script
from shopctl.core.ports import Allowance, RateLimiter

# KEYS: the bucket. ARGV: what the units cost, what a full bucket is worth; in microseconds.
TAKE = Script("""
local time = redis.call('TIME')
local now, cost, capacity = time[1] * 1000000 + time[2], tonumber(ARGV[1]), tonumber(ARGV[2])
local full = tonumber(redis.call('GET', KEYS[1]) or 0)
if full < now or full > now + capacity then full = now end
local wait = full + cost - capacity - now
if wait > 0 then return wait end
local left = math.ceil((full + cost - now) / 1000)
redis.call('SET', KEYS[1], string.format('%.0f', full + cost), 'PX', math.max(left, 1))
return 0
""")


class _Away(Exception):
    """Redis cannot be asked now."""

    def __init__(self, why: str, *, news: bool) -> None:
        super().__init__(why)
        self.news = news


@dataclass
class RedisLimits:
    """The buckets of one shop. `otherwise` counts while Redis is away."""

    url: str
    shop_id: str
    otherwise: RateLimiter
    _link: RedisLink = field(init=False)

    def __post_init__(self) -> None:
        self._link = RedisLink(self.url, _Away)

    def take(self, key: str, allowance: Allowance, units: int) -> float:
        bucket = f"shopctl:{{{self.shop_id}}}:limit:{key}"
        words = (1, bucket, allowance.cost(units), allowance.cost(allowance.burst))
        try:
            return int(self._link.run(TAKE, *words)) / 1_000_000
        except _Away:
            return self.otherwise.take(key, allowance, units)

    def sweep(self, most: int) -> int:
        """Redis forgets them by itself; what was counted while it was away is in the database."""
        return self.otherwise.sweep(most)
