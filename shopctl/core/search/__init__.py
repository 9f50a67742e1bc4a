"""Search: words → products, with live prices and stock; and the indexer that feeds the index.

plan.py   how a query is answered      facets.py   what a filter would find      indexer.py   outbox → index
"""

from shopctl.core.search.facets import FacetValue
from shopctl.core.search.indexer import catch_up, index_all, index_changes, lag, reindex
from shopctl.core.search.plan import Hit, Request, Results, search

__all__ = [
    "FacetValue",
    "Hit",
    "Request",
    "Results",
    "catch_up",
    "index_all",
    "index_changes",
    "lag",
    "reindex",
    "search",
]
