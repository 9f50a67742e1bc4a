"""Time zones: when a zone changes its offset from UTC. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo


def offsets(zone: ZoneInfo, start: datetime, end: datetime) -> list[tuple[datetime, int]]:
    """The zone's offsets from UTC in seconds, each with the moment until which it holds."""

    def offset(moment: datetime) -> int:
        return int((moment.astimezone(zone).utcoffset() or timedelta()).total_seconds())

    found, here = [], start.astimezone(UTC)
    while here < end:
        after = min(here + timedelta(days=1), end.astimezone(UTC))
        if offset(here) != offset(after):
            low, high = here, after
            while high - low > timedelta(seconds=1):
                middle = low + (high - low) / 2
                low, high = (middle, high) if offset(middle) == offset(here) else (low, middle)
            found.append((high.replace(microsecond=0), offset(here)))
        here = after
    return [*found, (end, offset(end))]
