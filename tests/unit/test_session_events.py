"""Session events are taken by AgentLens's rules, refused in its words, and nothing that is sent breaks the reader."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.model.eventshapes import COST_MOST, PAYLOADS, TOKENS_MOST
from app.model.sessionevents import (
    DEEPEST,
    ID_LONGEST,
    NAME_LONGEST,
    SEVERITIES,
    TOGETHER_MOST,
    TOLD_MOST,
    BadEvent,
    moment,
    read_event,
    read_many,
)
from app.model.sessions import SessionEvent
from app.store.eventids import made, parts

NOW = 1_795_356_000_123  # 2026-11-22T14:00:00.123Z
MESSAGE = {"role": "user", "content": "hello"}
CALL = {"callId": "c1", "provider": "p", "model": "m"}
USAGE = {"inputTokens": 10, "outputTokens": 5, "totalTokens": 15}
GOOD: dict[str, dict[str, Any]] = {
    "session_started": {},
    "session_ended": {"reason": "completed"},
    "tool_call": {"toolName": "bash", "callId": "c1", "arguments": {}},
    "tool_response": {"toolName": "bash", "callId": "c1", "result": None, "durationMs": 1.5},
    "tool_error": {"toolName": "bash", "callId": "c1", "error": "", "durationMs": 0},
    "approval_requested": {},
    "approval_granted": {},
    "approval_denied": {},
    "approval_expired": {},
    "form_submitted": {},
    "form_completed": {},
    "form_expired": {},
    "cost_tracked": {
        "provider": "p", "model": "m", "inputTokens": 1, "outputTokens": 2, "totalTokens": 3, "costUsd": -0.5,
    },
    "llm_call": {**CALL, "messages": [MESSAGE]},
    "llm_response": {
        **CALL, "completion": None, "finishReason": "stop", "usage": USAGE, "costUsd": 0.01, "latencyMs": 3,
    },
    "alert_triggered": {
        "alertRuleId": "a", "alertName": "b", "condition": "", "currentValue": 1, "threshold": 2, "message": "",
    },
    "alert_resolved": {"alertRuleId": "a", "alertName": "b"},
    "retrieval": {"query": "q"},
    "embedding": {"model": "m", "inputCount": 3},
    "chain_step": {"name": "n"},
    "custom": {"type": "task", "data": {}},
}  # fmt: skip


def raw(type_: str = "custom", payload: Any = None, **changed: Any) -> dict[str, Any]:
    payload = GOOD[type_] if payload is None else payload
    return {"sessionId": "s", "agentId": "a", "eventType": type_, "payload": payload, **changed}


def problems(event: object, path: str = "") -> list[tuple[str, str]]:
    with pytest.raises(BadEvent) as caught:
        read_event(event, NOW, path)
    return [(problem.path, problem.message) for problem in caught.value.problems]


def test_an_event_is_read_whole() -> None:
    sent = raw(
        "tool_call", {**GOOD["tool_call"], "extra": [1]}, id="01J", severity="warn", metadata={"trace": 1},
        timestamp="2026-11-22T14:00:00.5Z",
    )  # fmt: skip
    read = read_event(sent, 5)
    at = NOW - 123 + 500
    assert read == SessionEvent("s", "a", "tool_call", "warn", at, sent["payload"], {"trace": 1}, "01J")


def test_what_may_be_left_out() -> None:
    assert read_event(raw(), NOW) == SessionEvent("s", "a", "custom", "info", NOW, GOOD["custom"], {}, "")


def test_every_type_is_known() -> None:
    assert GOOD.keys() == PAYLOADS.keys()
    for type_ in GOOD:
        assert read_event(raw(type_), NOW).type == type_


@pytest.mark.parametrize(
    "type_", ["error", "eval_result", "human_score", "feedback", "skill_activated", "", None, 5, []]
)
def test_types_of_servers_and_of_nobody_are_refused(type_: object) -> None:
    event = {**raw(), "eventType": type_}
    [(path, message)] = problems(event)
    assert path == "eventType"
    assert message.startswith('Invalid option: expected one of "session_started"|"session_ended"|')


@pytest.mark.parametrize("severity", SEVERITIES)
def test_severities(severity: str) -> None:
    assert read_event(raw(severity=severity), NOW).severity == severity


OF_STRINGS = "Invalid input: expected string, received "
EMPTY = "Too small: expected string to have >=1 characters"
REASONS = 'Invalid option: expected one of "completed"|"error"|"timeout"|"manual"'
OPTIONS = "Invalid option: expected one of "


@pytest.mark.parametrize(
    ("changed", "path", "message"),
    [
        ({"sessionId": ""}, "sessionId", "sessionId is required"),
        ({"agentId": ""}, "agentId", "agentId is required"),
        ({"agentId": "\u200d"}, "agentId", "agentId is required"),
        ({"sessionId": None}, "sessionId", OF_STRINGS + "null"),
        ({"sessionId": 5}, "sessionId", OF_STRINGS + "number"),
        ({"sessionId": "s" * (NAME_LONGEST + 1)}, "sessionId", "Too big: expected string to have <=300 characters"),
        ({"agentId": "a" * 10_000}, "agentId", "Too big: expected string to have <=300 characters"),
        ({"severity": "fatal"}, "severity", OPTIONS + '"debug"|"info"|"warn"|"error"|"critical"'),
        ({"severity": None}, "severity", OPTIONS + '"debug"|"info"|"warn"|"error"|"critical"'),
        ({"payload": [1]}, "payload", "Invalid input: expected record, received array"),
        ({"payload": "{}"}, "payload", "Invalid input: expected record, received string"),
        ({"metadata": None}, "metadata", "Invalid input: expected record, received null"),
        ({"timestamp": 5}, "timestamp", OF_STRINGS + "number"),
        ({"timestamp": None}, "timestamp", OF_STRINGS + "null"),
        ({"id": ""}, "id", EMPTY),
        ({"id": 7}, "id", OF_STRINGS + "number"),
        ({"id": "i" * (ID_LONGEST + 1)}, "id", "Too big: expected string to have <=200 characters"),
        ({"id": "a\x00b"}, "id", "Invalid input: expected string without control characters"),
        ({"id": "\ud800"}, "id", "Invalid input: expected string without control characters"),
    ],
)
def test_what_is_wrong_with_the_event(changed: dict[str, Any], path: str, message: str) -> None:
    assert problems({**raw(), **changed}) == [(path, message)]
    assert problems({**raw(), **changed}, "events.3") == [(f"events.3.{path}", message)]


@pytest.mark.parametrize("field", ["sessionId", "agentId", "eventType", "payload"])
def test_what_must_be_there(field: str) -> None:
    event = raw()
    del event[field]
    [(path, message)] = problems(event)
    assert path == field
    assert message.startswith(OPTIONS) if field == "eventType" else message.endswith("received undefined")


@pytest.mark.parametrize(
    ("type_", "changed", "path", "message"),
    [
        ("session_ended", {"reason": "done"}, "reason", REASONS),
        ("session_ended", {"reason": None}, "reason", REASONS),
        ("session_ended", {"summary": 1}, "summary", OF_STRINGS + "number"),
        ("session_started", {"tags": "a"}, "tags", "Invalid input: expected array, received string"),
        ("session_started", {"tags": ["a", 1]}, "tags.1", OF_STRINGS + "number"),
        ("session_started", {"agentName": None}, "agentName", OF_STRINGS + "null"),
        ("tool_call", {"toolName": ""}, "toolName", EMPTY),
        ("tool_call", {"arguments": []}, "arguments", "Invalid input: expected record, received array"),
        ("tool_response", {"durationMs": "5"}, "durationMs", "Invalid input: expected number, received string"),
        ("tool_error", {"durationMs": True}, "durationMs", "Invalid input: expected number, received boolean"),
        ("tool_error", {"error": None}, "error", OF_STRINGS + "null"),
        ("cost_tracked", {"costUsd": "1"}, "costUsd", "Invalid input: expected number, received string"),
        ("cost_tracked", {"costUsd": COST_MOST + 1}, "costUsd", "Too big: expected number to be <=100000"),
        ("cost_tracked", {"costUsd": -COST_MOST - 1}, "costUsd", "Too small: expected number to be >=-100000"),
        ("llm_call", {"messages": []}, "messages", "Too small: expected array to have >=1 items"),
        ("llm_call", {"messages": [{"role": "x", "content": ""}]}, "messages.0.role", OPTIONS
         + '"system"|"user"|"assistant"|"tool"'),
        ("llm_call", {"messages": [{"role": "user", "content": 1}]}, "messages.0.content", "Invalid input"),
        ("llm_call", {"redacted": "no"}, "redacted", "Invalid input: expected boolean, received string"),
        ("llm_response", {"usage": {**USAGE, "inputTokens": None}}, "usage.inputTokens",
         "Invalid input: expected number, received null"),
        ("llm_response", {"usage": {**USAGE, "outputTokens": TOKENS_MOST + 1}}, "usage.outputTokens",
         "Too big: expected number to be <=1000000000"),
        ("llm_response", {"usage": []}, "usage", "Invalid input: expected object, received array"),
        ("llm_response", {"completion": 1}, "completion", OF_STRINGS + "number"),
        ("custom", {"data": "x"}, "data", "Invalid input: expected record, received string"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_payload(type_: str, changed: dict[str, Any], path: str, message: str) -> None:
    assert problems(raw(type_, {**GOOD[type_], **changed})) == [(f"payload.{path}", message)]


@pytest.mark.parametrize("type_", GOOD)
def test_every_required_field_is_required(type_: str) -> None:
    """What the smallest payload has must be there, apart from a result: JavaScript leaves out one that is undefined."""
    for field in GOOD[type_].keys() - {"result"}:
        payload = {name: value for name, value in GOOD[type_].items() if name != field}
        [(path, _)] = problems(raw(type_, payload))
        assert path == f"payload.{field}"
    if type_ == "tool_response":
        read_event(raw(type_, {**GOOD[type_], "isError": "true"}), NOW)  # not checked there either


def test_optional_fields_are_taken() -> None:
    calls = [{"id": "1", "name": "bash", "arguments": {}}]
    parts_ = [{"type": "text", "text": "x"}]
    full: dict[str, dict[str, Any]] = {
        "session_started": {"agentName": "A", "agentVersion": "1", "mcpClientInfo": {}, "tags": ["x"]},
        "llm_call": {
            **CALL,
            "messages": [{"role": "tool", "content": parts_, "toolCallId": "1", "toolCalls": calls}],
            "systemPrompt": "s",
            "parameters": {"temperature": 0, "stopSequences": ["\n"], "other": [1]},
            "tools": [{"name": "bash", "description": "d", "parameters": {}}],
            "redacted": False,
        },
        "llm_response": {**GOOD["llm_response"], "completion": "x", "toolCalls": calls, "redacted": True},
    }
    for type_, payload in full.items():
        assert read_event(raw(type_, payload), NOW).payload == payload


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2026-11-22T14:00:00.123Z", NOW),
        ("2026-11-22T14:00:00.1239999Z", NOW),
        ("2026-11-22T14:00:00Z", NOW - 123),
        ("2026-11-22T14:00Z", NOW - 123),
        ("2026-11-22T14:00:00.1Z", NOW - 23),
        ("2024-02-29T23:59:59.999Z", 1_709_251_199_999),
        ("2200-12-31T23:59:59.999Z", 7_289_654_399_999),
    ],
)
def test_times(text: str, ms: int) -> None:
    assert moment(text) == ms
    assert read_event(raw(timestamp=text), 1).at == ms


@pytest.mark.parametrize(
    "text",
    [
        "", "2026-11-22", "2026-11-22T14:00:00", "2026-11-22T14:00:00+00:00", "2026-11-22t14:00:00z",
        "2026-11-22 14:00:00Z", "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-11-22T24:00:00Z",
        "2026-11-22T23:60:00Z", "2026-11-22T23:59:60Z", "2026-11-22T14:00:00.Z", "2026-11-22T14:00:00,5Z",
        "２０２６-11-22T14:00:00Z", "2026-11-22T14:00:00Z\n", " 2026-11-22T14:00:00Z", "1e9", "now",
        "2026-11-22T14:00:00." + "1" * 100_000 + "Z", "0000-01-01T00:00:00Z",
    ],
)  # fmt: skip
def test_what_is_no_time(text: str) -> None:
    assert problems(raw(timestamp=text)) == [("timestamp", "Invalid ISO datetime")]


@pytest.mark.parametrize("year", ["1969-12-31T23:59:59.999Z", "2201-01-01T00:00:00Z", "9999-01-01T00:00:00Z"])
def test_years_that_no_event_is_of(year: str) -> None:
    [(path, message)] = problems(raw(timestamp=year))
    assert (path, message[-24:]) == ("timestamp", "a year from 1970 to 2200")


def test_names_are_cleaned() -> None:
    event = read_event(raw() | {"sessionId": "s\x1b[31m\u202ex", "agentId": "a\nb"}, NOW)
    assert (event.session, event.agent) == ("s\ufffdx", "a b")


def nested(depth: int) -> dict[str, Any]:
    inner: Any = [1]
    for _ in range(depth - 2):
        inner = [inner]
    return {"type": "t", "data": {"x": inner}}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"x": math.nan}, "Invalid input: expected number, received NaN"),
        ({"x": [[-math.inf]]}, "Invalid input: expected number, received Infinity"),
        ({"x": 10**400}, "Invalid input: expected number, received Infinity"),
        ({"x": {1, 2}}, "Invalid input: expected JSON"),
    ],
)
def test_what_json_has_not_is_refused(data: dict[str, Any], message: str) -> None:
    assert problems(raw(payload={"type": "t", "data": data})) == [("payload", message)]
    assert problems(raw(metadata=data)) == [("metadata", message)]


def test_how_deep_it_may_go() -> None:
    assert read_event(raw(payload=nested(DEEPEST - 1)), NOW)
    deep = nested(100_000)
    assert problems(raw(payload=deep)) == [("payload", "Too big: expected objects within one another <=100")]
    with pytest.raises(BadEvent):
        read_event(raw("tool_call", {**GOOD["tool_call"], "arguments": deep}), NOW)
    while deep:  # taken apart here, so that nothing is left to be freed in depth
        deep = deep.popitem()[1] if isinstance(deep, dict) else deep.pop()
        if not isinstance(deep, dict | list):
            break


def test_not_everything_that_is_wrong_is_told() -> None:
    tags = [1] * 5000
    assert len(problems(raw("session_started", {"tags": tags}))) == TOLD_MOST
    with pytest.raises(BadEvent, match=r"^payload\.tags\.0: .*\(and 19 more\)$"):
        read_event(raw("session_started", {"tags": tags}), NOW)
    with pytest.raises(BadEvent, match=r"^Invalid input: expected object, received array$"):
        read_event([], NOW)


def test_a_message_holds_one_or_many() -> None:
    one = read_event(raw(), NOW)
    assert read_many(raw(), NOW) == [one]
    assert read_many([raw(), raw()], NOW) == [one, one]
    assert read_many({"events": [raw()]}, NOW) == [one]
    assert read_many([], NOW) == []
    good, bad, last = read_many([raw(), {"sessionId": 5}, raw()], NOW)
    assert good == last == one
    assert isinstance(bad, BadEvent)
    for wrong in (None, "x", 5, [[]], {"events": 5}, {}, [0] * (TOGETHER_MOST + 1)):
        [why] = read_many(wrong, NOW)
        assert isinstance(why, BadEvent)
        assert str(why)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
fields = st.fixed_dictionaries(
    {},
    optional={
        "sessionId": st.text(st.characters(), max_size=5) | anything,
        "agentId": st.text(st.characters(), max_size=5) | anything,
        "eventType": st.sampled_from([*GOOD]) | anything,
        "severity": st.sampled_from(SEVERITIES) | anything,
        "payload": st.sampled_from([*GOOD.values()]) | anything,
        "metadata": st.dictionaries(st.text(max_size=3), anything, max_size=2) | anything,
        "timestamp": st.datetimes().map(lambda at: at.isoformat() + "Z") | anything,
        "id": st.text(st.characters(), max_size=5) | anything,
    },
)


def told(event: SessionEvent) -> dict[str, Any]:
    """An accepted event as somebody else would send it."""
    again = {
        "sessionId": event.session, "agentId": event.agent, "eventType": event.type, "severity": event.severity,
        "payload": event.payload, "metadata": event.metadata,
    }  # fmt: skip
    return again | ({"id": event.id} if event.id else {})


@given(anything | fields | fields.map(lambda event: raw() | event))
@settings(max_examples=300, deadline=None, derandomize=True, database=None)
def test_whatever_is_sent_is_read_or_refused(sent: object) -> None:
    for read in read_many(sent, NOW):
        if isinstance(read, BadEvent):
            assert read.problems
            assert all(problem.message for problem in read.problems)
            continue
        assert read.session.isprintable()
        assert read.agent.isprintable()
        assert 0 <= read.at < 7_289_654_400_000
        again = read_event(json.loads(json.dumps(told(read), allow_nan=False)), read.at)
        assert again == read


@given(st.integers(0, 2**48 - 1), st.integers(0, 2**63 - 1))
@settings(max_examples=100, deadline=None, derandomize=True, database=None)
def test_a_made_id_says_what_it_is_made_of(at: int, n: int) -> None:
    id = made(at, n)
    assert parts(id) == (at, n)
    assert len(id) == 26
    assert made(at, n) < made(at + 1, 0) if at < 2**48 - 1 else True


@pytest.mark.parametrize("text", ["", "x", "0" * 25, "0" * 27, "I" + "0" * 25, "Z" * 26, "0" * 10 + "Z" * 16, "é" * 26])
def test_other_ids_are_of_nothing(text: str) -> None:
    assert parts(text) is None
