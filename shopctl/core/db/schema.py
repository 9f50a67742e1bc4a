"""The version of a store's schema: one SELECT to check it; Alembic, which is slow to load, only to change it.

`schema_version` says what a store's schema is, and `alembic_version` the oldest schema whose release can use it, because
that is where a release of 0002 looks: an expanded store still says 0002 to it. Each migration since 0003 states the latter
as its `compatible_since`; one that shuts out the release that the store was made for is a contraction, done when asked for.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from shopctl.core.db import engine as stores
from shopctl.core.db import failures, upkeep
from shopctl.core.db.tables import schema_version
from shopctl.core.errors import Refused, StoreUnusable

HEAD = "0006"
NEEDS = "0006"
"""The oldest schema that this release works on: HEAD, or what comes before the contractions at the end."""

MIGRATIONS = Path(__file__).with_name("migrations")
_OURS = re.compile("[0-9]{4}")
"""What a version of ours looks like."""
_compatible = sa.table("alembic_version", sa.column("version_num"))
_STATE: sa.Select[Any] = sa.select(schema_version.c.version, _compatible.c.version_num).join_from(
    _compatible, schema_version, sa.true()
)
_BEFORE_0003: sa.Select[Any] = sa.select(_compatible.c.version_num, _compatible.c.version_num)


@dataclass(frozen=True, slots=True)
class Step:
    """One migration that a store lacks; `compatible_since` is the oldest schema whose release can use the store after it."""

    version: str
    what: str
    compatible_since: str | None


@dataclass(frozen=True, slots=True)
class Upgrade:
    """What a migration did to a store, and what is left for when no older release uses it any more."""

    before: str | None
    after: str | None
    steps: Sequence[Step]
    left: Sequence[Step]


def check(engine: sa.Engine) -> None:
    """Raise StoreUnusable unless the store holds a shop whose schema this release can use."""
    found = version(engine)
    if found is None:
        raise failures.not_a_shop()
    if found < NEEDS:
        raise StoreUnusable(
            "older_schema",
            f"The store's schema is {found}; this shopctl needs {NEEDS}",
            hint="Run `shopctl store migrate`.",
        )


def version(engine: sa.Engine) -> str | None:
    """The store's schema version; None when it has none. StoreUnusable(newer_schema) when this release cannot use it."""
    found = _state(engine, _STATE) or _state(engine, _BEFORE_0003)
    if found is None or not all(_OURS.fullmatch(str(one)) for one in found):  # others keep their version there, too
        return None
    current, compatible_since = found
    if compatible_since > HEAD:
        raise StoreUnusable(
            "newer_schema",
            f"The store's schema is {max(found)}, newer than this shopctl knows ({HEAD})",
            hint="Upgrade shopctl.",
        )
    return str(current)


def create(connection: sa.Connection, version: str | None = None) -> None:
    """Make the tables of a version (this release's) in the open transaction of an empty store."""
    upkeep.migrating(connection)
    _migrate(connection, version or HEAD, contract=True)


def version_in(connection: sa.Connection) -> str:
    """The schema of a store that this release can use."""
    return str(connection.execute(sa.select(schema_version.c.version)).scalar_one())


def upgrade(engine: sa.Engine, to: str | None = None, *, contract: bool = True, dry_run: bool = False) -> Upgrade:
    """Bring a store to a version (this release's), creating what is not there: all of it in one transaction, or nothing.

    Without `contract`, migrations stop before one that would shut out the release of the schema that was found.
    """

    def once() -> Upgrade:
        with (
            engine.connect() as connection,
            stores.writing(connection),
            connection.begin() as transaction,
        ):
            upkeep.migrating(connection)
            done = _migrate(connection, to or HEAD, contract=contract)
            if dry_run:
                transaction.rollback()
            return done

    return upkeep.patiently(engine, once)


def complete(connection: sa.Connection) -> None:
    """Bring a store in the making to this release's version, in its open transaction."""
    _migrate(connection, HEAD, contract=True)


def steps() -> Sequence[Step]:
    """All migrations that this release knows, the first one first."""
    from alembic.script import ScriptDirectory

    return [_step(script) for script in reversed(list(ScriptDirectory(MIGRATIONS).walk_revisions()))]


def _migrate(connection: sa.Connection, to: str, *, contract: bool) -> Upgrade:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    before = _found(connection)
    lacking = [step for step in steps() if (before or "") < step.version <= to]
    now, left = (lacking, []) if contract or before is None else _parted(lacking, before)
    after = now[-1].version if now else before
    if left and (after or "") < NEEDS:
        raise Refused(
            "older_releases",
            f"This shopctl needs the schema {NEEDS}, with which the release of {before} cannot work",
            hint="Stop every shopctl of an older release, then run `shopctl store migrate --contract`.",
        )
    if now:
        _record(connection, before)
        command.upgrade(config, now[-1].version)
        _record(connection, now[-1].version, now[-1].compatible_since)
    return Upgrade(before, after, now, left)


def _parted(lacking: Sequence[Step], made_for: str) -> tuple[Sequence[Step], Sequence[Step]]:
    """What the release of a schema can go on with, and what comes from the first contraction on."""
    for at, step in enumerate(lacking):
        if step.compatible_since is None:  # from before the rule: it shut out who came before it
            made_for = step.version
        elif step.compatible_since > made_for:
            return lacking[:at], lacking[at:]
    return lacking, []


def _step(script: Any) -> Step:
    return Step(script.revision, script.doc, getattr(script.module, "compatible_since", None))


def _record(connection: sa.Connection, version: str | None, compatible_since: str | None = None) -> None:
    """Say what the schema is. Alembic and the releases up to 0002 look at `alembic_version` only."""
    if version is None:
        return
    connection.execute(sa.update(_compatible).values(version_num=compatible_since or version))
    if compatible_since is not None:
        connection.execute(sa.delete(schema_version))
        connection.execute(sa.insert(schema_version).values(version=version))


def _found(connection: sa.Connection) -> str | None:
    """The schema of a store that is being migrated."""
    tables = sa.inspect(connection).get_table_names()
    known = schema_version.c.version if schema_version.name in tables else _compatible.c.version_num
    return connection.execute(sa.select(known)).scalar() if _compatible.name in tables else None


def _state(engine: sa.Engine, statement: sa.Select[Any]) -> Sequence[str] | None:
    """The one row of a statement, or None; a table that is not there has none."""
    try:
        with engine.connect() as connection:
            return connection.execute(statement).first()
    except sa.exc.SQLAlchemyError as error:
        meaning = failures.translate(error)
        if meaning is not None and meaning.code == "not_initialised":
            return None
        raise meaning or error from None
