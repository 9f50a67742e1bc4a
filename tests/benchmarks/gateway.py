"""The gateway under a load that rises: what it answers, how soon, and whether the money is right.

    python -m tests.benchmarks.gateway [--store sqlite|postgres] [--rates 50,100,200,400] [--seconds 5] [--workers N]

`gateway serve` on loopback, without limits of rates, over a shop with some thousand products; shoppers who browse (70 of 100:
products, a list, searches), fill carts (20) and check out (10) in an open loop (load.py). Beside it the same requests, in
turns, of a bare FastAPI and uvicorn that answers each kind with what the gateway has answered once.

In the end each checkout's key is repeated until it is answered; there must be one order a key, and `verify` must be clean.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing as mp
import random
import socket
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa

from shopctl.core import cart, catalog, stock, verify
from shopctl.core.db.tables import orders
from shopctl.core.shop import Shop
from tests import shops
from tests.benchmarks import frame, load, search
from tests.core.test_search import draft
from tests.gateway import served

MIX = {"product": 45, "list": 10, "search": 15, "make": 8, "add": 12, "place": 10}
GROUPS = {"browse": ("product", "list", "search"), "cart": ("make", "add"), "checkout": ("place",)}
SOON = 0.2
"""Seconds within which 99 of 100 looks at the shop should be answered."""
REPEATS = 100
Place = tuple[str, int]


class Shoppers:
    """They make plans of requests, and know the keys that they have sent."""

    def __init__(self, shop: Shop, products: int) -> None:
        self.keys: dict[str, bytes] = {}
        self._shop, self._skus = shop, list(_filled(shop, products))
        self._products = products
        self._secret = served.key(shop)
        self._chance = random.Random(search.SEED)
        self._carts = [f"open-{n}" for n in range(50)]
        self._fill(self._carts)

    def plan(self, rate: float, seconds: float) -> list[load.Ask]:
        """Requests at random moments, so many a second."""
        asks, due = list[load.Ask](), 0.0
        kinds = self._chance.choices(list(MIX), list(MIX.values()), k=round(rate * seconds))
        bought = [f"c{len(self.keys) + n}" for n in range(kinds.count("place"))]
        self._fill(bought)
        for kind in kinds:
            due += self._chance.expovariate(rate)
            asks.append(load.Ask(kind, due, self.request(kind, bought)))
        return asks

    def request(self, kind: str, bought: list[str]) -> bytes:
        """A request of a kind; a checkout takes one of the carts to be bought."""
        chance = self._chance
        paths = {
            "product": f"/v1/products/p{chance.randrange(self._products)}",
            "list": "/v1/products?limit=20",
            "search": f"/v1/search?limit=20&q={chance.choice(search.NOUNS.split())}",
        }
        if kind in paths:
            return self._request("GET", paths[kind])
        if kind == "make":
            return self._request("POST", "/v1/carts")
        if kind == "add":
            line = {"sku": chance.choice(self._skus), "quantity": 1}
            return self._request("POST", f"/v1/carts/{chance.choice(self._carts)}/lines", line)
        handle = bought.pop()
        body = {"cart": handle, "email": f"{handle}@example.com", "ship_to": shops.HOME, "payment": "pm_card_visa"}
        made = self._request("POST", "/v1/orders", body, Idempotency_Key=f"key-{handle}")
        self.keys[handle] = made
        return made

    def _request(self, method: str, path: str, body: object = None, **headers: str) -> bytes:
        data = b"" if body is None else json.dumps(body).encode()
        return load.request(method, path, data, Authorization=f"Bearer {self._secret}", **headers)

    def _fill(self, handles: Sequence[str]) -> None:
        with self._shop.together() as group:
            for handle in handles:
                cart.add(group.shop, handle=handle, sku=self._chance.choice(self._skus), quantity=1)
            group.commit()


def _filled(shop: Shop, products: int) -> Iterator[str]:
    """Make a catalogue with stock; its SKUs."""
    made = list(search.generated(products))
    for first in range(0, products, 1000):
        batch = made[first : first + 1000]
        skus = [variant["sku"] for one in batch for variant in one["variants"]]
        with shop.work("benchmark") as tx:
            catalog.put(tx, [draft(one) for one in batch])
            stock.open_stock(tx, dict.fromkeys(skus, 10**6))
            tx.commit()
        yield from skus


# --- what runs beside it -------------------------------------------------------------------------------------------
@contextmanager
def constants(answers: Mapping[str, bytes]) -> Iterator[Place]:
    """A server that answers requests of a kind with always the same."""
    with socket.create_server(("127.0.0.1", 0), backlog=2048) as door:
        door.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)  # what it accepts has it, too
        process = mp.get_context("spawn").Process(target=_constant, args=(door, answers), daemon=True)
        process.start()
        try:
            _exchange(door.getsockname(), load.request("GET", "/v1/products"))  # it answers
            yield door.getsockname()
        finally:
            process.terminate()
            process.join()


def _constant(door: socket.socket, answers: Mapping[str, bytes]) -> None:
    import uvicorn
    from fastapi import Body, FastAPI, Response

    app = FastAPI()

    def route(kind: str, method: str, path: str, status: int = 200) -> None:
        async def answer() -> Response:
            return Response(answers[kind], status, media_type="application/json")

        async def answer_to(_: dict[str, Any] = Body()) -> Response:  # noqa: B008, RUF100 — as FastAPI has it
            return await answer()

        app.api_route(path, methods=[method])(answer_to if kind in ("add", "place") else answer)

    route("product", "GET", "/v1/products/{name}")
    route("list", "GET", "/v1/products")
    route("search", "GET", "/v1/search")
    route("make", "POST", "/v1/carts", 201)
    route("add", "POST", "/v1/carts/{cart}/lines")
    route("place", "POST", "/v1/orders", 201)
    config = uvicorn.Config(app, http="h11", log_config=None, access_log=False, server_header=False)
    uvicorn.Server(config).run([door])


def _exchange(place: Place, request: bytes) -> tuple[int, bytes]:
    """The answer to one request."""
    closing = request.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)
    with socket.create_connection(place, timeout=60) as connection:
        connection.sendall(closing)
        said = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, body = said.partition(b"\r\n\r\n")
    return int(head[9:12]), body


# --- what is told --------------------------------------------------------------------------------------------------
def figures(answers: Sequence[load.Answer]) -> dict[str, Any]:
    """What was answered a second, p50 and p99 of each group in ms, and what was not answered well."""
    well = [answer for answer in answers if 200 <= answer.status < 300]
    found: dict[str, Any] = {"achieved": round(len(well) / max((one.at for one in well), default=1.0))}
    for group, kinds in GROUPS.items():
        taken = [one.seconds for one in well if one.kind in kinds]
        found[group] = [round(frame.percentile(taken, share) * 1000, 1) for share in (0.5, 0.99)]
    found["errors"] = dict(Counter(one.status or "none" for one in answers if one not in well))
    return found


def tell(row: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(row))
        return
    ours, bare = row["gateway"], row["bare"]
    numbers = "".join(f"{ours[group][0]:9,.1f} {ours[group][1]:9,.1f}" for group in GROUPS)
    beside = f"{bare['achieved']:6} {bare['browse'][0]:7,.1f} {bare['browse'][1]:7,.1f}"
    print(f"{row['rate']:7} {ours['achieved']:8}{numbers}   |{beside}   {ours['errors'] or ''}", flush=True)


def heading(kind: str, workers: int, products: int) -> None:
    print(f"\n{kind}, {workers} worker(s), {products} products; ms from when a request was due, p50 and p99")
    groups = "".join(f"{group:>19}" for group in GROUPS)
    print(f"offered achieved{groups}   | bare achieved, browse  errors")


# --- the run -------------------------------------------------------------------------------------------------------
def measure(kind: str, directory: Path, asked: argparse.Namespace) -> list[str]:
    """Print the table of a store; what is wrong in the end."""
    shop = shops.make(directory)
    shoppers = Shoppers(shop, asked.products)
    words = ("--rate", "0", "--shopper-rate", "0", "--workers", str(asked.workers))
    soon: dict[str, list[int]] = {"gateway": [], "bare": []}
    with served.Process(directory, words) as process:
        url = urlsplit(process.url)
        place = str(url.hostname), int(url.port or 0)
        first = shoppers.plan(20, 2)
        load.offer(place, first)  # warm
        samples = {ask.kind: _exchange(place, ask.request)[1] for ask in first}
        with constants(samples) as beside:
            if not asked.json:
                heading(kind, asked.workers, asked.products)
            for rate in asked.rates:
                plan = shoppers.plan(rate, asked.seconds)
                row = {name: figures(load.offer(at, plan)) for name, at in (("gateway", place), ("bare", beside))}
                for name, found in row.items():
                    if found["browse"][1] < SOON * 1000 and not found["errors"]:
                        soon[name].append(rate)
                tell({"store": kind, "rate": rate, **row}, as_json=asked.json)
        wrong = settled(shop, place, shoppers)
    if not asked.json:
        best = {name: max(rates, default=0) for name, rates in soon.items()}
        print(f"highest rate with p99 of browsing under {SOON * 1000:g} ms: {best}; {len(shoppers.keys)} orders")
    return wrong


def settled(shop: Shop, place: Place, shoppers: Shoppers) -> list[str]:
    """Repeat each key until it is answered; what is wrong then."""
    numbers = dict[str, str]()
    for handle, request in shoppers.keys.items():
        for _ in range(REPEATS):
            status, body = _exchange(place, request)
            if status == 201:
                numbers[handle] = json.loads(body)["number"]
                break
            time.sleep(0.1)
    with shop.read() as tx:
        placed = tx.execute(sa.select(sa.func.count()).where(orders.c.status == "confirmed")).scalar_one()
    counts = {"keys": len(shoppers.keys), "answered": len(set(numbers.values())), "orders": placed}
    wrong = [f"one order a key: {counts}"] if len(set(counts.values())) > 1 else []
    return wrong + [f"verify: {violation.message}" for violation in verify.verify(shop).violations]


def main() -> int:
    def rates(text: str) -> list[int]:
        return [int(part) for part in text.split(",")]

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", choices=frame.STORES, action="append", help="both unless named")
    parser.add_argument(
        "--rates", type=rates, default=[50, 100, 200, 400], help="requests a second, one after the other"
    )
    parser.add_argument("--seconds", type=float, default=5.0, help="of each rate")
    parser.add_argument("--workers", type=int, default=1, help="processes of the gateway")
    parser.add_argument("--products", type=int, default=3000)
    parser.add_argument("--json", action="store_true", help="a JSON line for each rate")
    asked = parser.parse_args()
    wrong = list[str]()
    for kind in asked.store or frame.STORES:
        with frame.store(kind) as directory:
            wrong += measure(kind, directory, asked)
    for problem in wrong:
        print(f"WRONG: {problem}")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
