"""Who listens where others can reach needs a certificate that can be used, and is then asked through TLS only."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from app.api.server import serve
from app.settings import SettingsError
from app.worker.board import Board
from app.worker.sockets import bind_tcp, bind_unix, tls_files
from tests.certificates import certificates, openssl


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A folder with a certificate of 127.0.0.1, its key, the same key encrypted, and the key of another."""
    with certificates(a="IP:127.0.0.1", b="IP:127.0.0.1") as made:
        openssl(made, "pkey", "-in", "a.key", "-aes256", "-passout", "pass:hunter2", "-out", "locked.key")
        yield made


async def test_it_is_asked_through_tls_only(folder: Path) -> None:
    board, up = Board(), asyncio.Event()
    tls = tls_files(str(folder / "a.pem"), str(folder / "a.key"))
    near, tcp = bind_unix(folder / "s", {}), bind_tcp("0.0.0.0:0", insecure=False, tls=tls is not None)
    port = tcp.getsockname()[1]
    task = asyncio.create_task(serve(board, socket=near, tcp=tcp, tls=tls, ready=up.set))
    async with asyncio.timeout(30):
        await up.wait()
        trusted = ssl.create_default_context(cafile=str(folder / "a.pem"))
        async with httpx.AsyncClient(verify=trusted, trust_env=False) as client:
            assert (await client.get(f"https://127.0.0.1:{port}/health")).json() == {"ok": True}
            with pytest.raises(httpx.HTTPError):
                await client.get(f"http://127.0.0.1:{port}/health")
        async with httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(uds=str(folder / "s"))) as client:
            assert (await client.get("http://worker/health")).json() == {"ok": True}
        board.stop()
        await task


def test_without_a_certificate_only_this_machine_is_let_in() -> None:
    with pytest.raises(SettingsError, match="without TLS: listen on 127"):
        bind_tcp("0.0.0.0:0", insecure=False)
    bind_tcp("0.0.0.0:0", insecure=True).close()


@pytest.mark.parametrize(
    ("certificate", "key", "said"),
    [
        ("a.pem", "", "tls_key is missing"),
        ("", "a.key", "tls_cert is missing"),
        ("none.pem", "a.key", "No such file"),
        ("a.pem", "b.key", "do not fit"),
        ("a.pem", "locked.key", "encrypted"),
        ("a.key", "a.key", "no PEM"),
    ],
)
def test_a_certificate_that_cannot_be_used_is_said(folder: Path, certificate: str, key: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        tls_files(*(str(folder / name) if name else "" for name in (certificate, key)))


def test_none_is_none() -> None:
    assert tls_files("", "") is None
