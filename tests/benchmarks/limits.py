"""A rate limit in Redis: our script beside the textbook's WATCH, GET, MULTI, SET, EXEC, by 32 clients who want the same bucket.

    python -m tests.benchmarks.limits [--rounds 5] [--seconds 3] [--clients 32] [--json]

Both decide the same (GCRA: the moment at which a bucket is full again). The textbook's loop starts over when somebody else was
faster.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from shopctl.core.adapters.limits_redis import RedisLimits
from shopctl.core.ports import Allowance, Draw, Wait
from tests import servers
from tests.benchmarks import frame

WIDE = Draw("bench", Allowance(10**6, 10**9))


class Nobody:
    """Redis is there."""

    def take(self, asked: Sequence[Sequence[Draw]]) -> list[Wait | None]:
        raise AssertionError(asked)

    def sweep(self, most: int) -> int:
        raise AssertionError(most)


def ours(url: str, _: int) -> Callable[[], None]:
    limits = RedisLimits(url, "bench", Nobody())

    def step() -> None:
        assert limits.take([[WIDE]]) == [None]

    return step


def textbook(url: str, _: int) -> Callable[[], None]:
    from redis import Redis, WatchError

    client: Any = Redis.from_url(url, decode_responses=True)

    def step() -> None:
        with client.pipeline() as pipe:
            while True:
                try:
                    pipe.watch("textbook")
                    full = int(pipe.get("textbook") or 0)
                    seconds, micros = pipe.time()
                    now = seconds * 1_000_000 + micros
                    after = max(full, now) + WIDE.cost
                    if after - now > WIDE.capacity:
                        return
                    pipe.multi()
                    pipe.set("textbook", after, px=60_000)
                    pipe.execute()
                    return
                except WatchError:
                    continue

    return step


def main() -> None:
    parser = frame.parser(__doc__, stores=False)
    parser.add_argument("--clients", type=int, default=32)
    asked = parser.parse_args()
    url = servers.redis()
    with (
        frame.Clients(asked.clients, partial(ours, url)) as script,
        frame.Clients(asked.clients, partial(textbook, url)) as loop,
    ):
        line = frame.compare(
            f"redis, {asked.clients} clients, one bucket",
            lambda: script.run(asked.seconds).rate,
            lambda: loop.run(asked.seconds).rate,
            goal=None,
            rounds=asked.rounds,
            note="beside WATCH and MULTI",
        )
    frame.report([line], as_json=asked.json)


if __name__ == "__main__":
    main()
