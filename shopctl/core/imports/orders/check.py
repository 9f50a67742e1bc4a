"""Whether an order of a file is one: its amounts add up, and its money and its parcels fit its status."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from shopctl.core.domain import text
from shopctl.core.domain.money import MAX_AMOUNT, format_amount
from shopctl.core.domain.pricing import TaxPart
from shopctl.core.errors import BadInput
from shopctl.core.imports.orders import credited
from shopctl.core.imports.orders.raw import ADDRESS, OrderSource, RawOrder
from shopctl.core.imports.orders.read import grouped
from shopctl.core.imports.orders.write import shopify
from shopctl.core.imports.rows import Refusal, shown
from shopctl.core.orders import NOWHERE, LineDraft, OrderDraft, ShipmentDraft
from shopctl.core.payments import External


@dataclass(frozen=True, slots=True)
class Checked:
    """A raw order after validation: what may go in, under which key, or why it may not."""

    raw: RawOrder
    draft: OrderDraft | None
    key: str
    fingerprint: str
    refusals: Sequence[Refusal]


def check(raw: RawOrder, source: OrderSource, currency: str) -> Checked:
    """Validate one raw order. Without a draft nothing of it can go in, and every one of its rows is refused."""
    from shopctl.core.imports.orders.models import place, validated

    said, problems = validated(raw, source, currency) if raw.said else ({}, [])
    known = {(problem.line, problem.column) for problem in raw.problems}
    problems = [*raw.problems, *(one for one in problems if (one.line, one.column) not in known)]
    if not problems:
        wrong = [*_named(said), *_money(said, currency), *_payment(said, currency), *_parcels(said)]
        problems = [Refusal(*place(raw, source, loc), shown(value), why) for loc, value, why in wrong]
    if problems:
        return _refused(raw, problems)
    draft = _draft(said)
    if wrong := credited.wrong(draft, said.get("credits", ()), currency):
        return _refused(raw, [Refusal(*place(raw, source, loc), shown(value), why) for loc, value, why in wrong])
    if raw.cells is not None:
        draft = replace(draft, extra=shopify.kept(draft, raw.cells, currency))
    cards = [Refusal(raw.line, source.columns.get("extra", "extra"), "", why) for why in _cards(draft)]
    if cards:
        return _refused(raw, cards)
    # An order of a store of ours is known by its id wherever it goes; a platform's by its name.
    key = f"import:{source.origin}:{draft.id or draft.reference}"
    return Checked(raw, draft, key, fingerprint(draft), ())


def _refused(raw: RawOrder, told: Sequence[Refusal]) -> Checked:
    return Checked(raw, None, "", "", [*told, *grouped.others(raw.name, raw.rows, told)])


def fingerprint(draft: OrderDraft) -> str:
    """What stands for everything that a file says of an order. What it leaves out counts for nothing, now and later."""
    said = asdict(draft, dict_factory=lambda pairs: {name: value for name, value in pairs if value is not None})
    return hashlib.sha256(json.dumps(said, sort_keys=True, default=str).encode()).hexdigest()


# --- what is wrong: where, what it says, why ---------------------------------------------------------------------------
Wrong = tuple[tuple[Any, ...], object, str]


def _named(said: Mapping[str, Any]) -> list[Wrong]:
    given_up = [i for i, line in enumerate(said["lines"]) if line.get("cancelled", 0) > line["quantity"]]
    nameless = [i for i, line in enumerate(said["lines"]) if not (line.get("sku") or line.get("product_name"))]
    wrong: list[Wrong] = [(("lines", i, "sku"), "", "a line needs a SKU, or a product's name") for i in nameless]
    wrong += [(("lines", i, "cancelled"), said["lines"][i]["cancelled"], "is more than were ordered") for i in given_up]
    if said.get("status") != "cancelled" and all(line.get("cancelled") == line["quantity"] for line in said["lines"]):
        wrong.append((("lines",), "", "are all cancelled, and the order is not"))
    if not (said.get("reference") or said.get("number")):
        wrong.append((("reference",), "", "an order needs the name that it had: a reference, or a number"))
    return wrong


def _money(said: Mapping[str, Any], currency: str) -> list[Wrong]:
    def money(amount: int) -> str:
        return format_amount(amount, currency)

    wrong: list[Wrong] = []
    for i, line in enumerate(said["lines"]):
        price, given = line["quantity"] * line["unit_price"], line.get("total_price")
        if given is not None and given != price:
            wrong.append((("lines", i, "total_price"), money(given), f"is not quantity × unit_price, {money(price)}"))
    items = sum(line["quantity"] * line["unit_price"] for line in said["lines"])
    if said.get("subtotal", items) != items:
        wrong.append((("subtotal",), money(said["subtotal"]), f"is not the sum of the lines, {money(items)}"))
    discount, shipping, tax, included = (said.get(name, 0) for name in ("discount", "shipping", "tax", "tax_included"))
    total = items - discount + shipping + tax - included
    sum_of = f"{money(items)} − {money(discount)} + {money(shipping)} + {money(tax)} − {money(included)}"
    if said.get("total", total) != total:
        parts = "lines − discount + shipping + tax − tax included"
        wrong.append((("total",), money(said["total"]), f"is not {parts}: {sum_of} = {money(total)}"))
    elif not 0 <= total <= MAX_AMOUNT:
        wrong.append((("total",), money(total), f"is no total that an order can have: {sum_of}"))
    return [*wrong, *_taxes(said, tax, included, currency)]


def _taxes(said: Mapping[str, Any], tax: int, included: int, currency: str) -> list[Wrong]:
    parts = said.get("taxes")
    if not parts:
        return []
    sums = (sum(part["amount"] for part in parts), sum(part["amount"] for part in parts if part.get("included")))
    return [
        (("taxes",), format_amount(found, currency), f"is their sum, and {name} is {format_amount(amount, currency)}")
        for name, amount, found in (("tax", tax, sums[0]), ("tax_included", included, sums[1]))
        if amount != found
    ]


def _payment(said: Mapping[str, Any], currency: str) -> list[Wrong]:
    """Money in order: what was captured is part of the amount, and what was refunded part of that."""
    wrong: list[Wrong] = []
    for payment in said.get("payments", ()):
        paid, total = _external(payment, said), _total(said)
        if not 0 < paid.amount <= total:
            why = f"of a payment is more than nothing and at most the total, {format_amount(total, currency)}"
            wrong.append((("payments", 0, "amount"), format_amount(paid.amount, currency), f"the amount {why}"))
        if paid.captured > paid.amount or (paid.state == "captured") != (paid.captured > 0):
            why = f"does not fit the state {paid.state} and the amount {format_amount(paid.amount, currency)}"
            wrong.append((("payments", 0, "captured"), format_amount(paid.captured, currency), why))
        elif paid.refunded > paid.captured:
            why = f"is more than was captured, {format_amount(paid.captured, currency)}"
            wrong.append((("payments", 0, "refunded"), format_amount(paid.refunded, currency), why))
    return wrong


def _parcels(said: Mapping[str, Any]) -> list[Wrong]:
    status, parcels = said.get("status", "confirmed"), said.get("shipments", ())
    if parcels and status not in ("shipped", "delivered"):
        why = "an order with this status has not been shipped; one that was sent in part is taken in once nothing is owed of it"
        return [(("shipments",), status, why)]
    ordered = _owed(said)
    told = any("lines" in parcel for parcel in parcels) or len(parcels) > 1
    if told and _units(parcels) != ordered:
        return [(("shipments",), "", "do not hold exactly the units of the order's lines")]
    if status == "shipped" and parcels and all(parcel.get("delivered_at") for parcel in parcels):
        return [(("shipments",), "", "have all been delivered, and the order is only shipped")]
    return []


def _cards(draft: OrderDraft) -> list[str]:
    """Why notes of a file cannot be kept; other cells may hold long numbers that are none of a card."""
    found = []
    for row in (draft.extra or {}).get(shopify.FORMAT, {}).get("rows", ()):
        for name in ("Notes", "Note Attributes"):
            try:
                text.refuse_card_number(row.get(name, ""), "note")
            except BadInput as error:
                found.append(error.message)
    return found


# --- the draft -----------------------------------------------------------------------------------------------------
def _draft(said: Mapping[str, Any]) -> OrderDraft:
    reference, status = said.get("reference") or said["number"], said.get("status", "confirmed")
    address = {part: said.get("shipping_address", {}).get(part, "") for part in ADDRESS}
    return OrderDraft(
        id=said.get("id"),
        reference=reference,
        status=status,
        email=said.get("email") or f"order-{text.slug(reference, 'x')}{NOWHERE}",
        lines=[_line(line) for line in said["lines"]],
        **{name: said.get(name, 0) for name in ("discount", "shipping", "tax", "tax_included")},
        taxes=[
            TaxPart(part["name"], part.get("percent", 0), part.get("included", False), part["amount"])
            for part in said.get("taxes", ())
        ],
        shipping_method=said.get("shipping_method"),
        shipping_address=address,
        payment=next((_external(payment, said) for payment in said.get("payments", ())), None),
        shipments=_shipments(said, status),
        extra=said.get("extra"),
        created_at=said["created_at"],
        credits=credited.drafts(said),
    )


def _line(said: Mapping[str, Any]) -> LineDraft:
    fields = {name: value for name, value in said.items() if name != "total_price"}
    fields |= {"product_name": said.get("product_name") or None, "cancelled": said.get("cancelled") or None}
    return LineDraft(**{"sku": "", **fields})


def _external(payment: Mapping[str, Any], said: Mapping[str, Any]) -> External:
    """The payment as said; one of which nothing is said but that it was made is of the whole total."""
    state = payment.get("state", "captured")
    captured = payment.get("captured", payment.get("amount", _total(said)) if state == "captured" else 0)
    amount = payment.get("amount", captured if state == "captured" else _total(said))
    created_at = payment.get("created_at", said["created_at"])
    return External(state, amount, captured, payment.get("refunded", 0), payment.get("reference"), created_at)


def _total(said: Mapping[str, Any]) -> int:
    items = sum(line["quantity"] * line["unit_price"] for line in said["lines"])
    return int(
        items - said.get("discount", 0) + said.get("shipping", 0) + said.get("tax", 0) - said.get("tax_included", 0)
    )


def _shipments(said: Mapping[str, Any], status: str) -> list[ShipmentDraft]:
    """The parcels as said; a shipped order of which none is told left in one, when it was placed."""
    if status not in ("shipped", "delivered"):
        return []
    everything = _owed(said)
    drafts = []
    for parcel in said.get("shipments") or [{"shipped_at": said["created_at"]}]:
        units = _units([parcel]) if "lines" in parcel else everything
        delivered = parcel.get("delivered_at") or (parcel["shipped_at"] if status == "delivered" else None)
        drafts.append(
            ShipmentDraft(parcel["shipped_at"], delivered, parcel.get("tracking"), parcel.get("warehouse"), units)
        )
    return drafts


def _owed(said: Mapping[str, Any]) -> dict[int, int]:
    """What there is to send, by the position of the line."""
    found = {n: line["quantity"] - line.get("cancelled", 0) for n, line in enumerate(said["lines"], 1)}
    return {n: units for n, units in found.items() if units}


def _units(parcels: Sequence[Mapping[str, Any]]) -> dict[int, int]:
    """What parcels hold, by the position of the line."""
    units: dict[int, int] = {}
    for parcel in parcels:
        for part in parcel.get("lines", ()):
            position = part.get("line", 0)
            units[position] = units.get(position, 0) + part.get("quantity", 0)
    return units
