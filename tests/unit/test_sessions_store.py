"""Sessions, events and agents come out of the store as their rows say, in the order that is told, and in bounds."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import Connection

from app.model.sessions import AiState, Session, SessionStatus
from app.model.text import clean
from app.store.eventids import made
from app.store.sessionrows import millis, shown
from app.store.store import Store

NOW = datetime(2026, 11, 22, 14, 0, 0, 123000, tzinfo=UTC)
DAY = 86_400_000
MINUTE = 60_000
AT = millis(NOW)
TOOL_FAILED = '{"toolName":"bash","isError": true}'


def added(connection: Connection, table: str, **values: Any) -> None:
    names = ", ".join(values)
    marks = ", ".join("?" * len(values))
    connection.exec_driver_sql(f"INSERT INTO {table} ({names}) VALUES ({marks})", tuple(values.values()))


def agent(connection: Connection, n: int, id: str, *, seen: int = AT, name: str = "") -> None:
    added(connection, "ai_agent", n=n, id=id, name=name, name_key="", first_seen=seen - DAY, last_seen=seen)


def session(connection: Connection, n: int, agent_n: int = 1, *, began: int = AT, **given: Any) -> None:
    row = {
        "id": f"s{n}", "agent_name": "", "last_at": began, "ended_at": None, "status": "active", "events": 0,
        "errors": 0, "tool_calls": 0, "tool_failures": 0, "cost": 0, "llm_calls": 0, "input_tokens": 0,
        "output_tokens": 0, "model": "", "channel": "", "label": "", "tags": "[]", "keys": "{}",
    }  # fmt: skip
    added(connection, "session", n=n, agent_n=agent_n, started_at=began, day=began // DAY, **{**row, **given})


def event(connection: Connection, session_n: int, at: int, type_: str = "custom", **given: Any) -> None:
    row = {"agent_n": 1, "severity": "info", "size": 0, "payload": "{}", "metadata": "{}"}
    added(connection, "event", session_n=session_n, at=at, type=type_, **{**row, **given})


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = Store.open("", tmp_path, clock=lambda: NOW)
    yield opened
    await opened.close()


def keys(rows: Iterable[Any]) -> list[str]:
    return [row.key for row in rows]


async def test_a_session_comes_back_whole(store: Store) -> None:
    def fill(connection: Connection) -> None:
        agent(connection, 1, "coder/7")
        session(
            connection, 5, id="run/1", began=AT - MINUTE, last_at=AT - 1, ended_at=AT - 2, status="completed",
            agent_name="Coder", events=9, errors=1, tool_calls=3, tool_failures=2, cost=41_300_000, llm_calls=4,
            input_tokens=100, output_tokens=20, model="m", channel="c", label="l", tags='["ci","ü"]',
        )  # fmt: skip

    await store.write(fill)
    assert await store.sessions.session("run/1", NOW) == Session(
        "run/1", "coder/7", SessionStatus.COMPLETED, NOW - timedelta(minutes=1), NOW - timedelta(milliseconds=1),
        NOW - timedelta(milliseconds=2), "Coder", 9, 1, 3, 2, 41_300_000, 4, 100, 20, "m", "c", "l", ("ci", "ü"),
    )  # fmt: skip
    assert await store.sessions.session("run/2", NOW) is None


async def test_a_session_that_is_silent_is_idle(store: Store) -> None:
    def fill(connection: Connection) -> None:
        agent(connection, 1, "a")
        session(connection, 1, began=AT - 30 * MINUTE)
        session(connection, 2, began=AT - 30 * MINUTE - 1)
        session(connection, 3, began=AT - DAY, status="error")

    await store.write(fill)
    recent = {each.key: each.status for each in await store.sessions.recent(10, NOW)}
    assert recent == {"s1": SessionStatus.ACTIVE, "s2": SessionStatus.IDLE, "s3": SessionStatus.ERROR}
    later = await store.sessions.session("s1", NOW + timedelta(milliseconds=1))
    assert later is not None
    assert later.status is SessionStatus.IDLE
    assert later.running


async def test_recent_ones_are_those_heard_of_last(store: Store) -> None:
    def fill(connection: Connection) -> None:
        agent(connection, 1, "a")
        for n, last in enumerate((3, 1, 2, 2), 1):
            session(connection, n, began=AT - DAY - n, last_at=AT - last)

    await store.write(fill)
    assert keys(await store.sessions.recent(3, NOW)) == ["s2", "s4", "s3"]


def many(connection: Connection) -> None:
    agent(connection, 1, "a")
    agent(connection, 2, "b")
    for n in range(1, 11):
        began = AT - n * DAY // 2
        tags = json.dumps(["prod"] if n == 1 else ["prod-2", "ü"] if n == 2 else ["50%"] if n == 3 else [])
        status = {0: "error", 1: "completed", 2: "active"}[n % 3]
        session(connection, n, 1 + n % 2, began=began, status=status, tags=tags)
    session(connection, 11, 1, began=AT, status="active")


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, [11, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
        ({"agent": "b"}, [1, 3, 5, 7, 9]),
        ({"agent": "nobody"}, []),
        ({"statuses": [SessionStatus.ACTIVE]}, [11]),
        ({"statuses": [SessionStatus.IDLE]}, [2, 5, 8]),
        ({"statuses": [SessionStatus.IDLE, SessionStatus.ERROR]}, [2, 3, 5, 6, 8, 9]),
        ({"statuses": [SessionStatus.ACTIVE, SessionStatus.IDLE]}, [11, 2, 5, 8]),
        ({"begins": NOW - timedelta(days=1)}, [11, 1, 2]),
        ({"ends": NOW - timedelta(days=4)}, [8, 9, 10]),
        ({"begins": NOW - timedelta(days=2), "ends": NOW - timedelta(days=1), "agent": "a"}, [2, 4]),
        ({"tags": ["prod"]}, [1]),
        ({"tags": ["prod", "ü"]}, [1, 2]),
        ({"tags": ["50%"]}, [3]),
        ({"tags": ["%", "pro", "PROD"]}, []),
    ],
)
async def test_sessions_are_listed_by_what_is_asked(store: Store, asked: dict[str, Any], expected: list[int]) -> None:
    await store.write(many)
    wanted = [f"s{n}" for n in expected]
    found, total = await store.sessions.listed(NOW, **asked, limit=100)
    assert (keys(found), total) == (wanted, len(wanted))
    found, total = await store.sessions.listed(NOW, **asked, limit=2, offset=1)
    assert (keys(found), total) == (wanted[1:3], len(wanted))
    assert await store.sessions.listed(NOW, **asked, limit=0) == ([], len(wanted))


def with_events(connection: Connection) -> None:
    agent(connection, 1, "a")
    agent(connection, 2, "b")
    session(connection, 1, began=AT - 5, last_at=AT - 1, events=6, errors=1, tool_failures=1, cost=1)
    session(connection, 2, 2, began=AT - DAY, events=1)
    event(connection, 1, AT - 5, "session_started")
    event(connection, 1, AT - 1, "tool_error", id="given", severity="error", payload='{"toolName":"bash"}')
    event(connection, 1, AT - 3, "tool_response", payload=TOOL_FAILED)
    event(connection, 1, AT - 3, "llm_response", payload='{"costUsd":0.5,"completion":"Grün %"}')
    event(connection, 1, AT - 2, "llm_response", payload='{"costUsd":7}', agent_n=2)
    event(connection, 1, AT - 4, payload='{"type":"task","da', size=20_000)
    event(connection, 2, AT - DAY, payload=None, metadata=None)


BY_TIME = [1, 6, 3, 4, 5, 2]
"""Rows of the first session's events, by time."""


async def test_a_timeline_is_by_time(store: Store) -> None:
    await store.write(with_events)
    whole = await store.sessions.timeline("s1", limit=100, now=NOW)
    assert whole is not None
    assert [each.type for each in whole.events] == [
        "session_started", "custom", "tool_response", "llm_response", "llm_response", "tool_error",
    ]  # fmt: skip
    assert (whole.total, whole.first, whole.session.key) == (6, 0, "s1")
    assert whole.events[0].id == made(AT - 5, 1)
    assert whole.events[-1].id == "given"
    assert whole.events[-2].agent == "b"
    assert whole.events[-1].at == NOW - timedelta(milliseconds=1)
    assert (whole.events[1].payload, whole.events[1].size) == ('{"type":"task","da', 20_000)
    other = await store.sessions.timeline("s2", limit=100, now=NOW)
    assert other is not None
    assert (other.events[0].payload, other.events[0].metadata, other.worst) == ("", "", "")
    assert await store.sessions.timeline("s3", limit=100, now=NOW) is None


@pytest.mark.parametrize(
    ("around", "limit", "first", "rows"),
    [
        ("given", 3, 3, [4, 5, 2]),
        (made(AT - 3, 4), 3, 2, [3, 4, 5]),
        (made(AT - 3, 4), 1, 3, [4]),
        (made(AT - 5, 1), 3, 0, [1, 6, 3]),
        (made(AT - 5, 1), 100, 0, BY_TIME),
        (made(AT - 5, 4), 2, 4, [5, 2]),  # there is no such event: the one to look at first
        (made(AT - DAY, 7), 2, 4, [5, 2]),  # it is of another session
        ("unknown", 2, 4, [5, 2]),
        ("", 2, 4, [5, 2]),
        ("", 100, 0, BY_TIME),
    ],
)
async def test_a_timeline_around_an_event(store: Store, around: str, limit: int, first: int, rows: list[int]) -> None:
    await store.write(with_events)
    found = await store.sessions.timeline("s1", around=around, limit=limit, now=NOW)
    assert found is not None
    ids = ["given" if n == 2 else made(at, n) for n, at in ((n, whole_at(n)) for n in rows)]
    assert ([each.id for each in found.events], found.first, found.total) == (ids, first, 6)
    behind = await store.sessions.timeline("s1", first=4, limit=limit, now=NOW)
    assert behind is not None
    assert behind.first == 4


def whole_at(n: int) -> int:
    return AT - {1: 5, 2: 1, 3: 3, 4: 3, 5: 2, 6: 4}[n]


@pytest.mark.parametrize(
    ("gone", "worst"),
    [
        ((), "given"),
        (("tool_error",), made(AT - 3, 3)),
        (("tool_error", "tool_response"), made(AT - 2, 5)),
        (("tool_error", "tool_response", "llm_response"), ""),
    ],
)
async def test_what_to_look_at_first(store: Store, gone: tuple[str, ...], worst: str) -> None:
    def fill(connection: Connection) -> None:
        with_events(connection)
        # neither says of itself that it failed
        event(connection, 1, AT - 9, "tool_response", payload='{"result":{"isError":true}}')
        event(connection, 1, AT - 9, "tool_response", payload='{"isError":"true"}')
        for type_ in gone:
            connection.exec_driver_sql("DELETE FROM event WHERE type = ? AND n < 8", (type_,))

    await store.write(fill)
    found = await store.sessions.timeline("s1", limit=1, now=NOW)
    assert found is not None
    assert found.worst == worst


async def test_a_failed_tool_is_found_when_its_payload_is_gone(store: Store) -> None:
    def fill(connection: Connection) -> None:
        agent(connection, 1, "a")
        session(connection, 1, tool_failures=1)
        event(connection, 1, AT - 3, "tool_response", payload=None)
        event(connection, 1, AT - 2, "tool_response", payload=None)
        added(connection, "tool", day=(AT - 2) // DAY, agent_n=1, at=AT - 2, calls=0, failures=1)

    await store.write(fill)
    found = await store.sessions.timeline("s1", limit=1, now=NOW)
    assert found is not None
    assert found.worst == made(AT - 2, 2)


@pytest.mark.parametrize(
    ("asked", "rows"),
    [
        ({}, [2, 5, 4, 3, 6, 1, 7]),
        ({"newest_first": False}, [7, 1, 6, 3, 4, 5, 2]),
        ({"session": "s1", "newest_first": False}, BY_TIME),
        ({"session": "s2"}, [7]),
        ({"session": "s3"}, []),
        ({"agent": "a"}, [2, 4, 3, 6, 1]),
        ({"session": "s1", "agent": "b"}, [5]),
        ({"types": ["custom", "tool_error"]}, [2, 6, 7]),
        ({"severities": ["error", "critical"]}, [2]),
        ({"begins": NOW - timedelta(milliseconds=3)}, [2, 5, 4, 3]),
        ({"ends": NOW - timedelta(milliseconds=4)}, [6, 1, 7]),
        ({"search": "GRÜN"}, []),  # letters are alike in ASCII only
        ({"search": "Grün %"}, [4]),
        ({"search": "grün"}, [4]),
        ({"search": "BASH"}, [2, 3]),
        ({"search": "bas_"}, []),
    ],
)
async def test_events_are_found_by_what_is_asked(store: Store, asked: dict[str, Any], rows: list[int]) -> None:
    await store.write(with_events)
    found, total = await store.sessions.events(**asked, limit=100)
    ids = ["given" if n == 2 else made(AT - DAY if n == 7 else whole_at(n), n) for n in rows]
    assert ([each.event.id for each in found], total) == (ids, len(ids))
    assert all(each.session == ("s2" if each.event.id == made(AT - DAY, 7) else "s1") for each in found)
    found, total = await store.sessions.events(**asked, limit=1, offset=1)
    assert ([each.event.id for each in found], total) == (ids[1:2], len(ids))


async def test_how_an_agent_stands(store: Store) -> None:
    def fill(connection: Connection) -> None:
        agent(connection, 1, "at work", seen=AT, name="Busy")
        session(connection, 1, 1, began=AT - MINUTE)
        session(connection, 2, 1, began=AT, status="error")
        agent(connection, 2, "failed", seen=AT - 1)
        session(connection, 3, 2, began=AT - 3 * MINUTE, status="completed")
        session(connection, 4, 2, began=AT - 2 * MINUTE, status="error")
        session(connection, 5, 2, began=AT - 9 * 60 * MINUTE)
        agent(connection, 3, "waits", seen=AT - DAY)
        session(connection, 6, 3, began=AT - DAY - 1, status="error")
        session(connection, 7, 3, began=AT - DAY, status="completed")
        agent(connection, 4, "gone", seen=AT - DAY - 1)
        session(connection, 8, 4, began=AT - DAY - 1, status="error")
        agent(connection, 5, "guest", seen=AT - 2)

    await store.write(fill)
    told = [(each.key, each.state, each.sessions, each.running) for each in await store.sessions.agents(NOW)]
    assert told == [
        ("at work", AiState.ACTIVE, 2, 1),
        ("failed", AiState.ERROR, 3, 1),
        ("guest", AiState.IDLE, 0, 0),
        ("waits", AiState.IDLE, 2, 0),
        ("gone", AiState.QUIET, 1, 0),
    ]
    one = await store.sessions.agent("at work", NOW)
    assert one is not None
    assert (one.name, one.first_seen, one.last_seen) == ("Busy", NOW - timedelta(days=1), NOW)
    assert await store.sessions.agent("nobody", NOW) is None


async def test_what_was_put_aside(store: Store) -> None:
    def fill(connection: Connection) -> None:
        added(connection, "origin", n=1, stream="EVENTS", created="2026")
        for seq in range(1, 5):
            added(
                connection, "dead_letter", origin_n=1, seq=seq, place=-1, at=AT + seq, subject="e.a",
                reason=f"no {seq}\x1b", body="\x00{",
            )  # fmt: skip

    assert await store.sessions.dead_since(0) == (0, "")
    await store.write(fill)
    letters = await store.sessions.dead_letters(2)
    assert [(each.stream, each.seq, each.reason, each.body) for each in letters] == [
        ("EVENTS", 4, "no 4\ufffd", "\ufffd{"),
        ("EVENTS", 3, "no 3\ufffd", "\ufffd{"),
    ]
    assert await store.sessions.dead_since(AT + 3) == (2, "message 4: no 4\ufffd")
    assert await store.sessions.dead_since(AT + 5) == (0, "")


@pytest.mark.parametrize(
    "value",
    [
        {}, {"a": "plain"}, {"ü": "日本 🚒"}, {"esc": "\x1b[31m\x00\x9b1m"}, {"bidi": "\u202eabc\u2066"},
        {"half": "\ud800"}, {"tags": "\U000e0041\U0001f1e9"}, {"marks": "e\u0301\u0301\u0301\u0301\u0301\u0301"},
        {"back": "\\u0041 \\\\"}, {"joined": "👩\u200d🚒"},
    ],
)  # fmt: skip
def test_json_is_shown_without_what_may_not_be_shown(value: dict[str, str]) -> None:
    for ascii in (True, False):
        text = shown(json.dumps(value, ensure_ascii=ascii))
        assert json.loads(text) == value
        assert clean(text, len(text)) == text
        text.encode()
    cut = shown(json.dumps(value, ensure_ascii=False)[:-2])
    assert clean(cut, len(cut)) == cut
