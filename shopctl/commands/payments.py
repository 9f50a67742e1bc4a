"""What was charged and refunded."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from shopctl import core
from shopctl.commands.face import Listed, Reading, Writing, face, noun
from shopctl.core.domain.times import moment
from shopctl.core.errors import BadInput, Refused

app = noun("What was charged and refunded.")
DRIFT = ("kind", "order", "gateway", "reference", "amount", "currency", "mend")


@app.command("list", cls=Listed)
def list_(ctx: typer.Context) -> None:
    """Payments, the latest order's first."""
    columns = (
        "order",
        "state",
        "amount",
        "captured",
        "refunded",
        "currency",
        "decline_code",
        "reference",
        "created_at",
    )
    face(ctx).listed(core.queries.payments.LIST, columns)


@app.command(cls=Reading)
def show(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="N|ID", help="An order's number, a payment's id or reference.")],
) -> None:
    """One payment."""
    face(ctx).show(lambda tx: core.queries.payments.payment(tx, name))


@app.command(cls=Writing)
def refunded(
    ctx: typer.Context,
    name: Annotated[
        str, typer.Argument(metavar="N|ID", help="An order's number, a payment's id or reference; or - for rows.")
    ],
    reference: Annotated[str | None, typer.Option(help="What the other platform calls the refund.")] = None,
) -> None:
    """Note that the money of an order that was paid by hand, or before its import, was given back; each refund by itself, the
    oldest first. Rows of -: {"name", "reference"?}."""

    def one(shop: Any, row: Mapping[str, Any]) -> object:
        return core.payments.refunded(shop, name=row["name"], reference=row.get("reference"))

    face(ctx).each(name, ("name",), one, {"name": name, "reference": reference})


@app.command(cls=Reading)
def reconcile(
    ctx: typer.Context,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="Only what was made from then on: 2026-11-22 or with a time.")
    ] = None,
) -> None:
    """Compare payments and refunds with the gateway's own ledger, both ways; 0 alike, 6 when they differ.

    Each difference is a row with what mends it: charged without an order, an order without its charge, charged twice, another
    amount, an authorization that has lapsed, a question older than the gateway remembers.
    """
    me = face(ctx)
    found: list[str] = []

    def counted(shop: Any) -> Iterator[Any]:
        from_then = since and moment(since, shop.facts.timezone)
        for drift in core.reconcile.find(shop, since=from_then or None):
            found.append(drift.kind)
            yield drift

    with me.shop() as shop:
        me.out.many(counted(shop), DRIFT)
    if found:
        kinds = dict(Counter(found))
        raise Refused("not_reconciled", f"{len(found)} differences were found", hint="Each row has its mend.", **kinds)
    me.out.say("The gateway and the payments agree.")


@app.command(cls=Reading)
def selftest(ctx: typer.Context) -> None:
    """Try the configured gateway: every check of the contract that it must keep, with its test key; 0 kept, 6 broken.

    Nothing of it is the shop's: the sandbox does it in a ledger of its own, Stripe under another shop's name.
    """
    from tempfile import TemporaryDirectory

    from shopctl.bootstrap import gateway_for_selftest
    from shopctl.core.payments import contract

    me = face(ctx)
    with me.shop() as shop, TemporaryDirectory() as scratch:
        gateway = gateway_for_selftest(me.settings(), shop.facts, Path(scratch))
        if gateway.live:
            raise Refused(
                "live_key", "The selftest charges cards, and the key is a live one", hint="Use a test key for it."
            )
        lab = contract.Lab(gateway, shop.facts.currency)
        results = list(contract.run(lab))
        me.out.many(results)
    if broken := [shown.check for shown in results if shown.result == "failed"]:
        raise Refused("contract_broken", f"The gateway {gateway.name} breaks its contract: {', '.join(broken)}")
    kept = sum(shown.result == "ok" for shown in results)
    unshown = f", {len(results) - kept} not shown" if kept < len(results) else ""
    me.out.say(f"The gateway {gateway.name} keeps its contract: {kept} checks{unshown}.")


@app.command(cls=Writing)
def notice(
    ctx: typer.Context,
    body: Annotated[str, typer.Argument(metavar="-", help="The notice's body, as it came, from stdin.")],
    signature: Annotated[
        str,
        typer.Option(
            envvar="SHOPCTL_SIGNATURE",
            help="The header that it was signed in: Stripe-Signature of a webhook of Stripe.",
        ),
    ] = "",
) -> None:
    """Heed what the gateway tells (a webhook): verify it, ask the gateway, and settle the order. Repeats change nothing."""
    if body != "-":
        raise BadInput("usage", "The body of a notice is read from stdin", hint="shopctl payments notice - < BODY")
    told = sys.stdin.buffer.read()
    face(ctx).do(lambda shop: core.notices.heed(shop, body=told, signature=signature))


@app.command(cls=Writing)
def confirm(
    ctx: typer.Context,
    number: Annotated[str, typer.Argument(metavar="N", help="The order's number; or - for rows.")],
    fail: Annotated[bool, typer.Option("--fail", help="The shopper does not succeed.")] = False,
) -> None:
    """Play the shopper whose payment waits for them (3-D Secure); with the sandbox only. Rows of -: {"number"}."""

    def one(shop: Any, row: Mapping[str, Any]) -> object:
        return core.notices.confirm(shop, number=row["number"], succeed=not fail)

    face(ctx).each(number, ("number",), one, {"number": number}, alone=True)
