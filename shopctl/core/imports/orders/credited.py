"""What an order of a file is not owed any more: its credits, whether they can be, and their drafts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from shopctl.core.domain.money import format_amount
from shopctl.core.domain.pricing import TaxPart
from shopctl.core.domain.worth import Worth, whole
from shopctl.core.orders import CreditDraft, CreditLine, OrderDraft

Wrong = tuple[tuple[Any, ...], object, str]
"""Where, what it says, why it cannot be."""


def drafts(said: Mapping[str, Any]) -> list[CreditDraft] | None:
    return [_draft(one, said) for one in said.get("credits", ())] or None


def wrong(draft: OrderDraft, said: Sequence[Mapping[str, Any]], currency: str) -> list[Wrong]:
    """What is wrong with the credits of a draft, which `said` them."""

    def money(amount: int) -> str:
        return format_amount(amount, currency)

    found: list[Wrong] = []
    given, units = Worth(), dict.fromkeys(range(1, len(draft.lines) + 1), 0)
    for i, credit in enumerate(draft.credits or ()):
        given += Worth(credit.items, credit.shipping, credit.tax)
        if said[i].get("total", credit.total) != credit.total:
            why = f"is not items + shipping + tax, {money(credit.total)}"
            found.append((("credits", i, "total"), money(said[i]["total"]), why))
        if not credit.total:
            found.append((("credits", i, "total"), money(0), "is nothing: a credit is more"))
        if credit.taxes is not None and _named(credit.taxes) != _named(draft.taxes):
            found.append((("credits", i, "taxes"), "", "are not the order's taxes, in their order"))
        of_lines = [sum(line.amount for line in credit.lines), sum(line.tax for line in credit.lines)]
        if of_lines[0] > credit.items or of_lines[1] > credit.tax:
            found.append((("credits", i, "lines"), "", "are worth more than the credit"))
        if len({line.position for line in credit.lines}) < len(credit.lines):
            found.append((("credits", i, "lines"), "", "name a line twice"))
        for line in credit.lines:
            units[line.position] = units.get(line.position, 0) + line.quantity
    most = whole(draft)
    if given != given.within(replace(most, included=0)):
        found.append((("credits",), money(given.total), f"are more than the order's worth, {money(most.total)}"))
    elif draft.status == "cancelled" and draft.credits and given.total != most.total:
        found.append((("credits",), money(given.total), f"of a cancelled order are its total, {money(most.total)}"))
    if any(n > len(draft.lines) or count > draft.lines[n - 1].quantity for n, count in units.items()):
        found.append((("credits",), "", "hold units that the order's lines have not"))
    parts = [credit.taxes for credit in draft.credits or () if credit.taxes]
    if not found and any(
        sum(n.amount for n in of_one) > tax.amount for tax, *of_one in zip(draft.taxes, *parts, strict=True)
    ):
        found.append((("credits",), "", "hold more of a tax than the order"))
    return found


def _named(taxes: Sequence[TaxPart]) -> list[tuple[str, bool]]:
    return [(part.name, part.included) for part in taxes]


def _draft(one: Mapping[str, Any], said: Mapping[str, Any]) -> CreditDraft:
    taxes = one.get("taxes")
    return CreditDraft(
        kind=one.get("kind", "refund"),
        items=one.get("items", 0),
        shipping=one.get("shipping", 0),
        tax=one.get("tax", 0),
        taxes=taxes and [TaxPart(t["name"], t.get("percent", 0), t.get("included", False), t["amount"]) for t in taxes],
        reason=one.get("reason", ""),
        lines=[
            CreditLine(part["line"], part["quantity"], part["amount"], part["tax"]) for part in one.get("lines", ())
        ],
        at=one.get("at", said["created_at"]),
    )
