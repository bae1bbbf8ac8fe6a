"""What a gateway is told and how its words are read: versions, identity, signature, addresses, frames, refusals."""

from __future__ import annotations

import json
import stat
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.signing import SigningKey

from app.model.gateways import GatewayState
from app.settings.fields import GatewaySettings, Secret
from app.sources import gatewayversions as versions
from app.sources.gatewaydial import origin, shown, target
from app.sources.gatewayframes import Event, Garbled, Response, explained, read, request
from app.sources.gatewayidentity import Identity, load_identity, signed_text
from app.sources.gatewayline import introduction
from tests.gateway_double import decoded, signed

NOW = 1_790_000_000_000


@pytest.mark.parametrize(
    ("version", "parts"),
    [
        ("2026.2.9", (2026, 2, 9, 0)), ("v2026.02.09", (2026, 2, 9, 0)), ("V2026.12.31-4", (2026, 12, 31, 4)),
        (" 2026.1.30 ", (2026, 1, 30, 0)), ("2026.0.1", None), ("2026.13.1", None), ("2026.1.32", None),
        ("2026.1.0", None), ("2026.1", None), ("2026.1.1-beta", None), ("2026.1.1-", None), ("26.1.1", None),
        ("dev", None), ("", None), ("２０２６.1.1", None), ("2026.1.1\n2", None),
    ],
)  # fmt: skip
def test_versions_are_dates(version: str, parts: versions.Parts | None) -> None:
    assert versions.parts(version) == parts


@pytest.mark.parametrize(
    ("version", "sentence"),
    [
        ("2026.2.9", ""), ("2026.02.9-1", ""), ("2026.3.1", ""), ("2027.1.1", ""),
        ("2026.2.8-9", "version 2026.2.8-9 is too old: 2026.02.9 or later is needed"),
        ("", "does not tell its version: 2026.02.9 or later is needed"),
        ("  ", "does not tell its version: 2026.02.9 or later is needed"),
        ("1.0", "version '1.0' is not of the form YYYY.M.D: 2026.02.9 or later is needed"),
    ],
)  # fmt: skip
def test_what_is_too_old_or_unknown_is_said(version: str, sentence: str) -> None:
    assert versions.refusal(version) == sentence


@given(st.tuples(*[st.integers(1, 12)] * 4), st.tuples(*[st.integers(1, 12)] * 4))
def test_versions_are_compared_by_number(one: tuple[int, ...], other: tuple[int, ...]) -> None:
    def text(parts: tuple[int, ...]) -> str:
        return f"20{10 + parts[0]}.{parts[1]}.{parts[2]}-{parts[3]}"

    assert (versions.refusal(text(one), text(other)) == "") == (one >= other)


def test_a_minimum_that_is_none_is_a_defect_of_ours() -> None:
    with pytest.raises(ValueError, match="no version"):
        versions.refusal("2026.2.9", "soon")


def test_the_identity_is_kept_for_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "device.json"
    identity = load_identity(file, NOW)
    kept = json.loads(file.read_text())
    assert kept == {
        "version": 1, "deviceId": identity.id, "publicKeyPem": kept["publicKeyPem"],
        "privateKeyPem": kept["privateKeyPem"], "createdAtMs": NOW,
    }  # fmt: skip
    assert kept["privateKeyPem"].startswith("-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEI")
    assert kept["publicKeyPem"].startswith("-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA")
    assert len(identity.id) == 64
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.chmod(0o644)
    before = file.read_bytes()
    assert load_identity(file, NOW + 1).id == identity.id
    assert file.read_bytes() == before
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "PRIVATE" not in repr(identity)


def test_a_wrong_id_is_put_right(tmp_path: Path) -> None:
    file = tmp_path / "device.json"
    identity = load_identity(file, NOW)
    kept = json.loads(file.read_text())
    file.write_text(json.dumps({**kept, "deviceId": "another"}))
    assert load_identity(file, NOW + 5).id == identity.id
    assert json.loads(file.read_text()) == kept


@pytest.mark.parametrize(
    "damage",
    [
        {"version": 2}, {"privateKeyPem": ""}, {"privateKeyPem": None}, {"publicKeyPem": 7},
        {"privateKeyPem": "-----BEGIN PRIVATE KEY-----\nMC4CAQAw\n-----END PRIVATE KEY-----\n"},
        {"privateKeyPem": "-----BEGIN PRIVATE KEY-----\n§§\n-----END PRIVATE KEY-----\n"},
        {"publicKeyPem": "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA" + "A" * 43 + "=\n-----END PUBLIC KEY-----\n"},
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_made_anew(tmp_path: Path, damage: dict[str, Any]) -> None:
    file = tmp_path / "device.json"
    identity = load_identity(file, NOW)
    file.write_text(json.dumps({**json.loads(file.read_text()), **damage}))
    fresh = load_identity(file, NOW + 5)
    assert fresh.id != identity.id
    assert load_identity(file, NOW + 6).id == fresh.id
    assert json.loads(file.read_text())["createdAtMs"] == NOW + 5


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "[" * 100_000, "\x00\xff"])
def test_a_file_that_is_no_identity_is_replaced(tmp_path: Path, text: str) -> None:
    file = tmp_path / "device.json"
    file.write_bytes(text.encode("latin-1"))
    identity = load_identity(file, NOW)
    assert load_identity(file, NOW).id == identity.id
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    file, elsewhere = tmp_path / "device.json", tmp_path / "elsewhere"
    elsewhere.write_text("theirs")
    file.symlink_to(elsewhere)
    load_identity(file, NOW)
    assert elsewhere.read_text() == "theirs"
    assert not file.is_symlink()


def test_where_nothing_can_be_written_the_identity_lasts_a_while(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert len(load_identity(tmp_path / "no" / "device.json", NOW).id) == 64
    assert "cannot keep the device identity" in caplog.text


def test_the_signed_text_with_and_without_a_nonce() -> None:
    identity = Identity(SigningKey(bytes(range(32))))
    given_: dict[str, Any] = {
        "client": "gateway-client", "mode": "backend", "role": "operator", "scopes": ("a", "b"), "at": NOW,
        "token": "t",
    }  # fmt: skip
    head = f"|{identity.id}|gateway-client|backend|operator|a,b|{NOW}|t"
    assert signed_text(identity, nonce="n", **given_) == f"v2{head}|n"
    assert signed_text(identity, nonce="", **given_) == f"v1{head}"
    assert identity.id == "56475aa75463474c0285df5dbf2bcab73da651358839e9b77481b2eab107708c"
    key = identity.key.verify_key
    key.verify(b"words", decoded(identity.sign("words")))


@given(st.text(max_size=50), st.text(max_size=50).filter(lambda text: "\ud800" not in text))
def test_every_introduction_is_signed(nonce: str, token: str) -> None:
    identity = Identity(SigningKey(bytes(32)))
    settings = GatewaySettings(name="a", url="ws://a", token=Secret(token))
    told = introduction(settings, lambda: identity, nonce, NOW)
    assert signed(told, nonce)
    assert not signed(told, nonce + "x")
    assert ("auth" in told) == bool(token)


def test_an_introduction_as_a_control_ui_needs_no_identity() -> None:
    def none() -> Identity:
        raise AssertionError

    told = introduction(GatewaySettings(name="a", url="ws://a", disable_device_pairing=True), none, "n", NOW)
    assert "device" not in told
    assert "auth" not in told


@pytest.mark.parametrize(
    ("url", "token", "dialled", "told", "page"),
    [
        ("ws://gw:18789", "", "ws://gw:18789/", "ws://gw:18789", "http://gw:18789"),
        ("wss://gw/ws?a=b#c", "t k&/", "wss://gw/ws?token=t%20k%26%2F", "wss://gw/ws", "https://gw"),
        ("wss://gw/ws?a=b", "", "wss://gw/ws?a=b", "wss://gw/ws", "https://gw"),
        ("ws://u:p@[::1]:1/x", "", "ws://u:p@[::1]:1/x", "ws://[::1]:1/x", "http://[::1]:1"),
    ],
)
def test_addresses(url: str, token: str, dialled: str, told: str, page: str) -> None:
    assert target(GatewaySettings(name="a", url=url, token=Secret(token))) == dialled
    assert shown(url) == told
    assert origin(url) == page


@pytest.mark.parametrize(
    ("frame", "answer"),
    [
        ('{"type":"res","id":"1","ok":true,"payload":{"a":1}}', Response("1", {"a": 1})),
        ('{"type":"res","id":"1","payload":[2]}', Response("1", [2])),
        ('{"type":"res","id":"1"}', Response("1", None)),
        ('{"type":"res","id":"1","ok":false,"error":{"message":" no\\u001b[2J "}}', Response("1", error="no")),
        ('{"type":"res","id":"1","ok":false}', Response("1", error="")),
        ('{"type":"res","id":"1","ok":null,"error":{}}', Response("1", error="")),
        ('{"type":"res","id":"1","ok":0,"error":"plain"}', Response("1", error="plain")),
        ('{"id":"1","result":{"a":1}}', Response("1", {"a": 1})),
        ('{"id":"1","error":{"message":"old"}}', Response("1", error="old")),
        ('{"id":"1","error":null,"result":3}', Response("1", 3)),
        ('{"id":"1","result":{"label":"\\ud83d"}}', Response("1", {"label": "\ud83d"})),
        ('{"type":"event","event":"tick","id":"1","payload":4}', Event("tick", 4)),
        ('{"type":"event","event":7}', None),
        ('{"type":"req","id":"1"}', None),
        ('{"type":"res","id":1}', None),
        ("{}", None),
    ],
)
def test_frames_new_and_old(frame: str, answer: Response | Event | None) -> None:
    assert read(frame) == answer
    assert read(frame.encode()) == answer


@pytest.mark.parametrize("frame", ["", "x", "1", "null", "[]", '"a"', "{", b"\xff", "[" * 100_000, "{}{}"])
def test_what_is_no_frame(frame: str | bytes) -> None:
    with pytest.raises(Garbled, match="sent "):
        read(frame)


@given(st.binary(max_size=200))
def test_whatever_comes_is_read_or_told(data: bytes) -> None:
    with suppress(Garbled):
        assert isinstance(read(data), Response | Event | None)


def test_a_request() -> None:
    assert json.loads(request("1", "chat.history", {"sessionKey": "a/b"})) == {
        "type": "req", "id": "1", "method": "chat.history", "params": {"sessionKey": "a/b"},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("error", "state", "words"),
    [
        ("", GatewayState.UNAUTHORIZED, "authentication failed"),
        ("Unauthorized", GatewayState.UNAUTHORIZED, "authentication failed"),
        ("FORBIDDEN here", GatewayState.UNAUTHORIZED, "authentication failed"),
        ("missing scope: operator.read", GatewayState.UNAUTHORIZED, "the token lacks the scope operator.read"),
        ("pairing required", GatewayState.UNAUTHORIZED, "wants this device to be paired"),
        ("boom", GatewayState.FAILING, "boom"),
        ("bad s3cret", GatewayState.FAILING, "bad …"),
    ],
)
def test_refusals_in_words(error: str, state: GatewayState, words: str) -> None:
    refusal = explained(error, "s3cret")
    assert refusal.state is state
    assert str(refusal).startswith(words)
    assert "s3cret" not in refusal.told
    assert (refusal.again().state, str(refusal.again()), refusal.again().told) == (state, str(refusal), refusal.told)
