"""Gateway bodies: what Mission Control's clients read of gateways, their sessions and what was said in them."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import Response

from app.model.chat import Message
from app.model.components import Component
from app.model.sessions import Session


class KnownGateway(BaseModel):
    """A gateway as it was last seen. `latency` in seconds."""

    name: str
    url: str
    state: str
    reason: str
    version: str
    latency: float | None


class GatewayStatus(BaseModel):
    """The status of one gateway; `gateways`, `gateway` and `version` are ours. Sessions are as the gateway tells them;
    `main_session` is one of them."""

    connected: bool
    gateway_url: str
    sessions_count: int | None
    sessions: list[Any] | None
    main_session: dict[str, Any] | None
    main_session_error: str | None
    error: str | None
    gateway: str
    version: str
    gateways: list[KnownGateway]


class GatewaySessions(BaseModel):
    """Sessions as their gateways tell them, each with the name of its `gateway`; `errors` of those that do not answer
    by their names."""

    sessions: list[Any]
    main_session: dict[str, Any] | None
    errors: dict[str, str] = {}


class OneGatewaySession(BaseModel):
    """One session."""

    session: dict[str, Any]


class GatewayHistory(BaseModel):
    """What was said in a session, oldest first, as its gateway tells it."""

    history: list[Any]


def told(body: dict[str, Any]) -> Response:
    """A body with parts that others wrote: whatever is in their texts is escaped. 502 for what cannot be written."""
    try:
        text = json.dumps(body, allow_nan=False, separators=(",", ":"))
    except (ValueError, RecursionError):
        raise HTTPException(502, "the gateway's answer cannot be passed on") from None
    return Response(text, media_type="application/json")


def known(component: Component) -> dict[str, Any]:
    return {
        "name": component.name,
        "url": component.address,
        "state": component.state,
        "reason": component.reason,
        "version": component.version,
        "latency": component.latency,
    }


def session_body(session: Session) -> dict[str, Any]:
    """A session of the store as a gateway would tell it. Times in milliseconds."""
    body: dict[str, Any] = {
        "key": session.key,
        "label": session.label or session.key,
        "agentId": session.agent,
        "agentName": session.agent_name,
        "status": session.status.value,
        "channel": session.channel,
        "model": session.model,
        "createdAt": _ms(session.began.timestamp()),
        "updatedAt": _ms(session.last.timestamp()),
        "endedAt": _ms(session.ended.timestamp()) if session.ended is not None else "",
        "inputTokens": session.input_tokens,
        "outputTokens": session.output_tokens,
    }
    return {name: value for name, value in body.items() if value != ""}


def message_body(message: Message) -> dict[str, Any]:
    """A message as a gateway would tell it. What is not known is left out."""
    body: dict[str, Any] = {
        "role": message.role,
        "content": message.text,
        "timestamp": _ms(message.at.timestamp()) if message.at is not None else None,
        "toolCalls": list(message.calls),
        "toolName": message.tool,
        "isError": message.failed,
        "note": message.note,
    }
    return {name: value for name, value in body.items() if value or name in ("role", "content")}


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
