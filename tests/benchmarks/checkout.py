"""A checkout of 3 lines beside a raw script of the same shape: `python -m tests.benchmarks.checkout [--store S] [--clients N]`.

The script writes the same rows to the same tables in two transactions, with sqlite3 or psycopg, on a store of its own; at
the end the two stores must have grown alike. The gateway's time is taken out of ours: the script has none. Both sync to disk,
and they take turns, ten checkouts each, so that whatever else the machine does slows both.

    --store     sqlite (in TMPDIR, which must be on a disk), or postgres (see frame.py)
    --clients   processes at once
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import re
import sqlite3
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from shopctl.core import cart, checkout, rates
from shopctl.core.db.tables import metadata
from shopctl.core.db.types import new_id
from shopctl.core.ports import Charge, ChargeRequest
from shopctl.core.shop import Shop
from tests import shops
from tests.benchmarks.frame import STORES, conninfo, store

LINES, SKUS, TURN = 3, 500, 10
Times = tuple[list[float], list[float]]
"""Seconds of each checkout: ours, without the gateway's, and the script's."""


def main() -> None:
    wanted = argparse.ArgumentParser(description="A checkout beside a raw script of the same shape.")
    wanted.add_argument("--store", choices=STORES, default="sqlite")
    wanted.add_argument("--clients", type=int, default=1)
    wanted.add_argument("--turns", type=int, default=50, help=f"of {TURN} checkouts, on each side, by each client")
    said = wanted.parse_args()
    with store(said.store) as folder:
        _compare(folder, said.clients, said.turns)


def _compare(folder: Path, clients: int, turns: int) -> None:
    both = [make_shop(folder / name) for name in ("shopctl", "raw")]
    for shop in both:
        fill(shop, clients, turns * TURN)
    before = [_rows(shop) for shop in both]
    times = _run(folder, clients, turns)
    ours_grown, raw_grown = (
        {name: n - was[name] for name, n in _rows(shop).items()} for shop, was in zip(both, before, strict=True)
    )
    assert ours_grown == raw_grown, f"not the same rows: {ours_grown} and {raw_grown}"
    ours, raw = (sum(len(one[side]) / sum(one[side]) for one in times) for side in (0, 1))
    print(f"{clients} client(s), {LINES} lines, gateway time subtracted, {clients * turns * TURN} checkouts:")
    print(f"checkout {ours:.0f}/s, raw script {raw:.0f}/s, ratio {ours / raw:.2f}")


def _run(folder: Path, clients: int, turns: int) -> list[Times]:
    with multiprocessing.Manager() as manager, multiprocessing.Pool(clients) as pool:
        start = manager.Barrier(clients)
        return pool.starmap(_client, [(folder, client, turns, start) for client in range(clients)], chunksize=1)


def _client(folder: Path, client: int, turns: int, start: Any) -> Times:
    shop = shops.reopen(folder / "shopctl")
    shop = shop.but(gateway=Timed(shop.gateway))
    script = _Script(sa.make_url(shops.store_url(folder / "raw")))
    ours: list[float] = []
    raw: list[float] = []
    for turn in range(turns):
        handles = [handle_of(client, turn * TURN + i) for i in range(TURN)]
        start.wait()  # all clients are on the same side
        ours += [timed(shop, handle) for handle in handles]
        start.wait()
        for handle in handles:
            began = time.perf_counter()
            _checkout(script, handle)
            raw.append(time.perf_counter() - began)
    return ours[TURN:], raw[TURN:]  # the first turn warms up


# --- both sides ----------------------------------------------------------------------------------------------------
def make_shop(folder: Path) -> Shop:
    folder.mkdir()
    shop = shops.make(folder)
    for i in range(SKUS):
        shops.product(shop, f"S{i}", units=10**6, price=1000 + i)
    rates.add(shop, rates.TAX, {"name": "VAT", "country": "DE", "percent": "19"})
    rates.add(shop, rates.SHIPPING, {"name": "Post", "country": "DE", "amount": "4.90"})
    return shop


def fill(shop: Shop, clients: int, count: int) -> None:
    with shop.together() as group:
        for client in range(clients):
            for i in range(count):
                for line in range(LINES):
                    sku = f"S{(client * 131 + i * LINES + line) % SKUS}"
                    cart.add(group.shop, handle=handle_of(client, i), sku=sku, quantity=1)
        group.commit()


def handle_of(client: int, i: int) -> str:
    return f"c-{client}-{i}"


def _rows(shop: Shop) -> dict[str, int]:
    with shop.read() as tx:
        return {
            table.name: tx.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
            for table in metadata.sorted_tables
        }


# --- ours ----------------------------------------------------------------------------------------------------------
class Timed:
    """The gateway, with a clock."""

    def __init__(self, gateway: Any) -> None:
        self.gateway, self.name, self.memory, self.seconds = gateway, gateway.name, gateway.memory, 0.0

    def ready(self) -> None:
        self.gateway.ready()

    def authorize(self, request: ChargeRequest) -> Charge:
        started = time.perf_counter()
        answer: Charge = self.gateway.authorize(request)
        self.seconds += time.perf_counter() - started
        return answer


def timed(shop: Shop, handle: str) -> float:
    """Seconds that the checkout of a cart takes, without the gateway's."""
    assert isinstance(shop.gateway, Timed)
    elsewhere, began = shop.gateway.seconds, time.perf_counter()
    checkout.place(shop, shops.placement(handle, f"key-{handle}"))
    return time.perf_counter() - began - (shop.gateway.seconds - elsewhere)


# --- the raw script ------------------------------------------------------------------------------------------------
_SEEN = "SELECT order_id FROM idempotency_keys WHERE key = :key"
_CART = """SELECT c.id, c.version, l.sku, l.quantity, p.title, v.options, v.price, v.weight_grams FROM carts c
 JOIN cart_lines l ON l.cart_id = c.id JOIN variants v ON v.sku = l.sku JOIN products p ON p.id = v.product_id
 WHERE c.handle_folded = :handle AND c.state = 'open' ORDER BY l.sku"""
_TAX = "SELECT parts_per_million FROM tax_rates WHERE country = 'DE' AND valid_from <= :now"
_SHIPPING = "SELECT name, amount FROM shipping_rates WHERE country = 'DE' AND valid_from <= :now"
_NUMBER = {
    True: "SELECT coalesce(max(number), 1000) + 1 FROM orders",
    False: "SELECT nextval('order_numbers')",
}
_CLAIM = "UPDATE carts SET claimed_by = :order, version = version + 1, updated_at = :now WHERE id = :cart AND version = :version"
_HOLD = """UPDATE stock_levels SET reserved = reserved + :units, updated_at = :now
 WHERE sku = :sku AND warehouse = 'MAIN' AND pool = 'general' AND bucket = 0 AND quantity - reserved - committed >= :units"""
_MOVED = """INSERT INTO stock_movements (sku, warehouse, pool, bucket, kind, quantity, reserved, committed, reference,
 reservation_id, actor, request_id, at)
 VALUES (:sku, 'MAIN', 'general', 0, :kind, 0, :reserved, :committed, :reference, :hold, 'raw', :request, :now)"""
_RESERVED = """INSERT INTO reservations (id, owner_kind, owner_id, origin, reference, sku, warehouse, pool, bucket,
 quantity, state, pinned, expires_at, created_at)
 VALUES (:hold, 'order', :order, 'checkout', :reference, :sku, 'MAIN', 'general', 0, :units, 'held', TRUE, :until, :now)"""
_CUSTOMER = """INSERT INTO customers (id, email, email_folded, name, registered, created_at, updated_at)
 VALUES (:customer, :email, :email, 'Ana', FALSE, :now, :now) ON CONFLICT (email_folded) DO NOTHING"""
_ADDRESS = """INSERT INTO customer_addresses (id, customer_id, address, created_at)
 VALUES (:id, :customer, :address, :now) ON CONFLICT (customer_id, address) DO NOTHING"""
_ORDER = """INSERT INTO orders (id, number, status, in_flight, cart_id, customer_id, email, currency, subtotal, discount,
 shipping, tax, tax_included, taxes, total, shipping_method, shipping_address, process, source, created_at, updated_at)
 VALUES (:order, :number, 'pending', TRUE, :cart, :customer, :email, 'USD', :subtotal, 0, :shipping, :tax, 0, :taxes, :total,
 :method, :address, 'raw', 'checkout', :now, :now)"""
_LINE = """INSERT INTO order_lines (id, order_id, position, sku, product_name, options, quantity, unit_price, total_price, tax,
 taxable, requires_shipping, tracked, weight_grams)
 VALUES (:line, :order, :position, :sku, :title, :options, :units, :price, :amount, :tax, TRUE, TRUE, TRUE, :weight)"""
_KEY = "INSERT INTO idempotency_keys (key, fingerprint, order_id, created_at) VALUES (:key, 'raw', :order, :now)"
_EVENT = """INSERT INTO order_events (order_id, verb, from_status, to_status, actor, at)
 VALUES (:order, :verb, :before, :after, 'raw', :now)"""
_FACT = """INSERT INTO outbox (id, topic, subject, payload, actor, request_id, state, attempts, due_at, created_at)
 VALUES (:id, :topic, :subject, :payload, 'raw', :request, 'pending', 0, :now, :now)"""
_PAYMENT = """INSERT INTO payments (id, order_id, gateway, gateway_key, token, amount, captured, currency, state, created_at,
 updated_at) VALUES (:payment, :order, 'raw', :gateway_key, 'pm_card_visa', :total, 0, 'USD', 'pending', :now, :now)"""
_AUDIT = (
    "INSERT INTO audit_log (at, actor, request_id, action, target) VALUES (:now, 'raw', :request, :action, :target)"
)
_LOCKED = {
    True: "SELECT status FROM orders WHERE id = :order",
    False: "SELECT status FROM orders WHERE id = :order FOR UPDATE",
}
_CAPTURED = """UPDATE payments SET state = 'captured', captured = amount, reference = :reference, updated_at = :now
 WHERE id = :payment AND state = 'pending'"""
_ATTEMPT = "INSERT INTO payment_attempts (id, payment_id, verb, outcome, at) VALUES (:id, :payment, 'capture', 'captured', :now)"
_COMMITTED = """UPDATE reservations SET state = 'committed', pinned = FALSE, resolved_at = :now
 WHERE owner_id = :order AND state = 'held'"""
_SOLD = """UPDATE stock_levels SET reserved = reserved - :units, committed = committed + :units, updated_at = :now
 WHERE sku = :sku AND warehouse = 'MAIN' AND pool = 'general' AND bucket = 0 AND reserved >= :units"""
_OWED = """INSERT INTO order_allocations (id, order_id, order_line_id, reservation_id, sku, warehouse, pool, bucket, quantity,
 shipped, cancelled) VALUES (:id, :order, :line, :hold, :sku, 'MAIN', 'general', 0, :units, 0, 0)"""
_CONFIRMED = (
    "UPDATE orders SET status = 'confirmed', in_flight = FALSE, updated_at = :now WHERE id = :order AND in_flight"
)
_FINISHED = "UPDATE idempotency_keys SET finished_at = :now WHERE order_id = :order AND finished_at IS NULL"
_EMPTIED = "DELETE FROM cart_lines WHERE cart_id = :cart"
_FREED = (
    "UPDATE carts SET claimed_by = NULL, version = version + 1, updated_at = :now, expires_at = :later WHERE id = :cart"
)


class _Script:
    """What somebody would write by hand against the driver."""

    def __init__(self, url: sa.URL) -> None:
        self.sqlite = url.get_backend_name() == "sqlite"
        if self.sqlite:
            self.connection: Any = sqlite3.connect(str(url.database), isolation_level=None, timeout=60)
            for pragma in ("foreign_keys=ON", "synchronous=FULL", "cache_size=-16384"):
                self.connection.execute(f"PRAGMA {pragma}")
        else:
            import psycopg

            self.connection = psycopg.connect(conninfo(url), autocommit=True)
        self.cursor = self.connection.cursor()
        self._said: dict[str, str] = {}

    def run(self, statement: str, values: Mapping[str, Any] | None = None) -> None:
        self.cursor.execute(self._in_its_words(statement), values or {})

    def many(self, statement: str, rows: Sequence[Mapping[str, Any]]) -> None:
        self.cursor.executemany(self._in_its_words(statement), rows)

    def rows(self, statement: str, values: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        self.run(statement, values)
        return list(self.cursor.fetchall())

    def now(self) -> Any:
        moment = datetime.now(UTC)
        return self.at(moment), self.at(moment + timedelta(minutes=10)), self.at(moment + timedelta(days=7))

    def at(self, moment: datetime) -> Any:
        return int(moment.timestamp() * 1e6) if self.sqlite else moment

    def _in_its_words(self, statement: str) -> str:
        if self.sqlite:
            return statement
        if statement not in self._said:
            self._said[statement] = re.sub(r":(\w+)", r"%(\1)s", statement)
        return self._said[statement]


def _checkout(script: _Script, handle: str) -> None:
    now, until, _ = script.now()
    of = {name: new_id() for name in ("order", "customer", "payment", "request")}
    of |= {"key": f"key-{handle}", "handle": handle, "now": now, "until": until, "email": f"{handle}@example.com"}
    script.run("BEGIN IMMEDIATE" if script.sqlite else "BEGIN")
    assert not script.rows(_SEEN, of)
    found = script.rows(_CART, of)
    lines = [
        {**of, "sku": sku, "units": units, "title": title, "options": options, "price": price, "weight": weight}
        | {"hold": new_id(), "line": new_id(), "position": position, "amount": price * units}
        for position, (_, _, sku, units, title, options, price, weight) in enumerate(found, 1)
    ]
    ((tax,),), ((method, shipping),) = script.rows(_TAX, of), script.rows(_SHIPPING, of)
    ((order_number,),) = script.rows(_NUMBER[script.sqlite])
    of |= {"cart": found[0][0], "version": found[0][1], "number": order_number, "method": method, "shipping": shipping}
    for line in lines:
        line |= {"tax": line["amount"] * tax // 1_000_000, "reference": f"order {order_number}"}
    of |= {"subtotal": sum(line["amount"] for line in lines), "tax": sum(line["tax"] for line in lines)}
    of |= {"total": of["subtotal"] + of["tax"] + shipping, "address": json.dumps(shops.HOME)}
    of |= {"taxes": json.dumps([{"name": "VAT", "parts_per_million": tax, "included": False, "amount": of["tax"]}])}
    script.run(_CLAIM, of)
    script.many(_HOLD, lines)
    script.many(_MOVED, [{**line, "kind": "hold", "reserved": line["units"], "committed": 0} for line in lines])
    script.many(_RESERVED, lines)
    script.run(_CUSTOMER, of)
    script.run(_ADDRESS, {**of, "id": new_id()})
    script.run(_ORDER, of)
    script.many(_LINE, lines)
    script.run(_KEY, of)
    script.run(_EVENT, {**of, "verb": "place", "before": None, "after": "pending"})
    script.many(_FACT, [_fact(of, "customer.added", "customer"), _fact(of, "order.placed", "order")])
    script.run(_PAYMENT, {**of, "gateway_key": f"order-{of['order']}"})
    script.run(_AUDIT, {**of, "action": "checkout.reserve", "target": handle})
    script.run("COMMIT")

    of["now"], _, of["later"] = script.now()
    lines = [{**line, "now": of["now"]} for line in lines]
    script.run("BEGIN IMMEDIATE" if script.sqlite else "BEGIN")
    assert script.rows(_LOCKED[script.sqlite], of) == [("pending",)]
    script.run(_CAPTURED, {**of, "reference": f"raw_{of['payment']}"})
    script.run(_ATTEMPT, {**of, "id": new_id()})
    script.run(_COMMITTED, of)
    script.many(_SOLD, lines)
    script.many(
        _MOVED, [{**line, "kind": "commit", "reserved": -line["units"], "committed": line["units"]} for line in lines]
    )
    script.many(_OWED, [{**line, "id": new_id()} for line in lines])
    script.run(_CONFIRMED, of)
    script.run(_FINISHED, of)
    script.run(_EVENT, {**of, "verb": "confirm", "before": "pending", "after": "confirmed"})
    script.many(_FACT, [_fact(of, "payment.captured", "payment"), _fact(of, "order.confirmed", "order")])
    script.run(_EMPTIED, of)
    script.run(_FREED, of)
    script.run(_AUDIT, {**of, "action": "checkout.settle", "target": of["order"]})
    script.run("COMMIT")


def _fact(of: Mapping[str, Any], topic: str, subject: str) -> dict[str, Any]:
    payload = json.dumps({"number": str(of["number"]), "to_status": "pending"})
    return {**of, "id": new_id(), "topic": topic, "subject": of[subject], "payload": payload}


if __name__ == "__main__":
    main()
