"""Each guard switched off, with its second fence where it has one: the tests must notice.

    python -m tests.guards [--guard NAME …]

A copy of the code is changed in a place or two, and the tests of what the guard is for run in it. With the guard, and with its second
fence alone, no harm is done and they are green; with neither they are red. A guard without which they stay green protects nothing that
is tested. A hang is no notice: each test has a minute, each run three.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests import servers

ROOT = Path(__file__).parents[1]
FIRST = "shopctl/core/db/migrations/versions/0001_first.py"
TEST_SECONDS, RUN_SECONDS = 60, 180
Changes = Sequence[tuple[str, str, str]]
"""File, text, other text."""


@dataclass(frozen=True)
class Guard:
    """`off` switches the guard off, `down` its second `fence`; `tests` say that there is no harm, `alone` where the fence stands
    on one of the stores only. A constraint that is put down keeps its name: `verify` would miss it before there is any harm."""

    off: Changes
    tests: Sequence[str]
    fence: str = ""
    down: Changes = ()
    alone: Sequence[str] = ()


def _tests(file: str, which: str) -> Sequence[str]:
    return [f"tests/core/{file}", "-k", which]


_CHECK = (
    FIRST,
    '"reserved + committed <= quantity + backorder_limit", name',
    '"reserved + committed <= quantity + backorder_limit + 1000000", name',
)

GUARDS: Mapping[str, Guard] = {
    "guarded UPDATE": Guard(
        [("shopctl/core/stock/ledger.py", "    guard=_room,\n", "    guard=lambda _: (),\n")],
        _tests("test_races.py", "exactly_as_many or check_alone"),
        "CHECK",
        [_CHECK],
    ),
    "CHECK": Guard([_CHECK], _tests("test_races.py", "check_alone")),
    "unique key": Guard(
        [
            (
                FIRST,
                'sa.PrimaryKeyConstraint("key", name=op.f("pk_idempotency_keys"))',
                'sa.CheckConstraint("key <> \'\'", name=op.f("pk_idempotency_keys"))',
            )
        ],
        _tests("test_meetings.py", "one_key"),
        "look-up (SQLite: its writers take turns)",
        [
            (
                "shopctl/core/checkout.py",
                "        if orders.find_by_key(tx, wanted.key) is not None:\n            return None\n",
                "        orders.find_by_key(tx, wanted.key)\n",
            )
        ],
        _tests("test_meetings.py", "one_key and sqlite"),
    ),
    "cart claim": Guard(
        [
            (
                "shopctl/core/cart/life.py",
                '.where(c.id == _id, c.version == sa.bindparam("k_version"), c.claimed_by.is_(None))',
                '.where(c.id == _id, sa.bindparam("k_version", type_=c.version.type) >= 0)',
            )
        ],
        _tests("test_meetings.py", "one_cart"),
        "unique open checkout, and a look",
        [
            (
                "shopctl/core/checkout.py",
                "    if found[0].claimed_by is not None and tx.action:\n",
                "    if False:\n",
            ),
            (
                FIRST,
                '"uq_orders_open_checkout",\n        "orders",\n        ["cart_id"],\n        unique=True,',
                '"uq_orders_open_checkout",\n        "orders",\n        ["cart_id"],\n        unique=False,',
            ),
        ],
    ),
    "key before call": Guard(
        [
            (
                "shopctl/core/payments/record.py",
                "    return ChargeRequest(\n        payment.gateway_key,",
                "    return ChargeRequest(\n        payment.gateway_key + new_id(),",
            )
        ],
        _tests("test_faults.py", "same_command_again and gateway"),
    ),
    "pinning": Guard(
        [("shopctl/core/checkout.py", 'origin="checkout", pinned=True)', 'origin="checkout", pinned=False)')],
        _tests("test_checkout.py", "pinned"),
    ),
    "lock in unit of work 2": Guard(
        [
            (
                "shopctl/core/orders/record.py",
                "_LOCKED = sa.select(orders).where(orders.c.id == _id).with_for_update()",
                "_LOCKED = sa.select(orders).where(orders.c.id == _id)",
            )
        ],
        _tests("test_meetings.py", "two_record"),
    ),
    "refund cap": Guard(
        [("shopctl/core/orders/credits.py", "    if amount > left:\n", "    if False:\n")],
        _tests("test_life.py", "no_more_goes_back"),
        "a refund is cut to what is kept",
        [
            (
                "shopctl/core/payments/refunds.py",
                "    amount = left if amount is None else min(amount, left)\n",
                "    amount = left if amount is None else amount\n",
            )
        ],
    ),
    "resolution once": Guard(
        [
            (
                "shopctl/core/reservations/ending.py",
                'r.owner_kind == sa.bindparam("my_kind"), LIVE)',
                'r.owner_kind == sa.bindparam("my_kind"))',
            )
        ],
        _tests("test_meetings.py", "resolved_once"),
    ),
    "fingerprint": Guard(
        [("shopctl/core/checkout.py", "    if seen.fingerprint != wanted.fingerprint():\n", "    if False:\n")],
        _tests("test_checkout.py", "used_key"),
    ),
    "outbox in the transaction": Guard(
        [
            (
                "shopctl/core/db/unit_of_work.py",
                "        for table, rows in self._at_commit.items():\n            self.insert(table, rows)\n",
                "",
            ),
            (
                "shopctl/core/db/unit_of_work.py",
                "                commits.commit(self.engine, self._transaction, receipt)\n",
                "                commits.commit(self.engine, self._transaction, receipt)\n"
                "            with self.engine.begin() as later:\n"
                "                for table, rows in self._at_commit.items():\n"
                "                    later.execute(_into(table), rows)\n",
            ),
        ],
        _tests("test_faults.py", "undoes and settle.after_commit"),
    ),
    "lock order": Guard(
        [
            (
                "shopctl/core/db/batch.py",
                "            .order_by(*self.table.primary_key)\n            .with_for_update(of=self.table)\n",
                "            .order_by(sa.func.random())\n            .with_for_update(of=self.table)\n",
            )
        ],
        _tests("test_races.py", "opposite"),
    ),
}


@dataclass(frozen=True)
class Outcome:
    """Of a run: `red` is its first test that fails, "" when it is green."""

    red: str
    hung: bool
    seconds: float

    @property
    def noticed(self) -> bool:
        return bool(self.red) and not self.hung

    def __str__(self) -> str:
        return f"{'HUNG ' * self.hung}{self.red or 'green'} ({self.seconds:.0f} s)"


def outcome(changes: Changes, tests: Sequence[str]) -> Outcome:
    """Of these tests in a copy with these changes."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="shopctl-guards-") as place:
        copy = Path(place) / "copy"
        shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".git", ".venv", "__pycache__", ".mypy_cache"))
        for file, text, other in changes:
            (copy / file).write_text((copy / file).read_text().replace(text, other))
        status, said = _run(copy, tests)
    failed = re.search(r"^(?:FAILED|ERROR) tests/(\S+)", said, re.MULTILINE)
    red = "" if status == 0 else failed[1] if failed else f"exit status {status}"
    hung = status is None or "Timeout (>" in said
    return Outcome(red, hung, time.monotonic() - began)


def _run(copy: Path, tests: Sequence[str]) -> tuple[int | None, str]:
    """The exit status (None after RUN_SECONDS, with all of its processes ended) and the output."""
    command = [sys.executable, "-m", "pytest", "-n0", "-x", "-q", "-p", "no:cacheprovider", f"--timeout={TEST_SECONDS}"]
    own = {**os.environ, "PYTHONPATH": str(copy)}
    with subprocess.Popen(
        [*command, *tests],
        cwd=copy,
        env=own,
        text=True,
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as child:
        try:
            said, _ = child.communicate(timeout=RUN_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            return None, child.communicate()[0]
    return child.returncode, said


def row(name: str, guard: Guard) -> tuple[str, bool]:
    """The guard's line of the table, and whether it is as it must be."""
    whole = outcome((), guard.tests)
    alone = outcome(guard.off, guard.alone or guard.tests) if guard.down else None
    neither = outcome([*guard.off, *guard.down], guard.tests)
    right = not whole.red and not (alone and alone.red) and neither.noticed
    parts = (name, guard.fence, str(whole), str(alone or ""), str(neither), "" if right else "WRONG")
    return _LINE.format(*parts).rstrip(), right


_LINE = "{:26} {:42} {:14} {:14} {} {}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--guard", choices=list(GUARDS), action="append", help="all unless named")
    asked = parser.parse_args()
    servers.postgres()  # one for all runs
    wrong = 0
    print(_LINE.format("guard", "second fence", "with it", "fence alone", "with neither", "").rstrip())
    for name in asked.guard or GUARDS:
        line, right = row(name, GUARDS[name])
        print(line, flush=True)
        wrong += not right
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
