"""The shop's own settings, kept in its store: facts that identify it and rules that it follows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import sqlalchemy as sa

from shopctl.core import outbox
from shopctl.core.db import dialects, failures
from shopctl.core.db.tables import MAX_QUANTITY, settings
from shopctl.core.db.unit_of_work import UnitOfWork
from shopctl.core.domain import text
from shopctl.core.domain.facts import LETTERS, Facts
from shopctl.core.domain.near import did_you_mean
from shopctl.core.errors import BadInput
from shopctl.core.shop import Shop, retried

_LONGEST_TEXT = 2000


def _seconds(value: str) -> int:
    return _count(value, 366 * 24 * 3600, "seconds from 1 to a year")


def _days(value: str) -> int:
    return _count(value, 3660, "days from 1 to ten years")


def _count(value: str, most: int, meaning: str) -> int:
    if not (value.isascii() and value.isdigit() and len(value) < 10 and 1 <= int(value) <= most):
        raise BadInput("bad_setting", f"{value!r} is not a number of {meaning}", value=value)
    return int(value)


def _either(setting: str, one: str, other: str) -> Callable[[str], str]:
    def chosen(value: str) -> str:
        if value not in (one, other):
            raise BadInput("bad_setting", f"{setting} is {one} or {other}, not {value!r}", value=value)
        return value

    return chosen


def time_zone(value: str) -> str:
    try:
        return ZoneInfo(value).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise BadInput("bad_timezone", f"{value!r} is not a time zone such as Europe/Berlin", value=value) from None


def country_code(value: str) -> str:
    code = value.strip().upper()
    if len(code) != 2 or not code.isascii() or not code.isalpha():
        raise BadInput("bad_country", f"{value!r} is not a two-letter country code (ISO 3166)", value=value)
    return code


def shop_name(value: str) -> str:
    name = value.strip()
    if not name or len(name) > 200 or not name.isprintable():
        raise BadInput("bad_setting", "A name has 1 to 200 visible characters", value=value)
    return name


def email_sender(value: str) -> str:
    if not text.EMAIL.fullmatch(value.strip()):
        raise BadInput("bad_email", f"{value!r} is not an e-mail address", value=value)
    return value.strip()


def letters(value: str) -> str:
    """Which letters customers get: some of them in their own order, all or none."""
    named = {word.strip() for word in value.split(",")}
    if named in ({"all"}, {"none"}):
        return named.pop()
    names = [*dict.fromkeys(LETTERS.values())]
    for word in sorted(named - {*names}):
        hint = did_you_mean(word, names) or f"There are {', '.join(names)}; or all, or none."
        raise BadInput("bad_setting", f"There is no letter {word!r}", hint=hint, value=value)
    return ",".join(name for name in names if name in named)


def payment_instructions(value: str) -> str | None:
    """How customers pay by hand, in any number of lines; None for nothing."""
    try:
        said = text.storable(value.strip())
    except ValueError as error:
        raise BadInput("bad_setting", f"The text {error}", value=value) from None
    if len(said) > _LONGEST_TEXT:
        raise BadInput("bad_setting", f"The text has at most {_LONGEST_TEXT} characters", length=len(said))
    return said or None


def _rate(value: str) -> int:
    """So many a minute; 0 for as many as they like."""
    if not value.isascii() or not value.isdigit() or int(value) > MAX_QUANTITY:
        raise BadInput("bad_setting", f"A rate is how many a minute, or 0 for no limit, not {value!r}", value=value)
    return int(value)


def low_stock(value: str) -> int | None:
    """The shop's own threshold; None for none."""
    if value.strip().casefold() == "none":
        return None
    if not value.isascii() or not value.isdigit() or int(value) > MAX_QUANTITY:
        raise BadInput("bad_setting", f"low_stock is a number of units, or none, not {value!r}", value=value)
    return int(value)


EDITABLE: Mapping[str, Callable[[str], Any]] = {
    "name": shop_name,
    "country": country_code,
    "timezone": time_zone,
    "hold_at": _either("hold_at", "cart", "checkout"),
    "capture": _either("capture", "order", "shipment"),
    "hold_seconds": _seconds,
    "cart_seconds": _seconds,
    "cart_persist_seconds": _seconds,
    "sale_customer_rate": _rate,
    "sale_source_rate": _rate,
    "sale_sku_rate": _rate,
    "events_days": _days,
    "email_sender": email_sender,
    "letters": letters,
    "payment_instructions": payment_instructions,
    "low_stock": low_stock,
}
"""What `store set` changes; currency and id are the shop's for good."""


def load(engine: sa.Engine) -> Facts:
    """The shop's facts, or StoreUnusable when there is no shop here."""
    try:
        with engine.connect() as connection:
            return facts_of(connection)
    except sa.exc.SQLAlchemyError as error:
        raise failures.translate(error) or error from None


def facts_of(connection: sa.Connection) -> Facts:
    stored = {row.key: row.value for row in connection.execute(sa.select(settings.c.key, settings.c.value))}
    if "id" not in stored:
        raise failures.not_a_shop()
    return Facts(**{field.name: stored[field.name] for field in fields(Facts) if field.name in stored})


@dataclass(frozen=True, slots=True)
class Rule:
    """One of the shop's own settings; `origin` is the store, since when, or the default of this release."""

    setting: str
    value: Any
    origin: str
    since: datetime | None


def shown(tx: UnitOfWork) -> list[Rule]:
    """Every rule of the shop, as it is in force."""
    stored = {row.key: row for row in tx.rows(sa.select(settings))}
    return [
        Rule(field.name, stored[field.name].value, "store", stored[field.name].updated_at)
        if field.name in stored
        else Rule(field.name, getattr(tx.facts, field.name), "default", None)
        for field in fields(Facts)
        if field.name != "id"
    ]


@retried
def set_value(shop: Shop, *, key: str, value: str) -> dict[str, Any]:
    """Change one rule of the shop; the new value. Errors: unknown_setting, bad_setting."""
    if key not in EDITABLE:
        hint = did_you_mean(key, EDITABLE)
        raise BadInput("unknown_setting", f"There is no setting {key!r}", hint=hint, key=key)
    with shop.work("settings.set", key) as tx:
        checked = EDITABLE[key](value)
        if checked is None:
            remove(tx, key)
        else:
            put(tx, key, checked)
        outbox.add(tx, "settings.changed", key, value=checked)
        tx.commit()
    return {"key": key, "value": checked}


def put(tx: UnitOfWork, key: str, value: object) -> None:
    """Write one value, new or not."""
    statement = dialects.insert_new(tx.connection, settings).values(key=key, value=value, updated_at=tx.now)
    tx.execute(
        statement.on_conflict_do_update(
            index_elements=["key"], set_={"value": statement.excluded.value, "updated_at": tx.now}
        )
    )


def remove(tx: UnitOfWork, key: str) -> None:
    tx.execute(sa.delete(settings).where(settings.c.key == key))


def mark(tx: UnitOfWork, key: str) -> None:
    """Remember that something happened now (last_sweep_at)."""
    put(tx, key, tx.now.isoformat())


def marked(tx: UnitOfWork, key: str) -> datetime | None:
    value = tx.execute(sa.select(settings.c.value).where(settings.c.key == key)).scalar()
    return datetime.fromisoformat(value) if value else None
