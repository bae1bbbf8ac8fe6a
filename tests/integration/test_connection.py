"""The supervised connection on real servers: each failure in its words, and back by itself."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path

import nkeys
import pytest

from app.model.broker import Cause, LinkState
from app.settings import NatsSettings, Secret
from app.sources.connection import NatsLink
from app.sources.errors import LinkDown, NoResponders, RequestTimeout
from tests.certificates import openssl
from tests.integration.watching import client, down, heard, until, watching
from tests.nats_jwt import Trust
from tests.nats_server import NatsServer


@contextlib.asynccontextmanager
async def linked(**settings: object) -> AsyncIterator[NatsLink]:
    link = NatsLink(NatsSettings(**settings))  # type: ignore[arg-type]
    await link.start()
    try:
        yield link
    finally:
        await link.stop()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def test_connects_and_says_to_whom(server: NatsServer) -> None:
    changes = 0

    def count() -> None:
        nonlocal changes
        changes += 1

    async with linked(url=f"nats://ana:secret@127.0.0.1:{server.port}", origin="NATS_URL") as link:
        link.on_change = count
        await until(lambda: link.connection.rtt, "a round trip was measured")
        said = link.connection
        assert said.state is LinkState.CONNECTED
        assert said.url == f"nats://127.0.0.1:{server.port}"
        assert said.origin == "NATS_URL"
        assert said.credentials == "user ana"
        assert "secret" not in repr(said)
        assert link.server is not None
        assert (link.server.name, link.server.jetstream) == ("nats-test", True)
        assert link.generation == 1
        assert changes >= 2
    assert not link.up


async def test_refused_then_started_after_us(tmp_path: Path) -> None:
    server = NatsServer(tmp_path)
    server.port = free_port()
    async with linked(url=server.url) as link:
        said = await down(link)
        assert (said.cause, said.error) == (Cause.REFUSED, "connection refused")
        with pytest.raises(LinkDown, match="connection refused"):
            await link.request("x")
        with server:
            await until(lambda: link.up, "connected once the server is there", 10)
            assert link.connection.error == ""
            assert link.connection.cause is Cause.NONE


async def test_unknown_host_and_a_server_that_says_nothing() -> None:
    async with linked(url="nats://no-such-host.invalid") as link:
        said = await down(link)
        assert (said.cause, said.error) == (Cause.UNKNOWN_HOST, "no-such-host.invalid is not a known host")
    with socket.create_server(("127.0.0.1", 0)) as mute:
        async with linked(url=f"127.0.0.1:{mute.getsockname()[1]}") as link:
            said = await down(link)
            assert (said.cause, said.error) == (Cause.TIMEOUT, "no answer within 5 s: firewall? wrong port?")


@contextlib.asynccontextmanager
async def answering(greeting: bytes) -> AsyncIterator[tuple[str, set[asyncio.StreamWriter]]]:
    """A server that greets so and answers pings; its URL, and the connections that are open."""
    there: set[asyncio.StreamWriter] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there.add(writer)
        writer.write(greeting)
        with contextlib.suppress(OSError, ValueError):
            while line := await reader.readline():
                writer.write(b"PONG\r\n" if line.startswith(b"PING") else b"")
        there.discard(writer)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield f"nats://127.0.0.1:{server.sockets[0].getsockname()[1]}", there
        for writer in there:
            writer.close()


@pytest.mark.parametrize(
    "greeting", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x00\xff\n", b"INFO []\r\n", b"INFO " + b"x" * 200_000]
)
async def test_what_is_no_nats_server_is_said_to_be_none(greeting: bytes, caplog: pytest.LogCaptureFixture) -> None:
    async with answering(greeting) as (url, _), linked(url=url) as link:
        said = await down(link)
        assert (said.cause, said.error) == (Cause.CLOSED, "what answers there is no NATS server")
        assert not caplog.records


@pytest.mark.parametrize("told", ['["a:1,b:2", "", "c:99999", 7]', '{"a": 1}'])
async def test_servers_that_cannot_be_understood_are_passed_over(told: str) -> None:
    greeting = f'INFO {{"server_id": "x", "version": "2.10.0", "max_payload": 99, "connect_urls": {told}}}\r\n'
    async with answering(greeting.encode()) as (url, there), linked(url=url) as link:
        await until(lambda: link.up, "connected")
        assert len(there) == 1


async def test_goes_to_the_next_server_of_the_list(server: NatsServer) -> None:
    async with linked(url=f"nats://127.0.0.1:{free_port()},{server.url}") as link:
        await until(lambda: link.up, "connected to the second")
        assert link.connection.url == server.url
        assert link.connection.servers == 2


async def test_unusable_urls_are_told_without_their_password() -> None:
    for url, sentence in (
        ("nats://ana:hunter2@", "is not a NATS URL"),
        ("ws://ana:hunter2@nats-1", "ws:// is not supported: use nats:// or tls://"),
        (" , ", "no NATS URL given"),
    ):
        async with linked(url=url) as link:
            said = await down(link)
            assert said.cause is Cause.CONFIGURATION
            assert sentence in said.error
            assert "hunter2" not in repr(said)


async def test_killed_and_restarted(server: NatsServer) -> None:
    async with linked(url=server.url) as link:
        await until(lambda: link.up, "connected")
        pending = asyncio.ensure_future(link.request("nobody.answers.this.one", timeout=30))
        async with client(server.url) as other:
            await other.subscribe("nobody.answers.this.one")
            await heard(other)
            pending.cancel()
            pending = asyncio.ensure_future(link.request("nobody.answers.this.one", timeout=30))
            await asyncio.sleep(0.1)
            server.kill()
            with pytest.raises(LinkDown):
                await pending
        lost = await down(link)
        assert lost.since is not None
        await until(lambda: link.connection.cause is Cause.REFUSED, "refused by now")
        assert link.connection.since == lost.since
        server.start()
        took = await until(lambda: link.up, "connected again")
        assert took < 5
        assert link.generation == 2
        assert link.connection.reconnects == 1


async def test_a_frozen_server_is_noticed_within_ten_seconds(server: NatsServer) -> None:
    async with linked(url=server.url) as link:
        await until(lambda: link.connection.rtt, "connected")
        server.freeze()
        began = time.monotonic()
        said = await down(link, 20)
        assert time.monotonic() - began < 10
        assert (said.cause, said.rtt) == (Cause.TIMEOUT, None)
        server.thaw()
        await until(lambda: link.up, "connected again", 10)


async def test_requests_that_nobody_answers(server: NatsServer) -> None:
    async with linked(url=server.url) as link, client(server.url) as other:
        await until(lambda: link.up, "connected")
        await other.subscribe("mute")
        await heard(other)
        with pytest.raises(NoResponders):
            await link.request("nobody")
        with pytest.raises(RequestTimeout):
            await link.request("mute", timeout=0.1)


async def test_messages_that_are_not_utf8_do_not_stop_the_connection(server: NatsServer) -> None:
    async with linked(url=server.url) as link:
        await until(lambda: link.up, "connected")
        heard: list[bytes] = []
        inbox, close = await link.subscribe(lambda subject, reply, payload, headers: heard.append(payload))
        with pytest.raises(NoResponders):  # the server has seen the subscription by then
            await link.request("nobody")
        with socket.create_connection(("127.0.0.1", server.port)) as raw:
            raw.sendall(b'CONNECT {"verbose":false,"headers":true}\r\n')
            raw.sendall(b"PUB " + inbox.encode() + b" \xff\xfe.reply 2\r\nhi\r\n")
            raw.sendall(b"HPUB " + inbox.encode() + b" 15 17\r\nNATS/1.0 \xff\xff\r\n\r\n" + b"ho\r\n")
            raw.sendall(b"PUB " + inbox.encode() + b" 3\r\nend\r\nPING\r\n")
            await until(lambda: b"end" in heard, "the last message came")
        assert heard[0] == b"hi"
        assert link.generation == 1
        await close()


async def test_wrong_password_is_no_network_failure(tmp_path: Path) -> None:
    config = "authorization { user: ana, password: right }"
    with NatsServer(tmp_path, config) as server:
        async with linked(url=server.url, user="ana", password=Secret("hunter2"), origin="context prod") as link:
            said = await down(link)
            assert said.cause is Cause.AUTHORIZATION
            assert said.error == "127.0.0.1 refuses these credentials: authorization violation"
            assert said.credentials == "user ana"
            assert "hunter2" not in repr(said)
            server.reload("authorization { user: ana, password: hunter2 }")
            link.retry()
            await until(lambda: link.up, "connected after the password was made to fit", 30)


async def test_token_and_nkey(tmp_path: Path) -> None:
    with NatsServer(tmp_path / "t", 'authorization { token: "s3cr3t" }') as server:
        async with linked(url=server.url, token=Secret("s3cr3t")) as link:
            await until(lambda: link.up, "connected by token")
            assert link.connection.credentials == "token"
    seed = nkeys.encode_seed(b"1" * 32, nkeys.PREFIX_BYTE_USER)
    public = nkeys.from_seed(bytearray(seed)).public_key.decode()
    path = tmp_path / "user.nk"
    path.write_bytes(seed + b"\n")
    with NatsServer(tmp_path / "n", f"authorization {{ users = [ {{ nkey: {public} }} ] }}") as server:
        async with linked(url=server.url, nkey=str(path)) as link:
            await until(lambda: link.up, "connected by nkey")
            assert link.connection.credentials == f"nkey {path} (user {public[:4]}…)"


async def test_creds_their_expiry_and_a_file_that_is_changed_under_us(tmp_path: Path) -> None:
    trust = Trust()
    path = tmp_path / "prod.creds"
    path.write_text(trust.creds(expires=time.time() - 86400))
    with NatsServer(tmp_path / "nats", trust.config) as server:
        async with linked(url=server.url, creds=str(path)) as link:
            said = await down(link)
            assert said.cause is Cause.EXPIRED
            assert "refuses these credentials: user JWT expired 20" in said.error
            assert said.credentials.startswith(f"creds {path} (user U")
            assert f"account {trust.account_public[:4]}…, expired 20" in said.credentials
            assert "SU" not in said.credentials.replace(str(path), "")
            path.write_text(trust.creds(expires=time.time() + 4))
            link.retry()
            await until(lambda: link.up, "connected with new creds", 30)
            assert link.connection.credentials_expire is not None
            assert ", expires 20" in link.connection.credentials
            await until(lambda: link.connection.cause is Cause.EXPIRED, "they expire while connected", 20)
            assert not link.up


async def test_a_user_jwt_from_the_settings(tmp_path: Path) -> None:
    trust = Trust()
    token, seed, public = trust.user()
    path = tmp_path / "user.nk"
    path.write_text(seed)
    with NatsServer(tmp_path / "nats", trust.config) as server:
        async with linked(url=server.url, user_jwt=Secret(token), nkey=str(path)) as link:
            await until(lambda: link.up, "connected by user JWT")
            assert link.connection.credentials == f"user JWT (user {public[:4]}…, account {trust.account_public[:4]}…)"
            assert link.connection.credentials_expire is None


async def test_creds_that_cannot_be_used_are_named(tmp_path: Path, server: NatsServer) -> None:
    missing, empty, folder = tmp_path / "no.creds", tmp_path / "empty.creds", tmp_path
    empty.write_text("nothing here\n")
    for path, words in ((missing, "is missing"), (empty, "holds no user JWT and seed"), (folder, "cannot be read")):
        async with linked(url=server.url, creds=str(path)) as link:
            said = await down(link)
            assert said.cause is Cause.CONFIGURATION
            assert words in said.error
            assert str(path) in said.error


# --- TLS


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CA, a server certificate for nats.example, and one for 127.0.0.1."""
    folder = tmp_path_factory.mktemp("tls")
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    ca = ("-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=keyCertSign")
    openssl(folder, "req", "-x509", *key, "-days", "30", "-subj", "/CN=ca", *ca, "-keyout", "ca.key", "-out", "ca.pem")
    for name, names in (("example", "DNS:nats.example"), ("local", "IP:127.0.0.1")):
        openssl(
            folder,
            *("req", "-x509", *key, "-days", "30", "-subj", f"/CN={name}", "-CA", "ca.pem", "-CAkey", "ca.key"),
            *("-addext", f"subjectAltName={names}", "-addext", "basicConstraints=CA:FALSE"),
            *("-keyout", f"{name}.key", "-out", f"{name}.pem"),
        )
    return folder


def tls_config(folder: Path, name: str, more: str = "") -> str:
    return f'tls {{ cert_file: "{folder}/{name}.pem", key_file: "{folder}/{name}.key", {more} }}'


async def test_tls_with_our_ca_and_first(tmp_path: Path, certificates: Path) -> None:
    ca = str(certificates / "ca.pem")
    with NatsServer(tmp_path / "a", tls_config(certificates, "local"), scheme="tls") as server:
        async with linked(url=server.url, tls_ca=ca) as link:
            await until(lambda: link.up, "connected by TLS")
        mutual = {"tls_cert": str(certificates / "local.pem"), "tls_key": str(certificates / "local.key")}
        async with linked(url=server.url, tls_ca=ca, **mutual) as link:
            await until(lambda: link.up, "connected with a certificate of our own")
            assert link.connection.credentials_expire is not None
    with NatsServer(tmp_path / "b", tls_config(certificates, "local", "handshake_first: true"), scheme="tls") as server:
        async with linked(url=server.url, tls_ca=ca, tls_first=True) as link:
            await until(lambda: link.up, "connected by TLS first")


async def test_tls_failures_are_told_apart(tmp_path: Path, certificates: Path, server: NatsServer) -> None:
    ca = str(certificates / "ca.pem")
    with NatsServer(tmp_path / "a", tls_config(certificates, "example"), scheme="tls") as named:
        async with linked(url=named.url, tls_ca=ca) as link:
            said = await down(link)
            assert (said.cause, said.error) == (Cause.TLS_NAME, "certificate is for nats.example, not 127.0.0.1")
        async with linked(url=named.url) as link:
            said = await down(link)
            assert said.cause is Cause.TLS
            assert said.error.startswith("certificate of 127.0.0.1 is not accepted: ")
    async with linked(url=f"tls://127.0.0.1:{server.port}", user="ana", password=Secret("hunter2")) as link:
        said = await down(link)
        assert (said.cause, said.error) == (Cause.TLS, "the server offers no TLS, and TLS was asked for")
    async with linked(url=server.url, tls_ca=str(tmp_path / "no.pem")) as link:
        said = await down(link)
        assert said.cause is Cause.CONFIGURATION
        assert "is missing" in said.error


async def test_a_server_that_wants_tls_first(tmp_path: Path, certificates: Path) -> None:
    with NatsServer(tmp_path, tls_config(certificates, "local", "handshake_first: true, timeout: 1")) as server:
        async with linked(url=server.url) as link:
            said = await down(link)
            assert said.cause is Cause.TLS_REQUIRED
            assert "tls_first" in said.error


async def test_stopping_leaves_no_task_and_no_connection(server: NatsServer) -> None:
    before = asyncio.all_tasks()
    async with watching(server.url) as watch:
        await watch.turn()
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before
