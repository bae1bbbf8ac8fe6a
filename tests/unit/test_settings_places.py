"""Profiles, fingerprints, state folders and sockets."""

from __future__ import annotations

import base64
import json
import os
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from app.settings import NatsSettings, Secret, Settings, SettingsError, load
from app.settings.places import SOCKET_PATH_BYTES, private_dir, socket_path, state_dir
from app.settings.profiles import differences, fingerprint, profile_name, safe_name
from app.settings.scrub import scrub


def test_the_profile_is_the_context_or_a_hash_of_servers_and_namespace(tmp_path: Path) -> None:
    env = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    folder = tmp_path / "nats" / "context"
    folder.mkdir(parents=True)
    (folder / "prod.json").write_text('{"url": "nats://prod:4222"}')
    by_context = load({"context": "prod"}, env)
    assert by_context.profile == "prod"
    other_server = load({"context": "prod", "nats_url": "nats://other"}, env)
    assert other_server.profile != "prod"
    plain, swapped = load({"nats_url": "a,b"}, env), load({"nats_url": "b,a"}, env)
    assert plain.profile == swapped.profile
    assert load({"nats_url": "a,b", "namespace": "osapi"}, env).profile != plain.profile
    assert load({"profile": "mine"}, env).profile == "mine"
    assert by_context.state_dir.name == "prod"


def test_no_secret_makes_the_profile() -> None:
    one = Settings(nats=NatsSettings(url="nats://h:4222", password=Secret("a")))
    two = Settings(nats=NatsSettings(url="nats://h:4222", password=Secret("b")))
    assert profile_name(one) == profile_name(two)


@pytest.mark.parametrize("name", ["../up", "a/b", ".hidden", "x" * 300, "übung", "a b"])
def test_any_name_becomes_one_folder(name: str) -> None:
    safe = safe_name(name)
    assert "/" not in safe
    assert not safe.startswith(".")
    assert len(safe) <= 64
    assert safe != safe_name(name + "x")


def test_a_service_keeps_its_files_where_systemd_says() -> None:
    env = {"STATE_DIRECTORY": "/var/lib/watchdeck", "RUNTIME_DIRECTORY": "/run/watchdeck"}
    assert state_dir("prod", env) == Path("/var/lib/watchdeck")
    assert socket_path(Path("/var/lib/watchdeck"), env) == Path("/run/watchdeck/worker.sock")


def test_each_state_folder_has_a_socket_of_its_own(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="wd-") as short:
        env = {"XDG_RUNTIME_DIR": short}
        one, two = socket_path(tmp_path / "a", env), socket_path(tmp_path / "b", env)
        assert one != two
        assert one.parent == Path(short) / "watchdeck"


def test_a_long_path_goes_to_a_short_private_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep, own = tmp_path / ("d" * 100), f"watchdeck-{os.getuid()}"
    deep.mkdir()
    for temporary, expected in (("/var/t", Path("/var/t") / own), (str(deep), Path("/tmp") / own)):
        monkeypatch.setattr(tempfile, "tempdir", temporary)
        path = socket_path(deep, {"XDG_RUNTIME_DIR": str(deep)})
        assert len(os.fsencode(path)) <= SOCKET_PATH_BYTES
        assert path.parent == expected


def test_private_folders_are_made_and_others_must_not_write_there(tmp_path: Path) -> None:
    folder = tmp_path / "one" / "two"
    private_dir(folder)
    assert folder.stat().st_mode & 0o777 == 0o700
    folder.chmod(0o755)  # somebody's choice, and nobody else can write there
    private_dir(folder)
    assert folder.stat().st_mode & 0o777 == 0o755
    folder.chmod(0o770)
    with pytest.raises(SettingsError, match="others can write to the folder"):
        private_dir(folder)
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="cannot make the folder"):
        private_dir(tmp_path / "file" / "below")


@pytest.mark.skipif(os.getuid() != 0, reason="needs a folder of another user")
def test_a_folder_of_another_user_is_refused(tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    os.chown(theirs, 12345, 12345)
    with pytest.raises(SettingsError, match="belongs to another user"):
        private_dir(theirs)


def jwt(**claims: object) -> str:
    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    return f"{part({'alg': 'ed25519-nkey'})}.{part(claims)}.c2ln"


def test_the_fingerprint_names_user_and_account_of_creds_and_no_secret(tmp_path: Path) -> None:
    creds = tmp_path / "prod.creds"
    token = jwt(sub="UDXU", iss="ASIGN", nats={"issuer_account": "ORDERS"})
    creds.write_text(
        f"-----BEGIN NATS USER JWT-----\n{token}\n------END NATS USER JWT------\n\n"
        "-----BEGIN USER NKEY SEED-----\nSUAMK2FG4MI6UE3ACF3FK3OIQBCEIEZV7NSWFFEW63UXMRLFM2XLAXK4GY\n"
    )
    mark = fingerprint(Settings(nats=NatsSettings(url="nats://b:1,nats://a:1", creds=str(creds))))
    assert (mark["user"], mark["account"]) == ("UDXU", "ORDERS")
    assert mark["servers"] == ["nats://a:1", "nats://b:1"]
    assert "SUAM" not in json.dumps(mark)
    assert token not in json.dumps(mark)


@pytest.mark.parametrize("broken", ["", "no creds", "-----BEGIN NATS USER JWT-----\na.!!!.c\n-"])
def test_broken_creds_have_no_name(tmp_path: Path, broken: str) -> None:
    creds = tmp_path / "x.creds"
    creds.write_text(broken)
    assert fingerprint(Settings(nats=NatsSettings(creds=str(creds))))["account"] == ""


def test_only_what_was_given_is_compared() -> None:
    theirs = fingerprint(Settings(namespace="osapi", nats=NatsSettings(url="nats://prod:4222")))
    assert differences(Settings(), theirs) == []
    mine = Settings(
        namespace="demo",
        nats=NatsSettings(url="nats://dev:4222"),
        origins={"nats.url": "--nats-url", "namespace": "--namespace"},
    )
    assert differences(mine, theirs) == [
        "servers nats://dev:4222 here, nats://prod:4222 there",
        "namespace demo here, osapi there",
    ]
    assert differences(replace(mine, origins={"namespace": "file"}), theirs) == ["namespace demo here, osapi there"]


@pytest.mark.parametrize("theirs", [{}, {"names": 3}, {"servers": None, "names": {"registry": ["\x1b]52;c;x\x07"]}}])
def test_a_strange_fingerprint_differs_and_breaks_nothing(theirs: dict[str, object]) -> None:
    mine = Settings(origins={"nats.url": "NATS_URL", "names.registry": "file", "nats.user": "NATS_USER"})
    said = "".join(differences(mine, theirs))
    assert "servers" in said
    assert "\x1b" not in said


SECRETS = [
    "connect to nats://ops:hunter2@prod:4222 failed",
    "tls://hunter2@prod",
    "Authorization: Bearer hunter2",
    "password=hunter2, user=ops",
    "{'password': 'hunter2'}",
    '"token": "hunter2"',
    "-----BEGIN USER NKEY SEED-----\nhunter2\n------END USER NKEY SEED------",
]


@pytest.mark.parametrize("text", SECRETS)
def test_secrets_are_scrubbed(text: str) -> None:
    scrubbed = scrub(text)
    assert "hunter2" not in scrubbed
    assert scrub(scrubbed) == scrubbed


def test_seeds_and_tokens_are_scrubbed_and_other_text_is_not() -> None:
    seed = "SUAMK2FG4MI6UE3ACF3FK3OIQBCEIEZV7NSWFFEW63UXMRLFM2XLAXK4GY"
    assert seed not in scrub(f"nkey {seed} refused")
    assert "eyJ" not in scrub(f"jwt was {jwt(sub='U')}")
    plain = "consumer ORDERS/billing: no ack for 4m12s, ack pending 1000/1000 at nats://prod:4222"
    assert scrub(plain) == plain
