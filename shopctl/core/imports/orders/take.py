"""Importing orders: a file → drafts → orders that were placed elsewhere, batch by batch.

Each batch is one unit of work, so that a killed import leaves whole batches; the same file again completes it, and a
third time changes nothing. With on_error="stop", and in a dry run, the whole file is one unit.

An order that is shipped, delivered or cancelled moves no stock: its goods left before ours were counted. An open one takes
its units as a checkout does, held and committed, so that it can be shipped, delivered or cancelled like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import batched, islice
from typing import Any, BinaryIO, Literal, TextIO

import sqlalchemy as sa

from shopctl.core import customers, orders, payments, reservations
from shopctl.core.db.tables import orders as orders_table
from shopctl.core.db.tables import products, variants
from shopctl.core.db.types import new_id
from shopctl.core.db.unit_of_work import Row, UnitOfWork
from shopctl.core.errors import BadInput, Refused
from shopctl.core.imports.orders.check import Checked, check, fingerprint
from shopctl.core.imports.orders.raw import OrderSource
from shopctl.core.imports.orders.read import grouped
from shopctl.core.imports.orders.report import Report
from shopctl.core.imports.orders.sniff import open_source
from shopctl.core.imports.orders.stored import all_orders
from shopctl.core.imports.products import stopped
from shopctl.core.imports.rows import Refusal, shown
from shopctl.core.imports.source import lines_of
from shopctl.core.orders import LineDraft, OrderDraft
from shopctl.core.reservations import Owner
from shopctl.core.shop import Shop
