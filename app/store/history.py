"""History: the score of each agent on each UTC day, kept once and never changed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from sqlalchemy.engine import Connection

from app.model.scoring import Bands, DailyScore, Score, Weights
from app.store.overview import Asked, ids_of, scored
from app.store.pauses import Pauses
from app.store.sessionrows import instant
from app.store.sums import DAY

DAYS = 30
"""Days that a deck shows, today's among them; and days before today whose missing scores are filled in."""
_KEEP = (
    "INSERT INTO score (agent_n, day, overall, error_rate, cost_efficiency, tool_success, latency, completion_rate,"
    " sessions, kept_at) SELECT n, ?, ?, ?, ?, ?, ?, ?, ?, ? FROM ai_agent WHERE id = ?"
    " ON CONFLICT (agent_n, day) DO NOTHING"
)
_WITHOUT = (
    "SELECT agent_n FROM (SELECT agent_n FROM day WHERE day BETWEEN ? AND ? AND sessions > 0"
    " UNION SELECT agent_n FROM session WHERE day = ? AND started_at = ?) AS scored"
    " WHERE NOT EXISTS (SELECT 1 FROM score WHERE score.agent_n = scored.agent_n AND score.day = ?)"
)


def keep(connection: Connection, day: int, scores: Iterable[Score], at: int) -> int:
    """Keeps scores as those of a day, but for agents that have one already. How many were kept."""
    kept = 0
    for each in scores:
        values = [round(dimension.score * 100) for dimension in each.dimensions]
        row = (day, round(each.overall * 100), *values, each.sessions, at, each.agent)
        kept += connection.exec_driver_sql(_KEEP, row).rowcount
    return kept


def missing(connection: Connection, day: int, window: int, weights: Weights, bands: Bands) -> list[Score]:
    """The scores, as of the end of a day, of agents that have sessions in its window and none is kept of."""
    end = (day + 1) * DAY - 1
    begin = end - window * DAY  # the last millisecond of its day: the window has the other days whole
    without = connection.exec_driver_sql(_WITHOUT, (day - window + 1, day, begin // DAY, begin, day)).scalars().all()
    if not without:
        return []
    asked = Asked(window, end, weights, bands, 0, {})
    found = scored(connection, asked, ids_of(connection, without), {}, without)
    return [found[n] for n in sorted(found)]


def kept_on(connection: Connection, day: int) -> set[str]:
    """The ids of agents whose score of a day is kept."""
    asked = "SELECT a.id FROM ai_agent a CROSS JOIN score s WHERE s.agent_n = a.n AND s.day = ?"
    return set(connection.exec_driver_sql(asked, (day,)).scalars())


def of_agent(connection: Connection, agent: str, first: int, last: int) -> list[DailyScore]:
    """The scores that are kept of an agent, of days from the first to the last, newest first."""
    asked = (
        "SELECT day, overall, error_rate, cost_efficiency, tool_success, latency, completion_rate, sessions FROM score"
        " WHERE agent_n = (SELECT n FROM ai_agent WHERE id = ?) AND day BETWEEN ? AND ? ORDER BY day DESC"
    )
    return [
        DailyScore(date_of(day), overall / 100, tuple(each / 100 for each in dimensions), sessions)
        for day, overall, *dimensions, sessions in connection.exec_driver_sql(asked, (agent, first, last))
    ]


def of_all(connection: Connection, last: int) -> dict[str, tuple[float | None, ...]]:
    """By agent id, the overall scores of `DAYS` days, oldest first; None where none is kept."""
    asked = (
        "SELECT a.id, s.day, s.overall FROM ai_agent a CROSS JOIN score s"
        " WHERE s.agent_n = a.n AND s.day BETWEEN ? AND ?"
    )
    first = last - DAYS + 1
    found: dict[str, list[float | None]] = {}
    for id, day, overall in Pauses().over(connection.exec_driver_sql(asked, (first, last))):
        if id not in found:
            found[id] = [None] * DAYS
        found[id][day - first] = overall / 100
    return {id: tuple(scores) for id, scores in found.items()}


def date_of(day: int) -> date:
    """The date of a day since 1970."""
    return instant(day * DAY).date()
