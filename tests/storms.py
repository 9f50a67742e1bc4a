"""What goes wrong while a shop is at work: servers that are killed, emptied, filled up, slowed down and restarted."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from redis import Redis as Client

from tests.servers import Postgres, Redis

Blow = Callable[[], object]


@dataclass
class Storm:
    """Strikes every `period` seconds, from entering it to leaving it; `seed` decides with what, unless they take turns.

    `moments` has the time of each strike (time.monotonic, the same clock in every process of this machine).
    """

    blows: Mapping[str, Blow]
    period: float
    seed: int
    in_turn: bool = False
    counts: Counter[str] = field(default_factory=Counter)
    moments: list[float] = field(default_factory=list)

    def __enter__(self) -> Storm:
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._rage)
        self._problem: BaseException | None = None
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        if self._problem:
            raise self._problem

    def _rage(self) -> None:
        chance, names = random.Random(self.seed), list(self.blows)
        try:
            while not self._over.wait(self.period):
                name = names[len(self.moments) % len(names)] if self.in_turn else chance.choice(names)
                self.moments.append(time.monotonic())
                self.blows[name]()
                self.counts[name] += 1
        except BaseException as problem:  # told to whoever waits for the end
            self._problem = problem


def on_redis(server: Redis, *, away: float = 0.3) -> Mapping[str, Blow]:
    """What may happen to Redis; each is over when it returns, and `away` seconds is how long it lasts."""
    client: Any = Client.from_url(server.url, socket_timeout=10)

    def kill() -> None:
        server.kill()
        time.sleep(away)
        server.start()

    def full(policy: str) -> None:
        client.config_set("maxmemory-policy", policy)
        client.config_set("maxmemory", "1mb")  # it needs that much for itself
        time.sleep(away)
        client.config_set("maxmemory", "0")

    return {
        "kill": kill,
        "flush": client.flushall,
        "full": lambda: full("noeviction"),
        "evict": lambda: full("allkeys-lru"),
        "slow": lambda: client.execute_command("CLIENT", "PAUSE", int(away * 1000), "ALL"),
        "snapshot": client.save,  # what the next kill goes back to
    }


def on_postgres(server: Postgres, *, away: float = 0.1) -> Mapping[str, Blow]:
    """Stopped in order, and as if it had crashed; started again after `away` seconds."""

    def stop(mode: str) -> None:
        server.stop("fast" if mode == "fast" else "immediate")
        time.sleep(away)
        server.restart()

    return {"fast": lambda: stop("fast"), "immediate": lambda: stop("immediate")}


def hit(moments: Sequence[float], began: float, ended: float) -> bool:
    """Whether one of the strikes fell into this time."""
    return any(began < moment < ended for moment in moments)
