"""Movers: the sessions of a window that cost an agent's score most."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from heapq import nlargest

from sqlalchemy.engine import Connection

from app.model.formulas import Sums, costs, score
from app.model.scoring import Dimension, Score
from app.store.overview import Asked, numbers
from app.store.pauses import Pauses
from app.store.sums import DAY, spans

TOLD = 20
_SESSIONS = (
    "SELECT id, errors, status, started_at, ended_at, cost, tool_calls, tool_failures FROM session"
    " WHERE agent_n = ? AND started_at BETWEEN ? AND ?"
)


@dataclass(frozen=True, slots=True)
class Dear:
    """A session (its id) that cost points of the overall score."""

    session: str
    points: float
    dimension: Dimension


def scored_with_movers(connection: Connection, asked: Asked, agent: str) -> tuple[Score | None, list[Dear]]:
    """The score of an agent (id), and the sessions in the window that cost it most, dearest first."""
    pauses = Pauses()
    for n in numbers(connection, [agent]):
        for its in spans(connection, asked.now, asked.window, [n], pauses).values():
            found = score(agent, asked.window, its.current, its.baseline, its.previous, asked.weights, asked.bands)
            sessions = dict(pauses.over(_sessions(connection, asked, n, its.current)))
            told = zip(sessions, costs(its.current, its.baseline, sessions.values(), asked.weights), strict=True)
            dear = (Dear(id, points, dimension) for id, (points, dimension) in pauses.over(told) if points > 0)
            return found, nlargest(TOLD, dear, key=lambda each: each.points)
    return None, []


def _sessions(connection: Connection, asked: Asked, n: int, whole: Sums) -> Iterator[tuple[str, Sums]]:
    """What each session is of the window's sums: of tool calls, no more than the window has."""
    values = (n, asked.now - asked.window * DAY, asked.now)
    for id, errors, status, began, ended, cost, calls, failures in connection.exec_driver_sql(_SESSIONS, values):
        yield (
            id,
            Sums(
                sessions=1,
                bad=int(errors > 0),
                completed=int(status == "completed"),
                failed=int(status == "error"),
                ended=int(ended is not None),
                duration=0 if ended is None else ended - began,
                cost=cost,
                calls=min(calls, whole.calls),
                failures=min(failures, whole.failures),
            ),
        )
