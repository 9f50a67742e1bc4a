"""Asking Redis (7 or later) or Valkey: scripts in one round trip, and a server that does not answer left alone for a while.

Nothing is tried a second time, because an answer that was lost may have been a yes.
"""

from __future__ import annotations

import hashlib
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol, TypeVar

from shopctl.core.errors import BadInput

CONNECT_SECONDS = 0.25
ANSWER_SECONDS = 0.5
PAUSE_SECONDS = 5.0
"""How long Redis is left alone after it did not answer: its slowness is paid for once, not at every call."""
FRESH_SECONDS = 1.0
"""How long a connection is taken for alive without looking."""

T = TypeVar("T")


class Away(Protocol):
    """Makes the error that says that Redis cannot be asked now, and why. `news`: the first time in this process."""

    def __call__(self, why: str, *, news: bool) -> Exception: ...


@dataclass(frozen=True)
class Script:
    """What Redis decides, in Lua."""

    source: str

    @cached_property
    def sha(self) -> str:
        return hashlib.sha1(self.source.encode(), usedforsecurity=False).hexdigest()


@dataclass
class RedisLink:
    """The way to one server; any number of threads may use it."""

    url: str
    away: Away
    used: bool = field(default=False, init=False)
    _away_until: float = field(default=0.0, init=False)
    _told: bool = field(default=False, init=False)
    _idle: deque[tuple[float, Any]] = field(default_factory=deque, init=False)

    def __post_init__(self) -> None:
        if "?" in self.url:
            _must_be_known(self.url)

    @cached_property
    def client(self) -> Any:
        """For what is no script; what it does belongs into `asked`."""
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

    def asked(self, question: Callable[[], T]) -> T:
        """The answer, or that Redis is away; after none came in time, it is not asked for a while."""
        from redis.exceptions import RedisError, ResponseError

        if time.monotonic() < self._away_until:
            raise self._is_away("it did not answer a moment ago")
        try:
            return question()
        except ResponseError as error:  # it answers, and will not do that: full, loading, not allowed
            raise self._is_away(str(error)) from None
        except (RedisError, OSError) as error:
            self._away_until = time.monotonic() + PAUSE_SECONDS
            self._idle.clear()
            raise self._is_away(str(error)) from None

    def run(self, script: Script, *words: object) -> Any:
        """Run a script: how many keys, the keys, the arguments. Not through the client: it takes longer than Redis does."""
        return self.run_all(script, [words])[0]

    def run_all(self, script: Script, many: Sequence[Sequence[object]]) -> list[Any]:
        """Run a script many times, one after the other, in one round trip; others may come in between."""
        return self.asked(lambda: self._evaluated(script, many))

    def _evaluated(self, script: Script, many: Sequence[Sequence[object]]) -> list[Any]:
        from redis.exceptions import NoScriptError, ResponseError

        connection = self._connection()
        try:
            answers = _said(connection, [("EVALSHA", script.sha, *words) for words in many])
            unknown = [n for n, answer in enumerate(answers) if isinstance(answer, NoScriptError)]  # these have not run
            again = _said(connection, [("EVAL", script.source, *many[n]) for n in unknown])
            for n, answer in zip(unknown, again, strict=True):
                answers[n] = answer
        except BaseException:  # an answer may still be under way to it
            connection.disconnect()
            self.client.connection_pool.release(connection)
            raise
        self._idle.append((time.monotonic(), connection))
        if refused := next((answer for answer in answers if isinstance(answer, ResponseError)), None):
            raise refused
        return answers

    def _connection(self) -> Any:
        pool = self.client.connection_pool
        while True:
            try:
                since, connection = self._idle.pop()
            except IndexError:
                return pool.get_connection()
            if time.monotonic() - since < FRESH_SECONDS:
                return connection
            pool.release(connection)  # the pool looks whether there is still somebody at the other end

    def _is_away(self, why: str) -> Exception:
        news, self._told = not self._told, True
        return self.away(why, news=news)


def _must_be_known(url: str) -> None:
    """Refuse options that the client does not have, or not with these values, before anything is done; nothing is connected."""
    from redis import Redis
    from redis.exceptions import RedisError

    try:
        Redis.from_url(url).connection_pool.make_connection()
    except (TypeError, ValueError, RedisError):
        raise BadInput(
            "bad_redis_url",
            "redis has an option that there is not, or a value that it cannot have",
            hint="After the ? it takes the connection parameters of redis-py.",
        ) from None


def _said(connection: Any, commands: Sequence[Sequence[object]]) -> list[Any]:
    """Say commands, and the answers; one that was refused is its error."""
    from redis.exceptions import ResponseError

    connection.send_packed_command([b"".join(map(_packed, commands))], check_health=False)
    answers: list[Any] = []
    for _ in commands:
        try:
            answers.append(connection.read_response())
        except ResponseError as error:
            answers.append(error)
    return answers


def _packed(words: Sequence[object]) -> bytes:
    said = [str(word).encode() for word in words]
    return b"*%d\r\n%b" % (len(said), b"".join([b"$%d\r\n%b\r\n" % (len(word), word) for word in said]))
