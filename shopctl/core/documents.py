"""Documents for paper: pick list, packing slip, invoice and credit note, as text and as HTML. Pure functions of rows.

What comes from outside passes `safe()`, and in HTML it is escaped. The HTML is one file that loads and runs nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from html import escape
from typing import Any
from zoneinfo import ZoneInfo

from shopctl.core.domain.facts import Facts
from shopctl.core.domain.safe import safe
from shopctl.core.queries.invoices import Document
from shopctl.core.queries.parcels import Item, Pick, Share, Slip

_STYLE = """
body { font: 11pt/1.4 system-ui, sans-serif; margin: 2rem auto; max-width: 46rem; color: #000; background: #fff }
section + section { break-before: page; margin-top: 4rem }
h1 { font-size: 1.3rem } h2 { font-size: 1.05rem }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem .3rem 0; border-bottom: 1px solid #999 }
tr { break-inside: avoid } thead { display: table-header-group }
.n { text-align: right } address { font-style: normal; margin: 1rem 0 }
@page { margin: 15mm } @media print { body { margin: 0; max-width: none } section + section { margin-top: 0 } }
"""


# --- the packing slip ----------------------------------------------------------------------------------------------
def slip_text(facts: Facts, slip: Slip) -> list[str]:
    """The lines of one packing slip."""
    width = max((len(safe(item.sku)) for item in slip.lines), default=0)
    rows = [f"{item.quantity:>6} × {safe(item.sku):<{width}}  {_product(item)}" for item in slip.lines]
    heads = [safe(facts.name), _title(slip), *_facts_of(facts, slip)]
    return [*heads, "", *(f"    {line}" for line in _address(slip.shipping_address)), "", *rows]


def slips_html(facts: Facts, slips: Iterable[Slip]) -> str:
    """A page for each packing slip."""
    return _page("Packing slips", [_slip(facts, slip) for slip in slips])


def _slip(facts: Facts, slip: Slip) -> str:
    rows = [(("n", str(item.quantity)), ("", safe(item.sku)), ("", _product(item))) for item in slip.lines]
    address = "<br>".join(escape(line) for line in _address(slip.shipping_address))
    lines = "<br>".join(escape(line) for line in _facts_of(facts, slip))
    head = f"<p>{escape(safe(facts.name))}</p><h1>{escape(_title(slip))}</h1><p>{lines}</p>"
    return f"{head}<address>{address}</address>{_table(('Units', 'SKU', 'Product'), rows)}"


def _title(slip: Slip) -> str:
    part = f", parcel {slip.parcel} of {slip.parcels}" if slip.parcels > 1 else ""
    return f"Packing slip: order {slip.number}{part}"


def _facts_of(facts: Facts, slip: Slip) -> list[str]:
    zone = ZoneInfo(facts.timezone)
    told = {
        "Ordered": f"{slip.placed_at.astimezone(zone):%Y-%m-%d}",
        "Sent": slip.shipped_at and f"{slip.shipped_at.astimezone(zone):%Y-%m-%d}",
        "From": slip.warehouse,
        "By": slip.shipping_method,
        "Tracking": slip.tracking,
    }
    return [f"{name}: {safe(value)}" for name, value in told.items() if value]


def _address(address: Mapping[str, str]) -> list[str]:
    def part(name: str) -> str:
        return safe(address.get(name) or "")

    town = f"{part('postal_code')} {part('city')}".strip()
    return [
        line for line in (part("name"), part("line1"), part("line2"), town, part("region"), part("country")) if line
    ]


# --- the pick list -------------------------------------------------------------------------------------------------
def picklist_html(facts: Facts, picks: Sequence[Pick]) -> str:
    """A page for each warehouse."""
    places: dict[str | None, list[Pick]] = {}
    for pick in picks:
        places.setdefault(pick.warehouse, []).append(pick)
    return _page("Pick list", [_picks(facts, place, of_place) for place, of_place in places.items()])


def shares_text(shares: Iterable[Share]) -> str:
    """Whom the units are for: "1001, 1002 ×3"."""
    return ", ".join(share.number if share.quantity == 1 else f"{share.number} ×{share.quantity}" for share in shares)


def _picks(facts: Facts, warehouse: str | None, picks: Sequence[Pick]) -> str:
    rows = [
        (
            ("", "☐"),
            ("n", str(pick.quantity)),
            ("", safe(pick.sku)),
            ("", _product(pick)),
            ("", shares_text(pick.orders)),
        )
        for pick in picks
    ]
    place = f": {safe(warehouse)}" if warehouse else ""
    head = f"<p>{escape(safe(facts.name))}</p><h1>{escape('Pick list' + place)}</h1>"
    return head + _table(("", "Units", "SKU", "Product", "Orders"), rows)


# --- the invoice and the credit note -------------------------------------------------------------------------------
def invoice_text(facts: Facts, paper: Document) -> list[str]:
    """The lines of one paper."""
    rows = [(str(line["quantity"]), safe(line["sku"]), _sold(line), line["total_price"]) for line in paper.lines]
    widths = [max((len(row[i]) for row in rows), default=0) for i in range(4)]
    sums = _sums(paper)
    label, amount = max(len(name) for name, _ in sums), max(len(value) for _, value in sums)
    goods = [
        f"{units:>{widths[0]}} × {sku:<{widths[1]}}  {product:<{widths[2]}}  {total:>{widths[3]}}"
        for units, sku, product, total in rows
    ]
    heads = [safe(paper.seller), _paper_title(paper), *_paper_facts(facts, paper)]
    address = [f"    {line}" for line in _address(paper.address)]
    return [*heads, "", *address, "", *goods, "", *(f"{name:<{label}}  {value:>{amount}}" for name, value in sums)]


def invoices_html(facts: Facts, papers: Iterable[Document]) -> str:
    """A page for each paper."""
    return _page("Invoices", [_paper(facts, paper) for paper in papers])


def _paper(facts: Facts, paper: Document) -> str:
    rows = [
        (
            ("n", str(line["quantity"])),
            ("", safe(line["sku"])),
            ("", _sold(line)),
            ("n", line["unit_price"] or ""),
            ("n", line["total_price"]),
        )
        for line in paper.lines
    ]
    address = "<br>".join(escape(line) for line in _address(paper.address))
    told = "<br>".join(escape(line) for line in _paper_facts(facts, paper))
    head = f"<p>{escape(safe(paper.seller))}</p><h1>{escape(_paper_title(paper))}</h1><p>{told}</p>"
    goods = _table(("Units", "SKU", "Product", "Each", "Total"), rows) if rows else ""
    sums = _table(("", "Amount"), [(("", name), ("n", value)) for name, value in _sums(paper)])
    return f"{head}<address>{address}</address>{goods}{sums}"


def _paper_title(paper: Document) -> str:
    return f"{'Invoice' if paper.kind == 'invoice' else 'Credit note'} {paper.number}"


def _paper_facts(facts: Facts, paper: Document) -> list[str]:
    zone = ZoneInfo(facts.timezone)
    told = {
        "Issued": f"{datetime.fromisoformat(paper.issued_at).astimezone(zone):%Y-%m-%d}",
        "Order": f"{paper.order} of {datetime.fromisoformat(paper.ordered_at).astimezone(zone):%Y-%m-%d}",
        "Corrects invoice": paper.invoice,
        "Reason": paper.reason,
        "For": paper.email,
    }
    return [f"{name}: {safe(value)}" for name, value in told.items() if value]


def _sums(paper: Document) -> list[tuple[str, str]]:
    """What it adds up to. Taxes that are inside the prices say so."""
    sums = [("Items", paper.subtotal)]
    sums += [("Discount", f"-{paper.discount}")] if Decimal(paper.discount) else []
    sums += [("Shipping", paper.shipping)] if Decimal(paper.shipping) else []
    for tax in paper.taxes:
        if Decimal(tax["amount"]):
            name = f"{tax['name']} {tax['percent']} %"
            sums.append((safe(f"{name}, included" if tax["included"] else name), tax["amount"]))
    return [*sums, (f"Total {paper.currency}", paper.total)]


def _sold(line: Mapping[str, Any]) -> str:
    return _named(line["product_name"], line["options"])


# --- all of them ----------------------------------------------------------------------------------------------------------
def _product(of: Item | Pick) -> str:
    return _named(of.product_name, of.options)


def _named(product: str, options: Mapping[str, str]) -> str:
    told = ", ".join(f"{name}: {value}" for name, value in options.items())
    return safe(f"{product} ({told})" if told else product)


def _table(heads: Sequence[str], rows: Iterable[Sequence[tuple[str, str]]]) -> str:
    """`rows` are cells of (class, text)."""
    head = "".join(f"<th>{escape(name)}</th>" for name in heads)
    body = "".join(
        "<tr>" + "".join(f'<td class="{kind}">{escape(text)}</td>' for kind, text in row) + "</tr>\n" for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>\n{body}</tbody></table>"


def _page(title: str, sections: Iterable[str]) -> str:
    body = "\n".join(f"<section>{section}</section>" for section in sections)
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n<style>{_STYLE}</style></head>\n'
        f"<body>\n{body}\n</body></html>\n"
    )
