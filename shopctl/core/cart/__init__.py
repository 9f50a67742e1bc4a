"""Carts: what somebody means to buy. The only writer of carts and their lines.

life.py   finding, making, claiming, ending     lines.py     what is in one, and its holds
edit.py   add, set, remove, clear               devices.py   merge, log in, log out
hot.py    its hot copy: changed first, written down later     turns.py   carts of whose turn it is at a sale

A cart belongs to a handle (a guest's device) or to a customer, who has one open cart at most and finds it by e-mail
address from anywhere. A cart lives seven days after its last change. While a checkout has claimed it, it cannot be changed.
"""

from shopctl.core.cart.devices import LoggedOut, login, logout, merge
from shopctl.core.cart.edit import add, clear, make, remove, set_quantity
from shopctl.core.cart.hot import NOTHING, Closed, in_database, persist, persist_all, persist_one, show
from shopctl.core.cart.life import claim, empty, expire_carts, forget, in_checkout, sweep, unclaim
from shopctl.core.cart.lines import drop_lines, owner
from shopctl.core.cart.turns import Turn, end_turns, handle_of, is_turn, open_turns, unclaimed

__all__ = [
    "NOTHING",
    "Closed",
    "LoggedOut",
    "Turn",
    "add",
    "claim",
    "clear",
    "drop_lines",
    "empty",
    "end_turns",
    "expire_carts",
    "forget",
    "handle_of",
    "in_checkout",
    "in_database",
    "is_turn",
    "login",
    "logout",
    "make",
    "merge",
    "open_turns",
    "owner",
    "persist",
    "persist_all",
    "persist_one",
    "remove",
    "set_quantity",
    "show",
    "sweep",
    "unclaim",
    "unclaimed",
]
