"""The composition root: settings → Shop. The only place that names an adapter."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from sqlalchemy import Engine

from shopctl.config import Settings
from shopctl.core import faults as points
from shopctl.core import settings as shop_settings
from shopctl.core.adapters.cart_db import DatabaseCarts
from shopctl.core.adapters.cart_redis import RedisCarts
from shopctl.core.adapters.limits_db import DatabaseLimits
from shopctl.core.adapters.limits_redis import RedisLimits
from shopctl.core.adapters.notify_maildir import MaildirNotifier
from shopctl.core.adapters.payment_sandbox import SandboxGateway
from shopctl.core.adapters.payment_stripe import StripeGateway
from shopctl.core.adapters.post_http import HttpPoster
from shopctl.core.adapters.sandbox_faults import FaultySandbox
from shopctl.core.adapters.sandbox_faults import faults as sandbox_faults
from shopctl.core.adapters.search_whoosh import WhooshIndex
from shopctl.core.db import engine as stores
from shopctl.core.db import schema
from shopctl.core.db.types import new_id
from shopctl.core.domain.facts import Facts
from shopctl.core.errors import BadInput, Refused, Unavailable
from shopctl.core.ports import Gateway, HotCarts, Notifier, RateLimiter
from shopctl.core.shop import Shop


def open_shop(
    settings: Settings,
    *,
    read_only: bool = False,
    dry_run: bool = False,
    narrate: Callable[[str], None] = lambda _: None,
    clock: stores.Clock = stores.system_clock,
) -> Shop:
    """Open the store that the settings name, with everything around it. `clock`: for a scratch store, in which time is moved."""
    url = stores.parse_url(settings.store.value)
    engine = stores.open_engine(url, read_only=read_only, lock_wait=settings.lock_wait_seconds)
    schema.check(engine)
    facts = shop_settings.load(engine)
    home = home_of(settings, facts)
    if settings.sandbox.value and not facts.test_store:
        narrate("This is no test store: what SHOPCTL_SANDBOX says is not done to its payments.")
    gateway, *others = gateways(settings, facts, home)
    faults = _faults(settings, facts, engine)
    return Shop(
        engine=engine,
        facts=facts,
        home=home,
        gateway=faults.around(gateway) if faults else gateway,
        other_gateways=others,
        index=WhooshIndex(home / "index"),
        notifier=notifier(settings, facts, home),
        poster=HttpPoster(),
        carts=hot_carts(settings, facts),
        limiter=limiter(settings, facts, engine, clock),
        clock=clock,
        actor=settings.actor.value,
        request_id=new_id(),
        read_only=read_only,
        dry_run=dry_run,
        faults=faults,
        narrate=narrate,
    )


def gateways(settings: Settings, facts: Facts, home: Path) -> list[Gateway]:
    """Who can be asked for payments, first who is asked for new ones. Stripe is there when it has a key, or is wanted."""
    ledger = home / "gateway" / "sandbox-ledger.jsonl"
    armed = settings.sandbox.value if facts.test_store else ""
    sandbox = FaultySandbox(ledger, faults=sandbox_faults(armed)) if armed else SandboxGateway(ledger)
    chosen = settings.gateway_name
    has_key = "STRIPE_API_KEY" in os.environ or settings.stripe_key_file.value
    if chosen == sandbox.name and not has_key:
        return [sandbox]
    stripe = StripeGateway(
        shop=facts.id,
        currency=facts.currency,
        key=lambda: _stripe_key(settings, facts),
        webhook_secret=settings.stripe_webhook_secret,
        base=settings.stripe_base,
        return_url=settings.stripe_return_url.value,
    )
    return [stripe, sandbox] if chosen == stripe.name else [sandbox, stripe]


def gateway_for_selftest(settings: Settings, facts: Facts, scratch: Path) -> Gateway:
    """The configured gateway, in a place of its own: what it does there is not the shop's."""
    return gateways(settings, replace(facts, id=f"selftest-{new_id()}"), scratch)[0]


def _stripe_key(settings: Settings, facts: Facts) -> str:
    """The key for Stripe. It is asked for when it is needed, and none of these sentences has it."""
    key = settings.stripe_key()
    if not key:
        raise Unavailable(
            "no_stripe_key",
            "There is no key for Stripe",
            hint="Set STRIPE_API_KEY, or SHOPCTL_STRIPE_KEY_FILE to a file of mode 0600.",
        )
    if not re.fullmatch(r"[sr]k_(test|live)_[A-Za-z0-9_]+", key):
        raise BadInput(
            "bad_stripe_key",
            "The key for Stripe is not a secret or restricted key",
            hint="It begins with sk_test_, rk_test_, sk_live_ or rk_live_.",
        )
    if facts.test_store and "_live_" in key:
        raise Refused("live_key", "This is a test store, and the key for Stripe is a live one", hint="Use a test key.")
    return key


def _faults(settings: Settings, facts: Facts, engine: Engine) -> points.Faults | None:
    if not settings.failpoint.value or not facts.test_store:
        return None
    found = points.parse(settings.failpoint.value)
    found.watch(engine)
    return found


def hot_carts(settings: Settings, facts: Facts) -> HotCarts:
    """Where the shop's carts are kept while they change."""
    url = settings.redis_url
    return RedisCarts(url, facts.id, facts.cart_seconds) if url else DatabaseCarts()


def limiter(settings: Settings, facts: Facts, engine: Engine, clock: stores.Clock) -> RateLimiter:
    """Who counts how often somebody may."""
    counted = DatabaseLimits(engine, clock)
    return RedisLimits(settings.redis_url, facts.id, counted) if settings.redis_url else counted


def notifier(settings: Settings, facts: Facts, home: Path) -> Notifier:
    """Who takes the shop's letters. A test store (a demo) writes to nobody."""
    server = settings.mail_server
    if server is None or facts.test_store:
        return MaildirNotifier(home / "maildir")
    from shopctl.core.adapters.notify_smtp import SmtpNotifier

    return SmtpNotifier(server.host, server.port, server.security, server.user, server.password)


def home_of(settings: Settings, facts: Facts) -> Path:
    """Where the shop's index, gateway ledger and Maildir lie: under its id, whatever the store."""
    return Path(settings.data_dir.value) / facts.id
