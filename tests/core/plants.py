"""Corruptions of the store that books.live makes, each for one check of verify."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

from tests.core.books import order, payment, row


@dataclass(frozen=True)
class Plant:
    """A corruption in SQL: `check` finds it, and `also` others that it cannot but break.

    `fence` is the constraint or unique index by which the database refuses it; check 28 finds what got past that.
    """

    check: int
    what: str
    sql: Sequence[str]
    also: frozenset[int]
    fence: str | None


def plant(check: int, what: str, *sql: str, also: Sequence[int] = (), fence: str | None = None) -> Plant:
    return Plant(check, what, sql, frozenset({*also, 28} if fence else also), fence)


NOBODY = "'00000000-0000-7000-8000-00000000dead'"
_TEE_HOLD = "sku = 'TEE' AND kind = 'hold'"
_FOR_CANCEL = {"items": "1", "shipping": "0", "tax": "0", "total": "1"}
_numbers = count(1)


def _key() -> dict[str, str]:
    """A key of the gateway that no other row has."""
    return {"gateway_key": f"'another {next(_numbers)}'", "reference": "NULL"}


PLANTS = (
    plant(
        1,
        "reserved without a hold",
        row("stock_movements", _TEE_HOLD, reserved="1", reservation_id="NULL"),
        "UPDATE stock_levels SET reserved = reserved + 1 WHERE sku = 'TEE'",
    ),
    plant(1, "committed, but not owed", f"UPDATE order_allocations SET cancelled = 1 WHERE order_id = {order(1002)}",
          also=(17,)),
    plant(2, "counter off its ledger", "UPDATE stock_levels SET quantity = quantity + 1 WHERE sku = 'TEE'"),
    plant(
        2,
        "movements without a level",
        row("stock_movements", "kind = 'receive'", pool="'sale'"),
        also=(23,),
        fence="fk_stock_movements_sku_warehouse_pool_bucket",
    ),
    plant(
        3,
        "more promised than there is",
        "UPDATE stock_levels SET backorder_limit = 0 WHERE sku = 'RARE'",
        fence="ck_stock_levels_not_oversold",
    ),
    plant(4, "sold before it came", "UPDATE stock_movements SET seq = (SELECT max(seq) + 1 FROM stock_movements) "
          "WHERE sku = 'TEE' AND kind = 'receive'"),
    plant(5, "state of another end", "UPDATE reservations SET state = 'expired' WHERE state = 'released' AND sku = 'TEE'"),
    plant(
        5,
        "live and resolved",
        "UPDATE reservations SET resolved_at = :long_ago WHERE state = 'held'",
        also=(6,),
        fence="ck_reservations_resolved_once",
    ),
    plant(6, "negative price", "UPDATE variants SET price = -1 WHERE sku = 'CAP'",
          fence="ck_variants_price_in_range"),
    plant(6, "empty cart line", "UPDATE cart_lines SET quantity = 0", fence="ck_cart_lines_quantity_positive"),
    plant(6, "state that is no word", "UPDATE outbox SET state = 'lost'", fence="ck_outbox_state_word"),
    plant(7, "hold that survived a sweep", "UPDATE settings SET value = '\"2099-01-01T00:00:00+00:00\"' "
          "WHERE key = 'last_sweep_at'"),
    plant(
        7,
        "pinned for an order that has ended",
        f"UPDATE reservations SET expires_at = :long_ago, pinned = true, owner_kind = 'order', owner_id = {order(1002)} "
        "WHERE sku = 'CAP' AND state = 'held'",
    ),
    plant(8, "total that does not add up", "UPDATE orders SET shipping = 1 WHERE number = 1004",
          fence="ck_orders_total_adds_up"),
    plant(
        9,
        "line of another price",
        f"UPDATE order_lines SET unit_price = 1, total_price = quantity WHERE order_id = {order(1004)}",
    ),
    plant(9, "order without lines", f"DELETE FROM order_lines WHERE order_id = {order(1001)}"),
    plant(
        10,
        "refund of an order that stands",
        row("refunds", "true", payment_id=payment(1004), order_id=order(1004), state="'pending'", amount="1", **_key()),
    ),
    plant(10, "payment of nothing", row("payments", "state = 'failed'", order_id=order(1006), **_key())),
    plant(10, "imported and paid twice over", f"UPDATE payments SET amount = 6000, captured = 6000 WHERE id = {payment(1009)}"),
    plant(11, "money kept without an order", f"DELETE FROM refunds WHERE order_id = {order(1005)}"),
    plant(
        12,
        "paid twice",
        row("payments", "state = 'captured'", order_id=order(1004), state="'authorized'", captured="0", **_key()),
        fence="uq_payments_one_alive",
    ),
    plant(12, "imported and paid here", f"UPDATE payments SET gateway = 'sandbox' WHERE id = {payment(1009)}", also=(25,)),
    plant(12, "bought here and paid elsewhere", f"UPDATE payments SET gateway = 'external' WHERE id = {payment(1004)}"),
    plant(
        13,
        "key used twice",
        row("payments", "state = 'failed'", reference="NULL"),
        fence="uq_payments_gateway_key",
    ),
    plant(
        13,
        "key of a payment and a refund",
        row(
            "refunds",
            "true",
            state="'failed'",
            reference="NULL",
            gateway_key="(SELECT gateway_key FROM payments LIMIT 1)",
        ),
    ),
    plant(13, "reference used twice", row("payments", "state = 'failed'", gateway_key="'b'"),
          fence="uq_payments_reference"),
    plant(
        14,
        "refunded more than captured",
        row("refunds", f"order_id = {order(1005)}", state="'pending'", amount="1", **_key()),
    ),
    plant(
        14,
        "refund of nothing",
        row("refunds", f"order_id = {order(1005)}", state="'pending'", amount="0", **_key()),
        fence="ck_refunds_amount_positive",
    ),
    plant(
        15,
        "two keys for one order",
        row("idempotency_keys", f"order_id = {order(1004)}", key="'another'"),
        fence="uq_idempotency_keys_order_id",
    ),
    plant(16, "unfinished key", f"UPDATE idempotency_keys SET finished_at = NULL WHERE order_id = {order(1004)}"),
    plant(16, "key finished early", f"UPDATE idempotency_keys SET finished_at = :long_ago WHERE order_id = {order(1008)}"),
    plant(17, "sold without reservation", f"DELETE FROM order_allocations WHERE order_id = {order(1004)}"),
    plant(
        17,
        "shipped without movement",
        "UPDATE stock_movements SET kind = 'adjust' WHERE kind = 'ship' AND reference = 'order 1004'",
    ),
    plant(
        17,
        "units shared out wrongly among lines of one SKU",
        f"UPDATE order_allocations SET quantity = 3 - quantity WHERE order_id = {order(1009)}",
    ),
    plant(17, "reservation of more", f"UPDATE reservations SET quantity = 9 WHERE owner_id = {order(1004)}"),
    plant(17, "shipment of more", "UPDATE shipment_lines SET quantity = quantity + 1"),
    plant(17, "cancelled, and still allocated", f"UPDATE order_lines SET cancelled = 0 WHERE order_id = {order(1010)}"),
    plant(18, "in flight for long", "UPDATE orders SET created_at = :long_ago WHERE in_flight"),
    plant(19, "history cut short", f"DELETE FROM order_events WHERE order_id = {order(1004)} AND verb = 'deliver'"),
    plant(19, "history with a gap", f"DELETE FROM order_events WHERE order_id = {order(1004)} AND verb = 'ship'"),
    plant(19, "history without a beginning", f"DELETE FROM order_events WHERE order_id = {order(1002)} AND verb = 'place'"),
    plant(19, "import that was a checkout", f"UPDATE order_events SET verb = 'place' WHERE order_id = {order(1009)}"),
    plant(19, "checkout that was an import", f"UPDATE order_events SET verb = 'import' WHERE order_id = {order(1008)}"),
    plant(19, "step that does not exist", f"UPDATE order_events SET verb = 'cancel' WHERE order_id = {order(1004)} "
          "AND verb = 'deliver'"),
    plant(19, "no history", f"DELETE FROM order_events WHERE order_id = {order(1002)}"),
    plant(
        22, "nobody was told", f"DELETE FROM outbox WHERE topic = 'order.confirmed' "
            f"AND subject = CAST({order(1002)} AS TEXT)"
    ),
    plant(23, "one number, two orders", "UPDATE orders SET number = 1002 WHERE number = 1003", fence="uq_orders_number"),
    plant(23, "customer of nowhere", f"UPDATE orders SET customer_id = {NOBODY} WHERE number = 1002",
          fence="fk_orders_customer_id"),
    plant(23, "claimed by nobody", f"UPDATE carts SET claimed_by = {NOBODY} WHERE handle = 'c9'"),
    plant(30, "credited more than it cost", row("credits", "kind = 'cancel'", order_id=order(1005), **_FOR_CANCEL)),
    plant(30, "line of more than its credit", "UPDATE credit_lines SET amount = amount + 1"),
    plant(30, "units credited twice", "UPDATE credit_lines SET quantity = 9"),
    plant(31, "returned by nobody", f"UPDATE order_lines SET returned = 2 WHERE order_id = {order(1010)}"),
    plant(31, "restocked before it is resolved", "UPDATE returns SET state = 'received'"),
    plant(31, "written off, and in the stock", "UPDATE return_lines SET restocked = 0, written_off = 1"),
    plant(32, "number that is missing", "DELETE FROM invoices WHERE number = 1"),
    plant(32, "paper of another order", "UPDATE invoices SET document = '{}' WHERE number = 2"),
    plant(
        32,
        "two invoices for one order",
        row("invoices", "kind = 'invoice'", number="3"),
        fence="uq_invoices_one_an_order",
    ),
    plant(
        29,
        "units lost on the way",
        "UPDATE stock_movements SET quantity = quantity - 1 WHERE kind = 'transfer' AND quantity > 0 AND sku = 'MUG'",
        "UPDATE stock_levels SET quantity = quantity - 1 WHERE warehouse = 'EAST' AND sku = 'MUG'",
    ),
    plant(33, "set aside for no sale",
          "INSERT INTO stock_levels (sku, warehouse, pool, bucket, quantity, reserved, committed, tracked, backorder_limit, updated_at)"
          " SELECT sku, warehouse, 'sale', bucket, 1, 0, 0, tracked, 0, updated_at FROM stock_levels"
          " WHERE sku = 'TEE' AND warehouse = 'MAIN' AND pool = 'general'",
          "INSERT INTO stock_movements (sku, warehouse, pool, bucket, kind, quantity, reserved, committed, actor, request_id, at)"
          " SELECT sku, warehouse, 'sale', bucket, 'receive', 1, 0, 0, actor, request_id, at FROM stock_movements"
          " WHERE sku = 'TEE' AND warehouse = 'MAIN' LIMIT 1"),
    plant(33, "taken from the pool by an ordinary cart",
          "UPDATE carts SET ticket_id = NULL WHERE id IN (SELECT cart_id FROM tickets WHERE state = 'admitted')", also=(34,)),
    plant(34, "one customer, two tickets", "UPDATE tickets SET email_folded = 's0@example.com' WHERE seq = 3",
          fence="uq_tickets_sale_id_email_folded"),
    plant(34, "bought, and it ran out", "UPDATE tickets SET state = 'expired' WHERE state = 'bought'"),
    plant(34, "bought by nobody", "UPDATE tickets SET state = 'bought' WHERE state = 'admitted'"),
    plant(35, "a ticket that is gone", "DELETE FROM tickets WHERE seq = 3"),
    plant(35, "admitted past the head", "UPDATE sale_items SET head = 1"),
    plant(35, "passed over", "UPDATE tickets SET state = 'waiting' WHERE state = 'admitted'"),
    plant(36, "more than the allotment", "UPDATE sale_items SET allotment = 1",
          f"UPDATE order_allocations SET quantity = 2 WHERE order_id = {order(1011)}", also=(1, 17)),
    plant(36, "at another price", "UPDATE tickets SET price = 1 WHERE state = 'bought'"),
)  # fmt: skip
