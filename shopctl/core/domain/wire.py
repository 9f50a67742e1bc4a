"""Values as JSON has them, for every face that shows JSON. Pure."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from shopctl.core.domain.money import Money
from shopctl.core.domain.safe import json_safe
from shopctl.core.errors import ShopError


def plain(value: Any) -> Any:
    """A value as JSON has it: dataclasses as objects, money as decimal strings, times as RFC 3339 UTC."""
    if isinstance(value, Money):
        return str(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset | Iterator):
        return [plain(item) for item in value]
    return value


def encoded(record: object, indent: int | None = None) -> str:
    """JSON text that no terminal can be steered with."""
    return json_safe(json.dumps(record, ensure_ascii=False, indent=indent))


def error_record(error: ShopError) -> dict[str, Any]:
    """An error as every face tells it to programs, under "error"."""
    return {"code": error.code, "message": error.message, "hint": error.hint, "details": plain(error.details)}
