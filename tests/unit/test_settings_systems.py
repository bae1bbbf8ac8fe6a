"""Other systems in the configuration: read whole, refused by name, and no secret of theirs shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.settings import Secret, Settings, SettingsError, load
from app.settings.handover import pack, unpack
from app.settings.loading import shown


def loaded(folder: Path, text: str) -> Settings:
    file = folder / "watchdeck.toml"
    file.write_text(text)
    return load({"config": str(file)}, {"HOME": str(folder)})


def test_every_kind_is_read_with_its_defaults(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("s3cret\n")
    (tmp_path / "token").chmod(0o600)
    settings = loaded(
        tmp_path,
        """
        [osapi]
        url = "https://osapi.example:8080/"
        token_file = "token"
        [http]
        cors_origins = ["https://deck.example"]
        [[gateways]]
        url = "wss://gw.example:18789/ws"
        token_file = "token"
        disable_device_pairing = true
        [[probes]]
        name = "mission control"
        url = "http://127.0.0.1:8000/readyz"
        interval = "30s"
        expect = 200
        [[probes]]
        name = "its database"
        url = "postgresql://ana:pa%20ss@db.example/mission?sslmode=require"
        query = "SELECT name, status FROM agents"
        [[units]]
        unit = "mission-control-backend"
        """,
    )
    assert (settings.osapi.url, settings.osapi.token.reveal()) == ("https://osapi.example:8080", "s3cret")
    (gateway,) = settings.gateways
    assert (gateway.name, gateway.token.reveal(), gateway.disable_device_pairing) == ("gw.example", "s3cret", True)
    http, database = settings.probes
    assert (http.interval, http.timeout, http.expect) == (30.0, 5.0, "200")
    assert (database.url, database.user, database.password.reveal()) == (
        "postgresql://db.example/mission?sslmode=require",
        "ana",
        "pa ss",
    )
    (unit,) = settings.units
    assert (unit.name, unit.unit, unit.scope) == ("mission-control-backend", "mission-control-backend.service", "user")
    assert settings.http.cors_origins == ("https://deck.example",)
    assert settings.warnings == ()
    assert unpack(pack(settings)) == settings
    told = {key: value for key, value, _ in shown(settings)}
    assert told["probes.its database.user"] == "ana"
    assert told["gateways.gw.example.token"] == "(set)"
    assert not any("s3cret" in value or "pa ss" in value for value in told.values())
    assert "pa ss" not in repr(settings)


def test_a_secret_that_others_can_read_is_warned_of(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("s3cret\n")
    (tmp_path / "token").chmod(0o644)
    settings = loaded(tmp_path, '[[gateways]]\nurl = "ws://gw"\ntoken_file = "token"\n')
    assert any("chmod 600" in warning for warning in settings.warnings)
    assert settings.gateways[0].token == Secret("s3cret")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('gateways = "ws://gw"', "gateways are written as [[gateways]], one table each"),
        ("[[gateways]]\nname = 'a'", "[[gateways]] 1: url is missing"),
        ("[[gateways]]\nurl = 'http://gw'", "http:// is not supported, use ws://, wss://"),
        ("[[gateways]]\nurl = 'ws://gw/?token=x'", "a secret is not written here: name a file with token_file"),
        ("[[gateways]]\nurl = 'ws://gw'\ntoken = 'x'", "name a file with token_file"),
        ("[[gateways]]\nurl = 'ws://gw'\n[[gateways]]\nurl = 'ws://gw'", "there are two named gw"),
        ("[[gateways]]\nurl = 'ws://gw'\nname = 'a/b'", "printable characters, without /"),
        ("[[gateways]]\nurl = 'ws://gw'\nname = '\\u001b[31m'", "printable characters, without /"),
        ("[[probes]]\nurl = 'postgresql://db/x'", "postgresql:// needs a query"),
        ("[[probes]]\nurl = 'http://x'\nquery = 'SELECT 1'", "query is for postgresql://"),
        ("[[probes]]\nurl = 'http://x'\ninterval = '2h'", "interval must be a duration of 1s to 1h"),
        ("[[probes]]\nurl = 'http://x'\ntimout = '2s'", "no setting timout, the nearest is timeout"),
        ("[[units]]\nunit = '--now'", "unit must be the name of a systemd unit"),
        ("[[units]]\nunit = 'a b'", "unit must be the name of a systemd unit"),
        ("[[units]]\nunit = 'a'\nscope = 'global'", "scope must be user or system"),
        ("[osapi]\nurl = 'https://me:pw@osapi'", "a secret is not written here: name a file with token_file"),
    ],
)
def test_what_cannot_be_used_is_named_in_one_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(SettingsError) as caught:
        loaded(tmp_path, text.replace("'\\u001b[31m'", '"\\u001b[31m"'))
    assert sentence in str(caught.value)
    assert "pw" not in str(caught.value).replace("printable", "")
