"""Money: integer minor units plus an ISO 4217 currency; never a float.

Parts of a whole are allocated by largest remainder, so that they sum to it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from shopctl.core.errors import BadInput

# ISO 4217 list one, active codes; the minor unit is 2 digits unless named below.
_CODES = """
AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLP
CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF
IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD
MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB
RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD
UYU UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG
"""
CURRENCIES = frozenset(_CODES.split())
_NO_DECIMALS = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"
_THREE_DECIMALS = "BHD IQD JOD KWD LYD OMR TND"
_DIGITS = dict.fromkeys(_NO_DECIMALS.split(), 0) | dict.fromkeys(_THREE_DECIMALS.split(), 3)

MAX_AMOUNT = 10**15
"""The largest amount in minor units, of a price or an order: far beyond any shop, and thousands of them sum to 64 bits."""

_DECIMAL = re.compile(r"[+-]?[0-9]{1,18}(\.[0-9]{1,12})?")


@dataclass(frozen=True, slots=True, order=True)
class Money:
    """An amount in minor units of a currency; prints as a decimal string."""

    amount: int
    currency: str

    def __str__(self) -> str:
        return format_amount(self.amount, self.currency)


def currency_code(text: str) -> str:
    """The upper-case ISO 4217 code, or BadInput."""
    code = text.strip().upper()
    if code not in CURRENCIES:
        raise BadInput("unknown_currency", f"{text!r} is not an ISO 4217 currency code", value=text)
    return code


def digits(currency: str) -> int:
    """How many digits the minor unit has: 2 for USD, 0 for JPY, 3 for KWD."""
    return _DIGITS.get(currency, 2)


def format_amount(amount: int, currency: str) -> str:
    """Minor units as a decimal string: 5997, USD → 59.97."""
    places = digits(currency)
    if not places:
        return str(amount)
    sign, whole = ("-", -amount) if amount < 0 else ("", amount)
    head, tail = divmod(whole, 10**places)
    return f"{sign}{head}.{tail:0{places}d}"


def parse_amount(text: str, currency: str) -> int:
    """A decimal string as minor units: "59.97", USD → 5997. More digits than the currency has are refused, not rounded."""
    text = text.strip()
    if not _DECIMAL.fullmatch(text):
        raise BadInput("bad_amount", f"{text!r} is not a decimal amount such as 19.99", value=text)
    scaled = Decimal(text).scaleb(digits(currency))
    if scaled != scaled.to_integral_value():
        raise BadInput("bad_amount", f"{text!r} has more decimals than {currency} has ({digits(currency)})", value=text)
    if abs(scaled) > MAX_AMOUNT:
        raise BadInput("bad_amount", f"{text!r} is larger than any amount a shop can hold", value=text)
    return int(scaled)


def allocate(total: int, weights: Sequence[int]) -> list[int]:
    """Split `total` in proportion to `weights` by largest remainder: the parts sum to `total` exactly.

    With all weights zero the first part takes everything. Ties go to the earlier part.
    """
    if not weights:
        return []
    whole = sum(weights)
    if whole == 0:
        return [total] + [0] * (len(weights) - 1)
    shares = [divmod(total * weight, whole) for weight in weights]
    parts = [quotient for quotient, _ in shares]
    by_remainder = sorted(range(len(weights)), key=lambda i: (-shares[i][1], i))
    for i in by_remainder[: total - sum(parts)]:
        parts[i] += 1
    return parts
