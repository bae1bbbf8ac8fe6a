"""The API on a real store and a real attention desk: a token's whole life, and an acknowledgement that is kept."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from app.api.application import Application
from app.feed.acts import Acknowledge, TakeBack
from app.model.access import Role
from app.store.store import Store
from app.worker.attention import AttentionDesk
from tests.behind import FilledBoard, filled


@pytest.fixture
async def board(tmp_path: Path) -> AsyncIterator[FilledBoard]:
    board = filled()
    board.store = Store.open("", tmp_path, clock=lambda: datetime.now(UTC))
    board.attention = AttentionDesk(board)
    yield board
    await board.attention.close()
    await board.store.close()


async def test_a_token_and_what_is_done_with_it(board: FilledBoard) -> None:
    _, owner = await board.store.tokens.create(Role.OWNER, "boss", None, "here")
    finding = next(iter(board.snapshot.findings))
    transport = httpx.ASGITransport(Application(board).tcp(()))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        boss = {"authorization": f"Bearer {owner}"}
        made = (await client.post("/api/v1/tokens", headers=boss, json={"role": "operator", "name": "ana"})).json()
        ana = {"authorization": f"Bearer {made['token']}"}

        act = Acknowledge(finding, "mine")
        marked = await client.post(act.path, headers=ana, json=act.body)
        assert marked.status_code == 200, marked.text
        assert marked.json()["mark"]["by"] == "ana"
        assert [mark.finding for mark in await board.store.marks.load()] == [finding]
        assert board.refresh_wanted.is_set()
        back = await client.post(TakeBack(marked.json()["mark"]["key"]).path, headers=ana)
        assert back.json() == {"ok": True}
        assert await board.store.marks.load() == []
        again = await client.post(TakeBack(marked.json()["mark"]["key"]).path, headers=ana)
        assert again.status_code == 404
        unknown = await client.post(Acknowledge("no|such").path, headers=ana, json={})
        assert unknown.status_code == 404

        assert (await client.get("/api/v1/audit", headers=ana)).status_code == 403
        trail = (await client.get("/api/v1/audit", headers=boss)).json()["items"]
        done = [(row["who"], row["action"]) for row in trail]
        assert ("boss", "token.create") in done
        assert ("ana", "finding.ack") in done
        assert ("ana", "finding.take_back") in done

        assert (await client.post(f"/api/v1/tokens/{made['id']}/revoke", headers=boss)).status_code == 200
        assert (await client.get("/metrics", headers=ana)).status_code == 401
        listed = (await client.get("/api/v1/tokens", headers=boss)).json()["items"]
        assert next(row for row in listed if row["id"] == made["id"])["revoked_at"] is not None
        status = (await client.get("/api/health/status", headers=boss)).json()
        assert status["components"]["store"] == {"status": "ok"}


async def test_a_wrong_secret_of_a_known_token_is_wrong(board: FilledBoard) -> None:
    record, text = await board.store.tokens.create(Role.OWNER, "boss", None, "here")
    transport = httpx.ASGITransport(Application(board).tcp(()))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        for wrong in (f"wd_{record.id}_guess", text[:-1], text + "A", text.upper(), f"wd__{text}"):
            answer = await client.get("/metrics", headers={"authorization": f"Bearer {wrong}"})
            assert answer.status_code == 401
        assert (await client.get("/metrics", headers={"authorization": f"Bearer {text}"})).status_code == 200
