"""Shoppers' passwords and tokens, API keys: how long they open the door."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from shopctl.core import accounts, keys, limits, moving
from shopctl.core.domain import passwords
from shopctl.core.errors import NotPermitted
from shopctl.core.limits import Limit
from shopctl.core.workers import Rounds
from tests import servers, shops

PASSWORD = "correct horse"


def test_tokens_end(tmp_path: Path) -> None:
    shop = shops.make(tmp_path)
    accounts.register(shop, email="ana@example.com", password=PASSWORD)
    token = accounts.log_in(shop, email="ana@example.com", password=PASSWORD).token
    assert accounts.shopper(shop, token).email == "ana@example.com"
    later = shop.but(clock=lambda: datetime.now(UTC) + accounts.LASTS + timedelta(seconds=1))
    with pytest.raises(NotPermitted, match="expired"):
        accounts.shopper(later, token)
    assert accounts.sweep(shop) == 0
    assert accounts.sweep(later) == 1


def test_a_copy_has_the_passwords_and_nobody_logged_in(tmp_path: Path, store: str) -> None:
    shop = shops.make(tmp_path)
    accounts.register(shop, email="ana@example.com", password=PASSWORD)
    token = accounts.log_in(shop, email="ana@example.com", password=PASSWORD).token
    there = tmp_path / "there"
    there.mkdir()
    if store == "postgres":
        servers.create_database(there)
    moving.copy(shop, shops.store_url(there), progress=lambda *_: None)
    copied = shops.reopen(there)
    with pytest.raises(NotPermitted):
        accounts.shopper(copied, token)
    assert accounts.log_in(copied, email="ana@example.com", password=PASSWORD).shopper.email == "ana@example.com"


def test_a_password_is_right_or_not() -> None:
    kept = passwords.hashed("pässword\ud800")
    assert passwords.is_right(kept, "pässword\ud800")
    assert not passwords.is_right(kept, "pässword")
    assert not passwords.is_right(None, "")
    assert not passwords.is_right("no hash", PASSWORD)


def test_a_key_is_known_by_its_secret_until_it_is_revoked(tmp_path: Path) -> None:
    shop = shops.make(tmp_path)
    made = keys.create(shop, name="web", scopes=["sell", "read"])
    assert keys.recognise(shop, made.secret).name == "web"
    assert keys.recognise(shop, made.secret).last_used_at is not None
    keys.revoke(shop, name="web")
    for secret in (made.secret, "", "\ud800"):
        with pytest.raises(NotPermitted):
            keys.recognise(shop, secret)


def test_a_worker_ends_old_sessions_and_forgets_full_buckets(tmp_path: Path) -> None:
    shop = shops.make(tmp_path)
    accounts.register(shop, email="ana@example.com", password=PASSWORD)
    accounts.log_in(shop, email="ana@example.com", password=PASSWORD)
    limits.take(shop, Limit("test", "ana", 1000, 1))
    later = shop.but(clock=lambda: datetime.now(UTC) + accounts.LASTS + timedelta(seconds=1))
    done = Rounds(later, lambda: False, lambda _: None).once().done
    assert (done["end sessions"], done["forget limits"]) == (1, 1)
