"""What somebody may have meant. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

MOST = 40
"""Names that a hint lists when none of them is near."""
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A hint: the nearest of the known names, or, when none is near, what there is."""
    names = list(known)
    if found := nearest(name, names):
        return f"Did you mean {found!r}?"
    more = ", …" if len(names) > MOST else "."
    return f"There are: {', '.join(names[:MOST])}{more}"


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that is nearest to this one, if any is near at all; the case does not count."""
    from difflib import get_close_matches

    folded: dict[str, str] = {}
    for other in known:
        folded.setdefault(other.casefold(), other)
    close = get_close_matches(name.casefold(), folded, n=1)
    return folded[close[0]] if close else None


def misspellings(name: str) -> Iterator[str]:
    """What `name` may be a misspelling of: one letter too many, missing, wrong, or two changed about (Norvig)."""
    letters = sorted({*_LETTERS, *_LETTERS.lower(), *name}) if name != name.upper() else sorted({*_LETTERS, *name})
    for i in range(len(name) + 1):
        before, after = name[:i], name[i:]
        yield before + after[1:]
        yield before + after[1:2] + after[:1] + after[2:]
        for letter in letters:
            yield before + letter + after
            yield before + letter + after[1:]
