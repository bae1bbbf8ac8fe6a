"""The intake: each event once, whatever order and batches it comes in; sessions and sums of days follow."""

from __future__ import annotations

import json
import random
import sqlite3
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.model.sessions import SessionEvent
from app.store.errors import StoreFailed
from app.store.eventids import made
from app.store.intake import Arrived, Origin, Taken, Unusable
from app.store.store import Store

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
MS = int(NOW.timestamp() * 1000)
HOUR, DAY = 3_600_000, 86_400_000
USAGE = {"inputTokens": 10, "outputTokens": 4}
ORIGIN = Origin("SESSIONS", "2026-11-01T00:00:00Z")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = Store.open("", tmp_path, clock=lambda: NOW)
    yield store
    await store.close()


def event(type_: str, at: int = MS, session: str = "s", agent: str = "a", **more: Any) -> SessionEvent:
    return SessionEvent(session, agent, type_, more.pop("severity", "info"), at, more.pop("payload", {}),
                        more.pop("metadata", {}), more.pop("id", ""))  # fmt: skip


async def take(store: Store, *events: SessionEvent, seq: int | None = None, origin: Origin | None = None) -> Taken:
    placed = [Arrived(each, seq, None if seq is None else place) for place, each in enumerate(events)]
    return await store.intake.take(placed, origin=origin or (ORIGIN if seq is not None else None))


def rows(folder: Path, asked: str, *values: Any) -> list[tuple[Any, ...]]:
    with sqlite3.connect(folder / "watchdeck.db") as connection:
        found = connection.execute(asked, values).fetchall()
    connection.close()
    return found


_STATE = (
    "SELECT s.id, a.id, s.started_at, s.day, s.last_at, s.ended_at, s.status, s.events, s.errors, s.tool_calls,"
    " s.tool_failures, s.cost, s.llm_calls, s.input_tokens, s.output_tokens, s.agent_name, s.model, s.channel, s.label,"
    " s.tags, s.keys FROM session s JOIN ai_agent a ON a.n = s.agent_n ORDER BY s.id"
)
_TABLES = (
    _STATE,
    "SELECT id, name, first_seen, last_seen FROM ai_agent ORDER BY id",
    "SELECT a.id, t.day, t.at, t.calls, t.failures FROM tool t JOIN ai_agent a ON a.n = t.agent_n ORDER BY 1, 2, 3",
    "SELECT a.id, d.day, sessions, bad, completed, failed, ended, duration, cost, calls, failures FROM day d"
    " JOIN ai_agent a ON a.n = d.agent_n ORDER BY 1, 2",
    "SELECT s.id, a.id, e.at, e.type, e.severity, e.id, e.payload, e.metadata FROM event e JOIN ai_agent a"
    " ON a.n = e.agent_n JOIN session s ON s.n = e.session_n ORDER BY 1, 2, 3, 4, 5, 6, 7, 8",
)


def tables(folder: Path) -> list[list[tuple[Any, ...]]]:
    return [rows(folder, asked) for asked in _TABLES]


# -- one session ---------------------------------------------------------------------------------------------------
async def test_a_session_is_what_its_events_tell(store: Store, tmp_path: Path) -> None:
    await take(
        store,
        event("session_started", MS - HOUR, payload={"agentName": "Coder", "tags": ["nightly"]}, severity="error"),
        event("llm_response", MS - 50_000, payload={"model": "m-1", "costUsd": 0.03, "usage": USAGE}),
        event("cost_tracked", MS - 49_000, payload={"costUsd": 0.004, "model": "m-2"}),
        event("tool_call", MS - 48_000, metadata={"channel": "slack", "label": "fix"}),
        event("tool_response", MS - 47_000, payload={"isError": True}),
        event("tool_response", MS - 46_000, payload={"isError": "true"}),
        event("tool_error", MS - 45_000, severity="error"),
        event("custom", MS - 44_000, severity="critical"),
        event("session_ended", MS - 43_000, payload={"reason": "timeout"}),
        event("custom", MS),
    )  # fmt: skip
    session = await store.sessions.session("s", NOW)
    assert session is not None
    assert (session.agent, session.agent_name, session.status.value) == ("a", "Coder", "completed")
    assert (session.events, session.errors, session.tool_calls, session.tool_failures) == (10, 2, 1, 2)
    assert (session.cost, session.llm_calls, session.input_tokens, session.output_tokens) == (34_000_000, 1, 10, 4)
    assert (session.model, session.channel, session.label, session.tags) == ("m-2", "slack", "fix", ("nightly",))
    assert session.ended == NOW - timedelta(seconds=43)
    assert session.last == NOW
    assert rows(
        tmp_path, "SELECT sessions, bad, completed, failed, ended, duration, cost, calls, failures FROM day"
    ) == [(1, 1, 1, 0, 1, HOUR - 43_000, 34_000_000, 1, 2)]


async def test_a_session_that_begins_again_is_active_and_keeps_its_end(store: Store) -> None:
    ended = event("session_ended", MS - 2000, payload={"reason": "error"})
    await take(store, event("session_started", MS - 9000), ended)
    assert (await store.sessions.session("s", NOW)).status.value == "error"  # type: ignore[union-attr]
    await take(store, event("session_started", MS - 1000))
    again = await store.sessions.session("s", NOW)
    assert again is not None
    assert (again.status.value, again.ended) == ("active", NOW - timedelta(seconds=2))


async def test_an_earlier_event_of_another_agent_moves_the_session_to_it(store: Store, tmp_path: Path) -> None:
    await take(store, event("custom", MS, agent="late"))
    taken = await take(store, event("custom", MS - 2 * DAY, agent="early"))
    assert taken.agents == {"late", "early"}
    assert (await store.sessions.session("s", NOW)).agent == "early"  # type: ignore[union-attr]
    assert rows(tmp_path, "SELECT a.id, d.sessions FROM day d JOIN ai_agent a ON a.n = d.agent_n") == [("early", 1)]
    assert await store.intake.verify() == []


# -- once ----------------------------------------------------------------------------------------------------------
async def test_what_is_sent_again_changes_nothing(store: Store, tmp_path: Path) -> None:
    events = [event("tool_call", MS - 1000, id="one"), event("custom", MS)]
    first = await take(store, *events, seq=7)
    before = tables(tmp_path)
    again = await take(store, *events, seq=7)
    posted = await take(store, events[0])  # by its id alone, over HTTP
    assert (first.stored, again.stored, again.duplicates, posted.duplicates) == (2, 0, 2, 1)
    assert again.ids == first.ids
    assert posted.ids == ("one",) == first.ids[:1]
    assert first.ids[1] == made(MS, rows(tmp_path, "SELECT n FROM event WHERE type = 'custom'")[0][0])
    assert tables(tmp_path) == before
    assert store.intake.generation == 1


async def test_the_same_id_is_another_event_in_another_session_or_of_another_agent(store: Store) -> None:
    taken = await take(
        store, event("custom", id="x"), event("custom", id="x", session="t"), event("custom", id="x", agent="b"),
        event("custom", id="x"),
    )  # fmt: skip
    assert (taken.stored, taken.duplicates) == (3, 1)


async def test_a_stream_that_is_made_again_counts_anew(store: Store) -> None:
    assert (await take(store, event("custom"), seq=1)).stored == 1
    assert (await take(store, event("custom"), seq=1, origin=Origin("SESSIONS", "later"))).stored == 1


async def test_a_large_payload_counts_before_it_is_cut(store: Store, tmp_path: Path) -> None:
    payload = {"costUsd": 0.5, "isError": True, "completion": "ä" * 6000}
    await take(store, event("llm_response", payload=payload), event("tool_response", payload=payload))
    (kept, size), _ = rows(tmp_path, "SELECT payload, size FROM event")
    told = json.loads(kept)
    assert told["type"] == "_truncated"
    assert told["data"]["originalSize"] == size > 12_000
    session = await store.sessions.session("s", NOW)
    assert session is not None
    assert (session.cost, session.tool_failures) == (500_000_000, 1)


async def test_what_is_not_understood_is_put_aside_with_the_reason(store: Store, tmp_path: Path) -> None:
    bad = Unusable(3, 1, "sessions.x", "payload.reason is missing\x1b[2J", "ß" * 9000)
    for _ in range(2):
        await store.intake.take([Arrived(event("custom"), 3, 0)], origin=ORIGIN, unusable=[bad])
    ((reason, body),) = rows(tmp_path, "SELECT reason, body FROM dead_letter")
    assert reason == "payload.reason is missing"
    assert body == "ß" * 5120


async def test_content_of_events_that_are_too_old_is_not_kept(store: Store, tmp_path: Path) -> None:
    await take(store, event("custom", MS - 91 * DAY, payload={"a": 1}), event("custom", MS - 89 * DAY, session="t"))
    assert rows(tmp_path, "SELECT payload, metadata FROM event ORDER BY at") == [(None, None), ("{}", "{}")]


# -- trouble -------------------------------------------------------------------------------------------------------
async def test_a_locked_store_keeps_nothing_and_takes_it_later(store: Store, tmp_path: Path) -> None:
    await take(store, event("custom", id="1"))
    before = tables(tmp_path)
    other = sqlite3.connect(tmp_path / "watchdeck.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreFailed):
        await take(store, event("custom", id="2"))
    other.execute("ROLLBACK")
    other.close()
    assert tables(tmp_path) == before
    assert (await take(store, event("custom", id="2"))).stored == 1


async def test_sums_that_are_wrong_are_found_and_summed_up_anew(store: Store, tmp_path: Path) -> None:
    await take(store, event("tool_call"), event("custom", MS - DAY, session="t"))
    assert await store.intake.verify() == []
    with sqlite3.connect(tmp_path / "watchdeck.db") as connection:
        connection.execute("UPDATE day SET cost = cost + 1, calls = 9")
    connection.close()
    assert len(await store.intake.verify()) == 2
    generation = store.intake.generation
    await store.intake.repair()
    assert await store.intake.verify() == []
    assert store.intake.generation > generation


# -- any order -----------------------------------------------------------------------------------------------------
_types = st.sampled_from(
    [
        "session_started",
        "session_ended",
        "tool_call",
        "tool_response",
        "tool_error",
        "llm_response",
        "cost_tracked",
        "custom",
    ]
)
_payloads = st.fixed_dictionaries(
    {},
    optional={
        "reason": st.sampled_from(["completed", "error", "timeout"]),
        "isError": st.sampled_from([True, False, "true", 1]),
        "costUsd": st.sampled_from([0.1, 0.0305, -0.02, 0, True, "1"]),
        "usage": st.just({"inputTokens": 7, "outputTokens": 2.0}),
        "agentName": st.sampled_from(["", "Ann", "Bob"]),
        "tags": st.sampled_from([[], ["x"], ["y", "z"], "no"]),
        "model": st.sampled_from(["m1", "m2", 3]),
    },
)
_histories = st.lists(
    st.builds(
        SessionEvent,
        session=st.sampled_from(["s1", "s2"]),
        agent=st.sampled_from(["a1", "a2"]),
        type=_types,
        severity=st.sampled_from(["info", "error", "critical"]),
        at=st.integers(0, 6).map(lambda step: MS - 2 * DAY + step * (DAY // 3)),
        payload=_payloads,
        metadata=st.fixed_dictionaries({}, optional={"label": st.sampled_from(["l1", "l2"])}),
    ),
    min_size=1,
    max_size=14,
)


def plain(events: Sequence[SessionEvent]) -> dict[str, tuple[Any, ...]]:
    """AgentLens's rules, applied one after the other to events that are in order. Only for distinct times."""
    known: dict[str, dict[str, Any]] = {}
    for each in sorted(events, key=lambda each: each.at):
        payload = each.payload
        new = each.session not in known
        s = known.setdefault(
            each.session,
            {"agent": each.agent, "start": each.at, "end": None, "status": "active", "n": 0, "errors": 0, "calls": 0,
             "cost": 0.0, "llm": 0, "in": 0, "out": 0, "tags": [], "name": ""},
        )  # fmt: skip
        s["n"] += 1
        s["last"] = each.at
        if each.type == "session_started":
            s["status"] = "active"
            if payload.get("agentName"):
                s["name"] = payload["agentName"]
            if isinstance(payload.get("tags"), list) and (new or payload["tags"]):
                s["tags"] = payload["tags"]
            continue
        if each.type == "session_ended":
            s["end"] = each.at
            s["status"] = "error" if payload.get("reason") == "error" else "completed"
        if each.severity in ("error", "critical") or each.type == "tool_error":
            s["errors"] += 1
        s["calls"] += each.type == "tool_call"
        cost = payload.get("costUsd")
        if each.type in ("cost_tracked", "llm_response") and isinstance(cost, (int, float)) and cost is not True:
            s["cost"] += cost
        if each.type == "llm_response":
            s["llm"] += 1
            s["in"] += payload.get("usage", {}).get("inputTokens", 0)
            s["out"] += int(payload.get("usage", {}).get("outputTokens", 0))
    return {
        id: (s["agent"], s["start"], s["last"], s["end"], s["status"], s["n"], s["errors"], s["calls"],
             round(s["cost"] * 1e9), s["llm"], s["in"], s["out"], s["name"], s["tags"])
        for id, s in known.items()
    }  # fmt: skip


def kept(folder: Path) -> dict[str, tuple[Any, ...]]:
    columns = (
        "s.id, a.id, started_at, last_at, ended_at, status, events, errors, tool_calls, cost, llm_calls, input_tokens,"
        " output_tokens, agent_name, tags"
    )
    found = rows(folder, f"SELECT {columns} FROM session s JOIN ai_agent a ON a.n = s.agent_n")
    return {row[0]: (*row[1:-1], json.loads(row[-1]) if row[-1] else []) for row in found}


_QUICK = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@_QUICK
@given(events=_histories, seed=st.integers(0, 2**32))
async def test_any_order_in_any_batches_leaves_the_same(
    events: list[SessionEvent], seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    chance = random.Random(seed)
    straight, shuffled = tmp_path_factory.mktemp("straight"), tmp_path_factory.mktemp("shuffled")
    at_once = Store.open("", straight, clock=lambda: NOW)
    in_parts = Store.open("", shuffled, clock=lambda: NOW)
    placed = [Arrived(each, number, 0) for number, each in enumerate(events, 1)]
    await at_once.intake.take(placed, origin=ORIGIN)
    chance.shuffle(placed)
    while placed:
        size = chance.randint(1, 5)
        some, placed = placed[:size], placed[size:]
        await in_parts.intake.take(some, origin=ORIGIN)
        if chance.random() < 0.3:
            await in_parts.intake.take(some, origin=ORIGIN)
        assert await in_parts.intake.verify() == []
    await at_once.close()
    await in_parts.close()
    assert tables(shuffled) == tables(straight)


@_QUICK
@given(events=_histories, seed=st.integers(0, 2**32))
async def test_out_of_order_gives_what_the_rules_give_in_order(
    events: list[SessionEvent], seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("store")
    store = Store.open("", folder, clock=lambda: NOW)
    apart = [
        SessionEvent(e.session, e.agent, e.type, e.severity, e.at + place, e.payload, e.metadata)
        for place, e in enumerate(events)
    ]
    expected = plain(apart)
    random.Random(seed).shuffle(apart)
    for start in range(0, len(apart), 4):
        await store.intake.take([Arrived(each) for each in apart[start : start + 4]])
    await store.close()
    assert kept(folder) == expected
