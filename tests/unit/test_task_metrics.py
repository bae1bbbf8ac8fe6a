"""Metrics of tasks are what a plain reading of their definitions gives, whatever came in whatever order."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.model.metrics import Compared, Dashboard, Range, Series
from app.model.taskhistory import TaskEvent
from app.model.tasks import TaskStatus
from app.model.taskwords import TaskWord, named
from app.store.metrics import Asked
from app.store.store import Store
from tests.taskreading import Happened, History, Reading, histories

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 3, 31, 23, 59, 59, 1000, tzinfo=UTC)  # the end of a month, days after clocks went forward
HOUR, DAY = 3_600_000, 86_400_000
STATUSES = [status.value for status in TaskStatus]
JOB_EVENTS = ["submitted", "acknowledged", "started", "completed", "failed", "skipped", "retried"]


def ms(at: datetime) -> int:
    return (at - EPOCH) // timedelta(milliseconds=1)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = Store.open("", tmp_path, clock=lambda: NOW)
    yield store
    await store.close()


def said(task: str, at: int, status: str, *, failed: bool = False, mark: int = 7, **more: Any) -> TaskWord:
    """What a task event says."""
    event = TaskEvent(at, mark, status, more.pop("who", "coder"), failed)
    board, group = more.pop("board", ""), more.pop("group", "")
    return TaskWord(
        task, (event,), f"{at:015d}{mark:015d}", more.pop("title", ""), named("board", board) if board else None,
        named("group", group) if group else None,
    )  # fmt: skip


def compare(found: Dashboard, reading: Reading) -> None:
    def points(series: Compared, which: int) -> list[tuple[datetime, float]]:
        return [(point.period, point.value) for point in (series.primary, series.comparison)[which]]

    for which, figures in enumerate((found.figures, found.before)):
        begins, ends = reading.windows[which]
        for got, wanted in (
            (points(found.throughput, which), reading.throughput(which)),
            (points(found.cycle_time, which), reading.cycle_time(which)),
            (points(found.error_rate, which), reading.error_rate(which)),
        ):
            assert [name for name, _ in got] == [name for name, _ in wanted]
            assert [value for _, value in got] == pytest.approx([value for _, value in wanted])
        work = (found.work.primary, found.work.comparison)[which]
        got_work = [(each.period, each.inbox, each.in_progress, each.review, each.done) for each in work]
        assert got_work == reading.work(which)
        stand = (figures.inbox_tasks, figures.in_progress_tasks, figures.review_tasks, figures.done_tasks)
        assert stand == reading.standing(ends)
        assert figures.error_rate_pct == pytest.approx(reading.rate(begins, ends))
        assert figures.throughput == sum(value for _, value in reading.throughput(which))
        median = reading.median(which)
        assert figures.median_cycle_time_hours_7d == (None if median is None else pytest.approx(median))


# -- random histories --------------------------------------------------------------------------------------------------
def _edges() -> list[int]:
    """Instants at which something may be decided: edges of every range, and beginnings of buckets near them."""
    now = ms(NOW)
    found = {now}
    for range in Range:
        length = range.length // timedelta(milliseconds=1)
        found |= {now - length, now - 2 * length}
    found |= {at - at % HOUR for at in set(found)} | {at - at % DAY for at in set(found)} | {now - 7 * DAY}
    return sorted(found)


times = st.one_of(
    st.builds(lambda edge, by: edge + by, st.sampled_from(_edges()), st.integers(-2, 2)),
    st.integers(ms(NOW) - 735 * DAY, ms(NOW) + DAY),
    st.integers(ms(NOW) - 2 * DAY, ms(NOW)),
)
task_words = st.builds(
    said,
    st.sampled_from(["t1", "t2", "t3"]),
    times,
    st.sampled_from(STATUSES),
    failed=st.booleans(),
    mark=st.integers(0, 3),
    board=st.sampled_from(["", "web", "ops"]),
    group=st.sampled_from(["", "query"]),
)


happenings = st.lists(
    st.tuples(st.sampled_from(JOB_EVENTS), st.sampled_from(["", "web-01", "web-02"]), st.integers(0, 3)), max_size=6
)


@st.composite
def job_words(draw: st.DrawFn) -> TaskWord:
    id = draw(st.sampled_from(["j1", "j2"]))
    began, unit = draw(times), draw(st.sampled_from([1, 1000, HOUR]))
    events = [
        TaskEvent(began + after * unit, number, what, host, what == "failed")
        for number, (what, host, after) in enumerate(draw(happenings))
    ]
    created = TaskEvent(began, 100, "created")
    return TaskWord(id, (created, *events), "1", id, named("board", "node"), named("group", "modify"), id)


words = st.lists(st.one_of(task_words, job_words()), max_size=14)


def unique(given: Sequence[TaskWord]) -> list[TaskWord]:
    """What can be: an instant and a mark stand for one event of a task, and rank for one word."""
    seen: dict[tuple[str, int, int], TaskWord] = {}
    kept = []
    for word in given:
        keys = [(word.id, *event.key) for event in word.events]
        if not any(key in seen for key in keys) and len(set(keys)) == len(keys):
            seen.update(dict.fromkeys(keys, word))
            kept.append(word)
    return kept


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(words, st.sampled_from(list(Range)), st.randoms(use_true_random=False), st.sampled_from(["", "web", "node"]))
def test_any_history_in_any_order_gives_what_the_definitions_say(
    given: list[TaskWord], range: Range, rng: random.Random, board: str
) -> None:
    told = unique(given)
    arrivals = [*told, *rng.sample(told, len(told) // 2)]  # some of it twice
    rng.shuffle(arrivals)

    async def run(folder: Path) -> None:
        store = Store.open("", folder, clock=lambda: NOW)
        try:
            for part in _parts(arrivals, rng):
                await store.metrics.take(part)
            assert await store.metrics.verify() == []
            for named_board in {"", board}:
                id = named("board", named_board).id if named_board else ""
                found = await store.metrics.dashboard(Asked(range, id), NOW)
                compare(found, Reading(histories(told, EPOCH), range, NOW, named_board))
                await behind(store, found, Asked(range, id), Reading(histories(told, EPOCH), range, NOW, named_board))
        finally:
            await store.close()

    with TemporaryDirectory() as folder:
        asyncio.run(run(Path(folder)))


async def behind(store: Store, found: Dashboard, asked: Asked, reading: Reading) -> None:
    """As many tasks stand behind a point as it is made of."""
    for name, begins, ends in list(reading.buckets(0))[-3:]:

        def during(history: History, begins: datetime = begins, ends: datetime = ends) -> list[Happened]:
            return [each for each in history.all if begins <= each.at <= ends]

        handed_in = [each for each in reading.told if any(one.hours is not None for one in during(each))]
        failed = [each for each in reading.told if any(one.failed for one in during(each))]
        at_work = [
            each
            for each in reading.told
            if each.status_at(ends) not in (None, TaskStatus.DONE)
            or any(one.after is TaskStatus.DONE is not one.before for one in during(each))
        ]
        wanted = {Series.THROUGHPUT: handed_in, Series.ERROR_RATE: failed, Series.WORK: at_work}
        for series, tasks in wanted.items():
            listed = await store.metrics.tasks(asked, NOW, series, name, 500)
            assert listed.total == len(listed.tasks) == len(tasks), (series, name)


def _parts(arrivals: Sequence[TaskWord], rng: random.Random) -> Iterator[Sequence[TaskWord]]:
    at = 0
    while at < len(arrivals):
        size = rng.randint(1, 4)
        yield arrivals[at : at + size]
        at += size
