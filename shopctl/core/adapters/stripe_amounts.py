"""Amounts as Stripe counts them. Mostly that is in minor units, as we do; where it is not is data here.

https://docs.stripe.com/currencies: ISK and UGX have no decimals and are written with two; MGA is counted in whole ariary;
currencies of three decimals are charged in steps of ten.
"""

from __future__ import annotations

from shopctl.core.domain.money import Money, digits
from shopctl.core.ports import Rejected

_TIMES = {"ISK": 100, "UGX": 100}
_PARTS = {"MGA": 100}


def theirs(amount: int, currency: str) -> int:
    """Rejected for an amount that Stripe cannot charge."""
    code = currency.upper()
    parts = _PARTS.get(code, 1)
    if amount % parts or (digits(code) == 3 and amount % 10):
        raise Rejected("amount_not_chargeable", f"Stripe cannot charge {Money(amount, code)} {code} exactly")
    return amount * _TIMES.get(code, 1) // parts


def ours(amount: int, currency: str) -> int:
    return amount * _PARTS.get(currency, 1) // _TIMES.get(currency, 1)
