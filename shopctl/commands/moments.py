"""Times as people write them."""

from __future__ import annotations

from datetime import UTC, datetime

from shopctl.core.errors import BadInput


def moment(text: str) -> datetime:
    """An RFC 3339 time, or a date (its midnight); without an offset it is UTC."""
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        raise BadInput("bad_time", f"{text!r} is not a time such as 2026-11-22T12:00:00Z", value=text) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
