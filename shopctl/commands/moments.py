"""Times as people write them."""

from __future__ import annotations

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


def term(text: str) -> timedelta:
    """A length of time: 90s, 15m, 2h, 1d, or plain seconds."""
    number, unit = (text[:-1], text[-1]) if text[-1:] in _UNITS else (text, "s")
    if not number.isascii() or not number.isdigit() or len(number) > 9 or not int(number):
        raise BadInput("bad_term", f"{text!r} is not a length of time such as 90s, 15m, 2h or 1d", value=text)
    return timedelta(seconds=int(number) * _UNITS[unit])


_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
