"""Sightings: when an agent was seen, as stretches of time between which it was not seen for long.

A window of a day or more saw an agent if and only if a stretch of it reaches into the window: within a stretch no two
sightings are a whole day apart. Whatever order sightings come in, the stretches are the same.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy.engine import Connection

from app.store.raw import rows

GAP = 23 * 3_600_000
"""Milliseconds that two sightings of one stretch are apart at most; less than the shortest window that is asked for."""
AI, HOST = 0, 1
_AT_ONCE = 500
Stretch = tuple[int, int]


class Sightings:
    """Sightings of one transaction."""

    def __init__(self, kind: int) -> None:
        """`kind`: AI, or HOST."""
        self._kind = kind
        self._at: dict[int, list[int]] = defaultdict(list)

    def add(self, agent_n: int, at: int) -> None:
        self._at[agent_n].append(at)

    def write(self, connection: Connection) -> None:
        agents = sorted(self._at)
        for first in range(0, len(agents), _AT_ONCE):
            some = agents[first : first + _AT_ONCE]
            self._merge(connection, {agent: _stretches((at, at) for at in self._at[agent]) for agent in some})

    def _merge(self, connection: Connection, seen: Mapping[int, list[Stretch]]) -> None:
        earliest = min(stretches[0][0] for stretches in seen.values()) - GAP
        marks = ", ".join("?" * len(seen))
        known: dict[int, set[Stretch]] = defaultdict(set)
        for agent_n, since, until in connection.exec_driver_sql(
            f"SELECT agent_n, since, until FROM seen WHERE kind = ? AND until >= ? AND agent_n IN ({marks})",  # noqa: S608
            (self._kind, earliest, *seen),
        ):
            known[agent_n].add((since, until))
        gone, made = list[tuple[int, int, int]](), list[tuple[int, int, int, int]]()
        for agent_n, stretches in seen.items():
            before = known[agent_n]
            after = set(_stretches([*before, *stretches]))
            kept_begins = {since for since, _ in after}
            gone += [(self._kind, agent_n, since) for since, _ in before if since not in kept_begins]
            made += [(self._kind, agent_n, since, until) for since, until in after - before]
        if gone:
            connection.exec_driver_sql("DELETE FROM seen WHERE kind = ? AND agent_n = ? AND since = ?", gone)
        if made:
            connection.exec_driver_sql(
                "INSERT INTO seen (kind, agent_n, since, until) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (kind, agent_n, since) DO UPDATE SET until = excluded.until",
                made,
            )


def see_hosts(connection: Connection, seen: Mapping[str, int]) -> None:
    """Keeps when each host (by its key in the registry) was seen last, in milliseconds."""
    sightings = Sightings(HOST)
    ids = sorted(seen)
    for first in range(0, len(ids), _AT_ONCE):
        some = ids[first : first + _AT_ONCE]
        numbers = _numbers(connection, some)
        new = [(id,) for id in some if id not in numbers]
        if new:
            connection.exec_driver_sql("INSERT INTO host (id) VALUES (?) ON CONFLICT (id) DO NOTHING", new)
            numbers = _numbers(connection, some)
        for id in some:
            sightings.add(numbers[id], seen[id])
    sightings.write(connection)


def _numbers(connection: Connection, ids: Sequence[str]) -> dict[str, int]:
    asked = f"SELECT id, n FROM host WHERE id IN ({', '.join('?' * len(ids))})"  # noqa: S608
    return {str(row[0]): int(row[1]) for row in connection.exec_driver_sql(asked, tuple(ids))}


def counted(connection: Connection, begins: int, ends: int) -> int:
    """How many agents of either kind were seen between two instants, both included, that are a day or more apart."""
    asked = "SELECT COUNT(*) FROM (SELECT DISTINCT kind, agent_n FROM seen WHERE until >= ? AND since <= ?) AS agents"
    return int(rows(connection, asked, (begins, ends))[0][0])


def _stretches(parts: Iterable[Stretch]) -> list[Stretch]:
    """The parts put together that are no gap apart."""
    found: list[Stretch] = []
    for since, until in sorted(parts):
        if found and since - found[-1][1] <= GAP:
            found[-1] = found[-1][0], max(found[-1][1], until)
        else:
            found.append((since, until))
    return found
