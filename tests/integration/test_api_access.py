"""Who may do what: every route, every role, no token, wrong tokens; and what guessing costs."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi.routing import APIRoute
from starlette.types import Receive, Scope, Send

from app.api.application import Application
from app.api.attempts import EVERY, FREE, KEPT, Attempts, network
from app.api.bearer import Bearer
from app.api.guard import BODY_LIMIT, Envelope
from app.model.access import Role
from tests.behind import FilledBoard, bearer, filled, text_of

LEAST = {
    ("GET", "/api/health/status"): Role.MEMBER,
    ("HEAD", "/api/health/status"): Role.MEMBER,
    ("GET", "/metrics"): Role.MEMBER,
    ("GET", "/openapi.json"): Role.MEMBER,
    ("GET", "/api/v1/feed"): Role.MEMBER,
    ("GET", "/api/v1/worker"): Role.MEMBER,
    ("GET", "/api/v1/snapshot"): Role.MEMBER,
    ("GET", "/api/v1/jobs"): Role.MEMBER,
    ("GET", "/api/v1/jobs/{id:path}"): Role.MEMBER,
    ("GET", "/api/v1/findings"): Role.MEMBER,
    ("GET", "/api/v1/events"): Role.MEMBER,
    ("GET", "/api/v1/streams/{name:path}/messages/{seq}"): Role.MEMBER,
    ("GET", "/api/v1/streams/{name:path}/subjects"): Role.MEMBER,
    ("POST", "/api/v1/refresh"): Role.MEMBER,
    ("POST", "/api/v1/namespace"): Role.OPERATOR,
    ("POST", "/api/v1/findings/{id:path}/ack"): Role.OPERATOR,
    ("POST", "/api/v1/findings/{id:path}/snooze"): Role.OPERATOR,
    ("POST", "/api/v1/findings/{id:path}/mute"): Role.OPERATOR,
    ("POST", "/api/v1/mutes"): Role.OPERATOR,
    ("POST", "/api/v1/marks/{key:path}/remove"): Role.OPERATOR,
    ("POST", "/api/events"): Role.OPERATOR,
    ("GET", "/api/events"): Role.OPERATOR,
    ("GET", "/api/sessions"): Role.OPERATOR,
    ("GET", "/api/sessions/{id:path}"): Role.OPERATOR,
    ("GET", "/api/sessions/{id:path}/timeline"): Role.OPERATOR,
    ("GET", "/api/v1/sessions"): Role.OPERATOR,
    ("GET", "/api/v1/sessions/{id:path}"): Role.OPERATOR,
    ("GET", "/api/agents"): Role.MEMBER,
    ("GET", "/api/agents/{id:path}"): Role.MEMBER,
    ("GET", "/api/agents/{id:path}/health"): Role.MEMBER,
    ("GET", "/api/health/overview"): Role.MEMBER,
    ("GET", "/api/health/history"): Role.MEMBER,
    ("GET", "/api/v1/scores/{agent:path}"): Role.MEMBER,
    ("GET", "/api/config/health-weights"): Role.MEMBER,
    ("PUT", "/api/config/health-weights"): Role.ADMIN,
    ("DELETE", "/api/config/health-weights"): Role.ADMIN,
    ("POST", "/api/v1/weights"): Role.ADMIN,
    ("POST", "/api/v1/weights/reset"): Role.ADMIN,
    ("GET", "/api/v1/organizations/me/member"): Role.MEMBER,
    ("GET", "/api/v1/metrics/dashboard"): Role.MEMBER,
    ("GET", "/api/v1/metrics/figures"): Role.MEMBER,
    ("GET", "/api/v1/tasks"): Role.MEMBER,
    ("GET", "/api/v1/units"): Role.OPERATOR,
    ("GET", "/api/v1/units/{name}/logs"): Role.OPERATOR,
    ("GET", "/api/v1/sessions/{id:path}/chat"): Role.OPERATOR,
    **{
        ("GET", f"/api/v1/{prefix}/{path}"): Role.OPERATOR
        for prefix in ("gateway", "gateways")
        for path in ("status", "sessions", "sessions/{id:path}", "sessions/{id:path}/history")
    },
    ("GET", "/api/v1/agents"): Role.ADMIN,
    ("GET", "/api/v1/agents/{id}"): Role.ADMIN,
    ("GET", "/api/v1/tokens"): Role.ADMIN,
    ("GET", "/api/v1/audit"): Role.ADMIN,
    ("POST", "/api/v1/tokens"): Role.OWNER,
    ("POST", "/api/v1/tokens/{id}/revoke"): Role.OWNER,
}
"""The least role that may use each route; what is not here must be a probe."""
PROBES = {"/health", "/healthz", "/livez", "/readyz", "/api/health", "/api/health/ready"}
ROLES = list(Role)
WRONG = [
    "Bearer wd_member_guess", "Bearer wd_nobody_guess", "Bearer nonsense", "Bearer ", "Basic YTpi", text_of(Role.OWNER),
    "Bearer " + "x" * 5000, "Bearer wd_owner_ü", "Bearer wd_owner_\x00", "Bearer wd__",
]  # fmt: skip


def routes() -> list[tuple[str, str]]:
    """Every method and path of the application, from its own table."""
    table = Application(filled()).routes.routes
    found = [(method, route.path) for route in table if isinstance(route, APIRoute) for method in route.methods]
    assert len(found) == sum(len(getattr(route, "methods", [1])) for route in table)
    return sorted(found)


PARTS = {
    "{id:path}": "a%7Cb%2Fc", "{key:path}": "ack%7Ca", "{name:path}": "S", "{seq}": "7", "{agent:path}": "coder%2F7",
    "{id}": "made9",
}  # fmt: skip


def address(path: str) -> str:
    for name, value in PARTS.items():
        path = path.replace(name, value)
    return path + ("?wait=0" if path.endswith("/feed") else "")


@pytest.fixture
def board() -> FilledBoard:
    return filled()


def asking(board: FilledBoard, attempts: Attempts | None = None, peer: str = "127.0.0.1") -> httpx.AsyncClient:
    transport = httpx.ASGITransport(Application(board).tcp((), attempts), client=(peer, 1))
    return httpx.AsyncClient(transport=transport, base_url="http://localhost")


@pytest.fixture
async def tcp(board: FilledBoard) -> AsyncIterator[httpx.AsyncClient]:
    async with asking(board, Attempts(clock=iter(range(0, 10**9, 1000)).__next__)) as client:
        yield client


def is_error(answer: httpx.Response, status: int) -> bool:
    if answer.request.method == "HEAD":
        return answer.status_code == status and not answer.content
    body = answer.json()
    return (
        answer.status_code == status == body["code"] == body["status"]
        and isinstance(body["error"], str)
        and set(body) == {"error", "details", "code", "status", "detail", "request_id"}
        and body["request_id"] == answer.headers["x-request-id"]
        and answer.headers["cache-control"] == "no-store"
    )


def test_every_route_has_its_least_role() -> None:
    assert {route for route in routes() if route[1] not in PROBES} == LEAST.keys()


@pytest.mark.parametrize(("method", "path"), routes())
async def test_a_route_is_for_its_roles(tcp: httpx.AsyncClient, method: str, path: str) -> None:
    where = address(path)
    if path in PROBES:
        for headers in ({}, bearer(Role.MEMBER), {"authorization": "Bearer nonsense"}):
            assert (await tcp.request(method, where, headers=headers)).status_code == 200
        return
    nobody = await tcp.request(method, where, content=b"{")
    assert is_error(nobody, 401)
    assert nobody.headers["www-authenticate"] == "Bearer"
    least = ROLES.index(LEAST[method, path])
    for place, role in enumerate(ROLES):
        answer = await tcp.request(method, where, headers=bearer(role), content=b"{" if place < least else None)
        if place < least:
            assert is_error(answer, 403)
            assert answer.json()["error"].startswith("missing permission: ")
            assert ":" in answer.json()["error"].removeprefix("missing permission: ")
        else:
            assert answer.status_code < 500
            assert answer.status_code not in (401, 403, 405)


@pytest.mark.parametrize("wrong", WRONG)
async def test_a_wrong_token_opens_nothing(tcp: httpx.AsyncClient, wrong: str) -> None:
    for method, path in LEAST:
        answer = await tcp.request(method, address(path), headers={"authorization": wrong.encode()})
        assert is_error(answer, 401)
        assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "path", ["/", "/nothing", "/api/", "/api/v1/nothing", "/docs", "/health/", "//health", "/HEALTH"]
)
async def test_what_is_not_there_is_not_told_to_strangers(tcp: httpx.AsyncClient, path: str) -> None:
    assert is_error(await tcp.get(path), 401)
    assert is_error(await tcp.get(path, headers=bearer(Role.MEMBER)), 404)


async def test_two_tokens_are_none(tcp: httpx.AsyncClient) -> None:
    both = [("authorization", f"Bearer {text_of(role)}") for role in (Role.MEMBER, Role.OWNER)]
    assert is_error(await tcp.get("/metrics", headers=both), 401)


async def test_the_scheme_may_be_written_in_any_case(tcp: httpx.AsyncClient) -> None:
    answer = await tcp.get("/metrics", headers={"authorization": f"bearer {text_of(Role.MEMBER)}"})
    assert answer.status_code == 200


async def test_a_revoked_token_is_out_at_once(tcp: httpx.AsyncClient) -> None:
    made = (await tcp.post("/api/v1/tokens", headers=bearer(Role.OWNER), json={"role": "member", "name": "ci"})).json()
    mine = {"authorization": f"Bearer {made['token']}"}
    assert (await tcp.get("/api/v1/worker", headers=mine)).status_code == 200
    revoked = await tcp.post(f"/api/v1/tokens/{made['id']}/revoke", headers=bearer(Role.OWNER))
    assert revoked.json() == {"ok": True}
    assert is_error(await tcp.get("/api/v1/worker", headers=mine), 401)


async def test_nothing_of_a_stranger_is_read(board: FilledBoard) -> None:
    """Neither the body nor, without a token, the store."""

    async def unreached(scope: Scope, receive: Receive, send: Send) -> None:
        raise AssertionError("let in")

    app = Envelope(Bearer(unreached, board, ()))
    for headers in ([], [(b"authorization", b"Bearer nonsense")], [(b"authorization", b"Bearer wd_a_b")]):
        sent = []

        async def receive() -> dict[str, object]:
            raise AssertionError("read")

        async def send(message: dict[str, object], sent: list[object] = sent) -> None:
            sent.append(message)

        scope = {
            "type": "http", "http_version": "1.1", "method": "POST", "path": "/api/v1/tokens", "query_string": b"",
            "headers": headers, "client": None,
        }  # fmt: skip
        await app(scope, receive, send)  # type: ignore[arg-type]
        assert sent[0]["status"] == 401
    assert board.store.tokens.asked == 1


async def test_a_token_is_never_logged(tcp: httpx.AsyncClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    await tcp.get("/metrics", headers=bearer(Role.MEMBER))
    await tcp.get("/metrics", headers={"authorization": "Bearer wd_x_secret-of-nobody"})
    await tcp.post("/api/v1/tokens", headers=bearer(Role.OWNER), json={"role": "member", "name": "ci"})
    assert "secret-of" not in caplog.text
    assert "wd_" not in caplog.text


async def test_without_a_store_tokens_cannot_be_checked(board: FilledBoard) -> None:
    board.store = None
    async with asking(board) as client:
        assert is_error(await client.get("/metrics", headers=bearer(Role.OWNER)), 503)
        assert is_error(await client.get("/metrics"), 401)
        assert (await client.get("/health")).status_code == 200


# what guessing costs


async def test_who_guesses_has_to_wait_and_others_have_not(board: FilledBoard) -> None:
    moment = [0.0]
    attempts = Attempts(clock=lambda: moment[0])
    guess = {"authorization": "Bearer wd_owner_guess"}
    async with asking(board, attempts, "192.0.2.1") as bad, asking(board, attempts, "192.0.2.2") as good:
        for _ in range(FREE):
            assert is_error(await bad.get("/metrics", headers=guess), 401)
        refused = await bad.get("/metrics", headers=guess)
        assert is_error(refused, 429)
        assert 1 <= int(refused.headers["retry-after"]) <= EVERY
        # the one whose token is guessed at, and somebody at the same address, come in as ever
        for client in (bad, good):
            for role in Role:
                assert (await client.get("/metrics", headers=bearer(role))).status_code == 200
        other = {"authorization": "Bearer wd_member_guess"}
        assert is_error(await bad.get("/metrics", headers=other), 429)  # the address is counted, too
        assert is_error(await good.get("/metrics", headers=guess), 429)  # and the id, from wherever
        assert is_error(await good.get("/metrics", headers=other), 401)
        assert is_error(await bad.get("/metrics"), 401)  # no token, no attempt
        moment[0] += 120
        assert is_error(await bad.get("/metrics", headers=guess), 401)


def test_who_goes_on_guessing_waits_longer_but_not_for_ever() -> None:
    attempts = Attempts(clock=lambda: 0.0)
    waits = [attempts.failed("a") for _ in range(200)]
    assert waits[:FREE] == [0] * FREE
    assert waits[FREE:] == sorted(waits[FREE:])
    assert waits[-1] <= 60 + EVERY


def test_attempts_are_counted_in_bounded_memory() -> None:
    attempts = Attempts(clock=lambda: 0.0)
    for number in range(KEPT + 500):
        attempts.failed(f"from {number}")
    assert len(attempts) == KEPT


def test_an_ipv6_network_is_one_address() -> None:
    assert network("2001:db8::1") == network("2001:db8::ffff:2") != network("2001:db8:0:1::1")
    assert network("::ffff:192.0.2.1") == network("192.0.2.1") == "192.0.2.1"
    assert network("fe80::1%eth0") == network("fe80::2")
    assert network("") == ""


# errors


async def test_each_error_has_the_one_body(tcp: httpx.AsyncClient) -> None:
    mine = bearer(Role.OWNER)
    assert is_error(await tcp.get("/api/v1/jobs/unknown", headers=mine), 404)
    assert is_error(await tcp.put("/api/v1/jobs", headers=mine), 405)
    assert is_error(await tcp.delete("/metrics", headers=mine), 405)
    assert is_error(await tcp.post("/api/v1/mutes", headers=mine, content=b"{"), 422)
    assert is_error(await tcp.get("/api/v1/jobs?limit=x", headers=mine), 422)
    assert is_error(await tcp.get("/readyz?" + "exclude=a&" * 21), 400)
    assert is_error(await tcp.get("/metrics", headers={**mine, "host": "evil.example"}), 421)
    assert is_error(await tcp.post("/api/v1/mutes", headers=mine, content=b"x" * (BODY_LIMIT + 1)), 413)
    assert is_error(await tcp.get("/api/v1/jobs/slow", headers=mine), 503)


async def test_a_large_body_is_refused_to_strangers_too(tcp: httpx.AsyncClient) -> None:
    assert is_error(await tcp.post("/api/v1/mutes", content=b"x" * (BODY_LIMIT + 1)), 413)


async def test_where_and_what_is_wrong_is_said(tcp: httpx.AsyncClient) -> None:
    answer = await tcp.post("/api/v1/mutes", headers=bearer(Role.OWNER), json={"rule": "r", "until": "soon"})
    assert is_error(answer, 422)
    assert {fault["path"] for fault in answer.json()["details"]} == {"body.subject", "body.until"}
    assert answer.json()["detail"] == answer.json()["details"]


async def test_headers_cannot_be_injected(tcp: httpx.AsyncClient) -> None:
    hostile = "a\r\nset-cookie: x=1"
    answer = await tcp.get("/nothing", headers={**bearer(Role.MEMBER), "x-request-id": hostile})
    assert "set-cookie" not in answer.headers
    assert answer.headers["x-request-id"].isalnum()
    answer = await tcp.get("/api/v1/jobs/unknown%0d%0aset-cookie:x", headers=bearer(Role.MEMBER))
    assert is_error(answer, 404)
    assert "set-cookie" not in answer.headers


async def test_no_page_of_another_origin_is_let_in(tcp: httpx.AsyncClient) -> None:
    headers = {"origin": "https://evil.example", "access-control-request-method": "POST"}
    asked = await tcp.options("/api/v1/mutes", headers=headers)
    assert asked.status_code == 401
    answer = await tcp.get("/metrics", headers={**headers, **bearer(Role.MEMBER)})
    assert not [name for name in (*asked.headers, *answer.headers) if name.startswith("access-control")]


# the socket


async def test_only_the_socket_believes_who_sits_there(board: FilledBoard, tcp: httpx.AsyncClient) -> None:
    said = {"x-watchdeck-by": "eve@elsewhere"}
    await tcp.post("/api/v1/findings/a/ack", headers={**bearer(Role.OPERATOR), **said}, json={})
    near = httpx.AsyncClient(transport=httpx.ASGITransport(Application(board).socket()), base_url="http://worker")
    async with near:
        await near.post("/api/v1/findings/a/ack", headers={"x-watchdeck-by": "ana@ops-1"}, json={})
        await near.post("/api/v1/findings/a/ack", headers={"x-watchdeck-by": "ana \x1b[31m"}, json={})
        await near.post("/api/v1/findings/a/ack")
    names = [told[2] for told in board.attention.told]
    assert names[:2] == ["operator's", "ana@ops-1"]
    assert names[2] == names[3]
    assert "@" in names[3]


async def test_who_is_not_named_may_nothing(board: FilledBoard) -> None:
    """Routes ask for themselves, whatever stands before them."""
    transport = httpx.ASGITransport(Envelope(Application(board).routes))
    async with httpx.AsyncClient(transport=transport, base_url="http://worker") as client:
        for method, path in LEAST:
            assert is_error(await client.request(method, address(path)), 403)
