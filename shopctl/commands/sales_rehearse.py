"""`sales rehearse`: tonight's sale on a scratch copy; its report on stdout, how it went and what follows from it on stderr."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from shopctl import core
from shopctl.commands import progress, sales_rehearse_live
from shopctl.commands.face import Face, face
from shopctl.core.errors import BadInput, ShopError

if TYPE_CHECKING:
    from shopctl.core.rehearsal import Moment, Report, Scratch
    from shopctl.core.shop import Shop

MOST = 1_000_000


def rehearse(
    ctx: typer.Context,
    sku: Annotated[str | None, typer.Option(help="What is sold. Default: the active SKU with the most stock.")] = None,
    shoppers: Annotated[int, typer.Option(metavar="N", min=1, max=MOST, help="How many come.")] = 100_000,
    stock: Annotated[
        int, typer.Option(metavar="N", min=1, max=MOST, help="Units of the scratch copy, whatever the shop has.")
    ] = 1000,
    seed: Annotated[int, typer.Option(metavar="N", help="The same seed and catalogue are the same report.")] = 7,
    rate: Annotated[
        int | None, typer.Option(metavar="N", help="How many are admitted a minute at most. Default: no limit.")
    ] = None,
    batch: Annotated[
        int | None, typer.Option(metavar="N", help="How many are admitted at a time at most (500).")
    ] = None,
    hold: Annotated[
        str | None, typer.Option(metavar="TIME", help="How long a turn lasts: 90s, 5m (the default).")
    ] = None,
    svg: Annotated[Path | None, typer.Option(metavar="FILE", help="Draw the course of the sale into a file.")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the scratch store, and say where it is.")] = False,
    live: Annotated[
        bool, typer.Option("--live", help="By the real clock: processes of shoppers, through the gateway.")
    ] = False,
    calls: Annotated[bool, typer.Option("--calls", help="With --live: without the gateway, by calls.")] = False,
    processes: Annotated[
        int, typer.Option(metavar="N", min=1, max=64, help="With --live: of shoppers, and of the gateway.")
    ] = 2,
    bots: Annotated[int, typer.Option(metavar="N", min=0, help="With --live: so many of the shoppers are bots.")] = 0,
    abandon: Annotated[
        float, typer.Option(metavar="SHARE", min=0, max=1, help="With --live: 0.3 lets three of ten turns pass.")
    ] = 0,
) -> None:
    """Rehearse a flash sale: a crowd, drawn from a seed, runs through joins, rounds and checkouts on a scratch copy.

    Shoppers abandon turns, cards are declined, bots ask again and again, admitters are killed; time is virtual. The real
    shop is only read. On stderr: the course of the sale, and which terms this machine sustains.

    With --live everybody is a request of their own, all at once, timed to its answer; nothing of that is drawn from the seed
    but who lets a turn pass.
    """
    me = face(ctx)
    terms = core.sales.Terms(rate=rate, batch=batch, hold_seconds=_seconds(hold))
    plan = core.rehearsal.Plan(shoppers, stock, seed, terms)
    if svg is not None:
        _must_be_writable(svg)
    if not live and (calls or bots or abandon):
        raise BadInput("usage", "--calls, --bots and --abandon are for --live")
    if live:
        if not 0 <= abandon <= 1 or bots > shoppers:
            raise BadInput("usage", "--abandon is a share from 0 to 1, and bots are among the shoppers")
        how = sales_rehearse_live.Live(shoppers, stock, seed, calls, processes, bots, abandon)
        _rehearse_live(me, sku, terms, how, svg=svg, keep=keep)
        return
    with me.shop() as shop, _place(me, keep=keep) as place:
        scratch = core.rehearsal.make(shop, units=stock, place=place, sku=sku)
        clock = core.rehearsal.Clock(scratch.since)
        rehearsed = _opened(me, scratch, place, clock)
        with progress.counting(me, f"Rehearsing {scratch.sku}") as step:
            found = core.rehearsal.run(rehearsed, clock, scratch, plan, progress=step)
        _show(me, rehearsed, scratch, found, svg)
        if not me.out.quiet:
            _advise(me, shop, rehearsed, scratch, found)
        rehearsed.engine.dispose()


def _rehearse_live(
    me: Face, sku: str | None, terms: core.sales.Terms, how: sales_rehearse_live.Live, *, svg: Path | None, keep: bool
) -> None:
    """In a store of the shop's own kind."""
    with me.shop() as shop, _place(me, keep=keep) as place, core.rehearsal.store_beside(shop, place, keep=keep) as url:
        scratch = core.rehearsal.make(shop, units=how.stock, place=place, sku=sku, url=url)
        if keep and not url.startswith("sqlite"):
            _tell_kept(me, place, core.store.without_password(url))
        rehearsed, found = sales_rehearse_live.run(me, scratch, place, terms, how)
        _show(me, rehearsed, scratch, found, svg)
        rehearsed.engine.dispose()


def _show(me: Face, rehearsed: Shop, scratch: Scratch, found: Report, svg: Path | None) -> None:
    """The report, its course, and whether every promise was kept."""
    course = core.rehearsal.course(rehearsed)
    found = core.rehearsal.judged(rehearsed, found)
    me.out.one(found)
    if svg is not None:
        told = f"{found.shoppers:,} shoppers, {found.stock:,} units, seed {found.seed}"
        _draw(svg, course, f"{scratch.title} ({scratch.sku}): {told}")
    core.rehearsal.must_stand(found)
    if not me.out.quiet:
        _tell(me, course)


def _seconds(hold: str | None) -> int | None:
    from shopctl.core.domain.times import span

    return None if hold is None else round(span(hold).total_seconds())


@contextmanager
def _place(me: Face, *, keep: bool) -> Iterator[Path]:
    """A directory for scratch stores; it stays when that is asked for, and when a promise was broken."""
    place = Path(tempfile.mkdtemp(prefix="shopctl-rehearsal-"))
    try:
        yield place
    except ShopError as error:
        keep = error.code == "rehearsal_failed"
        raise
    except BaseException:
        keep = False
        raise
    finally:
        if keep:
            if (place / "shop.db").exists():
                _tell_kept(me, place, f"sqlite:///{place / 'shop.db'}")
        else:
            shutil.rmtree(place, ignore_errors=True)


def _opened(me: Face, scratch: Scratch, place: Path, clock: Callable[[], Any]) -> Shop:
    """A scratch store, with nothing of the shop's around it."""
    values = sales_rehearse_live.settings_of(me, scratch.url, place, redis=False)
    return sales_rehearse_live.opened(me, values, clock=clock)


def _tell_kept(me: Face, place: Path, url: str) -> None:
    me.out.say(f"The scratch store is kept: SHOPCTL_DATA_DIR={place} shopctl --store {url}")


def _must_be_writable(file: Path) -> None:
    """Said before the work, not after it."""
    if file.is_dir() or not os.access(file if file.exists() else file.absolute().parent, os.W_OK):
        raise BadInput("svg_unwritable", f"The drawing cannot be written to {file}", hint="Name a file: --svg sale.svg")


def _draw(file: Path, course: Sequence[Moment], title: str) -> None:
    from shopctl.commands import svg

    try:
        file.write_text(svg.course(course, title), encoding="utf-8")
    except OSError as error:
        raise BadInput("svg_unwritable", f"The drawing cannot be written to {file}: {error.strerror}") from None


def _tell(me: Face, course: Sequence[Moment]) -> None:
    from shopctl.commands import plot

    for line in plot.course(course):
        me.out.say(line)


def _advise(me: Face, shop: Shop, rehearsed: Shop, scratch: Scratch, found: Report) -> None:
    """Measured beside the rehearsal, in a store of its own."""
    with tempfile.TemporaryDirectory(prefix="shopctl-measured-") as place:
        other = core.rehearsal.make(shop, units=core.rehearsal.CROWD, place=Path(place), sku=scratch.sku)
        measured = _opened(me, other, Path(place), core.db.engine.system_clock)
        advice = core.rehearsal.measure(measured, other, rehearsed, found)
        measured.engine.dispose()
    name = core.rehearsal.sale_of(shop, scratch.sku) or "NAME"
    me.out.say(
        f"This machine, in one process: {advice.joined_per_second:,} joins, {advice.admitted_per_second:,} admissions, "
        f"{advice.bought_per_second:,} purchases a second. It sustains:"
    )
    me.out.say(
        f"  shopctl sales edit {name} --rate {advice.rate} --batch {advice.batch} "
        f"--hold {advice.hold_seconds}s --limit {advice.limit}"
    )
