"""Who asks, which agents there are, and which pages may ask: as Mission Control's clients read it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from app.api.application import Application
from app.model.access import PERMISSIONS, Role
from app.model.components import Component, ComponentKind
from app.model.fleet import Agent, Presence, Vitals
from app.model.ids import KnownIds, id_of
from app.model.sessions import AiAgent, AiState
from tests.behind import BOARD, CODER, SESSION, FilledBoard, bearer, filled, text_of

PAGE = "http://deck.example"
AGENT_FIELDS = [
    "board_id", "name", "status", "heartbeat_config", "identity_profile", "identity_template", "soul_template", "id",
    "gateway_id", "is_board_lead", "is_gateway_main", "openclaw_session_id", "last_seen_at", "created_at", "updated_at",
]  # fmt: skip


def now() -> datetime:
    return datetime.now(UTC)


def host(name: str, presence: Presence = Presence.LIVE, **fields: Any) -> Agent:
    return Agent(name, f"{name}-id", name, presence, started_at=now() - timedelta(days=1), **fields)


def beat(name: str, ago: float) -> Vitals:
    return Vitals(name, now() - timedelta(seconds=ago))


def ai(name: str, state: AiState, ago: float) -> AiAgent:
    return AiAgent(name, state, now() - timedelta(days=3), now() - timedelta(seconds=ago), f"The {name}")


def board_of(agents: list[Agent], vitals: list[Vitals], ais: list[AiAgent]) -> FilledBoard:
    return filled(
        agents={each.key: each for each in agents},
        vitals={each.key: each for each in vitals},
        ai={each.key: each for each in ais},
    )


@pytest.fixture
def board() -> FilledBoard:
    return board_of(
        [
            host("ready"), host("draining", state="Draining"), host("cordoned", state="Cordoned"),
            host("silent"), host("gone", Presence.GONE), host("left", Presence.LEFT, since=now()),
            Agent("new", "new-id", "new"),
        ],
        [beat("ready", 3), beat("draining", 3), beat("cordoned", 3), beat("silent", 601), beat("gone", 60)],
        [
            ai("active", AiState.ACTIVE, 5), ai("idle", AiState.IDLE, 400), ai("failing", AiState.ERROR, 60),
            ai("quiet/1", AiState.QUIET, 90_000), ai("late", AiState.IDLE, 700),
        ],
    )  # fmt: skip


def asking(board: FilledBoard, *origins: str) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(Application(board).tcp((), origins=origins))
    return httpx.AsyncClient(transport=transport, base_url="http://localhost")


@pytest.fixture
async def client(board: FilledBoard) -> AsyncIterator[httpx.AsyncClient]:
    async with asking(board) as client:
        yield client


# who asks


@pytest.mark.parametrize("role", Role)
async def test_everybody_is_told_their_role(client: httpx.AsyncClient, role: Role) -> None:
    answer = await client.get("/api/v1/organizations/me/member", headers=bearer(role))
    assert answer.status_code == 200
    body = answer.json()
    assert body["role"] == role.value
    assert body["permissions"] == sorted(PERMISSIONS[role])
    assert (body["all_boards_read"], body["all_boards_write"]) == (True, role is not Role.MEMBER)
    assert body["user"]["name"] == f"{role}'s"
    assert body["board_access"] == []
    assert body["created_at"] == "2026-11-01T12:00:00"
    assert {UUID(body[name]) for name in ("id", "organization_id", "user_id")} >= {UUID(body["user"]["id"])}
    again = (await client.get("/api/v1/organizations/me/member", headers=bearer(role))).json()
    assert again == body


async def test_two_tokens_are_two_members_of_one_organization(client: httpx.AsyncClient) -> None:
    asked = [await client.get("/api/v1/organizations/me/member", headers=bearer(role)) for role in Role]
    bodies = [answer.json() for answer in asked]
    assert len({body["id"] for body in bodies}) == len({body["user_id"] for body in bodies}) == len(Role)
    assert len({body["organization_id"] for body in bodies}) == 1


async def test_who_comes_by_the_socket_is_the_owner(board: FilledBoard) -> None:
    transport = httpx.ASGITransport(Application(board).socket())
    async with httpx.AsyncClient(transport=transport, base_url="http://worker") as near:
        asked = await near.get("/api/v1/organizations/me/member", headers={"x-watchdeck-by": "ana@ops-1"})
    assert (asked.json()["role"], asked.json()["user"]["name"], asked.json()["token_id"]) == ("owner", "ana@ops-1", "")


# which agents there are


async def test_hosts_and_ai_agents_are_one_page(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/v1/agents", headers=bearer(Role.ADMIN))
    body = answer.json()
    assert (body["total"], body["limit"], body["offset"]) == (12, 200, 0)
    assert [list(item)[: len(AGENT_FIELDS)] for item in body["items"]] == [AGENT_FIELDS] * 12
    assert {item["key"]: item["status"] for item in body["items"]} == {
        "ready": "online", "draining": "draining", "cordoned": "cordoned", "silent": "offline", "gone": "offline",
        "left": "offline", "new": "provisioning", "active": "online", "idle": "online", "failing": "degraded",
        "quiet/1": "offline", "late": "offline",
    }  # fmt: skip
    created = [item["created_at"] for item in body["items"]]
    assert created == sorted(created, reverse=True)
    assert not any(item["created_at"].endswith(("Z", "+00:00")) for item in body["items"])
    headers = [answer.headers[name] for name in ("x-total-count", "x-limit", "x-offset")]
    assert headers == ["12", "200", "0"]


async def test_pages_follow_each_other(client: httpx.AsyncClient) -> None:
    mine = bearer(Role.ADMIN)
    whole = (await client.get("/api/v1/agents", headers=mine)).json()["items"]
    parts: list[Any] = []
    for offset in (0, 5, 10, 15):
        parts += (await client.get(f"/api/v1/agents?limit=5&offset={offset}", headers=mine)).json()["items"]
    assert parts == whole


async def test_each_agent_is_found_by_its_id(client: httpx.AsyncClient) -> None:
    mine = bearer(Role.ADMIN)
    for item in (await client.get("/api/v1/agents", headers=mine)).json()["items"]:
        assert (await client.get(f"/api/v1/agents/{item['id']}", headers=mine)).json() == item


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("agents/nonsense", 422),
        ("agents/123", 422),
        ("agents/%00", 422),
        (f"agents/{id_of('host', 'nobody')}", 404),
        (f"agents/{id_of('ai', 'ready')}", 404),  # a host of that name is no AI agent
        ("agents?limit=0", 422),
        ("agents?limit=201", 422),
        ("agents?offset=-1", 422),
        ("agents?board_id=nonsense", 422),
        ("agents?gateway_id=nonsense", 422),
    ],
)
async def test_what_is_wrong_with_a_question_is_never_our_fault(
    client: httpx.AsyncClient, path: str, status: int
) -> None:
    assert (await client.get(f"/api/v1/{path}", headers=bearer(Role.ADMIN))).status_code == status


async def test_a_board_has_the_agents_that_worked_on_it() -> None:
    board = board_of(
        [host("web.01"), host("web-02")],
        [beat("web.01", 3)],
        [ai(CODER.key, AiState.IDLE, 5), ai("b", AiState.IDLE, 5)],
    )
    async with asking(board) as client:
        mine = bearer(Role.ADMIN)
        body = (await client.get(f"/api/v1/agents?board_id={BOARD}", headers=mine)).json()
        assert {item["key"] for item in body["items"]} == {"web.01", CODER.key}
        assert body["total"] == 2
        other = (await client.get(f"/api/v1/agents?board_id={id_of('board', 'no')}", headers=mine)).json()
        assert (other["items"], other["total"]) == ([], 0)


async def test_a_gateway_has_the_agents_whose_sessions_it_tells_of() -> None:
    board = board_of([host("web-01")], [beat("web-01", 3)], [ai("main", AiState.IDLE, 5), ai("b", AiState.IDLE, 5)])
    told = replace(SESSION, key="front/agent:main:main", agent="main", gateway="front")
    gateway = Component("gateway:front", ComponentKind.GATEWAY, "front")
    snapshot = replace(
        board.snapshot, sessions={told.key: told}, components={**board.snapshot.components, gateway.key: gateway}
    )
    board.publish(snapshot)
    async with asking(board) as client:
        mine = bearer(Role.ADMIN)
        asked = await client.get(f"/api/v1/agents?gateway_id={id_of('gateway', 'front')}", headers=mine)
        assert [item["key"] for item in asked.json()["items"]] == ["main"]
        unknown = await client.get(f"/api/v1/agents?gateway_id={id_of('gateway', 'no')}", headers=mine)
        assert unknown.status_code == 404


def test_ids_of_what_is_gone_are_forgotten() -> None:
    known = KnownIds("host")
    first = known.of("a")
    assert known.name(first, {"a", "b"}) == "a"
    assert known.name(known.of("b"), {"a", "b"}) == "b"
    assert known.name(first, {"b"}) is None
    assert known.of("a") == first == id_of("host", "a")


# which pages may ask


async def ask_first(client: httpx.AsyncClient, origin: str, method: str = "GET", **headers: str) -> httpx.Response:
    given = {"origin": origin, "access-control-request-method": method, **headers}
    return await client.options("/api/v1/organizations/me/member", headers=given)


async def test_a_page_of_ours_may_ask(board: FilledBoard) -> None:
    async with asking(board, PAGE) as client:
        asked = await ask_first(client, PAGE, **{"access-control-request-headers": "authorization"})
        assert (asked.status_code, asked.text) == (200, "OK")
        told = {name: asked.headers[name] for name in asked.headers if name.startswith("access-control")}
        assert told == {
            "access-control-allow-origin": PAGE,
            "access-control-allow-credentials": "true",
            "access-control-allow-methods": "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT",
            "access-control-max-age": "600",
            "access-control-allow-headers": "authorization",
        }
        assert asked.headers["vary"].split(", ")[0] == "Origin"
        assert asked.headers["x-request-id"]
        assert asked.headers["x-frame-options"] == "DENY"
        answer = await client.get("/api/v1/agents", headers={"origin": PAGE, **bearer(Role.ADMIN)})
        assert answer.headers["access-control-allow-origin"] == PAGE
        assert answer.headers["access-control-expose-headers"] == "X-Total-Count, X-Limit, X-Offset"
        refused = await client.get("/api/v1/agents", headers={"origin": PAGE})
        assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (401, PAGE)


async def test_a_page_of_others_may_not(board: FilledBoard) -> None:
    async with asking(board, PAGE) as client:
        for origin in ("http://evil.example", "http://deck.example:81", "https://deck.example", "null"):
            asked = await ask_first(client, origin)
            assert (asked.status_code, asked.text) == (400, "Disallowed CORS origin")
            assert "access-control-allow-origin" not in asked.headers
            answer = await client.get("/api/v1/agents", headers={"origin": origin, **bearer(Role.ADMIN)})
            assert answer.status_code == 200
            assert "access-control-allow-origin" not in answer.headers
        assert (await ask_first(client, PAGE, "TRACE")).text == "Disallowed CORS method"
        assert (await ask_first(client, PAGE, host="evil.example")).status_code == 421


async def test_a_question_that_asks_for_no_method_is_no_preflight(board: FilledBoard) -> None:
    async with asking(board, PAGE) as client:
        headers = {"origin": PAGE, "authorization": f"Bearer {text_of(Role.OWNER)}"}
        answer = await client.options("/api/v1/organizations/me/member", headers=headers)
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (405, PAGE)
