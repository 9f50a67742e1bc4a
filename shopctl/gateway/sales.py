"""Flash sales: a ticket, its place in the queue, asked for or told as it changes, and buying when it is its turn."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Annotated, TypeVar

from fastapi import Header, Path, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel, Field

from shopctl import core
from shopctl.core.domain.address import Address
from shopctl.core.domain.wire import encoded, plain
from shopctl.core.errors import NotFound, Unavailable
from shopctl.core.gathering import Gathering
from shopctl.core.queries import sales as reads
from shopctl.core.queries import tickets
from shopctl.core.queries.orders import Order
from shopctl.core.queries.sales import Board, Sale
from shopctl.core.queries.tickets import Ticket
from shopctl.core.shop import Shop
from shopctl.gateway.answers import answer, documented, keyed
from shopctl.gateway.callers import Operator, Reader, Seller, may
from shopctl.gateway.models import Given
from shopctl.gateway.paging import Paged, Paginated, page

T = TypeVar("T")
router = keyed("sales")
SALES = Paginated(reads.LIST, lambda row: (row.id,), (str,))
Name = Annotated[str, Path(max_length=64)]
TicketId = Annotated[
    str, Path(max_length=64, description="As `POST /v1/sales/{sale}/tickets` gave it; who has it may use it.")
]
EVENTS = "text/event-stream"
Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        description="Made by the caller, one for each shopper: the same key is the same ticket. Without one it cannot be found again.",
    ),
]
LOOK_SECONDS = 0.5
"""How often a stream looks whether something has changed."""
QUIET_SECONDS = 15.0
"""After so long without news a stream says that it lives; proxies close those that do not."""
STREAM_SECONDS = 15 * 60.0
"""A stream ends after so long, and whoever still wants to know comes again by itself."""


class Wish(BaseModel):
    """Who wants what. With an address and a payment token the ticket is bought without another word."""

    model_config = Given
    email: str = Field(max_length=254)
    sku: str | None = Field(None, max_length=200, description="Of a sale with several.")
    quantity: int = Field(1, ge=1)
    ship_to: Address | None = None
    payment: str | None = Field(None, max_length=255, description="The gateway's token, never a card number.")
    agree: str | None = Field(None, max_length=40, description="The price of one that the shopper has seen.")
    source: str | None = Field(
        None, max_length=100, description="Where the shopper asks from, as the storefront sees it: counted, not kept."
    )


class Purchase(BaseModel):
    """What was not registered with the ticket, or is to be another."""

    model_config = Given
    ship_to: Address | None = None
    payment: str | None = Field(None, max_length=255)
    shipping: str | None = Field(None, max_length=200, description="How to ship it; default: the cheapest that fits.")
    agree: str | None = Field(None, max_length=40, description="The price of one that the shopper agrees to.")


@dataclass
class Rush:
    """What shoppers of a process ask for at the same time, done together."""

    shop: Shop
    streams: int = 4096
    crowd: core.sales.Crowd = field(init=False)
    positions: Gathering[str, Ticket] = field(init=False)
    boards: Gathering[str, Board] = field(init=False)
    ending: asyncio.Event = field(init=False, default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.crowd = core.sales.Crowd(self.shop.but(actor="gateway"))
        self.positions = Gathering(self._positions)
        self.boards = Gathering(self._boards)

    def close(self) -> None:
        self.crowd.close()
        self.positions.close()
        self.boards.close()

    def _boards(self, wanted: Sequence[str]) -> Sequence[Board | Exception]:
        found: dict[str, Board | Exception] = {}
        with self.shop.read() as tx:
            for name in dict.fromkeys(wanted):
                try:
                    found[name] = reads.board(tx, name)
                except NotFound as error:
                    found[name] = error
        return [found[name] for name in wanted]

    def _positions(self, wanted: Sequence[str]) -> Sequence[Ticket | Exception]:
        with self.shop.read() as tx:
            found = tickets.positions(tx, wanted)
        return [found.get(one.strip()) or tickets.unknown(one) for one in wanted]

    async def position(self, ticket: str) -> Ticket:
        """Where it is now; NotFound(unknown_ticket)."""
        return await asyncio.wrap_future(self.positions.ask(ticket))

    async def board(self, sale: str) -> Board:
        """How far a sale is; NotFound(unknown_sale)."""
        return await asyncio.wrap_future(self.boards.ask(sale))

    def stream(self, kind: str, first: T, look: Callable[[], Awaitable[T]], is_over: Callable[[T], bool]) -> Response:
        """Server-sent events (the HTML standard, 9.2): one at once, and one whenever something has changed, until nothing can
        any more."""
        if self.streams <= 0:
            raise Unavailable("overloaded", "Too many streams are open", hint="Ask now and then instead.")
        self.streams -= 1
        events = self._events(kind, first, look, is_over)
        return StreamingResponse(events, media_type=EVENTS, headers={"Cache-Control": "no-store"})

    async def _events(
        self, kind: str, now: T, look: Callable[[], Awaitable[T]], is_over: Callable[[T], bool]
    ) -> AsyncIterator[str]:
        loop = asyncio.get_running_loop()
        until, quiet, last = loop.time() + STREAM_SECONDS, loop.time(), None
        try:
            while True:
                if now != last:
                    last, quiet = now, loop.time()
                    yield f"event: {kind}\ndata: {encoded(plain(now))}\n\n"
                elif loop.time() - quiet > QUIET_SECONDS:
                    quiet = loop.time()
                    yield ": still here\n\n"
                if is_over(now) or loop.time() > until or self.ending.is_set():
                    return
                await asyncio.sleep(LOOK_SECONDS)
                now = await look()
        finally:
            self.streams += 1


@router.get("/sales", **documented(Sale, page=True))
def list_sales(caller: Reader, paged: Paged) -> Response:
    """Sales, the latest first."""
    return page(caller.shop, SALES, paged)


@router.get("/sales/{sale}", **documented(Sale, 404))
def show(caller: Reader, sale: Name) -> Response:
    """A sale: its window, its units, its queue."""
    with caller.shop.read() as tx:
        return answer(reads.get(tx, sale))


@router.get("/sales/{sale}/events", dependencies=[may("sell")], **documented(None, 404, text=EVENTS))
async def board(request: Request, sale: Name) -> Response:
    """How far the sale is, as server-sent events, for a storefront with many who wait: `sale` with the head of each queue and
    whether it is sold out. Before a ticket that waits are its number - head - 1 at most."""
    rush = _rush(request)

    async def look() -> Board:
        return await rush.board(sale)

    return rush.stream("sale", await look(), look, lambda now: now.status in ("closed", "cancelled"))


@router.post("/sales/{sale}/tickets", **documented(Ticket, 404, 409, status=201))
async def join(caller: Seller, request: Request, sale: Name, wish: Wish, key: Key = None) -> Response:
    """Take a ticket: one per customer, first come, first served. Who comes again with the same key keeps their place, and may
    register anew; without it nobody finds a ticket of theirs by an address, which anybody may know."""
    wanted = core.sales.Joining(
        email=wish.email,
        sku=wish.sku,
        quantity=wish.quantity,
        address=None if wish.ship_to is None else wish.ship_to.model_dump(),
        token=wish.payment,
        agreed=wish.agree,
        source=wish.source,
        key=key or secrets.token_hex(16),
    )
    caller.shop.must_write("sales.join")
    ticket: Ticket = await asyncio.wrap_future(_rush(request).crowd.join(sale, wanted))
    return answer(ticket, 201)


@router.get("/tickets/{ticket}", dependencies=[may("sell")], **documented(Ticket, 404))
async def position(request: Request, ticket: TicketId) -> Response:
    """Where a ticket is: how many are before it, how long it may take, whether there is a chance, what is wrong with it."""
    return answer(await _rush(request).position(ticket))


@router.get("/tickets/{ticket}/events", dependencies=[may("sell")], **documented(None, 404, text=EVENTS))
async def events(request: Request, ticket: TicketId) -> Response:
    """The same as server-sent events: one at once, then one whenever something has changed."""
    rush = _rush(request)

    async def look() -> Ticket:
        return await rush.position(ticket)

    return rush.stream("position", await look(), look, lambda now: now.state not in ("waiting", "admitted"))


@router.delete("/tickets/{ticket}", **documented(Ticket, 404, 409))
def leave(caller: Seller, ticket: TicketId) -> Response:
    """Wait no more, or give a turn back to the next."""
    return answer(core.sales.leave(caller.shop, ticket=ticket))


@router.post("/tickets/{ticket}/purchase", **documented(Order, 202, 402, 404, 409, status=201))
def buy(caller: Seller, request: Request, ticket: TicketId, wanted: Purchase | None = None) -> Response:
    """Buy what it is the turn of, with what was registered or what is said here: once, however often it is repeated."""
    said = wanted or Purchase.model_validate({})
    bought = core.sales.buy(
        _rush(request).crowd.buying(caller.shop),
        ticket=ticket,
        address=None if said.ship_to is None else said.ship_to.model_dump(),
        token=said.payment,
        method=said.shipping,
        agreed=said.agree,
    )
    return answer(bought, 201)


_STEPS = {
    "open": core.sales.open_,
    "pause": core.sales.pause,
    "resume": core.sales.resume,
    "close": core.sales.close,
    "cancel": core.sales.cancel,
}


@router.post("/operate/sales/{sale}/{step}", **documented(Sale, 404, 409))
def operate(caller: Operator, sale: Name, step: str) -> Response:
    """Open, pause, resume, close or cancel a sale."""
    if step not in _STEPS:
        raise NotFound("no_such_path", f"A sale cannot {step}", hint=", ".join(_STEPS))
    return answer(_STEPS[step](caller.shop, name=sale))


def _rush(request: Request) -> Rush:
    rush: Rush = request.app.state.rush
    return rush
