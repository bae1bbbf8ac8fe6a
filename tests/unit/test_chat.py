"""Chat: messages in every form that gateways and model calls have, made readable and harmless."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.model.chat import TEXT_MOST, Message, chat, of_events, read
from app.model.sessions import TimelineEvent
from tests.gateway_double import HISTORY
from tests.literal_sessions import events

AT = datetime(2026, 9, 21, 14, 13, 20, tzinfo=UTC)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
        st.sampled_from(["role", "content", "type", "text", "toolCalls", "message", "timestamp", "name", "arguments",
                         "thinking", "details", "isError", "function"]) | st.text(), inner, max_size=5),
    max_leaves=12,
)  # fmt: skip


def test_a_gateways_history() -> None:
    told = chat("main/k", HISTORY, 100)
    asked, looked, failed, said = told.messages
    assert (asked.role, asked.text, asked.at) == ("user", "fix the build", AT)
    assert (looked.text, looked.calls, looked.note) == (
        "I look.\nOne moment.",
        ("exec  command=make",),
        "thought first",
    )
    assert (failed.role, failed.tool, failed.failed, failed.text) == ("tool", "exec", True, "make: *** Error 2")
    assert (said.role, said.text, said.calls) == ("assistant", "It fails.", ())
    assert (told.session, told.left_out) == ("main/k", 0)


def test_the_last_ones_are_kept() -> None:
    told = chat("k", HISTORY, 2)
    assert (len(told.messages), told.left_out) == (2, 2)
    assert told.messages[-1].text == "It fails."
    assert chat("k", HISTORY, 0).left_out == 4


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({"role": "user", "text": "a"}, Message("user", "a")),
        ({"role": "Human", "content": ["a", {"text": "b"}]}, Message("user", "a\nb")),
        ({"role": "assistant", "content": {"type": "text", "text": "a"}}, Message("assistant", "a")),
        ({"type": "message", "timestamp": "2026-09-21T14:13:20Z", "message": {"role": "user", "content": "a"}},
         Message("user", "a", AT)),
        ({"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": '{"a": 1, "b": [2]}'}}]},
         Message("assistant", calls=("f  a=1 b=[2]",))),
        ({"role": "assistant", "toolCalls": [{"name": "f", "input": "not json"}, 7]},
         Message("assistant", calls=("f  not json",))),
        ({"role": "assistant", "content": [{"type": "image", "mimeType": "image/png", "data": "x" * 99}]},
         Message("assistant", "(image/png)")),
        ({"role": "assistant", "content": [{"type": "audio"}, {}]},
         Message("assistant", "(audio)\n(a part that is no text)")),
        ({"role": "assistant", "content": "", "stopReason": "error", "errorMessage": "no\x1b[2J credit"},
         Message("assistant", note="error: no credit")),
        ({"role": "assistant", "content": "half", "stopReason": "length"},
         Message("assistant", "half", note="ended by length")),
        ({"role": "function", "name": "f", "content": "done"}, Message("tool", "done", tool="f")),
        ({"role": "toolResult", "toolName": "exec", "details": {"isError": True}, "content": "x"},
         Message("tool", "x", tool="exec", failed=True)),
        ({"content": "who said it?"}, Message("?", "who said it?")),
        ({"role": "user", "content": "\x1b[2Ja\u202eb\nc\x07\r\n\td"}, Message("user", "a\ufffdb\nc\ufffd\n d")),
        ("just words", Message("?", "just words")),
    ],
)  # fmt: skip
def test_forms_of_messages(raw: Any, message: Message) -> None:
    assert read(raw) == [message]


def test_results_that_stand_inside_are_messages_of_their_own() -> None:
    part = {"type": "tool_result", "name": "ls", "is_error": True, "content": [{"type": "text", "text": "none"}]}
    inside = {"role": "user", "timestamp": AT.timestamp(), "content": [part]}
    assert read(inside) == [Message("tool", "none", AT, tool="ls", failed=True)]


@pytest.mark.parametrize("raw", [None, 7, [], "", "  "])
def test_what_is_no_message_is_passed_over(raw: Any) -> None:
    assert read(raw) == []


def test_a_long_text_is_cut_and_says_so() -> None:
    [message] = read({"role": "user", "content": "x" * (TEXT_MOST + 1_500)})
    assert message.text.endswith("\n(+1.5k more characters)")
    assert len(message.text) < TEXT_MOST + 100


@given(JSON)
def test_whatever_comes_may_be_shown(raw: Any) -> None:
    for message in read(raw):
        shown = [message.role, message.tool, message.note, *message.calls, *message.text.split("\n")]
        assert all(text.isprintable() for text in shown)
        assert len(message.text) <= TEXT_MOST * 2 + 10_000


def call(*messages: tuple[str, str], at: int = 0, **more: Any) -> TimelineEvent:
    payload = {"messages": [{"role": role, "content": text} for role, text in messages], **more}
    return TimelineEvent(f"c{at}", AT, "llm_call", "info", "coder", json.dumps(payload))


def answer(text: str, at: int = 0) -> TimelineEvent:
    return TimelineEvent(f"r{at}", AT, "llm_response", "info", "coder", json.dumps({"completion": text}))


def test_what_each_call_repeats_is_said_once() -> None:
    told = of_events([
        call(("user", "a"), systemPrompt="be good"), answer("b"),
        call(("user", "a"), ("assistant", "b"), ("user", "a"), systemPrompt="be good"), answer("b"),
        call(("user", "a"), ("assistant", "b"), ("user", "a"), ("assistant", "b"), ("user", "c")), answer("d"),
        call(("system", "so far: a b c d"), ("user", "e")), answer("f"),
    ])  # fmt: skip
    assert [(each.role[0], each.text) for each in told] == [
        ("s", "be good"), ("u", "a"), ("a", "b"), ("u", "a"), ("a", "b"), ("u", "c"), ("a", "d"),
        ("s", "so far: a b c d"), ("u", "e"), ("a", "f"),
    ]  # fmt: skip


def test_a_sessions_events() -> None:
    told = of_events(events())
    assert [each.role for each in told] == ["system", "user", "assistant", "tool", "assistant"]
    assert told[-1].text == "I will push the fix."
    assert told[-1].calls == ("git  args=push",)
    assert told[-1].at is not None


@pytest.mark.parametrize(
    ("payload", "size", "note"),
    [
        ("", 0, "what was said is no longer kept"),
        ('{"type":"_truncated"}', 20_480, "what was said was not kept whole (20K)"),
        ("{", 0, "what was said is no longer kept"),
        ('{"messages":[{"role":"user","content":""}],"redacted":true}', 0,
         "its words were left out by whoever sent it"),
    ],
)  # fmt: skip
def test_what_is_not_kept_says_so(payload: str, size: int, note: str) -> None:
    [message] = of_events([TimelineEvent("1", AT, "llm_call", "info", "coder", payload, size=size)])
    assert message.note == note
