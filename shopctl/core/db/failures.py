"""What a driver raises, as the ShopError that it stands for. SQLite names its failures, Postgres numbers them (SQLSTATE)."""

from __future__ import annotations

import re

from sqlalchemy import exc

from shopctl.core.errors import BadInput, Refused, ShopError, StoreUnusable, TimedOut, Unavailable


class BrokenOff(Exception):
    """Marks a failure after which nothing is changed, and the same transaction may be tried again at once."""


class Conflict(TimedOut, BrokenOff):
    """Two transactions stood in each other's way, and the server ended this one."""


class Lost(Unavailable, BrokenOff):
    """The connection broke in the middle of a transaction that was not committed."""


_SQLITE: dict[str, tuple[type[ShopError], str, str]] = {
    "SQLITE_NOTADB": (StoreUnusable, "not_a_database", "The store's file is not an SQLite database"),
    "SQLITE_CORRUPT": (StoreUnusable, "store_damaged", "The store's file is damaged"),
    "SQLITE_READONLY": (StoreUnusable, "store_read_only", "The store is read-only"),
    "SQLITE_CANTOPEN": (StoreUnusable, "store_unreadable", "The store cannot be opened"),
    "SQLITE_PERM": (StoreUnusable, "store_unreadable", "The store cannot be opened"),
    "SQLITE_AUTH": (StoreUnusable, "store_unreadable", "The store cannot be opened"),
    "SQLITE_FULL": (Unavailable, "disk_full", "The disk is full; nothing was changed"),
    "SQLITE_IOERR": (Unavailable, "disk_error", "The disk failed while the store was used; nothing was changed"),
}
_CONFLICT = (Conflict, "store_conflict", "The store ended this change in favour of another one; nothing was changed")
_POSTGRES: dict[str, tuple[type[ShopError], str, str]] = {
    "40": _CONFLICT,
    "57P04": (StoreUnusable, "store_gone", "The store's database was removed"),
    "57P": (Lost, "store_unavailable", "The store cannot be reached"),
    "08": (Lost, "store_unavailable", "The store cannot be reached"),
    "53100": (Unavailable, "disk_full", "The store's disk is full; nothing was changed"),
    "53": (Unavailable, "store_overloaded", "The store has no room for another connection or statement"),
    "58": (Unavailable, "disk_error", "The store's disk failed; nothing was changed"),
    "28": (StoreUnusable, "store_refused", "The store does not let this user in"),
    "3D000": (StoreUnusable, "store_missing", "There is no such database on the server"),
    "42501": (StoreUnusable, "store_unreadable", "This user may not do that in the store's database"),
    "25006": (StoreUnusable, "store_read_only", "The store is read-only"),
    "XX": (StoreUnusable, "store_damaged", "The store's data is damaged"),
    "22003": (BadInput, "out_of_range", "A number or a time is out of range"),
    "22008": (BadInput, "out_of_range", "A number or a time is out of range"),
    "22021": (BadInput, "bad_text", "The store takes no such characters in a text"),
    "22P05": (BadInput, "bad_text", "The store takes no such characters in a text"),
}
"""By the beginning of an SQLSTATE, the longest first."""
_CONSTRAINTS: dict[str, tuple[str, str]] = {
    "not_oversold": ("insufficient_stock", "There is not enough stock for that"),
    "quantity_in_range": ("quantity_out_of_range", "That is more than one level can hold"),
    "uq_orders_open_checkout": ("cart_in_checkout", "This cart is already in a checkout"),
    "orders.cart_id": ("cart_in_checkout", "This cart is already in a checkout"),
}
_HINTS = {
    "store_missing": "Make it (createdb), then run `shopctl init`.",
    "store_refused": "Look at the user and the password in the store's URL.",
    "store_conflict": "Try again.",
    "store_unavailable": "A retry is safe.",
    "store_overloaded": "Try again, or allow more connections on the server.",
}


class translated:
    """Turn what a driver raises inside into the ShopError that it stands for."""

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, exc.SQLAlchemyError):
            meaning = translate(error)
            if meaning is not None:
                raise meaning from error


def translate(error: exc.SQLAlchemyError) -> ShopError | None:
    """The ShopError that a driver's failure stands for, or None when it is a defect of ours."""
    original = getattr(error, "orig", None)
    if isinstance(error, exc.IntegrityError):
        for name, (code, message) in _CONSTRAINTS.items():
            if name in str(original):
                return Refused(code, message)
        # On a server somebody may have made or removed the same thing since we looked: whoever looks again will see it.
        return conflict() if getattr(original, "sqlstate", None) in ("23505", "23503") else None
    if isinstance(error, exc.TimeoutError):  # of the pool
        return TimedOut("store_busy", "All connections to the store are in use", hint="Try again.")
    name = getattr(original, "sqlite_errorname", "")
    return _of_sqlite(name, str(original)) if name else _of_postgres(error, original)


def _of_sqlite(name: str, said: str) -> ShopError | None:
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return busy(None)
    if name == "SQLITE_INTERRUPT":
        return too_slow()
    for prefix, (kind, code, message) in _SQLITE.items():
        if name.startswith(prefix):
            return kind(code, message)
    return not_a_shop() if "no such table" in said else None


def _of_postgres(error: exc.SQLAlchemyError, original: object) -> ShopError | None:
    state = getattr(original, "sqlstate", None) or ""
    if state == "42P01":
        return not_a_shop()
    if state == "57014":
        return too_slow()
    if state == "55P03":
        return busy(None)
    for prefix, (kind, code, message) in _POSTGRES.items():
        if state.startswith(prefix):
            return kind(code, message, hint=_HINTS.get(code))
    if "NUL (0x00)" in str(original):
        return BadInput("bad_text", "A text cannot contain the character NUL")
    if isinstance(error, exc.DBAPIError) and error.connection_invalidated:
        return Lost("store_unavailable", "The connection to the store was lost", hint="A retry is safe.")
    if not state and _BAD_OPTION.search(str(original)):
        return BadInput(
            "bad_store_url",
            "The store's URL has an option that there is not, or a value that it cannot have",
            hint="After the ? it takes libpq's connection parameters.",
        )
    if isinstance(error, exc.OperationalError | exc.InterfaceError) and not state:
        return _unreachable(str(original))
    return None


_BAD_OPTION = re.compile(
    "invalid connection option|invalid URI query parameter|bad value for|invalid [a-z_]+ value: |invalid port number"
    "|invalid integer value|invalid value for parameter|unrecognized configuration parameter"
)
"""How libpq says that it was asked for a connection that cannot be; the server was not, or refused the session's settings."""


def _unreachable(said: str) -> ShopError:
    """A connection that did not come about has no SQLSTATE, only the server's words."""
    for words, state in (
        ("password authentication failed", "28"),
        ("no password supplied", "28"),
        ("no pg_hba.conf entry", "28"),
        ("role ", "28"),
        ("does not exist", "3D000"),
        ("too many clients", "53"),
        ("remaining connection slots", "53"),
    ):
        if words in said:
            kind, code, message = _POSTGRES[state]
            return kind(code, message, hint=_HINTS.get(code))
    return Lost("store_unavailable", "The store cannot be reached", hint="A retry is safe.")


def conflict() -> ShopError:
    kind, code, message = _CONFLICT
    return kind(code, message, hint=_HINTS[code])


def not_a_shop() -> StoreUnusable:
    return StoreUnusable("not_initialised", "The store holds no shop", hint="Run `shopctl init` to make one.")


def too_slow() -> TimedOut:
    return TimedOut("too_slow", "The store took too long to answer", hint="Narrow the question, or try again.")


def busy(seconds: float | None) -> TimedOut:
    waited = "too long" if seconds is None else f"for {seconds:g} seconds"
    return TimedOut(
        "store_busy", f"Another process kept the store locked {waited}", hint="Nothing was changed; try again."
    )
