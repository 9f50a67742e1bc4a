"""Times as people write them."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from shopctl.core.errors import BadInput


def moment(text: str, timezone: str) -> datetime:
    """An RFC 3339 time, or a date (its midnight); without an offset it is in the shop's time zone."""
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        raise BadInput("bad_time", f"{text!r} is not a time such as 2026-11-22T12:00:00Z", value=text) from None
    return found if found.tzinfo else found.replace(tzinfo=ZoneInfo(timezone))


_SPAN = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)([smhd]?)")
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 24 * 3600}


def span(text: str) -> timedelta:
    """How long: 10s, 1.5m, 2h, 7d; a bare number is seconds."""
    found = _SPAN.fullmatch(text.strip())
    if found is None:
        raise BadInput("bad_time", f"{text!r} is not a span of time such as 30s, 5m, 2h or 7d", value=text)
    return timedelta(seconds=float(found[1]) * _UNITS[found[2]])


def about(seconds: float) -> str:
    """About how long: 7 s, 12 min, 3 h, 2 d."""
    size = abs(seconds)
    for limit, unit, word in ((90, 1, "s"), (5400, 60, "min"), (172_800, 3600, "h")):
        if size < limit:
            return f"{int(seconds / unit)} {word}"
    return f"{int(seconds / 86_400)} d"
