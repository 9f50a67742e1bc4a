"""Passwords as they are kept: Argon2id, slow and large on purpose. Pure; never to be done inside a transaction."""

from __future__ import annotations

import threading
from functools import cache
from typing import Any

from shopctl.core.errors import BadInput, Unavailable

SHORTEST, LONGEST = 8, 200
_AT_ONCE = threading.BoundedSemaphore(2)
"""Each needs 64 MiB for some tens of milliseconds: whoever logs in must not take the memory of those who buy."""


def checked(password: str) -> str:
    """The password itself; BadInput when it is too short to be one. What it consists of is nobody's business (NIST 800-63B)."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise BadInput("bad_password", f"A password has {SHORTEST} to {LONGEST} characters")
    return password


def hashed(password: str) -> str:
    """What is kept of a password, with its salt and its parameters (RFC 9106, the second recommended choice)."""
    with _AT_ONCE:
        return str(_hasher().hash(_bytes(password)))


def is_right(kept: str | None, password: str) -> bool:
    """Whether this is the password. Where none is kept it takes as long to say no: nobody learns who has an account."""
    hasher = _hasher()
    from argon2.exceptions import InvalidHashError, VerificationError

    with _AT_ONCE:
        try:
            hasher.verify(kept or _nobodys(), _bytes(password))
        except (VerificationError, InvalidHashError):
            return False
    return kept is not None


def _bytes(password: str) -> bytes:
    return password.encode(errors="surrogatepass")


@cache
def _nobodys() -> str:
    return str(_hasher().hash(b""))


@cache
def _hasher() -> Any:
    try:
        import argon2
    except ImportError:
        raise gateway_missing() from None
    return argon2.PasswordHasher.from_parameters(argon2.profiles.RFC_9106_LOW_MEMORY)


def gateway_missing() -> Unavailable:
    return Unavailable(
        "gateway_missing",
        "The gateway needs packages that are not installed",
        hint="pip install 'shopctl[gateway]'",
    )
