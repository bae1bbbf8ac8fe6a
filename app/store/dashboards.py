"""Dashboards: figures and series of a range from the sums of hours and days, exact to the millisecond at its edges.

Everything that is asked for is a sum over time. The time is cut into slices: whole days (or hours, for a range of 24
hours) from the sums; the day of an edge in hours; and the hour of an edge from its events, in what is before the edge,
at it, and after it. So each slice lies in one bucket, and on one side of each edge.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.engine import Connection

from app.model.buckets import Window, following, periods, windows
from app.model.metrics import (
    Bucket,
    Compared,
    Dashboard,
    Figures,
    Point,
    Range,
    TaskBoard,
    WorkCompared,
    WorkPoint,
)
from app.store.raw import rows
from app.store.sessionrows import instant, millis
from app.store.sightings import counted
from app.store.tasksums import COLUMNS, CYCLE, DAY, ENTERED, EVENTS, FAILED, HANDED_IN, HOUR, OF_ROWS, STANDING

_MEDIAN_OF = timedelta(days=7)
_MILLISECOND = timedelta(milliseconds=1)
_SUMS = ", ".join(f"SUM({name})" for name in COLUMNS)
_ZEROS = (0,) * len(COLUMNS)
_IN_AN_HOUR = 3_600_000
_FEW = 20_000
"""Tasks whose times are sorted here, with fewer steps than in the database."""
Values = Sequence[int]


@dataclass(frozen=True, slots=True)
class Slice:
    """Sums of a stretch of time; both its ends (milliseconds) belong to it."""

    begins: int
    ends: int
    values: Values


@dataclass(frozen=True, slots=True)
class Boards:
    """The boards that are looked at: `where` narrows rows down to them; empty: all. `standing`: how their tasks stand
    after all that is known."""

    every: tuple[TaskBoard, ...]
    where: str
    standing: tuple[int, int, int, int]
    tasks: int  # on any board


def dashboard(connection: Connection, range: Range, now: datetime, board: str = "", group: str = "") -> Dashboard:
    """Everything of a range that ends now, of a board, a group, or both; to the millisecond of now."""
    now = instant(millis(now))
    boards = boards_of(connection, board, group)
    primary, comparison = windows(range, now)
    slices = _slices(connection, range.bucket, boards.where, [comparison.begins, primary.begins, now])
    first = _Told(connection, boards, slices, primary, range.bucket)
    second = _Told(connection, boards, slices, comparison, range.bucket)
    return Dashboard(
        range=range,
        at=now,
        figures=first.figures(),
        before=second.figures(),
        throughput=Compared(first.throughput(), second.throughput()),
        cycle_time=Compared(first.cycle_time(), second.cycle_time()),
        error_rate=Compared(first.error_rate(), second.error_rate()),
        work=WorkCompared(first.work(), second.work()),
        boards=boards.every,
        tasks=boards.tasks,
    )


def boards_of(connection: Connection, board: str, group: str) -> Boards:
    """The boards, and which of them are looked at. A board or group that is not known has no tasks."""
    every = rows(
        connection,
        "SELECT n, id, name, group_id, group_name, inbox, in_progress, review, done FROM board"
        " ORDER BY name, group_name, n",
    )
    chosen = [row for row in every if (not board or row[1] == board) and (not group or row[3] == group)]
    standing = [sum(row[place] for row in chosen) for place in (5, 6, 7, 8)]
    where = ""
    if board or group:
        where = f" AND board_n IN ({', '.join(str(int(row[0])) for row in chosen) or '-1'})"
    return Boards(
        tuple([TaskBoard(row[1], row[2], row[3], row[4]) for row in every]),
        where,
        (standing[0], standing[1], standing[2], standing[3]),
        sum(sum(row[5:9]) for row in every),
    )


def _slices(connection: Connection, bucket: Bucket, where: str, edges: Sequence[datetime]) -> list[Slice]:
    """All that is known from the first edge on, in slices by time; `edges` are a day or more apart."""
    cuts = [millis(edge) for edge in edges]
    hours = bucket is Bucket.HOUR
    table, unit, length = ("task_hour", "hour", HOUR) if hours else ("task_day", "day", DAY)
    cut = {at // length for at in cuts}
    found = [
        Slice(row[0] * length, (row[0] + 1) * length - 1, row[1:])
        for row in rows(
            connection,
            f"SELECT {unit}, {_SUMS} FROM {table} WHERE {unit} >= ?{where} GROUP BY {unit}",  # noqa: S608
            (min(cut),),
        )
        if row[0] not in cut
    ]
    for at in cuts:
        if not hours:
            found += _hours_around(connection, where, at)
        found += _hour_of(connection, where, at)
    return sorted(found, key=lambda each: each.begins)


def _hours_around(connection: Connection, where: str, at: int) -> Iterator[Slice]:
    """The hours of an edge's day, without its own."""
    begin, own = at // DAY * 24, at // HOUR
    for row in rows(
        connection,
        f"SELECT hour, {_SUMS} FROM task_hour WHERE hour BETWEEN ? AND ?{where} GROUP BY hour",  # noqa: S608
        (begin, begin + 23),
    ):
        if row[0] != own:
            yield Slice(row[0] * HOUR, (row[0] + 1) * HOUR - 1, row[1:])


def _hour_of(connection: Connection, where: str, at: int) -> Iterator[Slice]:
    """The hour of an edge: before it, at it, after it."""
    begin = at // HOUR * HOUR
    end = begin + HOUR - 1
    parts = {-1: (begin, at - 1), 0: (at, at), 1: (at + 1, end)}
    side = "CASE WHEN at < ? THEN -1 WHEN at = ? THEN 0 ELSE 1 END"
    for row in rows(
        connection,
        f"SELECT {side}, {OF_ROWS} FROM task_event WHERE at BETWEEN ? AND ?{where} GROUP BY 1",  # noqa: S608
        (at, at, begin, end),
    ):
        yield Slice(*parts[row[0]], row[1:])


class _Told:
    """What is told of one window."""

    def __init__(
        self, connection: Connection, boards: Boards, slices: Sequence[Slice], window: Window, bucket: Bucket
    ) -> None:
        self._connection = connection
        self._boards = boards
        self._window = window
        self._begins, self._ends = millis(window.begins), millis(window.ends)
        self._within = [each for each in slices if each.begins >= self._begins and each.ends <= self._ends]
        self._periods = list(periods(window, bucket))
        bounds = [min(millis(following(period, bucket)) - 1, self._ends) for period in self._periods]
        self._sums = _bucketed(self._within, bounds)
        self._standing = _standing(slices, boards.standing, bounds)

    def throughput(self) -> tuple[Point, ...]:
        return self._points((float(sums[HANDED_IN]), sums[HANDED_IN]) for sums in self._sums)

    def cycle_time(self) -> tuple[Point, ...]:
        return self._points((_hours(sums) or 0.0, sums[HANDED_IN]) for sums in self._sums)

    def error_rate(self) -> tuple[Point, ...]:
        return self._points((_rate(sums), sums[EVENTS]) for sums in self._sums)

    def work(self) -> tuple[WorkPoint, ...]:
        told = zip(self._periods, self._standing, self._sums, strict=True)
        return tuple([WorkPoint(period, at[0], at[1], at[2], done=sums[ENTERED]) for period, at, sums in told])

    def figures(self) -> Figures:
        sums = _total(self._sums)
        inbox, in_progress, review, done = self._standing[-1]
        return Figures(
            active_agents=counted(self._connection, self._begins, self._ends),
            inbox_tasks=inbox,
            in_progress_tasks=in_progress,
            review_tasks=review,
            done_tasks=done,
            error_rate_pct=_rate(sums),
            median_cycle_time_hours_7d=self._median(),
            throughput=sums[HANDED_IN],
            cycle_time_hours=_hours(sums),
        )

    def _points(self, values: Iterable[tuple[float, int]]) -> tuple[Point, ...]:
        return tuple([Point(period, *each) for period, each in zip(self._periods, values, strict=True)])

    def _median(self) -> float | None:
        """Hours, of the seven days before the window's end; between the middle two of an even number."""
        where = f"cycle IS NOT NULL AND at BETWEEN ? AND ?{self._boards.where}"
        within = (millis(self._window.ends - _MEDIAN_OF), self._ends)
        asked = f"SELECT cycle FROM task_event WHERE {where}"  # noqa: S608
        cycles = self._column(f"{asked} LIMIT ?", *within, _FEW)
        count = len(cycles)
        if count == _FEW:  # more than is wanted in memory: have them sorted where they are
            counting = f"SELECT COUNT(*) FROM task_event WHERE {where}"  # noqa: S608
            count = self._column(counting, *within)[0]
        if not count:
            return None
        first, many = (count - 1) // 2, 2 - count % 2
        if count < _FEW:
            middle = sorted(cycles)[first : first + many]
        else:
            middle = self._column(f"{asked} ORDER BY cycle LIMIT ? OFFSET ?", *within, many, first)
        return sum(middle) / many / _IN_AN_HOUR

    def _column(self, asked: str, *values: int) -> list[int]:
        return [value for (value,) in rows(self._connection, asked, values)]


def _bucketed(slices: Iterable[Slice], bounds: Sequence[int]) -> list[list[int]]:
    """The sums of each bucket, by the last instant of each; slices by time, each in one bucket."""
    found = [[0] * len(COLUMNS) for _ in bounds]
    place = 0
    for each in slices:
        while each.begins > bounds[place]:
            place += 1
        found[place] = [have + more for have, more in zip(found[place], each.values, strict=True)]
    return found


def _standing(slices: Sequence[Slice], last: Sequence[int], bounds: Sequence[int]) -> list[Values]:
    """How many tasks were in each status at each of these instants: what is known last, without what came after."""
    stand = list(last)
    found: list[Values] = []
    left = len(slices)
    for bound in reversed(bounds):
        while left and slices[left - 1].begins > bound:
            left -= 1
            for place in range(len(stand)):
                stand[place] -= slices[left].values[STANDING + place]
        found.append(tuple(stand))
    return found[::-1]


def _total(sums: Iterable[Values]) -> Values:
    return [sum(column) for column in zip(*sums, strict=True)] or _ZEROS


def _hours(sums: Values) -> float | None:
    """The mean time of what was handed in."""
    return sums[CYCLE] / sums[HANDED_IN] / _IN_AN_HOUR if sums[HANDED_IN] else None


def _rate(sums: Values) -> float:
    """Percent of the events that failed."""
    return 100.0 * sums[FAILED] / sums[EVENTS] if sums[EVENTS] else 0.0
