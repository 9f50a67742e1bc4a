"""What goes over the wire: a body, and the headers that sign it. Pure but for the clock: a signature says when it was made."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from shopctl import __version__
from shopctl.core.domain.signature import signed


def request(secret: str, delivery_id: str, body: Mapping[str, Any]) -> tuple[bytes, Mapping[str, str]]:
    """The bytes and headers of a POST. `Shopctl-Id` is the event's: the same however often it is sent."""
    content = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    headers = {
        "Content-Type": "application/json",
        "User-Agent": f"shopctl/{__version__}",
        "Shopctl-Id": body["id"],
        "Shopctl-Delivery": delivery_id,
        "Shopctl-Topic": body["topic"],
        "Shopctl-Signature": signed(secret, int(time.time()), content),
    }
    return content, headers
