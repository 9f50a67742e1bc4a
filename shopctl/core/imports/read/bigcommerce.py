"""BigCommerce's product CSV: a row a product, its SKU and Rule rows below it.

Products have no handles there: a product is the one that has its SKUs, or its ID; a new one's handle is its address.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from shopctl.core.errors import BadInput
from shopctl.core.imports.kept import Cells, Sheet, differing, number
from shopctl.core.imports.platforms import bigcommerce as big
from shopctl.core.imports.rows import RawProduct, RawVariant, Refusal, Source, shown
from shopctl.core.imports.seen import Seen
from shopctl.core.imports.table import Row, Table

_SPELLINGS = {name.casefold(): name for name in big.HEADER}
_RULE = "a rule changes the price, weight or picture of options, which shopctl cannot take"


def fits(names: Sequence[str]) -> bool:
    """Whether a header (folded names) is BigCommerce's."""
    return {"item type", "product name"} <= set(names)


def read(table: Table) -> Source:
    """The products of a BigCommerce file, read as they are asked for. BadInput without Item Type and Product Name."""
    for name in ("Item Type", "Product Name"):
        if name.casefold() not in table.names:
            raise BadInput("column_missing", f"A BigCommerce product file has a column {name}, this one has none")
    source = Source(big.FORMAT, id_column="Product ID")
    handle = "Product URL" if "product url" in table.names else "Product Name"
    source.product_columns, source.variant_columns = {**big.PRODUCT_COLUMNS, "handle": handle}, big.VARIANT_COLUMNS
    source.products = _Reader(table, source).products()
    return source


class _Reader:
    def __init__(self, table: Table, source: Source) -> None:
        self._table, self._source = table, source
        self._cells = Sheet(table, source, lambda name: _SPELLINGS.get(name.casefold(), name)).cells
        self._shared = self._weights = 0

    def products(self) -> Iterator[RawProduct]:
        with Seen() as self._seen:
            for rows in self._groups():
                yield self._product(rows)
        if self._shared:
            self._source.notes[f"{self._shared} variants share their product's stock; it was not booked"] = None
        if self._weights:
            self._source.notes["weights were kept but are not used: the file does not say their unit"] = None

    def _groups(self) -> Iterator[list[tuple[Row, Cells]]]:
        """A product's row with those below it. A row that cannot be told may be a product's: it takes those below."""
        rows: list[tuple[Row, Cells]] = []
        for row in self._table:
            self._source.rows += 1
            cells = self._cells(row)
            if rows and big.kind_of(cells) not in ("sku", "rule"):
                yield rows
                rows = []
            rows.append((row, cells))
        if rows:
            yield rows

    def _product(self, rows: Sequence[tuple[Row, Cells]]) -> RawProduct:
        first, head = rows[0]
        raw = RawProduct(first.line, "", {}, [], [row.line for row, _ in rows])
        if first.problem or big.kind_of(head) != "product":
            raw.problems = [first.problem or _no_product(head)]
            return raw
        raw.handle, raw.said = big.handle_of(head), big.product_said(head)
        raw.key = head["Product ID"].strip() or head["Product Code/SKU"].strip()
        raw.problems = head.problems
        self._claim(head, "Product ID")
        self._weights += bool(number(head["Product Weight"]).strip("0."))
        below = [cells for _, cells in rows[1:]]
        rules = [cells for cells in below if big.kind_of(cells) == "rule"]
        skus = [cells for cells in below if big.kind_of(cells) == "sku"]
        said = [big.variant_said(cells, head) for cells in skus] or [big.variant_said(head)]
        spelled = big.spelled_product(raw.said, raw.handle)
        spelled |= big.spelled_for_skus(said) if skus else big.spelled_variant(said[0])
        raw.said["extra"] = {big.FORMAT: differing(head, spelled)}
        for cells, of_row in zip(skus, said, strict=False):
            of_row["extra"] = {big.FORMAT: differing(cells, big.spelled_sku(of_row, head))}
            self._shared += big.shares_stock(cells, head)
            for rule in rules:
                if _changes(rule, cells):
                    cells.refuse("Price", f"the rule in line {rule.line} changes it")
        for cells, of_row in zip(skus or [head], said, strict=True):
            self._claim(cells, "Product Code/SKU")
            raw.variants.append(RawVariant(cells.line, of_row, problems=cells.problems))
        if not skus and "sku" not in said[0] and head["Product ID"].strip():
            said[0]["sku"] = f"BC-{head['Product ID'].strip()}"
        for rule in rules:
            rule.refuse("Item Type", _RULE)
            raw.variants.append(RawVariant(rule.line, {}, problems=rule.problems))
        return raw

    def _claim(self, cells: Cells, column: str) -> None:
        """Refuse a row whose ID or SKU stands in the file already."""
        if code := cells[column].strip():
            first, _ = self._seen.first(f"{column}:{code}", cells.line, "")
            if first != cells.line:
                cells.refuse(column, f"stands in line {first} already")


def _no_product(cells: Cells) -> Refusal:
    kind = big.kind_of(cells)
    reason = "stands above every product" if kind in ("sku", "rule") else "is none of Product, SKU, Rule"
    return Refusal(cells.line, "Item Type", shown(cells["Item Type"]), reason)


def _changes(rule: Cells, sku: Cells) -> bool:
    """Whether a rule sets a price for a variant: it names its SKU, or options that it has."""
    code, options = rule["Product Code/SKU"].strip(), big.options_in(rule["Product Name"])
    named = (
        code == sku["Product Code/SKU"].strip() if code else set(options) <= set(big.options_in(sku["Product Name"]))
    )
    return bool(rule["Price"].strip() and (code or options) and named)
