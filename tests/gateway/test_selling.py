"""A storefront sells: what it is told is what the command line prints."""

from __future__ import annotations

import time
from urllib.parse import quote

from shopctl.core import notices, verify
from shopctl.core.adapters.payment_sandbox import SandboxGateway
from shopctl.core.db.tables import audit_log as audit
from shopctl.core.shop import Shop
from tests.cli import Cli
from tests.gateway.served import Client, Process
from tests.shops import HOME, product


def cli(shop: Shop) -> Cli:
    return Cli(shop.home.parent.parent)


def test_what_is_for_sale_as_the_command_line_has_it(shop: Shop, web: Client) -> None:
    listed = {row["sku"]: row for row in web("GET", "/v1/products").json["items"]}
    assert {"MUG", "TEE"} <= set(listed)
    assert "CAP" not in listed, "archived"
    run = cli(shop)
    printed = {row["sku"]: row for row in run("catalog", "list", "-o", "json").json}
    assert list(listed["TEE"]) == list(printed["TEE"])
    assert listed["TEE"]["price"] == printed["TEE"]["price"] == "19.99"
    assert web("GET", "/v1/products/tee").json == run("catalog", "show", "tee", "-o", "json").json
    assert web("GET", "/v1/products/CAP").code == "unknown_product"
    assert web("GET", "/v1/categories").json == {"items": [], "next": None}
    found = web("GET", "/v1/search?q=thing+tee&facets=true").json
    assert [hit["sku"] for hit in found["hits"]][:1] == ["TEE"]
    assert list(found) == list(run("search", "thing tee", "--facets", "-o", "json").json)


def test_what_can_be_had(shop: Shop, web: Client) -> None:
    product(shop, "A/B C+1", units=3)
    assert web("GET", f"/v1/availability?sku=MUG&sku={quote('A/B C+1', safe='')}").json[1] == {
        "sku": "A/B C+1",
        "available": 3,
    }
    assert web("GET", "/v1/availability?sku=CAP").code == "unknown_sku"
    assert web("GET", "/v1/availability").status == 422
    assert web("GET", f"/v1/products/{quote('A/B C+1', safe='')}").json["variants"][0]["sku"] == "A/B C+1"
    cart = web.cart(**{"A/B C+1": 2})
    changed = web("PUT", f"/v1/carts/{cart}/lines/{quote('A/B C+1', safe='')}", {"quantity": 1})
    assert changed.json["lines"][0]["quantity"] == 1


def test_pages_go_on_where_the_last_one_ended(shop: Shop, web: Client) -> None:
    for number in range(5):
        product(shop, f"PAGED-{number}")
    seen: list[str] = []
    after = ""
    while True:
        page = web("GET", f"/v1/products?filter=sku:PAGED&limit=2{after}").json
        seen += [row["sku"] for row in page["items"]]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert seen == [f"PAGED-{number}" for number in range(5)]
    for bad in ("x", "W10", "WzFd", "WyJhIiwgImIiLCAiYyJd"):  # nothing, [], [1], ["a", "b", "c"]
        assert web("GET", f"/v1/products?after={bad}").code == "bad_cursor"
    assert web("GET", f"/v1/products?sort=price&after={page['next'] or 'x'}").code == "bad_cursor"
    assert web("GET", "/v1/products?filter=nonsense:1").code == "unknown_field"


def test_a_cart_as_the_command_line_has_it(shop: Shop, web: Client) -> None:
    cart = web.cart(MUG=2, TEE=1)
    shown = web("GET", f"/v1/carts/{cart}").json
    assert shown == cli(shop)("cart", "show", cart, "-o", "json").json
    assert web("DELETE", f"/v1/carts/{cart}/lines/TEE").json["subtotal"] == "39.98"
    assert web("DELETE", f"/v1/carts/{cart}/lines/TEE").code == "not_in_cart"
    assert web("DELETE", f"/v1/carts/{cart}/lines").json["lines"] == []
    too_many = web("POST", f"/v1/carts/{cart}/lines", {"sku": "MUG", "quantity": 10_000})
    assert (too_many.status, too_many.code) == (409, "insufficient_stock")
    assert web("GET", "/v1/carts/nobodys").status == 404
    assert web("GET", "/v1/carts/ana@example.com").code == "bad_cart"


def test_a_purchase_once_per_key(shop: Shop, web: Client) -> None:
    cart = web.cart(MUG=2)
    quoted = web("POST", "/v1/quotes", {"cart": cart, "ship_to": HOME}).json
    assert quoted["total"] == "39.98"
    assert web.place(cart, "k-once", expect_total="1.00").code == "price_changed"
    first = web.place(cart, "k-once", expect_total="39.98")
    assert (first.status, first.json["status"], first.json["total"]) == (201, "confirmed", "39.98")
    again = web.place(cart, "k-once", expect_total="39.98")
    assert (again.status, again.body) == (first.status, first.body)
    other = web.place(cart, "k-once", email="bob@example.com")
    assert (other.status, other.code) == (409, "key_reused")
    without = web("POST", "/v1/orders", {"cart": cart, "ship_to": HOME})
    assert (without.status, without.json["error"]["details"]["field"]) == (422, "Idempotency-Key")
    number = first.json["number"]
    printed = cli(shop)("orders", "show", number, "-o", "json").json
    tracked = web("GET", f"/v1/orders/{number}?email=ANA@example.com").json
    assert {name: tracked[name] for name in first.json} == {name: printed[name] for name in first.json}
    assert (tracked["shipments"], tracked["action_url"]) == ([], None)
    for mine in (f"/v1/orders/{number}?email=bob@example.com", "/v1/orders/999?email=ana@example.com"):
        assert web("GET", mine).code == "unknown_order"
    assert not verify.verify(shop).violations


def test_a_card_that_is_declined(web: Client) -> None:
    cart = web.cart(MUG=1)
    said = web.place(cart, "k-declined", payment="pm_card_chargeDeclined")
    assert (said.status, said.code) == (402, "payment_declined")
    assert said.json["error"]["details"]["decline_code"] == "generic_decline"
    assert web.place(cart, "k-declined", payment="pm_card_chargeDeclined").body == said.body
    assert web.place(cart, "k-other", payment="pm_card_visa").status == 201
    card = web.place(cart, "k-card", payment="4242424242424242")
    assert (card.status, card.code) == (422, "card_number")


def test_a_payment_that_the_shopper_confirms(shop: Shop, web: Client) -> None:
    cart = web.cart(MUG=1)
    said = web.place(cart, "k-3ds", payment="pm_card_authenticationRequired")
    details = said.json["error"]["details"]
    assert (said.status, said.code) == (202, "action_required")
    assert said.headers["retry-after"]
    tracked = web("GET", f"/v1/orders/{details['order']}?email=ana@example.com").json
    assert (tracked["status"], tracked["action_url"]) == ("pending", details["url"])
    notices.confirm(shop, number=details["order"])
    assert web.place(cart, "k-3ds", payment="pm_card_authenticationRequired").json["status"] == "confirmed"


def test_what_the_payment_gateway_tells(shop: Shop, served: Process, web: Client) -> None:
    number = web.place(web.cart(MUG=1), "k-told").json["number"]
    gateway = shop.gateway
    assert isinstance(gateway, SandboxGateway)
    body, headers = list(gateway.notices())[-1]
    said = served.client()("POST", "/v1/payments/notices", raw=body, **headers)
    assert (said.status, said.json["order"], said.json["status"]) == (200, number, "confirmed")
    forged = served.client()("POST", "/v1/payments/notices", raw=body + b" ", **headers)
    assert (forged.status, forged.code) == (403, "bad_signature")


def test_letters_are_sent_without_a_worker(shop: Shop, web: Client) -> None:
    number = web.place(web.cart(MUG=1), "k-letter", email="letter@example.com").json["number"]
    deadline = time.monotonic() + 30
    while not any(f"{number}" in path.read_text() for path in (shop.home / "maildir").rglob("*") if path.is_file()):
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_a_paused_shop_is_not_ready(shop: Shop, served: Process, web: Client) -> None:
    cart, run = web.cart(MUG=1), cli(shop)
    assert served.client()("GET", "/readyz").json == {"status": "ready"}
    run("store", "pause", "--reason", "stock-taking")
    try:
        assert served.client()("GET", "/readyz").code == "shop_paused"
        assert served.client()("GET", "/readyz").status == 503
        assert served.client()("GET", "/healthz").status == 200
        assert web.place(cart, "k-paused").code == "shop_paused"
    finally:
        run("store", "resume")
    assert web.place(cart, "k-paused").status == 201


def test_the_back_office(shop: Shop, web: Client) -> None:
    number = web.place(web.cart(TEE=2), "k-office").json["number"]
    assert web("GET", f"/v1/operate/orders?filter=number:{number}").json["items"][0]["status"] == "confirmed"
    sent = web("POST", f"/v1/operate/orders/{number}/ship", {"units": {"TEE": 1}, "tracking": "T1"})
    assert (sent.status, sent.json["fulfilment"]) == (200, "partial")
    cancelled = web("POST", f"/v1/operate/orders/{number}/cancel", {})
    assert cancelled.json["lines"][0]["cancelled"] == 1
    refunded = web("POST", f"/v1/operate/orders/{number}/refund", {"reason": "torn", "amount": "1.00"})
    assert refunded.status == 200
    shown = web("GET", f"/v1/operate/orders/{number}").json
    assert shown == cli(shop)("orders", "show", number, "-o", "json").json
    before = web("GET", "/v1/operate/stock/TEE").json[0]["quantity"]
    changed = web("POST", "/v1/operate/adjustments", {"sku": "TEE", "quantity": -2, "reason": "lost"})
    assert changed.json["quantity"] == before - 2
    refused = web("POST", "/v1/operate/adjustments", {"sku": "TEE", "quantity": -10_000, "reason": "lost"})
    assert refused.status == 409
    assert "shopctl_orders{" in web("GET", "/metrics").body.decode()
    assert not verify.verify(shop).violations


def test_a_request_has_a_number_everywhere(shop: Shop, web: Client) -> None:
    mine = "0189f7ea-1111-7000-8000-00000000abcd"
    said = web("POST", "/v1/operate/adjustments", {"sku": "MUG", "quantity": 1, "reason": "found"}, X_Request_Id=mine)
    assert said.headers["x-request-id"] == mine
    with shop.read() as tx:
        rows = tx.rows(audit.select().where(audit.c.request_id == mine))
    assert [(row.action, row.actor) for row in rows] == [("stock.adjust", "gateway:web")]
    assert web("GET", "/healthz", X_Request_Id="<script>").headers["x-request-id"] != "<script>"
