"""The application: its routers, what they share, what it does beside answering, and its end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
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
from shopctl.gateway import accounts, answers, carts, catalog, checkout, health, notices, operate
from shopctl.gateway.callers import Door, Rates
from shopctl.gateway.guard import App, Guard, Limits

ROUTERS = (
    health.router,
    catalog.router,
    carts.router,
    accounts.router,
    checkout.router,
    notices.router,
    operate.router,
)
CORE = (
    *("accounts", "cart", "checkout", "housekeeping", "keys", "limits", "metrics", "notices", "orders", "queries"),
    *("search", "settlement", "stock", "store"),
)
"""What the routers call, loaded before the first of them does: two threads that load it at once may each see half of it."""
CHORES_SECONDS = 1.0
"""How often the gateway does what a command does after it, where no worker does it."""


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
    app.state.shop, app.state.door = shop, Door(shop, rules.rates)
    app.state.routes = [route for router in ROUTERS for route in router.routes]
    for router in ROUTERS:
        app.include_router(router)
    return Guard(app, shop.log, rules.limits)


def _life(shop: Shop, rules: Rules) -> Any:
    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        to_thread.current_default_thread_limiter().total_tokens = rules.threads
        chores = asyncio.create_task(_chores(shop))
        yield
        chores.cancel()
        await asyncio.wait([chores])
        shop.engine.dispose()

    return life


async def _chores(shop: Shop) -> None:
    """Deliver and index what waits, as a command does after its change; nothing where a worker lives."""
    if shop.read_only:
        return
    while True:
        await asyncio.sleep(CHORES_SECONDS)
        await to_thread.run_sync(core.housekeeping.after_command, shop)
