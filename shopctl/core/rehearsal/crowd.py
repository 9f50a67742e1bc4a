"""The crowd of a flash sale: who comes when, how long they think, who pays, who walks away. Everything is drawn from one seed.

The shares are assumptions, in one place; they are said in docs/rehearsing.md.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

EARLY, RUSH = 0.15, 0.60
"""Of all shoppers: those who come in the minute before the opening, and in the rush after it; the others trickle in."""
EARLY_MS, RUSH_MS, TRICKLE_MS = 60_000, 15_000, 120_000
"""How long before the opening the first ones come, which is when time begins; the means of the others' times after it."""
ABANDONS, DECLINED, SECOND_CARD, IMPATIENT = 0.20, 0.08, 0.60, 0.02
"""Who lets their turn pass; whose card is declined, and who of them has another; who leaves while waiting."""
PATIENCE_MS, THINKS_MS, THINKS_SIGMA = 90_000, 20_000, 0.6
BOTS, BOT_ASKS, BOT_MS = 500, 20, 10_000
"""One in so many is a bot, which asks so often, within so long."""
GOOD, BAD = "pm_card_visa", "pm_card_chargeDeclined"


@dataclass(frozen=True, slots=True)
class Shopper:
    """Times in milliseconds: it `comes` so long after the beginning, `thinks` so long when it has a turn, and with `patience`
    leaves a queue after so long. `cards` are tried one after the other; one without any lets its turn pass. `asks`: when a
    bot asks again, each time with another spelling of its address.
    """

    email: str
    comes: int
    thinks: int
    cards: tuple[str, ...]
    patience: int | None = None
    asks: tuple[int, ...] = ()

    def spelling(self, time: int) -> str:
        """The same address, written otherwise."""
        return spelled(self.email, time) if time else self.email


def spelled(email: str, time: int) -> str:
    """The same address, in one of many ways to write it."""
    turned = (letter.upper() if (time >> n % 5) & 1 else letter for n, letter in enumerate(email))
    return " " * (time % 3) + "".join(turned) + " " * (time % 2)


def drawn(seed: int, count: int) -> Sequence[Shopper]:
    """So many shoppers, none of them alike."""
    random = Random(seed)
    bots = set(random.sample(range(count), math.ceil(count / BOTS)))
    return [_bot(random, number) if number in bots else _shopper(random, number) for number in range(count)]


def _shopper(random: Random, number: int) -> Shopper:
    kind = random.random()
    cards: tuple[str, ...] = (GOOD,)
    if kind < ABANDONS:
        cards = ()
    elif kind < ABANDONS + DECLINED:
        cards = (BAD, GOOD) if random.random() < SECOND_CARD else (BAD,)
    return Shopper(
        email=f"shopper{number}@example.com",
        comes=_comes(random),
        thinks=round(THINKS_MS * random.lognormvariate(0, THINKS_SIGMA)),
        cards=cards,
        patience=round(random.expovariate(1 / PATIENCE_MS)) if random.random() < IMPATIENT else None,
    )


def _bot(random: Random, number: int) -> Shopper:
    """It comes with the opening, and hardly thinks."""
    asks = tuple(sorted(EARLY_MS + random.randrange(BOT_MS) for _ in range(BOT_ASKS)))
    return Shopper(f"bot{number}@example.com", asks[0], thinks=200, cards=(GOOD,), asks=asks[1:])


def _comes(random: Random) -> int:
    wave = random.random()
    if wave < EARLY:
        return random.randrange(EARLY_MS)
    return EARLY_MS + math.floor(random.expovariate(1 / (RUSH_MS if wave < EARLY + RUSH else TRICKLE_MS)))
