"""A store full of tasks for benches, written by the store's own writer; and the dashboard as one reads it plainly."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy.engine import Connection

from app.model.metrics import Range
from app.model.taskhistory import TaskEvent
from app.model.taskwords import TaskWord, named
from app.store.sessionrows import millis
from app.store.store import Store

BOARDS = ("node", "network", "file", "web", "ops", "data", "support", "docs", "build", "release")
DAYS = 90
TASKS, EVENTS_EACH, AGENTS = 20_000, 10, 400
_DAY = 86_400_000
_HOUR = 3_600_000


def words(now: int, seed: int = 7) -> Iterator[TaskWord]:
    """Tasks that began evenly over the last days: each taken up, worked on, handed in, most of them done."""
    rng = random.Random(seed)
    for number in range(TASKS):
        began = now - int((number + 1) / TASKS * DAYS * _DAY)
        at, events = began, []
        for place in range(EVENTS_EACH):
            status = "inbox" if place == 0 else "in_progress" if place < 8 else "review" if place == 8 else "done"
            if at > now or (place == 9 and rng.random() < 0.1):
                break
            events.append(TaskEvent(at, rng.getrandbits(47), status, f"agent-{number % AGENTS}", rng.random() < 0.04))
            at += int(rng.uniform(0.02, 1.0) * _HOUR)
        board = BOARDS[number % len(BOARDS)]
        group = ("query", "modify")[number % len(BOARDS) % 2]
        yield TaskWord(f"task-{number:06}", tuple(events), "1", "a task", named("board", board), named("group", group))


async def filled(folder: Path, now: datetime) -> Store:
    store = Store.open("", folder, clock=lambda: now)
    await store.metrics.take(list(words(millis(now))))
    hosts = {f"host-{number:04}": now - timedelta(hours=number % 60) for number in range(AGENTS)}
    await store.metrics.see(hosts)
    return store


_BUCKETS = {
    "hour": "at / 3600000",
    "day": "at / 86400000",
    "week": "(at / 86400000 + 3) / 7",
    "month": "strftime('%Y-%m', at / 1000, 'unixepoch')",
}


def plain(connection: Connection, range: Range, now: datetime) -> list[Any]:
    """Sixteen statements one after the other over the rows themselves, without an index by time and without sums, as
    Mission Control asks: for both windows each series, work in progress by status as it is now; then the figures."""
    bucket, length = _BUCKETS[range.bucket.value], range.length // timedelta(milliseconds=1)
    end = millis(now)
    told: list[Any] = []

    def ask(asked: str, *values: Any) -> None:
        told.append(connection.exec_driver_sql(asked, values).fetchall())

    joined = "FROM task_event e CROSS JOIN task t WHERE t.n = e.task_n"
    for begins, ends in ((end - length, end), (end - 2 * length, end - length)):
        within = f"AND +e.at BETWEEN ? AND ? GROUP BY {bucket.replace('at', 'e.at', 1)}"
        ask(f"SELECT COUNT(*) {joined} AND e.cycle IS NOT NULL {within}", begins, ends)
        ask(f"SELECT AVG(e.cycle) {joined} AND e.cycle IS NOT NULL {within}", begins, ends)
        ask(f"SELECT COUNT(*), SUM(e.failed) {joined} {within}", begins, ends)
        at = bucket.replace("at", "updated_at", 1)
        ask(f"SELECT {at}, status, COUNT(*) FROM task WHERE +updated_at BETWEEN ? AND ? GROUP BY 1, 2", begins, ends)
        created = bucket.replace("at", "created_at", 1)
        ask(f"SELECT {created}, COUNT(*) FROM task WHERE +created_at BETWEEN ? AND ? GROUP BY 1", begins, ends)
    ask("SELECT COUNT(*) FROM seen WHERE +until >= ? AND since <= ?", end - length, end)
    for status in (0, 1, 2, 3):
        ask("SELECT COUNT(*) FROM task WHERE +status = ?", status)
    week = end - 7 * _DAY
    ask(f"SELECT e.cycle {joined} AND e.cycle IS NOT NULL AND +e.at BETWEEN ? AND ? ORDER BY e.cycle", week, end)
    return told
