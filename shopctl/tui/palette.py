"""What ctrl+p finds: screens, the actions of this screen; orders, SKUs, products, customers and carts by name."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from rich.text import Text
from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.worker import WorkerCancelled, get_current_worker

from shopctl.core.errors import ShopError
from shopctl.core.queries.naming import Named
from shopctl.tui.bridge import Reads
from shopctl.tui.look import cell
from shopctl.tui.widgets import PLACES

if TYPE_CHECKING:
    from shopctl.tui.app import Console

FIND_SECONDS = 1.5
"""How long the store may look for typed characters."""
Look = Callable[[Reads, str], list[Named]]
HIDDEN = {"command_palette", "app.command_palette"}


class ShopProvider(Provider):
    """See the module. Every prompt is a Text, so nothing from data is markup."""

    _query = ""

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
        seen: set[tuple[str, str]] = set()
        self._query = query
        for look in (Reads.named, Reads.described) if query.strip() else ():
            for found in await self._found(look, query):
                if (found.kind, found.name) not in seen:
                    seen.add((found.kind, found.name))
                    yield self._hit(found, len(seen), begins=look is Reads.named)

    def _hit(self, found: Named, place: int, *, begins: bool) -> Hit:
        words = cell(f"{found.kind[0].upper()}{found.kind[1:]} {found.name}  {found.about}", limit=100).text
        run = partial(self.console.visit, found.kind, found.name)
        return Hit((1000 if begins else 0.1) - place / 1000, Text(words), run, words)

    def _commands(self) -> list[tuple[str, Callable[[], Any]]]:
        screens = [(f"Screen: {name}", partial(self.console.action_go, mode)) for mode, (_, name) in PLACES.items()]
        actions: dict[str, Callable[[], Any]] = {}
        for node, binding, enabled, _ in self.screen.active_bindings.values():
            if enabled and binding.show and binding.action not in HIDDEN:
                actions[f"Action: {binding.description}"] = partial(self.app.run_action, binding.action, node)
        return [*screens, *actions.items(), ("Theme", self.app.action_change_theme)]

    async def _found(self, look: Look, query: str) -> list[Named]:
        """What is found, in a worker thread; a newer query ends an older one, which finds nothing more."""
        if query != self._query:
            return []
        worker = self.app.run_worker(
            partial(self._look_up, look, query), thread=True, exclusive=True, exit_on_error=False, group="palette"
        )
        try:
            return await worker.wait()
        except WorkerCancelled:
            return []

    def _look_up(self, look: Look, query: str) -> list[Named]:
        worker = get_current_worker()
        try:
            return look(self.console.bridge.reads(lambda: worker.is_cancelled, FIND_SECONDS), query)
        except ShopError:
            return []
