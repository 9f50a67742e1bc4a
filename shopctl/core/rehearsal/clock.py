"""Virtual time: a clock that stands still until it is moved, and what is to happen when, in order."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

Event = Callable[[], None]


@dataclass
class Clock:
    """Times are whole milliseconds since it began: sums of them do not drift. What is due at the same one happens in the
    order in which it was said."""

    began: datetime
    now: int = 0
    _due: list[tuple[int, int, Event]] = field(default_factory=list)
    _said: int = 0

    def __call__(self) -> datetime:
        return self.began + timedelta(milliseconds=self.now)

    def at(self, when: int, event: Event) -> None:
        self._said += 1
        heapq.heappush(self._due, (when, self._said, event))

    def after(self, pause: int, event: Event) -> None:
        self.at(self.now + pause, event)

    def step(self) -> bool:
        """Let the next thing happen, at its time; False when there is none."""
        if not self._due:
            return False
        when, _, event = heapq.heappop(self._due)
        self.now = max(self.now, when)
        event()
        return True
