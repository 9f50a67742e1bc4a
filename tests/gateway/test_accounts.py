"""Shoppers: who they are, what is theirs, and what is not."""

from __future__ import annotations

import pytest

from shopctl.core import customers, erasure
from shopctl.core.db.tables import customer_passwords, shopper_tokens
from shopctl.core.shop import Shop
from tests.gateway.served import Client

PASSWORD = "correct horse"


def register(web: Client, email: str, status: int = 201) -> None:
    said = web("POST", "/v1/accounts", {"email": email, "password": PASSWORD, "name": "Ana"})
    assert said.status == status, said.json


def test_logging_in_brings_the_cart_along(web: Client) -> None:
    register(web, "both@example.com")
    first = web.cart(MUG=1)
    phone = web.logged_in("Both@Example.com ", PASSWORD, first)
    assert [line["quantity"] for line in phone("GET", "/v1/me/cart").json["lines"]] == [1]
    laptop_cart = web.cart(MUG=2, TEE=1)
    laptop = web.logged_in("both@example.com", PASSWORD, laptop_cart)
    merged = laptop("GET", "/v1/me/cart").json
    assert {line["sku"]: line["quantity"] for line in merged["lines"]} == {"MUG": 3, "TEE": 1}
    assert phone("GET", "/v1/me").json["email"] == "both@example.com"
    assert phone("GET", f"/v1/carts/{first}").json["id"] == merged["id"]
    order = laptop.place(first, "k-both", email=None)
    assert (order.status, order.json["email"]) == (201, "both@example.com")
    number = order.json["number"]
    assert [one["number"] for one in phone("GET", "/v1/me/orders").json["items"]] == [number]
    assert phone("GET", f"/v1/orders/{number}").json["status"] == "confirmed"


def test_a_customers_cart_is_theirs_alone(web: Client) -> None:
    register(web, "own@example.com")
    register(web, "other@example.com")
    cart = web.cart(MUG=1)
    web.logged_in("own@example.com", PASSWORD, cart)
    other = web.logged_in("other@example.com", PASSWORD)
    for client in (web, other):
        for method, path, body in (
            ("GET", f"/v1/carts/{cart}", None),
            ("POST", f"/v1/carts/{cart}/lines", {"sku": "MUG", "quantity": 1}),
            ("PUT", f"/v1/carts/{cart}/lines/MUG", {"quantity": 9}),
            ("DELETE", f"/v1/carts/{cart}/lines", None),
            ("POST", "/v1/quotes", {"cart": cart}),
        ):
            said = client(method, path, body)
            assert (said.status, said.code) == (403, "cart_of_another"), path
        assert client.place(cart, "k-theirs").code == "cart_of_another"


def test_whoever_registers_an_address_sees_nothing_that_a_guest_bought_with_it(web: Client) -> None:
    before = web.place(web.cart(MUG=1), "k-before", email="victim@example.com").json["number"]
    register(web, "victim@example.com")
    thief = web.logged_in("victim@example.com", PASSWORD)
    after = web.place(web.cart(MUG=1), "k-after", email="victim@example.com").json["number"]
    assert thief("GET", "/v1/me/orders").json["items"] == []
    for number in (before, after):
        assert thief("GET", f"/v1/orders/{number}").code == "unknown_order"
    assert set(thief("GET", "/v1/me").json) == {"id", "email", "name"}, "no addresses"


def test_whom_the_shop_knows_already_is_not_registered_by_anybody(shop: Shop, web: Client) -> None:
    customers.add(shop, email="known@example.com")
    register(web, "known@example.com", 409)
    register(web, "twice@example.com")
    register(web, " TWICE@example.com", 409)


def test_nobody_learns_who_has_an_account(web: Client) -> None:
    register(web, "real@example.com")
    said = [
        web("POST", "/v1/sessions", {"email": email, "password": "wrong horse"})
        for email in ("real@example.com", "unreal@example.com")
    ]
    assert [one.status for one in said] == [401, 401]
    assert said[0].json == said[1].json


def test_guessing_a_password_is_limited(web: Client) -> None:
    register(web, "guessed@example.com")
    tries = [
        web("POST", "/v1/sessions", {"email": email, "password": f"guess {number}"})
        for number, email in enumerate(["guessed@example.com", "Guessed@Example.com "] * 6)
    ]
    assert {one.status for one in tries[:8]} == {401}
    assert (tries[-1].status, tries[-1].code) == (429, "rate_limited")
    right = web("POST", "/v1/sessions", {"email": "guessed@example.com", "password": PASSWORD})
    assert right.status == 429, "the right one, too"


def test_logged_out_the_token_opens_nothing(web: Client) -> None:
    register(web, "out@example.com")
    cart = web.cart(MUG=1)
    shopper = web.logged_in("out@example.com", PASSWORD, cart)
    assert shopper("DELETE", f"/v1/sessions?cart={cart}").status == 204
    assert (shopper("GET", "/v1/me").status, shopper("GET", "/v1/me").code) == (401, "bad_token")
    assert web("GET", f"/v1/carts/{cart}").code == "unknown_cart", "the handle is free"
    assert web.logged_in("out@example.com", PASSWORD)("GET", "/v1/me/cart").json["lines"][0]["sku"] == "MUG"
    assert web("GET", "/v1/me").code == "token_missing"


@pytest.mark.parametrize(
    "body", [{"email": "x", "password": PASSWORD}, {"email": "short@example.com", "password": "7 chars"}]
)
def test_what_is_no_account(web: Client, body: dict[str, str]) -> None:
    assert web("POST", "/v1/accounts", body).status == 422


def test_passwords_and_tokens_are_kept_as_hashes(shop: Shop, web: Client) -> None:
    register(web, "hashed@example.com")
    token = web.logged_in("hashed@example.com", PASSWORD).token
    with shop.read() as tx:
        kept = [row.hash for row in tx.rows(customer_passwords.select())]
        tokens = [row.token_hash for row in tx.rows(shopper_tokens.select())]
    assert all(one.startswith("$argon2id$v=19$m=65536,t=3,p=4$") for one in kept)
    assert token not in tokens


def test_an_erased_customer_has_neither(shop: Shop, web: Client) -> None:
    register(web, "gone@example.com")
    shopper = web.logged_in("gone@example.com", PASSWORD)
    account = shopper("GET", "/v1/me").json["id"]
    erasure.erase(shop, email="gone@example.com")
    assert shopper("GET", "/v1/me").code == "bad_token"
    assert web("POST", "/v1/sessions", {"email": "gone@example.com", "password": PASSWORD}).code == "wrong_password"
    with shop.read() as tx:
        for table in (customer_passwords, shopper_tokens):
            assert not tx.rows(table.select().where(table.c.customer_id == account))
    register(web, "gone@example.com")
