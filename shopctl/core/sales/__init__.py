"""Flash sales: units set aside, a queue for them, a turn for each who waits. The only writer of sales, their items and tickets.

terms.py       what a sale is: made, changed              life.py        opened, paused, closed, cancelled; all by the clock, too
queue.py       tickets: joined, left, forgotten           registered.py  what shoppers have registered: can it be bought?
admission.py   whose turn it is, round by round           turns.py       turns: given, and how they end
buying.py      one turn, one checkout                    asking.py      how often somebody may ask for a ticket
crowd.py       many who join at once, in one commit

Opening moves the allotment into the sale's pool, where ordinary checkout does not look. A ticket is a number in the queue of
its SKU. An admitter gives turns to the head of the queue: a cart with one line at the sale's price, and a hold on a unit of
the pool. Who does not buy in time loses it to the next. A turn is bought by an ordinary checkout of its cart, so that all
that is true of checkouts is true of it. What a ticket says of its turn follows the cart; nothing is decided by it.
"""

from shopctl.core.sales.admission import Admission, admit, run_all
from shopctl.core.sales.buying import buy
from shopctl.core.sales.crowd import Crowd
from shopctl.core.sales.life import cancel, close, open_, pause, resume
from shopctl.core.sales.queue import Joining, forget, join, join_all, leave
from shopctl.core.sales.registered import Checked, check
from shopctl.core.sales.terms import Item, Terms, create, edit

__all__ = [
    "Admission",
    "Checked",
    "Crowd",
    "Item",
    "Joining",
    "Terms",
    "admit",
    "buy",
    "cancel",
    "check",
    "close",
    "create",
    "edit",
    "forget",
    "join",
    "join_all",
    "leave",
    "open_",
    "pause",
    "resume",
    "run_all",
]
