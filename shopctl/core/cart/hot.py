"""Hot carts: what is bought is kept in memory while it changes, and in the database on key events. See docs/carts.md.

A change of a line is made in the cart's hot copy alone, when nothing is held for the cart and the copy goes on from what
the database has. Whatever else happens (making a cart, merging, a checkout, anything that is refused) happens in the
database: `in_database` closes the copies first and hands them over, and the unit of work writes down what they are ahead.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import TypeVar

import sqlalchemy as sa

from shopctl.core import reservations
from shopctl.core.cart.turns import is_turn
from shopctl.core.db.engine import Patience
from shopctl.core.db.tables import MAX_QUANTITY, cart_lines, carts, variants
from shopctl.core.db.types import new_id
from shopctl.core.db.unit_of_work import Row, UnitOfWork
from shopctl.core.errors import NotFound, ShopError
from shopctl.core.ports import CartChange, HotCart, HotCartsAway, HotLine
from shopctl.core.queries.carts import CartView, open_cart, stamp, view
from shopctl.core.queries.carts import show as show_in
from shopctl.core.queries.catalog import find_variant
from shopctl.core.queries.stock import can_be_had
from shopctl.core.shop import Shop

BATCH = 100
"""Carts that are persisted in one transaction."""
MOST = 1000
"""Carts that are persisted before a list."""

c, lines = carts.c, cart_lines.c
T = TypeVar("T")


# --- use cases -----------------------------------------------------------------------------------------------------
def show(shop: Shop, *, name: str, patience: Patience | None = None) -> CartView:
    """One cart as it is now, or NotFound(unknown_cart)."""
    copy = None
    if shop.carts.kept:
        with shop.read(patience) as tx:
            found = open_cart(tx, name)
        copy = _found(shop, found.id) if found else None
    with shop.read(patience) as tx:
        return show_in(tx, name, copy)


def persist(shop: Shop, *, limit: int) -> int:
    """Write what the hot carts are ahead to the database, the longest waiting first; how many carts.

    Any number of processes may do it at once: a revision is written once, and a cart that somebody else has locked waits.
    """
    if shop.read_only or shop.dry_run:
        return 0
    written = asked = 0
    try:
        while asked < limit:
            batch = shop.carts.waiting(min(BATCH, limit - asked))
            written += _persist(shop, batch, shop.carts.find(batch))
            asked += BATCH
            if len(batch) < BATCH:
                break
    except HotCartsAway as away:
        _tell(shop, away)
    return written


def persist_all(shop: Shop, *, limit: int = MOST) -> None:
    """Before what comes from the database alone: a list, a copy. It does without what cannot be written now, or is beyond `limit`."""
    with suppress(ShopError):
        persist(shop, limit=limit)


def persist_one(shop: Shop, *, name: str) -> None:
    """A key event, or a read that wants to be exact: write what this cart is ahead to the database."""
    if not shop.carts.kept or shop.read_only or shop.dry_run:
        return
    with shop.read() as tx:
        found = open_cart(tx, name)
    if found:
        persist_these(shop, [found.id])


def persist_these(shop: Shop, cart_ids: Collection[str]) -> bool:
    """The same for these carts; False when the hot copies are away."""
    try:
        _persist(shop, (), shop.carts.find(cart_ids))
    except HotCartsAway as away:
        _tell(shop, away)
        return False
    return True


# --- a change in the hot copy --------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Wanted:
    """A line as somebody wants it: so many, or so many `more`; `needs_line` when it must be there already."""

    sku: str
    quantity: int
    more: bool = False
    needs_line: bool = False


def change(shop: Shop, handle: str, wanted: Wanted) -> CartView | None:
    """The cart after a change that its hot copy alone could take; None when it is for the database to make or to refuse."""
    if not shop.carts.kept or shop.read_only or shop.dry_run:
        return None
    try:
        return _changed(shop, handle, wanted) or _changed(shop, handle, wanted, load=True)
    except HotCartsAway as away:
        _tell(shop, away)
        return None


def _changed(shop: Shop, handle: str, wanted: Wanted, *, load: bool = False) -> CartView | None:
    with shop.read() as tx:
        cart = open_cart(tx, handle)
        terms = _terms(tx, cart, wanted) if cart else None
        if cart is None or terms is None:
            return None
        copy = _copy(tx, cart) if load else None
    if copy and copy.updated_at + shop.facts.cart_ttl > tx.now:
        shop.carts.load(cart.id, stamp(cart), copy)
    after = shop.carts.change(cart.id, stamp(cart), terms)
    if after is None:
        return None
    with shop.read() as tx:
        return view(tx, cart, after)


def _terms(tx: UnitOfWork, cart: Row, wanted: Wanted) -> CartChange | None:
    """The change, if the database would make it without holding or giving back anything."""
    if cart.claimed_by is not None or reservations.held_by_cart(tx, cart.id):
        return None
    if wanted.quantity == 0:
        return CartChange(wanted.sku, 0, MAX_QUANTITY, 0, tx.now, needs_line=wanted.needs_line)
    try:
        variant = find_variant(tx, wanted.sku)
    except NotFound:
        return None
    if variant.status != "active":
        return None
    most = MAX_QUANTITY
    if variant.tracked:
        if (variant.hold_at or tx.facts.hold_at) == "cart":
            return None
        most = min(most, can_be_had(tx, [wanted.sku], owner_id=cart.id).get(wanted.sku, 0))
    return CartChange(wanted.sku, wanted.quantity, most, variant.price, tx.now, more=wanted.more)


def _copy(tx: UnitOfWork, cart: Row) -> HotCart:
    rows = tx.rows(sa.select(cart_lines).where(lines.cart_id == cart.id))
    kept = [HotLine(row.sku, row.quantity, row.seen_price, row.added_at) for row in rows]
    return HotCart(new_id(), 0, cart.version, cart.updated_at, kept)


# --- a change in the database --------------------------------------------------------------------------------------
class _Moved(Exception):
    """A cart has changed since its hot copy was closed: close it again and start over."""


@dataclass(slots=True)
class Closed:
    """The hot copies of carts for one unit of work. `lock`: there are some; `carts` None: but they cannot be asked now."""

    lock: bool = False
    carts: Mapping[str, tuple[int, HotCart | None]] | None = None  # by id: the version it was closed at, its copy
    moved_on: dict[str, int] = field(default_factory=dict)

    def bring(self, tx: UnitOfWork, cart: Row) -> bool:
        """Lock the cart, and write down what its hot copy is ahead, before anything is done with it.

        Whether it must be read again: it was ahead, or somebody has persisted it since it was read.
        """
        if not self.lock:
            return False
        locked = tx.rows(sa.select(carts).where(c.id == cart.id).with_for_update())[0]
        moved: bool = locked.version != cart.version
        if self.carts is None:
            return moved
        version, copy = self.carts.get(cart.id, (-1, None))
        if locked.version > version and not (copy and copy.continues(stamp(locked))):
            raise _Moved
        self.moved_on[cart.id] = locked.version + 1
        if copy and copy.is_ahead(stamp(locked)):
            _write(tx, {cart.id: (locked, copy)})
            moved = True
        return moved


NOTHING = Closed()


def in_database(shop: Shop, names: Sequence[str], work: Callable[[Closed], T]) -> T:
    """The result of a unit of work on the carts of these names, whose hot copies are closed before it and void after it.

    It starts over when another process was faster; one of them always is the fastest.
    """
    while True:
        closed = _close(shop, names)
        try:
            result = work(closed)
        except _Moved:
            continue
        if closed.moved_on and not shop.dry_run:
            try:
                shop.carts.void(closed.moved_on)
            except HotCartsAway as away:
                _tell(shop, away)
        return result


def _close(shop: Shop, names: Sequence[str]) -> Closed:
    if not shop.carts.kept or all(map(is_turn, names)):
        return NOTHING
    with shop.read() as tx:
        found = [cart for name in names if (cart := open_cart(tx, name))]
    try:
        if shop.dry_run or shop.read_only:  # a rehearsal looks, and leaves them open
            seen = shop.carts.find([cart.id for cart in found])
            return Closed(True, {cart.id: (cart.version, seen.get(cart.id)) for cart in found})
        return Closed(True, {cart.id: (cart.version, shop.carts.close(cart.id, stamp(cart))) for cart in found})
    except HotCartsAway as away:
        _tell(shop, away)
        return Closed(True)


# --- how it works --------------------------------------------------------------------------------------------------
def _persist(shop: Shop, waiting: Collection[str], copies: Mapping[str, HotCart]) -> int:
    """Write down what these copies are ahead; what else of them waits is told that the database is further."""
    if not copies and not waiting:
        return 0
    written: dict[str, tuple[Row, HotCart]] = {}
    with shop.work("cart.persist") as tx:
        rows = tx.rows(sa.select(carts).where(c.id.in_(sorted({*waiting, *copies}))).with_for_update(skip_locked=True))
        for cart in rows:
            copy = copies.get(cart.id)
            if copy and copy.is_ahead(stamp(cart)):
                written[cart.id] = (cart, copy)
        if written:
            _write(tx, written)
            tx.commit()
    for cart in rows:
        copy = copies.get(cart.id)
        if copy and copy.continues(stamp(cart)):
            shop.carts.persisted(cart.id, copy, cart.version + (cart.id in written))
        elif copy or cart.id in waiting:
            shop.carts.void({cart.id: cart.version})
    shop.carts.void({cart_id: 0 for cart_id in waiting if cart_id not in {cart.id for cart in rows}})  # to the end
    return len(written)


def _write(tx: UnitOfWork, ahead: Mapping[str, tuple[Row, HotCart]]) -> None:
    """Make the lines of these carts, whose rows are locked, what their copies say."""
    skus = sorted({line.sku for _, copy in ahead.values() for line in copy.lines})
    known = {row.sku for row in tx.rows(sa.select(variants.c.sku).where(variants.c.sku.in_(skus)))}
    tx.execute(sa.delete(cart_lines).where(lines.cart_id.in_(sorted(ahead))))
    kept = [(cart_id, line) for cart_id, (_, copy) in ahead.items() for line in copy.lines if line.sku in known]
    tx.insert(cart_lines, [{"cart_id": cart_id, **asdict(line)} for cart_id, line in kept])
    tx.execute(
        _WRITTEN,
        [
            {
                "cart": cart.id,
                "new_version": cart.version + 1,
                "copy": copy.id,
                "revision": copy.revision,
                "changed": copy.updated_at,
                "until": copy.updated_at + tx.facts.cart_ttl,
            }
            for cart, copy in ahead.values()
        ],
    )


_WRITTEN = (
    sa.update(carts)
    .where(c.id == sa.bindparam("cart"))
    .values(
        version=sa.bindparam("new_version"),
        hot_id=sa.bindparam("copy"),
        hot_revision=sa.bindparam("revision"),
        hot_version=sa.bindparam("new_version"),
        updated_at=sa.bindparam("changed"),
        expires_at=sa.bindparam("until"),
    )
)


def _found(shop: Shop, cart_id: str) -> HotCart | None:
    try:
        return shop.carts.find([cart_id]).get(cart_id)
    except HotCartsAway as away:
        _tell(shop, away)
        return None


def _tell(shop: Shop, away: HotCartsAway) -> None:
    if away.news:
        shop.narrate(f"Redis cannot be used ({away}): carts are kept in the database alone.")
