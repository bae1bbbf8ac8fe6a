"""Session events a second from a real NATS to disk, beside two plain loops: objects of an ORM with a commit a message,
as AgentLens does it, and bare rows of which nothing is worked out."""

from __future__ import annotations

import asyncio
import hashlib
import json
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, event, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from app.model.snapshot import Snapshot
from tests.ingesting import ingesting, make_stream, parts
from tests.integration.watching import client
from tests.nats_server import NatsServer

pytestmark = [pytest.mark.bench, pytest.mark.timeout(300)]

EVENTS = 20_000
BASELINE = 2_000
LEAST = 15


def events(count: int) -> list[dict[str, Any]]:
    """Sessions of 20 events each of 40 agents: a start, calls with their ends, an end."""
    made = []
    for number in range(count):
        session, at = divmod(number, 20)
        call = {"toolName": "disk.get", "callId": f"c{number // 2}"}
        kind, payload = (
            ("session_started", {"agentName": f"agent {session % 40}", "tags": ["nightly"]})
            if at == 0
            else ("session_ended", {"reason": "error" if session % 9 == 0 else "completed"})
            if at == 19
            else ("tool_call", {**call, "arguments": {"path": "/var/lib/app", "note": "x" * 100}})
            if at % 2
            else ("tool_response", {**call, "result": {"text": "y" * 200}, "durationMs": 12.5})
        )
        made.append(
            {
                "id": f"e{number}",
                "sessionId": f"session-{session}",
                "agentId": f"agent-{session % 40}",
                "eventType": kind,
                "payload": payload,
                "timestamp": f"2026-11-{1 + session % 20:02}T12:{at:02}:00.000Z",
            }
        )
    return made


class _Base(DeclarativeBase):
    pass


class _Agent(_Base):
    __tablename__ = "agents"
    id: Mapped[str] = mapped_column(primary_key=True)
    last_seen: Mapped[str]
    sessions: Mapped[int]


class _Session(_Base):
    __tablename__ = "sessions"
    id: Mapped[str] = mapped_column(primary_key=True)
    agent_id: Mapped[str] = mapped_column(index=True)
    status: Mapped[str]
    started_at: Mapped[str] = mapped_column(index=True)
    ended_at: Mapped[str | None]
    events: Mapped[int]
    tool_calls: Mapped[int]


class _Event(_Base):
    __tablename__ = "events"
    id: Mapped[str] = mapped_column(primary_key=True)
    session_id: Mapped[str] = mapped_column(index=True)
    agent_id: Mapped[str] = mapped_column(index=True)
    type: Mapped[str] = mapped_column(index=True)
    at: Mapped[str] = mapped_column(index=True)
    payload: Mapped[str]
    prev_hash: Mapped[str]
    hash: Mapped[str]


def bare_rows(file: Path, messages: list[bytes]) -> float:
    """Events a second: each decoded and inserted as a row with its payload as text, with a commit with FULL for 200
    messages; no NATS, no sessions, no sums, nothing checked."""
    raw = sqlite3.connect(file, isolation_level=None)
    raw.execute("PRAGMA journal_mode = WAL")
    raw.execute("PRAGMA synchronous = FULL")
    raw.execute("CREATE TABLE event (id TEXT PRIMARY KEY, session TEXT, agent TEXT, type TEXT, at TEXT, payload TEXT)")
    count, began = 0, time.perf_counter()
    for some in parts(messages, 200):
        rows = []
        for message in some:
            decoded = json.loads(message)
            for each in decoded if isinstance(decoded, list) else [decoded]:
                told = (each["id"], each["sessionId"], each["agentId"], each["eventType"], each["timestamp"])
                rows.append((*told, json.dumps(each["payload"])))
        raw.execute("BEGIN IMMEDIATE")
        raw.executemany("INSERT INTO event VALUES (?, ?, ?, ?, ?, ?)", rows)
        raw.execute("COMMIT")
        count += len(rows)
    rate = count / (time.perf_counter() - began)
    raw.close()
    return rate


def plain_loop(file: Path, messages: list[bytes]) -> float:
    """Events a second: each event an object of the ORM with a hash of the one before it, agent and session looked up
    and changed, and a commit with FULL for each message."""
    engine = create_engine(f"sqlite:///{file}")

    @event.listens_for(engine, "connect")
    def _pragmas(raw: Any, _: Any) -> None:
        raw.execute("PRAGMA journal_mode = WAL")
        raw.execute("PRAGMA synchronous = FULL")

    _Base.metadata.create_all(engine)
    count, began = 0, time.perf_counter()
    for message in messages:
        raw = json.loads(message)
        with Session(engine) as kept:
            for each in raw if isinstance(raw, list) else [raw]:
                _insert(kept, each)
                count += 1
            kept.commit()
    rate = count / (time.perf_counter() - began)
    engine.dispose()
    return rate


def _insert(kept: Session, each: dict[str, Any]) -> None:
    last = select(_Event.hash).where(_Event.session_id == each["sessionId"]).order_by(_Event.at.desc()).limit(1)
    before = kept.scalar(last) or ""
    payload = json.dumps(each["payload"])
    session = kept.get(_Session, each["sessionId"])
    agent = kept.get(_Agent, each["agentId"])
    if agent is None:
        agent = _Agent(id=each["agentId"], last_seen=each["timestamp"], sessions=0)
        kept.add(agent)
    agent.last_seen = each["timestamp"]
    if session is None:
        agent.sessions += 1
        session = _Session(
            id=each["sessionId"], agent_id=each["agentId"], status="active", started_at=each["timestamp"],
            events=0, tool_calls=0,
        )  # fmt: skip
        kept.add(session)
    session.events += 1
    session.tool_calls += each["eventType"] == "tool_call"
    if each["eventType"] == "session_ended":
        session.status, session.ended_at = each["payload"]["reason"], each["timestamp"]
    kept.add(
        _Event(
            id=each["id"], session_id=each["sessionId"], agent_id=each["agentId"], type=each["eventType"],
            at=each["timestamp"], payload=payload, prev_hash=before,
            hash=hashlib.sha256((before + payload).encode()).hexdigest(),
        )
    )  # fmt: skip
    kept.flush()


@pytest.mark.parametrize("together", [1, 10])
async def test_events_a_second_from_the_stream_to_disk(tmp_path: Path, together: int) -> None:
    made = events(EVENTS)
    messages = [json.dumps(part if together > 1 else part[0]).encode() for part in parts(made, together)]
    few = messages[: BASELINE // together]
    baseline = await asyncio.to_thread(plain_loop, tmp_path / "plain.db", few)
    bare = await asyncio.to_thread(bare_rows, tmp_path / "bare.db", messages)
    with NatsServer(tmp_path / "nats") as server:
        async with client(server.url) as nc:
            await make_stream(nc)
            for number, message in enumerate(messages):
                await nc.publish("sessions.x", message)
                if number % 500 == 499:
                    await nc.flush()
            await nc.flush()
        async with ingesting(server.url, tmp_path / "state", namespace="not-yet") as it:
            while it.board.intake.state != "absent":
                await asyncio.sleep(0.01)
            it.board.snapshot = Snapshot()
            progress, cpu = it.ingester._progress, time.process_time()
            while not progress.taken:
                await asyncio.sleep(0)
            began, first = time.perf_counter(), progress.taken
            while progress.taken < EVENTS:
                await asyncio.sleep(0.002)
            rate = (EVENTS - first) / (time.perf_counter() - began)
            cpu = time.process_time() - cpu
            assert await it.events() == EVENTS
            assert await it.store.intake.verify() == []
    print(f"\n  messages of {together}: {rate:,.0f} events/s on disk, {cpu / EVENTS * 1e6:.0f} us of CPU each;", end="")
    print(f" objects and a commit a message {baseline:,.0f} events/s: {rate / baseline:.0f} x;", end="")
    print(f" bare rows {bare:,.0f} events/s: {rate / bare:.2f} x")
    assert rate >= LEAST * baseline
