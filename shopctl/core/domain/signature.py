"""How a webhook is signed: HMAC-SHA256 over "time.body", as Stripe does it. Pure."""

from __future__ import annotations

import hmac
import secrets

PREFIX = "whsec_"


def new_secret() -> str:
    return PREFIX + secrets.token_urlsafe(32)


def signed(secret: str, at: int, body: bytes) -> str:
    """The header for a body that is sent at this second (since 1970)."""
    digest = hmac.new(secret.encode(), b"%d." % at + body, "sha256").hexdigest()
    return f"t={at},v1={digest}"
