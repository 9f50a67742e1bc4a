"""Driving the console in tests: keys as a terminal sends them, waiting for what should become true."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any

from textual import events
from textual.pilot import Pilot
from textual.widgets import Input, Static

from shopctl.core.shop import Shop
from shopctl.tui.app import Console
from shopctl.tui.screens.live import LiveScreen
from shopctl.tui.screens.overview import OverviewScreen
from shopctl.tui.table import Table
from shopctl.tui.widgets import TopBar

NAMES = {" ": "space", ":": "colon", "!": "exclamation_mark", "-": "minus", "/": "slash", "?": "question_mark"}


class Driver:
    """One running console."""

    def __init__(self, app: Console, pilot: Pilot[None]) -> None:
        self.app, self.pilot = app, pilot

    @property
    def table(self) -> Table:
        return self.app.screen.query_one(Table)

    @property
    def keys(self) -> list[str]:
        return [row.key.value or "" for row in self.table.ordered_rows]

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*(NAMES.get(key, key) for key in keys))

    async def type(self, text: str) -> None:
        """Faster than `press`, which waits for the processor to rest after each key."""
        for character in text:
            self.app.post_message(events.Key(NAMES.get(character, character), character))
            await asyncio.sleep(0.005)
        await self.pilot.pause()

    async def until(self, condition: Callable[[], Any], seconds: float = 8) -> None:
        end = monotonic() + seconds
        while not condition():
            assert monotonic() < end, f"never became true; the screen is\n{self.text()}"
            await self.pilot.pause(0.02)

    async def go(self, key: str, rows: int = 1) -> None:
        """To another screen, and wait until it shows that many rows."""
        await self.press(key)
        await self.rows(rows)

    async def rows(self, at_least: int = 1) -> None:
        await self.until(lambda: self.app.screen.query(Table) and self.table.row_count >= at_least)

    async def select(self, key: str) -> None:
        await self.until(lambda: key in self.keys)
        self.table.move_cursor(row=self.table.get_row_index(key))

    async def decide(self, *typed: str) -> None:
        """Fill the dialog's fields in order and press its button."""
        await self.until(lambda: self.app.screen.query("#do"))
        for text in typed:
            await self.type(text)
            await self.until(lambda wanted=text: any(line.value == wanted for line in self.app.screen.query(Input)))  # type: ignore[misc]
            await self.press("enter")
        button = self.app.screen.query_one("#do")
        button.focus()
        await self.until(lambda: self.app.focused is button and not button.has_class("-active"))
        await self.press("enter")
        await self.until(lambda: isinstance(self.app.screen, LiveScreen))

    def text(self) -> str:
        """What the terminal shows."""
        width, height = self.app.size
        lines = [strip.text for strip in self.app.screen._compositor.render_strips()]
        return "\n".join(line[:width] for line in lines[:height])

    def top(self) -> str:
        return str(self.app.screen.query_one(TopBar).content)

    def note(self) -> str:
        return str(self.app.screen.query_one("#note", Static).content)


@asynccontextmanager
async def console(shop: Shop, size: tuple[int, int] = (100, 30)) -> AsyncIterator[Driver]:
    app = Console(shop)
    async with app.run_test(size=size) as pilot:
        driver = Driver(app, pilot)
        await driver.until(lambda: isinstance(app.screen, OverviewScreen) and app.screen.figures)
        yield driver
