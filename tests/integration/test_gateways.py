"""Gateways over real WebSockets: met, asked, lost and met again; every way in which one can fail is told apart."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import time
from pathlib import Path
from typing import Any

import pytest

from app.model.gateways import GatewayState
from app.model.health import Health
from app.model.snapshot import SourceStatus
from app.settings.fields import GatewaySettings, Secret
from app.sources import gatewaydial, gatewayframes, gatewayline, gatewaylink
from app.sources import gateways as module
from app.sources.gatewayframes import GatewayTrouble
from app.sources.gatewayidentity import IDENTITY_FILE
from tests.gateway_double import HISTORY, MAIN, SESSIONS, TOKEN, GatewayDouble, decoded, doubled, signed
from tests.integration.gateways import stands, until, watched

SHORT = 0.4
"""Seconds that a call may take in tests of silence; far more than an answer on loopback needs."""


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Silence is told sooner."""
    for each in (gatewaydial, gatewayline, gatewaylink):
        monkeypatch.setattr(each, "PATIENCE", SHORT)


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks and attempts come one upon the other."""
    monkeypatch.setattr(module, "EVERY", 0.05)
    monkeypatch.setattr(gatewaylink, "RESTED", 0.0)
    for pause in ("FIRST_PAUSE", "LONGEST_PAUSE", "UNWELCOME_PAUSE"):
        monkeypatch.setattr(gatewaylink, pause, 0.05)


async def test_a_gateway_is_met_and_its_sessions_become_rows(tmp_path: Path) -> None:
    async with doubled() as double, watched(tmp_path, double.settings()) as gateways:
        [gateway] = gateways.each
        assert await stands(gateway, GatewayState.CONNECTED) == "3 sessions"
        component = gateways.components["gateway:main"]
        assert (component.kind, component.health, component.version) == ("gateway", Health.OK, "2026.3.1")
        assert component.address == double.url
        assert component.latency is not None
        assert component.since is not None
        rows = gateways.sessions
        assert {*rows} == {f"main/{each['key']}" for each in SESSIONS}
        web = rows["main/agent:mc-web:main"]
        assert (web.gateway, web.agent, web.label, web.channel, web.model) == (
            "main", "mc-web", "Web", "slack", "opal-4",
        )  # fmt: skip
        assert (web.context_used, web.context_most) == (95_000, 100_000)
        assert web.last.timestamp() == 1_790_000_050
        assert gateways.state is not None
        assert (gateways.state.status, gateways.state.error) == (SourceStatus.OK, "")
        # what did not change is the same object as before
        looks = len(double.calls("sessions.list"))
        components = gateways.components
        await until(lambda: len(double.calls("sessions.list")) >= looks + 3)
        assert gateways.sessions is rows
        assert gateways.sessions["main/agent:mc-web:main"] is web
        assert components["gateway:main"].since == gateways.components["gateway:main"].since


async def test_one_connection_is_kept_and_used_by_all_calls_at_once(tmp_path: Path) -> None:
    async with doubled(events=3) as double, watched(tmp_path, double.settings()) as gateways:
        [gateway] = gateways.each
        double.delays = {"chat.history": 0.01}
        answers = await asyncio.gather(*(gateway.history(MAIN) for _ in range(20)), gateway.sessions())
        assert answers[0] == HISTORY
        assert answers[-1] == SESSIONS
        assert double.connections == 1
        assert len(double.calls("connect")) == 1
        assert len({each["id"] for each in double.seen}) == len(double.seen)


async def test_who_we_are_is_said_as_the_protocol_wants_it(tmp_path: Path) -> None:
    async with doubled() as double, watched(tmp_path, double.settings()) as gateways:
        await stands(gateways.each[0], GatewayState.CONNECTED)
        [asked] = double.calls("connect")
        params = asked["params"]
        assert asked["type"] == "req"
        assert params["scopes"] == ["operator.read", "operator.admin", "operator.approvals", "operator.pairing"]
        assert params["client"]["platform"] in ("linux", "darwin", "windows")
        assert params["client"]["version"] == "1.0.0"
        assert params["device"]["nonce"] == "n-0nce"
        assert params["device"]["id"] == json.loads((tmp_path / IDENTITY_FILE).read_text())["deviceId"]
        assert abs(params["device"]["signedAt"] / 1000 - time.time()) < 60
        assert signed(params, "n-0nce")
        assert not signed(params, "another")
        assert len(decoded(params["device"]["publicKey"])) == 32
        assert double.heads[0].path == "/ws?token=gw-s3cret%2F%2Btoken"
        assert "Origin" not in double.heads[0].headers


async def test_as_a_control_ui_it_has_an_origin_and_no_device(tmp_path: Path) -> None:
    async with doubled(challenge=False) as double:
        double.wants_origin = f"http://127.0.0.1:{double.port}"
        async with watched(tmp_path, double.settings(disable_device_pairing=True)) as gateways:
            await stands(gateways.each[0], GatewayState.CONNECTED)
        client = double.calls("connect")[0]["params"]["client"]
        assert (client["id"], client["mode"]) == ("openclaw-control-ui", "ui")
        assert not (tmp_path / IDENTITY_FILE).exists()


async def test_a_gateway_without_a_challenge_is_waited_for_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    asked = gatewayline.Line.challenge

    async def counted(line: Any, wait: float) -> str:
        waits.append(wait)
        return await asked(line, 0.2)

    monkeypatch.setattr(gatewayline.Line, "challenge", counted)
    async with doubled(challenge=False) as double, watched(tmp_path, double.settings()) as gateways:
        [gateway] = gateways.each
        await stands(gateway, GatewayState.CONNECTED)
        assert "nonce" not in double.calls("connect")[0]["params"]["device"]
        for _ in range(2):
            await double.stop()
            await until(lambda: gateway.state is not GatewayState.CONNECTED)
            await double.start()
            await stands(gateway, GatewayState.CONNECTED)
        assert waits == [2.0]
        # it begins to send one: it is met all the same, in the same attempt
        await double.stop()
        await until(lambda: gateway.state is not GatewayState.CONNECTED)
        double.challenge = True
        await double.start()
        await stands(gateway, GatewayState.CONNECTED)
        assert waits == [2.0, 2.0]


async def test_old_frames_are_understood(tmp_path: Path) -> None:
    async with doubled(legacy=True, events=1) as double, watched(tmp_path, double.settings()) as gateways:
        [gateway] = gateways.each
        await stands(gateway, GatewayState.CONNECTED)
        double.refuse = {"chat.history": "no such session"}
        with pytest.raises(GatewayTrouble, match="no such session"):
            await gateway.history("x")
        assert (await gateway.sessions())[0] == SESSIONS[0]


async def test_one_that_comes_back_is_met_again(tmp_path: Path) -> None:
    async with doubled() as double, watched(tmp_path, double.settings()) as gateways:
        [gateway] = gateways.each
        await stands(gateway, GatewayState.CONNECTED)
        rows = gateways.sessions
        await double.stop()
        assert await stands(gateway, GatewayState.REFUSED) == "connection refused"
        assert gateways.components["gateway:main"].health is Health.WARN
        assert gateways.components["gateway:main"].latency is None
        assert gateways.sessions is rows  # the last known ones
        assert gateways.state is not None
        assert (gateways.state.status, gateways.state.error) == (SourceStatus.PARTIAL, "not connected: main")
        with pytest.raises(GatewayTrouble) as refused:
            await gateway.sessions()
        assert refused.value.state is GatewayState.REFUSED
        await double.start()
        await stands(gateway, GatewayState.CONNECTED)
        assert await gateway.sessions() == SESSIONS


@pytest.mark.parametrize(
    ("fault", "state", "reason"),
    [
        ({"http": 404}, GatewayState.REFUSED, "answers HTTP 404 where a WebSocket was asked for"),
        ({"http": 302}, GatewayState.REFUSED, "answers HTTP 302: it is somewhere else"),
        ({"http": 401}, GatewayState.UNAUTHORIZED, "authentication failed: HTTP 401"),
        ({"token": "another"}, GatewayState.UNAUTHORIZED,
         "authentication failed: check the gateway's token and its operator scopes"),
        ({"refuse": {"connect": ""}}, GatewayState.UNAUTHORIZED,
         "authentication failed: check the gateway's token and its operator scopes"),
        ({"close_on": {"connect": (1008, "unauthorized")}}, GatewayState.UNAUTHORIZED,
         "authentication failed: check the gateway's token and its operator scopes"),
        ({"refuse": {"connect": "pairing required"}}, GatewayState.UNAUTHORIZED,
         "wants this device to be paired: approve it there, or set disable_device_pairing"),
        ({"refuse": {"sessions.list": "missing scope: operator.read"}}, GatewayState.UNAUTHORIZED,
         "the token lacks the scope operator.read: give it that one"),
        ({"refuse": {"connect": "protocol mismatch"}}, GatewayState.UNSUPPORTED,
         "does not speak protocol 3: protocol mismatch"),
        ({"version": "2026.1.1"}, GatewayState.UNSUPPORTED,
         "version 2026.1.1 is too old: 2026.02.9 or later is needed"),
        ({"version": "1.2\x1b[2J"}, GatewayState.UNSUPPORTED,
         "version '1.2' is not of the form YYYY.M.D: 2026.02.9 or later is needed"),
        ({"version": None}, GatewayState.UNSUPPORTED,
         "does not tell its version: 2026.02.9 or later is needed"),
        ({"refuse": {"sessions.list": "boom \x1b[31m"}}, GatewayState.FAILING, "boom"),
        ({"refuse": {"sessions.list": f"no: {TOKEN}"}}, GatewayState.FAILING, "no: …"),
        ({"raw": {"sessions.list": "nonsense"}}, GatewayState.FAILING, "sent what is not JSON"),
        ({"raw": {"sessions.list": b"\xff\xfe"}}, GatewayState.FAILING, "sent what is not JSON"),
        ({"raw": {"sessions.list": "[" * 100_000}}, GatewayState.FAILING, "sent JSON that is nested too deep"),
        ({"raw": {"sessions.list": '{"payload":' + "[" * 100_000}}, GatewayState.FAILING,
         "sent JSON that is nested too deep"),
        ({"raw": {"sessions.list": "[1]"}}, GatewayState.FAILING, "sent JSON that is no frame"),
        ({"close_on": {"sessions.list": (1012, "service restart")}}, GatewayState.FAILING,
         "closed the connection: service restart (1012)"),
        ({"close_on": {"sessions.list": (1000, "")}}, GatewayState.FAILING, "closed the connection (1000)"),
    ],
)  # fmt: skip
async def test_every_failure_is_told_apart(
    tmp_path: Path, fault: dict[str, Any], state: GatewayState, reason: str
) -> None:
    async with doubled() as double:
        settings = double.settings()
        for name, value in fault.items():
            setattr(double, name, value)
        async with watched(tmp_path, settings) as gateways:
            await until(lambda: gateways.each[0].component.reason == reason)
            assert gateways.each[0].state is state
            with pytest.raises(GatewayTrouble) as trouble:
                await gateways.each[0].sessions()
            assert TOKEN not in trouble.value.told


async def test_an_old_version_by_its_configuration(tmp_path: Path) -> None:
    async with doubled(version=None, config={"config": {"meta": {"lastTouchedVersion": "v2026.2.9-3"}}}) as double:
        async with watched(tmp_path, double.settings()) as gateways:
            await stands(gateways.each[0], GatewayState.CONNECTED)
            assert gateways.components["gateway:main"].version == "v2026.2.9-3"
        double.version, double.config = "dev", {"config": {"meta": {"lastTouchedVersion": "2026.1.30"}}}
        async with watched(tmp_path, double.settings()) as gateways:
            assert "2026.1.30 is too old" in await stands(gateways.each[0], GatewayState.UNSUPPORTED)


async def test_a_message_that_is_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gatewaydial, "FRAME_MOST", 100_000)
    large = [{"key": "k", "label": "x" * 200_000}]
    async with doubled(sessions=large) as double, watched(tmp_path, double.settings()) as gateways:
        reason = await stands(gateways.each[0], GatewayState.FAILING)
        assert reason == f"sent {gatewayframes.TOO_LARGE}"
        double.sessions = [{"key": "k"}]
        await stands(gateways.each[0], GatewayState.CONNECTED)


async def test_a_large_answer_is_read_beside_the_loop(tmp_path: Path) -> None:
    many = [
        {"key": f"k{number}", "updatedAt": 1_790_000_000_000 + number, "note": "x" * 600} for number in range(2_000)
    ]
    async with doubled(sessions=many) as double, watched(tmp_path, double.settings()) as gateways:
        [gateway] = gateways.each
        assert await stands(gateway, GatewayState.CONNECTED) == "2.0k sessions"
        assert len(gateways.sessions) == 500
        assert "main/k1999" in gateways.sessions
        assert "main/k0" not in gateways.sessions


@pytest.mark.parametrize("mute", ["connect", "sessions.list", ""])
async def test_one_that_never_answers_costs_one_bounded_wait(tmp_path: Path, short: None, mute: str) -> None:
    """It takes the connection and says nothing: not even a handshake, no hello, or no answer to a call."""
    double, deaf = GatewayDouble(mute=frozenset((mute,))), socket.create_server(("127.0.0.1", 0))
    with deaf:
        await double.start()
        settings = double.settings()
        if not mute:
            settings = double.settings(url=f"ws://127.0.0.1:{deaf.getsockname()[1]}")
        async with doubled() as well, watched(tmp_path, settings, well.settings(name="well")) as gateways:
            silent, other = gateways.each
            await stands(other, GatewayState.CONNECTED)
            reason = await stands(silent, GatewayState.SILENT)
            what = "does not answer sessions.list" if mute == "sessions.list" else "takes the connection"
            assert reason.startswith(what)
            began = time.monotonic()
            with pytest.raises(GatewayTrouble) as trouble:
                await silent.history(MAIN) if mute != "sessions.list" else await silent.sessions()
            assert time.monotonic() - began < 5  # far below what waiting without a bound would be
            assert trouble.value.state is GatewayState.SILENT
            assert other.state is GatewayState.CONNECTED
            assert len(gateways.sessions) == 3
            if mute == "sessions.list":  # it begins to answer on the same connection, or on the next one
                double.mute = frozenset()
                await stands(silent, GatewayState.CONNECTED)
        await double.stop()


async def test_a_connection_on_which_nothing_comes_any_more_is_made_anew(tmp_path: Path, short: None) -> None:
    async with doubled() as double, watched(tmp_path, double.settings()) as gateways:
        [gateway] = gateways.each
        await stands(gateway, GatewayState.CONNECTED)
        double.mute = frozenset(("sessions.list",))
        await until(lambda: double.connections >= 2)
        double.mute = frozenset()
        await stands(gateway, GatewayState.CONNECTED)


async def test_a_call_is_told_that_the_connection_was_closed_meanwhile(tmp_path: Path) -> None:
    closing = {"chat.history": (1011, "oops")}
    async with doubled(close_on=closing) as double, watched(tmp_path, double.settings()) as gateways:
        [gateway] = gateways.each
        await stands(gateway, GatewayState.CONNECTED)
        with pytest.raises(GatewayTrouble) as trouble:
            await gateway.history(MAIN)
        assert str(trouble.value) == "closed the connection: oops (1011)"
        await stands(gateway, GatewayState.CONNECTED)


async def test_an_unknown_host(tmp_path: Path) -> None:
    settings = GatewaySettings(name="nowhere", url="ws://no-such-host.invalid:1")
    async with watched(tmp_path, settings) as gateways:
        assert "is not a known host" in await stands(gateways.each[0], GatewayState.UNREACHABLE)


async def test_escapes_in_names_go_no_further(tmp_path: Path) -> None:
    hostile = [
        {"key": "\x1b]0;x\x07k", "label": "\x1b[2Ja\u202eb", "channel": "c\n\rd", "model": "\ud83d",
         "updatedAt": 1e308},
        {"key": "k" * 10_000, "label": "l" * 10_000}, None, 7, "text", {"no": "key"}, {"key": 7}, {"key": "\x1b[2J"},
    ]  # fmt: skip
    async with doubled(sessions=hostile) as double, watched(tmp_path, double.settings()) as gateways:
        await stands(gateways.each[0], GatewayState.CONNECTED)
        for row in gateways.sessions.values():
            for text in (row.key, row.label, row.channel, row.model, row.agent):
                assert "\x1b" not in text
                assert text.isprintable()
                assert len(text) <= 320
        # by its row the gateway is asked with the name that it gave
        chat = await gateways.each[0].chat("main/k", 10)
        assert chat.messages
        assert double.calls("chat.history")[-1]["params"] == {"sessionKey": "\x1b]0;x\x07k", "limit": 10}


async def test_the_token_is_in_no_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with doubled() as double, watched(tmp_path, double.settings()) as gateways:
        await stands(gateways.each[0], GatewayState.CONNECTED)
        await double.stop()
        await stands(gateways.each[0], GatewayState.REFUSED)
    mine = [record.getMessage() for record in caplog.records if not record.name.startswith("websockets.server")]
    assert any("connection refused" in message for message in mine)
    assert not any("s3cret" in message for message in mine)
    assert "s3cret" not in repr((gateways.components, gateways.each[0].link.settings))


async def test_ten_of_them_are_met_at_once(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        async with doubled() as double:
            port = deaf.getsockname()[1]
            dead = [GatewaySettings(name=f"dead{n}", url=f"ws://127.0.0.1:{port}", token=Secret("")) for n in range(9)]
            async with watched(tmp_path, *dead, double.settings()) as gateways:
                await stands(gateways.each[-1], GatewayState.CONNECTED)
                assert {each.state for each in gateways.each[:-1]} == {GatewayState.CONNECTING}
