"""What cannot be told from the commands alone: the fields that each prints, and the errors that exist.

Generated into reference.json by `python -m tests.reference`, so that `spec` and completion need to load nothing for it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("reference.json")


@cache
def load() -> Mapping[str, Any]:
    """answers (command → its rows and filters), rows (name → fields), errors."""
    found: Mapping[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return found


def fields(command: str) -> Sequence[str]:
    """The fields of what a command prints."""
    answer = load()["answers"].get(command, {})
    return list(load()["rows"].get(answer.get("row"), {}))


def filters(command: str) -> Mapping[str, Sequence[str]]:
    """What a list can be filtered and sorted by, with the words that each field takes, if it takes only some."""
    found: Mapping[str, Sequence[str]] = load()["answers"].get(command, {}).get("filters", {})
    return found
