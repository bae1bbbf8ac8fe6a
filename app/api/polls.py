"""Polls: what decks ask all the time, answered before any routing and without what only routes need."""

from __future__ import annotations

import asyncio
import re
import sys
import time
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app import __version__
from app.api.principal import may
from app.feed.ledger import Ledger
from app.feed.wire import BYE, WIRE, Mark
from app.model.access import Permission
from app.model.snapshot import SECTIONS
from app.worker.board import Board

FEED_PATH = "/api/v1/feed"
WORKER_PATH = "/api/v1/worker"
HOLD = 5.0
"""Seconds for which a poll without news is held."""
SEND_TIMEOUT = 30.0
"""Seconds in which a deck must have taken its answer; then its connection is cut."""
SECTIONS_LONGEST = 500
SINCE_LONGEST = 100
DECK = r"^[A-Za-z0-9_-]{0,64}$"
LOOK_MOST = 64
MEDIA_TYPE = "application/x-ndjson"
_PIECE = 256 * 1024  # bytes sent at a time
_SMALL = 2000  # rows that are answered in one piece


@dataclass(frozen=True, slots=True)
class Asked:
    """One poll: for which sections, what was read before (None: nothing), who asks, what they look at, how long."""

    sections: frozenset[str]
    since: Mark | None
    deck: str
    look: frozenset[str]
    wait: float

    @classmethod
    def read(cls, query: bytes) -> Asked | None:
        """A query as decks write it; None for any other, which the routes answer."""
        try:
            given = parse_qs(query.decode("ascii"), keep_blank_values=True, strict_parsing=bool(query), errors="strict")
            look = given.pop("look", [])
            one = {name: value for name, (value,) in given.items()}
            since = one.pop("since", "")
            sections = one.pop("sections", "")
            asked = cls(
                frozenset(name for name in sections.split(",") if name),
                Mark.parse(since) if since else None,
                one.pop("deck", ""),
                frozenset(look),
                float(one.pop("wait", HOLD)),
            )
        except ValueError:
            return None
        fits = (
            not one
            and len(sections) <= SECTIONS_LONGEST
            and len(since) <= SINCE_LONGEST
            and len(look) <= LOOK_MOST
            and asked.sections <= SECTIONS.keys()
            and re.fullmatch(DECK, asked.deck) is not None
            and 0 <= asked.wait <= HOLD
        )
        return asked if fits else None


class Polls:
    """Answers polls from the snapshots of one board. A poll is answered when there is news, at the latest after
    `HOLD` seconds."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._ledger = Ledger()

    async def answer(self, request: Request, asked: Asked) -> Response:
        """What a deck lacks, once there is something."""
        board, ledger, mark, sections = self._board, self._ledger, asked.since, asked.sections
        if asked.deck:
            board.look(asked.deck, asked.look)
        if not await _held(request, _news(board, ledger, mark, sections, asked.wait)):
            return Response(status_code=204)  # nobody is there to read it
        if asked.deck:
            board.heard(asked.deck)
        if board.stopping.is_set():
            return Response(BYE, media_type=MEDIA_TYPE, headers={"connection": "close"})
        zstd = "zstd" in request.headers.get("accept-encoding", "")
        if not zstd and ledger.size(mark, sections) <= _SMALL:
            return Response(ledger.answer(mark, sections), media_type=MEDIA_TYPE)
        return Lines(ledger.lines(mark, sections), zstd=zstd)

    def about(self) -> Response:
        """Who this worker is."""
        about = {"version": __version__, "wire": WIRE, "fingerprint": dict(self._board.fingerprint)}
        return Response(msgspec.json.encode(about), media_type="application/json")


class PollsFirst:
    """Answers polls; passes on everything else, and what is not as decks ask it: the routes say what is wrong."""

    def __init__(self, app: ASGIApp, polls: Polls) -> None:
        self._app = app
        self._polls = polls

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        if scope["method"] == "GET" and path in (FEED_PATH, WORKER_PATH) and may(scope, Permission.FLEET_READ):
            if path == WORKER_PATH:
                scope["state"]["route"] = path
                await self._polls.about()(scope, receive, send)
                return
            if (asked := Asked.read(scope["query_string"])) is not None:
                scope["state"]["route"] = path
                await (await self._polls.answer(Request(scope, receive), asked))(scope, receive, send)
                return
        await self._app(scope, receive, send)


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
