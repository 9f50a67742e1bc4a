"""Column types over what a STRICT SQLite table takes (INTEGER, TEXT), and their Postgres counterparts."""

from __future__ import annotations

import json
import os
import re
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Boolean, DateTime, Dialect, Integer, Text, TypeDecorator, Uuid
from sqlalchemy.types import TypeEngine

_UUID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_encoded = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode  # json.dumps makes an encoder per call


_turn = threading.Lock()
_last = 0


def new_id() -> str:
    """A UUIDv7 (RFC 9562): 48 bits of milliseconds, then 74 random ones; strictly increasing within a process."""
    global _last
    value = (time.time_ns() // 1_000_000) << 74 | int.from_bytes(os.urandom(10)) >> 6
    with _turn:
        _last = value = max(value, _last + 1)
    bits = value >> 74 << 80 | 0x7 << 76 | (value >> 62 & 0xFFF) << 64 | 0x2 << 62 | value & (1 << 62) - 1
    text = f"{bits:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


class _StrictType(TypeDecorator[Any]):
    """A type with a STRICT form on SQLite and a native one elsewhere."""

    strict: TypeEngine[Any]
    native: TypeEngine[Any]

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        cls.cache_ok = True  # SQLAlchemy looks for it on each class itself

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(self.strict if dialect.name == "sqlite" else self.native)


class Id(_StrictType):
    """A UUIDv7 as its canonical text. What is no UUID may be asked for, and is nobody's: on Postgres it becomes NULL."""

    impl = Text
    strict, native = Text(), Uuid(as_uuid=False)

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return value if value is None or dialect.name == "sqlite" or _UUID.fullmatch(value) else None


_BY_CODE_POINT = Text(collation="C")
"""Compared, sorted and folded on Postgres as SQLite does it, whatever the server's locale: lists are alike to the byte."""


class Word(_StrictType):
    """Text, compared by code points; the tables say by CHECK which words a state column takes."""

    impl = Text
    strict, native = Text(), _BY_CODE_POINT


class Count(_StrictType):
    """A 64-bit integer."""

    impl = BigInteger
    strict, native = Integer(), BigInteger()


class Money(Count):
    """Minor units of the currency on the same row or its header."""


class Flag(_StrictType):
    """True or false."""

    impl = Boolean
    strict, native = Integer(), Boolean()

    def process_bind_param(self, value: bool | None, dialect: Dialect) -> Any:
        return value if value is None or dialect.name != "sqlite" else int(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> bool | None:
        return None if value is None else bool(value)


class Instant(_StrictType):
    """A moment in UTC, to the microsecond; microseconds since 1970 on SQLite, timestamptz on Postgres."""

    impl = DateTime
    strict, native = Integer(), DateTime(timezone=True)

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an Instant needs a time zone")
        return (value - _EPOCH) // _MICROSECOND if dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return _EPOCH + timedelta(microseconds=value) if isinstance(value, int) else value.astimezone(UTC)


class Json(_StrictType):
    """A JSON value as text: key order is kept on both stores."""

    impl = Text
    strict, native = Text(), _BY_CODE_POINT

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        if value == []:  # as half of the lists of a catalogue are
            return "[]"
        return None if value is None else _encoded(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        return None if value is None else json.loads(value)
