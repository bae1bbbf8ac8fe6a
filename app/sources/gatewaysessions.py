"""Sessions of a gateway: raw objects whose fields have many names, read as far as they say something."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from app.model.instants import instant
from app.model.sessions import IDLE_AFTER, UNTOLD, Session, SessionStatus
from app.model.text import clean

SESSIONS_MOST = 500
"""Sessions of a gateway that are shown: those that were active last."""
KEY_LONGEST = 300
_NAME_LONGEST = 200
_COST_MOST = 1e9  # dollars
_TOKENS_MOST = 1e12

# The first of these that says something counts (Mission Control; below each, further ones of OpenClaw itself).
IDS = ("key", "id", "session_key", "sessionKey", "sessionId")
TITLES = ("label", "name", "title", "displayName", "derivedTitle", "subject")
CHANNELS = ("channel", "source", "kind", "chatType", "lastChannel", "provider", "surface")
MODELS = ("model", "model_name", "provider", "engine", "modelProvider")
LASTS = (
    "updated_at", "updatedAt", "last_updated_at", "lastUpdatedAt", "last_seen_at", "lastSeen", "last_seen",
    "last_active_at", "lastActiveAt", "lastActivityAt", "activityAt", "created_at", "createdAt",
)  # fmt: skip
BEGINS = ("created_at", "createdAt", "started_at", "startedAt")
USED = (
    "used", "used_tokens", "tokens", "current", "token_count", "tokenCount", "totalTokens", "total_tokens",
    "inputTokens", "input_tokens", "usedTokens", "contextUsed", "context_used",
)  # fmt: skip
MOST = (
    "max", "limit", "token_limit", "capacity", "max_tokens", "maxTokens", "context_window", "contextWindow",
    "contextTokens", "context_tokens", "contextLimit", "context_limit", "tokenLimit",
)  # fmt: skip
PERCENTS = (
    "pct", "percent", "usage_pct", "percentUsed", "contextPercent", "usagePct", "percent_used", "context_percent",
)  # fmt: skip
AGENTS = ("agentId", "agent_id", "agentName", "agent")
_PARTS = ("usage", "stats", "metrics")
_FAILED = frozenset(("failed", "timeout", "error"))


def listed(payload: Any) -> list[Any]:
    """The sessions in an answer to `sessions.list`, as they came."""
    found = payload.get("sessions") if isinstance(payload, dict) else payload
    return found if isinstance(found, list) else []


def said(payload: Any) -> list[Any]:
    """The messages in an answer to `chat.history`, as they came."""
    found = payload.get("messages") if isinstance(payload, dict) else payload
    return found if isinstance(found, list) else []


def raw_key(raw: Mapping[str, Any]) -> str:
    """By what the gateway is asked for it; empty for one that has no name."""
    return next(_ids(raw), "")


def sessions(raws: list[Any], gateway: str, now: datetime) -> Mapping[str, tuple[Session, str]]:
    """Session rows of a gateway by their keys, each with the key by which the gateway is asked; those that were active
    last first. What has no name is left out, and so is what shares one with another before it."""
    seen: set[str] = set()
    found: list[tuple[Session, str]] = []
    for raw in raws:
        if not isinstance(raw, dict):
            continue
        ids = set(_ids(raw))
        if not ids or not seen.isdisjoint(ids):
            continue
        seen |= ids
        found.append((session(raw, gateway, now), raw_key(raw)))
    found.sort(key=lambda each: each[0].last, reverse=True)
    return {each[0].key: each for each in found[:SESSIONS_MOST]}


def session(raw: Mapping[str, Any], gateway: str, now: datetime) -> Session:
    """One session as a row. What is not told stays empty; of a time that is not told it is `UNTOLD`."""
    key = raw_key(raw)
    last = _instant(raw, LASTS) or UNTOLD
    used, most = context(raw)
    return Session(
        key=f"{gateway}/{clean(key, KEY_LONGEST)}",
        agent=_agent(raw, key),
        status=_status(raw, last, now),
        began=_instant(raw, BEGINS) or UNTOLD,
        last=min(last, now),
        cost=_cost(raw),
        input_tokens=_tokens(raw, ("inputTokens", "input_tokens")) or 0,
        output_tokens=_tokens(raw, ("outputTokens", "output_tokens")) or 0,
        model=_text((raw,), MODELS),
        channel=_text((raw, raw.get("origin")), CHANNELS),
        label=_text((raw,), TITLES) or clean(key, _NAME_LONGEST),
        gateway=gateway,
        context_used=used,
        context_most=most,
    )


def context(raw: Mapping[str, Any]) -> tuple[int | None, int | None]:
    """Tokens of its context that are used, and how many there may be. Told as a percentage alone, it is of 100."""
    used, most = _tokens(raw, USED), _tokens(raw, MOST) or None
    percent = next(_numbers(raw, PERCENTS), None)
    if used is None and percent is not None:
        most = most or 100
        used = round(min(percent, 100.0) / 100 * most)
    return used, most


def _ids(raw: Mapping[str, Any]) -> Iterator[str]:
    for name in IDS:
        value = raw.get(name)
        if isinstance(value, str) and value.strip():
            yield value


def _agent(raw: Mapping[str, Any], key: str) -> str:
    """Whose it is: as it says, else by its key, `agent:ID:…`."""
    parts = key.split(":", 2)
    by_key = parts[1] if len(parts) == 3 and parts[0] == "agent" else ""
    return _text((raw,), AGENTS) or clean(by_key, _NAME_LONGEST)


def _status(raw: Mapping[str, Any], last: datetime, now: datetime) -> SessionStatus:
    """A session of a gateway never ends: it is active while it runs or was heard of lately. A run that failed last
    shows, unless another one goes on."""
    status = raw.get("status")
    if raw.get("hasActiveRun") is True or status == "running":
        return SessionStatus.ACTIVE
    if isinstance(status, str) and status.lower() in _FAILED:
        return SessionStatus.ERROR
    return SessionStatus.ACTIVE if now - last <= IDLE_AFTER else SessionStatus.IDLE


def _cost(raw: Mapping[str, Any]) -> int:
    dollars = next(_numbers(raw, ("estimatedCostUsd", "costUsd", "cost_usd")), 0.0)
    return round(dollars * 1e9) if dollars <= _COST_MOST else 0


def _tokens(raw: Mapping[str, Any], names: tuple[str, ...]) -> int | None:
    found = next(_numbers(raw, names), None)
    return round(found) if found is not None and found <= _TOKENS_MOST else None


def _numbers(raw: Mapping[str, Any], names: tuple[str, ...]) -> Iterator[float]:
    """Numbers of these names, in it and then in its parts; as text too, as JavaScript takes them."""
    for holder in (raw, *(raw.get(part) for part in _PARTS)):
        if not isinstance(holder, dict):
            continue
        for name in names:
            value = holder.get(name)
            if isinstance(value, str):
                value = _number(value)
            if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1e15:
                yield float(value)


def _number(text: str) -> float | None:
    try:
        value = float(text[:32])
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _text(holders: tuple[Any, ...], names: tuple[str, ...]) -> str:
    for holder in holders:
        if not isinstance(holder, dict):
            continue
        for name in names:
            value = holder.get(name)
            if isinstance(value, str) and (text := clean(value, _NAME_LONGEST).strip()):
                return text
    return ""


def _instant(raw: Mapping[str, Any], names: tuple[str, ...]) -> datetime | None:
    return next((at for name in names if (at := instant(raw.get(name))) is not None), None)
