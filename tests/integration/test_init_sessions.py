"""`watchdeck init sessions` on a real server: shown, asked for, made once, and nobody's stream taken."""

from __future__ import annotations

import asyncio
import io
import json
import os
from collections.abc import Iterator
from typing import Any

import nats
import pytest

from app.cli.run import run
from tests.nats_server import NatsServer


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    with NatsServer(tmp_path_factory.mktemp("init")) as running:
        yield running


@pytest.fixture(autouse=True)
def _home(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith(("NATS_", "WATCHDECK_", "XDG_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))


def _api(server: NatsServer, subject: str, **body: object) -> dict[str, Any]:
    async def ask() -> dict[str, Any]:
        nc = await nats.connect(server.url)
        try:
            reply = await nc.request(f"$JS.API.{subject}", json.dumps(body).encode() if body else b"", timeout=5)
        finally:
            await nc.close()
        found: dict[str, Any] = json.loads(reply.data)
        return found

    return asyncio.run(ask())


def test_it_is_shown_then_made_with_consent_and_found_the_next_time(
    shared: NatsServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ["init", "sessions", "--nats-url", shared.url, "--namespace", "one"]
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert run(command) == 2
    said = capsys.readouterr()
    assert json.loads(said.out)["subjects"] == ["one.sessions.>"]
    assert "say --yes" in said.err
    assert "error" in _api(shared, "STREAM.INFO.one-SESSIONS")

    assert run([*command, "--yes"]) == 0
    assert "created one-SESSIONS" in capsys.readouterr().out
    config = _api(shared, "STREAM.INFO.one-SESSIONS")["config"]
    assert (config["storage"], config["retention"], config["subjects"]) == ("file", "limits", ["one.sessions.>"])
    assert config["max_age"] == 7 * 86_400 * 10**9
    assert config["metadata"]["watchdeck.sessions"] == "1"

    assert run(command) == 0
    assert capsys.readouterr().out == (
        "the stream one-SESSIONS is there already and takes session events on one.sessions.>\n"
    )


@pytest.mark.parametrize(("answer", "code", "made"), [("n\n", 1, False), ("\n", 1, False), ("y\n", 0, True)])
def test_on_a_terminal_it_asks(
    shared: NatsServer, monkeypatch: pytest.MonkeyPatch, answer: str, code: int, made: bool
) -> None:
    class Terminal:
        def isatty(self) -> bool:
            return True

        def readline(self) -> str:
            return answer

    monkeypatch.setattr("sys.stdin", Terminal())
    name = f"ask{code}{len(answer)}"
    assert run(["init", "sessions", "--nats-url", shared.url, "--namespace", name]) == code
    assert ("error" not in _api(shared, f"STREAM.INFO.{name}-SESSIONS")) is made


def test_a_stream_of_that_name_that_is_somebody_elses_is_left_as_it_is(
    shared: NatsServer, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, retention in (("two", "workqueue"), ("three", "limits")):
        config = {"name": f"{name}-SESSIONS", "subjects": [f"{name}.sessions.>"], "retention": retention}
        assert "error" not in _api(shared, f"STREAM.CREATE.{name}-SESSIONS", **config)
    assert run(["init", "sessions", "--yes", "--nats-url", shared.url, "--namespace", "two"]) == 1
    assert "workqueue retention: a second reader would take other people's messages" in capsys.readouterr().err
    assert run(["init", "sessions", "--yes", "--nats-url", shared.url, "--namespace", "three"]) == 1
    said = capsys.readouterr()
    assert "not marked as a stream of session events" in said.err
    assert said.err.count("\n") == 1
    assert not (_api(shared, "STREAM.INFO.three-SESSIONS")["config"].get("metadata") or {}).get("watchdeck.sessions")


def test_a_subject_that_is_taken_is_one_sentence(shared: NatsServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert "error" not in _api(shared, "STREAM.CREATE.TAKEN", name="TAKEN", subjects=["four.sessions.>"])
    assert run(["init", "sessions", "--yes", "--nats-url", shared.url, "--namespace", "four"]) == 1
    assert "another stream takes four.sessions.> already" in capsys.readouterr().err
