"""The applications in process: probes, and what every request meets before them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import httpx
import pytest
from starlette.types import ASGIApp

from app.api.application import Application
from app.api.guard import BODY_LIMIT
from app.feed.assembler import Assembler
from app.feed.ledger import Ledger
from app.feed.wire import BYE, WIRE
from app.model.broker import Stream
from app.model.snapshot import Snapshot
from app.worker import board as board_module
from app.worker.board import Board

NOW = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)


def client(app: ASGIApp, base: str = "http://127.0.0.1:8000") -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=base)


@pytest.fixture
def board() -> Board:
    return Board(fingerprint={"servers": ["nats://a:4222"]})


@pytest.fixture
async def tcp(board: Board) -> AsyncIterator[httpx.AsyncClient]:
    async with client(Application(board).tcp(("mon.example", "deck.example:9000"))) as asking:
        yield asking


@pytest.fixture
async def near(board: Board) -> AsyncIterator[httpx.AsyncClient]:
    async with client(Application(board).socket(), "http://worker") as asking:
        yield asking


def is_error(answer: httpx.Response, status: int) -> bool:
    body = answer.json()
    return (
        answer.status_code == status == body["code"] == body["status"]
        and bool(body["error"])
        and bool(body["detail"])
        and bool(body["details"])
        and body["request_id"] == answer.headers["x-request-id"]
    )


@pytest.mark.parametrize("path", ["/health", "/healthz", "/livez"])
async def test_alive_whatever_nats_does(tcp: httpx.AsyncClient, board: Board, path: str) -> None:
    board.unreachable = "connection refused"
    answer = await tcp.get(path)
    assert (answer.status_code, answer.json()) == (200, {"ok": True})


@pytest.mark.parametrize("path", ["/health", "/healthz", "/livez"])
async def test_not_alive_once_the_collector_stands(
    tcp: httpx.AsyncClient, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(board_module, "PULSE_PATIENCE", -1.0)
    answer = await tcp.get(path)
    assert (answer.status_code, answer.json()) == (503, {"ok": False})


async def test_ready_when_every_check_is(tcp: httpx.AsyncClient, board: Board) -> None:
    answer = await tcp.get("/readyz")
    assert (answer.status_code, answer.json()) == (503, {"ok": False, "failed": ["nats", "collection"]})
    board.unreachable, board.collected = "", True
    answer = await tcp.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"ok": True})
    board.stop()
    answer = await tcp.get("/readyz")
    assert (answer.status_code, answer.json()) == (503, {"ok": False, "failed": ["stopping"]})


async def test_verbose_lists_checks_as_kubernetes_does(tcp: httpx.AsyncClient, board: Board) -> None:
    board.unreachable, board.collected = "connection\nrefused", True
    answer = await tcp.get("/readyz?verbose")
    assert answer.status_code == 503
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.text == (
        "[-]nats failed: connection refused\n[+]collection ok\n[+]stopping ok\nreadyz check failed\n"
    )
    board.unreachable = ""
    answer = await tcp.get("/readyz?verbose")
    assert answer.status_code == 200
    assert answer.text.endswith("[+]stopping ok\nreadyz check passed\n")


async def test_checks_can_be_excluded(tcp: httpx.AsyncClient) -> None:
    assert (await tcp.get("/readyz?exclude=nats")).json()["failed"] == ["collection"]
    assert (await tcp.get("/readyz?exclude=nats&exclude=collection")).status_code == 200
    assert (await tcp.get("/readyz?exclude=nats,collection")).status_code == 200
    text = (await tcp.get("/readyz?verbose=1&exclude=nats&exclude=etcd")).text
    assert "[+]nats excluded: ok\n" in text
    assert "no matches for 'etcd'" in text


@pytest.mark.parametrize("path", ["/health", "/healthz", "/livez", "/readyz", "/readyz?verbose"])
async def test_head_is_answered(tcp: httpx.AsyncClient, path: str) -> None:
    asked, headed = await tcp.get(path), await tcp.head(path)
    assert headed.status_code == asked.status_code
    assert headed.headers["content-length"] == asked.headers["content-length"]


@pytest.mark.parametrize(
    "path", ["/api/v1/feed", "/api/v1/worker", "/api/v1/refresh", "/docs", "/redoc", "/openapi.json", "/", "/health/"]
)
async def test_without_a_token_there_is_nothing_but_probes(tcp: httpx.AsyncClient, path: str) -> None:
    for answer in (await tcp.get(path), await tcp.post(path)):
        assert is_error(answer, 401)
        assert answer.headers["www-authenticate"] == "Bearer"


async def test_other_methods_are_405(tcp: httpx.AsyncClient) -> None:
    answer = await tcp.post("/health")
    assert is_error(answer, 405)
    assert "GET" in answer.headers["allow"]


async def test_every_answer_is_uncached_unsniffed_and_has_an_id(tcp: httpx.AsyncClient) -> None:
    for path in ("/health", "/nothing"):
        answer = await tcp.get(path, headers={"x-request-id": "abc-1"})
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["x-request-id"] == "abc-1"
        assert "server" not in answer.headers
    answer = await tcp.get("/health", headers={"x-request-id": "a b\x01"})
    assert answer.headers["x-request-id"].isalnum()


@pytest.mark.parametrize(
    "host",
    [
        "localhost", "LOCALHOST:8000", "127.0.0.1", "127.0.0.1:1", "[::1]", "[::1]:8000", "[0:0:0:0:0:0:0:1]",
        "mon.example", "Mon.Example:443", "mon.example.", "deck.example", "deck.example:9000",
    ],
)  # fmt: skip
async def test_own_names_are_answered(tcp: httpx.AsyncClient, host: str) -> None:
    assert (await tcp.get("/health", headers={"host": host})).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "mon.example@evil", "", "[::1", "10.0.0.9",
        "localhost:x", "mon.example, evil.example", "[::2]", "127.1",
    ],
)  # fmt: skip
async def test_other_names_are_not(tcp: httpx.AsyncClient, host: str) -> None:
    assert is_error(await tcp.get("/health", headers={"host": host}), 421)


async def test_two_hosts_are_one_too_many(tcp: httpx.AsyncClient) -> None:
    answer = await tcp.get("/health", headers=[("host", "localhost"), ("host", "localhost")])
    assert is_error(answer, 400)


async def test_the_address_it_was_reached_at_is_its_own(board: Board) -> None:
    """A probe that goes to a pod's address names that address."""
    app = Application(board).tcp(())
    for host, status in (("10.1.2.3:8000", 200), ("10.1.2.4:8000", 421)):
        scope = {
            "type": "http", "http_version": "1.1", "method": "GET", "path": "/health", "query_string": b"",
            "headers": [(b"host", host.encode())], "server": ("10.1.2.3", 8000), "client": ("10.9.9.9", 1),
        }  # fmt: skip
        sent: list[dict[str, object]] = []

        async def receive() -> dict[str, object]:
            return {"type": "http.request"}

        async def send(message: dict[str, object], sent: list[dict[str, object]] = sent) -> None:
            sent.append(message)

        await app(scope, receive, send)  # type: ignore[arg-type]
        assert sent[0]["status"] == status


async def test_large_bodies_are_refused_before_they_are_read(near: httpx.AsyncClient, board: Board) -> None:
    assert is_error(await near.post("/api/v1/refresh", content=b"x" * (BODY_LIMIT + 1)), 413)
    assert not board.refresh_wanted.is_set()
    assert is_error(await near.post("/api/v1/refresh", headers={"content-length": "-1"}), 413)


# the socket's application


async def test_the_socket_tells_who_this_worker_is(near: httpx.AsyncClient) -> None:
    about = (await near.get("/api/v1/worker")).json()
    assert (about["wire"], about["fingerprint"]) == (WIRE, {"servers": ["nats://a:4222"]})
    assert about["version"]


async def test_refresh_asks_the_collector(near: httpx.AsyncClient, board: Board) -> None:
    assert (await near.post("/api/v1/refresh")).status_code == 202
    assert board.refresh_wanted.is_set()
    assert is_error(await near.get("/api/v1/refresh"), 405)


async def test_a_first_poll_is_answered_at_once_and_whole(near: httpx.AsyncClient, board: Board) -> None:
    board.publish(Snapshot("e", 3, NOW, streams={"S": Stream("S")}))
    answer = await near.get("/api/v1/feed?sections=streams&deck=d1")
    assembler = Assembler()
    assembler.take(assembler.read(answer.content, {"streams"}))
    assert assembler.snapshot.streams == {"S": Stream("S")}
    assert board.decks(10.0) == 1


async def test_a_deck_says_what_it_looks_at(near: httpx.AsyncClient, board: Board) -> None:
    await near.get("/api/v1/feed", params={"deck": "d1", "look": ["stream:S", "consumer:S/c"]})
    assert board.looking_at() == {"stream:S", "consumer:S/c"}


async def test_without_news_a_poll_is_answered_after_its_time(near: httpx.AsyncClient, board: Board) -> None:
    board.publish(Snapshot("e", 3, NOW))
    for wait in ("0", "0.05"):
        answer = await near.get(f"/api/v1/feed?since=e.3&wait={wait}")
        assert len(answer.content.splitlines()) == 2


async def test_a_stopping_worker_says_goodbye(near: httpx.AsyncClient, board: Board) -> None:
    board.stop()
    assert (await near.get("/api/v1/feed")).content == BYE


@pytest.mark.parametrize("lines", [1, 3000])
async def test_answers_are_compressed_for_who_asks(near: httpx.AsyncClient, board: Board, lines: int) -> None:
    from backports import zstd

    board.publish(Snapshot("e", 3, NOW, streams={f"S{i}": Stream(f"S{i}") for i in range(lines)}))
    plain = await near.get("/api/v1/feed?sections=streams", headers={"accept-encoding": "identity"})
    async with near.stream("GET", "/api/v1/feed?sections=streams", headers={"accept-encoding": "zstd"}) as answer:
        assert answer.headers["content-encoding"] == "zstd"
        raw = b"".join([piece async for piece in answer.aiter_raw()])
    assert zstd.decompress(raw) == plain.content
    assert len(plain.content.splitlines()) == 3 + -(-lines // 500)


@pytest.mark.parametrize(
    "query", ["sections=nonsense", "since=x", "since=e.-1", "deck=a%20b", "wait=-1", "wait=600", "look=a&" * 65]
)
async def test_wrong_questions_are_422_with_the_place(near: httpx.AsyncClient, query: str) -> None:
    answer = await near.get(f"/api/v1/feed?{query}")
    assert is_error(answer, 422)
    assert answer.json()["details"][0]["path"] == f"query.{query.partition('=')[0]}"


async def test_a_fault_of_ours_is_a_500_without_its_reason(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("secret reason")

    monkeypatch.setattr(Ledger, "update", broken)
    transport = httpx.ASGITransport(Application(board).socket(), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://worker") as asking:
        answer = await asking.get("/api/v1/feed")
    assert is_error(answer, 500)
    assert "secret" not in answer.text
