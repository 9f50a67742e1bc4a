"""What the payment gateway tells of its own accord. It has no API key: its signature is what it is known by."""

from __future__ import annotations

from anyio import to_thread
from fastapi import APIRouter, Request
from fastapi.responses import Response

from shopctl import core
from shopctl.core.errors import StillPending
from shopctl.core.notices import Heard
from shopctl.gateway.answers import answer, documented, errors, failed

router = APIRouter(prefix="/v1", tags=["payments"], responses=errors(400, 403, 408, 409, 413, 431, 503, 504))


@router.post("/payments/notices", **documented(Heard))
async def notice(request: Request) -> Response:
    """A notice, as the payment gateway signed it. Anything but 200 asks for it once more."""
    return await to_thread.run_sync(_heed, request, await request.body())


def _heed(request: Request, body: bytes) -> Response:
    shop = request.app.state.shop.but(request_id=request.state.request_id, effort=request.state.effort)
    header = getattr(shop.gateway, "signature_header", "")
    try:
        return answer(core.notices.heed(shop, body=body, signature=request.headers.get(header, "")))
    except StillPending as error:  # a 202 would mean that it has arrived
        return failed(request, error, 503)
