"""Sightings: a window of a day or more saw an agent if and only if there is a sighting in it, in whatever order."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.engine import Connection

from app.store.raw import over
from app.store.sightings import AI, GAP, HOST, Sightings, counted, see_hosts

DAY = 86_400_000
HOUR = DAY // 24


def made() -> Connection:
    raw = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    raw.execute("CREATE TABLE host (n INTEGER PRIMARY KEY, id TEXT UNIQUE)")
    raw.execute(
        "CREATE TABLE seen (kind INTEGER, agent_n INTEGER, since INTEGER, until INTEGER,"
        " PRIMARY KEY (kind, agent_n, since)) WITHOUT ROWID"
    )
    return over(raw, begin="BEGIN")


sightings = st.tuples(
    st.sampled_from([1, 2]),
    st.one_of(
        st.integers(0, 12).map(lambda n: n * GAP), st.integers(0, 12 * DAY), st.integers(0, 200).map(lambda n: n * HOUR)
    ),
)


@given(
    st.lists(st.lists(sightings, min_size=1, max_size=5), max_size=6), st.lists(st.integers(0, 11 * DAY), max_size=5)
)
def test_every_window_counts_who_was_seen_in_it(batches: list[list[tuple[int, int]]], begins: list[int]) -> None:
    with closing(made()) as connection, connection.begin():
        for batch in batches:
            some = Sightings(AI)
            for agent, at in batch:
                some.add(agent, at)
            some.write(connection)
        told = [one for batch in batches for one in batch]
        for edge in [*begins, *(at for _, at in told), *(at + 1 for _, at in told), *(at - DAY for _, at in told)]:
            wanted = {agent for agent, at in told if edge <= at <= edge + DAY}
            assert counted(connection, edge, edge + DAY) == len(wanted)
        anew = Sightings(AI)
        rows = connection.exec_driver_sql("SELECT * FROM seen ORDER BY 1, 2, 3").fetchall()
        connection.exec_driver_sql("DELETE FROM seen")
        for agent, at in told:
            anew.add(agent, at)
        anew.write(connection)
        assert connection.exec_driver_sql("SELECT * FROM seen ORDER BY 1, 2, 3").fetchall() == rows


def test_an_agent_and_a_host_are_two() -> None:
    with closing(made()) as connection, connection.begin():
        see_hosts(connection, {f"h{number}": 5 for number in range(1200)})
        see_hosts(connection, {"h0": 6})
        some = Sightings(AI)
        some.add(1, 5)
        some.write(connection)
        assert counted(connection, 0, DAY) == 1201
        kinds = connection.exec_driver_sql("SELECT kind, COUNT(*), MAX(until) FROM seen GROUP BY kind").fetchall()
        assert [tuple(row) for row in kinds] == [(AI, 1, 5), (HOST, 1200, 6)]
