"""The applications: one for the worker's own socket, one for TCP."""

from __future__ import annotations

from collections.abc import Collection

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from app.api.errors import on_crash, on_http_exception, on_invalid
from app.api.feed import feed
from app.api.guard import BodyLimit, Envelope, HostGuard, Owner
from app.api.probes import probes
from app.worker.board import Board


def socket_application(board: Board) -> ASGIApp:
    """For a Unix socket that only the owner can reach: probes, feed, refresh, and who this worker is."""
    inner = _bare()
    inner.include_router(probes(board))
    inner.include_router(feed(board))
    return Owner(Envelope(BodyLimit(inner)))


def tcp_application(board: Board, allowed_hosts: Collection[str]) -> ASGIApp:
    """For TCP: the probes, and nothing else."""
    inner = _bare()
    inner.include_router(probes(board))
    return Envelope(HostGuard(BodyLimit(inner), allowed_hosts))


def _bare() -> FastAPI:
    """Without pages of documentation: FastAPI's load their scripts from elsewhere."""
    return FastAPI(
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        exception_handlers={
            HTTPException: on_http_exception,
            RequestValidationError: on_invalid,
            Exception: on_crash,
        },
    )
