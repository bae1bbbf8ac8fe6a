"""Sessions as literals: a small fleet of AI agents, the sessions that they ran, and the events of one of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from app.model.scoring import Bands, Dimension, DimensionScore, Mover, Score, ScoreDetail, Trend
from app.model.sessions import AiAgent, AiState, Session, SessionDetail, SessionStatus, TimelineEvent
from app.model.snapshot import Capability, Snapshot
from tests.literals import ago, fleet, keyed, site

CODER = "coder-7"
BROKEN = "9f3c1a2b"
"""A session that ended in error."""


def ai(key: str, sessions: int = 3, **fields: Any) -> AiAgent:
    return AiAgent(**{"key": key, "state": AiState.IDLE, "first_seen": ago(86_400 * 30), "last_seen": ago(60),
                      "name": key.title(), "sessions": sessions, **fields})  # fmt: skip


def session(key: str, agent: str = CODER, began: float = 600.0, lasted: float | None = 42.0, **fields: Any) -> Session:
    """One that completed, unless it is said otherwise; `lasted` None: it goes on."""
    ended = None if lasted is None else ago(began - lasted)
    return Session(**{
        "key": key, "agent": agent, "status": SessionStatus.ACTIVE if ended is None else SessionStatus.COMPLETED,
        "began": ago(began), "last": ended or ago(5), "ended": ended, "events": 12, "tool_calls": 4,
        "cost": 34_000_000, "llm_calls": 2, "input_tokens": 2_000, "output_tokens": 400, "model": "opal-4",
        "channel": "ci", "label": "fix the build", **fields,
    })  # fmt: skip


def sessions() -> list[Session]:
    return [
        session(BROKEN, began=900, status=SessionStatus.ERROR, errors=2, tool_failures=1, cost=1_234_000_000),
        session("5a6e8d77", began=300, lasted=None, context_used=95_000, context_most=100_000),
        session("77aa0011", "reviewer-2", began=7_200, lasted=400, channel="github", label="review a change"),
        session("0b8fc80d", "reviewer-2", began=10_800, errors=1),
        session("2628be71", "triage-bot", began=90_000, lasted=None, status=SessionStatus.IDLE, last=ago(80_000)),
    ]


def with_sessions(*rows: Session, **changed: Any) -> Snapshot:
    """The small fleet with AI agents in it; `rows` instead of the usual sessions."""
    there = frozenset({Capability.BROKER, Capability.FLEET, Capability.SESSIONS})
    given: dict[str, Any] = {
        "site": site(capabilities=there),
        "ai": keyed([ai(CODER, 2), ai("reviewer-2", 2), ai("triage-bot", 1)]),
        "sessions": keyed(rows or sessions()),
    }
    return fleet(**{**given, **changed})


def score(agent: str, overall: float, previous: float | None = None, window: int = 7) -> Score:
    """All of its change is errors."""
    change = None if previous is None else overall - previous
    dimensions = tuple(
        DimensionScore(each, overall, 0.2, 0.3, overall / 5, 20.0, change=(change or 0.0) if not place else 0.0)
        for place, each in enumerate(Dimension)
    )
    trend = Trend.DEGRADING if change is not None and change < -5 else Trend.STABLE
    return Score(f"{window}/{agent}", agent, window, overall, dimensions, 20, 15, trend=trend, delta=change or 0.0,
                 previous=previous, previous_sessions=20, band=Bands().of(overall))  # fmt: skip


def score_told(known: Score, *movers: Mover) -> ScoreDetail:
    return ScoreDetail(ai(known.agent), known.window, ago(86_400 * known.window), ago(0), known, movers, (), ())


def event(number: int, type_: str, payload: Any = None, severity: str = "info", **fields: Any) -> TimelineEvent:
    """The event at a second of the broken session; a payload that is text stays as it is."""
    text = payload if isinstance(payload, str) else json.dumps(payload or {})
    return TimelineEvent(**{
        "id": f"e{number}", "at": ago(900) + timedelta(seconds=number), "type": type_, "severity": severity,
        "agent": CODER, "payload": text, **fields,
    })  # fmt: skip


ASKED = {"callId": "l1", "provider": "opal", "model": "opal-4", "systemPrompt": "You fix builds.",
         "messages": [{"role": "user", "content": "fix the failing build"},
                      {"role": "assistant", "content": "Let me look.",
                       "toolCalls": [{"id": "t0", "name": "bash", "arguments": {"cmd": "make"}}]},
                      {"role": "tool", "toolCallId": "t0", "content": "make: *** [all] Error 2"}]}  # fmt: skip
ANSWERED = {"callId": "l1", "provider": "opal", "model": "opal-4", "completion": "I will push the fix.",
            "toolCalls": [{"id": "t1", "name": "git", "arguments": {"args": "push"}}], "finishReason": "tool_use",
            "usage": {"inputTokens": 1800, "outputTokens": 240, "totalTokens": 2040}, "costUsd": 0.034,
            "latencyMs": 5400}  # fmt: skip


def events() -> list[TimelineEvent]:
    """A short session: it thinks, its tool fails, it gives up."""
    return [
        event(0, "session_started", {"agentName": "Coder 7", "tags": ["ci"]}, metadata='{"channel":"ci"}'),
        event(1, "llm_call", ASKED, "debug"),
        event(6, "llm_response", ANSWERED),
        event(7, "tool_call", {"toolName": "git", "callId": "t1", "arguments": {"args": "push"}}),
        event(9, "tool_error", {"toolName": "git", "callId": "t1", "error": "remote rejected (hook declined)",
                                "durationMs": 1250}, "error"),
        event(20, "tool_response", {"toolName": "bash", "callId": "t2", "durationMs": 300, "isError": True,
                                    "result": "exit status 2"}),
        event(42, "session_ended", {"reason": "error", "summary": "could not push"}, "error"),
    ]  # fmt: skip


def told(rows: Sequence[TimelineEvent] | None = None, **changed: Any) -> SessionDetail:
    """What the worker answers about the broken session."""
    rows = events() if rows is None else rows
    given: dict[str, Any] = {
        "session": sessions()[0], "events": tuple(rows), "total": len(rows),
        "worst": next((row.id for row in rows if row.severity == "error"), ""),
    }  # fmt: skip
    return SessionDetail(**{**given, **changed})


def many(first: int, number: int, bad: Sequence[int] = ()) -> list[TimelineEvent]:
    """Events of a long session from a place on; those at the `bad` places are errors."""
    return [
        event(at, "tool_error", {"toolName": "bash", "error": f"failed at {at}"}, "error") if at in bad
        else event(at, "chain_step", {"name": f"step {at}"})
        for at in range(first, first + number)
    ]  # fmt: skip
