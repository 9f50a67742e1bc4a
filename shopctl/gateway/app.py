"""The application: its routers, what they share, what it does beside answering, and its end."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from anyio import to_thread
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from shopctl import __version__, core
from shopctl.core.errors import ShopError
from shopctl.core.shop import Shop
from shopctl.gateway import accounts, answers, carts, catalog, checkout, health, notices, operate, sales
from shopctl.gateway.callers import Door, Rates
from shopctl.gateway.guard import App, Guard, Limits

ROUTERS = (
    health.router,
    catalog.router,
    carts.router,
    accounts.router,
    checkout.router,
    sales.router,
    notices.router,
    operate.router,
)
CORE = (
    *("accounts", "cart", "checkout", "housekeeping", "keys", "limits", "metrics", "notices", "orders", "queries"),
    *("sales", "search", "settlement", "stock", "store"),
)
"""What the routers call, loaded before the first of them does: two threads that load it at once may each see half of it."""
CHORES_SECONDS = 1.0
"""How often the gateway does what waits, where no worker does it."""


@dataclass(frozen=True, slots=True)
class Rules:
    """How the gateway is run. `threads`: how many calls into the core are under way at once."""

    threads: int = 16
    rates: Rates = field(default_factory=Rates)
    limits: Limits = field(default_factory=Limits)


def build(shop: Shop, rules: Rules) -> App:
    """The shop as an ASGI application. It closes the shop when it ends."""
    for name in CORE:
        getattr(core, name)
    app = FastAPI(
        title=shop.facts.name,
        version=__version__,
        description="Money is decimal strings beside `currency`; times are RFC 3339 UTC. Errors are alike everywhere.",
        lifespan=_life(shop, rules),
        redoc_url=None,
        redirect_slashes=False,
        exception_handlers={
            ShopError: answers.of_shop,
            RequestValidationError: answers.of_values,
            HTTPException: answers.of_http,
            Exception: answers.of_defect,
        },
    )
    app.state.shop, app.state.door, app.state.rush = shop, Door(shop, rules.rates), sales.Rush(shop)
    app.state.routes = [route for router in ROUTERS for route in router.routes]
    for router in ROUTERS:
        app.include_router(router)
    return Guard(app, shop.log, rules.limits)


def _life(shop: Shop, rules: Rules) -> Any:
    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        to_thread.current_default_thread_limiter().total_tokens = rules.threads
        _when_told_to_end(app.state.rush.ending.set)
        chores = asyncio.create_task(_chores(shop))
        yield
        chores.cancel()
        await asyncio.wait([chores])
        await to_thread.run_sync(app.state.rush.close)
        shop.engine.dispose()

    return life


def _when_told_to_end(do: Callable[[], object]) -> None:
    """Streams would go on for as long as the server waits for them: they hear of its end before it waits."""
    if threading.current_thread() is not threading.main_thread():
        return  # a test's server, which is told in another way
    loop = asyncio.get_running_loop()
    for which in (signal.SIGTERM, signal.SIGINT):
        before = signal.getsignal(which)

        def told(number: int, frame: Any, before: Any = before) -> None:
            loop.call_soon_threadsafe(do)
            if callable(before):
                before(number, frame)

        signal.signal(which, told)


async def _chores(shop: Shop) -> None:
    """Admit, deliver and index what waits; nothing where a worker lives."""
    if shop.read_only:
        return
    while True:
        await asyncio.sleep(CHORES_SECONDS)
        await to_thread.run_sync(core.housekeeping.while_serving, shop)
