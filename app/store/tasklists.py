"""Task lists: which tasks stand behind a point of a series, or behind a whole range; as they stand now."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.engine import Connection

from app.model.buckets import Window, floor, part, windows
from app.model.metrics import Range, Series
from app.model.taskhistory import ORDER
from app.model.tasks import Task, TaskList
from app.store.dashboards import boards_of
from app.store.sessionrows import instant, millis
from app.store.tasksums import DONE

_TASK = (
    "SELECT t.n, t.id, t.title, t.status, b.id, b.name, t.created_at, t.updated_at, b.group_name, t.agent, t.failed,"
    " t.cycle, t.job FROM task t CROSS JOIN board b WHERE b.n = t.board_n"
)
_IN_AN_HOUR = 3_600_000


def tasks_behind(
    connection: Connection, range: Range, now: datetime, board: str, group: str, series: Series | None,
    period: datetime | None, limit: int,
) -> TaskList:  # fmt: skip
    """Those of a bucket, the part of it that is within the range, or else within the range before. The task to which
    it happened last comes first."""
    window = _window(range, instant(millis(now)), period)
    if window is None:
        return TaskList((), 0)
    within = millis(window.begins), millis(window.ends)
    where = boards_of(connection, board, group).where
    if series is Series.WORK:
        found, values = _at_work(where, *within)
    elif series is None:
        found = f"SELECT n, heard_at AS moment FROM task WHERE heard_at >= ? AND created_at <= ?{where}"  # noqa: S608
        values = within
    else:
        which = "failed = 1" if series is Series.ERROR_RATE else "cycle IS NOT NULL"
        found = (
            f"SELECT task_n AS n, MAX(at) AS moment FROM task_event WHERE {which} AND at BETWEEN ? AND ?{where}"  # noqa: S608
            " GROUP BY task_n"
        )
        values = within
    total = int(connection.exec_driver_sql(f"SELECT COUNT(*) FROM ({found}) AS f", values).scalar_one())  # noqa: S608
    asked = f"SELECT n FROM ({found}) AS f ORDER BY moment DESC, n DESC LIMIT ?"  # noqa: S608
    numbers = [row[0] for row in connection.exec_driver_sql(asked, (*values, limit))]
    return TaskList(tuple(_tasks(connection, numbers)), total)


WORKED_WITHIN = 30 * 86_400_000
"""Milliseconds within which an agent worked on a board to be one of its agents."""


def agents_on(connection: Connection, board: str, now: int) -> frozenset[str]:
    """Hosts and AI agents, as tasks name them, that had a task of this board lately."""
    asked = (
        "SELECT DISTINCT t.agent FROM task t JOIN board b ON b.n = t.board_n"
        " WHERE t.heard_at >= ? AND b.id = ? AND t.agent <> ''"
    )
    return frozenset(row[0] for row in connection.exec_driver_sql(asked, (now - WORKED_WITHIN, board)))


def _window(range: Range, now: datetime, period: datetime | None) -> Window | None:
    primary, comparison = windows(range, now)
    if period is None:
        return primary
    try:
        begin = floor(period, range.bucket)
        return part(primary, begin, range.bucket) or part(comparison, begin, range.bucket)
    except OverflowError:  # before the first or after the last of all days
        return None


def _at_work(where: str, begins: int, ends: int) -> tuple[str, tuple[int, ...]]:
    """Tasks that were not done at the end, and those that were done by then and not before the beginning."""
    last = (
        "(SELECT e.after FROM task_event e WHERE e.task_n = c.n AND e.at <= ? AND e.after IS NOT NULL"
        " ORDER BY e.at DESC, e.after DESC LIMIT 1)"
    )
    entered = f"SELECT task_n, at FROM task_event WHERE at BETWEEN ? AND ? AND after = {DONE}{where}"  # noqa: S608
    standing = (
        f"SELECT n, created_at, updated_at FROM task WHERE heard_at >= ? AND created_at <= ?{where}"  # noqa: S608
        f" UNION SELECT n, created_at, updated_at FROM task WHERE status < {DONE} AND created_at <= ?{where}"
    )
    found = (
        f"SELECT n, MAX(moment) AS moment FROM (SELECT c.n AS n, c.created_at AS moment FROM ({standing}) AS c"  # noqa: S608
        f" WHERE {last} < {DONE} UNION ALL SELECT task_n AS n, at AS moment FROM ({entered}) AS d) AS either"
        " GROUP BY n"
    )
    return found, (ends, ends, ends, ends, begins, ends)


def _tasks(connection: Connection, numbers: Sequence[int]) -> list[Task]:
    found: dict[int, Task] = {}
    for first in range(0, len(numbers), 500):
        some = tuple(numbers[first : first + 500])
        asked = f"{_TASK} AND t.n IN ({', '.join('?' * len(some))})"
        for n, *row in connection.exec_driver_sql(asked, some):
            found[n] = _task(row)
    return [found[n] for n in numbers if n in found]


def _task(row: Sequence[Any]) -> Task:
    id, title, status, board_id, board, created, updated, group, agent, failed, cycle, job = row
    return Task(
        key=id,
        title=title,
        status=ORDER[status],
        board_id=board_id,
        board=board,
        created=instant(created),
        updated=instant(updated),
        group=group,
        agent=agent,
        failed=bool(failed),
        cycle_hours=None if cycle is None else cycle / _IN_AN_HOUR,
        job=job,
    )
