"""Every check finds the corruption that is planted for it, and nothing else; the clean store has no violation."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
import sqlalchemy as sa

from shopctl.core import catalog, checkout, orders, outbox, queries, verify
from shopctl.core.db.tables import audit_log
from shopctl.core.errors import BadInput
from shopctl.core.ports import IndexUnusable
from shopctl.core.queries.stock import Movement
from shopctl.core.shop import Shop
from shopctl.core.verify import findings
from tests import shops
from tests.core import books
from tests.core.books import Entry, FakeIndex, order
from tests.core.plants import PLANTS, Plant


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return books.copy(tmp_path)


def found(shop: Shop) -> set[int]:
    return {violation.check for violation in verify.verify(shop).violations}


named = pytest.mark.parametrize("planted", PLANTS, ids=lambda p: f"{p.check}: {p.what}")


def test_the_clean_store_has_no_violation(shop: Shop) -> None:
    report = verify.verify(shop)
    assert report.violations == []
    assert report.checks == 34
    assert {note.name for note in report.notes} == {"outbox_lag"}


@named
def test_a_planted_corruption_is_found(shop: Shop, planted: Plant) -> None:
    if planted.fence:
        books.unfence(shop, planted.fence)
    assert found(shop) <= {28}
    books.run(shop, *planted.sql)
    if planted.check == 11:
        books.edit_ledger(shop, lambda lines: [line for line in lines if line["verb"] != "refund"])
    assert found(shop) == {planted.check} | planted.also


@pytest.mark.parametrize("planted", [p for p in PLANTS if p.fence], ids=lambda p: f"{p.check}: {p.what}")
def test_the_database_refuses_it_as_well(shop: Shop, planted: Plant) -> None:
    with pytest.raises(sa.exc.IntegrityError):
        books.run(shop, *planted.sql, fenced=True)


# --- across stores -------------------------------------------------------------------------------------------------
def _charge(lines: Sequence[Entry]) -> Entry:
    return next(line for line in lines if line.get("status") == "captured")


def _refund(lines: Sequence[Entry]) -> Entry:
    """The last refund of a ledger."""
    return [line for line in lines if line["verb"] == "refund"][-1]


LEDGERS: dict[str, Callable[[list[Entry]], Sequence[Entry]]] = {
    "charge_without_payment": lambda lines: [*lines, {**_charge(lines), "key": "order-unknown"}],
    "payment_without_charge": lambda lines: [line for line in lines if line is not _charge(lines)],
    "amounts_differ": lambda lines: [{**line, "amount": line["amount"] + 1} for line in lines],
    "charged_twice": lambda lines: [*lines, {**_charge(lines), "reference": "sb_again"}],
    "charge_was_declined": lambda lines: [{**line, "status": "declined"} for line in lines],
    "charge_not_recorded": lambda lines: [{**line, "status": "captured"} for line in lines],
    "refund_unknown": lambda lines: [*lines, {**_refund(lines), "key": "refund-unknown"}],
    "refund_without_entry": lambda lines: [line for line in lines if line["verb"] != "refund"],
    "refunded_twice": lambda lines: [*lines, {**_refund(lines), "reference": "sb_again"}],
    "refund_of_another": lambda lines: [
        {**line, "charge": "sb_another"} if line == _refund(lines) else line for line in lines
    ],
    "ledger_unreadable": lambda lines: [{"verb": "charge"}],
}


@pytest.mark.parametrize("name", LEDGERS)
def test_a_ledger_that_differs_is_found(shop: Shop, name: str) -> None:
    books.edit_ledger(shop, LEDGERS[name])
    violations = verify.verify(shop).violations
    assert {violation.check for violation in violations} == {25}
    assert name in {violation.name for violation in violations}


def test_a_charge_whose_payment_is_in_flight_is_left_alone(shop: Shop) -> None:
    with shop.read() as tx:
        key = tx.execute(sa.text("SELECT gateway_key FROM payments WHERE state = 'unknown'")).scalar_one()
    books.edit_ledger(shop, lambda lines: [*lines, {**_charge(lines), "key": key, "reference": "sb_late"}])
    assert found(shop) == set()


def test_a_gateway_without_a_ledger_is_a_note(shop: Shop) -> None:
    report = verify.verify(shop.but(gateway=SimpleNamespace(name="elsewhere")))
    assert report.violations == []
    assert "gateway_unread" in {note.name for note in report.notes}


@pytest.mark.parametrize("damage", ["missing", "older", "newer", "gone"])
def test_an_index_that_differs_is_found(shop: Shop, damage: str) -> None:
    assert isinstance(shop.index, FakeIndex)
    known = shop.index.known
    product = next(iter(known))
    known |= {product: {"older": 0, "newer": 9}.get(damage, 1)}
    if damage == "missing":
        del known[product]
    if damage == "gone":
        known["00000000-0000-7000-8000-00000000dead"] = 1
    assert found(shop) == {27}


def test_an_index_that_waits_is_a_note(shop: Shop) -> None:
    catalog.edit(shop, name="tee", said={"title": "Another"})
    report = verify.verify(shop)
    assert report.violations == []
    assert "index_lag" in {note.name for note in report.notes}
    with shop.work("outbox.delivered") as tx:
        outbox.done(tx, outbox.take(tx, [outbox.CATALOG_CHANGED], 100))
        tx.commit()
    assert found(shop) == {27}


def test_an_unusable_index_is_a_note(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: object) -> dict[str, int]:
        raise IndexUnusable("damaged")

    monkeypatch.setattr(FakeIndex, "versions", refuse)
    report = verify.verify(shop)
    assert report.violations == []
    assert "index_unusable" in {note.name for note in report.notes}


# --- how it is said ------------------------------------------------------------------------------------------------
def test_a_violation_says_what_is_wrong(shop: Shop) -> None:
    books.run(shop, "UPDATE stock_levels SET quantity = quantity + 1 WHERE sku = 'TEE'")
    (violation,) = verify.verify(shop).violations
    assert (violation.check, violation.name, violation.subject) == (2, "level_is_its_ledger", "TEE in MAIN")
    assert violation.message == (
        "TEE in MAIN has 17 on hand, 3 reserved, 2 committed; its movements sum to 16, 3, 2"
    )  # fmt: skip
    assert violation.details["moved_quantity"] == 16


def test_amounts_are_told_as_money(shop: Shop) -> None:
    books.run(shop, f"DELETE FROM order_lines WHERE order_id = {order(1001)}")
    (violation,) = verify.verify(shop).violations
    assert "a subtotal of 19.99" in violation.message


def test_a_check_stops_at_its_limit(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(findings, "LIMIT", 2)
    books.run(shop, "DELETE FROM order_events")
    violations = verify.verify(shop).violations
    assert [violation.name for violation in violations] == ["history_exists", "history_exists", "more"]


def test_late_holds_are_a_note_until_a_sweep_has_run(shop: Shop) -> None:
    books.run(shop, "UPDATE reservations SET expires_at = :long_ago WHERE sku = 'CAP' AND state = 'held'",
              "DELETE FROM settings WHERE key = 'last_sweep_at'")  # fmt: skip
    report = verify.verify(shop)
    assert report.violations == []
    assert "sweep_lag" in {note.name for note in report.notes}


def test_an_order_that_awaits_its_customer_may_be_in_flight(shop: Shop) -> None:
    books.run(
        shop,
        "UPDATE orders SET created_at = :long_ago WHERE in_flight",
        f"UPDATE payments SET state = 'requires_action' WHERE order_id = {order(1008)}",
    )
    assert found(shop) == set()


def test_it_is_clean_while_the_shop_is_at_work(shop: Shop) -> None:
    done = threading.Event()
    problems: list[BaseException] = []

    def work() -> None:
        try:
            for i in range(8):
                shops.buy(shop, f"busy{i}", "TEE")
        except BaseException as error:  # whatever it is, the test shall fail with it
            problems.append(error)
        done.set()

    worker = threading.Thread(target=work)
    worker.start()
    rounds = 0
    while not done.is_set() or not rounds:
        assert verify.verify(shop).violations == []
        rounds += 1
    worker.join()
    assert problems == []


def test_a_line_that_is_tracked_no_more_is_shipped_once(shop: Shop) -> None:
    catalog.edit(shop, name="CAP", said={"tracked": False})
    checkout.place(shop, shops.placement("c9", "untracked"))
    orders.ship(shop, number="1009")
    assert found(shop) == set()


# --- repair --------------------------------------------------------------------------------------------------------
def repairs(shop: Shop) -> list[Movement]:
    with shop.read() as tx:
        return queries.stock.HISTORY.rows(tx, where=[queries.stock.m.kind == "repair"])


def test_repair_lists_and_then_mends_counters_from_their_movements(shop: Shop) -> None:
    books.run(shop, "UPDATE stock_levels SET quantity = 9, reserved = 0, committed = 0 WHERE sku = 'TEE'")
    (listed,) = verify.repair(shop.but(read_only=True), apply=False)
    assert (listed.subject, listed.applied) == ("TEE in MAIN", False)
    assert found(shop) == {1, 2}
    (mend,) = verify.repair(shop.but(actor="ana"), apply=True, reason="  a disk was replaced ")
    assert mend.applied
    assert mend.before == listed.before == {"quantity": 9, "reserved": 0, "committed": 0}
    assert mend.after == listed.after == {"quantity": 16, "reserved": 3, "committed": 2}
    assert found(shop) == set()
    assert verify.repair(shop, apply=True) == []
    with shop.read() as tx:
        last = tx.rows(sa.select(audit_log).order_by(audit_log.c.seq.desc()).limit(1))[0]
    assert (last.action, last.target, last.actor) == ("store.repair", "TEE in MAIN", "ana")


def test_a_mend_is_in_the_ledger_with_who_and_why_and_moves_what_that_lacks(shop: Shop) -> None:
    books.run(shop, "UPDATE stock_levels SET quantity = 9 WHERE sku = 'TEE'")
    verify.repair(shop.but(actor="ana"), apply=True, reason="a disk was replaced")
    (row,) = repairs(shop)
    assert (row.sku, row.warehouse, row.actor, row.reason) == ("TEE", "MAIN", "ana", "a disk was replaced")
    assert (row.quantity, row.reserved, row.committed, row.reference) == (0, 0, 0, "level was 9, 3, 2")

    (lost,) = (one for one in PLANTS if one.what == "reserved without a hold")
    books.run(shop, *lost.sql)
    assert found(shop) == {1}
    (mend,) = verify.repair(shop, apply=True)
    assert mend.reason == "repair of reserved_is_held (check 1)"
    assert found(shop) == set()
    latest = repairs(shop)[0]
    assert (latest.reserved, latest.reference, latest.reason) == (-1, "level was 16, 4, 2", mend.reason)


@pytest.mark.parametrize("reason", ["", " ", "x" * 501, "4242 4242 4242 4242"])
def test_a_reason_to_repair_says_something(shop: Shop, reason: str) -> None:
    with pytest.raises(BadInput):
        verify.repair(shop, apply=False, reason=reason)


def test_repair_makes_a_level_that_is_lost(shop: Shop) -> None:
    books.run(shop, "DELETE FROM stock_levels WHERE sku = 'TEE'")
    assert verify.repair(shop, apply=False)[0].before is None
    assert verify.repair(shop, apply=True)[0].applied
    assert found(shop) == set()
    assert repairs(shop)[0].reference == "level was missing"


def test_repair_leaves_what_the_ledger_itself_has_wrong(shop: Shop) -> None:
    books.run(shop, "DELETE FROM stock_movements WHERE sku = 'TEE' AND kind = 'receive'")
    (mend,) = verify.repair(shop, apply=True)
    assert (mend.applied, mend.after["quantity"]) == (False, -4)
    assert mend.problem
    assert found(shop) == {2, 4}


def test_a_dry_run_mends_nothing(shop: Shop) -> None:
    books.run(shop, "UPDATE stock_levels SET quantity = 9 WHERE sku = 'TEE'")
    assert not verify.repair(shop.but(dry_run=True), apply=True)[0].applied
    assert found(shop) == {2}


def test_verify_reads_only(shop: Shop) -> None:
    late = datetime.now(UTC) + timedelta(days=1)
    report = verify.verify(shop.but(read_only=True, clock=lambda: late))
    assert {violation.check for violation in report.violations} == {18}
