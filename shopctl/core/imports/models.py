"""What a product and a variant from outside must be. The only module that imports pydantic; load it when it is needed.

The models are typed dictionaries, so that what comes out holds exactly the fields that were said.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError, ValidationInfo
from pydantic_core import ErrorDetails
from typing_extensions import TypedDict

from shopctl.core.catalog import ProductDraft, VariantDraft
from shopctl.core.db.tables import MAX_QUANTITY
from shopctl.core.domain import text
from shopctl.core.domain.money import parse_amount
from shopctl.core.errors import BadInput
from shopctl.core.imports.rows import OPENING, ROW, RawProduct, RawVariant, Refusal, Source, shown

# An index entry of Postgres holds 2,700 bytes, whatever the column could hold: what is indexed is kept below that.
_MAX_NAME = 500
_MAX_OPTIONS = 2_000
_MAX_DEPTH = 20
_MAX_EXTRA = 1_000_000

_WHOLE = re.compile(r"-?[0-9]{1,18}")
_PRICE = 'a price is a decimal string such as "19.99"'


@lru_cache(maxsize=4096)
def _parsed(amount: str, currency: str) -> int:
    try:
        minor = parse_amount(amount, currency)
    except BadInput as error:
        raise ValueError(error.message) from None
    if minor < 0:
        raise ValueError("must not be negative")
    return minor


def _amount(value: object, info: ValidationInfo) -> int:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError(_PRICE)
    if value == "":
        raise ValueError(f"is empty; {_PRICE}")
    return _parsed(str(value), info.context)


def _currency(value: str, info: ValidationInfo) -> str:
    if value.strip().upper() not in ("", info.context):
        raise ValueError(f"the shop's currency is {info.context}")
    return str(info.context)


def _whole(value: object) -> object:
    return int(value) if isinstance(value, str) and _WHOLE.fullmatch(value) else value


def _category(value: str) -> str | None:
    if not value:
        return None
    parts = [part.strip() for part in value.split(">")]
    if not all(parts):
        raise ValueError("has an empty part; write A > B")
    if len(parts) > _MAX_DEPTH:
        raise ValueError(f"has more than {_MAX_DEPTH} levels")
    return " > ".join(parts)


def _options(value: dict[str, str]) -> dict[str, str]:
    if "" in value:
        raise ValueError("an option needs a name")
    if len(repr(value).encode()) > _MAX_OPTIONS:
        raise ValueError(f"take more than {_MAX_OPTIONS} bytes")
    return value


def _extra(value: dict[str, dict[str, str]]) -> dict[str, dict[str, str]] | None:
    size = 0
    for format, cells in value.items():
        words = "".join([format, *cells, *cells.values()])
        size += len(words)
        for part in (words,) if len(words) <= text.MAX_TEXT else (*cells, *cells.values()):
            text.storable(part)
    if size > _MAX_EXTRA:
        raise ValueError(f"takes more than {_MAX_EXTRA} characters")
    return value or None


_STORABLE = AfterValidator(text.storable)
Text: TypeAlias = Annotated[str, _STORABLE]
Name: TypeAlias = Annotated[str, Field(max_length=_MAX_NAME), _STORABLE]
Urls: TypeAlias = list[Annotated[str, Field(max_length=2_000), _STORABLE]]
Whole: TypeAlias = Annotated[int, Field(ge=0, le=MAX_QUANTITY), BeforeValidator(_whole)]
Amount: TypeAlias = Annotated[int, BeforeValidator(_amount)]
Currency: TypeAlias = Annotated[str, AfterValidator(_currency)]
Extra: TypeAlias = Annotated[dict[str, dict[str, str]], AfterValidator(_extra)]
"""By format, by column: cells that shopctl does not use, kept so that an export in that format has them."""
_NONE_FOR_BLANK = AfterValidator(lambda value: value or None)


class Product(TypedDict, total=False):
    """A product's own fields, those that were said."""

    __pydantic_config__ = ConfigDict(strict=True)  # type: ignore[misc]

    handle: Annotated[str, Field(min_length=1, max_length=255), _STORABLE]
    title: Annotated[str, Field(min_length=1), _STORABLE]
    description: Text
    brand: Annotated[Name, _NONE_FOR_BLANK] | None
    category: Annotated[Name, AfterValidator(_category)] | None
    tags: Urls
    status: Literal["draft", "active", "archived"]
    image_urls: Urls
    extra: Extra | None


class Variant(TypedDict, total=False):
    """A variant's fields, those that were said. Amounts come out in minor units."""

    __pydantic_config__ = ConfigDict(strict=True)  # type: ignore[misc]

    sku: Annotated[str, AfterValidator(text.sku)]
    options: Annotated[dict[Text, Text], Field(max_length=10), AfterValidator(_options)]
    price: Amount
    compare_at_price: Amount | None
    currency: Currency
    barcode: Annotated[str, Field(max_length=64), _STORABLE, _NONE_FOR_BLANK] | None
    weight_grams: Whole
    image_urls: Urls
    taxable: bool
    requires_shipping: bool
    tracked: bool
    backorder_limit: Whole
    low_stock: Whole | None
    hold_at: Literal["cart", "checkout"] | None
    extra: Extra | None
    quantity: Whole


_PRODUCTS: TypeAdapter[Any] = TypeAdapter(Product)
_VARIANTS: TypeAdapter[Any] = TypeAdapter(Variant)


@dataclass(frozen=True, slots=True)
class Checked:
    """A raw product after validation: what may go in, with the rows it came from, and what may not."""

    raw: RawProduct
    draft: ProductDraft | None
    kept: Sequence[RawVariant]
    refusals: Sequence[Refusal]


def check(raw: RawProduct, source: Source, currency: str) -> Checked:
    """Validate one raw product. Without a draft nothing of it can go in, and every one of its lines is refused."""
    product, problems = _validated(_PRODUCTS, raw.said, raw.line, "", source.product_columns, currency)
    of_product = [*raw.problems, *problems]
    if not of_product and "title" not in product and "handle" not in product:
        of_product.append(Refusal(raw.line, "title", "", "is required"))
    variants, kept, of_rows = _variants(raw, source, currency)
    if source.whole:
        of_product, of_rows = [*of_product, *of_rows], []
    if of_product:
        told = dict.fromkeys([*of_product, *of_rows])
        return Checked(raw, None, (), [*told, *others(raw, source, list(told))])
    said = product.pop("handle", None)
    known_by = (source.format, source.id_column) if source.id_column else None
    draft = ProductDraft(
        said or raw.handle, product, variants, raw.line, source.whole, made=not said, known_by=known_by, key=raw.key
    )
    return Checked(raw, draft, kept, of_rows)


def others(raw: RawProduct, source: Source, told: Sequence[Refusal]) -> list[Refusal]:
    """A refusal for each further row of a product that is refused as a whole, for the reason told first."""
    named = {refusal.line for refusal in told}
    reason = f"its product is refused, see line {told[0].line}"
    column = source.product_columns.get("handle", ROW)
    return [Refusal(line, column, shown(raw.handle), reason) for line in raw.lines if line not in named]


def _variants(
    raw: RawProduct, source: Source, currency: str
) -> tuple[list[VariantDraft], list[RawVariant], list[Refusal]]:
    drafts, kept, refusals = [], [], []
    for variant in raw.variants:
        said, problems = _validated(
            _VARIANTS, variant.said, variant.line, variant.path, source.variant_columns, currency
        )
        if problems or variant.problems:
            refusals += [*variant.problems, *problems]
            continue
        said.pop("currency", None)
        options, sku, opening = said.pop("options", None), said.pop("sku", None), said.pop(OPENING, None)
        drafts.append(VariantDraft(options, said, sku, variant.line, opening))
        kept.append(variant)
    return drafts, kept, refusals


def _validated(
    model: TypeAdapter[Any], said: Mapping[str, Any], line: int, path: str, columns: Mapping[str, str], currency: str
) -> tuple[dict[str, Any], list[Refusal]]:
    try:
        return model.validate_python(said, context=currency), []
    except ValidationError as error:
        found = error.errors(include_url=False)
    problems: dict[str, Refusal] = {}
    for problem in found:
        name = str(problem["loc"][0])
        column = path + columns.get(name, name)
        problems.setdefault(name, Refusal(line, column, shown(problem["input"]), reason(problem)))
    return {}, list(problems.values())


def reason(problem: ErrorDetails) -> str:
    words = _REASONS.get(problem["type"])
    return words.format(**problem.get("ctx", {})) if words else problem["msg"].removeprefix("Value error, ")


# How pydantic's own refusals read in a sentence that begins with the value.
_REASONS = {
    "string_type": "is not text",
    "string_too_short": "is empty",
    "string_too_long": "is longer than {max_length} characters",
    "string_unicode": "is not valid Unicode text",
    "int_type": "is not a whole number",
    "bool_type": "is neither true nor false",
    "greater_than_equal": "is less than {ge}",
    "less_than_equal": "is more than {le}",
    "literal_error": "is none of {expected}",
    "list_type": "is not a list",
    "dict_type": "is not an object of names and values",
    "too_short": "has fewer than {min_length} entries",
    "too_long": "has more than {max_length} entries",
}
