"""Chat: what was said in a session, message by message, as it is read: from a gateway's history, or from the model
calls that a session's events tell of."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from app.model.instants import instant
from app.model.sessions import TimelineEvent
from app.model.text import clean, count, size

TEXT_MOST = 20_000
"""Characters of one message that are shown."""
_PARTS_MOST = 200
_CALLS_MOST = 50
_NAME_MOST = 60
_ARGUMENTS_MOST = 200
_ROLES = {
    "human": "user", "model": "assistant", "ai": "assistant", "developer": "system", "toolresult": "tool",
    "tool_result": "tool", "function": "tool",
}  # fmt: skip
_TIMES = ("timestamp", "ts", "at", "time", "createdAt", "created_at")
_CALL = frozenset(("toolcall", "tool_call", "tool_use", "tooluse", "function_call", "functioncall"))
_RESULT = frozenset(("toolresult", "tool_result"))
_THOUGHT = frozenset(("thinking", "reasoning", "redacted_thinking"))


@dataclass(frozen=True, slots=True)
class Message:
    """One message. `text` has its lines, each of which may be shown; `calls` are the tools it calls with their
    arguments, in a line each; `note` is what else is to be said of it."""

    role: str  # user, assistant, system, tool, or the sender's own word
    text: str = ""
    at: datetime | None = None
    calls: tuple[str, ...] = ()
    tool: str = ""  # of role tool: its name
    failed: bool = False  # of role tool: it did not do what it should
    note: str = ""


@dataclass(frozen=True, slots=True)
class Chat:
    """What was said in a session, oldest first. `left_out` messages before it are not among them."""

    session: str
    messages: tuple[Message, ...] = ()
    left_out: int = 0


def chat(session: str, raws: Sequence[Any], most: int) -> Chat:
    """The last `most` messages of what a gateway tells."""
    last = raws[-most:] if most > 0 else raws[:0]
    return Chat(session, tuple(message for raw in last for message in read(raw)), len(raws) - len(last))


def read(raw: Any) -> list[Message]:
    """A message as any of the known forms has it; results of tools that stand inside are messages of their own."""
    if not isinstance(raw, Mapping):
        return [Message("?", lines(raw))] if isinstance(raw, str) and raw.strip() else []
    inner = raw.get("message")
    held = inner if isinstance(inner, Mapping) else raw
    at = _time(raw) or _time(held)
    role = _role(held.get("role") or held.get("type"))
    content = held.get("content", held.get("text"))
    if content is None and isinstance(inner, str):
        content = inner
    said = _Said()
    said.take(content)
    calls = (*said.calls, *_calls(held.get("toolCalls") or held.get("tool_calls")))
    tool = _name(held.get("toolName") or held.get("tool_name") or (held.get("name") if role == "tool" else ""))
    message = Message(
        role, said.text, at, calls[:_CALLS_MOST], tool, role == "tool" and _failed(held), _note(held, said.notes)
    )
    own = message.text or message.calls or message.note or not said.results
    return [*([message] if own else []), *(replace(result, at=at) for result in said.results)]


def of_events(events: Iterable[TimelineEvent]) -> list[Message]:
    """What the model calls of a session tell. Each call repeats what was said before it: that is said once."""
    told: Counter[tuple[str, str, tuple[str, ...]]] = Counter()
    found: list[Message] = []
    for event in events:
        if event.type not in ("llm_call", "llm_response"):
            continue
        now: Counter[tuple[str, str, tuple[str, ...]]] = Counter()
        for message in _of_event(event):
            key = (message.role, message.text, message.calls)
            now[key] += 1
            if now[key] > told[key] or event.type == "llm_response":
                told[key] += 1
                found.append(message)
    return found


def lines(text: str) -> str:
    """A text of several lines, each of which may be shown."""
    cut = text[:TEXT_MOST]
    shown = "\n".join(clean(line, TEXT_MOST).rstrip() for line in cut.splitlines()).strip("\n")
    return f"{shown}\n(+{count(len(text) - TEXT_MOST)} more characters)" if len(text) > TEXT_MOST else shown


class _Said:
    """What the parts of a content say."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._room = TEXT_MOST
        self.calls: list[str] = []
        self.results: list[Message] = []
        self.notes: list[str] = []

    @property
    def text(self) -> str:
        return "\n".join(text for text in self._texts if text)

    def take(self, content: Any) -> None:
        if isinstance(content, str):
            if self._room > 0:
                self._texts.append(lines(content))
            self._room -= len(content)
        elif isinstance(content, list):
            for part in content[:_PARTS_MOST]:
                self._part(part)
            if len(content) > _PARTS_MOST:
                self.notes.append(f"+{len(content) - _PARTS_MOST} more parts")
        elif isinstance(content, Mapping):
            self._part(content)

    def _part(self, part: Any) -> None:
        if not isinstance(part, Mapping):
            if isinstance(part, str):
                self.take(part)
            return
        kind = part.get("type")
        word = kind.lower() if isinstance(kind, str) else ""
        if word in _CALL:
            self.calls += _calls([part])
        elif word in _RESULT:
            inside = _Said()
            inside.take(part.get("content", part.get("text")))
            name = _name(part.get("toolName") or part.get("name"))
            self.results.append(Message("tool", inside.text, tool=name, failed=_failed(part)))
        elif word in _THOUGHT:
            self.notes.append("thought first")
        elif isinstance(part.get("text"), str):
            self.take(part["text"])
        else:
            self._texts.append(f"({_name(part.get('mimeType') or kind) or 'a part that is no text'})")


def _of_event(event: TimelineEvent) -> Iterator[Message]:
    payload = _payload(event)
    if payload is None:
        gone = f"was not kept whole ({size(event.size)})" if event.size else "is no longer kept"
        role = "user" if event.type == "llm_call" else "assistant"
        yield Message(role, at=event.at, note=f"what was said {gone}")
        return
    redacted = "its words were left out by whoever sent it" if payload.get("redacted") is True else ""
    if event.type == "llm_response":
        held = {"role": "assistant", "content": payload.get("completion"), "toolCalls": payload.get("toolCalls")}
        yield from (replace(message, at=event.at, note=message.note or redacted) for message in read(held))
        return
    if isinstance(prompt := payload.get("systemPrompt"), str) and prompt.strip():
        yield Message("system", lines(prompt), event.at)
    messages = payload.get("messages")
    for raw in messages if isinstance(messages, list) else ():
        yield from (replace(message, at=message.at or event.at, note=message.note or redacted) for message in read(raw))


def _payload(event: TimelineEvent) -> Mapping[str, Any] | None:
    """What the event carries; None if that is not kept, or not whole."""
    if event.size or not event.payload:
        return None
    try:
        payload = json.loads(event.payload)
    except (ValueError, RecursionError):
        return None
    return payload if isinstance(payload, Mapping) else None


def _role(value: Any) -> str:
    word = clean(value, 20).strip().lower() if isinstance(value, str) else ""
    return _ROLES.get(word, word) or "?"


def _name(value: Any) -> str:
    return clean(value, _NAME_MOST).strip() if isinstance(value, str) else ""


def _failed(held: Mapping[str, Any]) -> bool:
    details = held.get("details")
    told = (held, details) if isinstance(details, Mapping) else (held,)
    return any(each.get("isError") is True or each.get("is_error") is True for each in told)


def _note(held: Mapping[str, Any], notes: Sequence[str]) -> str:
    ended = held.get("stopReason") or held.get("stop_reason")
    error = held.get("errorMessage")
    parts = [*dict.fromkeys(notes)]
    if isinstance(error, str) and error.strip():
        parts.append(f"error: {clean(error, 200).strip()}")
    elif ended in ("error", "aborted", "length", "max_tokens"):
        parts.append(f"ended by {ended}")
    return ", ".join(parts)


def _time(held: Mapping[str, Any]) -> datetime | None:
    return next((at for name in _TIMES if (at := instant(held.get(name))) is not None), None)


def _calls(value: Any) -> list[str]:
    """Calls of tools, each in a line: its name and its arguments."""
    found = []
    for call in value[:_CALLS_MOST] if isinstance(value, list) else ():
        if isinstance(call, Mapping):
            inner = call.get("function")
            held = inner if isinstance(inner, Mapping) else call
            given = next((held[name] for name in ("arguments", "input", "args") if held.get(name) is not None), None)
            found.append(f"{_name(held.get('name')) or '?'}  {_arguments(given)}".strip())
    return found


def _arguments(given: Any) -> str:
    """`path=src/a.py n=3`, whether they came as an object or as its text."""
    if isinstance(given, str):
        try:
            given = json.loads(given[:TEXT_MOST])
        except (ValueError, RecursionError):
            return clean(given, _ARGUMENTS_MOST)
    if isinstance(given, Mapping):
        return clean(" ".join(f"{clean(str(name), 40)}={_value(held)}" for name, held in [*given.items()][:8]), 200)
    return "" if given is None else _value(given)


def _value(value: Any) -> str:
    if isinstance(value, str):
        return clean(value, 120)
    try:
        return clean(json.dumps(value, ensure_ascii=False), 120)
    except (ValueError, RecursionError):
        return "…"
