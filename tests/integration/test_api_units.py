"""Units and their logs over HTTP, and what becomes of a reading that nobody waits for any more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import msgspec
import pytest

from app.api.application import Application
from app.feed.questions import LogsOf
from app.model.access import Role
from app.model.components import Component, ComponentKind
from app.model.health import Health
from app.model.units import LogPage, Unit
from app.sources.journal import Wanted
from tests.behind import FilledBoard, bearer, filled
from tests.literals import ago

ROW = Component(
    "unit:web", ComponentKind.UNIT, "web", Health.OK, "active", since=ago(60), rss=1024,
    unit=Unit("web.service", "user", active="active"),
)  # fmt: skip


class Recording:
    """A journal that notes what is asked of it."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Wanted]] = []
        self.hangs = False
        self.ended = asyncio.Event()

    async def page(self, name: str, wanted: Wanted) -> LogPage:
        self.asked.append((name, wanted))
        try:
            if self.hangs:
                await asyncio.Event().wait()
        finally:
            self.ended.set()
        return LogPage(name, "web.service", "user")


@pytest.fixture
def board() -> FilledBoard:
    return filled(components={ROW.key: ROW})


@pytest.fixture
async def client(board: FilledBoard) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(Application(board).socket())
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield client


async def test_units_are_listed_as_they_stand(client: httpx.AsyncClient) -> None:
    body = (await client.get("/api/v1/units")).json()
    assert body["total"] == 1
    (row,) = body["items"]
    assert (row["name"], row["state"], row["memory"], row["unit"]["unit"]) == ("web", "active", 1024, "web.service")


async def test_a_page_of_lines_is_told_as_decks_read_it(client: httpx.AsyncClient) -> None:
    told = await client.get(LogsOf("web").path)
    page = msgspec.json.decode(told.content, type=LogPage)
    assert (page.lines[0].text, page.newer) == ("ready", "s=1;i=1")


async def test_what_is_asked_reaches_the_journal(board: FilledBoard, client: httpx.AsyncClient) -> None:
    board.journal = journal = Recording()
    question = LogsOf("web", cursor="s=1;i=2", older=False, limit=7, priority=4, contains="a&b")
    assert (await client.get(question.path)).status_code == 200
    await client.get("/api/v1/units/web/logs?priority=Error")
    await client.get("/api/v1/units/web/logs?cursor=s=1;i=3&direction=older")
    assert journal.asked == [
        ("web", Wanted(7, "s=1;i=2", False, 4, "a&b")),
        ("web", Wanted(priority=3)),
        ("web", Wanted(cursor="s=1;i=3")),
    ]


REFUSED = {
    "/api/v1/units/nobody/logs": (404, "there is no such unit here"),
    "/api/v1/units/dumb/logs": (503, "journalctl does not answer within 4 s"),
    "/api/v1/units/web/logs?cursor=--since": (200, ""),
    "/api/v1/units/web/logs?cursor=a%20b": (422, "the request is not valid"),
    "/api/v1/units/web/logs?priority=9": (422, "the request is not valid"),
    "/api/v1/units/web/logs?priority=loud": (422, "the request is not valid"),
    "/api/v1/units/web/logs?limit=0": (422, "the request is not valid"),
    "/api/v1/units/web/logs?limit=1001": (422, "the request is not valid"),
    "/api/v1/units/web/logs?direction=up": (422, "the request is not valid"),
}


@pytest.mark.parametrize("path", REFUSED)
async def test_what_cannot_be_told_is_refused_with_a_sentence(path: str, client: httpx.AsyncClient) -> None:
    told = await client.get(path)
    assert (told.status_code, told.json().get("error", "")) == REFUSED[path]


async def test_a_worker_without_a_journal_says_so(board: FilledBoard, client: httpx.AsyncClient) -> None:
    board.journal = None
    told = await client.get("/api/v1/units/web/logs")
    assert (told.status_code, told.json()["error"]) == (503, "this worker has no way to read logs yet")


async def test_logs_are_for_operators(board: FilledBoard) -> None:
    transport = httpx.ASGITransport(Application(board).tcp(("localhost",)))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        for path in ("/api/v1/units", "/api/v1/units/web/logs"):
            told = await client.get(path, headers=bearer(Role.MEMBER))
            assert (told.status_code, "logs:read" in told.text) == (403, True)
            assert (await client.get(path, headers=bearer(Role.OPERATOR))).status_code == 200


async def test_who_leaves_ends_the_reading(board: FilledBoard) -> None:
    board.journal = journal = Recording()
    journal.hangs = True
    leaves = asyncio.Event()
    told = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> dict[str, Any]:
        if told:
            return told.pop()
        await leaves.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        pass

    scope = {
        "type": "http", "method": "GET", "path": "/api/v1/units/web/logs", "raw_path": b"/api/v1/units/web/logs",
        "query_string": b"", "headers": [(b"host", b"localhost")], "http_version": "1.1", "scheme": "http",
        "server": ("localhost", 80), "client": None, "root_path": "",
    }  # fmt: skip
    serving = asyncio.ensure_future(Application(board).socket()(scope, receive, send))  # type: ignore[arg-type]
    for _ in range(1000):
        if journal.asked:
            break
        await asyncio.sleep(0.01)
    assert not journal.ended.is_set()
    leaves.set()
    await asyncio.wait_for(journal.ended.wait(), 20)
    await asyncio.wait_for(serving, 20)
