"""A postal address as people send it: validated once, then a plain mapping."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints

from shopctl.core.domain.text import refuse_card_number, storable
from shopctl.core.errors import BadInput


def _plain(value: str) -> str:
    try:
        return refuse_card_number(storable(value), "address")
    except BadInput as error:
        raise ValueError(error.message) from None


Part = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200), AfterValidator(_plain)]
Needed = Annotated[Part, StringConstraints(min_length=1)]


class Address(BaseModel):
    """Where parcels go. `region` is a state or province code where the country has them; `country` is ISO 3166 alpha-2."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    name: Needed
    line1: Needed
    line2: Part = ""
    city: Needed
    region: Part = ""
    postal_code: Part = ""
    country: Annotated[str, StringConstraints(strip_whitespace=True, to_upper=True, pattern=r"^[A-Za-z]{2}$")]
