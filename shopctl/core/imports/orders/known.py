"""What the store has of the orders that a batch speaks of, asked at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from shopctl.core import customers, orders, payments
from shopctl.core.db import tables
from shopctl.core.db.unit_of_work import Row, UnitOfWork
from shopctl.core.imports.orders.check import Checked
from shopctl.core.orders import LineDraft, OrderDraft

_ASKED_AT_ONCE = 500


@dataclass(slots=True)
class Known:
    """Keys with fingerprints, ids, payments' references with numbers, folded e-mail addresses with accounts: all of them grow
    as the orders of the batch go in. `catalogue`: variants by SKU.
    """

    keys: dict[str, str]
    ids: set[str]
    references: dict[str, int]
    customers: dict[str, str]
    catalogue: Mapping[str, Row]


def known(tx: UnitOfWork, batch: Sequence[Checked]) -> Known:
    """What is known of these, which have drafts."""
    drafts = [one.draft for one in batch if one.draft]
    ids = [draft.id for draft in drafts if draft.id]
    paid = {draft.payment.reference for draft in drafts if draft.payment and draft.payment.reference}
    skus = sorted({line.sku for draft in drafts for line in draft.lines if line.sku})
    catalogue: dict[str, Row] = {}
    for i in range(0, len(skus), _ASKED_AT_ONCE):
        found = sa.select(tables.variants, tables.products.c.title).join(
            tables.products, tables.products.c.id == tables.variants.c.product_id
        )
        chunk = skus[i : i + _ASKED_AT_ONCE]
        catalogue |= {row.sku: row for row in tx.rows(found.where(tables.variants.c.sku.in_(chunk)))}
    return Known(
        orders.fingerprints(tx, [one.key for one in batch]),
        {row.id for row in tx.rows(sa.select(tables.orders.c.id).where(tables.orders.c.id.in_(ids)))},
        payments.known_references(tx, sorted(paid)),
        customers.known(tx, [draft.email for draft in drafts]),
        catalogue,
    )


def resolved(line: LineDraft, draft: OrderDraft, variant: Row | None) -> LineDraft:
    """A line with what the file does not say as the catalogue has it. Only open orders take units from the stock."""
    if variant is None:
        return line
    said: dict[str, Any] = {"product_name": line.product_name or variant.title, "tracked": False}
    said["tracked"] = bool(variant.tracked) and draft.status == "confirmed"
    for name in ("options", "taxable", "requires_shipping", "weight_grams"):
        value = getattr(line, name)
        said[name] = getattr(variant, name) if value is None else value
    return replace(line, **said)
