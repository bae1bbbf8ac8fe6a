"""Overviews: the scores of all agents, worked out once and kept up with what changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.engine import Connection

from app.model.formulas import score
from app.model.scoring import Bands, Score, Weights
from app.store.pauses import Pauses
from app.store.sums import AT_ONCE, crossed, spans

_FAR = 6 * 3_600_000
"""Milliseconds that the clock may move on before all is worked out again."""
_FEW, _PART = 50, 4
"""So many agents, or one of so many, are worked out again by themselves; with more of them all are."""


@dataclass(frozen=True, slots=True)
class Asked:
    """An overview that is wanted. `touched` counts by agent id what was stored of it; `generation` rises with it."""

    window: int  # days
    now: int  # milliseconds
    weights: Weights
    bands: Bands
    generation: int
    touched: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Overview:
    """An overview as it was at the instant it was asked for."""

    asked: Asked
    by_number: Mapping[int, Score]
    rows: tuple[Score, ...]  # by agent id

    def is_of(self, asked: Asked) -> bool:
        """Whether nothing can have changed."""
        mine = self.asked
        return (mine.now, mine.weights, mine.generation) == (
            asked.now,
            asked.weights,
            asked.generation,
        )


def brought_up(connection: Connection, asked: Asked, kept: Overview | None) -> Overview:
    """The overview that is asked for. Of one that was kept, only agents are worked out again of which something was
    stored since, or that an edge of a span has passed; a score that comes out equal is the same object as before."""
    if kept is None:
        return _anew(connection, asked, {})
    mine = kept.asked
    step = asked.now - mine.now
    if mine.weights != asked.weights or not 0 <= step <= _FAR:
        return _anew(connection, asked, kept.by_number)
    affected = crossed(connection, mine.now, asked.now, asked.window)
    if asked.generation != mine.generation:
        told = [id for id, count in asked.touched.items() if mine.touched.get(id) != count]
        affected |= numbers(connection, told).keys()
    if len(affected) > max(_FEW, len(kept.by_number) // _PART):
        return _anew(connection, asked, kept.by_number)
    return (
        _changed(connection, asked, kept, sorted(affected)) if affected else Overview(asked, kept.by_number, kept.rows)
    )


def _anew(connection: Connection, asked: Asked, before: Mapping[int, Score]) -> Overview:
    ids = dict(tuple(row) for row in connection.exec_driver_sql("SELECT n, id FROM ai_agent"))
    found = scored(connection, asked, ids, before, None)
    return Overview(asked, found, _by_id(found))


def _changed(connection: Connection, asked: Asked, kept: Overview, affected: Sequence[int]) -> Overview:
    found = dict(kept.by_number)
    again = scored(connection, asked, ids_of(connection, affected), kept.by_number, affected)
    for n in affected:
        if n in again:
            found[n] = again[n]
        else:
            found.pop(n, None)
    same = len(found) == len(kept.by_number) and all(found[n] is kept.by_number.get(n) for n in affected if n in found)
    return Overview(asked, found, kept.rows if same else _by_id(found))


def scored(
    connection: Connection, asked: Asked, ids: Mapping[int, str], before: Mapping[int, Score],
    agents: Sequence[int] | None,
) -> dict[int, Score]:  # fmt: skip
    """The scores of agents with sessions in the window, by number; of all, if no agents are named."""
    pauses = Pauses()
    found: dict[int, Score] = {}
    for n, its in pauses.over(spans(connection, asked.now, asked.window, agents, pauses).items()):
        it = score(ids[n], asked.window, its.current, its.baseline, its.previous, asked.weights, asked.bands)
        earlier = before.get(n)
        found[n] = earlier if earlier == it and earlier is not None else it
    return found


def numbers(connection: Connection, ids: Sequence[str]) -> dict[int, str]:
    """The ids of these that are known, by number."""
    return _pairs(connection, "id", ids)


def ids_of(connection: Connection, agents: Sequence[int]) -> dict[int, str]:
    """The ids of agents, by number."""
    return _pairs(connection, "n", agents)


def _pairs(connection: Connection, column: str, values: Sequence[str] | Sequence[int]) -> dict[int, str]:
    found: dict[int, str] = {}
    for first in range(0, len(values), AT_ONCE):
        some = tuple(values[first : first + AT_ONCE])
        asked = f"SELECT n, id FROM ai_agent WHERE {column} IN ({', '.join('?' * len(some))})"  # noqa: S608
        found.update((n, id) for n, id in connection.exec_driver_sql(asked, some))
    return found


def _by_id(found: Mapping[int, Score]) -> tuple[Score, ...]:
    return tuple(sorted(found.values(), key=lambda each: each.agent))
