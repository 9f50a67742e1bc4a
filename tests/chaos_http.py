"""`python -m tests.chaos http`: shoppers fill carts and check out through `gateway serve`, which is killed again and again. What
has no answer is repeated: a checkout with its key, until there is an order; and it must have what was put in the cart.
"""

from __future__ import annotations

import http.client
import random
import socket
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.gateway.served import Answer, Client, Process, key

__all__ = ["Door", "key", "shopper"]

PATIENCE = 60.0
"""Seconds until an answer must have come."""
AGAIN = (202, 408, 503, 504)


class Door:
    """A gateway that comes back where it was."""

    def __init__(self, directory: Path) -> None:
        with socket.socket() as any_free:
            any_free.bind(("127.0.0.1", 0))
            port = any_free.getsockname()[1]
        self._process = Process(directory, ("--port", str(port), "--rate", "0"))

    def __enter__(self) -> Door:
        self._process.__enter__()
        self.url = self._process.url
        return self

    def __exit__(self, *_: object) -> None:
        self._process.__exit__()

    def kill_and_start(self) -> None:
        self._process.kill()
        self._process.__enter__()


def shopper(url: str, secret: str, seed: int, n: int, skus: Sequence[str]) -> Callable[[int], int]:
    """Buys something for a number; how often the checkout was sent."""
    chance, web = random.Random(f"{seed}-{n}"), Client(url, secret)

    def step(i: int) -> int:
        cart, _ = _answered(lambda: web("POST", "/v1/carts"), 201)  # one that nobody heard of is left
        path, wanted = f"/v1/carts/{cart.json['cart']}", {chance.choice(skus): chance.randint(1, 3) for _ in range(3)}
        for sku, quantity in wanted.items():
            change = {"quantity": quantity}
            _answered(lambda sku=sku, change=change: web("PUT", f"{path}/lines/{sku}", change), 200)  # type: ignore[misc]
        order, tries = _answered(lambda: web.place(cart.json["cart"], f"key-{n}-{i}"), 201)
        got = {line["sku"]: line["quantity"] for line in order.json["lines"]}
        if got != wanted:
            raise AssertionError(f"{got} was ordered, not {wanted}")
        return tries

    return step


def _answered(ask: Callable[[], Answer], status: int) -> tuple[Answer, int]:
    """The answer, however often it takes to ask."""
    tries, deadline = 0, time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        tries += 1
        try:
            said = ask()
        except (OSError, http.client.HTTPException):
            time.sleep(0.05)
            continue
        if said.status == status:
            return said, tries
        if said.status not in AGAIN:
            raise AssertionError(f"{said.status}: {said.body!r}")
        time.sleep(0.05)
    raise AssertionError("there was no answer")
