"""What ctrl+p finds: screens, the actions of this screen, orders and SKUs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from rich.text import Text
from textual.command import DiscoveryHit, Hit, Hits, Provider

from shopctl.core.errors import ShopError
from shopctl.tui.look import cell, order_status
from shopctl.tui.widgets import PLACES

if TYPE_CHECKING:
    from shopctl.tui.app import Console

FIND_SECONDS = 1.5
"""How long the store may look for typed characters."""
HIDDEN = {"command_palette", "app.command_palette"}


class ShopProvider(Provider):
    """See the module. Every prompt is a Text, so nothing from data is markup."""

    @property
    def console(self) -> Console:
        return cast("Console", self.app)

    async def discover(self) -> Hits:
        for name, run in self._commands():
            yield DiscoveryHit(Text(name), run, name)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for name, run in self._commands():
            score = matcher.match(name)
            if score:
                yield Hit(score, Text(name), run, name)
        if query.strip():
            for i, (name, run) in enumerate(await self._found(query)):
                literal = any(word.startswith(query.strip().casefold()) for word in name.casefold().split()[:2])
                yield Hit((1000 if literal else 0.1) - i / 100, Text(name), run, name)

    def _commands(self) -> list[tuple[str, Callable[[], Any]]]:
        screens = [(f"Screen: {name}", partial(self.console.action_go, mode)) for mode, (_, name) in PLACES.items()]
        actions: dict[str, Callable[[], Any]] = {}
        for node, binding, enabled, _ in self.screen.active_bindings.values():
            if enabled and binding.show and binding.action not in HIDDEN:
                actions[f"Action: {binding.description}"] = partial(self.app.run_action, binding.action, node)
        return [*screens, *actions.items(), ("Theme", self.app.action_change_theme)]

    async def _found(self, query: str) -> list[tuple[str, Callable[[], Any]]]:
        """Orders and SKUs, looked up in a worker thread; none when the store takes too long."""
        worker = self.app.run_worker(
            partial(self._look_up, query), thread=True, exclusive=True, exit_on_error=False, group="palette"
        )
        return await worker.wait()

    def _look_up(self, query: str) -> list[tuple[str, Callable[[], Any]]]:
        try:
            orders, levels = self.console.bridge.reads(seconds=FIND_SECONDS).find(query)
        except ShopError:
            return []
        found: list[tuple[str, Callable[[], Any]]] = [
            (
                f"Order {order.number}  {order_status(order.status).text}  {cell(order.email, limit=60).text}",
                partial(self.console.open_order, order.number),
            )
            for order in orders
        ]
        skus = dict.fromkeys(level.sku for level in levels)
        return found + [(f"SKU {cell(sku).text}", partial(self.console.open_sku, sku)) for sku in skus]
