"""Health: OSAPI's health endpoints. The status of the whole is rendered once for each snapshot and served as bytes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.behind import store_of
from app.api.causes import Causes, causes_now, not_ready
from app.api.gates import Gates
from app.api.principal import may
from app.api.shapes import HealthBody, ReadyBody, StatusBody
from app.api.status import status_of
from app.model.access import Permission
from app.worker.board import Board

STATUS_PATH = "/api/health/status"
LOOK_EVERY = 0.1
"""Seconds between two looks at what changes without a snapshot: whether collector and store still turn."""
_READS = ("GET", "HEAD")
_LARGE = 500  # rows that are rendered aside of the event loop


class Page:
    """One rendering: the status and the bytes of a snapshot and of what stood beside it."""

    __slots__ = ("body", "causes", "shown", "start", "status")

    def __init__(self, shown: tuple[object, ...], causes: Causes, status: int, body: bytes) -> None:
        self.shown = shown
        self.causes = causes
        self.status = status
        self.body = body
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        self.start = {"type": "http.response.start", "status": status, "headers": headers}


class StatusPages:
    """The status of a board, rendered when somebody first asks for what the board shows then."""

    def __init__(self, board: Board, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._board = board
        self._clock = clock
        self._began = clock()
        self._page: Page | None = None
        self._looked = -LOOK_EVERY
        self._coming: tuple[tuple[object, ...], asyncio.Future[Page]] | None = None

    async def page(self) -> Page:
        """The page of now. Many who ask at once wait for one rendering."""
        board, page, now = self._board, self._page, time.monotonic()
        store = store_of(board)
        shown = (board.snapshot, board.unreachable, store.trouble if store is not None else None)
        if page is not None and now - self._looked < LOOK_EVERY and page.shown == shown:
            return page
        self._looked = now
        causes, snapshot = causes_now(board), board.snapshot
        made_of = (shown, causes)
        if page is not None and (page.shown, page.causes) == made_of:
            return page
        kept = "disabled" if store is None else causes.store or "ok"
        uptime = self._clock() - self._began

        def render() -> Page:
            now = snapshot.at or datetime.now(UTC)
            status = status_of(snapshot, causes, now=now, uptime=uptime, store=kept)
            return Page(shown, causes, 200 if status.ok else 503, msgspec.json.encode(status.body))

        if len(snapshot.agents) + len(snapshot.consumers) + len(snapshot.components) < _LARGE:
            self._page = render()
            return self._page
        if self._coming is None or self._coming[0] != made_of:
            self._coming = (made_of, asyncio.ensure_future(asyncio.to_thread(render)))
        self._page = page = await asyncio.shield(self._coming[1])
        return page


class StatusFirst:
    """Answers for the status before any routing: monitors ask for it all the time. The rest is passed on."""

    def __init__(self, app: ASGIApp, pages: StatusPages) -> None:
        self._app = app
        self._pages = pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] != STATUS_PATH or scope["method"] not in _READS or not may(scope, Permission.HEALTH_READ):
            await self._app(scope, receive, send)
            return
        scope["state"]["route"] = STATUS_PATH
        page = await self._pages.page()
        await send(page.start)
        await send({"type": "http.response.body", "body": page.body})


def health(gates: Gates, board: Board, pages: StatusPages) -> None:
    """`/api/health`, `/api/health/ready` for everybody; `/api/health/status` for those who may."""

    async def alive() -> Response:
        return Response(b'{"status":"ok"}', media_type="application/json")

    async def ready() -> Response:
        causes = not_ready(board)
        if not causes:
            return Response(b'{"status":"ready"}', media_type="application/json")
        body = msgspec.json.encode({"status": "not_ready", "error": "\n".join(causes)})
        return Response(body, 503, media_type="application/json")

    async def status(request: Request) -> Response:
        page = await pages.page()
        return Response(page.body, page.status, media_type="application/json")

    gates.open("/api/health", alive, answer=HealthBody)
    gates.open("/api/health/ready", ready, answer=ReadyBody, bodies={503: ReadyBody})
    gates.get(STATUS_PATH, Permission.HEALTH_READ, status, head=True, answer=StatusBody, bodies={503: StatusBody})
