"""Metrics of tasks are what a plain reading of their definitions gives, whatever came in whatever order."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from app.model.metrics import Compared, Dashboard, Range, Series
from app.model.sessions import SessionEvent
from app.model.taskhistory import TaskEvent
from app.model.tasks import TaskStatus
from app.model.taskwords import TaskWord, named
from app.store import dashboards, metrics, taskretention
from app.store.intake import Arrived, Origin
from app.store.metrics import Asked
from app.store.store import Store
from tests.taskreading import Happened, History, Reading, histories

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 3, 31, 23, 59, 59, 1000, tzinfo=UTC)  # the end of a month, days after clocks went forward
HOUR, DAY = 3_600_000, 86_400_000
PHASES = (Phase.explicit, Phase.reuse, Phase.generate)
"""Without shrinking: each example makes a store on disk."""
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


@settings(max_examples=30, deadline=None, phases=PHASES, suppress_health_check=list(HealthCheck))
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


# -- walks -------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("range", list(Range))
@pytest.mark.parametrize(
    "now",
    [
        datetime(2024, 3, 31, 23, 59, 59, tzinfo=UTC),  # a month's end; clocks went forward in the night before
        datetime(2026, 10, 25, 1, 0, tzinfo=UTC),  # clocks go back at this very instant
        datetime(2026, 3, 1, 0, 0, tzinfo=UTC),  # the beginning of a month, a day and an hour
        datetime(2026, 1, 5, 0, 0, tzinfo=UTC),  # of a week
        NOW,
    ],
)
async def test_a_walk_is_told_right_at_every_edge(store: Store, range: Range, now: datetime) -> None:
    """Handed in exactly at an edge of a window, a millisecond before it, and a millisecond after it."""
    edges = {"now": now, "primary": now - range.length, "comparison": now - 2 * range.length}
    told = []
    for name, edge in edges.items():
        for by in (-1, 0, 1):
            at = ms(edge) + by
            walk = [("inbox", at - 5 * HOUR), ("in_progress", at - 3 * HOUR), ("review", at), ("done", at + 2 * HOUR)]
            told += [said(f"{name}{by}", when, status) for status, when in walk]
    random.Random(3).shuffle(told)
    await store.metrics.take(told)
    found = await store.metrics.dashboard(Asked(range), now)
    compare(found, Reading(histories(told, EPOCH), range, now))
    # at both ends inclusive: before now and at it, at the first edge and after it; the middle edge is of both
    assert (found.figures.throughput, found.before.throughput) == (4, 4)
    assert found.figures.cycle_time_hours == found.figures.median_cycle_time_hours_7d == 3.0
    lengths = len(found.throughput.primary), len(found.throughput.comparison)
    assert max(lengths) - min(lengths) <= 1
    assert len(found.work.primary) == len(found.error_rate.primary) == lengths[0]


@pytest.mark.parametrize(
    ("range", "count"),
    [("24h", 25), ("3d", 4), ("7d", 8), ("14d", 15), ("1m", 31), ("3m", 13), ("6m", 26), ("1y", 12)],
)
async def test_so_many_buckets_as_mission_control_tells(store: Store, range: str, count: int) -> None:
    now = datetime(2024, 3, 31, 23, 59, 59, tzinfo=UTC)  # a Sunday
    found = await store.metrics.dashboard(Asked(Range(range)), now)
    assert len(found.throughput.primary) == count
    later = await store.metrics.dashboard(Asked(Range(range), board="none"), now + timedelta(days=1))
    assert len(later.throughput.primary) == {"3m": 14, "6m": 27, "1y": 13}.get(range, count)


async def test_the_median_is_between_the_middle_two(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for number, hours in enumerate((1, 2, 4, 100)):
        at = ms(NOW) - number * HOUR
        await store.metrics.take([said(f"t{number}", at - hours * HOUR, "in_progress"), said(f"t{number}", at, "done")])
    told = await store.metrics.dashboard(Asked(Range.DAY), NOW)
    assert (told.figures.median_cycle_time_hours_7d, told.figures.cycle_time_hours) == (3.0, 107 / 4)
    assert told.before.median_cycle_time_hours_7d is None
    monkeypatch.setattr(dashboards, "_FEW", 3)  # where there are too many to sort them here
    again = await store.metrics.dashboard(Asked(Range.WEEK), NOW)
    assert again.figures.median_cycle_time_hours_7d == 3.0


async def test_a_task_that_moves_to_another_board_takes_its_past_along(store: Store) -> None:
    at = ms(NOW)
    await store.metrics.take([said("t", at - 5 * HOUR, "in_progress", board="web", title="first")])
    await store.metrics.take([said("t", at - 3 * HOUR, "done", board="ops", group="query", title="second")])
    await store.metrics.take([said("t", at - 4 * HOUR, "review", board="web")])  # late
    assert await store.metrics.verify() == []
    web, ops = (Asked(Range.DAY, named("board", name).id) for name in ("web", "ops"))
    assert (await store.metrics.dashboard(web, NOW)).figures.throughput == 0
    assert (await store.metrics.dashboard(ops, NOW)).figures.throughput == 1
    (task,) = (await store.metrics.tasks(ops, NOW, None, None, 10)).tasks
    assert (task.title, task.board, task.group, task.status) == ("second", "ops", "query", TaskStatus.DONE)
    assert (await store.metrics.tasks(web, NOW, None, None, 10)).total == 0


async def test_what_is_dear_is_not_worked_out_all_the_time(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    await store.metrics.take([said("t1", ms(NOW) - HOUR, "inbox")])
    monkeypatch.setattr(metrics, "REST", 1e4)
    first = await store.metrics.dashboard(Asked(Range.DAY), NOW)
    assert await store.metrics.dashboard(Asked(Range.DAY), NOW + timedelta(seconds=1)) is first
    assert await store.metrics.dashboard(Asked(Range.DAY), NOW - timedelta(seconds=1)) is not first
    await store.metrics.take([said("t2", ms(NOW) - HOUR, "inbox")])
    monkeypatch.setattr(metrics, "DEAR", 0.0)
    dear = await store.metrics.dashboard(Asked(Range.DAY), NOW)
    assert dear.figures.inbox_tasks == 2
    await store.metrics.take([said("t3", ms(NOW) - HOUR, "inbox")])
    assert await store.metrics.dashboard(Asked(Range.DAY), NOW) is dear


# -- what session events say -------------------------------------------------------------------------------------------
def task_event(session: str, at: int, status: str, **more: Any) -> SessionEvent:
    data = {"taskId": "t1", "status": status, **more}
    return SessionEvent(session, "planner", "custom", "info", at, {"type": "task", "data": data})


async def test_task_events_come_with_their_sessions_each_once_in_any_order(store: Store) -> None:
    at = ms(NOW)
    origin = Origin("SESSIONS", "2026-01-01T00:00:00Z")
    events = [
        task_event("one", at - 5 * HOUR, "inbox", title="Fix it", boardId="web"),
        task_event("two", at - 4 * HOUR, "in_progress", agentId="coder"),
        task_event("one", at - HOUR, "review", agentId="coder"),
    ]
    arrived = [Arrived(event, seq, 0) for seq, event in enumerate(events, 1)]
    for batch in ([arrived[2]], [arrived[0], arrived[2]], arrived):
        await store.intake.take(batch, origin=origin)
    assert store.intake.tasks == 3
    told = await store.metrics.dashboard(Asked(Range.DAY), NOW)
    assert (told.figures.throughput, told.figures.cycle_time_hours, told.figures.active_agents) == (1, 3.0, 1)
    assert sum(point.of for point in told.error_rate.primary) == 3
    (task,) = (await store.metrics.tasks(Asked(Range.DAY), NOW, None, None, 10)).tasks
    assert (task.title, task.agent, task.status) == ("Fix it", "coder", TaskStatus.REVIEW)
    assert await store.metrics.verify() == []
    assert await store.intake.verify() == []


# -- what is no longer kept --------------------------------------------------------------------------------------------
async def let_go(store: Store, at: datetime) -> None:
    while await store.retention.step(at):
        pass


async def left(store: Store, *tables: str) -> list[int]:
    counting = ", ".join(f"(SELECT COUNT(*) FROM {table})" for table in tables)
    return await store.read(lambda connection: [*connection.exec_driver_sql(f"SELECT {counting}").one()])


async def test_tasks_go_when_no_window_reaches_them_and_their_sums_stay(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = ms(NOW)
    monkeypatch.setattr(taskretention, "ROWS", 7)
    old = [said("old", now - 790 * DAY + n, ["in_progress", "review"][n % 2], mark=n, board="gone") for n in range(30)]
    fresh = [said("fresh", now - 700 * DAY, "in_progress"), said("fresh", now - 699 * DAY, "done", board="web")]
    await store.metrics.take([*old, *fresh])
    before = await store.metrics.dashboard(Asked(Range.YEAR), NOW)
    await let_go(store, NOW)
    assert await left(store, "task", "task_event") == [2, 32]
    again = await store.metrics.dashboard(Asked(Range.YEAR), NOW)
    assert replace(again, at=before.at) == before
    later = NOW + timedelta(days=11)
    await let_go(store, later)
    assert await left(store, "task", "task_event", "board") == [1, 2, 2]
    told = await store.metrics.dashboard(Asked(Range.YEAR), later)
    compare(told, Reading(histories(fresh, EPOCH), Range.YEAR, later))
    assert (await left(store, "task_day"))[0] > 2
    await let_go(store, NOW + timedelta(days=3 * 366 + 1))
    assert await left(store, "task", "task_day", "task_hour", "board") == [0, 0, 0, 0]


async def test_sightings_go_with_time(store: Store) -> None:
    await store.metrics.see({"h1": NOW - timedelta(days=790), "h2": NOW})
    await let_go(store, NOW + timedelta(days=20))
    assert await left(store, "seen") == [1]
