"""Shops under random use. SHOPCTL_TEST_TIMES=10 tells ten times as many stories, for a long run."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from shopctl.core.db.tables import audit_log
from shopctl.core.shop import Shop


class Story(RuleBasedStateMachine):
    """What happens to one shop, made in a directory by the first step."""

    directory: Path
    shop: Shop

    def __init__(self) -> None:
        super().__init__()
        self._seen: object = None

    def teardown(self) -> None:
        self.shop.engine.dispose()
        shutil.rmtree(self.directory)

    def is_new(self, *also: object) -> bool:
        """Whether anything was committed since this was last asked (which the audit log says), or is another of `also`: what was
        right, and has not changed, is right."""
        with self.shop.read() as tx:
            now = (tx.execute(sa.select(sa.func.max(audit_log.c.seq))).scalar_one(), *also)
        before, self._seen = self._seen, now
        return now != before


def tell(story: type[Story], *, examples: int, steps: int) -> None:
    run_state_machine_as_test(
        story,
        settings=settings(
            max_examples=examples * int(os.environ.get("SHOPCTL_TEST_TIMES", "1")),
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=(
                Phase.explicit,
                Phase.reuse,
                Phase.generate,
            ),  # shrinking would replay a real shop hundreds of times
            print_blob=True,
        ),
    )
