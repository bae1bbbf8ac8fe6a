"""What an event of a session says in one line, whatever its payload holds."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.model.eventshapes import PAYLOADS
from app.model.text import clean
from app.store.contents import kept
from app.tui.picture import Picture
from app.tui.views import chat_lines, event_detail, session_detail
from app.tui.views.gists import GONE, gist
from app.tui.views.payloads import LONGEST, Payload, beginning, in_line
from tests.literal_sessions import ANSWERED, ASKED, event, sessions, told

ESCAPES = "\x1b]52;c;ZXZpbA==\x07\x1b[31mred\x9b2J\u202e\u200b"


@pytest.mark.parametrize(
    ("type_", "payload", "said"),
    [
        ("session_started", {"agentName": "Coder", "agentVersion": "1.2", "tags": ["ci", "x"]}, "Coder 1.2 · ci x"),
        ("session_ended", {"reason": "error", "summary": "gave up", "totalDurationMs": 61_000},
         "error: gave up · in 1m1s"),
        ("tool_call", {"toolName": "bash", "arguments": {"cmd": "ls", "n": 3}, "serverName": "box"},
         "bash  cmd=ls n=3  on box"),
        ("tool_call", {"toolName": "bash", "arguments": {str(n): n for n in range(9)}}, "bash  0=0 1=1 2=2 3=3 +5"),
        ("tool_response", {"toolName": "bash", "durationMs": 300, "isError": True, "result": {"code": 2}},
         'bash failed in 300ms: {"code": 2}'),
        ("tool_response", {"toolName": "bash", "durationMs": 1_500, "isError": "true"}, "bash ok in 1.5s"),
        ("tool_error", {"toolName": "git", "error": "rejected", "errorCode": "E1", "durationMs": 1_250},
         "git: rejected [E1] after 1.2s"),
        ("cost_tracked", {"model": "m", "totalTokens": 2_000, "trigger": "retry"}, "m: 2.0k tokens · retry"),
        ("llm_call", ASKED, "tool: make: *** [all] Error 2 · 3 messages · opal-4"),
        ("llm_call", {**ASKED, "redacted": True}, "redacted · 3 messages · opal-4"),
        ("llm_call", {"model": "m", "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}]},
         "user: hi · 1 message · m"),
        ("llm_response", ANSWERED, "opal-4: 1.8k in, 240 out · 5.4s · I will push the fix."),
        ("llm_response", {**ANSWERED, "completion": None}, "opal-4: 1.8k in, 240 out · 5.4s · calls git"),
        ("alert_triggered", {"alertName": "cost", "message": "too dear", "currentValue": 5, "threshold": 2.5},
         "cost: too dear · 5 of 2.5"),
        ("alert_resolved", {"alertName": "cost", "resolvedBy": "ana"}, "cost resolved by ana"),
        ("retrieval", {"query": "how", "retrieverName": "wiki", "resultCount": 3, "durationMs": 40},
         "wiki: how · 3 found · in 40ms"),
        ("embedding", {"model": "e", "inputCount": 12}, "e: 12 inputs"),
        ("chain_step", {"name": "plan", "stepType": "node", "durationMs": 12_000}, "plan (node) in 12s"),
        ("custom", {"type": "task", "data": {"id": 4, "title": "Ship", "status": "done"}}, "task: Ship · done"),
        ("custom", {"type": "beat", "data": {"n": 4}}, "beat: n=4"),
        ("approval_requested", {"requestId": "r1", "who": {"x": 1}, "urgent": True}, "requestId=r1 urgent=true"),
        ("form_submitted", {}, ""),
        ("unheard_of", {"a": 1}, "a=1"),
    ],
)  # fmt: skip
def test_gists_by_type(type_: str, payload: Any, said: str) -> None:
    assert gist(event(1, type_, payload)).text == said


def test_errors_failed_tools_and_costs_are_told_apart() -> None:
    assert gist(event(1, "tool_error", {"toolName": "x", "error": ""})).wrong
    assert gist(event(1, "custom", {}, "critical")).wrong
    assert gist(event(1, "tool_response", {"isError": True})).wrong
    assert not gist(event(1, "tool_response", {"isError": "true"})).wrong
    assert not gist(event(1, "custom", {"isError": True}, "warn")).wrong
    assert gist(event(1, "llm_response", ANSWERED)).cost == 34_000_000
    assert gist(event(1, "custom", {"costUsd": 3})).cost == 0
    assert gist(event(1, "cost_tracked", {"costUsd": "3"})).cost == 0


def test_what_is_no_longer_kept_is_said_and_still_an_error() -> None:
    assert gist(event(1, "tool_error", "", "error")).text == GONE
    assert gist(event(1, "tool_error", "", "error")).wrong
    lines = event_detail.detail(event(1, "tool_error", ""), sessions()[0], (), Picture(lambda: 0.0), 80)
    assert any(GONE in "".join(part for part, _ in line.spans) for line in lines)


def test_of_a_cut_payload_its_beginning_is_read() -> None:
    whole = {"toolName": "bash", "callId": "c", "durationMs": 20, "isError": True, "result": "x" * 20_000}
    text, size = kept(json.dumps(whole, separators=(",", ":")))
    assert size > 20_000
    cut = event(1, "tool_response", text, size=size)
    assert gist(cut).text.startswith("bash failed in 20ms: xxx")
    assert gist(cut).text.endswith("(cut)")
    assert gist(cut).wrong
    said = event_detail.detail(cut, sessions()[0], (), Picture(lambda: 0.0), 80)
    assert any(f"{size:,} bytes came" in "".join(part for part, _ in line.spans) for line in said)


_PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()


@given(st.dictionaries(st.text(), st.recursive(_PLAIN, st.lists, max_leaves=6), max_size=6), st.integers(0, 400))
def test_the_beginning_of_an_object_never_says_what_is_not_in_it(whole: dict[str, Any], size: int) -> None:
    for name, value in beginning(json.dumps(whole)[:size]).items():
        if isinstance(value, str) and value.endswith("…") and value != whole.get(name):
            assert json.dumps(whole[name])[1:].startswith(value[:-1])
        else:
            assert value == whole[name]


_ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just(ESCAPES) | st.just("x" * 10_000),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
_NAMES = ("toolName", "error", "arguments", "messages", "completion", "usage", "model", "data", "type", "result",
          "durationMs", "latencyMs", "costUsd", "tags", "toolCalls", "content", "callId", "redacted")  # fmt: skip


@given(st.sampled_from([*PAYLOADS, "unknown"]), st.dictionaries(st.sampled_from(_NAMES), _ANY) | _ANY)
@settings(max_examples=300)
def test_no_payload_breaks_a_gist_or_brings_more_than_letters(type_: str, payload: Any) -> None:
    hostile = event(1, type_, json.dumps(payload))
    said = gist(hostile).text
    assert clean(said, len(said)) == said
    assert len(said) < 2_000
    for line in event_detail.detail(
        hostile, sessions()[0], chat_lines.said_in(hostile, [hostile]), Picture(lambda: 0.0), 60
    ):
        assert len(line.spans) < 20


@pytest.mark.parametrize("payload", ["[1, 2]", '"text"', "nonsense {", "[" * 100_000, "1e999"])
def test_what_is_no_object_says_nothing(payload: str) -> None:
    assert gist(event(1, "tool_error", payload)).text == ""


@pytest.mark.parametrize("told", ['{"costUsd":1', '{"costUsd":1.', '{"costUsd":1e', '{"costUsd":1.5e+', '{"costUsd":-'])
def test_a_number_that_may_go_on_is_not_told(told: str) -> None:
    assert beginning(told) == {}
    assert beginning('{"a":1,"costUsd":1.5,') == {"a": 1, "costUsd": 1.5}


def test_a_value_is_one_line_of_a_bounded_length() -> None:
    assert in_line("a\nb\t" + ESCAPES + "c") == "a b redc" or "\x1b" not in in_line(ESCAPES)
    assert len(in_line("y" * 100_000)) == LONGEST
    assert in_line(10**400) == ""
    assert in_line(float("nan")) == ""
    assert (in_line(1.5), in_line(3), in_line(False), in_line(None)) == ("1.5", "3", "false", "")
    assert Payload(event(1, "custom", '{"data": 3}')).part("data") == {}


# -- chat --------------------------------------------------------------------------------------------------------------
def test_a_call_and_its_answer_are_one_conversation_from_either_side() -> None:
    asked, answered = event(1, "llm_call", ASKED), event(6, "llm_response", ANSWERED)
    other = event(3, "llm_response", {**ANSWERED, "callId": "another"})
    for each in (asked, answered):
        said = chat_lines.said_in(each, [asked, other, answered])
        assert [one.role for one in said] == ["system", "user", "assistant", "tool", "assistant"]
        assert said[2].calls == ("bash  cmd=make",)
        assert said[-1].text == "I will push the fix."
        assert said[-1].calls == ("git  args=push",)
        assert (said[0].at, said[-1].at) == (asked.at, answered.at)
    assert chat_lines.said_in(event(1, "tool_call", {}), [asked]) == []
    assert [one.role for one in chat_lines.said_in(answered, [])] == ["assistant"]


def test_long_messages_and_what_tools_gave_back_are_folded() -> None:
    long = {"callId": "c", "model": "m", "messages": [
        {"role": "user", "content": "\n".join(f"line {n}" for n in range(100))},
        {"role": "tool", "content": "\n".join(f"out {n}" for n in range(9))},
        {"role": 5, "content": [{"type": "image"}, 7, {"type": "text", "text": "see"}]},
    ]}  # fmt: skip
    picture = Picture(lambda: 0.0)
    lines = chat_lines.lines(chat_lines.said_in(event(1, "llm_call", long), ()), picture, 60)
    shown = ["".join(part for part, _ in line.spans).strip() for line in lines]
    assert "line 39" in shown
    assert "line 40" not in shown
    assert "+60 more lines: y copies all" in shown
    assert shown[shown.index("out 2") + 1] == "+6 more lines: y copies all"
    assert shown[-3:] == ["?", "(image)", "see"]


# -- pages of events ---------------------------------------------------------------------------------------------------
def _page(first: int, number: int, total: int = 100, late: bool = False) -> Any:
    rows = [event(at, "custom", {}, id=f"late{at}" if late else f"e{at}") for at in range(first, first + number)]
    return told(rows, first=first, total=total)


@given(st.lists(st.tuples(st.integers(0, 99), st.integers(1, 30)), min_size=1, max_size=12))
def test_pages_join_to_one_run_that_is_where_it_says(pages: list[tuple[int, int]]) -> None:
    have = None
    for first, number in pages:
        number = min(number, 100 - first)
        have = session_detail.joined(have, _page(first, number))
        assert have is not None
        assert [each.id for each in have.events] == [f"e{at}" for at in range(have.first, session_detail.end_of(have))]
        assert have.first <= first
        assert session_detail.end_of(have) >= first + number


def test_pages_that_contradict_are_not_joined() -> None:
    assert session_detail.joined(_page(0, 50), _page(40, 20, late=True)) is None
    assert session_detail.joined(_page(0, 50), _page(10, 5, total=20)) is None
    grown = session_detail.joined(_page(0, 100), _page(99, 11, total=110))
    assert grown is not None
    assert (len(grown.events), grown.total) == (110, 110)


def test_of_very_many_events_the_far_ones_are_let_go_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_detail, "EVENTS_MOST", 60)
    onward = session_detail.joined(_page(0, 50), _page(49, 31))
    assert onward is not None
    assert (onward.first, session_detail.end_of(onward)) == (20, 80)
    back = session_detail.joined(onward, _page(0, 21))
    assert back is not None
    assert (back.first, session_detail.end_of(back)) == (0, 60)
