from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from shopctl.core.domain.safe import json_safe, safe

STEERING = "\x1b]52;c;AAAA\x07 \x9b31m \u202e \u2066 \u2028 \U000e0041 \r\b\x7f"


def test_nothing_that_steers_a_terminal_gets_through() -> None:
    shown = safe(f"shirt [/oops] {STEERING}")
    assert shown.startswith("shirt [/oops] \\x1b]52;c;AAAA\\x07")
    assert all(character.isprintable() for character in shown)


@given(st.text())
def test_any_text_becomes_printable_or_stays_as_it_is(text: str) -> None:
    shown = safe(text)
    assert not any(ord(c) < 32 or 0x7F <= ord(c) < 0xA0 for c in shown)
    assert safe(shown) == shown


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_json_is_escaped_without_loss(text: str) -> None:
    encoded = json_safe(json.dumps(text, ensure_ascii=False))
    assert json.loads(encoded) == text
    assert not any(0x7F <= ord(c) < 0xA0 or c in "\u202e\u2028\u2066" for c in encoded)


def test_piles_of_marks_and_lengths_are_capped() -> None:
    assert len(safe("z" + "\u0301" * 500)) < 10
    assert safe("x" * 50, 10) == "x" * 9 + "…"
