"""JSONL out: one product a line, in the words that `read/jsonl.py` takes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from shopctl.core.imports.rows import Exported

_UNSEEN = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def write(found: Iterator[Exported]) -> Iterator[str]:
    for product, variants in found:
        # Escapes mean the same character to every JSON reader, and keep a terminal out of harm.
        line = _json({**product, "variants": variants})
        yield _UNSEEN.sub(lambda match: f"\\u{ord(match[0]):04x}", line) + "\n"
