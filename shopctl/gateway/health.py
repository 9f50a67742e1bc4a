"""Does it live, can it sell, and its numbers."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, Response
from pydantic import BaseModel

from shopctl import core
from shopctl.core.domain.prometheus import exposition
from shopctl.core.errors import ShopError
from shopctl.gateway import answers
from shopctl.gateway.callers import Operator

router = APIRouter(tags=["health"])


class Health(BaseModel):
    status: str


@router.get("/healthz", response_model=Health)
async def live() -> dict[str, str]:
    """The process answers."""
    return {"status": "live"}


@router.get("/readyz", response_model=Health, responses=answers.errors(503))
def ready(request: Request) -> Response:
    """The store can be reached, its schema is right, and the shop is not paused."""
    try:
        core.store.ready(request.app.state.shop)
    except ShopError as error:
        return answers.failed(request, error, 503)
    return answers.answer({"status": "ready"})


@router.get("/metrics", **answers.documented(None, 401, 403, 429, 503, 504, text="text/plain"))
def metrics(caller: Operator) -> Response:
    """The shop in numbers, for Prometheus (text format 0.0.4)."""
    text = "".join(exposition(core.metrics.read(caller.shop)))
    return PlainTextResponse(text, media_type="text/plain; version=0.0.4")
