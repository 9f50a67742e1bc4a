"""A small version of `python -m tests.chaos postgres`, on a server of its own."""

from __future__ import annotations

from tests.core.test_chaos import chaos


def test_checkouts_are_right_while_postgres_is_stopped() -> None:
    found = chaos("postgres", "--orders", "16", "--buyers", "3", "--period", "1", "--seed", "4")
    assert found["right"]
    assert found["blows"]["fast"]
    assert found["counted"]["in_flight"], "Postgres was stopped where nobody noticed: nothing is shown"
