"""The catalogue: categories, products, variants. The only writer of those tables.

A draft carries what somebody *said* of a product: a field that was not said keeps its value, or takes its default when
the product is new.

drafts.py      what is said, and what becomes of it      known.py   what is there already
put.py         many drafts at once                       edit.py    one change by hand
categories.py  the tree
"""

from shopctl.core.catalog.categories import add_category, ensure_categories
from shopctl.core.catalog.drafts import (
    PRODUCT_DEFAULTS,
    STATUSES,
    VARIANT_DEFAULTS,
    Change,
    Clash,
    ProductDraft,
    VariantDraft,
    Written,
)
from shopctl.core.catalog.edit import add, archive, edit
from shopctl.core.catalog.put import put

__all__ = [
    "PRODUCT_DEFAULTS",
    "STATUSES",
    "VARIANT_DEFAULTS",
    "Change",
    "Clash",
    "ProductDraft",
    "VariantDraft",
    "Written",
    "add",
    "add_category",
    "archive",
    "edit",
    "ensure_categories",
    "put",
]
