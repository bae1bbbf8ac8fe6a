"""The front: decks are answered before the routes are there, and everything else as soon as they are."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from dataclasses import replace
from typing import Any

import httpx
import pytest

from app.api import application as application_module
from app.api.front import Front
from app.api.polls import HOLD, Asked
from app.cli.arguments import parent_pipe
from app.feed.wire import Mark
from app.worker.board import Board


def near(front: Front) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(front.socket(), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://worker")


def metric(text: str, route: str) -> list[str]:
    return [line for line in text.splitlines() if "requests_total" in line and f'route="{route}"' in line]


async def test_decks_are_answered_without_routes_and_counted_once_there_are_some() -> None:
    board = Board(fingerprint={"nats": "here"})
    front = Front(board)
    async with near(front) as asking:
        about = await asking.get("/api/v1/worker")
        assert about.json()["fingerprint"] == {"nats": "here"}
        assert (await asking.get("/api/v1/feed", params={"wait": "0", "sections": "streams"})).status_code == 200
        assert front._making is None
        wrong = await asking.get("/api/v1/feed", params={"wait": "0", "sections": "weather"})
        assert (wrong.status_code, wrong.json()["details"][0]["path"]) == (422, "query.sections")
        counted = (await asking.get("/metrics")).text
    assert len(metric(counted, "/api/v1/worker")) == 1
    assert {line.rpartition(" ")[2] for line in metric(counted, "/api/v1/feed")} == {"1.0"}
    assert len(metric(counted, "/api/v1/feed")) == 2  # 200 and 422
    await front.end()


async def test_many_who_ask_at_once_wait_for_the_same_routes(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []
    real = application_module.Application

    def making(*given: Any) -> application_module.Application:
        made.append(given)
        return real(*given)

    monkeypatch.setattr(application_module, "Application", making)
    front = Front(Board())
    async with near(front) as asking:
        answers = await asyncio.gather(*(asking.get("/livez") for _ in range(5)))
    assert [answer.text for answer in answers] == ['{"ok":true}'] * 5
    assert len(made) == 1
    await front.end()


async def test_the_routes_are_made_once_the_first_collection_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.api.front.PATIENCE", 60.0)
    board = Board()
    front = Front(board)
    preparing = asyncio.create_task(front.prepare())
    await asyncio.sleep(0.05)
    assert front._making is None
    board.collected = True
    board.publish(replace(board.snapshot, seq=board.snapshot.seq + 1))
    async with asyncio.timeout(20):
        await preparing
    assert front._application is not None
    await front.end()


async def test_routes_that_cannot_be_made_are_told_and_decks_go_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("secret reason")

    monkeypatch.setattr(application_module, "Application", broken)
    front = Front(Board())
    async with near(front) as asking:
        answer = await asking.get("/livez")
        assert (answer.status_code, answer.json()["error"]) == (500, "Internal Server Error")
        assert (await asking.get("/api/v1/worker")).status_code == 200
    assert "the routes could not be made" in caplog.text
    await front.end()


def test_a_worker_imports_no_routes_and_no_parser_before_it_answers_decks() -> None:
    program = "import sys, app.cli.run, app.cli.worker; print(*{'fastapi', 'pydantic', 'typer'} & sys.modules.keys())"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert ended.stdout.split() == []


@pytest.mark.parametrize(
    ("query", "asked"),
    [
        (b"", Asked(frozenset(), None, "", frozenset(), HOLD)),
        (
            b"sections=agents%2Cjobs&deck=a1&since=e.7&look=stream%3AS&look=job%3A1&wait=0",
            Asked(frozenset({"agents", "jobs"}), Mark("e", 7), "a1", frozenset({"stream:S", "job:1"}), 0.0),
        ),
        (b"sections=weather", None),
        (b"since=never", None),
        (b"since=e.7&since=e.8", None),
        (b"deck=a%20b", None),
        (b"wait=nan", None),
        (b"wait=6", None),
        (b"wait=soon", None),
        (b"colour=red", None),
        (b"&".join(b"look=%d" % number for number in range(65)), None),
        (b"deck=%ff", None),
        (b"\xff", None),
    ],
)
def test_a_poll_is_read_as_decks_write_it_and_left_to_the_routes_otherwise(query: bytes, asked: Asked | None) -> None:
    assert Asked.read(query) == asked


@pytest.mark.parametrize(
    ("arguments", "descriptor"),
    [
        (["worker", "--parent-fd", "7"], 7),
        (["worker"], None),
        (["worker", "--parent-fd", "x"], None),
        (["worker", "--parent-fd", "7", "--help"], None),
        (["demo", "--parent-fd", "7"], None),
    ],
)
def test_only_a_decks_own_command_line_skips_the_parser(arguments: list[str], descriptor: int | None) -> None:
    assert parent_pipe(arguments) == descriptor
