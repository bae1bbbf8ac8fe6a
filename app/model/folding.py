"""Folding: from the events of a session to what is kept of it; whatever order they come in, the same comes out.

AgentLens applies events as they arrive. Here the result is that of applying them in order of their own time, so each
part of the state is a sum, a least or greatest time, or the word of the first or last event of its kind.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from app.model.sessions import SessionEvent, SessionStatus
from app.model.text import clean

BAD = frozenset({"error", "critical"})
"""Severities that count as an error."""
WORD_LONGEST = 100
"""Characters of a model, channel, label or tag that are kept."""
TAGS_MOST = 50
_NANO = 1_000_000_000
_RANKS = {"session_started": 0, "session_ended": 2}
_KEYS = ("first", "lifecycle", "end", "tags", "name", "model", "channel", "label")

OrderKey = str
"""Where an event stands among all events of its session: its time, whether it begins or ends the session, and its
content; compared as text."""


def order_key(event: SessionEvent, digest: str) -> OrderKey:
    """`digest` is of the event's content: events of one instant have an order that is not that of their arrival."""
    return f"{event.at:015d}{_RANKS.get(event.type, 1)}{digest}"


def order_mark(key: OrderKey) -> int:
    """The digest in an order key, as a number."""
    return int(key[16:], 16)


@dataclass(slots=True)
class Folded:
    """What is kept of a session. `keys` says which event each word is of, so that later ones can be folded in."""

    agent: str
    started_at: int  # milliseconds since 1970, as the others
    last_at: int
    ended_at: int | None = None
    status: SessionStatus = SessionStatus.ACTIVE
    events: int = 0
    errors: int = 0
    tool_calls: int = 0
    tool_failures: int = 0
    cost: int = 0  # nano-dollars
    llm_calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    agent_name: str = ""
    model: str = ""
    channel: str = ""
    label: str = ""
    tags: tuple[str, ...] = ()
    keys: dict[str, OrderKey] = field(default_factory=dict)

    def fold(self, events: Iterable[tuple[OrderKey, SessionEvent]]) -> None:
        """Takes in events that were not taken in before."""
        for key, event in events:
            self.events += 1
            self.started_at = min(self.started_at, event.at)
            self.last_at = max(self.last_at, event.at)
            if self._first("first", key):
                self.agent = event.agent
            self._count(event)
            self._lifecycle(key, event)
            self._words(key, event)

    def written_keys(self) -> str:
        """`keys` as text."""
        return " ".join(self.keys.get(name, "") for name in _KEYS)

    def _count(self, event: SessionEvent) -> None:
        type_, payload = event.type, event.payload
        if type_ == "session_started":
            return  # its severity is no error of the session
        if event.severity in BAD or type_ == "tool_error":
            self.errors += 1
        calls, failures = tools(event)
        self.tool_calls += calls
        self.tool_failures += failures
        if type_ in ("cost_tracked", "llm_response"):
            self.cost += nano(payload.get("costUsd"))
        if type_ == "llm_response":
            usage = payload.get("usage")
            self.llm_calls += 1
            if isinstance(usage, Mapping):
                self.input_tokens += _tokens(usage.get("inputTokens"))
                self.output_tokens += _tokens(usage.get("outputTokens"))

    def _lifecycle(self, key: OrderKey, event: SessionEvent) -> None:
        if event.type == "session_ended":
            if self._last("end", key):
                self.ended_at = event.at
            if self._last("lifecycle", key):
                failed = event.payload.get("reason") == "error"
                self.status = SessionStatus.ERROR if failed else SessionStatus.COMPLETED
        elif event.type == "session_started" and self._last("lifecycle", key):
            self.status = SessionStatus.ACTIVE  # again, if it had ended: the end stays

    def _words(self, key: OrderKey, event: SessionEvent) -> None:
        payload, metadata = event.payload, event.metadata
        if event.type == "session_started":
            tags = payload.get("tags")
            if isinstance(tags, list) and tags and self._last("tags", key):
                self.tags = tuple(clean(tag, WORD_LONGEST) for tag in tags[:TAGS_MOST] if isinstance(tag, str))
            if (name := _word(payload, "agentName")) and self._last("name", key):
                self.agent_name = name
        if (model := _word(payload, "model")) and self._last("model", key):
            self.model = model
        if metadata:
            if (channel := _word(metadata, "channel")) and self._last("channel", key):
                self.channel = channel
            if (label := _word(metadata, "label")) and self._last("label", key):
                self.label = label

    def _first(self, name: str, key: OrderKey) -> bool:
        known = self.keys.get(name)
        if known is not None and known <= key:
            return False
        self.keys[name] = key
        return True

    def _last(self, name: str, key: OrderKey) -> bool:
        known = self.keys.get(name)
        if known is not None and known >= key:
            return False
        self.keys[name] = key
        return True


def begun(event: SessionEvent) -> Folded:
    """The state of a session that nothing is known of, before its first event is folded in."""
    return Folded(agent=event.agent, started_at=event.at, last_at=event.at)


def read_keys(text: str) -> dict[str, OrderKey]:
    """What `Folded.written_keys` wrote."""
    return {name: key for name, key in zip(_KEYS, text.split(" "), strict=False) if key}


def agent_name(event: SessionEvent) -> str:
    """What an event calls its agent: the name it gives, else the id."""
    given = _word(event.payload, "agentName") if event.type == "session_started" else ""
    return given or event.agent


def tools(event: SessionEvent) -> tuple[int, int]:
    """Calls of tools that an event stands for, and failed ones (AgentLens: not matched by call)."""
    if event.type == "tool_call":
        return 1, 0
    failed = event.type == "tool_error" or (event.type == "tool_response" and event.payload.get("isError") is True)
    return 0, int(failed)


def nano(dollars: Any) -> int:
    """Dollars in whole nano-dollars; 0 for what is no number."""
    if isinstance(dollars, bool) or not isinstance(dollars, int | float) or not math.isfinite(dollars):
        return 0
    return round(dollars * _NANO)


def _tokens(count: Any) -> int:
    if isinstance(count, bool) or not isinstance(count, int | float) or not math.isfinite(count):
        return 0
    return int(count)


def _word(content: Mapping[str, Any], name: str) -> str:
    value = content.get(name)
    return clean(value, WORD_LONGEST) if isinstance(value, str) else ""
