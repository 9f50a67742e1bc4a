"""Rate limits in Redis (or Valkey): a number a bucket, one script a request, by the server's clock; many
requests in one round trip. While Redis is away the
database counts, from full buckets.

    shopctl:{SHOP}:limit:KEY    when the bucket is full again, in microseconds since 1970; until then it is there
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from shopctl.core.adapters.redis_link import RedisLink, Script
from shopctl.core.ports import Draw, RateLimiter, Wait

# KEYS: the buckets. ARGV: for each what the units cost, and what a full bucket is worth; in microseconds.
TAKE = Script("""
local time = redis.call('TIME')
local now, longest, slowest, after = time[1] * 1000000 + time[2], 0, 0, {}
for n, bucket in ipairs(KEYS) do
  local cost, capacity = tonumber(ARGV[2 * n - 1]), tonumber(ARGV[2 * n])
  local full = tonumber(redis.call('GET', bucket) or 0)
  if full < now or full > now + capacity then full = now end
  after[n] = full + cost
  local wait = after[n] - capacity - now
  if wait > longest then longest, slowest = wait, n end
end
if longest > 0 then return {longest, slowest - 1} end
for n, bucket in ipairs(KEYS) do
  redis.call('SET', bucket, string.format('%.0f', after[n]), 'PX', math.max(math.ceil((after[n] - now) / 1000), 1))
end
return {0, 0}
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

    def take(self, asked: Sequence[Sequence[Draw]]) -> list[Wait | None]:
        try:
            answers = self._link.run_all(TAKE, [self._words(draws) for draws in asked])
        except _Away:
            return self.otherwise.take(asked)
        return [Wait(int(wait) / 1_000_000, int(draw)) if int(wait) else None for wait, draw in answers]

    def _words(self, draws: Sequence[Draw]) -> Sequence[object]:
        buckets = [f"shopctl:{{{self.shop_id}}}:limit:{draw.key}" for draw in draws]
        return (len(draws), *buckets, *(number for draw in draws for number in (draw.cost, draw.capacity)))

    def sweep(self, most: int) -> int:
        """Redis forgets them by itself; what was counted while it was away is in the database."""
        return self.otherwise.sweep(most)
