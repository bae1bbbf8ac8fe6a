"""Errors: the one body that every refusal has, readable by the clients of each system that it stands in for."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from app.api.refusals import Details, error_body


class Fault(BaseModel):
    """One thing that is wrong with a request: where, and what."""

    path: str
    message: str


class ErrorBody(BaseModel):
    """The body of every refusal. The same is said in each of the ways that clients look for it."""

    error: str
    details: str | list[Fault]
    code: int
    status: int
    detail: str | list[Fault]
    request_id: str


def phrase(status: int) -> str:
    """The status in words."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"


def error_response(
    request: Request, status: int, error: str, details: Details = "", headers: Mapping[str, str] | None = None
) -> Response:
    """The body as an answer to `request`."""
    body = error_body(status, error, details, request.scope.get("state", {}).get("request_id", ""))
    return Response(body, status, headers=dict(headers or {}), media_type="application/json")


async def on_http_exception(request: Request, error: Exception) -> Response:
    """What routing and endpoints refuse: 404, 405 and the like."""
    if not isinstance(error, HTTPException):
        raise error
    return error_response(request, error.status_code, str(error.detail), headers=error.headers)


async def on_invalid(request: Request, error: Exception) -> Response:
    """Wrong parameters: 422 under `/api/v1/`, 400 elsewhere."""
    if not isinstance(error, RequestValidationError):
        raise error
    details = [
        {"path": ".".join(map(str, fault.get("loc", ()))), "message": str(fault.get("msg", ""))}
        for fault in error.errors()
    ]
    status = 422 if request.url.path.startswith("/api/v1/") else 400
    return error_response(request, status, "the request is not valid", details)


async def on_crash(request: Request, error: Exception) -> Response:
    """A fault of ours: nothing of it is shown, it is in the log."""
    return error_response(request, 500, phrase(500))
