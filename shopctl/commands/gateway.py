"""The shop over HTTP. Keys are in gateway_keys.py."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING, Annotated

import typer

from shopctl.commands import gateway_keys
from shopctl.commands.face import Face, Reading, face, noun
from shopctl.core.errors import BadInput

if TYPE_CHECKING:
    from shopctl.core.shop import Shop

app = noun("The shop over HTTP: serve it, and say who may use it.")
app.add_typer(gateway_keys.app, name="keys")


@app.command(cls=Reading)
def serve(
    ctx: typer.Context,
    host: Annotated[str, typer.Option(metavar="ADDRESS", help="Where to listen; 0.0.0.0 is everywhere.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(metavar="N", help="0 is any free one.")] = 8080,
    workers: Annotated[int, typer.Option(metavar="N", help="How many processes.")] = 1,
    threads: Annotated[int, typer.Option(metavar="N", help="How many requests each has under way in the core.")] = 16,
    rate: Annotated[float, typer.Option(metavar="N", help="Requests a second of one API key; 0 is any number.")] = 500,
    shopper_rate: Annotated[float, typer.Option(metavar="N", help="The same of one shopper.")] = 20,
    grace: Annotated[float, typer.Option(metavar="SECONDS", help="To finish what is under way when it ends.")] = 20,
) -> None:
    """Answer HTTP requests until SIGTERM or Ctrl-C; the document of what there is to ask is at /openapi.json, to read at /docs.

    It speaks plain HTTP: let a proxy in front of it do TLS. Callers need a key of `gateway keys create`.
    """
    me = face(ctx)
    _within("workers", workers, 1, 64)
    _within("threads", threads, 1, 64)
    _within("rate", rate, 0, 1_000_000)
    _within("shopper-rate", shopper_rate, 0, 1_000_000)
    _within("grace", grace, 1, 600)
    serving = _installed()
    rules = serving.Rules(threads, serving.Rates(rate, shopper_rate))
    with me.shop() as shop:
        name = shop.facts.name
    door = serving.listen(host, port)
    place = f"[{host}]" if ":" in host else host
    me.out.say(f"{name} is served at http://{place}:{door.getsockname()[1]}")
    application = serving.Application(partial(_opened, replace(me, opened=None, log=None)), rules)
    serving.serve(application, door, workers=workers, grace=grace)


def _opened(me: Face) -> Shop:
    """The shop of a process of the gateway, which stays open."""
    shop = me.open_shop(me.settings(), read_only=me.read_only, narrate=me.narrator())
    return shop.but(log=me.log)


def _installed() -> ModuleType:
    try:
        import argon2  # noqa: F401 — only the first who logs in would notice

        from shopctl.gateway import serving
    except ModuleNotFoundError as error:
        from shopctl.core.domain.passwords import gateway_missing

        if (error.name or "").startswith("shopctl"):
            raise
        raise gateway_missing() from None
    return serving


def _within(name: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:
        raise BadInput("bad_number", f"--{name} is a number from {least:g} to {most:g}, not {value:g}", field=name)
