"""Products and orders in and out: files of several formats → drafts for the catalogue, and the catalogue → files.

source.py    bytes → lines          sniff.py   which format is it
read/        lines → raw products, a module a format (CSV formats over table.py)
models.py    raw → validated drafts, with pydantic          batches.py   drafts in groups, each handle once
products.py  the import itself         runs.py  how far it has gone in         refused.py  rows to mend, as a file
rates.py     tax and shipping rates
orders/      orders in and out, likewise
export.py    the catalogue → write/, a module a format      entry.py     one product by hand
formats.py   the names of the formats                       extra.py     cells that are kept for an export
stock.py     inventory files in (read/inventory.py, places.py); export_stock.py  and out (write/inventory.py)
customers.py accounts with their addresses, out
"""

from typing import TYPE_CHECKING

from shopctl.lazy import modules_of

if TYPE_CHECKING:
    from shopctl.core.imports import customers, entry, export, export_stock, formats, orders, products, rates, stock

    __all__ = ["customers", "entry", "export", "export_stock", "formats", "orders", "products", "rates", "stock"]


__getattr__ = modules_of(__name__)
