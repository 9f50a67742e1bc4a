"""The store: settings, rates, recovery, copies, index."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from shopctl import core
from shopctl.commands import moving, progress, rates, store_worker
from shopctl.commands.face import Destroying, Reading, Writing, face, noun
from shopctl.core.domain.facts import EDITABLE
from shopctl.core.errors import BadInput, Refused, StillPending

app = noun("The store: settings, rates, recovery, copies, index.")
app.add_typer(rates.tax, name="tax")
app.add_typer(rates.shipping, name="shipping")


@app.command(cls=Reading)
def info(ctx: typer.Context) -> None:
    """The shop, what is in it, and where each setting comes from."""
    me = face(ctx)
    from dataclasses import asdict

    from shopctl.core.domain.safe import without_password

    settings = me.settings()
    with me.shop() as shop:
        facts = core.store.info(shop)
    mine = asdict(settings)
    mine["store"]["value"] = core.store.without_password(settings.store.value)
    for url in ("redis", "smtp"):
        mine[url]["value"] = without_password(mine[url]["value"])
    where = [{"setting": name, **value, "since": None} for name, value in mine.items()]
    me.out.one({**facts, "settings": [*where, *facts["settings"]]})


@app.command("set", cls=Writing)
def set_(
    ctx: typer.Context,
    key: Annotated[
        str,
        typer.Argument(help=f"- to read rows, or {', '.join(EDITABLE)}."),
    ],
    value: Annotated[str | None, typer.Argument()] = None,
) -> None:
    """Change a rule of the shop. Rows of -: {"key", "value"}."""

    def one(shop: Any, row: Any) -> object:
        return core.settings.set_value(shop, key=row["key"], value=str(row["value"]))

    face(ctx).each(key, ("key", "value"), one, {"key": key, "value": value})


@app.command(cls=Writing)
def pause(
    ctx: typer.Context,
    reason: Annotated[str, typer.Option(help="Why, for whoever is refused.")],
) -> None:
    """Refuse new checkouts. Carts, reads and the checkouts that have begun go on."""
    face(ctx).do(lambda shop: core.pause.pause(shop, reason=reason))


@app.command(cls=Writing)
def resume(ctx: typer.Context) -> None:
    """Take new orders again."""
    face(ctx).do(core.pause.resume)


@app.command(cls=Reading)
def metrics(ctx: typer.Context) -> None:
    """The shop in numbers, in Prometheus' text format; with -o a row for each number."""
    me = face(ctx)
    with me.shop() as shop:
        found = core.metrics.read(shop)
    if me.format_chosen:
        me.out.many([sample for metric in found for sample in metric.samples])
        return
    from shopctl.core.domain.prometheus import exposition

    me.out.raw(exposition(found))


@app.command(cls=Writing)
def recover(ctx: typer.Context) -> None:
    """Finish every checkout and refund that a dead process left behind."""
    me = face(ctx)
    with me.shop(writes=True) as shop:
        results = core.recovery.recover(shop)
        core.housekeeping.revive(shop)
        me.out.many(results)
    left = sum(not found.ok for found in results)
    if left:
        message = f"{left} of what was left unfinished could not be finished now"
        raise StillPending("not_recovered", message, hint="Run it again later.", left=left)
    me.out.say(f"{len(results)} orders and refunds looked at." if results else "Nothing was left unfinished.")


@app.command(cls=Destroying)
def repair(
    ctx: typer.Context,
    plan: Annotated[bool, typer.Option("--plan", help="Show what --apply would mend; so without either.")] = False,
    apply: Annotated[bool, typer.Option("--apply", help="Mend it.")] = False,
    reason: Annotated[
        str | None, typer.Option(help="Why, for the stock ledger; else it names the check that found it.")
    ] = None,
) -> None:
    """Mend derived data: stock counters, from the ledger and live holds. Never money.

    Each mend is a movement of its own in the ledger (`stock history SKU --filter kind:repair`), with who did it and why.
    """
    me = face(ctx)
    if plan and apply:
        raise BadInput("usage", "--plan only shows what --apply does: choose one")
    if apply:
        me.confirm("Rewrite the stock counters that disagree with what they are derived from?")
    with me.shop(writes=apply) as shop:
        mends = core.verify.repair(shop, apply=apply, reason=reason)
        me.out.many(mends)
    stuck = sum(mend.problem is not None for mend in mends)
    if apply and stuck:
        message = f"{stuck} of {len(mends)} stock levels cannot be mended: what they are derived from is wrong"
        raise Refused("not_mended", message, hint="`shopctl verify` says what is.", left=stuck)
    me.out.say(f"{len(mends)} {'mended' if apply else 'to mend; --apply does it'}." if mends else "Nothing to mend.")


@app.command(cls=Writing)
def reindex(ctx: typer.Context) -> None:
    """Build the search index anew from the catalogue."""
    me = face(ctx)
    with me.shop(writes=True) as shop:
        with progress.counting(me, "Indexing") as step:
            count = core.search.reindex(shop, step)
        me.out.one({"indexed": count})


@app.command(cls=Writing)
def migrate(
    ctx: typer.Context,
    contract: Annotated[
        bool, typer.Option("--contract", help="Also what shuts out older releases, once none of them runs.")
    ] = False,
) -> None:
    """Bring the store to this release's schema, as far as older releases can follow."""
    me = face(ctx)
    me.must_write("store migrate")
    chosen = me.settings()
    done = core.store.migrate(
        chosen.store.value, lock_wait=chosen.lock_wait_seconds, dry_run=me.dry_run, contract=contract
    )
    me.out.one({"before": done.before, "after": done.after, "changed": bool(done.steps), "steps": done.steps})
    if done.left:
        left = ", ".join(step.version for step in done.left)
        me.out.say(
            f"Left for when no older shopctl uses the store: {left}; `shopctl store migrate --contract` does it."
        )
    if me.dry_run:
        me.out.say("Dry run: nothing was changed.")


app.command(cls=Writing)(store_worker.worker)


moving.register(app)
