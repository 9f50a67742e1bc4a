"""Carts: what somebody means to buy. The only writer of carts and their lines.

life.py   finding, making, claiming, ending     lines.py   what is in one, and its holds
edit.py   add, set, remove, clear               devices.py   merge, log in, log out

A cart belongs to a handle (a guest's device) or to a customer, who has one open cart at most and finds it by e-mail
address from anywhere. A cart lives seven days after its last change. While a checkout has claimed it, it cannot be changed.
"""

from shopctl.core.cart.devices import LoggedOut, login, logout, merge
from shopctl.core.cart.edit import add, clear, remove, set_quantity
from shopctl.core.cart.life import claim, empty, expire_carts, forget, in_checkout, owner, sweep, unclaim
from shopctl.core.cart.lines import drop_lines

__all__ = [
    "LoggedOut",
    "add",
    "claim",
    "clear",
    "drop_lines",
    "empty",
    "expire_carts",
    "forget",
    "in_checkout",
    "login",
    "logout",
    "merge",
    "owner",
    "remove",
    "set_quantity",
    "sweep",
    "unclaim",
]
