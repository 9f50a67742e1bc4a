"""What every command shares: options before the noun and after the verb, opening the shop, rows from `-`, questions."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperCommand, TyperGroup, TyperOption

from shopctl import core
from shopctl.commands.output import FORMATS, Output, is_terminal, unknown
from shopctl.core.errors import BadInput, BatchFailed, NotPermitted

if TYPE_CHECKING:
    from shopctl.commands.rows import UseCase
    from shopctl.config import Settings
    from shopctl.core.log import Failure, Log
    from shopctl.core.queries.listing import Listing
    from shopctl.core.shop import Shop

COLORS = ("auto", "always", "never")
SHORT_HELP = {"help_option_names": ["-h", "--help"]}


@dataclass
class Face:
    """The circumstances of one command, on the context as `ctx.obj`."""

    open_shop: Callable[..., Shop]
    out: Output = field(default_factory=Output)
    store: str | None = None
    profile: str | None = None
    read_only: bool = False
    debug: bool = False
    dry_run: bool = False
    yes: bool = False
    limit: int = 50
    sort: str | None = None
    filters: Sequence[str] = ()
    format_chosen: bool = False
    command: str = ""
    begun: float = field(default_factory=time.perf_counter)
    log: Log | None = None
    opened: Shop | None = None
    failed: str | None = None

    def settings(self) -> Settings:
        from shopctl import config

        found = config.resolve(store=self.store, profile=self.profile)
        self.log = self._log(found.log.value)
        return found

    def _log(self, place: str) -> Log:
        from shopctl.core import log

        return log.Log(self.out.log if place == "-" else log.to_file(place) if place else None, self.out.say)

    def ended(self, failure: Failure | None) -> None:
        """The command is over: its line in the log. One that never asked where things are has none."""
        if self.log is not None:
            from shopctl.core.log import Effort

            effort, request = (self.opened.effort, self.opened.request_id) if self.opened else (Effort(), None)
            self.log.ended(self.command, request, effort, self.begun, failure)

    @contextmanager
    def shop(self, *, writes: bool = False) -> Iterator[Shop]:
        """The configured shop; after a command that writes, its own changes are indexed and delivered, bounded."""
        shop = self.open_shop(self.settings(), read_only=self.read_only, dry_run=self.dry_run, narrate=self.narrator())
        self.opened = shop = shop.but(log=self.log)
        try:
            yield shop
            if writes and not (self.dry_run or self.read_only):
                core.housekeeping.after_command(shop)
        finally:
            shop.engine.dispose()
        if self.dry_run and writes:
            self.out.say("Dry run: nothing was changed.")

    def narrator(self) -> Callable[[str], None]:
        """Says each sentence once: what is so for one row of a pipe is mostly so for all."""
        said: set[str] = set()

        def narrate(sentence: str) -> None:
            if sentence not in said:
                said.add(sentence)
                self.out.say(sentence)

        return narrate

    # --- answers ------------------------------------------------------------------------------------------------------
    def do(self, use_case: Callable[[Shop], object]) -> None:
        """Run one use case that writes, and print its result."""
        with self.shop(writes=True) as shop:
            self.out.one(use_case(shop))

    def show(self, read: Callable[[Any], object], *, first: Callable[[Shop], object] = lambda _: None) -> None:
        """Read one thing in a snapshot, and print it; `first`: what must be done before the snapshot is taken."""
        with self.shop() as shop:
            first(shop)
            with shop.read() as tx:
                self.out.one(read(tx))

    def listed(
        self,
        listing: Listing[Any],
        columns: Sequence[str],
        *,
        where: Callable[[Any], Sequence[Any]] = lambda _: (),
        first: Callable[[Shop], object] = lambda _: None,
    ) -> None:
        """Print a list, filtered, sorted and cut; a cut list is announced. `where` narrows it in the same snapshot."""
        with self.shop() as shop:
            first(shop)
            with shop.read() as tx:
                self.page(tx, listing, lambda rows: self.out.many(rows, columns), where=where(tx))

    def page(
        self, tx: Any, listing: Listing[Any], shown: Callable[[list[Any]], None], *, where: Sequence[Any] = ()
    ) -> None:
        """Show what of a list was asked for; `shown` prints it, and a cut is announced after it."""
        if self.limit < -1:
            raise BadInput("bad_limit", f"A limit is a number of rows, or -1 for all, not {self.limit}")
        rows = listing.rows(tx, filters=self.filters, sort=self.sort, limit=self.limit, where=where)
        cut = self.limit >= 0 and len(rows) > self.limit
        shown(rows[: self.limit] if cut else rows)
        if cut:
            self.out.say(f"Only the first {self.limit} are shown; --limit -1 shows all.")

    def each(
        self,
        first: str,
        needed: Sequence[str],
        use_case: UseCase,
        row: Mapping[str, Any],
        *,
        alone: bool | Callable[[Shop], bool] = False,
    ) -> None:
        """Run a use case once for the row of the arguments, or, when the first of them is `-`, for each row of stdin."""
        if first == "-":
            self.rows(needed, use_case, alone=alone)
            return
        for name in needed:
            if row[name] is None:
                raise BadInput("usage", f"Missing argument {name.upper()!r}")
        self.do(lambda shop: use_case(shop, row))

    def rows(self, needed: Sequence[str], use_case: UseCase, *, alone: bool | Callable[[Shop], bool] = False) -> None:
        """Run a use case for every JSON line of stdin in this one process; a result a line, exit 9 if any failed.

        `alone`: the use case calls somebody outside between its transactions (in this shop), so its rows cannot share one.
        """
        from shopctl.commands.rows import Rows

        if not self.format_chosen:
            self.out.format = "jsonl"
        failed: list[int] = []
        with self.shop(writes=True) as shop:
            apart = alone(shop) if callable(alone) else alone
            self.out.many(Rows(needed, use_case, apart, self.command).results(shop, failed))
        if failed:
            count = len(failed)
            raise BatchFailed(
                "batch_failed", f"{count} of the rows failed", hint="Each has its own result.", failed=count
            )

    def column(self, given: Sequence[str], name: str) -> list[str]:
        """The values of an argument, or, when it is `-`, one field of every row of stdin: for reads, all or nothing."""
        from shopctl.commands.rows import column

        return column(name) if list(given) == ["-"] else list(given)

    def must_write(self, what: str) -> None:
        """For commands that make a store or migrate it: there is no shop yet that could refuse."""
        if self.read_only:
            raise NotPermitted("read_only", f"With --read-only, {what} is not possible")

    def confirm(self, question: str) -> None:
        """Ask before something destructive; without anybody to ask, --yes must have been said."""
        if self.yes or self.dry_run:
            return
        if not is_terminal(sys.stdin) or not is_terminal(sys.stderr):
            raise BadInput(
                "confirmation_needed", "This needs to be confirmed, and nobody can be asked", hint="Add --yes."
            )
        if not self.out.ask(question):
            raise typer.Abort


def whole(value: object, name: str) -> int:
    """A whole number from a row or an argument; BadInput for anything else (1.5, "many")."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lstrip("+-").isdigit() and value.isascii() and len(value) < 20:
        try:
            return int(value)
        except ValueError:
            pass
    raise BadInput("bad_number", f"{name} must be a whole number, not {value!r}", field=name, value=value)


# --- options ----------------------------------------------------------------------------------------------------------
def _option(*names: str, set_on: Callable[[Face, Any], None], **kwargs: Any) -> TyperOption:
    """An option that is kept on the Face instead of being passed; the later one wins."""

    def keep(ctx: Any, _param: Any, value: Any) -> Any:
        if value is not None and value != () and ctx.find_root().obj is not None:
            set_on(ctx.find_root().obj, value)
        return value

    kwargs = {"default": None, "expose_value": False, "callback": keep, **kwargs}
    return TyperOption(param_decls=list(names), **kwargs)


def _format(face: Face, value: str) -> None:
    if value not in FORMATS:
        raise unknown("format", value, FORMATS)
    face.out.format, face.format_chosen = value, True


def _color(face: Face, value: str) -> None:
    if value not in COLORS:
        raise unknown("color", value, COLORS)
    face.out.color = None if value == "auto" else value == "always"


def _attribute(name: str) -> Callable[[Face, Any], None]:
    return lambda face, value: setattr(face, name, value)


def _fields(face: Face, value: str) -> None:
    face.out.fields = [name.strip() for name in value.split(",") if name.strip()]


def _quiet(face: Face, value: bool) -> None:
    face.out.quiet = value


def common_options() -> list[TyperOption]:
    flag: dict[str, Any] = {"is_flag": True}
    return [
        _option("-o", "--output", set_on=_format, is_eager=True, metavar="|".join(FORMATS), help="How to print it."),
        _option("-q", "--quiet", set_on=_quiet, help="Errors only on stderr.", **flag),
        _option("--fields", set_on=_fields, metavar="A,B", help="Only these fields."),
        _option("--store", set_on=_attribute("store"), metavar="URL", help="The store: sqlite:///shop.db"),
        _option("--profile", set_on=_attribute("profile"), metavar="NAME", help="A profile of shopctl.toml."),
        _option("--read-only", set_on=_attribute("read_only"), help="Refuse every change.", **flag),
        _option("--color", set_on=_color, metavar="|".join(COLORS), help="When to use colour."),
        _option("--debug", set_on=_attribute("debug"), help="Show tracebacks.", **flag),
    ]


class Reading(TyperCommand):
    """A command that changes nothing."""

    extra: Callable[[], list[TyperOption]] = staticmethod(list)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for parameter in self.params:
            if parameter.metavar is None and not getattr(parameter, "is_flag", False):
                parameter.metavar = str(parameter.name).upper()
        self.params += [*type(self).extra(), *common_options()]

    def invoke(self, ctx: Any) -> Any:
        ctx.find_root().obj.command = ctx.command_path.partition(" ")[2]
        return super().invoke(ctx)

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """As everywhere: NAME is needed, [NAME] is not. (Typer writes {NAME}.)"""
        return [piece[1:-1] if piece.startswith("{") else piece for piece in super().collect_usage_pieces(ctx)]


class Listed(Reading):
    """A command that prints a list."""

    @staticmethod
    def extra() -> list[TyperOption]:
        return [
            _option("--limit", set_on=_attribute("limit"), type=int, metavar="N", help="How many (50); -1 is all."),
            _option("--sort", set_on=_attribute("sort"), metavar="[-]FIELD", help="Order by a field; - is descending."),
            _option(
                "--filter",
                set_on=_attribute("filters"),
                multiple=True,
                metavar="FIELD:VALUE",
                help="Only rows like that; !FIELD:VALUE excludes; may be repeated.",
            ),
        ]


class Writing(Reading):
    """A command that changes something; it can be rehearsed. Once it is done, a mistyped --fields is no failure."""

    def invoke(self, ctx: Any) -> Any:
        found: Face = ctx.find_root().obj
        found.out.lenient = not found.dry_run
        return super().invoke(ctx)

    @staticmethod
    def extra() -> list[TyperOption]:
        return [_option("--dry-run", set_on=_attribute("dry_run"), is_flag=True, help="Do it, show it, take it back.")]


class Destroying(Writing):
    """A command that asks before it does what cannot be undone."""

    @staticmethod
    def extra() -> list[TyperOption]:
        return [*Writing.extra(), _option("--yes", set_on=_attribute("yes"), is_flag=True, help="Do not ask.")]


class Noun(TyperGroup):
    """A group that shows its help when no verb is given."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params += common_options()
        self.rich_markup_mode = None

    def invoke(self, ctx: Any) -> Any:
        if not ctx._protected_args:
            typer.echo(ctx.get_help())
            return None
        return super().invoke(ctx)

    def summaries(self, ctx: Any) -> list[tuple[str, str]]:
        """The commands, and what each is for."""
        found = ((name, self.get_command(ctx, name)) for name in self.list_commands(ctx))
        return [(name, command.get_short_help_str(limit=80)) for name, command in found if command]


def noun(summary: str) -> typer.Typer:
    """A Typer app for one noun."""
    app = typer.Typer(cls=Noun, help=summary, rich_markup_mode=None, add_completion=False, context_settings=SHORT_HELP)
    app.callback()(_nothing)
    return app


def _nothing() -> None:
    """(Makes Typer build a group even of a single command.)"""


def choices(parameter: Any) -> list[str]:
    """The words that a parameter takes, when its metavar names them: draft|active|archived."""
    words = (parameter.metavar or "").split("|")
    return words if len(words) > 1 and all(word.islower() for word in words) else []


def face(ctx: typer.Context) -> Face:
    """The Face of this command."""
    found: Face = ctx.find_root().obj
    return found
