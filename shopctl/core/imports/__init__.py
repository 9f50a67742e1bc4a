"""Products in and out: files of several formats → drafts for the catalogue, and the catalogue → files.

source.py    bytes → lines          sniff.py   which format is it
read/        lines → raw products, a module a format (CSV formats over table.py)
models.py    raw → validated drafts, with pydantic          products.py  the import itself
export.py    the catalogue → write/, a module a format      entry.py     one product by hand
formats.py   the names of the formats                       extra.py     cells that are kept for an export
platforms/   what rows of other platforms say               kept.py      which cells to keep, and when to give them back
"""

from typing import TYPE_CHECKING

from shopctl.lazy import modules_of

if TYPE_CHECKING:
    from shopctl.core.imports import entry, export, formats, products

    __all__ = ["entry", "export", "formats", "products"]


__getattr__ = modules_of(__name__)
