"""Figures over the shop's own days: what was sold, what lies in stock, how far carts get.

sales.py   stock.py   funnel.py      figures.py   what they share: spans of days, sums, lists over them

Everything is added up by the store, in integers, so that memory does not grow with the orders.
"""

from shopctl.core.queries.reports.figures import DAYS, Span, span
from shopctl.core.queries.reports.funnel import STAGES, Funnel, funnel, funnel_in_all
from shopctl.core.queries.reports.sales import SALES, Sales, sales, sales_in_all
from shopctl.core.queries.reports.stock import STOCK_STATUSES, StockFigures, stock, stock_in_all

__all__ = [
    "DAYS",
    "SALES",
    "STAGES",
    "STOCK_STATUSES",
    "Funnel",
    "Sales",
    "Span",
    "StockFigures",
    "funnel",
    "funnel_in_all",
    "sales",
    "sales_in_all",
    "span",
    "stock",
    "stock_in_all",
]
