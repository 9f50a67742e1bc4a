"""A file's products in batches, validated, each handle told from those before it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from shopctl.core.domain import text
from shopctl.core.imports.rows import RawProduct, Refusal, Source, shown
from shopctl.core.imports.seen import Seen

if TYPE_CHECKING:
    from shopctl.core.imports.models import Checked

_VARIANTS_A_PRODUCT = 10  # a batch of products with far more variants than this is cut earlier


@dataclass(slots=True)
class Batches:
    """What `found` has, in groups of `size`, fewer when they have many variants. The last group may be empty.

    `products` counts those that have been drawn, `line` is the last line of the last of them.
    """

    found: Source
    seen: Seen
    currency: str
    size: int
    products: int = 0
    line: int = 0
    last: bool = False

    def __iter__(self) -> Iterator[list[Checked]]:
        from shopctl.core.imports.models import check

        ready: list[Checked] = []
        weight = 0
        for raw in self._drawn():
            ready.append(check(raw, self.found, self.currency))
            weight += len(raw.variants)
            if len(ready) >= self.size or weight >= self.size * _VARIANTS_A_PRODUCT:
                yield ready
                ready, weight = [], 0
        self.last = True
        yield ready

    def skip(self, products: int) -> None:
        """Pass products that went in before, remembering their handles."""
        for _ in islice(self._drawn(), products):
            pass

    def _drawn(self) -> Iterator[RawProduct]:
        for raw in self.found.products:
            if raw.handle and (began := self._first(raw)) != raw.line:
                raw.problems.insert(0, self._again(raw, began))
            self.products += 1
            self.line = max(self.line, raw.lines[-1])
            yield raw

    def _first(self, raw: RawProduct) -> int:
        """The line where this product began: its own, unless it is there already. A handle made from the title gives
        way to one that tells it apart when another product has made the same.
        """
        key = raw.key or str(raw.said.get("title"))
        began, name = self.seen.first(raw.handle, raw.line, key)
        if began != raw.line and not raw.said.get("handle") and name != key:
            raw.handle = text.told_apart(raw.handle, key)
            began, _ = self.seen.first(raw.handle, raw.line, key)
        return began

    def _again(self, raw: RawProduct, began: int) -> Refusal:
        if self.found.whole:
            made = "" if raw.said.get("handle") else " (made from the title; give each product its own)"
            reason = f"one product is one line; this handle stands in line {began} already{made}"
        elif self.found.id_column:
            reason = f"this product stands in line {began} already; a SKU or an ID tells products apart"
        else:
            reason = f"rows of one product must stand together; {raw.handle} began at line {began}"
        return Refusal(raw.line, self.found.product_columns.get("handle", "handle"), shown(raw.handle), reason)
