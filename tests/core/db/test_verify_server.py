"""What verify finds on a server whose schema others have changed, and by which clock it judges."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path

import pytest

from shopctl.core import verify
from shopctl.core.adapters.payment_sandbox import SandboxGateway
from shopctl.core.db import engine as stores
from shopctl.core.ports import Entry
from shopctl.core.shop import Shop
from tests import shops
from tests.core import books

DEFINITION = "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = '{}'"


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with shops.on("postgres"):
        yield books.copy(tmp_path)


def names(shop: Shop) -> set[tuple[int, str, str]]:
    return {(found.check, found.name, found.subject) for found in verify.verify(shop).violations}


def test_a_column_of_another_type(shop: Shop) -> None:
    books.run(
        shop,
        "ALTER TABLE order_lines ALTER weight_grams TYPE numeric",
        "UPDATE order_lines SET weight_grams = 1.5",
        "ALTER TABLE payments ALTER updated_at TYPE text",
    )
    assert names(shop) == {
        (24, "column_typed", "order_lines.weight_grams"),
        (24, "column_typed", "payments.updated_at"),
    }


def test_a_column_that_is_gone_is_reported_and_the_rest_still_judged(shop: Shop) -> None:
    books.run(
        shop,
        "UPDATE stock_levels SET quantity = quantity + 1 WHERE sku = 'TEE'",
        "ALTER TABLE order_events DROP COLUMN verb",
    )
    assert names(shop) == {
        (2, "level_is_its_ledger", "TEE in MAIN"),
        (19, "not_judged", "the store"),
        (22, "not_judged", "the store"),
        (24, "column_typed", "order_events.verb"),
    }


def test_a_constraint_that_does_not_hold_for_all_rows(shop: Shop) -> None:
    name = "fk_order_events_order_id"
    with books.behind(shop) as connection:
        definition = connection.exec_driver_sql(DEFINITION.format(name)).scalar_one()
        connection.exec_driver_sql(f"ALTER TABLE order_events DROP CONSTRAINT {name}")
        connection.exec_driver_sql(f"ALTER TABLE order_events ADD CONSTRAINT {name} {definition} NOT VALID")
    assert names(shop) == {(28, "schema", name)}


def test_an_index_that_could_not_be_built(shop: Shop) -> None:
    books.run(shop, "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ix_orders_created_at'::regclass")
    assert names(shop) == {(28, "schema", "ix_orders_created_at")}


def test_a_ledger_that_is_read_slowly_does_not_end_it(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow(SandboxGateway):
        def entries(self, since: datetime | None = None) -> Iterator[Entry]:
            time.sleep(0.6)
            yield from super().entries(since)

    monkeypatch.setattr(stores, "STATEMENT_SECONDS", 0.4)
    shop.engine.dispose()  # a connection has the limits of when it was made
    report = verify.verify(shop.but(gateway=Slow(shop.home / "gateway" / "sandbox-ledger.jsonl")))
    assert report.violations == []


@pytest.mark.parametrize("days", [-400, 400])
def test_a_clock_of_ours_that_is_wrong_does_not_matter(shop: Shop, monkeypatch: pytest.MonkeyPatch, days: int) -> None:
    class Wrong(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Wrong:
            return super().now(tz) + timedelta(days=days)

    monkeypatch.setattr(stores, "datetime", Wrong)
    assert abs(stores.system_clock() - datetime.now(UTC)) > timedelta(days=300)
    shops.buy(shop, "late", "TEE")
    report = verify.verify(shop)
    assert report.violations == []
    assert {note.name for note in report.notes} <= {"outbox_lag"}
