"""How soon the deck paints, beside an empty Textual app in the same run, and how soon there are facts in it."""

from __future__ import annotations

import os
import select
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest
from ptyprocess import PtyProcess

from tests.nats_server import NatsServer

pytestmark = pytest.mark.bench

EMPTY = """
from textual.app import App
from textual.widgets import Static
class Empty(App):
    def compose(self):
        yield Static("EMPTY-APP-PAINTED")
Empty().run()
"""
RUNS = 7


def seconds_to(marker: bytes, argv: list[str], env: dict[str, str]) -> float:
    """From the start of the process to the first byte that completes `marker` on the terminal."""
    began = time.perf_counter()
    process = PtyProcess.spawn(argv, dimensions=(24, 80), env=env)
    seen = b""
    try:
        while marker not in seen:
            ready, _, _ = select.select([process.fd], [], [], 20)
            assert ready, f"nothing painted: {seen[-300:]!r}"
            seen += os.read(process.fd, 65536)
        return time.perf_counter() - began
    finally:
        process.terminate(force=True)


def test_first_frame_beside_an_empty_app(tmp_path: Path) -> None:
    env = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    env |= {
        "TERM": "xterm-256color",
        "LANG": "C.UTF-8",
        "NATS_URL": "nats://127.0.0.1:1",
        "XDG_RUNTIME_DIR": str(tmp_path),
    }
    deck = [str(Path(sys.executable).with_name("watchdeck")), "--state-dir", str(tmp_path / "state")]
    empty, ours = [], []
    for _ in range(RUNS):
        empty.append(seconds_to(b"EMPTY-APP-PAINTED", [sys.executable, "-c", EMPTY], env))
        ours.append(seconds_to(b"STARTING", deck, env))
    ratio = statistics.median(ours) / statistics.median(empty)
    print(f"\nfirst frame: deck {statistics.median(ours):.3f} s, empty Textual app {statistics.median(empty):.3f} s")
    print(f"             ratio {ratio:.2f} (bound 1.5)")


def test_first_facts_with_and_without_a_running_worker(tmp_path: Path) -> None:
    env = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    env |= {"TERM": "xterm-256color", "LANG": "C.UTF-8", "XDG_RUNTIME_DIR": str(tmp_path)}
    with NatsServer(tmp_path / "nats") as server:
        command = [str(Path(sys.executable).with_name("watchdeck")), "--nats-url", server.url]
        started, running, frames = [], [], []
        for number in range(RUNS):
            deck = [*command, "--state-dir", str(tmp_path / f"state{number}")]
            frames.append(seconds_to(b"STARTING", deck, env))
            started.append(seconds_to(b"No streams yet", deck, env))
        state = ["--state-dir", str(tmp_path / "state"), "--log-level", "error"]
        worker = subprocess.Popen([*command, *state, "worker", "--listen", "127.0.0.1:0"], env=env)
        try:
            seconds_to(b"No streams yet", [*command, *state], env)
            running = [seconds_to(b"No streams yet", [*command, *state], env) for _ in range(RUNS)]
        finally:
            worker.terminate()
            worker.wait(15)
    frame = statistics.median(frames)
    print(f"\nfirst facts after the first frame: {statistics.median(running) - frame:.2f} s with a worker (bound 0.5),")
    print(f"             {statistics.median(started) - frame:.2f} s with one to be started (bound 2.5)")
