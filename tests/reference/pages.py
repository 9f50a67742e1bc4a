"""docs/reference: a page per noun, one for the rest of the top level, one for exit statuses, errors and settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from shopctl import cli
from shopctl.commands.spec import whole
from tests.reference.data import ROOT

FOLDER = Path(__file__).parents[2] / "docs" / "reference"
_MADE = "<!-- Made by `python -m tests.reference` from the program itself. -->"
_TOP = "shopctl"


def make() -> dict[str, str]:
    """The pages by file name."""
    spec = whole(ROOT)
    by_page: dict[str, list[Any]] = {}
    for command in spec["commands"]:
        noun, _, verb = command["command"].partition(" ")
        by_page.setdefault(noun if verb else _TOP, []).append(command)
    found = {f"{page}.md": _text(_page(page, commands, spec)) for page, commands in by_page.items()}
    found["errors.md"] = _text(_errors(spec))
    found["settings.md"] = _text(_settings(spec))
    found["README.md"] = _text(_index(by_page, spec))
    return found


def _text(blocks: Iterator[str]) -> str:
    return "\n\n".join(block for block in (_MADE, *blocks) if block) + "\n"


def _index(by_page: Mapping[str, Sequence[Any]], spec: Mapping[str, Any]) -> Iterator[str]:
    yield "# Reference"
    yield "Every command, option, field, error and setting. `shopctl spec` prints the same as JSON."
    for page, commands in by_page.items():
        summary = "" if page == _TOP else f": {cli.COMMANDS[page][1]}"
        yield f"**[{page}]({page}.md)**{summary}\n\n" + _bullets(
            f"[`{entry['command']}`]({page}.md#{_anchor(entry['command'])}) {entry['summary']}" for entry in commands
        )
    yield "**[errors](errors.md)**: exit statuses and error codes"
    yield "**[settings](settings.md)**: settings, the shop's own rules, environment variables"
    yield "## Options of every command"
    yield "Before the noun or after the verb; the later one wins."
    yield _options(spec["common_options"])


def _page(page: str, commands: Sequence[Any], spec: Mapping[str, Any]) -> Iterator[str]:
    yield f"# {page}"
    if page != _TOP:
        yield cli.COMMANDS[page][1]
    for command in commands:
        yield from _command(command)
    yield from _rows(commands, spec["rows"])


def _command(command: Mapping[str, Any]) -> Iterator[str]:
    yield f"## {command['command']}"
    yield f"    {command['usage']}"
    yield command["summary"]
    if command["rows_of_stdin"]:
        rows = command["rows_of_stdin"]
        yield f"Rows of `-`, a JSON object a line: {_code(rows) if rows.startswith('{') else rows}. A result for each: `line`, `ok`, `result`, `error`."
    if command["asks"]:
        yield "Asks before it does it; without a terminal it needs `--yes`."
    yield _table(
        ("argument", "", "default"),
        [(f"`{entry['name']}`", entry["help"] or "", _default(entry)) for entry in command["arguments"]],
    )
    yield _options(command["options"])
    if command["filters"]:
        yield (
            "Filters and sorts by "
            + ", ".join(
                f"`{name}`" + (f" ({', '.join(words)})" if words else "") for name, words in command["filters"].items()
            )
            + "."
        )
    if command["prints"]:
        yield "Prints " + " or ".join(f"[{row}](#{_anchor(row)})" for row in command["prints"]) + "."


def _rows(commands: Sequence[Any], rows: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    waiting = [row for command in commands for row in command["prints"]]
    shown: dict[str, None] = {}
    while waiting:
        row = waiting.pop(0)
        if row not in shown:
            shown[row] = None
            waiting += [word for kind in rows[row].values() for word in kind.split() if word in rows]
    if shown:
        yield "# Rows"
    for row in shown:
        yield f"## {row}"
        yield _table(("field", "type"), [(f"`{name}`", kind) for name, kind in rows[row].items()])


def _errors(spec: Mapping[str, Any]) -> Iterator[str]:
    yield "# Exit statuses"
    yield _table(("status", "meaning"), [(status, meaning) for status, meaning in spec["exit_statuses"].items()])
    yield "# Errors"
    yield "With a machine format an error is one JSON line on stderr: `code`, `message`, `hint`, `details`."
    yield _table(
        ("code", "exit", "for example"),
        [(f"`{error['code']}`", str(error["exit_status"]), error["message"]) for error in spec["errors"]],
    )


def _settings(spec: Mapping[str, Any]) -> Iterator[str]:
    yield "# Settings"
    yield "Flag > environment > `./shopctl.toml` > user file > default; `shopctl store info` shows where each comes from."
    yield _table(
        ("setting", "environment", ""),
        [(f"`{row['setting']}`", f"`{row['environment']}`", row["help"]) for row in spec["settings"]],
    )
    yield "# The shop's own rules"
    yield _table(
        ("setting", "default", "changed by"),
        [
            (f"`{row['setting']}`", _default(row), f"`{row['changed_by']}`" if row["changed_by"] else "nothing")
            for row in spec["shop_settings"]
        ],
    )
    yield "# Environment"
    yield _table(("variable", ""), [(f"`{row['name']}`", row["help"]) for row in spec["environment"]])


def _options(options: Sequence[Mapping[str, Any]]) -> str:
    return _table(
        ("option", "", "default"),
        [
            (
                _code(", ".join(option["names"]) + (f" {option['value']}" if option["value"] else "")),
                option["help"] or "",
                _default(option),
            )
            for option in options
        ],
    )


def _default(entry: Mapping[str, Any]) -> str:
    if entry.get("required"):
        return "needed"
    return "" if entry["default"] in (None, False, "") else f"`{entry['default']}`"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return ""
    lines = [head, ["---"] * len(head), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _bullets(lines: Iterator[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _code(text: str) -> str:
    return f"`{text}`"


def _anchor(heading: str) -> str:
    return heading.lower().replace(" ", "-")
