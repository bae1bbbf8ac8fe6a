"""Day sums: of each agent and day, what scores are counted from; kept with every batch, and summed up anew to check."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from sqlalchemy.engine import Connection

from app.model.folding import Folded
from app.model.sessions import SessionStatus

DAY = 86_400_000
"""Milliseconds."""
_COLUMNS = ("sessions", "bad", "completed", "failed", "ended", "duration", "cost", "calls", "failures")
_TOLD = 20
_OF_SESSIONS = (
    "SELECT day, agent_n, COUNT(*) AS sessions, SUM(CASE WHEN errors > 0 THEN 1 ELSE 0 END) AS bad,"
    " SUM(CASE WHEN status = 'completed' THEN 1 ELSE 0 END) AS completed,"
    " SUM(CASE WHEN status = 'error' THEN 1 ELSE 0 END) AS failed,"
    " COUNT(ended_at) AS ended, COALESCE(SUM(ended_at - started_at), 0) AS duration, SUM(cost) AS cost,"
    " 0 AS calls, 0 AS failures FROM session GROUP BY day, agent_n"
)
_OF_TOOLS = "SELECT day, agent_n, 0, 0, 0, 0, 0, 0, 0, SUM(calls), SUM(failures) FROM tool GROUP BY day, agent_n"
_AFRESH = (
    f"SELECT day, agent_n, {', '.join(f'SUM({name}) AS {name}' for name in _COLUMNS)}"  # noqa: S608 (our own names)
    f" FROM ({_OF_SESSIONS} UNION ALL {_OF_TOOLS}) AS parts GROUP BY day, agent_n"
)


@dataclass(slots=True)
class Sum:
    """What one session brings to its day. Durations in milliseconds, cost in nano-dollars."""

    sessions: int = 0
    bad: int = 0
    completed: int = 0
    failed: int = 0
    ended: int = 0
    duration: int = 0
    cost: int = 0

    @classmethod
    def of_session(cls, folded: Folded) -> Sum:
        ended = folded.ended_at
        return cls(
            sessions=1,
            bad=int(folded.errors > 0),
            completed=int(folded.status is SessionStatus.COMPLETED),
            failed=int(folded.status is SessionStatus.ERROR),
            ended=int(ended is not None),
            duration=0 if ended is None else ended - folded.started_at,
            cost=folded.cost,
        )

    @property
    def values(self) -> tuple[int, ...]:
        return self.sessions, self.bad, self.completed, self.failed, self.ended, self.duration, self.cost


@dataclass(slots=True)
class DaySums:
    """What a piece of work changes in the sums of days, and which tool calls it brings or takes away."""

    _days: dict[tuple[int, int], list[int]] = field(default_factory=lambda: defaultdict(lambda: [0] * len(_COLUMNS)))
    _tools: dict[tuple[int, int, int], list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))

    def add(self, day: int, agent_n: int, part: Sum, sign: int = 1) -> None:
        """A session's part, or with sign -1 what it brought before."""
        sums = self._days[day, agent_n]
        for at, value in enumerate(part.values):
            sums[at] += sign * value

    def add_tools(self, agent_n: int, at: int, calls: int, failures: int) -> None:
        """Tool calls of an agent at an instant (milliseconds)."""
        counted = self._tools[at // DAY, at, agent_n]
        counted[0] += calls
        counted[1] += failures
        self.add_tool_sums(at // DAY, agent_n, calls, failures)

    def add_tool_sums(self, day: int, agent_n: int, calls: int, failures: int) -> None:
        """Only what a day sums up."""
        sums = self._days[day, agent_n]
        sums[-2] += calls
        sums[-1] += failures

    def write(self, connection: Connection) -> None:
        """Adds it to what is kept; days of which nothing is left are removed."""
        if self._tools:
            connection.exec_driver_sql(
                "INSERT INTO tool (day, at, agent_n, calls, failures) VALUES (?, ?, ?, ?, ?)"
                " ON CONFLICT (day, at, agent_n)"
                " DO UPDATE SET calls = tool.calls + excluded.calls, failures = tool.failures + excluded.failures",
                [(*key, *counted) for key, counted in self._tools.items()],
            )
        changed = [(key, sums) for key, sums in self._days.items() if any(sums)]
        if not changed:
            return
        adding = ", ".join(f"{name} = day.{name} + excluded.{name}" for name in _COLUMNS)
        connection.exec_driver_sql(
            f"INSERT INTO day (day, agent_n, {', '.join(_COLUMNS)}) VALUES (?, ?, {', '.join('?' * len(_COLUMNS))})"  # noqa: S608
            f" ON CONFLICT (day, agent_n) DO UPDATE SET {adding}",
            [(*key, *sums) for key, sums in changed],
        )
        if less := [key for key, sums in changed if sums[0] < 0 or sums[-2] < 0 or sums[-1] < 0]:
            connection.exec_driver_sql(
                "DELETE FROM day WHERE day = ? AND agent_n = ? AND sessions = 0 AND calls = 0 AND failures = 0", less
            )


def differences(connection: Connection) -> list[str]:
    """Days whose kept sums are not what sessions and tool calls sum up to, a sentence each; the first twenty."""
    columns = ", ".join(("day", "agent_n", *_COLUMNS))
    kept = {(row[0], row[1]): tuple(row[2:]) for row in connection.exec_driver_sql(f"SELECT {columns} FROM day")}  # noqa: S608
    told = []
    for row in connection.exec_driver_sql(_AFRESH):
        key, sums = (row[0], row[1]), tuple(row[2:])
        found = kept.pop(key, (0,) * len(_COLUMNS))
        if found != sums:
            told.append(f"day {key[0]} of agent {key[1]}: kept {found}, summed up {sums}")
    told += [f"day {day} of agent {agent}: kept {sums}, nothing is there" for (day, agent), sums in kept.items()]
    return told[:_TOLD]


def rebuild(connection: Connection) -> None:
    """Sums up all days anew."""
    connection.exec_driver_sql("DELETE FROM day")
    connection.exec_driver_sql(f"INSERT INTO day (day, agent_n, {', '.join(_COLUMNS)}) {_AFRESH}")
