"""Addresses as people give them."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typer

from shopctl import core
from shopctl.core.errors import BadInput

SHIP_TO = typer.Option("--ship-to", metavar="FILE|-|ID", help="An address: JSON file, - or id.")


def address_of(shop: Any, given: object) -> Mapping[str, str]:
    """An address as an object, from a JSON file, from stdin, or by the id of a customer's address."""
    if not isinstance(given, str):
        return core.customers.parse_address(given)
    if given != "-" and not Path(given).exists() and not given.endswith(".json"):
        with shop.read() as tx:
            return core.customers.address_by_id(tx, given)
    try:
        text = sys.stdin.read() if given == "-" else Path(given).read_text(encoding="utf-8")
        return core.customers.parse_address(json.loads(text))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise BadInput("unreadable_file", f"The address file {given} cannot be read: {reason}", file=given) from None
    except ValueError as error:
        raise BadInput("bad_address", f"The address in {given} is not JSON: {error}", file=given) from None
