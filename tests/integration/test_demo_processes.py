"""Whatever ends the demo, and however: no process and no folder stays."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from app.demo.run import Demo
from app.demo.server import EmbeddedServer

SOON = 15.0
STARTER = """
import json, sys, time
from app.demo.run import Demo
demo = Demo(agents=3)
demo.start()
print(json.dumps([demo.server.pid, demo.server.guardian_pid, demo.fleet_pid]), flush=True)
time.sleep(600)
"""


@pytest.fixture(autouse=True)
def _own_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)


@pytest.fixture
def starter() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-P", "-c", STARTER], stdout=subprocess.PIPE)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def _pids(process: subprocess.Popen[bytes]) -> list[int]:
    assert process.stdout is not None
    found: list[int] = json.loads(process.stdout.readline())
    return found


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _until(true: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + SOON
    while not true():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def _nothing_left(pids: list[int], folder: Path) -> None:
    _until(lambda: not any(_runs(pid) for pid in pids), f"still running: {[pid for pid in pids if _runs(pid)]}")
    _until(lambda: not list(folder.glob("watchdeck-demo-*")), "a folder stays")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_nothing_is_left_when_the_starter_ends_by_a_signal(
    starter: subprocess.Popen[bytes], tmp_path: Path, number: signal.Signals
) -> None:
    pids = _pids(starter)
    assert all(_runs(pid) for pid in pids)
    assert len(list(tmp_path.glob("watchdeck-demo-*"))) == 1
    starter.send_signal(number)
    _nothing_left([starter.pid, *pids], tmp_path)


def test_nothing_is_left_when_the_starter_is_killed_while_it_starts(
    starter: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    _until(lambda: bool(list(tmp_path.glob("watchdeck-demo-*"))), "it never began")
    children = [child.pid for child in psutil.Process(starter.pid).children(recursive=True)]
    starter.kill()
    _nothing_left([starter.pid, *children], tmp_path)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_guardian_that_is_asked_to_end_takes_everything_along(tmp_path: Path, number: signal.Signals) -> None:
    with EmbeddedServer() as server:
        os.kill(server.guardian_pid, number)
        _nothing_left([server.pid], tmp_path)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the kernel ties the server to its guardian on Linux")
def test_a_guardian_that_is_killed_takes_the_server_along_and_the_starter_tidies_up(tmp_path: Path) -> None:
    server = EmbeddedServer()
    server.start()
    os.kill(server.guardian_pid, signal.SIGKILL)
    _until(lambda: not _runs(server.pid), "the server outlives its guardian")
    server.stop()
    assert not list(tmp_path.glob("watchdeck-demo-*"))


def test_what_a_killed_guardian_and_starter_left_is_removed_by_the_next_demo(tmp_path: Path) -> None:
    left = tmp_path / "watchdeck-demo-left"
    (left / "jetstream").mkdir(parents=True)
    (left / "lock").touch()
    foreign = tmp_path / "watchdeck-demo-foreign"
    foreign.mkdir()  # without a lock it is not known to be ours
    with EmbeddedServer() as one, EmbeddedServer() as other:
        assert not left.exists()
        assert one.root.is_dir(), "a folder that is looked after is left alone"
        assert other.root.is_dir()
        assert one.url != other.url
    assert list(tmp_path.iterdir()) == [foreign]


def test_folders_are_for_the_owner_alone() -> None:
    with EmbeddedServer() as server:
        assert server.url.startswith("nats://127.0.0.1:")
        for folder in (server.root, server.state_dir, server.root / "jetstream"):
            assert folder.stat().st_mode & 0o777 == 0o700


def test_a_killed_server_and_a_killed_fleet_do_not_stop_the_demo_from_tidying_up(tmp_path: Path) -> None:
    demo = Demo(agents=2)
    demo.start()
    assert demo.server is not None
    pids = [demo.server.pid, demo.server.guardian_pid, demo.fleet_pid]
    assert demo.fleet_alive
    os.kill(demo.server.pid, signal.SIGKILL)
    os.kill(demo.fleet_pid, signal.SIGKILL)
    _until(lambda: not demo.fleet_alive, "the fleet is alive")
    assert demo.state_dir.is_dir(), "the worker's folder stays while the demo lasts"
    demo.stop()
    demo.stop()
    _nothing_left(pids, tmp_path)
