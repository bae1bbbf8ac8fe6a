"""Health endpoints of other systems, asked over real sockets: what they say, and every way of not answering."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.model.health import Health
from app.settings.fields import ProbeSettings, Secret
from app.sources.httplook import Request, look, open_client
from app.sources.looks import Look
from app.sources.probes import Probes
from tests.certificates import DAYS, certificates, serving
from tests.integration.endpoints import endpoint
from tests.integration.watching import running, until


def utc() -> datetime:
    return datetime.now(UTC)


async def seen(url: str, expect: str = "", **fields: Any) -> Look:
    client = await open_client()
    try:
        return await look(client, Request(url=url, **{"timeout": 5.0, **fields}), expect)
    finally:
        await client.aclose()


@asynccontextmanager
async def probing(*settings: ProbeSettings) -> AsyncIterator[Probes]:
    probes = Probes(settings, utc)
    async with running(probes.run):
        yield probes


def probe(name: str, url: str, **fields: Any) -> ProbeSettings:
    return ProbeSettings(name=name, url=url, **{"interval": 1.0, "timeout": 1.0, **fields})


# -- one look --------------------------------------------------------------------------------------------------------


async def test_well_and_in_what_time() -> None:
    async with endpoint(delay=0.05) as server:
        found = await seen(server.url + "/health")
    assert (found.health, found.state, found.reason) == (Health.OK, "ok", "answers 200")
    assert found.latency is not None
    assert found.latency >= 0.05


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"silent": True}, "no answer within 1 s"),
        ({"abrupt": True}, "no HTTP answer: server disconnected without sending a response."),
    ],
)
async def test_no_answer_is_told_apart(fields: dict[str, Any], said: str) -> None:
    async with endpoint(**fields) as server:
        found = await seen(server.url, timeout=1.0)
    assert (found.health, found.answered, found.reason) == (Health.CRIT, False, said)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://127.0.0.1:1/", "connection refused"),
        ("http://nowhere.invalid/", "nowhere.invalid is not a known host"),
        ("http://[::1]:1/", "connection refused"),
    ],
)
async def test_no_connection_is_told_apart(url: str, said: str) -> None:
    assert (await seen(url)).reason == said


async def test_what_is_no_http() -> None:
    async def babble(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9.2\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(babble, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    found = await seen(f"http://127.0.0.1:{port}/")
    assert not found.answered
    assert found.reason.startswith("no HTTP answer: ")
    found = await seen(f"https://127.0.0.1:{port}/")
    assert found.reason == "127.0.0.1 does not speak TLS there: http://?"
    server.close()
    await server.wait_closed()


async def test_a_body_without_end_is_cut_and_one_that_drips_is_given_up() -> None:
    async with endpoint(endless=True, body=b"x", content_type="text/plain") as server:
        found = await seen(server.url, "pong")
        assert found.reason == "answers 200 without “pong” in its first 64K"
    headers = {"content-length": "100000"}

    async with endpoint(endless=False, body=b"", headers=headers, answers=lambda _: (200, b"{")) as server:
        found = await seen(server.url, timeout=1.0)
        assert not found.answered


async def test_what_comes_packed_is_unpacked_no_further_than_is_read() -> None:
    packed = gzip.compress(json.dumps({"status": "ok"}).encode())
    async with endpoint(body=packed, headers={"content-encoding": "gzip"}) as server:
        assert (await seen(server.url)).health is Health.OK
        server.body = gzip.compress(b'{"status":"ok","x":"' + b"x" * 50_000_000)
        found = await seen(server.url)
        assert (found.health, "over 64K" in found.reason) == (Health.UNKNOWN, True)
        server.body = b"not packed at all"
        assert (await seen(server.url)).answered
    assert server.asked[0][1]["accept-encoding"] == "identity"


async def test_redirects_are_not_followed() -> None:
    async with endpoint() as target, endpoint(status=302, headers={"location": "/login"}) as server:
        server.headers["location"] = f"{target.url}/login"
        found = await seen(server.url)
        assert (found.health, found.state) == (Health.CRIT, "fails")
        assert found.reason == f"redirects to {target.url}/login (302), which is not followed"
        assert not target.asked


async def test_credentials_are_sent_and_never_told() -> None:
    def echo(_: str) -> tuple[int, bytes]:
        return 503, json.dumps({"status": "fail", "error": f"bad {server.asked[-1][1]['authorization']}"}).encode()

    async with endpoint(answers=echo) as server:
        found = await seen(server.url, token=Secret("hunter2-token"))
        assert server.asked[-1][1]["authorization"] == "Bearer hunter2-token"
        assert found.reason == "answers 503 Service Unavailable: bad Bearer …"
        await seen(server.url, user="ana", password=Secret("hunter2"))
        assert server.asked[-1][1]["authorization"] == "Basic YW5hOmh1bnRlcjI="
        server.answers = None
        await seen(server.url)
        assert "authorization" not in server.asked[-1][1]


async def test_no_proxy_and_no_cookie(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    async with endpoint(headers={"set-cookie": "session=1"}) as server:
        client = await open_client()
        for _ in range(2):
            assert (await look(client, Request(url=server.url))).health is Health.OK
        await client.aclose()
        assert "cookie" not in server.asked[1][1]


# -- TLS -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with certificates(here="IP:127.0.0.1", other="DNS:other.example") as made:
        yield made


async def test_certificates_are_checked_and_how_long_they_last_is_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with endpoint(serving(folder, "here")) as server:
        found = await seen(server.url)
        assert found.reason == "certificate of 127.0.0.1 is not accepted: self-signed certificate"
        monkeypatch.setenv("SSL_CERT_FILE", str(folder / "here.pem"))
        found = await seen(server.url)
        assert (found.health, found.reason) == (Health.OK, "answers 200")
        assert found.expires is not None
        assert timedelta(days=DAYS - 1) < found.expires - utc() <= timedelta(days=DAYS)
    monkeypatch.setenv("SSL_CERT_FILE", str(folder / "other.pem"))
    async with endpoint(serving(folder, "other")) as server:
        assert (await seen(server.url)).reason == "certificate is not for 127.0.0.1"


# -- many, again and again -------------------------------------------------------------------------------------------


async def test_each_on_its_own_time_over_a_kept_connection_and_never_two_at_once() -> None:
    async with endpoint() as well, endpoint(silent=True) as silent, endpoint(delay=1.5) as late:
        settings = (
            probe("well", well.url),
            probe("silent", silent.url, timeout=60.0),
            probe("late", late.url, timeout=5.0),
        )
        async with probing(*settings) as probes:
            assert probes.state is not None
            assert {row.state for row in probes.components.values()} == {"waiting"}
            await until(lambda: len(well.asked) >= 4 and len(late.asked) >= 2, "looked at four times")
            assert well.connections == 1
            assert len(silent.asked) <= 1
            assert late.at_once == 1
            assert probes.components["probe:well"].state == "ok"
            assert probes.components["probe:silent"].state == "waiting"


async def test_down_and_up_again_with_its_parts() -> None:
    body = json.dumps({"status": "UP", "components": {"db": {"status": "UP"}}}).encode()
    async with endpoint(body=body) as server, probing(probe("mc", server.url + "/actuator/health")) as probes:
        await until(lambda: probes.components["probe:mc"].state == "ok", "up")
        assert probes.components["probe:mc/db"].state == "up"
        table = probes.components
        server.status, server.body = 503, body.replace(b"UP", b"DOWN")
        await until(lambda: probes.components["probe:mc"].state == "fails", "failing")
        assert probes.components is not table
        row = probes.components["probe:mc"]
        assert (row.health, row.reason) == (Health.CRIT, "answers 503 Service Unavailable: db: down")
        assert probes.components["probe:mc/db"].health is Health.CRIT
        server.abrupt = True
        await until(lambda: probes.components["probe:mc"].state == "down", "down")
        assert probes.components["probe:mc/db"].health is Health.STALE
        server.abrupt, server.status, server.body = False, 200, body
        await until(lambda: probes.components["probe:mc"].health is Health.OK, "up again")
        row = probes.components["probe:mc"]
        assert row.probe is not None
        assert [turn.good for turn in row.probe.turns] == [True, False]


async def test_a_page_where_it_told_its_health_before_is_a_failure() -> None:
    async with endpoint() as server, probing(probe("mc", server.url)) as probes:
        await until(lambda: probes.components["probe:mc"].state == "ok", "up")
        server.body, server.content_type = b"<!doctype html><title>Sign in</title>", "text/html"
        await until(lambda: probes.components["probe:mc"].state == "fails", "a page")
        assert "where it told its health before" in probes.components["probe:mc"].reason


async def test_without_probes_nothing_is_loaded_and_nothing_said() -> None:
    async with probing() as probes:
        await asyncio.sleep(0)
        assert probes.state is None
        assert probes.components == {}
