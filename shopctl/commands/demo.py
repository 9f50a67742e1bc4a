"""`demo`: a shop to look around in."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from shopctl import core
from shopctl.commands.face import Face, Writing, face, noun
from shopctl.commands.output import is_terminal
from shopctl.core.domain.wire import plain
from shopctl.core.errors import Refused

TOP_LEVEL = True
app = noun("A shop to look around in.")


@app.command(cls=Writing)
def demo(
    ctx: typer.Context,
    dashboard: Annotated[bool, typer.Option("--dashboard", help="Open the console, with orders still coming.")] = False,
    chaos: Annotated[
        bool,
        typer.Option("--chaos", help="Then kill commands, decline cards and silence the gateway; recover; and verify."),
    ] = False,
    shoppers: Annotated[int, typer.Option(min=1, max=100_000, help="How many come in the day.")] = 420,
) -> None:
    """Build a demo shop in a store of its own, run a day of orders through it, and verify it."""
    me = face(ctx)
    me.must_write("demo")
    settings = _own_store(me)
    if me.dry_run:
        me.out.say(
            f"Dry run: would make {core.store.without_password(settings.store.value)}, fill it, and run {shoppers} shoppers through it."
        )
        return
    started = time.monotonic()
    clock = core.demo.DayClock()
    wanted = core.store.NewShop("Harbour & Pine", "USD", "US", "America/New_York", low_stock=3, test_store=True)
    facts = core.store.check(wanted)
    core.store.init(core.db.engine.parse_url(settings.store.value), facts, actor="demo", now=clock())
    with _progress(me) as progress:
        shop = me.open_shop(settings).but(clock=clock, actor="demo")
        summary = core.demo.furnish(shop, progress)
        core.demo.run_day(shop, clock, summary, progress, shoppers=shoppers)
        struck = _chaos(me, settings, shop, shoppers) if chaos else []
        progress("Verifying", 0.97)
        report = core.verify.verify(shop)
        shop.engine.dispose()
    _tell(me, summary, settings, time.monotonic() - started, struck)
    if struck and me.out.format == "table":
        me.out.many(struck)
    if report.violations:
        me.out.many(report.violations)
        raise Refused(
            "books_violated",
            f"verify found {len(report.violations)} violations",
            store=core.store.without_password(settings.store.value),
        )
    me.out.say(f"shopctl verify: clean, {report.checks} checks.")
    if dashboard:
        _watch(me, settings)


def _chaos(me: Face, settings: Any, shop: Any, shoppers: int) -> Sequence[Any]:
    """A tenth as many again, who are struck."""
    from shopctl.commands import demo_chaos

    environment = {
        "SHOPCTL_STORE": settings.store.value,
        "SHOPCTL_DATA_DIR": settings.data_dir.value,
        "SHOPCTL_REDIS": "",
    }
    return demo_chaos.run(shop.but(clock=core.db.engine.system_clock), environment, max(6, shoppers // 10), me.out.say)


def _own_store(me: Face) -> Any:
    """A new store in the data directory, or where --store says; never the configured one."""
    from shopctl.config import Value

    settings = me.settings()
    settings = replace(settings, redis=Value("", "demo"))  # its clock is not Redis's
    if me.store is not None:
        return settings
    name = datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")
    path = Path(settings.data_dir.value) / "demo" / f"{name}.db"
    return replace(settings, store=Value(f"sqlite:///{path}", "demo"))


def _tell(me: Face, summary: Any, settings: Any, seconds: float, struck: Sequence[Any]) -> None:
    store = core.store.without_password(settings.store.value)
    if me.out.format != "table":
        chaos = {"chaos": plain(struck)} if struck else {}
        me.out.one({"store": store, "seconds": round(seconds, 1), **plain(summary), **chaos})
        return
    s = summary
    by_status = ", ".join(f"{count} {status}" for status, count in sorted(s.by_status.items()))
    for line in (
        "",
        "  Harbour & Pine, a day later",
        "",
        f"    {s.products} products in {s.variants} variants, {s.units_received} units in {s.warehouses} warehouses",
        f"    {s.shoppers} shoppers came; {s.orders_placed} orders confirmed, {s.revenue} taken",
        f"    {s.declined} cards declined, {s.recovered} unanswered payments resolved, {s.abandoned} carts abandoned",
        f"    {s.short_of_stock} times too little stock: refused before a charge; {s.holds_expired} holds expired",
        f"    {s.shipped} shipped, {s.delivered} delivered, {s.cancelled} cancelled and refunded",
        f"    {s.letters_sent} letters in the Maildir",
        f"    now: {by_status}",
        "",
        f"  Made in {seconds:.1f} s. Look around:",
        "",
        f"    export SHOPCTL_STORE={store}",
        "    shopctl orders list",
        '    shopctl search "wool" --in-stock --facets',
        "    shopctl stock history TEE-NAVY-M",
        "    shopctl dashboard",
        "",
    ):
        me.out.text(line)


def _watch(me: Face, settings: Any) -> None:
    from shopctl.tui.app import run

    stop = threading.Event()
    shop = me.open_shop(settings)
    shopper = threading.Thread(
        target=core.demo.keep_coming, args=(me.open_shop(settings).but(actor="demo"), stop), daemon=True
    )
    shopper.start()
    try:
        run(shop)
    finally:
        stop.set()
        shopper.join(timeout=5)


@contextmanager
def _progress(me: Face) -> Iterator[Any]:
    """A bar on stderr when somebody looks."""
    if me.out.quiet or not is_terminal(sys.stderr):
        yield lambda *_: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    with Progress(
        TextColumn("{task.description:16}"),
        BarColumn(),
        TextColumn("{task.percentage:3.0f} %"),
        console=Console(stderr=True),
        transient=True,
    ) as bar:
        task = bar.add_task("", total=1)
        yield lambda what, share: bar.update(task, description=what, completed=share)
