"""Daykeeper: the last 24 hours in short, kept up for every deck; the last word stays while the store is in trouble."""

from __future__ import annotations

import asyncio

import pytest

from app.model.metrics import Lately, Range
from app.store.errors import StoreFailed
from app.store.metrics import Asked
from app.worker import daykeeper
from app.worker.board import Board
from app.worker.daykeeper import Daykeeper
from tests.literal_metrics import dashboard
from tests.literals import NOW


class Metrics:
    """Tells a day; fails as it is told to."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.fails: Exception | None = None

    async def dashboard(self, asked: Asked, now: object) -> object:
        self.asked.append(asked)
        if self.fails is not None:
            raise self.fails
        return dashboard(asked.range)


async def test_a_day_is_told_in_short() -> None:
    board, metrics = Board(), Metrics()
    await Daykeeper(board, metrics, lambda: NOW).look()  # type: ignore[arg-type]
    assert metrics.asked == [Asked(Range.DAY)]
    told = board.lately
    assert (told.tasks, told.throughput, told.error_rate_pct) == (1289, 298, 4.1)
    assert len(told.hours) == len(told.errors) == 25
    assert None in told.errors  # hours in which nothing happened are not told to be well


@pytest.mark.parametrize("fault", [StoreFailed("full"), RuntimeError("a defect")])
async def test_the_last_word_stays_while_it_cannot_be_read(fault: Exception) -> None:
    board, metrics = Board(), Metrics()
    keeper = Daykeeper(board, metrics, lambda: NOW)  # type: ignore[arg-type]
    await keeper.look()
    told, metrics.fails = board.lately, fault
    await keeper.look()
    assert board.lately is told
    assert told != Lately()


async def test_it_ends_with_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daykeeper, "FIRST", 0.01)
    monkeypatch.setattr(daykeeper, "EVERY", 0.01)
    board, metrics = Board(), Metrics()
    running = asyncio.create_task(Daykeeper(board, metrics, lambda: NOW).run())  # type: ignore[arg-type]
    async with asyncio.timeout(10):
        while len(metrics.asked) < 3:
            await asyncio.sleep(0.01)
        board.stop()
        await running
