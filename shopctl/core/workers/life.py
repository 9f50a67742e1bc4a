"""A worker's life in the store: it beats while it lives, takes turns with others, and leaves. None of it is audited."""

from __future__ import annotations

import os
import socket
from datetime import timedelta

import sqlalchemy as sa

from shopctl import __version__
from shopctl.core.db import dialects
from shopctl.core.db.tables import leases, workers
from shopctl.core.queries.workers import STALE
from shopctl.core.shop import Shop

IDLE = "idle"
_FORGOTTEN = timedelta(days=1)
"""How long one that died without a word is still shown."""


def beat(shop: Shop, worker_id: str, doing: str) -> None:
    """Say that this worker lives and what it does; the turns that it has are its own for longer."""
    with shop.work("workers.beat") as tx:
        me = {"id": worker_id, "host": socket.gethostname(), "pid": os.getpid(), "version": __version__}
        row = {**me, "doing": doing, "started_at": tx.now, "beat_at": tx.now}
        said = dialects.insert_new(tx.connection, workers).values(**row)
        tx.execute(said.on_conflict_do_update(index_elements=["id"], set_={"doing": doing, "beat_at": tx.now}))
        tx.execute(sa.update(leases).where(leases.c.holder == worker_id).values(until=tx.now + STALE))
        tx.commit(audited=False)


def leave(shop: Shop, worker_id: str) -> None:
    """This worker ends: nobody waits for it, or for its turns. Others that died long ago are forgotten."""
    with shop.work("workers.leave") as tx:
        gone = sa.or_(workers.c.id == worker_id, workers.c.beat_at < tx.now - _FORGOTTEN)
        tx.execute(sa.delete(workers).where(gone))
        tx.execute(sa.delete(leases).where(leases.c.holder == worker_id))
        tx.commit(audited=False)


def take_turn(shop: Shop, worker_id: str, name: str, lease: timedelta = STALE) -> bool:
    """Whether it is this worker's turn at something that one does at a time; until `end_turn`, or until it is dead."""
    with shop.work("workers.turn") as tx:
        row = {"name": name, "holder": worker_id, "until": tx.now + lease}
        mine = dialects.insert_new(tx.connection, leases).values(**row)
        free = sa.or_(leases.c.until <= tx.now, leases.c.holder == worker_id)
        again = {"holder": mine.excluded.holder, "until": mine.excluded.until}
        taken = mine.on_conflict_do_update(index_elements=["name"], set_=again, where=free).returning(leases.c.name)
        is_mine = tx.row(taken) is not None
        tx.commit(audited=False)
    return is_mine


def end_turn(shop: Shop, worker_id: str, name: str) -> None:
    with shop.work("workers.turn") as tx:
        tx.execute(sa.delete(leases).where(leases.c.name == name, leases.c.holder == worker_id))
        tx.commit(audited=False)
