"""Scores: how well AI agents do, for AgentLens's clients and for decks."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from fastapi import Path, Query
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from app.api.asked import answer
from app.api.behind import kept, scores_of, sessions_of, window_of
from app.api.errors import error_response
from app.api.gates import Gates
from app.api.scorebodies import HistoryBody, OverviewBody, ScoreBody, history_body, score_body
from app.api.scorequeries import DAYS_MOST, SORTS, WINDOW_MOST, Unfit, refused, sort, whole, window
from app.api.sessionbodies import iso
from app.model.access import Permission
from app.model.scoring import Score, ScoreDetail
from app.model.sessionevents import NAME_LONGEST
from app.model.sessions import AiAgent
from app.model.text import clean
from app.store.errors import StoreFailed
from app.store.pauses import Pauses
from app.worker.board import Board

HISTORY_DAYS = 30
"""Days of history where no number is asked for (AgentLens)."""
ROWS_MOST = 10_000_000
Id = Annotated[str, Path(min_length=1, max_length=1000)]
Text = Annotated[str | None, Query(max_length=100)]
Days = Annotated[str | None, Query(max_length=100, description=f"Days: 1 to {WINDOW_MOST}")]
_NONE = {404: "The agent has no sessions in the window"}
_UNFIT = {400: "A parameter is not valid; `details` say which"}


def scores(gates: Gates, board: Board) -> None:
    """`GET /api/` `agents/{id}/health`, `health/overview`, `health/history`, and `GET /api/v1/scores/{agent}`."""

    async def health(request: Request, id: Id, window: Days = None) -> Response:
        try:
            days = _window(request, board)
        except Unfit as unfit:
            return refused(request, unfit)
        agent, now, book = clean(id, NAME_LONGEST), _now(), scores_of(board)
        found = await kept(book.score(agent, days, now))
        if found is None:
            raise HTTPException(404, "No sessions found for agent in window")
        if not board.intake.pending:  # the day is scored when what is known of it was taken in
            with suppress(StoreFailed):  # it is answered all the same, and kept at the next query
                await book.keep_today(now, (agent,))
        return answer(score_body(found, now))

    async def overview(
        request: Request, window: Days = None,
        sort: Annotated[str | None, Query(max_length=100, description=f"One of {', '.join(SORTS)}")] = None,
        limit: Text = None, offset: Text = None,
    ) -> Response:  # fmt: skip
        try:
            order = _order(request)
            days = _window(request, board)
            part = whole(request, "limit", ROWS_MOST, ROWS_MOST), whole(request, "offset", 0, ROWS_MOST, least=0)
        except Unfit as unfit:
            return refused(request, unfit)
        now = _now()
        rows = await kept(scores_of(board).overview(days, now))
        agents = await kept(sessions_of(board).agents(now)) if order in ("lastSeen", "name") else []
        body = await asyncio.to_thread(_overview, rows, agents, order, *part, now)
        return Response(body, media_type="application/json")

    async def history(
        request: Request,
        agentId: Annotated[str, Query(max_length=1000)] = "",
        days: Annotated[str | None, Query(max_length=100, description=f"1 to {DAYS_MOST}")] = None,
    ) -> Response:
        if not agentId:
            return error_response(request, 400, "Missing required query parameter: agentId")
        try:
            wanted = whole(request, "days", HISTORY_DAYS, DAYS_MOST)
        except Unfit as unfit:
            return refused(request, unfit)
        agent = clean(agentId, NAME_LONGEST)
        return answer(history_body(agent, wanted, await kept(scores_of(board).history(agent, wanted, _now()))))

    async def detail(
        agent: Id,
        window: Annotated[int | None, Query(ge=1, le=WINDOW_MOST, description="Days; the worker's own without")] = None,
    ) -> Response:
        wanted = window or window_of(board)
        found = await kept(scores_of(board).detail(clean(agent, NAME_LONGEST), wanted, _now()))
        if found is None:
            raise HTTPException(404, "there is no such agent")
        return answer(found)

    read = Permission.SCORES_READ
    gates.get("/api/agents/{id:path}/health", read, health, answer=ScoreBody, also={**_UNFIT, **_NONE})
    gates.get("/api/health/overview", read, overview, answer=OverviewBody, also=_UNFIT)
    gates.get("/api/health/history", read, history, answer=HistoryBody, also=_UNFIT)
    none = {404: "There is no such agent"}
    gates.get("/api/v1/scores/{agent:path}", read, detail, answer=ScoreDetail, also=none)


def _window(request: Request, board: Board) -> int:
    return window(request, window_of(board))


def _order(request: Request) -> str:
    return sort(request)


def _now() -> datetime:
    """To the millisecond, as the store reckons."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


def _overview(
    rows: Sequence[Score], agents: Sequence[AiAgent], order: str, limit: int, offset: int, now: datetime
) -> bytes:
    """Some of the scores, in an order; for a thread, there may be ten thousand."""
    listed = _sorted(rows, {agent.key: agent for agent in agents}, order)[offset : offset + limit]
    # one by one: all of them at once would hold up everything else for a tenth of a second
    bodies = b",".join([msgspec.json.encode(score_body(score, now)) for score in Pauses().over(listed)])
    rest = msgspec.json.encode({"computedAt": iso(now), "total": len(rows)})
    return b'{"agents":[%b],%b' % (bodies, rest[1:])


def _sorted(rows: Sequence[Score], agents: Mapping[str, AiAgent], order: str) -> list[Score]:
    """By when the agents were heard of, the last first; the worst score or the deepest fall first; or by name."""

    def key(row: Score) -> Any:
        agent = agents.get(row.agent)
        if order == "lastSeen":
            return -agent.last_seen.timestamp() if agent is not None else 0.0, row.agent
        if order == "name":
            return (agent.name if agent is not None and agent.name else row.agent).casefold(), row.agent
        return row.overall if order == "score" else row.delta, row.agent

    return sorted(rows, key=key)
