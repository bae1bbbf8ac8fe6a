"""The session store as a gateway: for workers that watch none. Its sessions are those that are active."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

from starlette.exceptions import HTTPException

from app.api.behind import kept, sessions_of
from app.api.gatewaybodies import message_body, session_body
from app.model.chat import Chat, of_events
from app.model.sessionevents import NAME_LONGEST
from app.model.sessions import SessionStatus
from app.model.text import clean
from app.worker.board import Board

NAME = "store"
ACTIVE_MOST = 1000
"""Active sessions that are listed: those that began last."""
CALLS_MOST = 400
"""Events of model calls that are read for a chat: the last ones, which repeat what was said before them."""
_CALLS = ("llm_call", "llm_response")


async def status(board: Board) -> dict[str, Any]:
    """How the store does as a gateway. One that cannot be read is not connected, and says why."""
    error, found, total = None, None, None
    try:
        found, total = await _active(board)
    except HTTPException as failed:
        error = str(failed.detail)
    return {
        "connected": error is None, "gateway_url": "", "sessions_count": total, "sessions": found,
        "main_session": None, "main_session_error": None, "error": error, "gateway": NAME,
        "version": board.snapshot.site.version, "gateways": [],
    }  # fmt: skip


async def sessions(board: Board) -> dict[str, Any]:
    """Those that are active."""
    found, _ = await _active(board)
    return {"sessions": [{**row, "gateway": NAME} for row in found], "main_session": None, "errors": {}}


async def _active(board: Board) -> tuple[list[dict[str, Any]], int]:
    """Active sessions, and how many there are in all."""
    asked = sessions_of(board).listed(datetime.now(UTC), statuses=[SessionStatus.ACTIVE], limit=ACTIVE_MOST)
    found, total = await kept(asked)
    return [session_body(session) for session in found], total


async def one(board: Board, id: str) -> dict[str, Any]:
    """A session, active or not; 404 if there is no such one."""
    found = await kept(sessions_of(board).session(clean(id, NAME_LONGEST), datetime.now(UTC)))
    if found is None:
        raise HTTPException(404, "Session not found")
    return session_body(found)


async def history(board: Board, id: str) -> list[dict[str, Any]]:
    """What was said in a session; 404 if there is no such one."""
    return [message_body(message) for message in (await said(board, id)).messages]


async def said(board: Board, id: str, limit: int | None = None) -> Chat:
    """What was said in a session, to be read; 404 if there is no such one."""
    name = clean(id, NAME_LONGEST)
    await one(board, name)
    asked = sessions_of(board).events(session=name, types=_CALLS, limit=CALLS_MOST, newest_first=True)
    found, _ = await kept(asked)
    messages = await asyncio.to_thread(of_events, [each.event for each in reversed(found)])
    last = messages if limit is None else messages[-limit:]
    return Chat(name, tuple(last), len(messages) - len(last))
