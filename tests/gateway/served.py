"""A gateway as a storefront has it: a process of its own, a socket, an API key."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import uvicorn

from shopctl.core import keys
from shopctl.core.shop import Shop
from shopctl.gateway import serving
from shopctl.gateway.app import Rules, build
from tests.cli import Cli
from tests.shops import HOME

START_SECONDS = 60


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The code of an error."""
        return str(self.json["error"]["code"])


@dataclass(frozen=True)
class Client:
    """Somebody with an API key, and perhaps a shopper's token."""

    url: str
    secret: str = ""
    token: str = ""

    def __call__(
        self, method: str, path: str, body: object = None, *, raw: bytes | None = None, **headers: str
    ) -> Answer:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.secret:
            given.setdefault("Authorization", f"Bearer {self.secret}")
        if self.token:
            given.setdefault("X-Shopper-Token", self.token)
        data = raw if raw is not None else None if body is None else json.dumps(body).encode()
        if data is not None:
            given.setdefault("Content-Type", "application/json")
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=60)
        try:
            connection.request(method, path, data, given)
            said = connection.getresponse()
            return Answer(said.status, {name.lower(): value for name, value in said.getheaders()}, said.read())
        finally:
            connection.close()

    def cart(self, **lines: int) -> str:
        """The handle of a new cart with these SKUs (MUG=2)."""
        made = self("POST", "/v1/carts")
        assert made.status == 201, made.body
        handle = made.json["cart"]
        for sku, quantity in lines.items():
            added = self("POST", f"/v1/carts/{handle}/lines", {"sku": sku, "quantity": quantity})
            assert added.status == 200, added.json
        return str(handle)

    def place(self, cart: str, key: str, **wanted: object) -> Answer:
        body = {"cart": cart, "email": "ana@example.com", "ship_to": HOME, "payment": "pm_card_visa", **wanted}
        return self("POST", "/v1/orders", body, Idempotency_Key=key)

    def logged_in(self, email: str, password: str, cart: str | None = None) -> Client:
        said = self("POST", "/v1/sessions", {"email": email, "password": password, "cart": cart})
        assert said.status == 201, said.json
        return Client(self.url, self.secret, said.json["token"])


@dataclass
class Process:
    """`shopctl gateway serve` on the store of a directory; it is killed when it is left."""

    directory: Path
    words: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)

    def __enter__(self) -> Process:
        self.said = self.directory / f"gateway-{time.monotonic_ns()}.txt"
        with self.said.open("wb") as out:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "shopctl", "gateway", "serve", "--port", "0", *self.words],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                cwd=self.directory,
                env=Cli(self.directory).environment(**self.environment),
                start_new_session=True,
            )
        self.url = self._address()
        self._until_ready()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(ProcessLookupError):  # workers may be left when it is not
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def client(self, secret: str = "") -> Client:
        return Client(self.url, secret)

    def end(self, how: signal.Signals = signal.SIGTERM, seconds: float = 60) -> int:
        """Ask it to end; its exit status."""
        self._process.send_signal(how)
        return self._process.wait(seconds)

    def kill(self) -> None:
        """It alone: its workers have to find out."""
        self._process.kill()
        self._process.wait()

    def died(self, seconds: float = 30) -> int:
        return self._process.wait(seconds)

    def _address(self) -> str:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            text = self.said.read_text()
            if " is served at " in text:
                return text.rpartition(" is served at ")[2].split()[0]
            assert self._process.poll() is None, text
            time.sleep(0.05)
        raise AssertionError("the gateway does not begin")

    def _until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            try:
                if self.client()("GET", "/healthz").status == 200:
                    return
            except OSError:
                pass
            time.sleep(0.05)
        raise AssertionError(self.said.read_text())


@contextmanager
def inside(shop: Shop, rules: Rules) -> Iterator[str]:
    """The same server in this process, under other rules; its URL."""
    door = serving.listen("127.0.0.1", 0)
    config = serving.config(lambda: build(shop, rules), workers=1, grace=5)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([door],))
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{door.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


def key(shop: Shop, *scopes: str, name: str = "web") -> str:
    """The secret of a new key."""
    return keys.create(shop, name=name, scopes=scopes or tuple(keys.SCOPES)).secret
