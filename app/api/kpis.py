"""KPIs: key figures and series of tasks, for Mission Control's clients and for decks, and the tasks behind them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import Query
from starlette.responses import Response

from app.api.asked import When, answer, invalid
from app.api.behind import kept, metrics_of
from app.api.gates import Gates
from app.api.kpibodies import DashboardBody, dashboard_body
from app.model.access import Permission
from app.model.metrics import Dashboard, Range, Series
from app.model.tasks import TaskList
from app.store.metrics import Asked
from app.worker.board import Board

TASKS_MOST = 1000
Wanted = Annotated[Range | None, Query(description="24h without")]
OfBoard = Annotated[UUID | None, Query(description="Only tasks of this board")]
OfGroup = Annotated[UUID | None, Query(description="Only tasks of this group of boards")]


def kpis(gates: Gates, board: Board) -> None:
    """`GET /api/v1/` `metrics/dashboard`, `metrics/figures`, `tasks`."""

    async def metrics(
        range: Wanted = None, range_key: Wanted = None, board_id: OfBoard = None, group_id: OfGroup = None
    ) -> Response:
        told = await _dashboard(_asked(_range(range, range_key), board_id, group_id))
        return answer(dashboard_body(told))

    async def figures(range: Wanted = None, board_id: OfBoard = None, group_id: OfGroup = None) -> Response:
        return answer(await _dashboard(_asked(range or Range.DAY, board_id, group_id)))

    async def tasks(
        range: Wanted = None,
        series: Annotated[Series | None, Query(description="Of which series a point is meant")] = None,
        period: Annotated[When | None, Query(description="Where the point's bucket begins; without: all of it")] = None,
        board_id: OfBoard = None,
        group_id: OfGroup = None,
        limit: Annotated[int, Query(ge=1, le=TASKS_MOST, description="Tasks at most")] = 200,
    ) -> Response:
        asked = _asked(range or Range.DAY, board_id, group_id)
        return answer(await kept(metrics_of(board).tasks(asked, datetime.now(UTC), series, period, limit)))

    async def _dashboard(asked: Asked) -> Dashboard:
        return await kept(metrics_of(board).dashboard(asked, datetime.now(UTC)))

    read = Permission.METRICS_READ
    gates.get("/api/v1/metrics/dashboard", read, metrics, answer=DashboardBody)
    gates.get("/api/v1/metrics/figures", read, figures, answer=Dashboard)
    gates.get("/api/v1/tasks", read, tasks, answer=TaskList)


def _range(one: Range | None, other: Range | None) -> Range:
    """The same range by either of its two names (the page's, and Mission Control's own)."""
    if one is not None and other is not None and one is not other:
        raise invalid("query", "range_key", f"range says {one}, and this says {other}: name one")
    return one or other or Range.DAY


def _asked(range: Range, board: UUID | None, group: UUID | None) -> Asked:
    return Asked(range, str(board or ""), str(group or ""))
