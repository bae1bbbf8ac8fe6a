"""Gateways behind TLS: whose certificate is taken, and what is said of one that is not."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from app.model.gateways import GatewayState
from app.settings.fields import GatewaySettings
from tests.certificates import certificates, serving
from tests.gateway_double import SESSIONS, GatewayDouble, doubled
from tests.integration.gateways import stands, watched


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with certificates(here="IP:127.0.0.1", other="DNS:other.example") as made:
        yield made


@asynccontextmanager
async def behind_tls(folder: Path, name: str) -> AsyncIterator[tuple[GatewayDouble, GatewaySettings]]:
    double = GatewayDouble()
    await double.start(ssl=serving(folder, name))
    try:
        yield double, double.settings(url=double.url.replace("ws://", "wss://"))
    finally:
        await double.stop()


async def test_one_whose_certificate_is_trusted_is_met(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(folder / "here.pem"))
    async with behind_tls(folder, "here") as (double, settings), watched(tmp_path, settings) as gateways:
        [gateway] = gateways.each
        await stands(gateway, GatewayState.CONNECTED)
        assert await gateway.sessions() == SESSIONS
        assert double.connections == 1


async def test_as_a_control_ui_its_origin_is_a_secure_one(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(folder / "here.pem"))
    async with behind_tls(folder, "here") as (double, settings):
        double.wants_origin = f"https://127.0.0.1:{double.port}"
        settings = replace(settings, disable_device_pairing=True)
        async with watched(tmp_path, settings) as gateways:
            await stands(gateways.each[0], GatewayState.CONNECTED)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("here", "certificate of 127.0.0.1 is not accepted: self-signed certificate"),
        ("other", "certificate is not for 127.0.0.1"),
    ],
)
async def test_one_whose_certificate_is_not_is_told_unless_it_is_let_in_all_the_same(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, reason: str
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(folder / "other.pem"))
    async with behind_tls(folder, name) as (double, settings):
        async with watched(tmp_path, settings) as gateways:
            assert await stands(gateways.each[0], GatewayState.UNREACHABLE) == reason
            assert not double.seen, "nothing was told to whom we do not know"
        async with watched(tmp_path, replace(settings, allow_insecure_tls=True)) as gateways:
            await stands(gateways.each[0], GatewayState.CONNECTED)


async def test_one_that_speaks_no_tls_is_told(tmp_path: Path) -> None:
    async with doubled() as double:
        settings = double.settings(url=double.url.replace("ws://", "wss://"))
        async with watched(tmp_path, settings) as gateways:
            reason = await stands(gateways.each[0], GatewayState.REFUSED)
            assert reason == "closed the connection before it was a WebSocket: does it speak TLS?"
            assert not double.seen


async def test_one_that_speaks_tls_only_is_told(folder: Path, tmp_path: Path) -> None:
    async with behind_tls(folder, "here") as (double, _), watched(tmp_path, double.settings()) as gateways:
        reason = await stands(gateways.each[0], GatewayState.REFUSED)
        assert reason == "what listens there is no WebSocket server, or wants TLS: wss://"
        assert not double.seen
