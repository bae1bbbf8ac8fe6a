"""Gists: what an event of a session says, in one line, by its type."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from app.model import text
from app.model.sessions import TimelineEvent
from app.tui.views.payloads import Payload, in_line, number

GONE = "its content is no longer kept"
LINE = 200
"""Characters of what was said, in a line."""
_ARGUMENTS = 4
"""Arguments of a call that are told."""
_ERRORS = ("error", "critical")


@dataclass(frozen=True, slots=True)
class Gist:
    """What an event says. `wrong`: it is an error, or a tool that failed; `cost` in nano-dollars."""

    text: str
    wrong: bool = False
    cost: int = 0


def gist(event: TimelineEvent) -> Gist:
    """The gist of an event, whatever it carries."""
    payload = Payload(event)
    wrong = event.severity in _ERRORS or event.type == "tool_error" or _failed(event, payload)
    if not payload.kept:
        return Gist(GONE, wrong)
    told = _BY_TYPE.get(event.type, _any)(payload) or _any(payload)
    cost = payload.number("costUsd") if event.type in ("cost_tracked", "llm_response") else None
    return Gist(f"{told} (cut)" if payload.cut else told, wrong, round((cost or 0.0) * 1e9))


def _failed(event: TimelineEvent, payload: Payload) -> bool:
    return event.type == "tool_response" and payload.fields.get("isError") is True


def _join(*parts: str, by: str = " · ") -> str:
    return by.join(part for part in parts if part)


def _headed(head: str, *parts: str) -> str:
    """`head: first · second`."""
    rest = _join(*parts)
    return f"{head}: {rest}" if head and rest else head or rest


def _time(payload: Payload, name: str, word: str = "") -> str:
    ms = payload.number(name)
    if ms is None or ms < 0:
        return ""
    shown = f"{ms:.0f}ms" if ms < 1000 else text.took(ms / 1000)
    return f"{word}{shown}"


def _many(value: float | None, word: str) -> str:
    return "" if value is None else f"{text.count(value)} {word}"


def arguments(values: Mapping[str, object], longest: int = 120) -> str:
    """`path=src/a.py n=3`: the arguments of a call."""
    told = [f"{in_line(name, 40)}={in_line(value, 80)}" for name, value in list(values.items())[:_ARGUMENTS]]
    more = f" +{len(values) - _ARGUMENTS}" if len(values) > _ARGUMENTS else ""
    return text.clean(" ".join(told), longest) + more


def _started(payload: Payload) -> str:
    version = payload.text("agentVersion", 40)
    tags = " ".join(in_line(tag, 40) for tag in payload.all("tags")[:8])
    return _join(f"{payload.text('agentName', 80)} {version}".strip(), tags)


def _ended(payload: Payload) -> str:
    return _headed(payload.text("reason", 40), payload.text("summary"), _time(payload, "totalDurationMs", "in "))


def _tool_call(payload: Payload) -> str:
    server = payload.text("serverName", 40)
    return _join(_tool(payload), arguments(payload.part("arguments")), f"on {server}" if server else "", by="  ")


def _tool(payload: Payload) -> str:
    return payload.text("toolName", 60)


def _tool_response(payload: Payload) -> str:
    how = "failed" if payload.fields.get("isError") is True else "ok"
    return _headed(f"{_tool(payload)} {how}{_time(payload, 'durationMs', ' in ')}", payload.text("result"))


def _tool_error(payload: Payload) -> str:
    code = payload.text("errorCode", 40)
    told = _join(payload.text("error"), f"[{code}]" if code else "", _time(payload, "durationMs", "after "), by=" ")
    return _headed(_tool(payload), told)


def _cost(payload: Payload) -> str:
    total = payload.number("totalTokens")
    return _headed(payload.text("model", 60), _many(total, "tokens"), payload.text("trigger", 60))


def _llm_call(payload: Payload) -> str:
    messages = payload.all("messages")
    last = messages[-1] if messages and isinstance(messages[-1], dict) else {}
    said = f"{in_line(last.get('role'), 20)}: {content(last.get('content'), LINE)}" if last else ""
    said = "redacted" if payload.fields.get("redacted") is True else said
    number_of = f"{len(messages)} message{'' if len(messages) == 1 else 's'}" if messages else ""
    return _join(said, number_of, payload.text("model", 60))


def content(value: object, longest: int) -> str:
    """The text of a message, which may come in parts."""
    if isinstance(value, list):
        parts = [each.get("text") if isinstance(each, dict) else each for each in value[:50]]
        return in_line(" ".join(part for part in parts if isinstance(part, str)), longest) or in_line(value, longest)
    return in_line(value, longest)


def _llm_response(payload: Payload) -> str:
    usage = payload.part("usage")
    read, written = number(usage.get("inputTokens")), number(usage.get("outputTokens"))
    tokens = _join(_many(read, "in"), _many(written, "out"), by=", ")
    said = "redacted" if payload.fields.get("redacted") is True else payload.text("completion", LINE)
    calls = [in_line(each.get("name"), 40) for each in payload.all("toolCalls")[:3] if isinstance(each, dict)]
    said = said or (f"calls {', '.join(calls)}" if calls else payload.text("finishReason", 40))
    return _headed(payload.text("model", 60), tokens, _time(payload, "latencyMs"), said)


def _alert(payload: Payload) -> str:
    value, limit = payload.number("currentValue"), payload.number("threshold")
    figures = f"{value:g} of {limit:g}" if value is not None and limit is not None else ""
    return _headed(payload.text("alertName", 80), payload.text("message"), figures)


def _resolved(payload: Payload) -> str:
    by = payload.text("resolvedBy", 80)
    return _join(payload.text("alertName", 80), f"resolved by {by}" if by else "resolved", by=" ")


def _retrieval(payload: Payload) -> str:
    found = _many(payload.number("resultCount"), "found")
    return _headed(
        payload.text("retrieverName", 60), payload.text("query", LINE), found, _time(payload, "durationMs", "in ")
    )


def _embedding(payload: Payload) -> str:
    inputs = _many(payload.number("inputCount"), "inputs")
    return _headed(payload.text("model", 60), inputs, _time(payload, "durationMs", "in "))


def _step(payload: Payload) -> str:
    kind = payload.text("stepType", 40)
    return _join(payload.text("name", 120), f"({kind})" if kind else "", _time(payload, "durationMs", "in "), by=" ")


def _custom(payload: Payload) -> str:
    data = payload.part("data")
    named = [in_line(data.get(name), 120) for name in ("title", "name", "status", "message")]
    return _headed(payload.text("type", 60), *(named if any(named) else [arguments(data, LINE)]))


def _any(payload: Payload) -> str:
    """Of types without a shape of their own: their plain fields."""
    plain = {name: value for name, value in payload.fields.items() if not isinstance(value, dict | list)}
    return arguments(plain or dict(payload.fields), LINE)


_BY_TYPE: Mapping[str, Callable[[Payload], str]] = {
    "session_started": _started,
    "session_ended": _ended,
    "tool_call": _tool_call,
    "tool_response": _tool_response,
    "tool_error": _tool_error,
    "cost_tracked": _cost,
    "llm_call": _llm_call,
    "llm_response": _llm_response,
    "alert_triggered": _alert,
    "alert_resolved": _resolved,
    "retrieval": _retrieval,
    "embedding": _embedding,
    "chain_step": _step,
    "custom": _custom,
}
