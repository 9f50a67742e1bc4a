"""Each guard switched off, with its second fence where it has one: the tests must notice.

    python -m tests.guards [--guard NAME …]

A copy of the code is changed in one place (or two: the guard and its fence), and the tests that should notice run in it. A guard without
which they stay green protects nothing that is tested. First they run in an unchanged copy, where they must be green.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
_CHECK = (
    "shopctl/core/db/migrations/versions/0001_first.py",
    '"reserved + committed <= quantity + backorder_limit", name',
    '"reserved + committed <= quantity + backorder_limit + 1000000", name',
)


@dataclass(frozen=True)
class Guard:
    """What is changed (file, text, other text), and the tests that run then."""

    changes: Sequence[tuple[str, str, str]]
    tests: Sequence[str]


GUARDS: Mapping[str, Guard] = {
    "guarded UPDATE, and CHECK": Guard(
        [("shopctl/core/stock/ledger.py", "    guard=_room,\n", "    guard=lambda _: (),\n"), _CHECK],
        ["tests/core/test_races.py", "-k", "exactly_as_many or lowers"],
    ),
    "CHECK": Guard([_CHECK], ["tests/core/test_races.py", "-k", "check_alone"]),
    "unique key": Guard(
        [
            (
                "shopctl/core/orders/record.py",
                '    return tx.row(_BY_KEY, {"k_key": key})',
                '    return tx.row(_BY_KEY, {"k_key": f"{key}?"})',
            )
        ],
        ["tests/core/test_races.py", "tests/core/test_checkout.py", "-k", "one_key or key"],
    ),
    "cart claim, and the unique open checkout": Guard(
        [
            (
                "shopctl/core/cart/life.py",
                '.where(c.id == _id, c.version == sa.bindparam("k_version"), c.claimed_by.is_(None))',
                '.where(c.id == _id, sa.bindparam("k_version", type_=c.version.type) >= 0)',
            ),
            (
                "shopctl/core/checkout.py",
                "    if found[0].claimed_by is not None and tx.action:\n",
                "    if False:\n",
            ),
            (
                "shopctl/core/db/migrations/versions/0001_first.py",
                '"uq_orders_open_checkout",\n        "orders",\n        ["cart_id"],\n        unique=True,',
                '"uq_orders_open_checkout",\n        "orders",\n        ["cart_id"],\n        unique=False,',
            ),
        ],
        ["tests/core/test_checkout.py", "-k", "two or claim or second or in_checkout or twice"],
    ),
    "key before call": Guard(
        [
            (
                "shopctl/core/payments/record.py",
                "    return ChargeRequest(\n        payment.gateway_key,",
                "    return ChargeRequest(\n        payment.gateway_key + new_id(),",
            )
        ],
        ["tests/core/test_faults.py", "-k", "same_command_again"],
    ),
    "pinning": Guard(
        [("shopctl/core/checkout.py", 'origin="checkout", pinned=True)', 'origin="checkout", pinned=False)')],
        ["tests/core/test_checkout.py", "tests/core/test_verify.py", "tests/core/test_reservations.py"],
    ),
    "lock in unit of work 2": Guard(
        [
            (
                "shopctl/core/orders/record.py",
                "_LOCKED = sa.select(orders).where(orders.c.id == _id).with_for_update()",
                "_LOCKED = sa.select(orders).where(orders.c.id == _id)",
            )
        ],
        ["tests/core/test_rivals.py", "tests/core/test_races.py", "-k", "postgres and (key or settle or one_order)"],
    ),
    "refund cap": Guard(
        [
            (
                "shopctl/core/payments/refunds.py",
                "    amount = left if amount is None else min(amount, left)\n",
                "    amount = left if amount is None else amount\n",
            ),
            ("shopctl/core/orders/credits.py", "    if amount > left:\n", "    if False:\n"),
        ],
        ["tests/core/test_life.py", "-k", "refund"],
    ),
    "resolution once": Guard(
        [
            (
                "shopctl/core/reservations/ending.py",
                '_OWNED = (r.owner_id == sa.bindparam("mine", type_=r.owner_id.type), r.owner_kind == sa.bindparam("my_kind"), LIVE)',
                '_OWNED = (r.owner_id == sa.bindparam("mine", type_=r.owner_id.type), r.owner_kind == sa.bindparam("my_kind"))',
            )
        ],
        ["tests/core/test_reservations.py"],
    ),
    "fingerprint": Guard(
        [
            (
                "shopctl/core/checkout.py",
                "    if seen.fingerprint != wanted.fingerprint():\n",
                "    if False:\n",
            )
        ],
        ["tests/core/test_checkout.py", "-k", "key"],
    ),
    "outbox in the transaction": Guard(
        [
            (
                "shopctl/core/db/unit_of_work.py",
                "        for table, rows in self._at_commit.items():\n            self.insert(table, rows)\n",
                "",
            )
        ],
        ["tests/core/test_events.py", "tests/core/test_checkout.py"],
    ),
    "lock order": Guard(
        [
            (
                "shopctl/core/stock/ledger.py",
                "    ordered = sorted(moves, key=lambda m: (m.sku, m.warehouse, m.pool, m.bucket))\n",
                "    ordered = list(moves)\n",
            ),
            (
                "shopctl/core/db/batch.py",
                "            .order_by(*self.table.primary_key)\n            .with_for_update(of=self.table)\n",
                "            .order_by(sa.func.random())\n            .with_for_update(of=self.table)\n",
            ),
        ],
        ["tests/core/test_races.py", "-k", "opposite"],
    ),
}


def outcome(guard: Guard | None, tests: Sequence[str]) -> tuple[bool, str]:
    """Whether the tests are green in a copy without the guard, and the first that is not."""
    with tempfile.TemporaryDirectory(prefix="shopctl-guards-") as place:
        copy = Path(place) / "copy"
        shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".git", ".venv", "__pycache__", ".mypy_cache"))
        for file, text, other in guard.changes if guard else ():
            path = copy / file
            found = path.read_text()
            assert found.count(text) == 1, f"{file} has {text!r} {found.count(text)} times"
            path.write_text(found.replace(text, other))
        command = [sys.executable, "-m", "pytest", "-n0", "-x", "-q", "-p", "no:cacheprovider", *tests]
        done = subprocess.run(
            command, cwd=copy, env={**os.environ, "PYTHONPATH": str(copy)}, capture_output=True, text=True, check=False
        )
    failed = re.search(r"^(?:FAILED|ERROR) (\S+)", done.stdout, re.MULTILINE)
    return done.returncode == 0, failed[1] if failed else f"exit {done.returncode}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--guard", choices=list(GUARDS), action="append", help="all unless named")
    asked = parser.parse_args()
    useless = 0
    for name in asked.guard or GUARDS:
        guard = GUARDS[name]
        green, first = outcome(None, guard.tests)
        blind, noticed = outcome(guard, guard.tests)
        useless += blind or not green
        print(f"{name:42} {'green with it' if green else f'NOT GREEN WITH IT: {first}'}", flush=True)
        print(f"{'':42} {'STAYS GREEN WITHOUT IT' if blind else f'without it: {noticed}'}", flush=True)
    return int(bool(useless))


if __name__ == "__main__":
    sys.exit(main())
