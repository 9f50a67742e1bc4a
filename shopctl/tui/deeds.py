"""What may be done: each deed is a use case with the command line that would do the same, and a sentence for its end."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from shopctl.core import catalog, customers, imports, orders, pause, reservations, sales, settlement, stock
from shopctl.core.domain.safe import json_safe
from shopctl.core.domain.times import span
from shopctl.core.shop import Shop


@dataclass(frozen=True, slots=True)
class Deed:
    """One change: the words of its command line, the use case, and the sentence to say when it is done.

    `given` is what the command line would read from a pipe.
    """

    words: tuple[str, ...]
    use_case: Callable[[Shop], object]
    sentence: str
    given: str = ""

    @property
    def command(self) -> str:
        line = shlex.join(("shopctl", *self.words))
        return f"printf %s {shlex.quote(self.given)} | {line}" if self.given else line


def ship(number: str, tracking: str = "", warehouse: str = "", lines: str = "") -> Deed:
    words = (
        "orders",
        "ship",
        number,
        *_lines(lines),
        *_option("--warehouse", warehouse),
        *_option("--tracking", tracking),
    )

    def use_case(shop: Shop) -> object:
        return orders.ship(
            shop, number=number, tracking=tracking or None, warehouse=warehouse.strip() or None, lines=_units(lines)
        )

    return Deed(
        words,
        use_case,
        f"Order {number} is shipped" if not lines.strip() else f"{lines.strip()} of order {number} is shipped",
    )


def deliver(number: str, shipment: str = "") -> Deed:
    which = int(shipment) if shipment else None
    return Deed(
        ("orders", "deliver", number, *_option("--shipment", shipment)),
        lambda shop: orders.deliver(shop, number=number, shipment=which),
        f"Order {number} is delivered" if which is None else f"Shipment {which} of order {number} is delivered",
    )


def cancel(number: str, lines: str = "") -> Deed:
    return Deed(
        ("orders", "cancel", number, *_lines(lines), "--yes"),
        lambda shop: settlement.cancel(shop, number=number, lines=_units(lines)),
        f"Order {number} is cancelled" if not lines.strip() else f"{lines.strip()} of order {number} is cancelled",
    )


def pay(number: str, reference: str = "") -> Deed:
    return Deed(
        ("orders", "pay", number, *_option("--reference", reference)),
        lambda shop: settlement.pay(shop, number=number, reference=reference.strip() or None),
        f"Order {number} is paid",
    )


def refund(number: str, amount: str, lines: str, reason: str, *, key: str, restock: bool = False) -> Deed:
    """`key` stands for one asking: done twice, it is done once."""
    words = ("orders", "refund", number, *_option("--amount", amount), *_lines(lines), *_option("--reason", reason))

    def use_case(shop: Shop) -> object:
        return orders.refund(
            shop,
            number=number,
            reason=reason,
            amount=amount.strip() or None,
            lines=_units(lines),
            restock=restock,
            key=key,
        )

    return Deed(
        (*words, *(("--restock",) if restock else ()), "--key", key, "--yes"), use_case, f"Order {number} is refunded"
    )


def bring_back(number: str, lines: str, reason: str) -> Deed:
    return Deed(
        ("orders", "return", number, *_lines(lines), *_option("--reason", reason)),
        lambda shop: orders.returns.request(shop, number=number, lines=_units(lines) or {}, reason=reason),
        f"Order {number} has a return",
    )


def take_in(name: str) -> Deed:
    return Deed(
        ("orders", "returns", "receive", name),
        lambda shop: orders.returns.receive(shop, number=name),
        f"The goods of return {name} are here",
    )


def resolve(name: str, write_off: str, *, refund: bool) -> Deed:
    lost = tuple(word for pair in write_off.split() for word in ("--write-off", pair))
    return Deed(
        ("orders", "returns", "resolve", name, *lost, *(() if refund else ("--no-refund",))),
        lambda shop: orders.returns.resolve(shop, number=name, write_off=_units(write_off), refund=refund),
        f"Return {name} is resolved",
    )


def note(number: str, text: str) -> Deed:
    return Deed(
        ("orders", "note", number, *_words(text)),
        lambda shop: orders.note(shop, number=number, note=text),
        f"Order {number} has the note",
    )


def readdress(number: str, address: Mapping[str, str], *, keep_totals: bool) -> Deed:
    said = {name: value.strip() for name, value in address.items() if value.strip()}

    def use_case(shop: Shop) -> object:
        return orders.readdress(shop, number=number, address=customers.parse_address(said), keep_totals=keep_totals)

    words = ("orders", "edit", number, "--ship-to", "-", *(("--keep-totals",) if keep_totals else ()))
    return Deed(words, use_case, f"Order {number} goes to the address", json_safe(json.dumps(said, ensure_ascii=False)))


def receive(sku: str, quantity: int, warehouse: str = "", reason: str = "") -> Deed:
    words = ("stock", "receive", sku, str(quantity), *_option("--warehouse", warehouse), *_option("--reason", reason))

    def use_case(shop: Shop) -> object:
        return stock.receive(
            shop, sku=sku, quantity=quantity, warehouse=warehouse or None, reason=reason.strip() or None
        )

    return Deed(words, use_case, f"{quantity} of {sku} received")


def adjust(sku: str, quantity: int, reason: str, warehouse: str = "") -> Deed:
    words = ("stock", "adjust", sku, f"{quantity:+d}", *_option("--reason", reason), *_option("--warehouse", warehouse))

    def use_case(shop: Shop) -> object:
        return stock.adjust(shop, sku=sku, quantity=quantity, reason=reason, warehouse=warehouse or None)

    return Deed(words, use_case, f"{sku} adjusted by {quantity:+d}")


def transfer(sku: str, quantity: int, source: str, target: str, reason: str = "") -> Deed:
    source, target = source.strip(), target.strip()
    words = ("stock", "transfer", sku, str(quantity), "--from", source, "--to", target, *_option("--reason", reason))

    def use_case(shop: Shop) -> object:
        return stock.transfer(
            shop, sku=sku, quantity=quantity, source=source, target=target, reason=reason.strip() or None
        )

    return Deed(words, use_case, f"{quantity} of {sku} went from {source} to {target}")


def spread(sku: str, buckets: int, warehouse: str = "") -> Deed:
    return Deed(
        ("stock", "spread", sku, "--buckets", str(buckets), *_option("--warehouse", warehouse)),
        lambda shop: stock.spread(shop, sku=sku, buckets=buckets, warehouse=warehouse.strip() or None),
        f"{sku} is in {buckets} buckets" if buckets > 1 else f"{sku} is whole again",
    )


def count(sku: str, counted: int | None, safety_stock: int | None, warehouse: str = "", reason: str = "") -> Deed:
    words = (
        *("stock", "set", sku, *(() if counted is None else (str(counted),))),
        *(() if safety_stock is None else ("--safety-stock", str(safety_stock))),
        *(*_option("--warehouse", warehouse), *_option("--reason", reason)),
    )

    def use_case(shop: Shop) -> object:
        return stock.set_level(
            shop,
            sku=sku,
            warehouse=warehouse.strip() or None,
            quantity=counted,
            safety_stock=safety_stock,
            reason=reason.strip() or None,
        )

    return Deed(words, use_case, f"{sku} is counted" if safety_stock is None else f"{sku} is set")


def reprice(sku: str, price: str) -> Deed:
    return Deed(
        ("catalog", "edit", sku, "--price", price),
        lambda shop: catalog.edit(shop, name=sku, said=imports.entry.changes(shop, {"price": price})),
        f"{sku} costs {price}",
    )


def release(reservation_id: str) -> Deed:
    return Deed(
        ("reservations", "release", reservation_id),
        lambda shop: reservations.release(shop, reservation_id=reservation_id),
        "The hold is released",
    )


def extend(reservation_id: str, term: str = "") -> Deed:
    return Deed(
        ("reservations", "extend", reservation_id, *_option("--for", term)),
        lambda shop: reservations.extend(
            shop, reservation_id=reservation_id, term=span(term) if term.strip() else None
        ),
        "The hold has a new term",
    )


_SALE: Mapping[str, tuple[Callable[..., object], str]] = {
    "open": (sales.open_, "is open"),
    "pause": (sales.pause, "is paused"),
    "resume": (sales.resume, "goes on"),
    "close": (sales.close, "is closed"),
    "cancel": (sales.cancel, "is cancelled"),
}


def sale(name: str, verb: str) -> Deed:
    use_case, done = _SALE[verb]
    words = ("sales", verb, name, *(("--yes",) if verb == "cancel" else ()))
    return Deed(words, lambda shop: use_case(shop, name=name), f"Sale {name} {done}")


def pause_checkouts(reason: str) -> Deed:
    return Deed(
        ("store", "pause", *_option("--reason", reason)),
        lambda shop: pause.pause(shop, reason=reason),
        "New checkouts are refused",
    )


def resume_checkouts() -> Deed:
    return Deed(("store", "resume"), pause.resume, "Checkouts may begin again")


def _option(name: str, value: str) -> tuple[str, ...]:
    """What was typed after an option; a value that looks like an option belongs to it with =."""
    value = value.strip()
    return () if not value else (f"{name}={value}",) if value.startswith("-") else (name, value)


def _lines(typed: str) -> tuple[str, ...]:
    """Units as they are typed, "TEE=1 CAP=2", as options."""
    return tuple(word for pair in typed.split() for word in ("--line", pair))


def _units(typed: str) -> dict[str, int] | None:
    found: dict[str, int] = {}
    for pair in typed.split():
        sku, _, units = pair.rpartition("=")
        found[sku] = found.get(sku, 0) + int(units)
    return found or None


def _words(text: str) -> tuple[str, ...]:
    """Text as an argument, also where it looks like an option."""
    return ("--", text) if text.startswith("-") else (text,)
