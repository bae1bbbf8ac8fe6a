"""Databases of other systems: a read-only query's rows are facts, and what goes wrong is said in words."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from app.model.health import Health
from app.settings.fields import ProbeSettings, Secret
from app.sources.looks import Look
from app.sources.probes import Probes
from app.sources.sqllook import MOST_ROWS, Database
from tests.integration.endpoints import endpoint
from tests.integration.watching import running, until
from tests.postgres import Postgres

QUERY = "SELECT name, status FROM agents ORDER BY name"
PASSWORD = "hunter2-reader"


def settings(postgres: Postgres, query: str = QUERY, **fields: Any) -> ProbeSettings:
    given: dict[str, Any] = {"user": "reader", "password": Secret(PASSWORD), "timeout": 3.0, "interval": 1.0, **fields}
    return ProbeSettings(name="mc", url=given.pop("url", postgres.url()), query=query, **given)


@asynccontextmanager
async def database(given: ProbeSettings) -> AsyncIterator[Database]:
    made = Database(given)
    try:
        yield made
    finally:
        await made.close()


async def seen(postgres: Postgres, query: str = QUERY, **fields: Any) -> Look:
    async with database(settings(postgres, query, **fields)) as probe:
        return await probe.look()


async def test_rows_are_facts_and_parts_by_their_own_words(postgres: Postgres) -> None:
    look = await seen(postgres, "SELECT name, status, last_seen FROM agents ORDER BY name;")
    assert (look.health, look.state) == (Health.OK, "ok")
    assert look.reason == "3 rows: 1 online, 1 offline, 1 provisioning"
    (table,) = look.tables
    assert table.columns == ("name", "status", "last_seen")
    assert table.rows[0] == ("coder", "online", "2026-11-22 14:00:00Z")
    assert table.rows[1] == ("tester", "offline", "")
    assert {check.name: check.health for check in look.checks} == {
        "coder": Health.OK,
        "tester": Health.WARN,
        "writer": Health.WARN,
    }
    assert look.latency is not None


async def test_only_reads_are_let_through(postgres: Postgres) -> None:
    look = await seen(postgres, "DELETE FROM agents RETURNING name", user="owner", password=Secret("hunter2-owner"))
    assert look.health is Health.CRIT
    assert look.reason.startswith("the query would write; only reads are let through")
    look = await seen(postgres, "SELECT 1; DELETE FROM agents", user="owner", password=Secret("hunter2-owner"))
    assert look.health is Health.CRIT
    assert len((await seen(postgres)).tables[0].rows) == 3
    look = await seen(postgres, "SHOW default_transaction_read_only")
    assert look.tables[0].rows == (("on",),)


async def test_it_says_who_it_is_and_leaves_no_transaction_open(postgres: Postgres) -> None:
    async with database(settings(postgres)) as probe:
        await probe.look()
        look = await seen(
            postgres,
            "SELECT application_name, state FROM pg_stat_activity WHERE usename = 'reader'",
            user="owner",
            password=Secret("hunter2-owner"),
        )
    assert look.tables[0].rows == (("watchdeck", "idle"),)


async def test_much_is_cut(postgres: Postgres) -> None:
    look = await seen(
        postgres, "SELECT n, repeat('x', 5000) AS long, E'\\x1b[2J' AS \"na\x1b[2Jme\" FROM generate_series(1, 5000) n"
    )
    (table,) = look.tables
    assert (len(table.rows), table.left_out) == (MOST_ROWS, 1)
    assert look.reason == "200+ rows"
    assert table.columns == ("n", "long", "name")
    assert table.rows[7] == ("8", "x" * 80, "")


async def test_values_of_all_kinds_are_text(postgres: Postgres) -> None:
    query = "SELECT NULL, true, 1.50::numeric, '\\xdead'::bytea, DATE '2026-11-22', '{\"a\": 1}'::jsonb, ARRAY[1,2]"
    assert (await seen(postgres, query)).tables[0].rows == (
        ("", "true", "1.50", "dead", "2026-11-22", "{'a': 1}", "[1, 2]"),
    )
    assert (await seen(postgres, "SELECT name, status FROM agents WHERE false")).reason == "0 rows"


@pytest.mark.parametrize(
    ("fields", "health", "state", "said"),
    [
        ({"password": Secret("wrong-word")}, Health.WARN, "refuses", "refuses this password"),
        ({"query": "SELECT * FROM nothing"}, Health.CRIT, "fails", 'no such table: relation "nothing" does not exist'),
        ({"query": "SELECT nothing FROM agents"}, Health.CRIT, "fails", "no such column"),
        ({"query": "SELEC 1"}, Health.CRIT, "fails", "the query cannot be read"),
        ({"query": "SELECT * FROM secrets"}, Health.WARN, "refuses", "not permitted: permission denied"),
        ({"query": "SELECT pg_sleep(30)", "timeout": 1.0}, Health.CRIT, "fails", "the query was ended after 1 s"),
        ({"url": "postgresql://127.0.0.1:1/x"}, Health.CRIT, "down", "connection refused"),
        ({"url": "postgresql://nowhere.invalid/x"}, Health.CRIT, "down", "nowhere.invalid is not a known host"),
    ],
)
async def test_what_goes_wrong_is_said(
    postgres: Postgres, fields: dict[str, Any], health: Health, state: str, said: str
) -> None:
    look = await seen(postgres, **fields)
    assert (look.health, look.state) == (health, state), look
    assert look.reason.startswith(said)
    assert "hunter2" not in look.reason
    assert "wrong-word" not in look.reason


async def test_no_such_database(postgres: Postgres) -> None:
    look = await seen(postgres, url=postgres.url("nothing"))
    assert look.reason == "no such database: nothing"


async def test_what_is_expected_of_the_rows(postgres: Postgres) -> None:
    assert (await seen(postgres, expect="online")).health is Health.OK
    look = await seen(postgres, expect="busy")
    assert (look.health, look.reason) == (Health.CRIT, "none of 3 rows says “busy”")
    assert (await seen(postgres, "SELECT count(*) FROM agents", expect="3")).health is Health.OK
    assert (await seen(postgres, "SELECT count(*) FROM agents", expect="1")).health is Health.CRIT


async def test_a_connection_is_kept_and_made_anew_when_it_broke(postgres: Postgres) -> None:
    async with database(settings(postgres, "SELECT pg_backend_pid()")) as probe:
        first, second = await probe.look(), await probe.look()
        assert first.tables == second.tables
        postgres.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'reader'")
        third = await probe.look()
        assert third.health is Health.OK
        assert third.tables != first.tables


async def test_a_server_that_stops_answering_is_given_up_in_time(postgres: Postgres) -> None:
    async with database(settings(postgres, timeout=1.0)) as probe:
        assert (await probe.look()).health is Health.OK
        postgres.freeze(True)
        try:
            async with asyncio.timeout(15):
                look = await probe.look()
                assert (look.health, look.answered) == (Health.CRIT, False)
        finally:
            postgres.freeze(False)
        look = await probe.look()
        assert look.health is Health.OK


async def test_what_is_no_database_and_never_answers(postgres: Postgres) -> None:
    async with endpoint(silent=True) as other:
        look = await seen(postgres, url=other.url.replace("http", "postgresql") + "/x", timeout=2.0)
    assert (look.health, look.answered) == (Health.CRIT, False)


async def test_a_pooler_that_takes_no_settings_is_asked_without(postgres: Postgres) -> None:
    """PgBouncer refuses settings that come with the connection: each transaction makes them."""
    probe = Database(replace(settings(postgres, "SHOW statement_timeout")))
    probe._plain = True
    try:
        look = await probe.look()
        assert look.tables[0].rows == (("3s",),)
        writes = Database(settings(postgres, "DELETE FROM agents", user="owner", password=Secret("hunter2-owner")))
        writes._plain = True
        assert (await writes.look()).reason.startswith("the query would write")
        await writes.close()
    finally:
        await probe.close()


async def test_as_a_component_with_its_rows(postgres: Postgres) -> None:
    probes = Probes([settings(postgres)], lambda: datetime.now(UTC))
    async with running(probes.run):
        await until(lambda: probes.components["probe:mc"].health is Health.OK, "looked at")
        component = probes.components["probe:mc"]
        assert component.probe is not None
        assert component.probe.tables[0].rows[0] == ("coder", "online")
        assert component.address == postgres.url()
        assert probes.components["probe:mc/tester"].state == "offline"
        assert PASSWORD not in repr(probes.components)
