"""The store itself: making one, and saying what it is."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from shopctl.core import pause as pausing
from shopctl.core import settings
from shopctl.core.db import engine as stores
from shopctl.core.db import failures, making, schema, tables
from shopctl.core.db.types import new_id
from shopctl.core.domain import money
from shopctl.core.domain.facts import DEFAULT_SENDER, Facts
from shopctl.core.queries import overview, pause
from shopctl.core.settings import country_code, email_sender, shop_name, time_zone
from shopctl.core.shop import Shop

DEFAULT_WAREHOUSE = "MAIN"


@dataclass(frozen=True, slots=True)
class NewShop:
    """What `init` asks; everything but the currency can be changed later."""

    name: str = "My shop"
    currency: str = "USD"
    country: str = "US"
    timezone: str = "UTC"
    prices_include_tax: bool = False
    email_sender: str = DEFAULT_SENDER
    test_store: bool = False
    low_stock: int | None = None


def check(wanted: NewShop) -> Facts:
    """The facts of a new shop, validated."""
    return Facts(
        id=new_id(),
        name=shop_name(wanted.name),
        currency=money.currency_code(wanted.currency),
        country=country_code(wanted.country),
        timezone=time_zone(wanted.timezone),
        prices_include_tax=wanted.prices_include_tax,
        email_sender=email_sender(wanted.email_sender),
        low_stock=wanted.low_stock,
        test_store=wanted.test_store,
    )


def init(url: sa.URL, facts: Facts, *, actor: str, now: datetime | None = None) -> None:
    """Make a store with one shop and its first warehouse: whole, or not at all."""
    with making.new_store(url) as group:
        _fill(group.connection, facts, actor, now or datetime.now(UTC))


def info(shop: Shop) -> dict[str, Any]:
    """What the shop is, how much is in it, and its rules with where each value comes from."""
    version = schema.version(shop.engine)
    with shop.read() as tx:
        counts = overview.counts(tx)
        rules = settings.shown(tx)
        paused = pause.find(tx)
    return {
        "id": shop.facts.id,
        "name": shop.facts.name,
        "currency": shop.facts.currency,
        "schema": version,
        "dialect": shop.engine.dialect.name,
        "home": str(shop.home),
        "gateway": shop.gateway.name,
        "paused": paused,
        **asdict(counts),
        "settings": rules,
    }


def ready(shop: Shop) -> None:
    """Whether the shop can sell now: the store answers, its schema is right, and nobody has paused it; else the error why not."""
    schema.check(shop.engine)
    with shop.read() as tx:
        if paused := pause.find(tx):
            raise pausing.refused(paused)


def migrate(store_url: str, *, lock_wait: float, dry_run: bool, contract: bool = False) -> schema.Upgrade:
    """Bring a store's schema to this release's, as far as the release before can follow; or, with `contract`, all the way."""
    engine = stores.open_engine(stores.parse_url(store_url), lock_wait=lock_wait)
    try:
        if schema.version(engine) is None:
            raise failures.not_a_shop()
        return schema.upgrade(engine, contract=contract, dry_run=dry_run)
    finally:
        engine.dispose()


def without_password(store_url: str) -> str:
    """A store URL fit to be shown."""
    return stores.parse_url(store_url).render_as_string(hide_password=True)


def _fill(connection: sa.Connection, facts: Facts, actor: str, now: datetime) -> None:
    said = {key: value for key, value in asdict(facts).items() if value is not None}
    rows = [{"key": key, "value": value, "updated_at": now} for key, value in said.items()]
    connection.execute(sa.insert(tables.settings), rows)
    first = {
        "code": DEFAULT_WAREHOUSE,
        "name": "Main warehouse",
        "priority": 1,
        "active": True,
        "created_at": now,
    }
    connection.execute(sa.insert(tables.warehouses), [first])
    audit = {
        "at": now,
        "actor": actor,
        "request_id": new_id(),
        "action": "store.init",
        "target": facts.name,
    }
    connection.execute(sa.insert(tables.audit_log), [audit])
