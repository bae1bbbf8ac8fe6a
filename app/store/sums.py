"""Sums over windows of time, exact to the millisecond: whole days from the days' sums, parts of days from rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import add, sub

from sqlalchemy.engine import Connection

from app.model.formulas import BASELINE, NOTHING, Sums
from app.store.pauses import Pauses

DAY = 86_400_000
"""Milliseconds."""
AT_ONCE = 500
"""Agents that one statement asks for by name."""
Row = Sequence[int]
_DAYS = (
    "SELECT agent_n, SUM(sessions), SUM(bad), SUM(completed), SUM(failed), SUM(ended), SUM(duration), SUM(cost),"
    " SUM(calls), SUM(failures) FROM day WHERE day BETWEEN ? AND ?"
)
_DAYS_TO_COMPARE = (
    "SELECT agent_n, SUM(sessions), 0, 0, 0, SUM(ended), SUM(duration), SUM(cost), 0, 0 FROM day"
    " WHERE day BETWEEN ? AND ?"
)
_SESSIONS = (
    "SELECT agent_n, COUNT(*), COUNT(CASE WHEN errors > 0 THEN 1 END), COUNT(CASE status WHEN 'completed' THEN 1 END),"
    " COUNT(CASE status WHEN 'error' THEN 1 END), COUNT(ended_at), COALESCE(SUM(ended_at - started_at), 0), SUM(cost),"
    " 0, 0 FROM session WHERE day = ? AND started_at BETWEEN ? AND ?"
)
_TOOLS = "SELECT agent_n, 0, 0, 0, 0, 0, 0, 0, SUM(calls), SUM(failures) FROM tool WHERE day = ? AND at BETWEEN ? AND ?"
_ZEROS = (0,) * 9


@dataclass(frozen=True, slots=True)
class Spans:
    """What one agent's score is worked out from: `app.model.formulas.score` says which spans of time these are."""

    current: Sums
    baseline: Sums = NOTHING
    previous: Sums = NOTHING


def spans(
    connection: Connection, now: int, window: int, agents: Sequence[int] | None = None, pauses: Pauses | None = None
) -> dict[int, Spans]:
    """The sums of every agent (by its number) with sessions in the window of so many days that ends now; of these
    agents only, if some are given."""
    pauses = pauses or Pauses()
    if agents is None:
        return _Windows(connection, now, window, None, pauses).spans()
    found: dict[int, Spans] = {}
    for first in range(0, len(agents), AT_ONCE):
        found |= _Windows(connection, now, window, agents[first : first + AT_ONCE], pauses).spans()
    return found


def crossed(connection: Connection, before: int, now: int, window: int) -> set[int]:
    """The agents with a session or a tool call that an edge of a span has passed since an earlier instant."""
    found: set[int] = set()
    for back in {0, window, 2 * window, max(BASELINE, window)}:
        begin, end = before - back * DAY, now - back * DAY
        for day in range(begin // DAY, end // DAY + 1):
            for table, at in (("session", "started_at"), ("tool", "at")):
                asked = f"SELECT DISTINCT agent_n FROM {table} WHERE day = ? AND {at} BETWEEN ? AND ?"  # noqa: S608
                found.update(n for (n,) in connection.exec_driver_sql(asked, (day, begin, end)))
    return found


class _Windows:
    """The spans that end now. All their other edges are whole days before, so that the time of day is the same at each:
    what of an edge's day is counted from rows is its shorter side.

    Before noon a span takes the day of its first edge whole and loses what was before the edge; after noon it leaves
    that day out and gains what is from the edge on. At its last edge it is the other way round.
    """

    def __init__(
        self, connection: Connection, now: int, window: int, agents: Sequence[int] | None, pauses: Pauses
    ) -> None:
        self._connection = connection
        self._now = now
        self._window = window
        self._agents = None if agents is None else tuple(agents)
        self._pauses = pauses
        self._today, time_of_day = divmod(now, DAY)
        self._late = time_of_day * 2 >= DAY
        self._first, self._last = (add, sub) if self._late else (sub, add)

    def spans(self) -> dict[int, Spans]:
        edge = self._part(self._window)
        current = self._current(edge)
        baseline, previous = self._earlier(edge)
        return {
            n: Spans(Sums(*row), _to_compare(baseline.get(n, _ZEROS)), Sums(*previous.get(n, _ZEROS)))
            for n, row in self._pauses.over(current.items())
            if row[0]
        }

    def _current(self, edge: Sequence[Row]) -> dict[int, Row]:
        days = self._rows(_DAYS, self._today - self._window + self._late, self._today)
        ahead = self._between(self._now + 1, (self._today + 1) * DAY - 1)
        return self._gathered({}, (add, days), (self._first, edge), (sub, ahead))

    def _earlier(self, edge: Sequence[Row]) -> tuple[dict[int, Row], dict[int, Row]]:
        """Baseline and previous window: both end at the window's edge, and one is a part of the other."""
        window = self._window
        compared = window < BASELINE
        near, far = sorted((2 * window, BASELINE if compared else 2 * window))
        at_edge = self._now - window * DAY
        near_edge = self._part(near)
        inner = self._gathered(
            {}, (add, self._whole(_DAYS, near, window)), (self._first, near_edge), (self._last, edge),
            (add, self._between(at_edge, at_edge)),
        )  # fmt: skip
        if near == far:
            return inner if compared else {}, inner
        if far == BASELINE:  # of what is only compared with, no tool calls are wanted
            whole, far_edge = self._whole(_DAYS_TO_COMPARE, far, near), self._part(far, tools=False)
        else:
            whole, far_edge = self._whole(_DAYS, far, near), self._part(far)
        outer = self._gathered(inner, (add, whole), (self._first, far_edge), (self._last, near_edge))
        return (outer, inner) if far == BASELINE else (inner, outer)

    def _whole(self, asked: str, first: int, last: int) -> Sequence[Row]:
        """Of the days between two edges, so many days back."""
        return self._rows(asked, self._today - first + self._late, self._today - last - 1 + self._late)

    def _part(self, back: int, tools: bool = True) -> Sequence[Row]:
        """Of the shorter side of an edge's day: before it, or from it on."""
        edge, day = self._now - back * DAY, self._today - back
        begin, end = (edge, (day + 1) * DAY - 1) if self._late else (day * DAY, edge - 1)
        return self._between(begin, end, tools)

    def _between(self, begin: int, end: int, tools: bool = True) -> Sequence[Row]:
        """Of an interval within one day, both ends inclusive."""
        if end < begin:
            return []
        asked = (_SESSIONS, _TOOLS) if tools else (_SESSIONS,)
        return [row for each in asked for row in self._rows(each, begin // DAY, begin, end)]

    def _rows(self, asked: str, *values: int) -> Sequence[Row]:
        self._pauses.now_and_then()
        among, agents = "", self._agents or ()
        if self._agents is not None:
            among = f" AND agent_n IN ({', '.join('?' * len(agents))})"
        found = self._connection.exec_driver_sql(f"{asked}{among} GROUP BY agent_n", (*values, *agents))
        return found.fetchall()

    def _gathered(
        self, begun: dict[int, Row], *pieces: tuple[Callable[[int, int], int], Sequence[Row]]
    ) -> dict[int, Row]:
        """By agent, all pieces added to what was begun or subtracted from it."""
        found = dict(begun)
        for operation, rows in pieces:
            for n, *values in self._pauses.over(rows):
                found[n] = list(map(operation, found.get(n, _ZEROS), values))
        return found


def _to_compare(row: Row) -> Sums:
    return Sums(sessions=row[0], ended=row[4], duration=row[5], cost=row[6])
