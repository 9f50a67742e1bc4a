"""Reconcile finds what differs, says it in its own word, and proposes a mend; what is at work differs in nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from shopctl.core import cart, checkout, payments, reconcile, verify
from shopctl.core.adapters.payment_sandbox import SandboxGateway
from shopctl.core.adapters.sandbox_faults import FaultySandbox, faults
from shopctl.core.db.tables import payments as rows
from shopctl.core.errors import StillPending, Unavailable
from shopctl.core.ports import Charge, Rejected
from shopctl.core.shop import Shop
from tests import shops
from tests.core import books
from tests.core.books import Entry
from tests.core.test_verify import LEDGERS, _charge


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return books.copy(tmp_path)


def kinds(shop: Shop) -> set[str]:
    return {drift.kind for drift in reconcile.find(shop)}


DRIFTS: dict[str, Callable[[list[Entry]], Sequence[Entry]]] = {
    "charge_without_order": LEDGERS["charge_without_payment"],
    "order_without_charge": LEDGERS["payment_without_charge"],
    "double_charge": LEDGERS["charged_twice"],
    "amount_drift": LEDGERS["amounts_differ"],
    "order_without_refund": LEDGERS["refund_without_entry"],
    "refund_without_order": LEDGERS["refund_unknown"],
    "double_refund": LEDGERS["refunded_twice"],
    "ledger_unreadable": LEDGERS["ledger_unreadable"],
}


@pytest.mark.parametrize("kind", DRIFTS)
def test_what_differs_has_its_word_and_its_mend(shop: Shop, kind: str) -> None:
    assert kinds(shop) == set()
    books.edit_ledger(shop, DRIFTS[kind])
    found = [drift for drift in reconcile.find(shop) if drift.kind == kind]
    assert found
    assert all(drift.mend and "{" not in drift.mend and drift.message for drift in found)


def test_every_difference_has_a_word() -> None:
    assert LEDGERS.keys() <= reconcile.KINDS.keys()


def test_a_difference_says_whose_it_is(shop: Shop) -> None:
    books.edit_ledger(shop, lambda lines: [line for line in lines if line is not _charge(lines)])
    (drift,) = [one for one in reconcile.find(shop) if one.kind == "order_without_charge"]
    assert (drift.order, drift.gateway, str(drift.amount), drift.currency) == ("1002", "sandbox", "39.98", "USD")
    assert "1002" in drift.mend


def test_only_what_was_made_since(shop: Shop) -> None:
    books.edit_ledger(shop, lambda lines: [line for line in lines if line is not _charge(lines)])
    assert "order_without_charge" not in {
        one.kind for one in reconcile.find(shop, since=shop.clock() + timedelta(hours=1))
    }


def test_a_question_older_than_the_gateway_remembers(shop: Shop) -> None:
    assert isinstance(shop.gateway, SandboxGateway)
    forgetful = FaultySandbox(shop.gateway.ledger, faults=faults("memory=60"))
    later = shop.but(gateway=forgetful, clock=lambda: datetime.now(UTC) + timedelta(hours=1))
    (drift,) = reconcile.find(later)
    assert (drift.kind, drift.order) == ("key_forgotten", "1008")


def test_a_gateway_that_cannot_be_read_is_no_clean_bill(shop: Shop) -> None:
    class Silent:
        name = "sandbox"
        memory = timedelta(days=1)

    with pytest.raises(Unavailable):
        list(reconcile.find(shop.but(gateway=Silent())))


# --- check 25 and captures -----------------------------------------------------------------------------------------
@pytest.fixture
def later(tmp_path: Path, store: str) -> Shop:
    """A shop that captures with the shipment, and order 1001 authorized over 20.00."""
    shop = shops.rule(shops.make(tmp_path), tmp_path, capture="shipment")
    shops.product(shop, "TEE", units=9, price=2000)
    shops.buy(shop, "c1", "TEE")
    return shop


def order_id(shop: Shop) -> str:
    with shop.read() as tx:
        return str(tx.execute(sa.select(rows.c.order_id)).scalar_one())


def violations(shop: Shop) -> set[str]:
    return {one.name for one in verify.verify(shop).violations if one.check == 25}


def append(shop: Shop, **facts: object) -> None:
    assert isinstance(shop.gateway, SandboxGateway)
    with shop.gateway.book.appending() as append:
        append(**{"charge": next(shop.gateway.entries()).reference, "key": "x", **facts})


def test_authorized_captured_in_part_and_let_go_are_no_drift(later: Shop) -> None:
    assert violations(later) == set()
    payments.capture_up_to(later, order_id=order_id(later), amount=500, final=False)
    assert violations(later) == set()
    payments.capture_up_to(later, order_id=order_id(later), amount=1200, final=True)
    assert violations(later) == set()


def test_a_capture_that_is_done_and_not_heard_of_is_no_drift(later: Shop) -> None:
    assert isinstance(later.gateway, SandboxGateway)
    deaf = later.but(gateway=FaultySandbox(later.gateway.ledger, faults=faults("drop=1")))
    with pytest.raises(StillPending):
        payments.capture_up_to(deaf, order_id=order_id(later), amount=500, final=False)
    assert next(later.gateway.entries()).amount == 500
    assert violations(later) == set()
    assert not payments.finish_actions(later)
    assert violations(later) == set()


def test_a_capture_under_a_forgotten_key_is_looked_for(later: Shop) -> None:
    assert isinstance(later.gateway, SandboxGateway)
    deaf = later.but(gateway=FaultySandbox(later.gateway.ledger, faults=faults("drop=1")))
    with pytest.raises(StillPending):
        payments.capture_up_to(deaf, order_id=order_id(later), amount=500, final=False)
    forgetful = FaultySandbox(later.gateway.ledger, faults=faults("memory=0"))
    assert not payments.finish_actions(later.but(gateway=forgetful))
    assert next(later.gateway.entries()).amount == 500
    assert violations(later) == set()


def test_a_capture_that_nobody_asked_for_is_drift(later: Shop) -> None:
    append(later, verb="capture", amount=700, final=False)
    assert violations(later) == {"amounts_differ"}


def test_a_capture_that_the_gateway_has_not_is_drift(later: Shop) -> None:
    payments.capture_up_to(later, order_id=order_id(later), amount=500, final=False)
    books.edit_ledger(later, lambda lines: lines[:1])
    assert "charge_was_declined" in violations(later)


def test_an_authorization_that_is_gone_is_told_and_no_violation(later: Shop) -> None:
    append(later, verb="void")
    report = verify.verify(later)
    assert not [one for one in report.violations if one.check == 25]
    assert "authorization_lapsed" in {note.name for note in report.notes}
    assert kinds(later) == {"authorization_lapsed"}


def test_an_authorization_that_was_forgotten_at_the_gateway_is_drift(later: Shop) -> None:
    books.run(later, "UPDATE payments SET state = 'voided', open = 0")
    assert "authorization_left" in violations(later)


def test_a_refused_capture_leaves_what_is_still_authorized(later: Shop) -> None:
    """The gateway cannot capture in parts, say: the rest is not lost for that."""
    assert isinstance(later.gateway, SandboxGateway)

    class Whole(SandboxGateway):
        def capture(self, *, key: str, reference: str, amount: int, final: bool) -> Charge:
            raise Rejected("parameter_invalid", "not in parts")

    with pytest.raises(Exception, match="not in parts"):
        payments.capture_up_to(
            later.but(gateway=Whole(later.gateway.ledger)), order_id=order_id(later), amount=500, final=False
        )
    payments.capture_up_to(later, order_id=order_id(later), amount=2000, final=True)
    assert next(later.gateway.entries()).amount == 2000


def test_it_is_clean_while_captures_are_made(later: Shop, tmp_path: Path) -> None:
    for n in range(2, 8):
        cart.add(later, handle=f"c{n}", sku="TEE", quantity=1)
        checkout.place(later, shops.placement(f"c{n}", f"k{n}"))
    gateway = later.gateway
    assert isinstance(gateway, SandboxGateway)

    class Stale(SandboxGateway):
        """Its lines were read before everything was captured."""

        def entries(self, since: object = None) -> object:  # type: ignore[override]
            lines = list(super().entries())
            with later.read() as tx:
                ids = [row.order_id for row in tx.rows(sa.select(rows.c.order_id))]
            for one in ids:
                payments.capture_up_to(later, order_id=one, amount=2000, final=True)
            return iter(lines)

    assert violations(later.but(gateway=Stale(gateway.ledger))) == set()
