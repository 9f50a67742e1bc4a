"""Products and orders in and out: files of several formats → drafts for the catalogue, and the catalogue → files.

source.py    bytes → lines          sniff.py   which format is it
read/        lines → raw products, a module a format (CSV formats over table.py)
models.py    raw → validated drafts, with pydantic          batches.py   drafts in groups, each handle once
products.py  the import itself         runs.py  how far it has gone in         refused.py  rows to mend, as a file
orders/      orders in and out, likewise
export.py    the catalogue → write/, a module a format      entry.py     one product by hand
"""

from typing import TYPE_CHECKING

from shopctl.lazy import modules_of

if TYPE_CHECKING:
    from shopctl.core.imports import entry, export, orders, products

    __all__ = ["entry", "export", "orders", "products"]


__getattr__ = modules_of(__name__)
