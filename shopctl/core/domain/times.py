"""Times as people write them."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from shopctl.core.errors import BadInput


def moment(text: str, timezone: str) -> datetime:
    """An RFC 3339 time, or a date (its midnight); without an offset it is in the shop's time zone."""
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        raise BadInput("bad_time", f"{text!r} is not a time such as 2026-11-22T12:00:00Z", value=text) from None
    return found if found.tzinfo else found.replace(tzinfo=ZoneInfo(timezone))
