"""A store kept in a file: an SQLite store as it is (.db), or any store as lines of JSON (.jsonl, .jsonl.gz)."""

from __future__ import annotations

import errno
import gzip
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from shopctl import __version__
from shopctl.core.db import engine as stores
from shopctl.core.db import making, schema, upkeep
from shopctl.core.db.unit_of_work import UnitOfWork
from shopctl.core.errors import BadInput, StoreUnusable, Unavailable
from shopctl.core.moving import lines, rows
from shopctl.core.moving.copy import Progress, told
from shopctl.core.shop import Shop

ENDINGS = (".jsonl.gz", ".jsonl", ".db")


@dataclass(frozen=True, slots=True)
class Kept:
    """A backup that was made."""

    file: str
    format: str
    bytes: int


def backup(shop: Shop, file: Path, *, progress: Progress, replace: bool = False) -> Kept:
    """Keep the shop in a file that only its owner can read. Errors: store_exists, unknown_ending, not_a_file_store."""
    ending = next((ending for ending in ENDINGS if file.name.endswith(ending)), None)
    if ending is None:
        raise BadInput(
            "unknown_ending",
            f"The name of a backup says what it is: {', '.join(ENDINGS)}",
            hint=".db is an SQLite store as it is; the others are of any store and for any store.",
        )
    if ending == ".db" and shop.engine.dialect.name != "sqlite":
        raise BadInput(
            "not_a_file_store",
            "Only an SQLite store can be kept as it is",
            hint="Name the backup .jsonl.gz, or make an SQLite store of it: `shopctl store copy`.",
        )
    try:
        with making.drafted(file, replace=replace) as draft:
            if ending == ".db":
                upkeep.copy_file(shop.engine, draft, progress)
            else:
                _write(draft, backup_lines(shop, progress), zipped=ending == ".jsonl.gz")
            size = draft.stat().st_size
    except OSError as error:
        kind = Unavailable if error.errno == errno.ENOSPC else StoreUnusable
        raise kind("backup_unwritable", f"The backup cannot be written to {file}: {error.strerror}") from None
    return Kept(str(file), ending.removeprefix("."), size)


def backup_lines(shop: Shop, progress: Progress) -> Iterator[str]:
    """The shop as lines of JSON."""
    with shop.read() as tx:
        stores.take_time(tx.connection)
        counts = rows.counts(tx.connection)
        with rows.read(tx.connection) as found:
            yield from lines.written(_header(tx, counts), told(found, sum(counts.values()), progress))


def _header(tx: UnitOfWork, counts: dict[str, int]) -> dict[str, object]:
    return {
        "shop": tx.facts.id,
        "name": tx.facts.name,
        "schema": schema.version(tx.engine),
        "release": __version__,
        "taken_at": tx.now,
        "rows": counts,
    }


def _write(draft: Path, text: Iterator[str], *, zipped: bool) -> None:
    with open(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
        # Neither name nor time go into the file: the same shop is the same backup.
        packed = gzip.GzipFile("", "wb", compresslevel=6, fileobj=file, mtime=0) if zipped else file
        packed.writelines(line.encode("ascii") for line in text)
        if zipped:
            packed.close()
        file.flush()
        os.fsync(file.fileno())
