"""Front: what both servers serve. Decks are answered at once; the routes, dear to import, are made a little later."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from typing import TYPE_CHECKING

from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.guard import BodyLimit, Envelope
from app.api.polls import Polls, PollsFirst
from app.api.principal import Owner
from app.worker.board import Board

if TYPE_CHECKING:
    from app.api.application import Application

PATIENCE = 1.0
"""Seconds after which the routes are made, if neither a request nor the first collection came before."""
_COUNTED_LATER = 1000
_log = logging.getLogger(__name__)


class Front:
    """The applications of one worker, for its own socket and for TCP."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._polls = Polls(board)
        self._making: asyncio.Task[Application] | None = None
        self._application: Application | None = None
        self._answers: deque[tuple[Scope, int, float]] = deque(maxlen=_COUNTED_LATER)  # that nobody has counted yet

    def socket(self) -> ASGIApp:
        """For a Unix socket that only the owner can reach."""
        routes = _Late(self.routes, lambda application: application.inner)
        return Envelope(Owner(BodyLimit(PollsFirst(routes, self._polls))), self._count)

    def tcp(self, allowed_hosts: Collection[str], origins: Collection[str] = ()) -> ASGIApp:
        """For TCP; see `Application.tcp`."""
        return _Late(self.routes, lambda application: application.tcp(allowed_hosts, origins=origins))

    async def prepare(self) -> None:
        """Makes the routes once the first collection is done, which decks wait for."""
        board, loop = self._board, asyncio.get_running_loop()
        deadline = loop.time() + PATIENCE
        while not board.collected and (left := deadline - loop.time()) > 0 and not board.stopping.is_set():
            await board.news(board.snapshot.seq, left)
        if not board.stopping.is_set():
            with suppress(Exception):  # told where it happened; who asks for a route hears of it
                await self.routes()

    async def end(self) -> None:
        """Waits no longer for what is being made."""
        if self._making is not None:
            self._making.cancel()
            await asyncio.wait([self._making])

    async def routes(self) -> Application:
        """All routes. They are imported and made in a thread, once; who asks meanwhile waits."""
        if self._making is None:
            self._making = asyncio.create_task(self._make())
        return await asyncio.shield(self._making)

    async def _make(self) -> Application:
        def made() -> Application:
            from app.api.application import Application

            return Application(self._board, self._polls)

        try:
            self._application = application = await asyncio.to_thread(made)
        except Exception:
            _log.exception("the routes could not be made")
            raise
        while self._answers:
            application.metrics.count(*self._answers.popleft())
        return application

    def _count(self, scope: Scope, status: int, seconds: float) -> None:
        if self._application is None:
            self._answers.append((scope, status, seconds))
        else:
            self._application.metrics.count(scope, status, seconds)


class _Late:
    """An application that is one of several that are made together."""

    def __init__(self, routes: Callable[[], Awaitable[Application]], choose: Callable[[Application], ASGIApp]) -> None:
        self._routes = routes
        self._choose = choose
        self._app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._app is None:
            self._app = self._choose(await self._routes())
        await self._app(scope, receive, send)
