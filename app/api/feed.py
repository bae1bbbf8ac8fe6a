"""Feed: the server's side of the long poll. A poll is answered when there is news, at the latest after five seconds."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Coroutine, Iterator
from typing import Annotated, Any

import msgspec
from fastapi import Body, Query
from fastapi.exceptions import RequestValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app import __version__
from app.api.gates import Gates
from app.api.shapes import Accepted, WorkerShape
from app.feed.ledger import Ledger
from app.feed.wire import BYE, WIRE, Mark
from app.model.access import Permission
from app.model.snapshot import SECTIONS
from app.worker.board import Board

HOLD = 5.0
"""Seconds for which a poll without news is held."""
SEND_TIMEOUT = 30.0
"""Seconds in which a deck must have taken its answer; then its connection is cut."""
_PIECE = 256 * 1024  # bytes sent at a time
_SMALL = 2000  # rows that are answered in one piece
NAMESPACE = r"^[A-Za-z0-9_-]{0,100}$"
"""What may stand before a bucket's name; empty: nothing does; `auto`: the worker looks for it."""
MEDIA_TYPE = "application/x-ndjson"


def feed(gates: Gates, board: Board) -> None:
    """`GET /api/v1/feed`, `POST /api/v1/refresh`, `POST /api/v1/namespace`, `GET /api/v1/worker`.

    Another namespace changes what everybody sees, so it has a permission of its own.
    """
    ledger = Ledger()

    async def poll(
        request: Request,
        sections: Annotated[str, Query(max_length=500)] = "",
        since: Annotated[str, Query(max_length=100)] = "",
        deck: Annotated[str, Query(pattern=r"^[A-Za-z0-9_-]{0,64}$")] = "",
        look: Annotated[list[str] | None, Query(max_length=64)] = None,
        wait: Annotated[float, Query(ge=0, le=HOLD)] = HOLD,
    ) -> Response:
        asked, mark = _sections(sections), _mark(since)
        if deck:
            board.look(deck, frozenset(look or ()))
        if not await _held(request, _news(board, ledger, mark, asked, wait)):
            return Response(status_code=204)  # nobody is there to read it
        if deck:
            board.heard(deck)
        if board.stopping.is_set():
            return Response(BYE, media_type=MEDIA_TYPE, headers={"connection": "close"})
        zstd = "zstd" in request.headers.get("accept-encoding", "")
        if not zstd and ledger.size(mark, asked) <= _SMALL:
            return Response(ledger.answer(mark, asked), media_type=MEDIA_TYPE)
        return Lines(ledger.lines(mark, asked), zstd=zstd)

    async def refresh() -> Response:
        board.request_refresh()
        return Response(b'{"ok":true}', 202, media_type="application/json")

    async def namespace(namespace: Annotated[str, Body(embed=True, pattern=NAMESPACE)]) -> Response:
        board.choose_namespace(namespace)
        return Response(b'{"ok":true}', 202, media_type="application/json")

    async def worker() -> Response:
        about = {"version": __version__, "wire": WIRE, "fingerprint": dict(board.fingerprint)}
        return Response(msgspec.json.encode(about), media_type="application/json")

    gates.get("/api/v1/feed", Permission.FLEET_READ, poll, media_type=MEDIA_TYPE)
    gates.post("/api/v1/refresh", Permission.FLEET_READ, refresh, answer=Accepted, status=202)
    gates.post("/api/v1/namespace", Permission.FLEET_CHOOSE, namespace, answer=Accepted, status=202)
    gates.get("/api/v1/worker", Permission.FLEET_READ, worker, answer=WorkerShape)


async def _held(request: Request, news: Coroutine[Any, Any, None]) -> bool:
    """Waits for news as long as the deck does; False if it went away."""

    async def leaves() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    waiting, gone = asyncio.create_task(news), asyncio.create_task(leaves())
    try:
        await asyncio.wait([waiting, gone], return_when=asyncio.FIRST_COMPLETED)
        if waiting.done():
            waiting.result()
        return waiting.done()
    finally:
        waiting.cancel()
        gone.cancel()
        await asyncio.gather(waiting, gone, return_exceptions=True)


async def _news(board: Board, ledger: Ledger, mark: Mark | None, sections: frozenset[str], hold: float) -> None:
    """Returns once there is news for this deck, the worker stops, or the time is up."""
    deadline = time.monotonic() + hold
    while not board.stopping.is_set():
        ledger.update(board.snapshot)
        left = deadline - time.monotonic()
        if left <= 0 or ledger.news(mark, sections):
            return
        await board.news(board.snapshot.seq, left)


def _sections(text: str) -> frozenset[str]:
    sections = frozenset(name for name in text.split(",") if name)
    if unknown := sorted(sections - SECTIONS.keys()):
        raise _invalid("sections", f"there is no section {unknown[0][:40]!r}")
    return sections


def _mark(text: str) -> Mark | None:
    if not text:
        return None
    try:
        return Mark.parse(text)
    except ValueError as error:
        raise _invalid("since", str(error)) from None


def _invalid(parameter: str, message: str) -> RequestValidationError:
    return RequestValidationError([{"loc": ("query", parameter), "msg": message, "type": "value_error"}])


class Lines(Response):
    """An answer of many lines, encoded, compressed and sent piece by piece, as fast as its reader takes it."""

    def __init__(self, lines: Iterator[bytes], *, zstd: bool, timeout: float = SEND_TIMEOUT) -> None:
        super().__init__(media_type=MEDIA_TYPE)
        del self.headers["content-length"]
        self._pieces = _compressed(lines) if zstd else _gathered(lines)
        self._timeout = timeout
        if zstd:
            self.headers["content-encoding"] = "zstd"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        try:
            async with asyncio.timeout(self._timeout):
                for piece in self._pieces:
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
                    await asyncio.sleep(0)  # others' turn: encoding a piece takes a few milliseconds
                await send({"type": "http.response.body", "body": b""})
        except TimeoutError:
            if abort := scope.get("state", {}).get("abort"):
                abort()


def _gathered(lines: Iterator[bytes]) -> Iterator[bytes]:
    piece: list[bytes] = []
    size = 0
    for line in lines:
        piece.append(line)
        size += len(line)
        if size >= _PIECE:
            yield b"".join(piece)
            piece, size = [], 0
    if piece:
        yield b"".join(piece)


def _compressed(lines: Iterator[bytes]) -> Iterator[bytes]:
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    compressor = zstd.ZstdCompressor()
    for piece in _gathered(lines):
        if data := compressor.compress(piece):
            yield data
    yield compressor.flush()
