"""The command in a real terminal: it opens, ends whatever way, and leaves the terminal in order."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from tests.terminal.terminal import Terminal

LEFT_ALTERNATE_SCREEN = b"\x1b[?1049l"
DECK = [sys.executable, "-P", "-m", "app.cli"]


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "run").mkdir(mode=0o700)
    return {
        "HOME": str(tmp_path),
        "XDG_RUNTIME_DIR": str(tmp_path / "run"),
        "WATCHDECK_STATE_DIR": str(tmp_path / "state"),
        "NATS_URL": "nats://127.0.0.1:1",  # nobody is there, and nobody is needed
    }


def ended(terminal: Terminal, patience: float = 20.0) -> int | None:
    """Waits for the end of the program; its exit code."""
    deadline = time.monotonic() + patience
    while terminal._process.isalive():
        assert time.monotonic() < deadline, "it did not end"
        terminal.read(0.05)
    terminal.read(0.2)
    code: int | None = terminal._process.exitstatus
    return code


def test_it_opens_and_quits(env: dict[str, str]) -> None:
    with Terminal(DECK, env=env) as terminal:
        terminal.wait(lambda one: "nats://127.0.0.1:1" in one.text)
        terminal.press("q")
        assert ended(terminal) == 0
        assert LEFT_ALTERNATE_SCREEN in terminal.raw


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_polite_signal_leaves_the_terminal_in_order(env: dict[str, str], number: int) -> None:
    with Terminal(DECK, env=env) as terminal:
        terminal.wait(lambda one: "nats://127.0.0.1:1" in one.text)
        os.kill(terminal.pid, number)
        ended(terminal)
        assert LEFT_ALTERNATE_SCREEN in terminal.raw
        assert b"Traceback" not in terminal.raw


CRASH = """
import sys
from app.cli import deck
from app.cli.run import run

def broken(self):
    password = "hunter2"
    hidden = "nats://ops:hunter3@prod:4222"
    raise RuntimeError(f"cannot use {hidden}")

from app.tui.surface import Surface
Surface.tick = broken
sys.exit(run([]))
"""


def test_a_crash_leaves_one_sentence_and_a_log_without_secrets(env: dict[str, str], tmp_path: Path) -> None:
    with Terminal([sys.executable, "-P", "-c", CRASH], env=env) as terminal:
        assert ended(terminal) == 1
        assert LEFT_ALTERNATE_SCREEN in terminal.raw
        after = bytes(terminal.raw).rsplit(LEFT_ALTERNATE_SCREEN, 1)[1]
    log = tmp_path / "state" / "crash.log"
    assert f"the deck broke (RuntimeError): {log} says where".encode() in after
    assert b"Traceback" not in after
    assert b"hunter" not in after
    report = log.read_text()
    assert "in broken" in report
    assert "cannot use nats://***@prod:4222" in report
    assert "hunter" not in report
    assert log.stat().st_mode & 0o777 == 0o600
