"""Text from outside: what the store takes, how names are folded, how handles and SKUs are made. Pure."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata

from shopctl.core.errors import BadInput

MAX_TEXT = 100_000
"""Characters in one text value (descriptions are the long ones)."""
LONGEST_REASON = 500

EMAIL = re.compile(r"[\w!#$%&'*+/^`{|}~.-]{1,64}@[\w-]+(\.[\w-]+)*")
"""What mail takes without quoting: letters of any script, and nothing that means something to a header."""

_NOT_WORD = re.compile(r"[^a-z0-9]+")
_WORD = re.compile(r"[^\W_]+")
_APOSTROPHES = re.compile(r"(?<=\w)['’ʼ](?=\w)")
_UNDECOMPOSED = str.maketrans({"ø": "o", "đ": "d", "ł": "l", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i"})
_DIGIT_RUNS = re.compile(r"(?:\d[ -]?){12,18}\d")


def storable(value: str) -> str:
    """The text itself, or ValueError: no NUL, no half of a surrogate pair, no novel. Everything else is data."""
    if "\x00" in value:
        raise ValueError("holds a NUL character")
    if len(value) > MAX_TEXT:
        raise ValueError(f"is longer than {MAX_TEXT} characters")
    if value.isascii():
        return value
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError("is not valid Unicode text") from None
    return value


def is_text(value: object) -> bool:
    """Whether all text in what a JSON document says is text: an escape can name half of a surrogate pair."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def has_nul(value: object) -> bool:
    """Whether any text in what a JSON document says holds the one character that Postgres cannot store."""
    if isinstance(value, dict):
        return any(has_nul(one) for pair in value.items() for one in pair)
    return any(map(has_nul, value)) if isinstance(value, list) else isinstance(value, str) and "\x00" in value


def sku(value: str) -> str:
    """A SKU as given, or ValueError: 1 to 128 characters, none invisible, no space around it, no leading dash."""
    if not value or len(value) > 128:
        raise ValueError("must have 1 to 128 characters")
    if value != value.strip() or not storable(value).isprintable():
        raise ValueError("must not have invisible characters or spaces around it")
    if value.startswith("-"):
        raise ValueError("must not begin with a dash")
    return value


def fold(value: str) -> str:
    """The form in which handles and e-mail addresses are compared: trimmed, NFKC, case folded."""
    return unicodedata.normalize("NFKC", value.strip()).casefold()


def words(value: str) -> list[str]:
    """The words of a text as they are searched: case and accents folded, split at whatever is no letter or digit.

    An apostrophe inside a word is dropped: "Men's Crème-brûlée" is mens, creme, brulee.
    """
    return _WORD.findall(_APOSTROPHES.sub("", plain(value)))


def plain(value: str) -> str:
    """The text without case and accents."""
    if value.isascii():
        return value.lower()
    decomposed = unicodedata.normalize("NFKD", value).casefold().translate(_UNDECOMPOSED)
    return "".join(c for c in decomposed if not unicodedata.combining(c))


def slug(value: str, fallback: str = "item") -> str:
    """Lower-case ASCII words joined by dashes. Text that these words cannot tell from another gets a short hash, so
    that the same text always makes the same slug, and "C++" or "赤いTシャツ" one of its own.
    """
    letters = [c for c in unicodedata.normalize("NFKD", value) if not unicodedata.combining(c)]
    words = _NOT_WORD.sub("-", "".join(letters).lower()).strip("-")[:80].strip("-")
    if words and len(value) <= 80 and not any(_means_something(c) for c in letters):
        return words
    return f"{words or fallback}-{short_hash(value)}"


def told_apart(handle: str, title: str) -> str:
    """A handle for a title whose own is another's."""
    return f"{handle}-{short_hash(title)}"


def _means_something(character: str) -> bool:
    """Whether a character that a slug drops could be what tells two names apart: letters of other scripts, symbols."""
    if character.isascii() and character.isalnum():
        return False
    return character in "#%*@\\" or unicodedata.category(character)[0] in "LNSC"


def short_hash(value: str) -> str:
    """Eight hex digits that are the same for the same text everywhere."""
    return hashlib.sha256(value.encode()).hexdigest()[:8]


def reference(value: str) -> str:
    """What another system calls something, as it can be kept; BadInput when it cannot."""
    value = value.strip()
    if not value.isprintable() or not 1 <= len(value) <= 255:
        raise BadInput("bad_reference", "A reference has 1 to 255 visible characters", value=value)
    return refuse_card_number(value, "reference")


def reason(value: str) -> str:
    """Why something was done, as it can be kept and shown; BadInput when it cannot."""
    try:
        kept = storable(value.strip())
    except ValueError as error:
        raise BadInput("bad_reason", f"The reason {error}") from None
    if not 1 <= len(kept) <= LONGEST_REASON:
        raise BadInput("bad_reason", f"A reason has 1 to {LONGEST_REASON} characters", length=len(kept))
    return refuse_card_number(kept, "reason")


def key(value: str) -> str:
    """An idempotency key that a caller made; BadInput when it is none."""
    if not 1 <= len(value) <= 255 or not value.isprintable():
        raise BadInput("bad_key", "A key has 1 to 255 visible characters", key=value)
    return value


def refuse_card_number(value: str, where: str) -> str:
    """The text itself; BadInput when it holds what looks like a card number (13–19 digits that pass Luhn)."""
    for run in _DIGIT_RUNS.findall(value):
        numbers = [int(c) for c in run if c.isdigit()]
        doubled = [n if i % 2 == 0 else (n * 2 - 9 if n > 4 else n * 2) for i, n in enumerate(reversed(numbers))]
        if sum(doubled) % 10 == 0:
            raise BadInput(
                "card_number",
                f"The {where} looks like a card number; card data never enters the shop",
                field=where,
            )
    return value
