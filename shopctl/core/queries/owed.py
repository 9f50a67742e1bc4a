"""What an order is owed: its total less its credits, as a column of queries over orders."""

from __future__ import annotations

import sqlalchemy as sa

from shopctl.core.db.tables import credits, orders

_CREDITED = sa.select(sa.func.sum(credits.c.total)).where(credits.c.order_id == orders.c.id).scalar_subquery()
OWED = orders.c.total - sa.func.coalesce(_CREDITED, 0)
