"""Gateways over HTTP, in the seed's spelling and the real system's: every row of what is promised, on real sockets."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import msgspec
import pytest

from app.api import gatewayanswers
from app.api.application import Application
from app.model.access import Role
from app.model.chat import Chat
from app.model.gateways import GatewayState
from app.settings.fields import GatewaySettings
from app.sources import gatewaydial, gatewayline, gatewaylink
from app.sources import gateways as source
from app.sources.gateways import Gateways
from app.store.errors import StoreFailed
from app.store.store import Store
from tests.behind import FilledBoard, bearer, filled
from tests.gateway_double import HISTORY, MAIN, SESSIONS, GatewayDouble, doubled
from tests.integration.test_api_sessions import event, posted

PATIENCE = 30.0
BOARD = "3f2b8c1e-7a54-4e0b-9a5d-0c1b2a3d4e5f"


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "EVERY", 0.1)
    monkeypatch.setattr(gatewaylink, "RESTED", 0.0)
    for pause in ("FIRST_PAUSE", "LONGEST_PAUSE", "UNWELCOME_PAUSE"):
        monkeypatch.setattr(gatewaylink, pause, 0.05)


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    for each in (gatewaydial, gatewayline, gatewaylink, gatewayanswers):
        monkeypatch.setattr(each, "PATIENCE", 0.4)


class Asking:
    """A worker's API with these gateways behind it."""

    def __init__(self, client: httpx.AsyncClient, board: FilledBoard) -> None:
        self.client = client
        self.board = board

    @property
    def gateways(self) -> Gateways:
        found: Gateways = self.board.gateways
        return found

    async def read(self, path: str, answered: int = 200, /, **query: Any) -> Any:
        """The same by both spellings."""
        bodies = []
        for prefix in ("gateway", "gateways"):
            answer = await self.client.get(f"/api/v1/{prefix}/{path}", params=query)
            assert answer.status_code == answered, answer.text
            assert answer.text.isascii()
            assert "\x1b" not in answer.text
            bodies.append({**answer.json(), "request_id": ""})
        first, second = ({k: v for k, v in body.items() if k != "gateways"} for body in bodies)
        assert first == second or answered >= 500  # which says why as it is at the moment
        return {k: v for k, v in bodies[0].items() if k != "request_id"} if answered == 200 else bodies[0]

    async def stands(self, name: str, state: GatewayState) -> None:
        gateway = self.gateways.named(name)
        assert gateway is not None
        async with asyncio.timeout(PATIENCE):
            while gateway.state is not state:
                await asyncio.sleep(0.01)


async def asking(folder: Path, *settings: GatewaySettings) -> AsyncIterator[Asking]:
    board, stopping = filled(), asyncio.Event()
    board.gateways = Gateways(settings, folder) if settings else None
    running = asyncio.create_task(board.gateways.run(stopping)) if settings else None
    transport = httpx.ASGITransport(Application(board).socket())
    async with httpx.AsyncClient(transport=transport, base_url="http://worker") as client:
        yield Asking(client, board)
    stopping.set()
    if running is not None:
        async with asyncio.timeout(PATIENCE):
            await running


@pytest.fixture
async def double() -> AsyncIterator[GatewayDouble]:
    async with doubled() as served:
        yield served


@pytest.fixture
async def one(tmp_path: Path, double: GatewayDouble) -> AsyncIterator[Asking]:
    """One gateway, `main`."""
    async for each in asking(tmp_path, double.settings()):
        await each.stands("main", GatewayState.CONNECTED)
        yield each


async def test_the_status_of_a_gateway(one: Asking, double: GatewayDouble) -> None:
    for query in ({}, {"gateway_url": double.url}, {"gateway_url": f" {double.url}/ "}, {"board_id": BOARD}):
        status = await one.read("status", **query)
        assert status == {
            "connected": True, "gateway_url": double.url, "sessions_count": 3, "sessions": SESSIONS,
            "main_session": SESSIONS[0], "main_session_error": None, "error": None, "gateway": "main",
            "version": "2026.3.1", "gateways": status["gateways"],
        }  # fmt: skip
    [known] = status["gateways"]
    assert (known["name"], known["url"], known["state"]) == ("main", double.url, "connected")
    assert double.connections == 1
    assert not {"sessions.patch", "sessions.reset", "sessions.delete"} & {each["method"] for each in double.seen}


async def test_its_main_session_as_it_names_it(one: Asking, double: GatewayDouble) -> None:
    double.hello = {"snapshot": {"sessionDefaults": {"mainSessionKey": "agent:mc-web:main"}}}
    await double.stop()
    await double.start()
    await one.stands("main", GatewayState.CONNECTED)
    async with asyncio.timeout(PATIENCE):
        while (await one.read("status"))["main_session"] != SESSIONS[1]:
            await asyncio.sleep(0.05)


async def test_sessions_and_one_of_them(one: Asking) -> None:
    listed = await one.read("sessions")
    assert listed == {
        "sessions": [{**row, "gateway": "main"} for row in SESSIONS],
        "main_session": SESSIONS[0], "errors": {},
    }  # fmt: skip
    for row in SESSIONS:
        for id in (row["key"], f"main/{row['key']}"):
            for path in (quote(id, safe=""), quote(id, safe=":/")):
                assert await one.read(f"sessions/{path}") == {"session": {**row, "gateway": "main"}}
    assert (await one.read("sessions/s-2"))["session"]["key"] == "agent:mc-web:main"  # by any of its ids
    assert (await one.read("sessions/none", 404))["error"] == "Session not found"
    assert (await one.read("sessions/main/none", 404))["error"] == "Session not found"


async def test_what_was_said(one: Asking, double: GatewayDouble) -> None:
    for id in (MAIN, f"main/{MAIN}", "agent:mc-web:slack:c/9"):
        assert await one.read(f"sessions/{quote(id, safe='')}/history") == {"history": HISTORY}
    assert double.calls("chat.history")[-1]["params"] == {"sessionKey": "agent:mc-web:slack:c/9"}
    double.history = "nonsense"
    assert await one.read(f"sessions/{MAIN}/history") == {"history": []}
    double.refuse = {"chat.history": "no such session \x1b[2J"}
    assert (await one.read("sessions/none/history", 502))["error"] == "no such session"
    double.refuse = {"chat.history": "missing scope: operator.read"}
    assert (await one.read("sessions/none/history", 502))["error"] == "missing scope: operator.read"


async def test_what_was_said_to_be_read(one: Asking, double: GatewayDouble) -> None:
    path = f"/api/v1/sessions/{quote(f'main/{MAIN}', safe='')}/chat"
    answer = await one.client.get(path, params={"gateway": "main", "limit": 3})
    chat = msgspec.json.decode(answer.content, type=Chat)
    assert (chat.session, [each.role for each in chat.messages], chat.left_out) == (
        f"main/{MAIN}", ["assistant", "tool", "assistant"], 1,
    )  # fmt: skip
    assert (await one.client.get(path, params={"gateway": "none"})).status_code == 404
    assert (await one.client.get(path)).status_code == 404  # it is not in the store
    assert (await one.client.get(path, params={"gateway": "main", "limit": 0})).status_code == 422
    await double.stop()
    answer = await one.client.get(path, params={"gateway": "main"})
    assert answer.status_code == 502


async def test_what_may_not_be_asked(one: Asking) -> None:
    for path in ("status", "sessions", "sessions/x", "sessions/x/history"):
        for field, value in (
            ("gateway_url", "ws://elsewhere:1"), ("gateway_url", "notaurl"), ("gateway_token", "s3cret"),
            ("board_id", "nonsense"),
        ):  # fmt: skip
            refused = await one.read(path, 422, **{field: value})
            assert refused["details"][0]["path"] == f"query.{field}"
            assert "s3cret" not in str(refused)
            assert (refused["code"], refused["status"]) == (422, 422)


async def test_how_it_is_reached_is_configured(one: Asking, double: GatewayDouble) -> None:
    await one.read("status", gateway_disable_device_pairing="false", gateway_allow_insecure_tls="false")
    for name in ("gateway_disable_device_pairing", "gateway_allow_insecure_tls"):
        assert (await one.read("status", 422, **{name: "true"}))["details"][0]["path"] == f"query.{name}"
        await one.read("status", 422, **{name: "perhaps"})


async def test_an_empty_token_and_url_are_none(one: Asking) -> None:
    assert (await one.read("status", gateway_url="  ", gateway_token=""))["connected"] is True


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"version": "2026.1.1"}, "version 2026.1.1 is too old: 2026.02.9 or later is needed"),
        ({"token": "another"}, "authentication failed: check the gateway's token and its operator scopes"),
        ({"refuse": {"sessions.list": "boom"}}, "boom"),
        ({"raw": {"sessions.list": "nonsense"}}, "sent what is not JSON"),
        ({"http": 503}, "answers HTTP 503 where a WebSocket was asked for"),
    ],
)
async def test_one_that_fails_is_not_connected_and_says_why(
    tmp_path: Path, double: GatewayDouble, fault: dict[str, Any], error: str
) -> None:
    settings = double.settings()
    for name, value in fault.items():
        setattr(double, name, value)
    async for each in asking(tmp_path, settings):
        status = await each.read("status")
        assert (status["connected"], status["error"], status["sessions"], status["sessions_count"]) == (
            False, error, None, None,
        )  # fmt: skip
        for path in ("sessions", "sessions/x", *(["sessions/x/history"] if "refuse" not in fault else [])):
            assert (await each.read(path, 502))["status"] == 502


async def test_one_that_is_down(one: Asking, double: GatewayDouble) -> None:
    await double.stop()
    await one.stands("main", GatewayState.REFUSED)
    status = await one.read("status")
    assert (status["connected"], status["error"], status["gateway_url"]) == (False, "connection refused", double.url)
    assert status["gateways"][0]["state"] == "refused"
    for path in ("sessions", f"sessions/{MAIN}", f"sessions/{MAIN}/history"):
        assert (await one.read(path, 502))["error"] == "connection refused"


async def test_one_that_never_answers_holds_nothing_else_up(tmp_path: Path, double: GatewayDouble, short: None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        silent = GatewaySettings(name="silent", url=f"ws://127.0.0.1:{deaf.getsockname()[1]}")
        async for each in asking(tmp_path, silent, double.settings()):
            await each.stands("main", GatewayState.CONNECTED)
            began = time.monotonic()
            status = await each.read("status")  # of the first one
            assert status["connected"] is False
            assert status["error"].startswith("takes the connection and does not answer within")
            assert (await each.read("status", gateway_url=double.url))["connected"] is True
            await each.stands("silent", GatewayState.SILENT)
            listed = await each.read("sessions")
            assert len(listed["sessions"]) == 3
            assert {*listed["errors"]} == {"silent"}
            assert (await each.read(f"sessions/{MAIN}"))["session"]["gateway"] == "main"
            assert await each.read(f"sessions/{MAIN}/history") == {"history": HISTORY}
            await each.read("sessions/none", 502)  # the silent one may have it
            assert (await each.read("sessions/silent/none/history", 502))["status"] == 502
            assert time.monotonic() - began < PATIENCE


async def test_of_two_the_one_that_has_a_session_is_asked(tmp_path: Path, double: GatewayDouble) -> None:
    async with doubled(sessions=[{"key": "only:here"}, {"key": MAIN}], history=[{"role": "user"}]) as other:
        async for each in asking(tmp_path, double.settings(), other.settings(name="other")):
            await each.stands("main", GatewayState.CONNECTED)
            await each.stands("other", GatewayState.CONNECTED)
            listed = (await each.read("sessions"))["sessions"]
            assert [row["gateway"] for row in listed] == ["main"] * 3 + ["other"] * 2
            assert (await each.read("sessions/only:here"))["session"]["gateway"] == "other"
            assert await each.read("sessions/only:here/history") == {"history": [{"role": "user"}]}
            assert (await each.read(f"sessions/{MAIN}"))["session"]["gateway"] == "main"
            assert (await each.read(f"sessions/{MAIN}", gateway_url=other.url))["session"]["gateway"] == "other"
            assert (await each.read(f"sessions/other/{MAIN}"))["session"]["gateway"] == "other"
            assert (await each.read("sessions", gateway_url=other.url))["sessions"][0]["key"] == "only:here"


async def test_odd_answers_are_passed_on_or_refused(one: Asking, double: GatewayDouble) -> None:
    double.sessions = [{"key": "a\x1b[2J\u202e", "label": "\ud83d"}, "odd", 7, None]
    status = await one.read("status")
    assert (status["sessions_count"], status["sessions"]) == (4, double.sessions)
    deep: Any = []
    for _ in range(900):
        deep = [deep]
    double.sessions = [deep]
    answer = await one.client.get("/api/v1/gateway/sessions")
    assert answer.status_code in (200, 502)


async def test_who_may_ask(one: Asking) -> None:
    transport = httpx.ASGITransport(Application(one.board).tcp(()))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        for path in ("status", "sessions", f"sessions/{MAIN}", f"sessions/{MAIN}/history"):
            url = f"/api/v1/gateway/{path}"
            assert (await client.get(url)).status_code == 401
            refused = await client.get(url, headers=bearer(Role.MEMBER))
            assert refused.status_code == 403
            assert "gateways:read" in refused.json()["error"]
            assert (await client.get(url, headers=bearer(Role.OPERATOR))).status_code == 200


# -- without any ------------------------------------------------------------------------------------------------------
@pytest.fixture
async def stored(tmp_path: Path) -> AsyncIterator[Asking]:
    """No gateway is configured; the store has sessions."""
    async for each in asking(tmp_path):
        each.board.store = Store.open("", tmp_path, clock=lambda: datetime.now(UTC))
        yield each
        await each.board.store.close()


RUN = "agent:mc-xxx-xxx:main"
SAID = [
    event("session_started", {"agentName": "Coder"}, session=RUN, seconds=90),
    event("llm_call", {"callId": "1", "provider": "p", "model": "opal-4",
                       "messages": [{"role": "user", "content": "fix\nit"}]}, session=RUN, seconds=80),
    event("llm_response", {"callId": "1", "provider": "p", "model": "opal-4", "completion": "done",
                           "toolCalls": [{"id": "t", "name": "git", "arguments": {"args": "push"}}],
                           "finishReason": "stop", "latencyMs": 5, "costUsd": 0.1,
                           "usage": {"inputTokens": 3, "outputTokens": 4, "totalTokens": 7}}, session=RUN, seconds=70),
    event("session_ended", {"reason": "completed"}, session="run/2", seconds=10),
]  # fmt: skip


async def test_the_store_is_the_gateway(stored: Asking) -> None:
    empty = await stored.read("status")
    assert (empty["connected"], empty["sessions_count"], empty["sessions"]) == (True, 0, [])
    await posted(stored.client, SAID)
    status = await stored.read("status", board_id=BOARD)
    assert (status["connected"], status["sessions_count"], status["gateway"], status["error"]) == (
        True, 1, "store", None,
    )  # fmt: skip
    [row] = status["sessions"]
    listed = await stored.read("sessions")
    assert listed == {"sessions": [{**row, "gateway": "store"}], "main_session": None, "errors": {}}
    assert (row["key"], row["agentId"], row["agentName"], row["status"], row["model"]) == (
        RUN, "coder/7", "Coder", "active", "opal-4",
    )  # fmt: skip
    assert row["label"]
    assert row["updatedAt"] - row["createdAt"] == 20_000
    assert (await stored.read(f"sessions/{RUN}"))["session"] == row
    assert (await stored.read("sessions/run%2F2"))["session"]["status"] == "completed"
    assert (await stored.read("sessions/none", 404))["error"] == "Session not found"


async def test_what_was_said_by_the_events_of_model_calls(stored: Asking) -> None:
    await posted(stored.client, SAID)
    history = (await stored.read(f"sessions/{quote(RUN, safe='')}/history"))["history"]
    assert [(each["role"], each["content"]) for each in history] == [("user", "fix\nit"), ("assistant", "done")]
    assert history[1]["toolCalls"] == ["git  args=push"]
    assert history[1]["timestamp"] - history[0]["timestamp"] == 10_000
    assert await stored.read("sessions/run/2/history") == {"history": []}
    await stored.read("sessions/none/history", 404)
    answer = await stored.client.get(f"/api/v1/sessions/{RUN}/chat", params={"limit": 1})
    chat = msgspec.json.decode(answer.content, type=Chat)
    assert ([each.text for each in chat.messages], chat.left_out) == (["done"], 1)
    assert (await stored.client.get(f"/api/v1/sessions/{RUN}/chat", params={"gateway": "x"})).status_code == 404


async def test_no_gateway_has_a_url_and_no_query_a_token(stored: Asking) -> None:
    await stored.read("status", 422, gateway_url="ws://gw:1")
    await stored.read("sessions", 422, gateway_token="x")


async def test_a_store_that_cannot_be_read_is_not_connected(stored: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    async def failing(*_: object, **__: object) -> None:
        raise StoreFailed("session store is damaged")

    monkeypatch.setattr(stored.board.store, "read", failing)
    status = await stored.read("status")
    assert (status["connected"], status["error"]) == (False, "session store is damaged")
    assert (await stored.read("sessions", 503))["error"] == "session store is damaged"
