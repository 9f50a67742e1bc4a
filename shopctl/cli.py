"""The root command: a lazy table of nouns, the global options, and errors as exit statuses.

Help, `version` and completion import none of the heavy packages: a noun's module is loaded when it is called, and modules
load the core when they run.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import traceback
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from typer import _click as click

from shopctl.commands.face import SHORT_HELP, Face, Noun
from shopctl.commands.output import BROKEN_PIPE, MACHINE, Output, abandon_stdout, output_failed
from shopctl.core.errors import BadInput, ShopError, meaning_of

if TYPE_CHECKING:
    from shopctl.core.shop import Shop

DEBUG = "Add --debug to see where."
COMMANDS = {
    "init": ("start", "Make a shop: a store, its currency, its first warehouse."),
    "demo": ("demo", "Build a demo shop, run a day of orders through it, and verify it."),
    "search": ("search", "Search the catalogue, with facets and live stock."),
    "dashboard": ("dashboard", "Open the console."),
    "verify": ("verify", "Check every promise of the books."),
    "doctor": ("doctor", "Check what is around the shop: versions, durability, workers, what waits."),
    "version": ("start", "Print the version."),
    "catalog": ("catalog", "Products, variants, categories; import and export."),
    "stock": ("stock", "What is where: levels, receipts, transfers, counts, history."),
    "reservations": ("reservations", "Stock held for carts and orders: who holds what, and why."),
    "cart": ("cart", "Carts: what somebody means to buy."),
    "checkout": ("checkout", "Quote a cart, place an order."),
    "orders": ("orders", "Orders: list, show, pay, ship, deliver, cancel, refund, return; notes, papers, watching."),
    "payments": ("payments", "What was charged and refunded."),
    "sales": ("sales", "Flash sales: units set aside, a queue, a turn for each who waits."),
    "customers": ("customers", "Accounts, addresses, order history."),
    "events": ("events", "What happened: the feed of events; letters and webhooks that tell of it."),
    "reports": ("reports", "Figures: sales, stock, the funnel from cart to parcel."),
    "gateway": ("gateway", "The shop over HTTP: serve it, and say who may use it."),
    "store": ("store", "The store: settings, rates, recovery, copies, index."),
    "spec": ("spec", "The whole command line as data: commands, options, fields, errors."),
}
"""Name → module in shopctl.commands, summary. The whole help of the root, without importing any of them."""


class Root(Noun):
    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"shopctl.commands.{COMMANDS[cmd_name][0]}")
        group: Any = typer.main.get_command(module.app)
        return group.commands.get(cmd_name, group) if hasattr(module, "TOP_LEVEL") else group

    def summaries(self, ctx: Any) -> list[tuple[str, str]]:
        return [(name, summary) for name, (_, summary) in COMMANDS.items()]

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(self.summaries(ctx))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """As Typer does, but suggesting from the table."""
        if args and args[0] not in COMMANDS:
            from shopctl.commands.output import unknown

            raise unknown("command", args[0], COMMANDS)
        return super().resolve_command(ctx, args)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """--show-completion and --install-completion need not name the shell."""
        if args and args[-1] in ("--install-completion", "--show-completion"):
            from shopctl.commands import shells

            args = [*args, shells.running()]
        return super().parse_args(ctx, args)

    def _main_shell_completion(self, ctx_args: Any, prog_name: str, complete_var: str | None = None) -> None:
        if "_SHOPCTL_COMPLETE" in os.environ:
            from shopctl.commands import complete

            sys.exit(complete.answer(self, ctx_args))


app = typer.Typer(
    cls=Root,
    help="A shop run from a terminal.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,  # ours knows the shop, and evaluates nothing
    context_settings=SHORT_HELP,
)


def _install_completion(ctx: typer.Context, shell: str | None) -> None:
    if shell is not None and not ctx.resilient_parsing:
        from shopctl.commands import shells

        path = shells.install(shell)
        ctx.obj.out.say(f"Completion for {shell} is installed in {path}; a new terminal has it.")
        raise typer.Exit


def _show_completion(ctx: typer.Context, shell: str | None) -> None:
    if shell is not None and not ctx.resilient_parsing:
        from shopctl.commands import shells

        ctx.obj.out.raw([shells.script(shell)])
        raise typer.Exit


@app.callback()
def _root(
    install_completion: Annotated[
        str | None,
        typer.Option(metavar="[SHELL]", callback=_install_completion, is_eager=True, help="TAB for bash, zsh or fish."),
    ] = None,
    show_completion: Annotated[
        str | None,
        typer.Option(metavar="[SHELL]", callback=_show_completion, is_eager=True, help="The same, to look at."),
    ] = None,
) -> None:
    """A shop run from a terminal."""


def _open_shop(*args: Any, **kwargs: Any) -> Shop:
    from shopctl.bootstrap import open_shop

    return open_shop(*args, **kwargs)


def main() -> NoReturn:
    """Run the command line, and leave with the documented exit status."""
    _fill_closed_streams()
    signal.signal(signal.SIGTERM, _terminated)
    # An import makes thousands of objects that all live as long as a batch; the default of 700 looks through them again
    # and again, which takes a sixth of its time.
    gc.set_threshold(50_000, 20, 20)
    face = Face(_open_shop, Output(format=_wanted_format(sys.argv)))
    try:
        status = _run(face)
    except SystemExit as left:
        _logged(face, left.code if isinstance(left.code, int) else 1)
        raise
    _logged(face, status)
    sys.exit(status)


def _logged(face: Face, status: int) -> None:
    if face.log is not None:
        from shopctl.core.log import Failure

        face.ended(Failure(status, face.failed or _ENDED.get(status, "unexpected")) if status else None)


_ENDED = {130: "interrupted", BROKEN_PIPE: "broken_pipe", 143: "terminated"}


def _run(face: Face) -> int:
    try:
        status = _invoke(face)
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        abandon_stdout()
        return BROKEN_PIPE
    except OSError as error:
        return _fail(face, output_failed(error))


def _invoke(face: Face) -> int:
    try:
        return int(typer.main.get_command(app).main(standalone_mode=False, prog_name="shopctl", obj=face) or 0)
    except ShopError as error:
        return _fail(face, error)
    except click.exceptions.UsageError as error:
        hint = f"See `{error.ctx.command_path} --help`." if error.ctx else None
        return _fail(face, BadInput("usage", error.format_message().rstrip("."), hint=hint))
    except (typer.Abort, KeyboardInterrupt):
        return 130
    except Exception as error:  # the last resort: a defect of ours, said in one line
        if face.debug:
            traceback.print_exc()
            return 1
        meaning = meaning_of(error)
        return _fail(face, meaning or ShopError("unexpected", f"Unexpected {type(error).__name__}", hint=DEBUG))


def _fail(face: Face, error: ShopError) -> int:
    if face.debug:
        traceback.print_exc()
    face.failed = error.code
    face.out.error(error)
    return error.exit_status


def _wanted_format(argv: list[str]) -> str:
    """The -o of a command line that may not parse: its errors should speak the caller's format all the same."""
    for i, word in enumerate(argv):
        value = argv[i + 1] if word in ("-o", "--output") and i + 1 < len(argv) else ""
        if word.startswith(("--output=", "-o")) and not value:
            value = word.removeprefix("--output=").removeprefix("-o")
        if value in MACHINE:
            return value
    return "table"


def _terminated(_signal: int, _frame: object) -> NoReturn:
    raise SystemExit(143)


def _fill_closed_streams() -> None:
    """With stdin, stdout or stderr closed, the next file opened would take their number: fill the gap."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115
