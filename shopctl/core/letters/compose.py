"""A fact and what it is about → a message, or None where nobody is to be told. Pure, but for the templates.

What comes from outside passes `safe()`, and in HTML it is escaped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape

from shopctl.core.domain.facts import LETTERS, Facts
from shopctl.core.domain.safe import safe
from shopctl.core.letters.templates import Templates
from shopctl.core.outbox import Fact
from shopctl.core.ports import Message
from shopctl.core.queries.customers import ERASED
from shopctl.core.queries.letters import About, Parcel
from shopctl.core.queries.orders import Order

Rows = Sequence[tuple[str, str, str]]
"""How many, of what, for how much."""


def compose(facts: Facts, fact: Fact, about: About, templates: Templates) -> Message | None:
    """The letter that tells of this fact. BadInput for a template that cannot be used."""
    order, name = about.order, LETTERS[fact.topic]
    if not facts.sends(name) or order.email.endswith(ERASED) or not _concerns(facts, fact, about):
        return None
    amount = _money(fact.payload.get("amount", order.total), fact.payload.get("currency", order.currency))
    plain = {"shop": facts.name, "number": order.number, "amount": amount, "url": about.action_url or ""}
    plain |= {"total": _money(order.total, order.currency)}
    values = {field: safe(value) for field, value in plain.items()}
    blocks = {"lines": _lines(order), "totals": _totals(order)}
    parcels, how = _parcels_of(fact, about), [safe(line) for line in facts.payment_instructions.splitlines()]
    address = [safe(part) for part in order.shipping_address.values() if part]
    in_text = {field: _columns(rows) for field, rows in blocks.items()}
    in_html = {field: _table(rows) for field, rows in blocks.items()}
    in_text |= {
        "address": "\n".join(address),
        "instructions": "\n".join(how),
        "parcels": _parcels(parcels, _columns, "\n\n"),
    }
    in_html |= {"address": "<br>".join(map(escape, address)), "instructions": "<br>".join(map(escape, how))}
    in_html |= {"parcels": _parcels(parcels, _table, "\n", _paragraph)}
    subject, text = templates.text(name, values | in_text)
    html = templates.html(name, subject, {field: escape(value) for field, value in values.items()} | in_html)
    return Message(
        id=f"order-{order.number}-{fact.id}@shopctl",
        at=fact.at,
        sender_name=facts.name,
        sender=facts.email_sender,
        recipient=order.email,
        subject=subject,
        text=text,
        html=html,
    )


def _concerns(facts: Facts, fact: Fact, about: About) -> bool:
    """Whether the customer should hear of it. Of an order that was given up at the checkout they have heard there."""
    if fact.topic == "payment.awaited":  # a shop that does not say how to pay takes the money itself, at a till
        return bool(facts.payment_instructions) and about.order.status == "pending"
    if fact.topic == "order.cancelled":
        return fact.payload.get("from_status") != "pending" or about.waited
    if LETTERS[fact.topic] == "shipped":
        return bool(_parcels_of(fact, about))  # none: the rest of an order was cancelled, and that it is sent was told
    if fact.topic == "payment.action_required":
        return (about.action_url or "").startswith(("https://", "http://")) and about.order.status == "pending"
    return True


def _parcels_of(fact: Fact, about: About) -> Sequence[Parcel]:
    """The parcels that were sent with this fact: they were written in one transaction, and carry one time."""
    return [parcel for parcel in about.parcels if parcel.shipped_at == fact.at]


# --- rows ----------------------------------------------------------------------------------------------------------
def _lines(order: Order) -> Rows:
    return [
        (f"{line.quantity} ×", f"{safe(line.product_name)} ({safe(line.sku)})", str(line.total_price))
        for line in order.lines
    ]


def _totals(order: Order) -> Rows:
    named = [("Subtotal", order.subtotal, True), ("Discount", order.discount, bool(order.discount.amount))]
    named += [("Shipping", order.shipping, True), ("Tax", order.tax, True), ("Total", order.total, True)]
    named += [("of which tax", order.tax_included, bool(order.tax_included.amount))]
    return [("", name, _money(amount, order.currency)) for name, amount, shown in named if shown]


def _money(amount: object, currency: str) -> str:
    return f"{amount} {currency}"


def _parcels(
    parcels: Sequence[Parcel],
    rows: Callable[[Rows], str],
    between: str,
    heading: Callable[[str], str] = lambda text: f"{text}\n",
) -> str:
    """Each parcel with its tracking number and what is in it."""
    found = []
    for i, parcel in enumerate(parcels, 1):
        words = [f"Parcel {i} of {len(parcels)}"] if len(parcels) > 1 else []
        words += [f"Tracking number: {safe(parcel.tracking)}"] if parcel.tracking else []
        head = heading(" · ".join(words)) if words else ""
        contents = [(f"{quantity} ×", f"{safe(name)} ({safe(sku)})", "") for quantity, name, sku in parcel.lines]
        found.append(head + rows(contents))
    return between.join(found)


def _columns(rows: Rows) -> str:
    return "\n".join("  ".join(cell for cell in row if cell) for row in rows)


def _paragraph(text: str) -> str:
    return f"<p>{escape(text)}</p>\n"


def _table(rows: Rows) -> str:
    kinds = ("n", "", "n")
    body = "".join(
        "<tr>"
        + "".join(f'<td class="{kind}">{escape(cell)}</td>' for kind, cell in zip(kinds, row, strict=True))
        + "</tr>"
        for row in rows
    )
    return f"<table>{body}</table>"
