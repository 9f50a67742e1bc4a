"""Orders in and out: files of several formats → drafts → orders that were placed elsewhere, and orders → files.

sniff.py    which format is it             read/     lines → raw orders, a module a format
models.py   what each field must be        check.py  raw → checked drafts: amounts that add up
take.py     the import itself              stored.py the store → drafts
export.py   drafts → write/, a module a format       layout.py  Shopify's columns
"""

from typing import TYPE_CHECKING

from shopctl.lazy import modules_of

if TYPE_CHECKING:
    from shopctl.core.imports.orders import export, take

    __all__ = ["export", "take"]


__getattr__ = modules_of(__name__)
