"""JSONL: one product a line, in the words of our own export. A line is one row: a bad part refuses the whole of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NoReturn

from shopctl.core.catalog import PRODUCT_DEFAULTS, VARIANT_DEFAULTS
from shopctl.core.domain import text
from shopctl.core.imports.rows import (
    OPENING,
    PRODUCT_FIELDS,
    ROW,
    VARIANT_FIELDS,
    RawProduct,
    RawVariant,
    Refusal,
    Source,
    handle_of,
    shown,
)
from shopctl.core.imports.source import Lines

_PRODUCT = frozenset(PRODUCT_FIELDS)
_VARIANT = frozenset([*VARIANT_FIELDS, OPENING])


def read(lines: Lines) -> Source:
    """The products of a JSONL file, read as they are asked for."""
    source = Source("jsonl", whole=True)
    source.products = _products(lines, source)
    return source


def _products(lines: Lines, source: Source) -> Iterator[RawProduct]:
    for line in lines:
        if not line.isspace():
            source.rows += 1
            if lines.kept:
                lines.kept.add(lines.number, line)
            yield _product(line, lines.number, source)


def _product(line: str, number: int, source: Source) -> RawProduct:
    try:
        data = parsed(line)
    except ValueError as error:
        return _refused(number, line, str(error))
    product = RawProduct(number, handle_of(data.get("handle"), data.get("title")), {}, [], [number])
    variants = data.pop("variants", None)
    product.said = _known(data, _PRODUCT, PRODUCT_DEFAULTS, source, "")
    if variants is not None and not isinstance(variants, list):
        product.problems.append(Refusal(number, "variants", shown(variants), "is not a list"))
        return product
    for index, variant in enumerate(variants or ()):
        if isinstance(variant, dict):
            said = _known(variant, _VARIANT, VARIANT_DEFAULTS, source, "variants.")
            product.variants.append(RawVariant(number, said, f"variants[{index}]."))
        else:
            problem = Refusal(number, f"variants[{index}]", shown(variant), "is not a JSON object")
            product.problems.append(problem)
    return product


def parsed(line: str) -> dict[str, Any]:
    """The object of a line; ValueError for anything else, also for a key that stands twice."""
    try:
        data = _DECODER.decode(line)
    except RecursionError:
        raise ValueError("nests too deeply") from None
    except ValueError as error:
        raise ValueError(f"is not JSON: {error}") from None
    if not isinstance(data, dict):
        raise ValueError("is not a JSON object")
    if "\\u" in line and not text.is_text(data):
        raise ValueError("is not valid Unicode text")
    return data


def has(line: str, key: str) -> bool:
    """Whether a line is an object with this key: what tells a file of products from one of orders."""
    try:
        return key in parsed(line)
    except ValueError:
        return False  # told with its line, as any other


def _refused(number: int, line: str, reason: str) -> RawProduct:
    return RawProduct(number, "", {}, [], [number], [Refusal(number, ROW, shown(line.strip()), reason)])


def _known(data: dict[str, Any], known: frozenset[str], empty: Any, source: Source, path: str) -> dict[str, Any]:
    """What an object says in our fields. null says "empty": the default, or nothing where there is no default."""
    if data.keys() <= known and None not in data.values():
        return data
    said: dict[str, Any] = {}
    for key, value in data.items():
        if key not in known:
            source.ignored[path + key] = None
        elif value is not None:
            said[key] = value
        elif key in empty:
            said[key] = empty[key]
        elif key in ("title", "price"):
            said[key] = None
        elif key == "options":
            said[key] = {}
    return said


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice!r} stands twice in one object")
    return found


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is not a JSON number")


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_no_number)
