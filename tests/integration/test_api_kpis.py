"""Key figures over HTTP on a real store: what posted task events make of them, in the shape of Mission Control's."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from app.api.application import Application
from app.api.kpibodies import DashboardBody
from app.feed.questions import DashboardOf, TasksOf
from app.model.access import Role
from app.model.ids import id_of
from app.model.metrics import Dashboard, Range, Series
from app.model.tasks import TaskList, TaskStatus
from app.store.store import Store
from tests.behind import FilledBoard, filled

NOW = datetime.now(UTC).replace(microsecond=0)
PATH = "/api/v1/metrics/dashboard"
BOARD, GROUP = str(id_of("board", "web")), str(id_of("group", "product"))
NOBODY = "00000000-0000-4000-8000-000000000000"


def said(task: str, status: str, hours_ago: float, **more: Any) -> dict[str, Any]:
    """A task event."""
    at = (NOW - timedelta(hours=hours_ago)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    data = {"taskId": task, "status": status, **more}
    return {
        "sessionId": "planning", "agentId": "planner", "eventType": "custom", "timestamp": at,
        "payload": {"type": "task", "data": data},
    }  # fmt: skip


WALK = [
    said("t1", "inbox", 5, title="Fix the build", boardId="web", groupId="product", agentId="coder-7"),
    said("t1", "in_progress", 4),
    said("t1", "review", 1),
    said("t1", "done", 0.5),
    said("t2", "inbox", 3, title="Another", boardId=NOBODY, failed=True),
]


@pytest.fixture
async def board(tmp_path: Path) -> AsyncIterator[FilledBoard]:
    board = filled()
    board.store = Store.open("", tmp_path, clock=lambda: datetime.now(UTC))
    yield board
    await board.store.close()


@pytest.fixture
async def client(board: FilledBoard) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(Application(board).socket())
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield client


async def post(client: httpx.AsyncClient, *events: dict[str, Any]) -> dict[str, Any]:
    told = await client.post("/api/events", json={"events": list(events)})
    assert told.status_code == 201, told.text
    body: dict[str, Any] = told.json()
    return body


async def test_a_task_that_went_its_way_is_told_in_every_range(client: httpx.AsyncClient) -> None:
    await post(client, *reversed(WALK))
    for name in ("range", "range_key"):
        for range in Range:
            body = (await client.get(PATH, params={name: range.value})).json()
            assert DashboardBody.model_validate(body).model_dump(mode="json") == body
            assert list(body) == [
                "range", "generated_at", "kpis", "throughput", "cycle_time", "error_rate", "wip", "pending_approvals",
            ]  # fmt: skip
            assert body["range"] == range.value
            kpis = body["kpis"]
            assert list(kpis.items()) == [
                ("active_agents", 1), ("tasks_in_progress", 0), ("inbox_tasks", 1), ("in_progress_tasks", 0),
                ("review_tasks", 0), ("done_tasks", 1), ("error_rate_pct", 20.0), ("median_cycle_time_hours_7d", 3.0),
            ]  # fmt: skip
            assert sum(point["value"] for point in body["throughput"]["primary"]["points"]) == 1
            assert {point["value"] for point in body["cycle_time"]["primary"]["points"]} == {0.0, 3.0}
            last = body["wip"]["primary"]["points"][-1]
            assert list(last) == ["period", "inbox", "in_progress", "review", "done"]
            assert last["inbox"] == 1
            assert sum(point["done"] for point in body["wip"]["primary"]["points"]) == 1
            assert body["throughput"]["comparison"]["bucket"] == range.bucket.value
            assert body["pending_approvals"] == {"total": 0, "items": []}
            assert "Z" not in body["generated_at"] + last["period"]


async def test_boards_and_groups_narrow_it_down_and_what_is_unknown_is_empty(client: httpx.AsyncClient) -> None:
    await post(client, *WALK)
    cases: list[tuple[dict[str, str], tuple[int, int]]] = [
        ({}, (1, 1)), ({"board_id": BOARD}, (0, 1)), ({"board_id": NOBODY}, (1, 0)), ({"group_id": GROUP}, (0, 1)),
        ({"board_id": BOARD, "group_id": GROUP}, (0, 1)), ({"board_id": NOBODY, "group_id": GROUP}, (0, 0)),
        ({"board_id": "11111111-0000-4000-8000-000000000000"}, (0, 0)),
    ]  # fmt: skip
    for asked, (inbox, done) in cases:
        kpis = (await client.get(PATH, params=asked)).json()["kpis"]
        assert (kpis["inbox_tasks"], kpis["done_tasks"]) == (inbox, done), asked


@pytest.mark.parametrize(
    "asked",
    [
        {"range": "2w"}, {"range_key": "zzz"}, {"range": "7d", "range_key": "24h"}, {"board_id": "web"},
        {"group_id": "1"},
    ],
)  # fmt: skip
async def test_what_cannot_be_asked_is_refused(client: httpx.AsyncClient, asked: dict[str, str]) -> None:
    told = await client.get(PATH, params=asked)
    assert told.status_code == 422
    assert told.json()["details"][0]["path"].removeprefix("query.") in asked


async def test_a_deck_reads_its_own_models(client: httpx.AsyncClient) -> None:
    await post(client, *WALK)
    told = await client.get(DashboardOf(Range.WEEK, group=GROUP).path)
    board = msgspec.json.decode(told.content, type=Dashboard)
    assert (board.range, board.tasks, board.figures.throughput, board.before.throughput) == (Range.WEEK, 2, 1, 0)
    assert [(each.name, each.group) for each in board.boards] == [(NOBODY, ""), ("web", "product")]
    point = next(point for point in board.throughput.primary if point.value)
    for question in (TasksOf(Range.WEEK, Series.CYCLE_TIME, point.period, BOARD), TasksOf(Range.DAY, group=GROUP)):
        listed = msgspec.json.decode((await client.get(question.path)).content, type=TaskList)
        (task,) = listed.tasks
        assert (listed.total, task.title, task.status, task.board, task.group, task.agent, task.cycle_hours) == (
            1, "Fix the build", TaskStatus.DONE, "web", "product", "planner", 3.0,
        )  # fmt: skip
    assert msgspec.json.decode((await client.get("/api/v1/tasks?limit=1")).content, type=TaskList).total == 2
    far = await client.get("/api/v1/tasks", params={"series": "wip", "period": "0001-01-01T00:00:00+14:00"})
    assert far.json() == {"tasks": [], "total": 0}


async def test_what_means_to_be_of_a_task_and_is_not_is_kept_as_an_event_and_told(client: httpx.AsyncClient) -> None:
    wrong = [said("t", "blocked", 1), said("", "done", 1), said("t", "done", 1, boardId=7)]
    stranger = said("t", "done", 1)
    stranger["payload"]["data"] = {"name": "a task of somebody else's"}
    body = await post(client, *wrong, stranger)
    assert body["ingested"] == 4
    assert [note["path"] for note in body["notes"]] == [
        "events.0.payload.data.status", "events.1.payload.data.taskId", "events.2.payload.data.boardId",
    ]  # fmt: skip
    assert (await client.get("/api/sessions/planning")).json()["eventCount"] == 4
    assert (await client.get("/api/v1/tasks")).json()["total"] == 0
    assert "notes" not in await post(client, WALK[0])


async def test_members_may_read_it(board: FilledBoard) -> None:
    row, text = await board.store.tokens.create(Role.MEMBER, "m", None, "t")
    transport = httpx.ASGITransport(Application(board).tcp(()))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        for path in (PATH, "/api/v1/metrics/figures", "/api/v1/tasks"):
            assert (await client.get(path)).status_code == 401
            assert (await client.get(path, headers={"authorization": f"Bearer {text}"})).status_code == 200
    assert row.role is Role.MEMBER
