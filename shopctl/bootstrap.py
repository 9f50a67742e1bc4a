"""The composition root: settings → Shop. The only place that names an adapter."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Engine

from shopctl.config import Settings
from shopctl.core import faults as points
from shopctl.core import settings as shop_settings
from shopctl.core.adapters.cart_db import DatabaseCarts
from shopctl.core.adapters.cart_redis import RedisCarts
from shopctl.core.adapters.notify_maildir import MaildirNotifier
from shopctl.core.adapters.payment_sandbox import SandboxGateway
from shopctl.core.adapters.post_http import HttpPoster
from shopctl.core.adapters.search_whoosh import WhooshIndex
from shopctl.core.db import engine as stores
from shopctl.core.db import schema
from shopctl.core.db.types import new_id
from shopctl.core.domain.facts import Facts
from shopctl.core.ports import HotCarts, Notifier
from shopctl.core.shop import Shop


def open_shop(
    settings: Settings,
    *,
    read_only: bool = False,
    dry_run: bool = False,
    narrate: Callable[[str], None] = lambda _: None,
) -> Shop:
    """Open the store that the settings name, with everything around it."""
    url = stores.parse_url(settings.store.value)
    engine = stores.open_engine(url, read_only=read_only, lock_wait=settings.lock_wait_seconds)
    schema.check(engine)
    facts = shop_settings.load(engine)
    home = home_of(settings, facts)
    gateway = SandboxGateway(home / "gateway" / "sandbox-ledger.jsonl")
    faults = _faults(settings, facts, engine)
    return Shop(
        engine=engine,
        facts=facts,
        home=home,
        gateway=faults.around(gateway) if faults else gateway,
        index=WhooshIndex(home / "index"),
        notifier=notifier(settings, facts, home),
        poster=HttpPoster(),
        carts=hot_carts(settings, facts),
        clock=stores.system_clock,
        actor=settings.actor.value,
        request_id=new_id(),
        read_only=read_only,
        dry_run=dry_run,
        faults=faults,
        narrate=narrate,
    )


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
