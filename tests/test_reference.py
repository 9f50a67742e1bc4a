"""The reference is fresh, complete and true: spec, --help, docs/reference and what commands really print agree."""

from __future__ import annotations

import ast
import json
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.core import TyperGroup

from shopctl import cli, config
from shopctl.commands import reference
from shopctl.commands.face import Face
from shopctl.commands.output import Output
from shopctl.commands.spec import walk, whole
from shopctl.core import settings
from shopctl.core.domain import facts
from tests import shops
from tests.cli import Cli
from tests.reference import data, errors, pages

COMMANDS = dict(walk(data.ROOT))


def test_the_reference_is_fresh() -> None:
    stale = "run `python -m tests.reference`"
    assert reference.FILE.read_text(encoding="utf-8") == data.text(), stale
    assert {path.name: path.read_text(encoding="utf-8") for path in pages.FOLDER.glob("*")} == pages.make(), stale


def test_every_command_says_what_it_prints() -> None:
    silent = {name for name, told in reference.load()["answers"].items() if not told["rows"]}
    assert silent == data.NOT_ROWS


def test_every_error_has_a_name() -> None:
    assert errors.unnamed() == [
        "commands/output.py: BadInput(f'unknown_{noun}', f'There is no {noun} {name!r}', hint=did_you_mean(name, known), value=name)",
        "commands/rows.py: BadInput(error.code, f'Line {number}: {error.message}', line=number)",
        "core/checkout.py: Refused(problem['code'], problem['message'], hint=problem.get('hint'), **problem.get('details', {}))",
        "core/db/failures.py: Refused(code, message)",
        "core/db/unit_of_work.py: Unavailable(away.code, away.message, hint=away.hint)",
    ]


def test_every_setting_and_variable_is_told() -> None:
    assert set(config.Settings.MEANINGS) == {field.name for field in fields(config.Settings)}
    assert set(settings.EDITABLE) == set(facts.EDITABLE)
    internal = {"_SHOPCTL_COMPLETE", "COMP_LINE", "COMP_WORDS", "COMP_WORDBREAKS"}  # between our shell function and us
    assert _variables() == set(config.ENVIRONMENT) | internal


def _variables() -> set[str]:
    """Every name that the source looks up in os.environ."""
    found: set[object] = set()
    for path in errors.ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case (
                    ast.Call(
                        func=ast.Attribute(value=ast.Attribute(attr="environ"), attr="get"),
                        args=[ast.Constant(name), *_],
                    )
                    | ast.Subscript(value=ast.Attribute(attr="environ"), slice=ast.Constant(name))
                    | ast.Compare(left=ast.Constant(name), comparators=[ast.Attribute(attr="environ")])
                ):
                    found.add(name)
    return {str(name) for name in found}


def test_a_noun_is_told_alike_everywhere() -> None:
    ctx = typer.Context(data.ROOT)
    for name, summary in data.ROOT.summaries(ctx):
        found = data.ROOT.get_command(ctx, name)
        if isinstance(found, TyperGroup):
            assert str(found.help).startswith(summary)


@pytest.mark.parametrize("entry", whole(data.ROOT)["commands"], ids=lambda entry: entry["command"])
def test_help_and_pages_agree_with_the_spec(entry: dict[str, Any]) -> None:
    name = entry["command"]
    command = COMMANDS[name]
    shown = command.get_help(command.context_class(command, info_name=f"shopctl {name}"))
    flat = " ".join(shown.split())
    assert f"Usage: {entry['usage']} " in f"{flat} "
    assert entry["summary"].rstrip(".") in flat
    common = [flag for option in whole(data.ROOT)["common_options"] for flag in option["names"]]
    flags = [flag for option in entry["options"] for flag in option["names"]]
    assert set(re.findall(r"(?<=[\s/,])--?[a-z][\w-]*", shown.partition("Options:")[2])) >= {*flags, *common}
    listed = re.findall(r"^  (-.*?)(?:  |$)", shown.partition("Options:")[2], re.MULTILINE)
    assert len(listed) == len(entry["options"]) + len(whole(data.ROOT)["common_options"]) + 1  # and --help
    noun, _, verb = name.partition(" ")
    page = (pages.FOLDER / f"{noun if verb else 'shopctl'}.md").read_text(encoding="utf-8")
    section = page.partition(f"\n## {name}\n")[2].partition("\n## ")[0].replace("\\|", "|")
    for words in (entry["usage"], entry["summary"], *flags, *(f"`{found['name']}`" for found in entry["arguments"])):
        assert words in section


def test_spec_narrows_and_prints_a_command_a_line(tmp_path: Path) -> None:
    run = Cli(tmp_path)
    everything = run("spec").json
    assert [entry["command"] for entry in everything["commands"]] == list(COMMANDS)
    assert everything["errors"] == errors.collect()
    one = run("spec", "stock", "warehouses").json
    assert [entry["command"] for entry in one["commands"]] == [
        "stock warehouses list",
        "stock warehouses add",
        "stock warehouses edit",
    ]
    assert set(one["rows"]) == {"Warehouse", "StockWarehousesAddResult", "StockWarehousesEditResult"}
    assert set(run("spec", "orders", "show").json["rows"]) >= {"OrderDetail", "SoldLine", "PaymentRow", "OrderEvent"}
    lines = [json.loads(line) for line in run("spec", "-o", "jsonl").out.splitlines()]
    assert [line["command"] for line in lines] == list(COMMANDS)
    assert "orders ship" in run("spec", "-o", "table").out
    said = run("spec", "orders", "shp", "-o", "json")
    assert (said.status, said.error["hint"]) == (2, "Did you mean 'orders ship'?")


# --- what is told is what is printed ------------------------------------------------------------------------------------
RUN: list[str] = [
    "init --store sqlite:///other.db",
    "demo --store sqlite:///demo.db --shoppers 5",
    "search tee",
    "version",
    "spec",
    "catalog list",
    "catalog show tee-red",
    "catalog add Mug --price 1.00",
    "catalog archive tee-blue",
    "catalog import more.jsonl",
    "catalog categories add Home",
    "catalog categories list",
    "stock list",
    "stock show TEE-RED",
    "stock receive TEE-RED 1",
    "stock adjust TEE-RED -1 --reason lost",
    "stock history TEE-RED",
    "stock explain TEE-RED",
    "stock warehouses add EAST",
    "stock warehouses edit EAST --name East",
    "stock warehouses list",
    "stock transfer TEE-RED 1 --from MAIN --to EAST",
    "stock set TEE-RED 40",
    "stock import levels.csv",
    "reservations why TEE-RED",
    "orders note 1001 hello",
    "orders slip 1001",
    "orders picklist",
    "orders watch --all --for 0s",
    "events tail",
    "reports sales",
    "reports sales --by product",
    "reports stock",
    "reports funnel",
    "customers export ana@example.com",
    "cart login c9 --email ana@example.com",
    "cart logout c9",
    "reservations list --all",
    "reservations sweep",
    "cart add c2 TEE-RED 1",
    "cart set c2 TEE-RED 2",
    "cart show c2",
    "cart list",
    "checkout quote c2",
    "stock source c2",
    "cart merge c2 c3",
    "cart remove c3 TEE-RED --yes",
    "cart clear c3 --yes",
    "orders list",
    "orders show 1001",
    "orders ship 1001",
    "orders deliver 1001",
    "orders cancel 1002 --yes",
    "payments list",
    "payments show 1001",
    "payments reconcile",
    "payments selftest",
    "customers add bo@example.com",
    "customers list",
    "customers show ana@example.com",
    "customers orders ana@example.com",
    "customers addresses add bo@example.com home.json",
    "customers addresses list bo@example.com",
    "store info",
    "store set hold_at cart",
    "store worker --dry-run",
    "store pause --reason why",
    "store resume",
    "store metrics",
    "doctor --workers 0",
    "store recover",
    "store reindex",
    "store migrate",
    "store tax add VAT 19",
    "store tax list",
    "gateway keys create web --scope read",
    "gateway keys list",
    "gateway keys revoke web --yes",
    "store shipping add Post 4.99",
    "store shipping list",
]


def test_what_is_told_is_what_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shop = shops.make(tmp_path)
    for sku in ("TEE-RED", "TEE-BLUE"):
        shops.product(shop, sku, units=50)
    for cart in ("ana", "bob"):
        shops.buy(shop, cart, "TEE-RED")
    shop.engine.dispose()
    (tmp_path / "home.json").write_text(json.dumps(shops.HOME))
    (tmp_path / "more.jsonl").write_text('{"title": "Pen", "variants": [{"price": "1.00"}]}')
    (tmp_path / "levels.csv").write_text("sku,warehouse,quantity\nTEE-RED,MAIN,41\n")
    monkeypatch.chdir(tmp_path)
    for name, value in Cli(tmp_path).environment().items():
        monkeypatch.setenv(name, value)
    for line in RUN:
        face = Face(cli._open_shop, Output())
        data.ROOT.main([*line.split(" "), "-o", "json"], prog_name="shopctl", standalone_mode=False, obj=face)
        printed = json.loads(capsys.readouterr().out)  # in this process: starting sixty would take its time
        name = next(name for name in sorted(COMMANDS, reverse=True) if line.startswith(name))
        told = [reference.load()["rows"][row] for row in reference.load()["answers"][name]["rows"]]
        rows = printed if isinstance(printed, list) else [printed]
        assert rows or name in ("store recover", "payments reconcile"), line
        for row in rows:
            assert any(list(row) == list(fields) for fields in told), (line, list(row), told)
