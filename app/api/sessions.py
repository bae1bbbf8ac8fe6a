"""Sessions: agents, sessions and what happened in them, for decks, for scripts and for AgentLens's clients."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from fastapi import Path, Query
from starlette.exceptions import HTTPException
from starlette.responses import Response

from app.api.asked import answer, invalid
from app.api.behind import kept, sessions_of
from app.api.gates import Gates
from app.api.sessionbodies import (
    AgentBody,
    AgentPage,
    EventsPage,
    SessionBody,
    SessionPage,
    Timeline,
    agent_body,
    event_body,
    session_body,
)
from app.model.access import Permission
from app.model.sessionevents import NAME_LONGEST
from app.model.sessions import SessionDetail, SessionList, SessionStatus
from app.model.text import clean
from app.worker.board import Board

PAGE, PAGE_MOST = 50, 500
"""Rows of a page where none or too many are asked for (AgentLens)."""
TIMELINE_MOST = 2000
OFFSET_MOST = 10_000_000
Id = Annotated[str, Path(min_length=1, max_length=1000)]
Text = Annotated[str, Query(max_length=1000)]
Begins = Annotated[str, Query(alias="from", max_length=100, description="Not before: ISO 8601")]
Ends = Annotated[str, Query(alias="to", max_length=100, description="Not after: ISO 8601")]
Rows = Annotated[str, Query(alias="limit", max_length=100, description=f"Rows at most: 1 to {PAGE_MOST}, else {PAGE}")]
Passed = Annotated[str, Query(alias="offset", max_length=100, description="Rows to pass over")]
_STATUSES = "|".join(f'"{status}"' for status in SessionStatus)
_NO_SESSION = {404: "There is no such session"}


def sessions(gates: Gates, board: Board) -> None:
    """`GET /api/` `sessions`, `sessions/{id}`, `sessions/{id}/timeline`, `events`, `agents`, `agents/{id}`, and
    `GET /api/v1/` `sessions`, `sessions/{id}`."""

    async def listed(
        agentId: Text = "", status: Text = "", begins: Begins = "", ends: Ends = "", tags: Text = "",
        rows: Rows = "", passed: Passed = "", countOnly: Text = "",
    ) -> Response:  # fmt: skip
        counting = countOnly == "true"
        limit, offset = 0 if counting else _limit(rows), _offset(passed)
        asked = sessions_of(board).listed(
            _now(), agent=_name(agentId) or None, statuses=_statuses(status), begins=_instant("from", begins),
            ends=_instant("to", ends), tags=_words(tags), limit=limit, offset=offset,
        )  # fmt: skip
        found, total = await kept(asked)
        if counting:
            return answer({"count": total})
        bodies = [session_body(session) for session in found]
        return answer({"sessions": bodies, "total": total, "hasMore": offset + len(found) < total})

    async def one(id: Id) -> Response:
        found = await kept(sessions_of(board).session(_name(id), _now()))
        if found is None:
            raise HTTPException(404, "Session not found")
        return answer(session_body(found))

    async def timeline(id: Id, passed: Passed = "") -> Response:
        offset = _offset(passed)
        found = await _detail(id, first=offset, limit=TIMELINE_MOST)
        rest = {
            "chainValid": True, "chained": False, "total": found.total,
            "hasMore": offset + len(found.events) < found.total,
        }  # fmt: skip
        return await _encoded([(found.session.key, event) for event in found.events], rest)

    async def events(
        sessionId: Text = "", agentId: Text = "", eventType: Text = "", severity: Text = "", begins: Begins = "",
        ends: Ends = "", search: Annotated[str, Query(max_length=200)] = "", rows: Rows = "", passed: Passed = "",
        order: Text = "",
    ) -> Response:  # fmt: skip
        offset = _offset(passed)
        asked = sessions_of(board).events(
            session=_name(sessionId), agent=_name(agentId), types=_words(eventType), severities=_words(severity),
            begins=_instant("from", begins), ends=_instant("to", ends), search=search, limit=_limit(rows),
            offset=offset, newest_first=order != "asc",
        )  # fmt: skip
        found, total = await kept(asked)
        rest = {"total": total, "hasMore": offset + len(found) < total}
        return await _encoded([(each.session, each.event) for each in found], rest)

    async def agents() -> Response:
        return answer({"agents": [agent_body(agent) for agent in await kept(sessions_of(board).agents(_now()))]})

    async def agent(id: Id) -> Response:
        found = await kept(sessions_of(board).agent(_name(id), _now()))
        if found is None:
            raise HTTPException(404, "Agent not found")
        return answer(agent_body(found))

    async def detail(
        id: Id,
        around: Annotated[str, Query(max_length=200, description="Id of an event that is wanted")] = "",
        first: Annotated[
            int | None, Query(ge=0, le=OFFSET_MOST, description="Place of the first event; unset: around the worst")
        ] = None,
        limit: Annotated[int, Query(ge=1, le=PAGE_MOST, description="Events at most")] = 200,
    ) -> Response:
        return answer(await _detail(id, around=around, first=first, limit=limit))

    async def recent(
        limit: Annotated[int, Query(ge=1, le=PAGE_MOST, description="Sessions at most")] = PAGE_MOST,
        offset: Annotated[int, Query(ge=0, le=OFFSET_MOST, description="Sessions to pass over")] = 0,
    ) -> Response:
        found = await kept(sessions_of(board).recent(limit, _now(), offset))
        return answer(SessionList(tuple(found)))

    async def _detail(id: str, **asked: Any) -> SessionDetail:
        found = await kept(sessions_of(board).timeline(_name(id), now=_now(), **asked))
        if found is None:
            raise HTTPException(404, "Session not found")
        return found

    content = Permission.SESSIONS_READ
    gates.get("/api/events", content, events, answer=EventsPage)
    gates.get("/api/sessions", content, listed, answer=SessionPage)
    gates.get("/api/sessions/{id:path}/timeline", content, timeline, answer=Timeline, also=_NO_SESSION)
    gates.get("/api/sessions/{id:path}", content, one, answer=SessionBody, also=_NO_SESSION)
    gates.get("/api/v1/sessions", content, recent, answer=SessionList)
    gates.get("/api/v1/sessions/{id:path}", content, detail, answer=SessionDetail, also=_NO_SESSION)
    gates.get("/api/agents", Permission.SCORES_READ, agents, answer=AgentPage)
    none = {404: "There is no such agent"}
    gates.get("/api/agents/{id:path}", Permission.SCORES_READ, agent, answer=AgentBody, also=none)


async def _encoded(events: list[tuple[str, Any]], rest: dict[str, Any]) -> Response:
    """Bodies of events, which hold much: made aside of the event loop."""

    def made() -> bytes:
        return msgspec.json.encode({"events": [event_body(session, event) for session, event in events], **rest})

    return Response(await asyncio.to_thread(made), media_type="application/json")


def _now() -> datetime:
    return datetime.now(UTC)


def _name(text: str) -> str:
    """A name as it is kept."""
    return clean(text, NAME_LONGEST)


def _words(text: str) -> list[str]:
    return [clean(word) for word in text.split(",") if word]


def _statuses(text: str) -> list[SessionStatus]:
    try:
        return list(dict.fromkeys(SessionStatus(word) for word in _words(text)))
    except ValueError:
        raise invalid("query", "status", f"Invalid option: expected one of {_STATUSES}") from None


def _limit(text: str) -> int:
    """Rows, as AgentLens reads the number: what is none is the default, too much is the most."""
    return max(1, min(_number(text) or PAGE, PAGE_MOST))


def _offset(text: str) -> int:
    return max(0, min(_number(text), OFFSET_MOST))


def _number(text: str) -> int:
    found = re.match(r"\s*([+-]?[0-9]{1,18})", text)
    return int(found[1]) if found else 0


def _instant(field: str, text: str) -> datetime | None:
    """An instant of a query; a date is its beginning, in UTC where no zone is named."""
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
        return (at.replace(tzinfo=UTC) if at.tzinfo is None else at).astimezone(UTC)
    except (ValueError, OverflowError):
        raise invalid("query", field, "Invalid ISO datetime") from None
