"""What may reach a terminal: text from outside with everything that could steer it made visible. Pure.

Applied once, at the output boundary of each face. JSON needs only the invisible characters escaped, which loses nothing.
"""

from __future__ import annotations

import re

# C0, DEL, C1, bidi controls and marks, line and paragraph separators, tag characters, lone surrogates.
_ABOVE_C0 = "\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\u2028\u2029\ufeff\U000e0000-\U000e007f\ud800-\udfff"
_UNSAFE = re.compile(f"[\x00-\x1f{_ABOVE_C0}]")
_UNSAFE_IN_JSON = re.compile(f"[{_ABOVE_C0}]")  # an encoder has escaped C0 in strings already
_MARKS = (
    "\u0300-\u036f\u0483-\u0489\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
)
_PILE = re.compile(f"([{_MARKS}]{{4}})[{_MARKS}]+")


def safe(text: str, limit: int | None = None) -> str:
    """The text with dangerous characters as visible escapes, piles of combining marks cut, and at most `limit` characters."""
    shown = _PILE.sub(r"\1…", _UNSAFE.sub(_visible, text))
    return shown if limit is None or len(shown) <= limit else shown[: limit - 1] + "…"


def json_safe(encoded: str) -> str:
    """JSON text with the same characters as \\uXXXX escapes: it parses to exactly the same value."""
    return _UNSAFE_IN_JSON.sub(_escaped, encoded)


def _visible(match: re.Match[str]) -> str:
    code = ord(match.group())
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _escaped(match: re.Match[str]) -> str:
    code = ord(match.group())
    if code < 0x10000:
        return f"\\u{code:04x}"
    high, low = divmod(code - 0x10000, 0x400)
    return f"\\u{0xD800 + high:04x}\\u{0xDC00 + low:04x}"


def without_password(url: str) -> str:
    """An URL fit to be shown: user:***@host, and password=*** in its query."""
    return _QUERY_PASSWORD.sub(r"\1***", _PASSWORD.sub(r"\1***@", url))


_PASSWORD = re.compile(r"(://[^/?#]*?:)[^/?#]*@")
_QUERY_PASSWORD = re.compile(r"([?&]password=)[^&#]*", re.IGNORECASE)
