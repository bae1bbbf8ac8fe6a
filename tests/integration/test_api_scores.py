"""Scores over HTTP on a real store: what the formulas give for posted sessions, and the weights they are by."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import msgspec
import pytest

from app.api.application import Application
from app.feed.acts import ResetWeights, SetWeights
from app.feed.questions import ScoreOf
from app.model.access import Role
from app.model.events import EventKind
from app.model.scoring import Band, Dimension, Score, ScoreDetail, Standards, Weights
from app.model.sessions import Intake, IntakeState
from app.model.snapshot import Snapshot
from app.store.errors import StoreFailed
from app.store.store import Store
from app.worker.events import EventLog
from tests.behind import FilledBoard, filled

NOW = datetime.now(UTC).replace(microsecond=0)
CODER, NEW = "team/coder.7 x", "new"
HEALTH = f"/api/agents/{quote(CODER, safe='')}/health"
OVERVIEW, HISTORY, WEIGHTS = "/api/health/overview", "/api/health/history", "/api/config/health-weights"
DEFAULT = {"errorRate": 0.3, "costEfficiency": 0.2, "toolSuccess": 0.2, "latency": 0.15, "completionRate": 0.15}
EQUAL = dict.fromkeys(DEFAULT, 0.2)


def run(
    session: str, days: float, *, agent: str = CODER, seconds: float = 2, cost: float = 0.03, calls: int = 0,
    failures: int = 0, reason: str = "completed",
) -> list[dict[str, Any]]:  # fmt: skip
    """The events of one session that began some days ago; without a reason it has not ended."""
    began = NOW - timedelta(days=days)

    def event(type_: str, payload: dict[str, Any], after: float = 0.0) -> dict[str, Any]:
        at = (began + timedelta(seconds=after)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return {"sessionId": session, "agentId": agent, "eventType": type_, "payload": payload, "timestamp": at}

    tool = {"toolName": "bash", "callId": "c"}
    tokens = {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2}
    return [
        event("session_started", {"agentName": agent.title()}),
        event("cost_tracked", {"provider": "p", "model": "m", "costUsd": cost, **tokens}),
        *[event("tool_call", {**tool, "arguments": {}}, 1) for _ in range(calls)],
        *[event("tool_error", {**tool, "error": "x", "durationMs": 5}, 1) for _ in range(failures)],
        *([event("session_ended", {"reason": reason}, seconds)] if reason else []),
    ]


RUNS = [
    *run("before-1", 10, seconds=1, cost=0.02, calls=2),
    *run("before-2", 10, seconds=1, cost=0.02, calls=2),
    *run("s1", 1, calls=2),
    *run("s2", 1, calls=1, failures=1),
    *run("s3", 1, reason="error"),
    *run("s4", 1),
    *run("s5", 1, reason=""),
    *run("n1", 0.5, agent=NEW),
]


@pytest.fixture
async def board(tmp_path: Path) -> AsyncIterator[FilledBoard]:
    board = filled()
    board.store = Store.open("", tmp_path, clock=lambda: datetime.now(UTC))
    board.events = EventLog()
    yield board
    await board.store.close()


@pytest.fixture
async def client(board: FilledBoard) -> AsyncIterator[httpx.AsyncClient]:
    _, token = await board.store.tokens.create(Role.ADMIN, "ana", None, "here")
    headers = {"authorization": f"Bearer {token}"}
    transport = httpx.ASGITransport(Application(board).tcp(()))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost", headers=headers) as client:
        posted = await client.post("/api/events", json={"events": RUNS})
        assert posted.status_code == 201, posted.text
        yield client


def instant(text: str) -> datetime:
    assert text.endswith("Z")
    assert len(text) == len("2026-11-22T14:00:00.000Z")
    return datetime.fromisoformat(text)


async def test_the_score_of_an_agent(client: httpx.AsyncClient) -> None:
    """80, 50, 66.67, 50 and 60 by the default weights: 63.834 of 100, where 100 was."""
    answer = await client.get(HEALTH)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    begins, ends = instant(body["window"].pop("from")), instant(body["window"].pop("to"))
    assert ends - begins == timedelta(days=7)
    assert instant(body.pop("computedAt")) == ends

    def dimension(name: str, score: float, weight: float, raw: float, was: float, told: str, **more: float) -> Any:
        return {
            "name": name, "score": score, "weight": weight, "rawValue": raw, "previousRawValue": was,
            "description": told, "hasData": True, **more,
        }  # fmt: skip

    assert body == {
        "agentId": CODER, "overallScore": 63.83, "trend": "degrading", "trendDelta": -36.17, "window": {},
        "sessionCount": 5, "previousScore": 100.0, "lowConfidence": False, "band": "warning", "residualChange": 0.0,
        "dimensions": [
            dimension("error_rate", 80.0, 0.3, 0.2, 0.0, "20% error rate across 5 sessions",
                      points=24.0, maxPoints=30.0, change=-6.0),
            dimension("cost_efficiency", 50.0, 0.2, 0.03, 0.02, "Average cost $0.03 per session",
                      points=10.0, maxPoints=20.0, change=-10.0),
            dimension("tool_success", 66.67, 0.2, 0.6667, 1.0, "67% tool call success rate",
                      points=13.33, maxPoints=20.0, change=-6.67),
            dimension("latency", 50.0, 0.15, 2000.0, 1000.0, "Average latency 2000ms",
                      points=7.5, maxPoints=15.0, change=-7.5),
            dimension("completion_rate", 60.0, 0.15, 0.6, 1.0, "60% session completion rate",
                      points=9.0, maxPoints=15.0, change=-6.0),
        ],
    }  # fmt: skip


async def test_who_has_no_sessions_in_the_window_has_no_score(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/agents/nobody/health")
    assert (answer.status_code, answer.json()["error"]) == (404, "No sessions found for agent in window")
    new = (await client.get(f"/api/agents/{NEW}/health")).json()
    assert (new["previousScore"], new["trendDelta"], new["lowConfidence"]) == (None, 0.0, True)
    assert {each["change"] for each in new["dimensions"]} == {None}


async def test_the_overview(client: httpx.AsyncClient) -> None:
    async def listed(query: str = "") -> list[str]:
        body = (await client.get(f"{OVERVIEW}{query}")).json()
        assert body["total"] == 2
        assert {each["computedAt"] for each in body["agents"]} <= {body["computedAt"]}
        return [each["agentId"] for each in body["agents"]]

    assert await listed() == [NEW, CODER]
    assert await listed("?sort=lastSeen") == [NEW, CODER]
    assert await listed("?sort=score") == await listed("?sort=change") == [CODER, NEW]
    assert await listed("?sort=name") == [NEW, CODER]
    assert await listed("?sort=score&limit=1") == [CODER]
    assert await listed("?sort=score&limit=5&offset=1") == [NEW]
    one = next(each for each in (await client.get(OVERVIEW)).json()["agents"] if each["agentId"] == CODER)
    alone = (await client.get(HEALTH)).json()
    for body in (one, alone):
        del body["computedAt"], body["window"]
    assert one == alone


async def test_a_day_is_kept_once_and_by_the_default_window(client: httpx.AsyncClient, board: FilledBoard) -> None:
    def days(body: Any) -> list[Any]:
        assert (body["agentId"], body["days"]) == (CODER, 30)
        return list(body["snapshots"])

    board.intake = Intake(IntakeState.READING, "SESSIONS", pending=3)
    await client.get(HEALTH)
    assert days((await client.get(HISTORY, params={"agentId": CODER})).json()) == []
    board.intake = Intake(IntakeState.READING, "SESSIONS")
    await client.get(f"{HEALTH}?window=30")
    await client.post("/api/events", json={"events": run("late", 0.1)})
    await client.get(HEALTH)
    (day,) = days((await client.get(HISTORY, params={"agentId": CODER})).json())
    assert day.pop("date") in {NOW.date().isoformat(), datetime.now(UTC).date().isoformat()}
    assert day == {
        "agentId": CODER, "overallScore": 63.83,
        "errorRateScore": 80.0, "costEfficiencyScore": 50.0, "toolSuccessScore": 66.67, "latencyScore": 50.0,
        "completionRateScore": 60.0, "sessionCount": 5,
    }  # fmt: skip
    unknown = (await client.get(HISTORY, params={"agentId": "nobody", "days": "365"})).json()
    assert unknown == {"snapshots": [], "agentId": "nobody", "days": 365}


async def test_a_day_that_cannot_be_kept_is_no_fault_of_who_asks(
    client: httpx.AsyncClient, board: FilledBoard, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*_: object) -> None:
        raise StoreFailed("session store is full")

    monkeypatch.setattr(board.store.scores, "keep_today", fails)
    assert (await client.get(HEALTH)).status_code == 200
    monkeypatch.setattr(board.store.scores, "score", fails)
    answer = await client.get(HEALTH)
    assert (answer.status_code, answer.json()["error"]) == (503, "session store is full")


RANGE = "window must be an integer between 1 and 90"
INT = "Invalid input: expected int, received number"
NAN = "Invalid input: expected number, received NaN"


WRONG_WINDOWS = [
    ("window=0", RANGE), ("window=91", RANGE), ("window=-1", RANGE), ("window=999", RANGE), ("window=", RANGE),
    ("window=7.5", INT), ("window=abc", NAN), ("window=null", NAN), ("window=7&window=8", NAN), ("window=1_0", NAN),
    ("window=%C2%B2", NAN), ("window=Infinity", NAN.replace("NaN", "Infinity")),
    ("window=1e999", NAN.replace("NaN", "Infinity")),
]  # fmt: skip
WINDOWS = ["window=7", "window=1e1", "window=0x10", "window=%207%20", "window=90.0", ""]
WRONG = [
    (HISTORY, "Missing required query parameter: agentId", False),
    (f"{HISTORY}?agentId=", "Missing required query parameter: agentId", False),
    (f"{HISTORY}?agentId=a&days=0", "Too small: expected number to be >=1", True),
    (f"{HISTORY}?agentId=a&days=366", "Too big: expected number to be <=365", True),
    (f"{HISTORY}?agentId=a&days=2.5", INT, True),
    (f"{HISTORY}?agentId=a&days=x", NAN, True),
    (f"{OVERVIEW}?limit=0", "Too small: expected number to be >=1", True),
    (f"{OVERVIEW}?offset=-1", "Too small: expected number to be >=0", True),
    (f"{OVERVIEW}?sort=x", 'Invalid option: expected one of "lastSeen"|"score"|"change"|"name"', True),
]


async def test_windows_that_cannot_be(client: httpx.AsyncClient) -> None:
    for query, message in WRONG_WINDOWS:
        for path in (HEALTH, OVERVIEW):
            answer = await client.get(f"{path}?{query}")
            body = answer.json()
            assert (answer.status_code, body["status"], body["error"]) == (400, 400, message), query
            assert body["details"] == [{"path": "window", "message": message}]


async def test_windows_as_javascript_reads_them(client: httpx.AsyncClient) -> None:
    for query in WINDOWS:
        assert (await client.get(f"{HEALTH}?{query}")).status_code == 200, query


async def test_what_else_cannot_be_asked(client: httpx.AsyncClient) -> None:
    for path, message, details in WRONG:
        answer = await client.get(path)
        assert (answer.status_code, answer.json()["error"]) == (400, message), path
        assert isinstance(answer.json()["details"], list) is details


# weights


async def told(board: FilledBoard) -> list[tuple[str, str]]:
    events = board.events.observe(Snapshot(at=NOW), (), "")
    return [(event.who, event.what) for event in events.values() if event.kind is EventKind.ACTION]


async def test_weights_are_set_for_all_and_reset(client: httpx.AsyncClient, board: FilledBoard) -> None:
    assert (await client.get(WEIGHTS)).json() == DEFAULT
    answer = await client.put(WEIGHTS, json={**EQUAL, "other": "x"})
    assert (answer.status_code, answer.json()) == (200, EQUAL)
    assert (await client.get(WEIGHTS)).json() == EQUAL
    scored = (await client.get(HEALTH)).json()
    assert scored["overallScore"] == 61.33
    assert {each["weight"] for each in scored["dimensions"]} == {0.2}
    assert (await client.delete(WEIGHTS)).json() == DEFAULT
    assert (await client.get(HEALTH)).json()["overallScore"] == 63.83
    trail = [(row.who, row.action) for row in await board.store.audit.recent(10, None)]
    assert trail[:2] == [("ana", "weights.reset"), ("ana", "weights.set")]
    assert await told(board) == [
        ("ana", "weights set: error_rate 0.3 → 0.2, latency 0.15 → 0.2, completion_rate 0.15 → 0.2"),
        ("ana", "weights reset: error_rate 0.2 → 0.3, latency 0.2 → 0.15, completion_rate 0.2 → 0.15"),
    ]


SMALL, BIG = "Too small: expected number to be >=0", "Too big: expected number to be <=1"
SUM = "Weights must sum to approximately 1.0 (tolerance: 0.95–1.05)"
UNDEFINED = "Invalid input: expected number, received undefined"


WRONG_WEIGHTS: list[tuple[Any, str]] = [
    ({**DEFAULT, "errorRate": 0.24}, SUM),
    ({**DEFAULT, "errorRate": 0.36}, SUM),
    ({**DEFAULT, "errorRate": -0.1}, SMALL),
    ({**DEFAULT, "errorRate": 1.1, "latency": -1}, f"{BIG}; {SMALL}"),
    ({**DEFAULT, "latency": "0.15"}, "Invalid input: expected number, received string"),
    ({**DEFAULT, "latency": True}, "Invalid input: expected number, received boolean"),
    ({**DEFAULT, "latency": None}, "Invalid input: expected number, received null"),
    ({}, "; ".join([UNDEFINED] * 5)),
    ([], "Invalid input: expected record, received array"),
    (None, "Invalid input: expected record, received null"),
]


async def test_weights_that_cannot_be(client: httpx.AsyncClient) -> None:
    for body, message in WRONG_WEIGHTS:
        answer = await client.put(WEIGHTS, content=msgspec.json.encode(body))
        assert (answer.status_code, answer.json()["error"]) == (400, message), body
    for no_json in (b"", b"{", b"\xff", b'{"errorRate": NaN}'):
        answer = await client.put(WEIGHTS, content=no_json)
        assert (answer.status_code, answer.json()["error"]) == (400, "Invalid JSON body"), no_json
    for large in ("1e999", "9" * 400):
        answer = await client.put(WEIGHTS, content=msgspec.json.encode(DEFAULT).replace(b"0.3", large.encode()))
        assert answer.json()["error"] == "Invalid input: expected number, received Infinity"
    assert (await client.get(WEIGHTS)).json() == DEFAULT


async def test_a_sum_of_about_one_will_do(client: httpx.AsyncClient) -> None:
    for error_rate in (0.25, 0.35):
        answer = await client.put(WEIGHTS, json={**DEFAULT, "errorRate": error_rate})
        assert (answer.status_code, answer.json()["errorRate"]) == (200, error_rate)


# decks


async def test_a_deck_reads_a_score_and_sets_weights(client: httpx.AsyncClient, board: FilledBoard) -> None:
    async def ask(window: int) -> ScoreDetail:
        question = ScoreOf(CODER, window)
        answer = await client.get(question.path)
        assert answer.status_code == 200, answer.text
        return msgspec.json.decode(answer.content, type=question.answer)

    found = await ask(7)
    assert isinstance(found.score, Score)
    assert found.score.overall == 63.83
    assert [each.key for each in found.recent[:1]] == ["s5"]
    assert found.movers
    assert found.movers[0].session.key in ("s2", "s3", "s5")
    assert (found.agent.name, found.weights) == (CODER.title(), Weights())
    act = SetWeights(Weights(0.2, 0.2, 0.2, 0.2, 0.2))
    answer = await client.post(act.path, json=act.body)
    assert msgspec.json.decode(answer.content, type=Weights) == act.weights
    assert (await ask(7)).score.overall == 61.33
    assert (await client.post(ResetWeights().path)).json()["error_rate"] == 0.3
    assert len(await told(board)) == 2
    wrong = await client.post(act.path, json={**act.body, "latency": 0.9})
    assert (wrong.status_code, wrong.json()["details"]) == (422, [{"path": "body.weights", "message": SUM}])
    for body in ({**act.body, "latency": "0.2"}, {**act.body, "more": 1}, {"latency": 0.2}):
        assert (await client.post(act.path, json=body)).status_code == 422
    assert (await client.get(ScoreOf("nobody", 7).path)).status_code == 404
    assert (await client.get(ScoreOf(CODER, 91).path)).status_code == 422


async def test_the_worker_s_own_window_where_none_is_asked_for(client: httpx.AsyncClient, board: FilledBoard) -> None:
    board.store.standards = Standards(window=14)
    body = (await client.get(HEALTH)).json()
    assert body["sessionCount"] == 7
    assert instant(body["window"]["to"]) - instant(body["window"]["from"]) == timedelta(days=14)
    assert (await client.get(f"/api/v1/scores/{quote(CODER, safe='')}")).json()["window"] == 14


# metrics


async def test_metrics_tell_of_taking_in_and_of_scores_without_naming_an_agent(
    client: httpx.AsyncClient, board: FilledBoard
) -> None:
    board.intake = Intake(IntakeState.READING, "S", pending=3, behind=1.5, taken=7, duplicates=2, put_aside=1)
    rows = [
        Score(f"{window}/{agent}", agent, window, 90.0, (), 6, band=band)
        for agent, band in (("a", Band.HEALTHY), ("b", Band.HEALTHY), ("c", Band.CRITICAL))
        for window in (7, 30)
    ]
    board.publish(replace(board.snapshot, scores={row.key: row for row in rows}))
    text = (await client.get("/metrics")).text
    for line in (
        "watchdeck_ingest_up 1.0", "watchdeck_ingest_events_total 7.0", "watchdeck_ingest_duplicates_total 2.0",
        "watchdeck_ingest_dead_letters_total 1.0", "watchdeck_ingest_pending 3.0",
        "watchdeck_ingest_behind_seconds 1.5", 'watchdeck_scored_agents{band="healthy"} 2.0',
        'watchdeck_scored_agents{band="warning"} 0.0', 'watchdeck_scored_agents{band="critical"} 1.0',
    ):  # fmt: skip
        assert f"\n{line}\n" in text
    assert {each.value for each in Dimension}.isdisjoint(text.split())
