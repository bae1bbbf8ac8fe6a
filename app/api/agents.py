"""Agents: hosts of the fleet and AI agents in one list, in the shape of Mission Control's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from heapq import nsmallest
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Path, Query
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import Response

from app.api.asked import answer
from app.api.behind import kept, metrics_of
from app.api.gates import Gates
from app.api.members import Naive, naive
from app.api.pages import Page
from app.model.access import Permission
from app.model.components import ComponentKind
from app.model.fleet import Agent, Presence, Vitals, sanitise_host
from app.model.ids import KnownIds, id_of
from app.model.sessions import AiAgent, AiState
from app.model.snapshot import Snapshot
from app.worker.board import Board

PAGE_MOST = 200
"""Agents of a page, also where no number is asked for (Mission Control)."""
OFFLINE_AFTER = timedelta(minutes=10)
"""Time without a word after which an agent is offline, whatever it last said of itself (Mission Control)."""
_NEVER = datetime.fromtimestamp(0, UTC)
_HOST = {"Ready": "online", "Draining": "draining", "Cordoned": "cordoned", "Pending": "provisioning"}
_AI = {AiState.ACTIVE: "online", AiState.IDLE: "online", AiState.ERROR: "degraded", AiState.QUIET: "offline"}


class AgentBody(BaseModel):
    """An agent. Boards are of tasks here, not of agents, and nobody provisions them: those fields are empty. `kind`,
    `key` and `hostname` are ours: by these everything else names it."""

    board_id: UUID | None
    name: str
    status: str
    heartbeat_config: dict[str, Any] | None
    identity_profile: dict[str, Any] | None
    identity_template: str | None
    soul_template: str | None
    id: UUID
    gateway_id: UUID | None
    is_board_lead: bool
    is_gateway_main: bool
    openclaw_session_id: str | None
    last_seen_at: Naive | None
    created_at: Naive
    updated_at: Naive
    kind: Literal["host", "ai"]
    key: str
    hostname: str | None


class AgentsPage(Page):
    """Agents, the one that was first seen last first."""

    items: list[AgentBody]


@dataclass(frozen=True, slots=True)
class _Row:
    """One agent of either kind, before anything of it is written."""

    kind: Literal["host", "ai"]
    key: str
    name: str
    status: str  # that it has while it is heard of
    seen: datetime | None
    began: datetime
    hostname: str | None = None

    @property
    def names(self) -> frozenset[str]:
        """What tasks may call it."""
        host = self.hostname or self.key
        return frozenset((self.key,) if self.kind == "ai" else (self.key, host, sanitise_host(host)))

    def status_at(self, now: datetime) -> str:
        """As Mission Control derives it: never seen is provisioning, not seen for long is offline, else its own."""
        if self.seen is None:
            return "provisioning"
        return "offline" if now - self.seen > OFFLINE_AFTER else self.status


def agents(gates: Gates, board: Board) -> None:
    """`GET /api/v1/agents`, `GET /api/v1/agents/{id}`."""
    known: Mapping[str, KnownIds] = {"host": KnownIds("host"), "ai": KnownIds("ai")}

    async def listed(
        board_id: UUID | None = None,
        gateway_id: UUID | None = None,
        limit: Annotated[int, Query(ge=1, le=PAGE_MOST)] = PAGE_MOST,
        offset: Annotated[int, Query(ge=0, le=10_000_000)] = 0,
    ) -> Response:
        snapshot, now = board.snapshot, _now(board.snapshot)
        rows = [*_rows(snapshot)]
        if gateway_id is not None:
            behind = _behind_gateway(snapshot, gateway_id)
            rows = [row for row in rows if row.kind == "ai" and row.key in behind]
        if board_id is not None:
            at_work = await kept(metrics_of(board).agents_on(str(board_id), now))
            rows = [row for row in rows if at_work & row.names]
        part = nsmallest(offset + limit, rows, key=lambda row: (-row.began.timestamp(), row.kind, row.key))[offset:]
        body = {
            "items": [_body(row, known[row.kind].of(row.key), now) for row in part],
            "total": len(rows), "limit": limit, "offset": offset,
        }  # fmt: skip
        told = answer(body)
        for name, value in (("X-Total-Count", len(rows)), ("X-Limit", limit), ("X-Offset", offset)):
            told.headers[name] = str(value)
        return told

    async def one(id: Annotated[UUID, Path(description="As the list tells it")]) -> Response:
        snapshot = board.snapshot
        row = _found(snapshot, known, id)
        if row is None:
            raise HTTPException(404, "there is no such agent")
        return answer(_body(row, id, _now(snapshot)))

    gates.get(
        "/api/v1/agents", Permission.AGENTS_READ, listed, answer=AgentsPage, also={404: "There is no such gateway"}
    )
    gates.get(
        "/api/v1/agents/{id}", Permission.AGENTS_READ, one, answer=AgentBody, also={404: "There is no such agent"}
    )


def _rows(snapshot: Snapshot) -> Iterator[_Row]:
    for agent in snapshot.agents.values():
        yield _host(agent, snapshot.vitals.get(agent.key))
    yield from map(_ai, snapshot.ai.values())


def _behind_gateway(snapshot: Snapshot, id: UUID) -> set[str]:
    """The AI agents whose sessions a gateway tells of. 404 for an id that is no gateway's."""
    names = [row.name for row in snapshot.components.values() if row.kind is ComponentKind.GATEWAY]
    name = next((name for name in names if id_of("gateway", name) == id), None)
    if name is None:
        raise HTTPException(404, "there is no such gateway")
    return {session.agent for session in snapshot.sessions.values() if session.gateway == name}


def _found(snapshot: Snapshot, known: Mapping[str, KnownIds], id: UUID) -> _Row | None:
    host = known["host"].name(id, snapshot.agents.keys())
    if host is not None:
        return _host(snapshot.agents[host], snapshot.vitals.get(host))
    ai = known["ai"].name(id, snapshot.ai.keys())
    return None if ai is None else _ai(snapshot.ai[ai])


def _host(agent: Agent, vitals: Vitals | None) -> _Row:
    """A host that is known to have gone, or has left, is offline at once: there is no need to wait."""
    seen = vitals.beat if vitals is not None else agent.since
    away = agent.presence in (Presence.GONE, Presence.LEFT)
    status = "offline" if away else _HOST.get(agent.state, agent.state.lower())
    began = agent.started_at or seen or _NEVER
    return _Row("host", agent.key, agent.hostname or agent.key, status, seen, began, agent.hostname or None)


def _ai(agent: AiAgent) -> _Row:
    return _Row("ai", agent.key, agent.name or agent.key, _AI[agent.state], agent.last_seen, agent.first_seen)


def _body(row: _Row, id: UUID, now: datetime) -> dict[str, Any]:
    seen = naive(row.seen) if row.seen is not None else None
    return {
        "board_id": None,
        "name": row.name,
        "status": row.status_at(now),
        "heartbeat_config": None,
        "identity_profile": None,
        "identity_template": None,
        "soul_template": None,
        "id": id,
        "gateway_id": None,
        "is_board_lead": False,
        "is_gateway_main": False,
        "openclaw_session_id": None,
        "last_seen_at": seen,
        "created_at": naive(row.began),
        "updated_at": seen or naive(row.began),
        "kind": row.kind,
        "key": row.key,
        "hostname": row.hostname,
    }


def _now(snapshot: Snapshot) -> datetime:
    """The broker's clock: heartbeats are counted on it."""
    return datetime.now(UTC) + timedelta(seconds=snapshot.site.clock_offset)
