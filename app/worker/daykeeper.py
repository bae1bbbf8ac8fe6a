"""Daykeeper: keeps what the overview says of the last 24 hours of work."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime

from app.model.metrics import Range, lately
from app.sources.tasks import happened
from app.store.errors import StoreFailed
from app.store.metrics import Asked, Metrics
from app.worker.board import Board

EVERY = 15.0
"""Seconds between two looks: a point of it is an hour."""
FIRST = 3.0
"""Seconds after the start: the first facts come before it."""
_log = logging.getLogger(__name__)


class Daykeeper:
    """One per worker. What it says last stays while the store cannot be read."""

    def __init__(self, board: Board, metrics: Metrics, clock: Callable[[], datetime]) -> None:
        self._board = board
        self._metrics = metrics
        self._clock = clock
        self._failing = False

    async def run(self) -> None:
        """Until the board is stopping. Never raises."""
        stopping, pause = self._board.stopping, FIRST
        while not await happened(stopping, pause):
            await self.look()
            pause = EVERY

    async def look(self) -> None:
        try:
            found = lately(await self._metrics.dashboard(Asked(Range.DAY), self._clock()))
            if found != self._board.lately:
                self._board.lately = found
            self._failing = False
        except StoreFailed:
            pass  # the store says why
        except Exception:
            if not self._failing:
                _log.exception("the last 24 hours could not be summed up")
            self._failing = True
