"""Gateways: the status of a gateway, its sessions and what was said in them, as Mission Control tells it; and the chat
of one session for decks. Where no gateway is configured, the session store is one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from fastapi import Path, Query
from starlette.exceptions import HTTPException
from starlette.responses import Response

from app.api import gatewayanswers, gatewaystore
from app.api.asked import answer, invalid
from app.api.behind import Gate, gateways_of
from app.api.gates import Gates
from app.api.gatewaybodies import GatewayHistory, GatewaySessions, GatewayStatus, OneGatewaySession, told
from app.model.access import Permission
from app.model.chat import Chat
from app.worker.board import Board

PREFIXES = ("/api/v1/gateway", "/api/v1/gateways")
"""As the seed writes it and as the real system does."""
CHAT_MOST = 500
Id = Annotated[str, Path(min_length=1, max_length=1000)]
OfBoard = Annotated[UUID | None, Query(description="Gateways are not of boards here: any board has the first one")]
Url = Annotated[str, Query(max_length=1000, description="Of a configured gateway; without it the first one")]
Token = Annotated[str, Query(max_length=1000, description="Refused: a token is read from the configuration only")]
Flag = Annotated[bool | None, Query(description="As the gateway is configured, else it is refused")]
Name = Annotated[str, Query(max_length=300, description="Name of its gateway; empty: it is in the store")]
Last = Annotated[int, Query(ge=1, le=CHAT_MOST, description="Messages at most: the last ones")]
_NOT_THERE = {404: "There is no such session"}
_AWAY = {502: "The gateway does not answer, or says no"}


def gateways(gates: Gates, board: Board) -> None:
    """`GET /api/v1/gateway/` and `/api/v1/gateways/` `status`, `sessions`, `sessions/{id}`, `sessions/{id}/history`;
    `GET /api/v1/sessions/{id}/chat`."""

    async def status(
        board_id: OfBoard = None, gateway_url: Url = "", gateway_token: Token = "",
        gateway_disable_device_pairing: Flag = None, gateway_allow_insecure_tls: Flag = None,
    ) -> Response:  # fmt: skip
        asked = _asked(board, gateway_url, gateway_token)
        if asked is None:
            return told(await gatewaystore.status(board))
        gate = asked[0]
        _as_configured("gateway_disable_device_pairing", gateway_disable_device_pairing, not gate.pairs)
        _as_configured("gateway_allow_insecure_tls", gateway_allow_insecure_tls, gate.allows_insecure_tls)
        return told(await gatewayanswers.status(gate, _asked(board) or ()))

    async def sessions(board_id: OfBoard = None, gateway_url: Url = "", gateway_token: Token = "") -> Response:
        asked = _asked(board, gateway_url, gateway_token)
        return told(await (gatewaystore.sessions(board) if asked is None else gatewayanswers.sessions(asked)))

    async def one(id: Id, board_id: OfBoard = None, gateway_url: Url = "", gateway_token: Token = "") -> Response:
        asked = _asked(board, gateway_url, gateway_token)
        found = await (gatewaystore.one(board, id) if asked is None else gatewayanswers.session(asked, id))
        return told({"session": found})

    async def history(id: Id, board_id: OfBoard = None, gateway_url: Url = "", gateway_token: Token = "") -> Response:
        asked = _asked(board, gateway_url, gateway_token)
        if asked is None:
            return told({"history": await gatewaystore.history(board, id)})
        return told({"history": await gatewayanswers.history(asked, id)})

    async def chat(id: Id, gateway: Name = "", limit: Last = CHAT_MOST) -> Response:
        if not gateway:
            return answer(await gatewaystore.said(board, id, limit))
        configured = gateways_of(board)
        gate = configured.named(gateway) if configured is not None else None
        if gate is None:
            raise HTTPException(404, "there is no such gateway")
        return answer(await gatewayanswers.bounded(gate.chat(id, limit)))

    read, either = Permission.GATEWAYS_READ, _AWAY | _NOT_THERE
    for prefix in PREFIXES:
        gates.get(f"{prefix}/status", read, status, answer=GatewayStatus)
        gates.get(f"{prefix}/sessions", read, sessions, answer=GatewaySessions, also=_AWAY)
        gates.get(f"{prefix}/sessions/{{id:path}}/history", read, history, answer=GatewayHistory, also=either)
        gates.get(f"{prefix}/sessions/{{id:path}}", read, one, answer=OneGatewaySession, also=either)
    gates.get("/api/v1/sessions/{id:path}/chat", Permission.SESSIONS_READ, chat, answer=Chat, also=either)


def _asked(board: Board, url: str = "", token: str = "") -> Sequence[Gate] | None:
    """The gateway of this URL, without one all of them; None: the session store is the gateway."""
    if token:
        raise invalid("query", "gateway_token", "a token is not taken from a query: [[gateways]] token_file names it")
    configured = gateways_of(board)
    if not url.strip():
        return configured.each if configured is not None else None
    gate = configured.at(url) if configured is not None else None
    if gate is None:
        raise invalid("query", "gateway_url", "no gateway of this URL is configured, see [[gateways]]")
    return (gate,)


def _as_configured(name: str, given: bool | None, configured: bool) -> None:
    if given is not None and given is not configured:
        raise invalid("query", name, "how a gateway is reached is configured, see [[gateways]]")
