"""Ingesters on a real NATS without the rest of a worker, and what is published for them."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nats.aio.client import Client

from app.model.snapshot import Site, Snapshot
from app.settings import NatsSettings, Settings
from app.settings.fields import SessionsSettings
from app.sources.connection import NatsLink
from app.sources.jsapi import JetStreamApi
from app.sources.sessionstream import configuration
from app.store.store import Store
from app.worker.board import Board
from app.worker.ingester import Ingester
from tests.integration.watching import until


def utc() -> datetime:
    return datetime.now(UTC)


def event(session: str = "s", agent: str = "a", **more: Any) -> dict[str, Any]:
    """A small valid event."""
    return {"sessionId": session, "agentId": agent, "eventType": "custom", "payload": {"type": "x", "data": {}}} | more


async def api(client: Client, subject: str, **body: Any) -> dict[str, Any]:
    reply = await client.request(f"$JS.API.{subject}", json.dumps(body).encode() if body else b"", timeout=10)
    answer: dict[str, Any] = json.loads(reply.data)
    return answer


async def make_stream(client: Client, name: str = "SESSIONS", subject: str = "sessions.>", **changes: Any) -> None:
    answer = await api(client, f"STREAM.CREATE.{name}", **(configuration(name, subject) | changes))
    assert "error" not in answer, answer


async def publish(client: Client, content: object, subject: str = "sessions.x", id: str = "") -> None:
    """Publishes and waits for the acknowledgement; bytes as they are, anything else as JSON."""
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    headers = {"Nats-Msg-Id": id} if id else None
    answer = json.loads((await client.request(subject, data, timeout=10, headers=headers)).data)
    assert "error" not in answer, answer


@dataclass(slots=True, eq=False)
class Ingesting:
    """One ingester at work, with its board and its store."""

    store: Store
    board: Board
    link: NatsLink
    ingester: Ingester
    task: asyncio.Task[None]

    async def rows(
        self, asked: str = "SELECT session.id, event.id FROM event JOIN session ON session.n = session_n"
    ) -> list[tuple[Any, ...]]:
        return await self.store.read(lambda c: [tuple(row) for row in c.exec_driver_sql(asked).all()])

    async def events(self) -> int:
        return int((await self.rows("SELECT COUNT(*) FROM event"))[0][0])

    async def has(self, count: int, within: float = 30.0) -> None:
        """Waits until that many events are in the store."""
        async with asyncio.timeout(within):
            while await self.events() < count:
                await asyncio.sleep(0.02)
        assert await self.events() == count

    async def state(self, state: str, why: str = "", within: float = 30.0) -> None:
        progress = self.ingester._progress
        await until(lambda: progress.state == state and why in progress.why, f"{state} {why}", within)
        await until(lambda: self.board.intake.state == state and why in self.board.intake.why, "told", 5)


@contextlib.asynccontextmanager
async def ingesting(
    url: str, folder: Path, *, namespace: str = "", create: bool = False, ttl: float = 0.0, **settings: Any
) -> AsyncIterator[Ingesting]:
    """An ingester with a store in the folder; both are ended in order afterwards."""
    given = Settings(sessions=SessionsSettings(create=create), **settings)
    link = NatsLink(NatsSettings(url=url))
    board = Board(snapshot=Snapshot(site=Site(namespace=namespace)), collected=True)
    store = await asyncio.to_thread(lambda: Store.open("", folder, clock=utc))
    await link.start()
    ingester = Ingester(given, board, store, JetStreamApi(link), ttl=ttl)
    task = asyncio.create_task(ingester.run())
    try:
        yield Ingesting(store, board, link, ingester, task)
    finally:
        board.stop()
        await asyncio.wait({task}, timeout=15)
        ended = task.done()
        task.cancel()
        await link.stop()
        await store.close()
        assert ended, "the ingester did not end"
        task.result()


def parts(many: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    for at in range(0, len(many), size):
        yield many[at : at + size]
