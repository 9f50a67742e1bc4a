"""The core's frozen dataclasses as schemas: what is documented has the fields that are answered, and nothing is written twice."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cache
from typing import Annotated, Any, Literal, Union

from pydantic import BaseModel, ConfigDict, Field, create_model

from shopctl.core.domain.money import Money

Amount = Annotated[str, Field(pattern=r"^-?[0-9]+(\.[0-9]+)?$", description="A decimal string.", examples=["59.97"])]
Given = ConfigDict(extra="forbid", str_max_length=2000)
"""Of what callers send: a field that is not known is told, and no text is a novel."""


@cache
def model_of(kind: type) -> type[BaseModel]:
    """The schema of a dataclass as it is answered (`domain/wire.py`)."""
    hints = typing.get_type_hints(kind)
    found: dict[str, Any] = {field.name: (_shown(hints[field.name]), ...) for field in dataclasses.fields(kind)}
    told = kind.__doc__ or ""
    about = None if told.startswith(f"{kind.__name__}(") else told  # dataclasses write one of their own
    return create_model(kind.__name__, __doc__=about, **found)


@cache
def page_of(kind: type) -> type[BaseModel]:
    """The schema of a page of a list."""
    rows: Any = list[model_of(kind)]  # type: ignore[misc]
    after = "Give it as `after` for the next page; null at the end, and where a list was sorted."
    return create_model(f"{kind.__name__}Page", items=(rows, ...), next=(str | None, Field(description=after)))


def _shown(kind: Any) -> Any:
    if kind is Money:
        return Amount
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return model_of(kind)
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if origin in (Union, types.UnionType):
        return Union[tuple(_shown(arg) for arg in args)]  # noqa: UP007
    if origin is Literal or kind in (str, int, float, bool, datetime, type(None), Any):
        return kind
    if origin and issubclass(origin, Mapping):
        return dict[args[0], _shown(args[1])]  # type: ignore[valid-type, misc]
    if origin and issubclass(origin, Iterable):
        return list[_shown(args[0])]  # type: ignore[misc]
    raise TypeError(f"{kind} has no schema")
