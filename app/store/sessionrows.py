"""Session rows: from rows of the sessions' tables to the records that are told of them."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from app.model.sessions import IDLE_AFTER, QUIET_AFTER, AiAgent, AiState, Session, SessionStatus, TimelineEvent
from app.model.text import clean
from app.store.eventids import made

SESSION = (
    "SELECT s.id, a.id, s.agent_name, s.status, s.started_at, s.last_at, s.ended_at, s.events, s.errors, s.tool_calls,"
    " s.tool_failures, s.cost, s.llm_calls, s.input_tokens, s.output_tokens, s.model, s.channel, s.label, s.tags, s.n"
    " FROM session s CROSS JOIN ai_agent a WHERE a.n = s.agent_n"
)
"""What `session_of` reads; conditions are added with AND. A cross join, so that no agent is looked for first."""
EVENT = (
    "SELECT e.n, e.at, e.type, e.severity, e.id, a.id, e.payload, e.metadata, e.size, e.session_n"
    " FROM event e CROSS JOIN ai_agent a WHERE a.n = e.agent_n"
)
"""What `event_of` reads; conditions are added with AND."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_IDLE_AFTER = IDLE_AFTER // _MILLISECOND
_QUIET_AFTER = QUIET_AFTER // _MILLISECOND
_ESCAPED = re.compile(r"\\u[0-9a-fA-F]{4}")


def millis(at: datetime) -> int:
    """An instant as the sessions' tables hold it; cut to the millisecond."""
    return (at - _EPOCH) // _MILLISECOND


def instant(ms: int) -> datetime:
    """The instant that is held, in UTC."""
    return _EPOCH + ms * _MILLISECOND


def idle_before(now: int) -> int:
    """An active session whose last event is before this is idle; milliseconds, as `now`."""
    return now - _IDLE_AFTER


def session_of(row: Sequence[Any], now: int) -> Session:
    """A row of `SESSION`."""
    (
        id, agent, agent_name, status, began, last, ended, events, errors, calls, failures, cost, llm_calls, inputs,
        outputs, model, channel, label, tags, _,
    ) = row  # fmt: skip
    standing = SessionStatus(status)
    if standing is SessionStatus.ACTIVE and last < idle_before(now):
        standing = SessionStatus.IDLE
    return Session(
        key=id, agent=agent, status=standing, began=instant(began), last=instant(last),
        ended=None if ended is None else instant(ended), agent_name=agent_name, events=events, errors=errors,
        tool_calls=calls, tool_failures=failures, cost=cost, llm_calls=llm_calls, input_tokens=inputs,
        output_tokens=outputs, model=model, channel=channel, label=label, tags=_tags(tags),
    )  # fmt: skip


def agent_of(row: Sequence[Any], now: int) -> AiAgent:
    """A row of id, name, first and last seen, sessions, running ones, active ones, status of the newest one.

    Nothing heard for 24 h is quiet, however its last session ended.
    """
    id, name, first_seen, last_seen, sessions, running, active, newest = row
    if active:
        state = AiState.ACTIVE
    elif last_seen < now - _QUIET_AFTER:
        state = AiState.QUIET
    else:
        state = AiState.ERROR if newest == SessionStatus.ERROR.value else AiState.IDLE
    return AiAgent(id, state, instant(first_seen), instant(last_seen), name, sessions, running)


def event_of(row: Sequence[Any]) -> TimelineEvent:
    """A row of `EVENT`."""
    n, at, type_, severity, id, agent_id, payload, metadata, size, _ = row
    told = id or made(at, n)
    return TimelineEvent(
        told, instant(at), type_, severity, agent_id, shown(payload or ""), shown(metadata or ""), size
    )


def shown(text: str) -> str:
    """JSON text of which every character may be shown: what may not is written as `\\uXXXX`, the rest as it is.

    What was valid JSON is the same JSON afterwards; the mere beginning of one stays that.
    """
    if _ESCAPED.search(text):
        with suppress(ValueError, RecursionError):  # not whole: its escapes stay
            text = json.dumps(json.loads(text), ensure_ascii=False, separators=(",", ":"))
    if text.isascii() and text.isprintable():
        return text
    return text if clean(text, len(text)) == text else "".join(map(_safe, text))


def spellings(text: str) -> list[str]:
    """How a text may stand within a string of JSON: as it is, and in ASCII."""
    spelled = (json.dumps(text, ensure_ascii=ascii)[1:-1] for ascii in (False, True))
    return list(dict.fromkeys(spelled))


def _safe(character: str) -> str:
    if clean(character) == character:
        return character
    code = ord(character)
    if code < 0x10000:
        return f"\\u{code:04x}"
    code -= 0x10000
    return f"\\u{0xD800 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"


def _tags(text: str) -> tuple[str, ...]:
    return tuple(json.loads(text)) if text else ()
