"""`demo`: a day, and the chaos after it."""

from __future__ import annotations

from pathlib import Path

from tests.cli import Cli


def test_a_day_and_then_chaos(tmp_path: Path) -> None:
    said = Cli(tmp_path)(
        "demo", "--chaos", "--shoppers", "12", "-o", "json", "--store", f"sqlite:///{tmp_path}/demo.db"
    )
    assert said.status == 0, said.err
    assert "verify: clean" in said.err
    found = said.json
    struck = found["chaos"]
    assert sum(row["shoppers"] for row in struck) == 6
    assert sum(row["killed"] for row in struck) > 0
    assert all(row["charges"] == row["confirmed"] for row in struck)
    assert all(row["confirmed"] + row["cancelled"] + row["nothing"] == row["shoppers"] for row in struck)
