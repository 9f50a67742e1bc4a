"""Metrics: the shop in numbers for a monitoring system, all of one moment. Each is a gauge; counts come from indexes."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa

from shopctl import __version__
from shopctl.core import outbox
from shopctl.core.db import schema
from shopctl.core.db.tables import carts, orders, payments, sales, stock_levels
from shopctl.core.db.unit_of_work import UnitOfWork
from shopctl.core.domain import lifecycle
from shopctl.core.domain.facts import LETTERS
from shopctl.core.queries import lag, overview, pause, webhooks, workers
from shopctl.core.queries import sales as sale_reads
from shopctl.core.queries.lag import Lag
from shopctl.core.shop import Shop


@dataclass(frozen=True, slots=True)
class Sample:
    """One number of a metric; its labels tell it from the others."""

    metric: str
    labels: Mapping[str, str]
    value: int


@dataclass(frozen=True, slots=True)
class Metric:
    """What is measured. A name ends with its unit where it has one."""

    name: str
    help: str
    samples: Sequence[Sample] = field(default=())


def read(shop: Shop) -> Sequence[Metric]:
    """Every metric, in one snapshot."""
    with shop.read() as tx:
        return [*_shop(tx), *_business(tx), *_sales(tx), *_operations(tx)]


def _shop(tx: UnitOfWork) -> Iterator[Metric]:
    built = {"version": __version__, "python": platform.python_version(), "store": tx.connection.dialect.name}
    yield _metric("build_info", "Always 1; the labels tell what runs.", {tuple(built.items()): 1})
    yield _one("schema_version", "The version of the store's schema.", int(schema.version_in(tx.connection)))
    yield _one("paused", "1 while new checkouts are refused.", int(pause.find(tx) is not None))


def _business(tx: UnitOfWork) -> Iterator[Metric]:
    yield _by("orders", "Orders by status.", "status", lifecycle.ORDER, _grouped(tx, orders.c.status))
    yield _by("payments", "Payments by state.", "state", lifecycle.PAYMENT, _grouped(tx, payments.c.state))
    yield _one("checkouts_in_flight", "Checkouts whose payment is not resolved yet.", overview.in_flight(tx))
    is_open = carts.c.state == sa.literal("open", literal_execute=True)
    opened = tx.execute(sa.select(sa.func.count()).select_from(carts).where(is_open)).scalar_one()
    yield _one("carts_open", "Carts that can be bought.", opened)
    c = stock_levels.c
    units = tx.rows(sa.select(*(sa.func.coalesce(sa.func.sum(n), 0) for n in (c.quantity, c.reserved, c.committed))))[0]
    kinds = dict(zip(("on_hand", "reserved", "committed"), map(int, units), strict=True))
    yield _by(
        "stock_units", "Units of stock: on hand, reserved for a while, sold and not shipped.", "kind", kinds, kinds
    )
    holds = overview.holds(tx)
    yield _one("holds_live", "Holds that are not resolved.", holds.live)
    yield _one("holds_overdue", "Live holds past their time, which no sweep has resolved yet.", holds.overdue)


def _sales(tx: UnitOfWork) -> Iterator[Metric]:
    """Of all that run together: a series of each would come and go."""
    yield _by("sales", "Flash sales by status.", "status", lifecycle.SALE, _grouped(tx, sales.c.status))
    running = sale_reads.LIST.rows(tx, where=[sale_reads.RUNNING])
    tickets = {state: sum(getattr(sale, state) for sale in running) for state in ("waiting", "admitted", "bought")}
    units = {kind: sum(getattr(sale, kind) for sale in running) for kind in ("left", "held", "sold")}
    yield _by("sale_tickets", "Tickets of the flash sales that run, by state.", "state", tickets, tickets)
    yield _by("sale_units", "Units of the flash sales that run: left, held by a turn, sold.", "kind", units, units)


def _operations(tx: UnitOfWork) -> Iterator[Metric]:
    waiting = lag.by_topic(tx)
    letters, changes = lag.of(waiting, LETTERS), waiting.get(outbox.CATALOG_CHANGED, Lag())
    yield _one("outbox_pending", "Letters that are not sent yet.", letters.facts)
    yield _one("outbox_oldest_age_seconds", "Age of the oldest letter that is not sent yet.", letters.seconds)
    yield _one("outbox_dead", "Facts that were put aside as undeliverable.", lag.dead(tx))
    hooks = webhooks.trouble(tx)
    yield _one("webhooks_failing", "Deliveries to webhooks that have failed and are tried again.", hooks.failing)
    yield _one("webhooks_dead", "Deliveries to webhooks that were given up.", hooks.dead)
    yield _one("index_pending", "Changes of the catalogue that are not searchable yet.", changes.facts)
    yield _one("index_oldest_age_seconds", "Age of the oldest change that is not searchable yet.", changes.seconds)
    alive = sum(found.alive for found in workers.known(tx))
    yield _one("workers_alive", "Workers whose heartbeat is fresh.", alive)


def _grouped(tx: UnitOfWork, column: sa.Column[str]) -> Mapping[str, int]:
    return {row[0]: row[1] for row in tx.rows(sa.select(column, sa.func.count()).group_by(column))}


Labels = tuple[tuple[str, str], ...]


def _one(name: str, help: str, value: int) -> Metric:
    return _metric(name, help, {(): value})


def _by(
    name: str, help: str, label: str, words: Sequence[str] | Mapping[str, object], found: Mapping[str, int]
) -> Metric:
    """A number for each word, 0 for those that there are none of: a series must not come and go."""
    return _metric(name, help, {((label, word),): found.get(word, 0) for word in words})


def _metric(name: str, help: str, values: Mapping[Labels, int]) -> Metric:
    whole = f"shopctl_{name}"
    return Metric(whole, help, [Sample(whole, dict(labels), value) for labels, value in values.items()])
