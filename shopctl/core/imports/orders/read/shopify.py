"""Shopify's orders export, with 66 columns or 79: a row a line item, the order's own cells on the first row of each Name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from shopctl.core.imports import cells
from shopctl.core.imports.orders.layout import COLUMNS, ON_EVERY_ROW, TAX_COLUMNS
from shopctl.core.imports.orders.raw import OrderSource, RawOrder
from shopctl.core.imports.orders.read import grouped
from shopctl.core.imports.rows import Refusal, shown
from shopctl.core.imports.table import Row, Table

Cells = Mapping[str, str]
_FOLDED = {name.casefold(): name for name in COLUMNS}
_COLUMNS = {
    "reference": "Name",
    "email": "Email",
    "status": "Fulfillment Status",
    "created_at": "Created at",
    "currency": "Currency",
    "subtotal": "Subtotal",
    "discount": "Discount Amount",
    "shipping": "Shipping",
    "tax": "Taxes",
    "tax_included": "Taxes",
    "taxes": "Tax 1 Value",
    "total": "Total",
    "shipping_method": "Shipping Method",
    "shipping_address": "Shipping Name",
    "payments": "Financial Status",
    "payments.captured": "Outstanding Balance",
    "payments.refunded": "Refunded Amount",
    "payments.reference": "Payment Reference",
    "payments.created_at": "Paid at",
    "shipments": "Fulfilled at",
    "extra": "Notes",
}
_LINE_COLUMNS = {
    "sku": "Lineitem sku",
    "product_name": "Lineitem name",
    "quantity": "Lineitem quantity",
    "unit_price": "Lineitem price",
    "taxable": "Lineitem taxable",
    "requires_shipping": "Lineitem requires shipping",
}
_ADDRESS = {
    "name": "Shipping Name",
    "line1": "Shipping Address1",
    "line2": "Shipping Address2",
    "city": "Shipping City",
    "region": "Shipping Province",
    "postal_code": "Shipping Zip",
    "country": "Shipping Country",
}
_COLUMNS |= {f"shipping_address.{part}": column for part, column in _ADDRESS.items()}
_UNPAID = ("", "pending", "expired")
_PAID = ("paid", "partially_paid", "partially_refunded", "refunded")
_AMOUNT = re.compile(r"[0-9]{1,18}(\.[0-9]{1,12})?")
_PERCENT = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,4})?)\s*%\s*$")


def fits(names: Sequence[str]) -> bool:
    """Whether a header (folded names) is Shopify's of orders."""
    return "name" in names and "lineitem quantity" in names and "lineitem price" in names


def read(table: Table) -> OrderSource:
    """The orders of a Shopify export, read as they are asked for."""
    source = OrderSource("shopify", "shopify", columns=_COLUMNS, line_columns=_LINE_COLUMNS)
    at = {_FOLDED[name]: i for name, i in table.index(list(_FOLDED)).items()}
    used = set(at.values())
    source.ignored = {name or f"column {i + 1}": None for i, name in enumerate(table.header) if i not in used}
    source.orders = _orders(table, source, at)
    return source


def _orders(table: Table, source: OrderSource, at: Mapping[str, int]) -> Iterator[RawOrder]:
    once = [i for name, i in at.items() if name not in ON_EVERY_ROW or name == "Created at"]
    for name, rows in grouped.groups(table, source, [at["Name"]]):
        lines = [row.line for row in rows]
        raw = RawOrder(rows[0].line, name, {}, lines, lines)
        raw.problems = grouped.problems(table, rows, once)
        if not any(row.problem for row in rows):
            raw.cells = [_cells(row, at) for row in rows]
            _Reader(raw, raw.cells[0]).read(raw.cells)
        yield raw


def _cells(row: Row, at: Mapping[str, int]) -> Cells:
    return {name: cells.unguarded(row.cells[i]) for name, i in at.items()}


class _Reader:
    """One order's rows as an order in our words; what cannot be is noted with its column."""

    def __init__(self, raw: RawOrder, first: Cells) -> None:
        self._raw, self._first = raw, first

    def read(self, rows: Sequence[Cells]) -> None:
        lines = [_line(row) for row in rows]
        said = {name: self._cell(_COLUMNS[name]) for name in ("reference", "email", "created_at", "currency")}
        said |= {name: self._cell(_COLUMNS[name]) for name in ("shipping", "total", "shipping_method")}
        self._raw.said = {name: value for name, value in said.items() if value} | {"lines": lines}
        self._raw.said["shipping_address"] = {
            part: self._cell(column).removeprefix("'") for part, column in _ADDRESS.items()
        } | {"line1": self._cell("Shipping Address1") or self._cell("Shipping Street")}
        self._raw.said["status"] = self._status()
        if self._raw.said["status"] == "shipped" and self._cell("Fulfilled at"):
            self._raw.said["shipments"] = [{"shipped_at": self._cell("Fulfilled at")}]
        if self._amounts_are_numbers(rows):
            self._read_amounts(lines)
            self._read_payment()

    def _cell(self, column: str) -> str:
        return self._first.get(column, "").strip()

    def _refuse(self, column: str, reason: str) -> None:
        self._raw.problems.append(Refusal(self._raw.line, column, shown(self._cell(column)), reason))

    # --- how far it has come ------------------------------------------------------------------------------------------
    def _status(self) -> str:
        """Fulfilled is shipped: whether it has arrived, the file does not say."""
        done, paid = self._cell("Fulfillment Status").casefold(), self._cell("Financial Status").casefold()
        if self._cell("Cancelled at"):
            if done in ("fulfilled", "partial"):
                self._refuse("Cancelled at", f"an order whose fulfillment is {done} cannot be cancelled")
            return "cancelled"
        if done == "fulfilled":
            return "shipped"
        if done == "partial":
            self._refuse("Fulfillment Status", "an order that is shipped in part cannot be imported yet")
        elif done not in ("", "unfulfilled", "restocked"):
            self._refuse("Fulfillment Status", "is none of fulfilled, unfulfilled, restocked, partial")
        # All its money was given back before anything was sent: nobody waits for goods.
        return "cancelled" if paid == "refunded" or done == "restocked" else "confirmed"

    # --- amounts ------------------------------------------------------------------------------------------------------
    def _amounts_are_numbers(self, rows: Sequence[Cells]) -> bool:
        before = len(self._raw.problems)
        amounts = (
            "Subtotal",
            "Shipping",
            "Taxes",
            "Total",
            "Discount Amount",
            "Refunded Amount",
            "Outstanding Balance",
        )
        for column in (*amounts, "Duties", *(value for _, value in TAX_COLUMNS)):
            if self._cell(column) and not _AMOUNT.fullmatch(self._cell(column)):
                self._refuse(column, 'an amount is a decimal number such as "19.99"')
        if not self._cell("Total"):
            self._refuse("Total", "an order has a total")
        for line, row in zip(self._raw.line_rows, rows, strict=True):
            for column in ("Lineitem quantity", "Lineitem price"):
                cell = row.get(column, "").strip()
                if not _AMOUNT.fullmatch(cell):
                    self._raw.problems.append(Refusal(line, column, shown(cell), "is not a number, 0 or more"))
        return len(self._raw.problems) == before

    def _amount(self, column: str) -> Decimal:
        return Decimal(self._cell(column) or 0)

    def _read_amounts(self, lines: Sequence[Mapping[str, Any]]) -> None:
        """Subtotal is after discounts, and Taxes are in the prices or on top of them: the Total tells which."""
        items = sum((Decimal(line["unit_price"]) * Decimal(line["quantity"]) for line in lines), Decimal(0))
        subtotal = self._amount("Subtotal") if self._cell("Subtotal") else items - self._amount("Discount Amount")
        if subtotal > items:
            self._refuse("Subtotal", f"is more than the line items, which are {items}")
            return
        duties, taxes, total = self._amount("Duties"), self._amount("Taxes"), self._amount("Total")
        rest = total - subtotal - self._amount("Shipping") - duties
        if rest not in (0, taxes):
            self._refuse(
                "Total",
                f"is neither Subtotal {subtotal} + Shipping {self._amount('Shipping')} + Taxes {taxes}"
                f"{f' + Duties {duties}' if duties else ''}, nor that without the taxes",
            )
            return
        included = bool(taxes) and rest == 0
        self._raw.said |= {"subtotal": str(items), "discount": str(items - subtotal)}
        self._raw.said |= {"tax": str(taxes + duties), "tax_included": str(taxes if included else 0)}
        self._raw.said["taxes"] = self._taxes(taxes, included)
        if duties:
            self._raw.said["taxes"].append({"name": "Duties", "included": False, "amount": str(duties)})

    def _taxes(self, taxes: Decimal, included: bool) -> list[dict[str, Any]]:
        parts: list[dict[str, Any]] = [
            {"name": name, "percent": _percent(name), "included": included, "amount": self._cell(value)}
            for column, value in TAX_COLUMNS
            if (name := self._cell(column)) and self._cell(value)
        ]
        named = sum((Decimal(part["amount"]) for part in parts), Decimal(0))
        if parts and named != taxes:
            self._refuse("Taxes", f"is not the sum of Tax 1 to 5, which is {named}")
        return parts

    # --- money --------------------------------------------------------------------------------------------------------
    def _read_payment(self) -> None:
        """What was paid there. Nothing is said of an order that nobody has paid yet, or that costs nothing."""
        word, total = self._cell("Financial Status").casefold(), self._amount("Total")
        if word not in (*_UNPAID, *_PAID, "authorized", "voided"):
            self._refuse("Financial Status", f"is none of {', '.join((*_UNPAID[1:], *_PAID, 'authorized', 'voided'))}")
        if word in _UNPAID or not total:
            return
        reference = self._cell("Payment Reference") or self._cell("Payment ID")
        payment = {"reference": reference or None}
        payment |= {"created_at": self._cell("Paid at")} if self._cell("Paid at") else {}
        if word in ("authorized", "voided"):
            payment |= {"state": word, "amount": str(total)}
        else:
            captured = total - self._amount("Outstanding Balance") if word == "partially_paid" else total
            refunded = self._amount("Refunded Amount") if self._cell("Refunded Amount") or word != "refunded" else total
            payment |= {"state": "captured", "captured": str(captured), "refunded": str(refunded)}
        self._raw.said["payments"] = [payment]


def _line(row: Cells) -> dict[str, Any]:
    said: dict[str, Any] = {name: row.get(column, "").strip() for name, column in _LINE_COLUMNS.items()}
    for name in ("taxable", "requires_shipping"):
        said[name] = cells.flag(said[name] or "true")
    return said


def _percent(tax: str) -> str:
    """The rate at the end of a tax's name, "DE MwSt 19 %"; 0 when it does not tell."""
    found = _PERCENT.search(tax)
    return found[1] if found else "0"
