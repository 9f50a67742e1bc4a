"""How facts look: words with symbols, times, amounts. Every text from data passes `safe()` here, and none is markup."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from rich.text import Text

from shopctl.core.domain.safe import safe
from shopctl.core.domain.times import about
from shopctl.core.queries.customers import ERASED

CELL = 200
"""Characters that any one fact may have on a screen."""


class Cell(NamedTuple):
    """A text that is safe to show, and its tone: a colour of the theme, "dim", "bold", or nothing."""

    text: str
    tone: str = ""


def cell(value: object, tone: str = "", limit: int = CELL) -> Cell:
    return Cell("" if value is None else safe(str(value), limit), tone)


def plain_text(value: object, limit: int = CELL) -> Text:
    """Data as a Text: never markup, always one line."""
    return Text(safe(str(value), limit), no_wrap=True, overflow="ellipsis")


ORDER = {
    "pending": Cell("○ pending", "warning"),
    "confirmed": Cell("● confirmed", "accent"),
    "shipped": Cell("→ shipped", "primary"),
    "delivered": Cell("✓ delivered", "success"),
    "cancelled": Cell("✗ cancelled", "dim"),
}
HOLD = {
    "held": Cell("● held", "accent"),
    "committed": Cell("✓ committed", "success"),
    "released": Cell("← released", "dim"),
    "expired": Cell("∅ expired", "dim"),
}


PRODUCT = {
    "active": Cell("● active", "success"),
    "draft": Cell("○ draft", "warning"),
    "archived": Cell("∅ archived", "dim"),
}
CART = {
    "open": Cell("● open", "accent"),
    "merged": Cell("→ merged", "dim"),
    "expired": Cell("∅ expired", "dim"),
}
SALE = {
    "scheduled": Cell("○ scheduled", "warning"),
    "open": Cell("● open", "success"),
    "paused": Cell("‖ paused", "warning"),
    "closed": Cell("✓ closed", "dim"),
    "cancelled": Cell("✗ cancelled", "dim"),
}
TICKET = {
    "waiting": Cell("○ waiting", "warning"),
    "admitted": Cell("● admitted", "accent"),
    "bought": Cell("✓ bought", "success"),
    "expired": Cell("∅ expired", "dim"),
    "left": Cell("← left", "dim"),
    "sold_out": Cell("✗ sold out", "dim"),
    "ended": Cell("∅ ended", "dim"),
}


def sale_status(status: str) -> Cell:
    return SALE.get(status) or cell(f"? {status}")


def ticket_state(state: str) -> Cell:
    return TICKET.get(state) or cell(f"? {state}")


def product_status(status: str) -> Cell:
    return PRODUCT.get(status) or cell(f"? {status}")


def cart_state(state: str, in_checkout: bool) -> Cell:
    return Cell("◆ in checkout", "primary") if in_checkout else CART.get(state) or cell(f"? {state}")


def person(email: str | None) -> Cell:
    """A customer by their address; one who is erased has none any more."""
    return Cell("∅ erased", "dim") if email and email.endswith(ERASED) else cell(email)


def order_status(status: str) -> Cell:
    return ORDER.get(status) or cell(f"? {status}")


def hold_state(state: str, pinned: bool, seconds_left: int | None) -> Cell:
    if state == "held" and pinned:
        return Cell("◆ pinned", "primary")
    if state == "held" and seconds_left is not None and seconds_left <= 0:
        return Cell("! overdue", "warning")
    return HOLD.get(state) or cell(f"? {state}")


def stock_status(available: int, low: bool) -> Cell:
    if available <= 0:
        return Cell("✗ out", "error")
    return Cell("! low", "warning") if low else Cell("✓ ok", "success")


def when(moment: datetime, now: datetime) -> str:
    """A local time: today to the second, this year to the minute, else the day."""
    if moment.date() == now.date():
        return moment.strftime("%H:%M:%S")
    return moment.strftime("%b %d %H:%M") if moment.year == now.year else moment.strftime("%Y-%m-%d")


def left(seconds: int | None) -> Cell:
    """What a hold has left: 9:32, or how long it is overdue."""
    if seconds is None:
        return Cell("–", "dim")
    if seconds <= 0:
        return Cell(f"{about(-seconds)} ago", "warning")
    return Cell(f"{seconds // 60}:{seconds % 60:02d}", "warning" if seconds < 60 else "")


def signed(units: int) -> Cell:
    """A change of a counter; nothing for none."""
    return Cell(f"{units:+d}", "success" if units > 0 else "warning") if units else Cell("·", "dim")


def counted(number: int, noun: str) -> str:
    """1 order, 2 orders."""
    return f"{number} {noun.removesuffix('s') if number == 1 else noun}"


def short_id(value: str) -> str:
    """The end of a UUIDv7: its beginning is the time, and looks alike for neighbours."""
    return safe(value[-8:])
