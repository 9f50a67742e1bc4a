"""What comes back: the core's facts as `-o json` prints them, and its errors with a status of HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from shopctl.core.domain.wire import encoded, error_record, plain
from shopctl.core.errors import (
    BadInput,
    NotFound,
    NotPermitted,
    Refused,
    ShopError,
    StillPending,
    StoreUnusable,
    TimedOut,
    Unavailable,
    meaning_of,
)
from shopctl.gateway.models import model_of, page_of

RETRY_SECONDS = 1
"""When to come back after what passes by itself."""
_BY_KIND: Mapping[type[ShopError], int] = {
    BadInput: 422,
    NotFound: 404,
    Refused: 409,
    NotPermitted: 403,
    StillPending: 202,
    Unavailable: 503,
    StoreUnusable: 503,
    TimedOut: 504,
}
_BY_CODE: Mapping[str, int] = {
    "bad_json": 400,
    "body_ambiguous": 400,
    "api_key_missing": 401,
    "bad_api_key": 401,
    "token_missing": 401,
    "bad_token": 401,
    "wrong_password": 401,
    "payment_declined": 402,
    "no_such_path": 404,
    "no_such_method": 405,
    "body_too_slow": 408,
    "body_too_large": 413,
    "rate_limited": 429,
    "head_too_large": 431,
    "overloaded": 503,
}
MEANINGS: Mapping[int, str] = {
    202: "Accepted, and not decided yet: the shopper has to act (`details.url`), or somebody does not answer. Repeat it with the same key.",
    400: "The body is no JSON that can be used, or it is not clear where it ends.",
    401: "Whoever asks has not said who they are, or not truly.",
    402: "The payment was declined.",
    403: "The key or the shopper may not do that.",
    404: "There is no such thing, or it is not theirs.",
    405: "Not with this method.",
    408: "The body did not come in time.",
    409: "A rule of the shop says no.",
    413: "The body is too large.",
    422: "A value cannot be used.",
    429: "Too often: come back after `Retry-After` seconds.",
    431: "The path and the headers are too large.",
    503: "Somebody it needs is away; a retry after `Retry-After` seconds is safe.",
    504: "It took too long; a retry is safe, an order is repeated with its key.",
}


class Problem(BaseModel):
    """What is wrong: a word for programs, a sentence for people, what to do next, and facts."""

    code: str
    message: str
    hint: str | None
    details: dict[str, Any]


class Error(BaseModel):
    error: Problem = Field(description="As the command line prints it with `-o json`.")


def answer(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Facts of the core as JSON."""
    return Response(encoded(plain(value)), status, headers, media_type="application/json")


def keyed(tag: str) -> APIRouter:
    """A router for callers with an API key, with what any of its routes may answer."""
    return APIRouter(prefix="/v1", tags=[tag], responses=errors(400, 401, 403, 408, 413, 422, 429, 431, 503, 504))


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """These statuses as they are documented."""
    return {status: {"model": Error, "description": MEANINGS[status]} for status in statuses}


def documented(
    kind: type | None,
    *more: int,
    status: int = 200,
    page: bool = False,
    many: bool = False,
    text: str | None = None,
) -> dict[str, Any]:
    """What a route answers, for its decorator: the schema of its facts (one, many, or a page) or a kind of `text`, and `more`
    errors."""
    responses = errors(*more)
    if kind is not None:
        model: Any = page_of(kind) if page else model_of(kind)
        responses[status] = {"model": list[model] if many else model, "description": "Done."}
    if text:
        responses[status] = {"content": {text: {"schema": {"type": "string"}}}, "description": "Done."}
    nothing = kind is None  # of which FastAPI would say that it is JSON
    return {"responses": responses, "status_code": status, "response_model": None} | (
        {"response_class": Response} if nothing else {}
    )


def status_of(error: ShopError) -> int:
    """The HTTP status of an error: by its code, else by its kind."""
    if error.code in _BY_CODE:
        return _BY_CODE[error.code]
    return next((status for kind, status in _BY_KIND.items() if isinstance(error, kind)), 500)


def told(error: ShopError, status: int | None = None) -> Response:
    """An error as an answer."""
    status = status or status_of(error)
    headers = {}
    if status in (202, 429, 503, 504):
        headers["Retry-After"] = str(error.details.get("retry_after", RETRY_SECONDS))
    if error.code == "body_ambiguous":
        headers["Connection"] = "close"  # what comes next may be a part of it
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return answer({"error": error_record(error)}, status, headers)


def failed(request: Request, error: ShopError, status: int | None = None) -> Response:
    """The same, noted for the log."""
    request.state.failure = error
    return told(error, status)


# --- what the application does with exceptions ---------------------------------------------------------------------
async def of_shop(request: Request, error: Exception) -> Response:
    assert isinstance(error, ShopError)
    return failed(request, error)


async def of_values(request: Request, error: Exception) -> Response:
    """What pydantic has to say, in our words' shape: the first problem is the message, all of them are details."""
    assert isinstance(error, RequestValidationError)
    found = [{"field": _where(one["loc"]), "problem": str(one["msg"])} for one in error.errors()]
    if any(one["type"] == "json_invalid" for one in error.errors()):
        return failed(request, bad_json("is no JSON"))
    first = found[0]
    return failed(
        request, BadInput("bad_value", f"{first['field']}: {first['problem']}", field=first["field"], problems=found)
    )


async def of_http(request: Request, error: Exception) -> Response:
    """A path or a method that there is not."""
    assert isinstance(error, HTTPException)
    path = request.url.path
    if error.status_code == 405:
        made = failed(request, BadInput("no_such_method", f"{path} has no {request.method}"))
        made.headers["Allow"] = ", ".join(sorted(_methods(request)))
        return made
    if error.status_code == 404:
        return failed(request, NotFound("no_such_path", f"There is no {path}", hint="See /docs."))
    return failed(request, bad_json("cannot be read"))


async def of_defect(request: Request, error: Exception) -> Response:
    """The last resort; what the client sent is never the reason, or it is a defect of ours."""
    return failed(request, meaning_of(error) or ShopError("unexpected", f"Unexpected {type(error).__name__}"))


def _methods(request: Request) -> set[str]:
    """What a path can be asked with, by whichever of the routes that have it."""
    found = (route for route in request.app.state.routes if route.path_regex.match(request.scope["path"]))
    return {method for route in found for method in route.methods}


def bad_json(what: str) -> BadInput:
    return BadInput("bad_json", f"The body {what}")


def _where(parts: Any) -> str:
    """The name of a field as a caller has it: without where FastAPI looked for it."""
    named = [str(part) for part in parts if part not in ("body", "query", "path", "header")]
    return ".".join(named) or "body"
