"""Session events over HTTP on a real store: posted all or none, harmless when sent again, read as AgentLens's."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import msgspec
import pytest

from app.api.application import Application
from app.api.guard import EVENTS_LIMIT
from app.model.access import Role
from app.model.sessions import SessionDetail, SessionList
from app.store.errors import StoreFailed
from app.store.eventids import parts
from app.store.store import Store
from tests.behind import FilledBoard, filled

NOW = datetime.now(UTC).replace(microsecond=0)
RUN = "run/1.a b%"
CODER = "coder/7"


def ago(seconds: float) -> str:
    return (NOW - timedelta(seconds=seconds)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def event(type_: str, payload: dict[str, Any], *, session: str = RUN, seconds: float = 60, **more: Any) -> Any:
    return {
        "sessionId": session, "agentId": CODER, "eventType": type_, "payload": payload, "timestamp": ago(seconds),
        **more,
    }  # fmt: skip


BATCH = [
    event("session_started", {"agentName": "Coder", "tags": ["ci", "nightly"]}, seconds=50, id="e1"),
    event("tool_call", {"toolName": "bash", "callId": "c", "arguments": {"n": 1.0}}, session="other", seconds=40),
    event("tool_error", {"toolName": "bash", "callId": "c", "error": "\x1b[2J\u202e", "durationMs": 5}, seconds=30),
    event("cost_tracked", {"provider": "p", "model": "m", "inputTokens": 1, "outputTokens": 1, "totalTokens": 2,
                           "costUsd": 0.0413}, seconds=20, id="e4"),
    event("session_ended", {"reason": "error", "summary": "ü"}, seconds=10, id="e5"),
]  # fmt: skip


@pytest.fixture
async def board(tmp_path: Path) -> AsyncIterator[FilledBoard]:
    board = filled()
    board.store = Store.open("", tmp_path, clock=lambda: datetime.now(UTC))
    yield board
    await board.store.close()


@pytest.fixture
async def near(board: FilledBoard) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody at the worker's own socket, who may everything."""
    transport = httpx.ASGITransport(Application(board).socket())
    async with httpx.AsyncClient(transport=transport, base_url="http://worker") as client:
        yield client


async def posted(client: httpx.AsyncClient, events: list[Any], answered: int = 201) -> Any:
    answer = await client.post("/api/events", json={"events": events})
    assert answer.status_code == answered, answer.text
    return answer.json()


async def read(client: httpx.AsyncClient, path: str, answered: int = 200, /, **query: Any) -> Any:
    answer = await client.get(path, params=query)
    assert answer.status_code == answered, answer.text
    return answer.json()


async def test_what_is_posted_is_read_as_agentlens_tells_it(near: httpx.AsyncClient) -> None:
    answer = await posted(near, BATCH)
    assert answer["ingested"] == 5
    # grouped by session: those of the first one before those of the other
    ids = [each["id"] for each in answer["events"]]
    assert ids[0] == "e1"
    assert ids[2:4] == ["e4", "e5"]
    assert parts(ids[1]) is not None
    assert parts(ids[4]) is not None

    session = await read(near, f"/api/sessions/{quote(RUN, safe='')}")
    assert session == {
        "id": RUN, "agentId": CODER, "agentName": "Coder", "startedAt": ago(50), "endedAt": ago(10),
        "status": "error", "eventCount": 4, "toolCallCount": 0, "errorCount": 1, "totalCostUsd": 0.0413,
        "llmCallCount": 0, "totalInputTokens": 0, "totalOutputTokens": 0, "tags": ["ci", "nightly"],
        "tenantId": "default",
    }  # fmt: skip
    other = await read(near, "/api/sessions/other")
    assert (other["status"], other["toolCallCount"]) == ("active", 1)
    assert other.keys().isdisjoint({"endedAt", "agentName"})

    timeline = await read(near, f"/api/sessions/{quote(RUN)}/timeline")
    assert (timeline["chained"], timeline["chainValid"]) == (False, True)
    told = timeline["events"]
    assert [each["id"] for each in told] == ids[:4]
    assert {each["id"]: each["hash"] for each in told}.items() <= {e["id"]: e["hash"] for e in answer["events"]}.items()
    assert [each["payload"] for each in told] == [BATCH[0]["payload"], *(each["payload"] for each in BATCH[2:])]
    assert told[1]["timestamp"] == ago(30)
    assert told[1]["severity"] == "info"
    assert told[1]["metadata"] == {}
    canonical = {
        "v": 2, "id": "e5", "timestamp": ago(10), "sessionId": RUN, "agentId": CODER, "eventType": "session_ended",
        "severity": "info", "payload": {"reason": "error", "summary": "ü"}, "metadata": {}, "prevHash": None,
    }  # fmt: skip
    text = json.dumps(canonical, separators=(",", ":"), ensure_ascii=False)
    assert told[3]["hash"] == hashlib.sha256(text.encode()).hexdigest()

    raw = (await near.get(f"/api/sessions/{quote(RUN)}/timeline")).text
    assert raw.isprintable()
    assert "\u202e" not in raw


async def test_what_is_sent_again_is_kept_once(near: httpx.AsyncClient) -> None:
    own = [each for each in BATCH if "id" in each]
    first = await posted(near, own)
    again = await posted(near, own)
    assert first == again
    assert again["ingested"] == 3
    assert (await read(near, f"/api/sessions/{quote(RUN)}"))["eventCount"] == 3
    await posted(near, [BATCH[1]])
    await posted(near, [BATCH[1]])
    assert (await read(near, "/api/sessions/other"))["eventCount"] == 2


async def test_one_bad_event_keeps_all_out(near: httpx.AsyncClient) -> None:
    bad = [BATCH[0], event("session_ended", {"reason": "done"}), {"sessionId": ""}]
    refused = await posted(near, bad, 400)
    assert refused["error"] == "Validation failed"
    assert refused["status"] == 400
    where = [fault["path"] for fault in refused["details"]]
    assert where[0] == "events.1.payload.reason"
    assert where[1:] == ["events.2.sessionId", "events.2.agentId", "events.2.eventType", "events.2.payload"]
    assert (await read(near, "/api/sessions"))["total"] == 0
    assert (await read(near, "/api/agents"))["agents"] == []


async def test_what_is_no_body(near: httpx.AsyncClient) -> None:
    for body in (b"", b"{", b"null", b"0", b"\xff", b"[" * 60_000):
        answer = await near.post("/api/events", content=body)
        assert (answer.status_code, answer.json()["error"]) == (400, "Invalid JSON body")
    for body, path, message in (
        (b"[]", "", "Invalid input: expected object, received array"),
        (b"{}", "events", "Invalid input: expected array, received undefined"),
        (b'{"events":[]}', "events", "Too small: expected array to have >=1 items"),
        (b'{"events":[' + b"0," * 1000 + b"0]}", "events", "Too big: expected array to have <=1000 items"),
    ):
        answer = await near.post("/api/events", content=body)
        assert (answer.status_code, answer.json()["error"]) == (400, "Validation failed")
        assert answer.json()["details"] == [{"path": path, "message": message}]


async def test_odd_json_is_taken_or_refused(near: httpx.AsyncClient) -> None:
    def body(data: str) -> bytes:
        whole = json.dumps({"events": [event("custom", {"type": "t", "data": {"x": "@"}}, id="odd")]})
        return whole.replace('"@"', data).encode()

    for refused in ("1e999", "9" * 400, "[" * 200 + "]" * 200):
        assert (await near.post("/api/events", content=body(refused))).status_code == 400
    taken = await near.post("/api/events", content=body('"\\ud800\\u0000\\u202e"'))
    assert taken.status_code == 201, taken.text
    [told] = (await read(near, f"/api/sessions/{quote(RUN)}/timeline"))["events"]
    assert told["payload"]["data"]["x"] == "\ud800\x00\u202e"
    assert told["hash"] == taken.json()["events"][0]["hash"]


async def test_a_thousand_events_at_once(near: httpx.AsyncClient) -> None:
    text = "x" * 850
    body = [event("custom", {"type": "t", "data": {"x": text}}, seconds=each) for each in range(1000)]
    whole = json.dumps({"events": body}).encode()
    assert EVENTS_LIMIT * 0.9 < len(whole) <= EVENTS_LIMIT
    answer = await near.post("/api/events", content=whole)
    assert answer.status_code == 201, answer.text
    assert len({each["id"] for each in answer.json()["events"]}) == 1000
    assert (await read(near, f"/api/sessions/{quote(RUN)}"))["eventCount"] == 1000
    assert (await near.post("/api/events", content=whole + b" " * EVENTS_LIMIT)).status_code == 413
    assert (await read(near, "/api/events", limit=1))["total"] == 1000


async def test_a_large_payload_is_told_as_cut(near: httpx.AsyncClient) -> None:
    answer = await posted(near, [event("custom", {"type": "t", "data": {"x": "ü" * 20_000}}, id="big")])
    [told] = (await read(near, f"/api/sessions/{quote(RUN)}/timeline"))["events"]
    assert told["payload"]["type"] == "_truncated"
    cut = told["payload"]["data"]
    assert (cut["_truncated"], cut["maxSize"]) == (True, 10_240)
    assert cut["originalSize"] > 40_000
    assert cut["preview"].startswith('{"type":')
    assert told["hash"] == answer["events"][0]["hash"]


async def test_sessions_are_listed_in_pages(near: httpx.AsyncClient) -> None:
    await posted(near, [event("custom", {"type": "t", "data": {}}, session=f"s{n}", seconds=n) for n in range(1, 61)])
    await posted(near, BATCH)
    first = await read(near, "/api/sessions")
    assert (len(first["sessions"]), first["total"], first["hasMore"]) == (50, 62, True)
    assert [each["id"] for each in first["sessions"][:2]] == ["s1", "s2"]
    for limit, rows in (("0", 50), ("x", 50), ("-5", 1), ("7.5", 7), ("999", 62)):
        assert len((await read(near, "/api/sessions", limit=limit))["sessions"]) == rows
    rest = await read(near, "/api/sessions", offset=60)
    assert (len(rest["sessions"]), rest["hasMore"]) == (2, False)
    assert await read(near, "/api/sessions", countOnly="true") == {"count": 62}
    assert await read(near, "/api/sessions", countOnly="true", status="error,completed") == {"count": 1}
    assert await read(near, "/api/sessions", countOnly="true", tags="none,ci") == {"count": 1}
    assert await read(near, "/api/sessions", countOnly="true", agentId="nobody") == {"count": 0}
    assert await read(near, "/api/sessions", countOnly="true", **{"from": ago(2), "to": ago(1)}) == {"count": 2}
    refused = await read(near, "/api/sessions", 400, status="done")
    assert refused["details"][0]["path"] == "query.status"
    refused = await read(near, "/api/sessions", 400, **{"from": "yesterday"})
    assert refused["details"] == [{"path": "query.from", "message": "Invalid ISO datetime"}]


async def test_events_are_found(near: httpx.AsyncClient) -> None:
    await posted(near, BATCH)
    newest = await read(near, "/api/events")
    assert (newest["total"], newest["hasMore"], newest["events"][0]["id"]) == (5, False, "e5")
    oldest = await read(near, "/api/events", order="asc", limit=1)
    assert (oldest["events"][0]["id"], oldest["hasMore"]) == ("e1", True)
    costs = await read(near, "/api/events", eventType="cost_tracked,session_ended", sessionId=RUN)
    assert [each["id"] for each in costs["events"]] == ["e5", "e4"]
    assert (await read(near, "/api/events", search="ü"))["total"] == 1
    assert (await read(near, "/api/events", severity="error"))["total"] == 0


async def test_agents(near: httpx.AsyncClient) -> None:
    await posted(near, BATCH)
    agent = {
        "id": CODER, "name": "Coder", "firstSeenAt": ago(50), "lastSeenAt": ago(10), "sessionCount": 2,
        "tenantId": "default",
    }  # fmt: skip
    assert await read(near, "/api/agents") == {"agents": [agent]}
    assert await read(near, f"/api/agents/{quote(CODER, safe='')}") == agent
    assert (await read(near, "/api/agents/nobody", 404))["error"] == "Agent not found"
    for path in ("/api/sessions/none", "/api/sessions/none/timeline", "/api/v1/sessions/none"):
        assert (await read(near, path, 404))["error"] == "Session not found"


async def test_a_deck_reads_a_session_around_an_event(near: httpx.AsyncClient) -> None:
    await posted(near, BATCH)
    answer = await near.get(f"/api/v1/sessions/{quote(RUN, safe='')}", params={"around": "e4", "limit": 1})
    detail = msgspec.json.decode(answer.content, type=SessionDetail)
    assert (detail.session.key, detail.total, detail.first) == (RUN, 4, 2)
    assert [each.id for each in detail.events] == ["e4"]
    assert parts(detail.worst) is not None
    worst_answer = await near.get(f"/api/v1/sessions/{quote(RUN)}", params={"around": detail.worst, "limit": 1})
    worst = msgspec.json.decode(worst_answer.content, type=SessionDetail)
    assert worst.events[0].type == "tool_error"
    assert worst.events[0].payload.isprintable()
    unasked = await near.get(f"/api/v1/sessions/{quote(RUN)}", params={"limit": 1})
    assert unasked.content == worst_answer.content  # without a wish, around the one to look at first
    second = await near.get(f"/api/v1/sessions/{quote(RUN)}", params={"limit": 2, "first": 1})
    assert msgspec.json.decode(second.content, type=SessionDetail).first == 1
    assert (await near.get(f"/api/v1/sessions/{quote(RUN)}", params={"limit": 0})).status_code == 422


async def test_a_deck_reads_sessions_from_the_one_heard_of_last(near: httpx.AsyncClient) -> None:
    await posted(near, BATCH)

    async def keys(**asked: int) -> list[str]:
        answer = await near.get("/api/v1/sessions", params=asked)
        return [each.key for each in msgspec.json.decode(answer.content, type=SessionList).sessions]

    every = await keys()
    assert sorted(every) == sorted({each["sessionId"] for each in BATCH})
    assert [*await keys(limit=1), *await keys(limit=1, offset=1)] == every[:2]
    assert await keys(offset=100) == []


async def test_roles_on_a_real_store(board: FilledBoard) -> None:
    transport = httpx.ASGITransport(Application(board).tcp(()))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        for role, may in ((Role.MEMBER, False), (Role.OPERATOR, True)):
            _, text = await board.store.tokens.create(role, role.value, None, "here")
            client.headers["authorization"] = f"Bearer {text}"
            answer = await client.post("/api/events", json={"events": BATCH[:1]})
            assert answer.status_code == (201 if may else 403)
            for path in ("/api/sessions", "/api/events", f"/api/sessions/{quote(RUN)}"):
                assert (await client.get(path)).status_code == (200 if may else 403)
            assert (await client.get("/api/agents")).status_code == 200


async def test_a_store_in_trouble_keeps_nothing_and_says_why(
    board: FilledBoard, near: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def failing(*_: object, **__: object) -> None:
        raise StoreFailed("session store is full")

    monkeypatch.setattr(board.store, "write", failing)
    refused = await posted(near, BATCH, 503)
    assert refused["error"] == "session store is full"
    monkeypatch.undo()
    assert (await read(near, "/api/sessions"))["total"] == 0
