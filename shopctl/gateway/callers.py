"""Who asks: a program by its API key, a shopper by their token; what they may do, and how often."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import Annotated, Any

from anyio import to_thread
from fastapi import Depends, Request, Security
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer

from shopctl import core
from shopctl.core.accounts import Shopper
from shopctl.core.errors import NotPermitted, TimedOut, Unavailable
from shopctl.core.queries.keys import ApiKey
from shopctl.core.shop import Shop

KNOWN_SECONDS = 5.0
"""How long a key is taken for what it was: a revoked one opens nothing after so long."""
MOST_KNOWN = 1000
SHARE = 20
"""A process takes this part of a burst at once, and asks who counts only when it is used up."""

_bearer = HTTPBearer(auto_error=False, scheme_name="API key", description="Of `shopctl gateway keys create`.")
_token = APIKeyHeader(
    name="X-Shopper-Token", auto_error=False, scheme_name="Shopper", description="Of `POST /v1/sessions`."
)


@dataclass(frozen=True, slots=True)
class Rates:
    """Requests a second in the long run, of one API key and of one shopper; twice as many at once. 0: as many as they like."""

    key: float = 500
    shopper: float = 20
    stranger: float = 2
    """Of one address, that fail to say who they are."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, and the shop as they are in it."""

    shop: Shop
    key: ApiKey
    shopper: Shopper | None
    token: str

    def must_be_shopper(self) -> Shopper:
        if self.shopper is None:
            raise NotPermitted(
                "token_missing", "Only a shopper who has logged in may do that", hint="X-Shopper-Token: TOKEN"
            )
        return self.shopper


def _unheard(_sentence: str) -> None:
    """What is narrated to somebody at a terminal: answers say by themselves what is not as it was asked for."""


@dataclass(slots=True)
class Door:
    """Lets callers in. It remembers keys for a moment, and what it took out of buckets in advance."""

    shop: Shop
    rates: Rates
    _keys: dict[str, tuple[float, ApiKey]] = field(default_factory=dict, init=False)
    _taken: dict[str, int] = field(default_factory=dict, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def admit_known(self, request: Request, secret: str | None, token: str | None, scope: str) -> Caller | None:
        """As `admit`, for whom nobody has to be asked about, so without waiting for anything; None for others."""
        since, key = self._keys.get(core.keys.digest(secret or ""), (0.0, None))
        if key is None or token is not None or since + KNOWN_SECONDS < time.monotonic() or scope not in key.scopes:
            return None
        if self.rates.key and not self._had(_bucket("requests of a key", key.id)):
            return None
        return Caller(self._asked(request).but(actor=f"gateway:{key.name}"), key, None, "")

    def admit(self, request: Request, secret: str | None, token: str | None, scope: str) -> Caller:
        """The caller; NotPermitted when they are nobody or may not, Refused(rate_limited) when they ask too often."""
        source = request.client.host if request.client else "unknown"
        shop = self._asked(request)
        try:
            key = self._key(shop, secret)
        except NotPermitted:
            self._limit(shop, "strangers", source, self.rates.stranger)
            raise
        shop = shop.but(actor=f"gateway:{key.name}")
        if scope not in key.scopes:
            raise NotPermitted(
                "scope_missing", f"The API key {key.name!r} may not do that: it has no scope {scope}", scope=scope
            )
        self._limit(shop, "requests of a key", key.id, self.rates.key)
        shopper = None if token is None else core.accounts.shopper(shop, token)
        if shopper:
            self._limit(shop, "requests of a shopper", shopper.id, self.rates.shopper)
        return Caller(shop, key, shopper, token or "")

    def _asked(self, request: Request) -> Shop:
        state = request.state
        return self.shop.but(request_id=state.request_id, effort=state.effort, narrate=_unheard)

    def _key(self, shop: Shop, secret: str | None) -> ApiKey:
        if not secret:
            raise NotPermitted("api_key_missing", "There is no API key", hint="Authorization: Bearer KEY")
        digest, now = core.keys.digest(secret), time.monotonic()
        since, known = self._keys.get(digest, (0.0, None))
        if known is None or since + KNOWN_SECONDS < now:
            self._keys.pop(digest, None)
            known = core.keys.recognise(shop, secret)
            if len(self._keys) >= MOST_KNOWN:
                self._keys.clear()
            self._keys[digest] = now, known
        return known

    def _limit(self, shop: Shop, name: str, subject: str, rate: float) -> None:
        """Count a request. Who cannot be counted is let in: a limit must not shut the shop."""
        if not rate:
            return
        bucket, burst = _bucket(name, subject), max(int(rate * 2), 1)
        if self._had(bucket):
            return
        share = max(burst // SHARE, 1)
        try:
            core.limits.take(shop, core.limits.Limit(name, subject, rate, burst, share))
        except (TimedOut, Unavailable):
            return
        if share > 1:
            with self._lock:
                self._taken[bucket] = self._taken.get(bucket, 0) + share - 1

    def _had(self, bucket: str) -> bool:
        """Whether one was left of what was taken in advance; it is gone now."""
        with self._lock:
            left = self._taken.pop(bucket, 0)
            if left > 1:
                self._taken[bucket] = left - 1
        return left > 0


def _bucket(name: str, subject: str) -> str:
    return f"{name}:{subject}"


def may(scope: str) -> Any:
    """A caller who may do this, as a parameter of a route."""

    async def admitted(
        request: Request,
        credentials: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)] = None,
        token: Annotated[str | None, Security(_token)] = None,
    ) -> Caller:
        door: Door = request.app.state.door
        secret = credentials.credentials if credentials else None
        known = door.admit_known(request, secret, token, scope)
        if known is not None:
            return known
        return await to_thread.run_sync(door.admit, request, secret, token, scope)

    return Depends(admitted)


Reader = Annotated[Caller, may("read")]
Seller = Annotated[Caller, may("sell")]
Operator = Annotated[Caller, may("operate")]
