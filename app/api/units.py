"""Units: the systemd units that this worker watches, and the lines of their logs."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, TypeVar

from fastapi import Path, Query
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from app.api.asked import answer, invalid
from app.api.behind import there
from app.api.gates import Gates
from app.model.access import Permission
from app.model.components import Component, ComponentKind
from app.model.health import Health
from app.model.units import PRIORITIES, LogPage, Unit
from app.sources.journal import CURSOR, LINES_MOST, Wanted
from app.sources.programs import ProgramError
from app.sources.tasks import ended
from app.worker.board import Board

T = TypeVar("T")
CONTAINS_LONGEST = 200
_WORDS = {"emergency": 0, "error": 3, "warn": 4, "informational": 6}


class Direction(StrEnum):
    """Which way to go from a cursor."""

    OLDER = "older"
    NEWER = "newer"


class UnitRow(BaseModel):
    """A unit that is watched, as it stands. Memory in bytes, cpu in percent of one core."""

    name: str
    health: Health
    state: str
    reason: str
    since: datetime | None
    started_at: datetime | None
    memory: int | None
    cpu: float | None
    unit: Unit | None


class UnitList(BaseModel):
    """All units that are watched, by name."""

    items: list[UnitRow]
    total: int


def units(gates: Gates, board: Board) -> None:
    """`GET /api/v1/units`, `GET /api/v1/units/{name}/logs`."""

    async def listed() -> Response:
        table = board.snapshot.components.values()
        rows = sorted((_row(each) for each in table if each.kind is ComponentKind.UNIT), key=lambda row: row["name"])
        return answer({"items": rows, "total": len(rows)})

    async def logs(
        request: Request,
        name: Annotated[str, Path(min_length=1, max_length=200)],
        cursor: Annotated[str, Query(max_length=500, description="Of a line; without one: the newest lines")] = "",
        direction: Annotated[Direction, Query(description="Lines before the cursor, or after it")] = Direction.OLDER,
        limit: Annotated[int, Query(ge=1, le=LINES_MOST, description="Lines at most")] = 200,
        priority: Annotated[str, Query(max_length=20, description="This urgent or more: 0 to 7, or its name")] = "",
        contains: Annotated[
            str, Query(max_length=CONTAINS_LONGEST, description="Only lines with this in them, case ignored")
        ] = "",
    ) -> Response:
        if cursor and not CURSOR.fullmatch(cursor):
            raise invalid("query", "cursor", "not a cursor of a journal")
        wanted = Wanted(limit, cursor, direction is Direction.OLDER, _priority(priority), contains)
        journal = there(board.journal, "way to read logs")
        try:
            return answer(await _while_asked(request, journal.page(name, wanted)))
        except KeyError:
            raise HTTPException(404, "there is no such unit here") from None
        except ProgramError as error:
            raise HTTPException(503, str(error)) from None

    read = Permission.LOGS_READ
    gates.get("/api/v1/units", read, listed, answer=UnitList)
    gates.get(
        "/api/v1/units/{name}/logs", read, logs, answer=LogPage, also={404: "No unit of this name is watched here"}
    )


def _row(row: Component) -> dict[str, Any]:
    return {
        "name": row.name, "health": row.health, "state": row.state, "reason": row.reason, "since": row.since,
        "started_at": row.started_at, "memory": row.rss, "cpu": row.cpu, "unit": row.unit,
    }  # fmt: skip


def _priority(text: str) -> int:
    word = text.strip().casefold()
    if not word:
        return len(PRIORITIES) - 1
    if word.isascii() and word.isdigit() and int(word) < len(PRIORITIES):
        return int(word)
    known = {name: number for number, name in enumerate(PRIORITIES)} | _WORDS
    if word not in known:
        raise invalid("query", "priority", f"not one of 0 to 7, {', '.join(PRIORITIES)}")
    return known[word]


async def _while_asked(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """What the work gives; it is ended when nobody waits for it any more."""
    working, gone = asyncio.ensure_future(work), asyncio.ensure_future(_left(request))
    try:
        await asyncio.wait({working, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise HTTPException(503, "nobody waits for the answer any more")
        return working.result()
    finally:
        await ended(gone)
        await ended(working)


async def _left(request: Request) -> None:
    """Returns when the asker is gone."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
