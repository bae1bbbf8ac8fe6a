"""Upkeep: what the store needs done from time to time, when nothing more urgent is."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import date, datetime

from app.model.sessions import IntakeState
from app.sources.tasks import happened
from app.store.errors import StoreFailed
from app.store.store import Store
from app.worker.board import Board

LOOK_EVERY = 1.0
STEP_EVERY = 20.0
"""Seconds until it is looked again for what is no longer kept, once a step of its removal has found nothing."""
AGAIN = 60.0
"""Seconds until something that failed is tried again."""
_log = logging.getLogger(__name__)


class Upkeep:
    """One per worker: daily scores after the first catching up and at each midnight in UTC, removal of what is too old,
    and a look at the sums of days after a worker that was killed."""

    def __init__(self, board: Board, store: Store, *, clock: Callable[[], datetime]) -> None:
        self._board = board
        self._store = store
        self._clock = clock
        self._verified = False
        self._scored: date | None = None
        self._next_step = 0.0  # on the event loop's clock
        self._not_before: dict[str, float] = {}

    async def run(self) -> None:
        """Until the board is stopping. Never raises."""
        stopping = self._board.stopping
        while not stopping.is_set():
            await self._turn()
            await happened(stopping, LOOK_EVERY)

    async def _turn(self) -> None:
        intake, now = self._board.intake, self._clock()
        if self._store.full:  # what is too old takes room
            await self._remove_now_and_then()
        elif self._store.trouble or intake.state is IntakeState.WAITING or intake.pending:
            return
        elif self._store.unclean and not self._verified:
            self._verified = await self._done("the sums of days", self._verify)
        elif self._scored != now.date() and await self._done("the scores of the days", self._keep_scores):
            self._scored = now.date()
        else:
            await self._remove_now_and_then()

    async def _remove_now_and_then(self) -> None:
        now = asyncio.get_running_loop().time()
        if now >= self._next_step:
            self._next_step = now + STEP_EVERY
            await self._done("what is too old", self._remove)

    async def _verify(self) -> None:
        wrong = await self._store.intake.verify()
        if wrong:
            _log.warning("%d sums of days are not those of their sessions (%s): summed up anew", len(wrong), wrong[0])
            await self._store.intake.repair()

    async def _keep_scores(self) -> None:
        now = self._clock()
        await self._store.scores.fill(now)
        await self._store.scores.keep_today(now)

    async def _remove(self) -> None:
        if await self._store.retention.step(self._clock()):
            self._next_step = 0.0

    async def _done(self, what: str, work: Callable[[], Awaitable[None]]) -> bool:
        """Whether it was done; what fails is tried again later."""
        clock = asyncio.get_running_loop().time()
        if clock < self._not_before.get(what, 0.0):
            return False
        try:
            await work()
        except StoreFailed as failed:
            _log.warning("%s: not looked after: %s", what, failed)
        except Exception:
            _log.exception("%s: not looked after", what)
        else:
            return True
        self._not_before[what] = clock + AGAIN
        return False
