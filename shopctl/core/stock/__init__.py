"""Stock: levels per SKU, warehouse, pool and bucket, and the append-only ledger of movements that they are sums of.

The only writer of warehouses, stock_levels and stock_movements.

ledger.py      every change of a counter: one guarded statement, then its movements
levels.py      the level rows: made, given their policy              opening.py   opening stock, without a guard
mending.py     a level that is not what it is derived from
low.py         thresholds that a change crosses                      warehouses.py   the places
work.py        an operator's work: receive, adjust, transfer, set, spread
pools.py       what is set aside for a sale
counts.py      many counts at once, for imports                      buckets.py      a level in several rows, for hot SKUs
"""

from shopctl.core.stock.buckets import book, ship
from shopctl.core.stock.counts import Count, Counted, take_stock
from shopctl.core.stock.ledger import (
    COUNTERS,
    GENERAL,
    MOVES,
    Move,
    books_disagree,
    lock_levels,
    move,
    uncommitted_units,
)
from shopctl.core.stock.levels import ensure_levels, follow_policy
from shopctl.core.stock.mending import Derived, derived, mend_level
from shopctl.core.stock.opening import open_stock
from shopctl.core.stock.pools import SALE, of_pool, put_back, set_aside
from shopctl.core.stock.warehouses import add_warehouse, edit_warehouse, make_warehouse
from shopctl.core.stock.work import adjust, receive, receive_all, set_level, spread, transfer

__all__ = [
    "COUNTERS",
    "GENERAL",
    "MOVES",
    "SALE",
    "Count",
    "Counted",
    "Derived",
    "Move",
    "add_warehouse",
    "adjust",
    "book",
    "books_disagree",
    "derived",
    "edit_warehouse",
    "ensure_levels",
    "follow_policy",
    "lock_levels",
    "make_warehouse",
    "mend_level",
    "move",
    "of_pool",
    "open_stock",
    "put_back",
    "receive",
    "receive_all",
    "set_aside",
    "set_level",
    "ship",
    "spread",
    "take_stock",
    "transfer",
    "uncommitted_units",
]
