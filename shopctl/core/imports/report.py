"""What an import did, counted as it goes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

from shopctl.core.catalog import Written
from shopctl.core.imports.rows import Refusal

MAX_KEPT = 10_000
"""Refusals that a report keeps; all are counted, and all pass through `on_refusal`."""

MAX_SAVED = 1_000
"""Refusals that are saved beside a run with each batch, for the report of an import that was cut."""


class Refusing:
    """What the report of any import counts of its refusals."""

    rows_refused: int
    refusals_total: int
    refusals: list[Refusal]

    def refuse(self, refusals: Sequence[Refusal], on_refusal: Callable[[Refusal], None] | None = None) -> None:
        self.rows_refused += len({refusal.line for refusal in refusals})
        self.refusals_total += len(refusals)
        self.refusals += refusals[: max(0, MAX_KEPT - len(self.refusals))]
        if on_refusal:
            for refusal in refusals:
                on_refusal(refusal)


@dataclass(slots=True)
class Report(Refusing):
    """Counts of one import. Rows are JSONL lines or CSV rows below the header; units are pieces of stock."""

    format: str = ""
    rows: int = 0
    rows_refused: int = 0
    products_created: int = 0
    products_updated: int = 0
    products_unchanged: int = 0
    products_refused: int = 0
    variants: int = 0
    skus_made: int = 0
    untracked: int = 0  # variants whose stock nobody counts
    opening_units: int = 0  # booked
    opening_booked: int = 0  # SKUs
    opening_ignored: int = 0  # SKUs with movements already
    opening_untracked: int = 0  # SKUs that are not tracked
    refusals_total: int = 0
    refusals: list[Refusal] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)  # columns with something in them that nobody reads
    notes: list[str] = field(default_factory=list)  # what else there is to know: prices that are kept and not used, …
    dry_run: bool = False

    def add(self, written: Written) -> None:
        name = f"products_{written.outcome}"
        setattr(self, name, getattr(self, name) + 1)
        self.variants += written.variants
        self.skus_made += written.made_skus
        self.untracked += written.untracked
        self.opening_untracked += written.untracked_openings

    def counts(self) -> dict[str, Any]:
        """The report without the refusals themselves."""
        return {each.name: getattr(self, each.name) for each in fields(self) if each.name != "refusals"}

    def saved(self) -> dict[str, Any]:
        """What `restored` goes on from."""
        return self.counts() | {"refusals": [asdict(refusal) for refusal in self.refusals[:MAX_SAVED]]}

    @classmethod
    def restored(cls, saved: Mapping[str, Any]) -> Self:
        return cls(**{**saved, "refusals": [Refusal(**refusal) for refusal in saved["refusals"]]})
