"""kill −9 at each failpoint of checkout and refund: the same command again, or `store recover`, ends in one order and one
charge, or none; and never in anything else.
"""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from shopctl.core import cart, verify
from shopctl.core.adapters.payment_sandbox import SandboxGateway
from shopctl.core.db.tables import orders, payments, refunds, reservations, stock_levels
from shopctl.core.faults import HOWS
from shopctl.core.shop import Shop
from tests import kills, shops
from tests.cli import Cli
from tests.matrix import RECOVERIES, Case, Matrix, cases_of, played

CHECKOUT = (
    "statement",
    "checkout.reserve.before_commit",
    "checkout.reserve.after_commit",
    "gateway.authorize.before",
    "gateway.authorize.after",
    "checkout.settle.before_commit",
    "checkout.settle.after_commit",
)
REFUND = (
    "statement",
    "orders.cancel.before_commit",
    "orders.cancel.after_commit",
    "gateway.refund.before",
    "gateway.refund.after",
    "payments.refunded.before_commit",
    "payments.refunded.after_commit",
)


def place(cli: Cli, *more: str, **extra: str) -> Any:
    (cli.directory / "home.json").write_text(json.dumps(shops.HOME))
    words = ("--email", "ana@example.com", "--ship-to", "home.json", "--payment", "pm_card_visa", "--key", "k-1")
    return cli("checkout", "place", "c1", *words, "-o", "json", *more, **extra)


def state(shop: Shop) -> dict[str, Any]:
    """What is true in the store and in the gateway's own ledger."""
    c = stock_levels.c
    assert isinstance(shop.gateway, SandboxGateway)
    entries = list(shop.gateway.entries())
    with shop.read() as tx:
        return {
            "orders": [row.status for row in tx.rows(sa.select(orders.c.status).order_by(orders.c.number))],
            "stock": tuple(tx.rows(sa.select(c.quantity, c.reserved, c.committed))[0]),
            "held": tx.execute(sa.select(sa.func.count()).where(reservations.c.state == "held")).scalar_one(),
            "payments": [row.state for row in tx.rows(sa.select(payments.c.state))],
            "refunds": [row.state for row in tx.rows(sa.select(refunds.c.state))],
            "charged": sum(entry.verb == "charge" for entry in entries),
            "refunded": sum(entry.verb == "refund" for entry in entries),
        }


CONFIRMED = {
    "orders": ["confirmed"],
    "stock": (5, 0, 2),
    "held": 0,
    "payments": ["captured"],
    "refunds": [],
    "charged": 1,
    "refunded": 0,
}
UNTOUCHED = {"orders": [], "stock": (5, 0, 0), "held": 0, "payments": [], "refunds": [], "charged": 0, "refunded": 0}
UNDONE = {**UNTOUCHED, "orders": ["cancelled"], "payments": ["voided"]}
CANCELLED = {
    **CONFIRMED,
    "orders": ["cancelled"],
    "stock": (5, 0, 0),
    "refunds": ["succeeded"],
    "refunded": 1,
}


@pytest.fixture
def cli(shop: Shop, tmp_path: Path) -> Cli:
    shops.product(shop, "TEE", units=5)
    cart.add(shop, handle="c1", sku="TEE", quantity=2)
    return Cli(tmp_path)


def clean(shop: Shop) -> bool:
    return not verify.verify(shop).violations


@pytest.mark.parametrize("name", CHECKOUT)
def test_the_same_command_again_finishes_the_same_order(cli: Cli, shop: Shop, name: str) -> None:
    assert place(cli, SHOPCTL_FAILPOINT=name).status == -signal.SIGKILL
    again = place(cli)
    assert again.status == 0, again.err
    assert again.json["status"] == "confirmed"
    assert state(shop) == CONFIRMED
    assert place(cli).json == again.json
    assert clean(shop)


@pytest.mark.parametrize("name", CHECKOUT)
def test_recover_finishes_or_undoes_what_was_begun(cli: Cli, shop: Shop, name: str) -> None:
    assert place(cli, SHOPCTL_FAILPOINT=name).status == -signal.SIGKILL
    assert cli("store", "recover").status == 0
    charged = name in CHECKOUT[CHECKOUT.index("gateway.authorize.after") :]
    begun = charged or name in CHECKOUT[CHECKOUT.index("checkout.reserve.after_commit") :]
    assert state(shop) == (CONFIRMED if charged else UNDONE if begun else UNTOUCHED)
    assert clean(shop)


def test_a_dry_run_of_what_was_begun_asks_nobody(cli: Cli, shop: Shop) -> None:
    assert place(cli, SHOPCTL_FAILPOINT="gateway.authorize.before").status == -signal.SIGKILL
    assert place(cli, "--dry-run").status == 8
    assert state(shop)["charged"] == 0
    assert place(cli).status == 0
    assert state(shop) == CONFIRMED


@pytest.mark.parametrize("name", REFUND)
def test_a_cancellation_killed_anywhere_refunds_once(cli: Cli, shop: Shop, name: str) -> None:
    assert place(cli).status == 0
    assert cli("orders", "cancel", "1001", "--yes", SHOPCTL_FAILPOINT=name).status == -signal.SIGKILL
    assert cli("store", "recover").status == 0
    if name in REFUND[:2]:  # nothing had begun
        assert cli("orders", "cancel", "1001", "--yes").status == 0
    assert state(shop) == CANCELLED
    assert clean(shop)


@pytest.mark.parametrize("name", REFUND)
def test_a_killed_cancellation_is_finished_by_the_same_command(cli: Cli, shop: Shop, name: str) -> None:
    assert place(cli).status == 0
    assert cli("orders", "cancel", "1001", "--yes", SHOPCTL_FAILPOINT=name).status == -signal.SIGKILL
    rehearsed = cli("orders", "cancel", "1001", "--dry-run")
    again = cli("orders", "cancel", "1001", "--yes")
    assert again.status == (6 if name == REFUND[-1] else 0)  # 6: it had all been done
    assert rehearsed.status == again.status
    assert state(shop) == CANCELLED


def test_killed_again_during_recovery(cli: Cli, shop: Shop) -> None:
    assert place(cli, SHOPCTL_FAILPOINT="gateway.authorize.after").status == -signal.SIGKILL
    assert cli("store", "recover", SHOPCTL_FAILPOINT="checkout.settle.before_commit").status == -signal.SIGKILL
    assert cli("store", "recover", SHOPCTL_FAILPOINT="checkout.settle.after_commit").status == -signal.SIGKILL
    assert cli("store", "recover").status == 0
    assert state(shop) == CONFIRMED


def test_a_real_shop_cannot_be_armed(tmp_path: Path) -> None:
    shop = shops.make(tmp_path, test_store=False)
    shops.product(shop, "TEE", units=5)
    cart.add(shop, handle="c1", sku="TEE", quantity=2)
    assert place(Cli(tmp_path), SHOPCTL_FAILPOINT="statement").status == 0


@pytest.mark.parametrize(("token", "status"), [("pm_card_lostReply", 0), ("pm_card_timeout", 8)])
def test_a_gateway_that_does_not_answer(cli: Cli, shop: Shop, token: str, status: int) -> None:
    (cli.directory / "home.json").write_text(json.dumps(shops.HOME))
    words = ("--email", "ana@example.com", "--ship-to", "home.json", "--payment", token, "--key", "k-1", "-o", "json")
    said = cli("checkout", "place", "c1", *words)
    assert said.status == status
    if status:
        assert said.error["code"] == "payment_unresolved"
        assert state(shop)["held"] == 1
        assert cli("store", "recover").status == 0
    assert state(shop) == (CONFIRMED if not status else UNDONE)


# --- a small part of `python -m tests.matrix` -------------------------------------------------------------------------
@pytest.mark.parametrize("use_case", ["place", "cancel", "ship in parts, held"])
def test_struck_anywhere_and_recovered_anyhow(tmp_path: Path, use_case: str) -> None:
    counted = Matrix.opened(tmp_path / "points", 5, use_case)
    cases = list(cases_of(counted, use_case, HOWS, RECOVERIES, every=200))
    done = list(played(tmp_path, 5, cases))
    assert [problem for matrix in done for problem in matrix.problems] == []
    assert sum(sum(matrix.reached.values()) for matrix in done) > 4


def test_the_matrix_sees_what_is_not_recovered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Matrix, "_recover", lambda *_: None)
    (done,) = played(tmp_path, 5, [Case("place", "gateway", 2, "kill", "recover")])
    assert any("its order is pending" in problem for problem in done.problems)


# --- a small part of `python -m tests.kills` --------------------------------------------------------------------------
def test_workers_are_killed_and_the_books_are_right(tmp_path: Path) -> None:
    assert kills.killed(tmp_path, 20, 3, seed=4)["inside"] > 3
    shop = shops.reopen(tmp_path)
    assert list(kills.wrong(shop, tmp_path)) == []
    assert isinstance(shop.gateway, SandboxGateway)
    lines = shop.gateway.ledger.read_text().splitlines(keepends=True)
    shop.gateway.ledger.write_text("".join(lines[1:]))
    assert list(kills.wrong(shop, tmp_path)), "a charge that the gateway does not know is noticed"
