"""`sales rehearse`: tonight's sale on a scratch copy; its report on stdout, how it went and what follows from it on stderr."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from shopctl import core
from shopctl.commands import progress
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
) -> None:
    """Rehearse a flash sale: a crowd, drawn from a seed, runs through joins, rounds and checkouts on a scratch copy.

    Shoppers abandon turns, cards are declined, bots ask again and again, admitters are killed; time is virtual. The real
    shop is only read. On stderr: the course of the sale, and which terms this machine sustains.
    """
    me = face(ctx)
    terms = core.sales.Terms(rate=rate, batch=batch, hold_seconds=_seconds(hold))
    plan = core.rehearsal.Plan(shoppers, stock, seed, terms)
    if svg is not None:
        _must_be_writable(svg)
    with me.shop() as shop, _place(me, keep=keep) as place:
        scratch = core.rehearsal.make(shop, units=stock, place=place, sku=sku)
        clock = core.rehearsal.Clock(scratch.since)
        rehearsed = _opened(me, scratch, place, clock)
        with progress.counting(me, f"Rehearsing {scratch.sku}") as step:
            found = core.rehearsal.run(rehearsed, clock, scratch, plan, progress=step)
        course = core.rehearsal.course(rehearsed)
        me.out.one(found)
        if svg is not None:
            _draw(svg, course, f"{scratch.title} ({scratch.sku}): {shoppers:,} shoppers, {stock:,} units, seed {seed}")
        core.rehearsal.must_stand(rehearsed, found)
        if not me.out.quiet:
            _tell(me, course)
            _advise(me, shop, rehearsed, scratch, found)
        rehearsed.engine.dispose()


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
            me.out.say(
                f"The scratch store is kept: SHOPCTL_DATA_DIR={place} shopctl --store sqlite:///{place / 'shop.db'}"
            )
        else:
            shutil.rmtree(place, ignore_errors=True)


def _opened(me: Face, scratch: Scratch, place: Path, clock: Callable[[], Any]) -> Shop:
    """A scratch store, with nothing of the shop's around it: no Redis, no gateway but a sandbox, no mail server."""
    from shopctl.config import Value

    own = {"store": scratch.url, "data_dir": str(place), "gateway": "sandbox"}
    none = dict.fromkeys(("redis", "smtp", "sandbox", "failpoint", "stripe_key_file"), "")
    values = {name: Value(value, "rehearsal") for name, value in (own | none).items()}
    return me.open_shop(replace(me.settings(), **values), clock=clock).but(actor="rehearsal")


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
