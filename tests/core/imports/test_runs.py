"""An import that was cut: the same file goes on behind what went in, and the report counts all of it."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from shopctl.core.db.tables import import_runs
from shopctl.core.errors import BadInput
from shopctl.core.imports import runs
from shopctl.core.imports.products import import_products
from shopctl.core.imports.report import Report
from shopctl.core.shop import Shop

from .conftest import NewShop
from .helpers import accepted, catalogue, count, everything, exported, lines, shirts, units

_CHILD = """
import sys
from pathlib import Path
from shopctl.core.imports.products import import_products
from tests import shops
refused = sys.argv[3] if len(sys.argv) > 3 else None
import_products(shops.reopen(Path(sys.argv[1])), open(sys.argv[2], "rb"), batch=10, refused=refused)
"""


def kill(file: Path, point: str = "after_commit", *refused: Path) -> None:
    """Import a file into the first shop beside it, until SIGKILL in the third batch of ten."""
    child = [sys.executable, "-c", _CHILD, str(file.parent / "shop0"), str(file), *map(str, refused)]
    armed = {**os.environ, "SHOPCTL_FAILPOINT": f"catalog.import.{point}:3"}
    assert subprocess.run(child, check=False, env=armed).returncode == -9


class Cut(Exception):
    pass


class Torn(io.BytesIO):
    """A file that cannot be read any further than some line."""

    def __init__(self, content: str, line: int) -> None:
        super().__init__(content.encode())
        self._left = line

    def read(self, size: int | None = -1) -> bytes:
        return b""  # its beginning comes by lines, too

    def readline(self, size: int | None = -1) -> bytes:
        self._left -= 1
        if self._left < 0:
            raise Cut
        return super().readline(size)


def cut(shop: Shop, content: str, line: int, **how: Any) -> None:
    with pytest.raises(Cut):
        import_products(shop, Torn(content, line), batch=10, **how)


def again(shop: Shop, content: str, **how: Any) -> Report:
    """The rest of a file that was cut: of the same kind, so that it has the same beginning."""
    return import_products(shop, Torn(content, 10**9), batch=10, **how)


@pytest.fixture
def said(new_shop: NewShop) -> tuple[Shop, list[str]]:
    told: list[str] = []
    return new_shop().but(narrate=told.append), told


def csv(products: list[dict[str, Any]]) -> str:
    """A file of two rows a product, a cell of two lines in the first."""
    text = "title,description,sku,options,price,quantity\n"
    for product in products:
        title, variant = product["title"], product["variants"][0]
        text += f'{title},"two\nlines",{variant["sku"]},Size=S,{variant["price"]},3\n'
        text += f"{title},,{variant['sku']}-M,Size=M,6,3\n"
    return text


@pytest.mark.parametrize(("point", "in_store"), [("before_commit", 20), ("after_commit", 30)])
def test_killed_half_way_and_done_again(new_shop: NewShop, tmp_path: Path, point: str, in_store: int) -> None:
    shop, other = new_shop(), new_shop()
    file = tmp_path / "shirts.jsonl"
    file.write_text(lines(*shirts(45)))
    kill(file, point)
    assert (len(catalogue(shop)), units(shop)) == (in_store, 3 * in_store)
    with file.open("rb") as source:
        report = import_products(shop, source, batch=10)
    assert (report.rows, report.products_created, report.products_unchanged) == (45, 45, 0)
    assert report == accepted(other, file.read_text())
    assert exported(shop) == exported(other)
    assert units(shop) == units(other) == 135
    before = everything(shop)
    assert accepted(shop, file.read_text()).products_unchanged == 45
    assert everything(shop) == before


@pytest.mark.parametrize("form", ["jsonl", "csv"])
@pytest.mark.parametrize("line", [0, 1, 9, 10, 11, 24, 32, 33, 34, 64, 72])
def test_cut_anywhere_the_report_is_that_of_one_go(
    said: tuple[Shop, list[str]], new_shop: NewShop, form: str, line: int
) -> None:
    shop, told = said
    products = shirts(24)
    products[3]["variants"][0]["price"] = "free"
    products[12]["variants"][0]["price"] = "-1"
    content = csv(products) if form == "csv" else lines(*products)
    reads = len(content.splitlines())
    cut(shop, content, min(line, reads))
    report = again(shop, content)
    whole = import_products(new_shop(), content, batch=10)
    assert report == whole
    assert count(shop, "SELECT count(*) FROM import_runs WHERE finished_at IS NULL") == 0
    assert bool(told) == (line >= (33 if form == "csv" else 10)), told


def test_what_went_in_is_passed_and_said(said: tuple[Shop, list[str]]) -> None:
    shop, told = said
    content = lines(*shirts(25))
    cut(shop, content, 23)
    with shop.work("test") as tx:  # a change that going on leaves alone, and beginning anew would take back
        tx.execute(sa.text("UPDATE products SET brand = 'mine' WHERE handle = 'shirt-3'"))
        tx.commit()
    progress: list[int] = []
    again(shop, content, progress=lambda rows, _: progress.append(rows))
    assert told[0].startswith("Goes on behind line 20: ")
    assert "--from-start" in told[0]
    assert progress == [20, 25]
    assert catalogue(shop)["shirt-3"]["brand"] == "mine"


def test_from_the_start_when_that_is_wanted(said: tuple[Shop, list[str]]) -> None:
    shop, told = said
    content = lines(*shirts(25))
    cut(shop, content, 23)
    report = again(shop, content, from_start=True)
    assert (report.products_created, report.products_unchanged) == (5, 20)
    assert told == []
    assert count(shop, "SELECT count(*) FROM import_runs") == 1


def test_a_file_that_changed_meanwhile_begins_anew(said: tuple[Shop, list[str]]) -> None:
    shop, told = said
    cut(shop, lines(*shirts(25)), 23)
    changed = shirts(25)
    changed[7]["brand"] = "B"
    report = again(shop, lines(*changed))
    assert (report.products_created, report.products_updated, report.products_unchanged) == (5, 1, 19)
    assert told == ["The file has changed since its import was cut: it is imported from its start."]


def test_a_file_may_change_behind_the_cut(said: tuple[Shop, list[str]]) -> None:
    shop, told = said
    cut(shop, lines(*shirts(25)), 23)
    assert again(shop, lines(*shirts(40))).products_created == 40
    assert told[0].startswith("Goes on")


def test_a_pipe_that_says_something_else_changes_nothing(said: tuple[Shop, list[str]]) -> None:
    shop, _ = said
    cut(shop, lines(*shirts(25)), 23)
    before = everything(shop)
    changed = Torn(lines(*shirts(25, brand="B")), 10**9)
    changed.seekable = lambda: False  # type: ignore[method-assign]
    with pytest.raises(BadInput, match="then goes on otherwise"):
        import_products(shop, changed, batch=10)
    assert everything(shop) == before


def test_handles_before_the_cut_are_remembered(said: tuple[Shop, list[str]]) -> None:
    shop, _ = said
    products = [*shirts(24), {"handle": "shirt-3", "title": "Again", "variants": [{"price": "1"}]}]
    cut(shop, lines(*products), 23)
    assert [(r.line, r.column) for r in again(shop, lines(*products)).refusals] == [(25, "handle")]


def test_all_or_nothing_and_a_rehearsal_record_nothing(said: tuple[Shop, list[str]]) -> None:
    shop, told = said
    content = lines(*shirts(25))
    cut(shop, content, 23, on_error="stop")
    cut(shop.but(dry_run=True), content, 23)
    assert count(shop, "SELECT count(*) FROM import_runs") == 0
    cut(shop, content, 23)
    assert again(shop.but(dry_run=True), content).products_unchanged == 20
    assert told == []


def test_history_is_short_and_small(said: tuple[Shop, list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    shop, _ = said
    monkeypatch.setattr(runs, "KEPT", 3)
    bad = shirts(1, status="odd")
    for n in range(5):
        import_products(shop, lines(*shirts(n + 1), *bad), target=f"file {n}")
    with shop.read() as tx:
        rows = tx.rows(sa.select(import_runs).order_by(import_runs.c.target))
    assert [row.target for row in rows] == ["file 2", "file 3", "file 4"]
    assert all(row.finished_at for row in rows)
    assert [row.report["report"]["rows_refused"] for row in rows] == [1, 1, 1]
    assert not any("refusals" in row.report["report"] for row in rows)


def test_two_at_once_leave_one_run(said: tuple[Shop, list[str]]) -> None:
    """Both have begun the same file: the rows of either are a true record, and one that ends ends the run."""
    shop, _ = said
    content = lines(*shirts(25))
    done: list[int] = []

    def meanwhile(rows: int, _: int) -> None:
        if rows == 10 and not done:
            done.append(1)
            cut(shop, content, 23)

    report = again(shop, content, progress=meanwhile)
    assert (report.rows, report.products_created, report.products_unchanged) == (25, 15, 10)
    assert count(shop, "SELECT count(*) FROM import_runs") == 1
    assert count(shop, "SELECT count(*) FROM import_runs WHERE finished_at IS NULL") == 0
