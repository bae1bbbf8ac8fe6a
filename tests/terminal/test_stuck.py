"""A terminal that takes nothing any more, as when a connection hangs: a deck that is told to end ends all the same."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

PATIENCE = 60.0
ROWS, COLUMNS = 60, 200


@contextmanager
def deck(folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A deck of its own session on a terminal, and the terminal's other end. Nobody answers at its NATS."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("NATS_", "WATCHDECK_", "XDG_"))}
    command = [
        sys.executable,
        "-P",
        "-m",
        "app.cli",
        "--nats-url",
        "nats://127.0.0.1:1",
        "--state-dir",
        str(folder / "s"),
    ]
    process = subprocess.Popen(
        command, stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
        env=kept | {"HOME": str(folder), "TERM": "xterm-256color", "LANG": "C.UTF-8"},
    )  # fmt: skip
    os.close(slave)
    try:
        yield process, master
    finally:
        process.kill()
        process.wait()
        with suppress(OSError):
            os.close(master)


def drawn(master: int, words: bytes) -> None:
    """Reads the terminal until these words were drawn."""
    seen, deadline = b"", time.monotonic() + PATIENCE
    while words not in seen:
        assert time.monotonic() < deadline, seen[-2000:]
        seen += os.read(master, 65536)


def flooded(master: int) -> None:
    """Has it draw more than the terminal takes, which nobody reads from now on."""
    os.set_blocking(master, False)
    for _ in range(60):
        with suppress(BlockingIOError):
            os.write(master, b"2345?\x1b")
        time.sleep(0.05)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_deck_ends_though_its_terminal_takes_nothing(tmp_path: Path, number: signal.Signals) -> None:
    with deck(tmp_path) as (process, master):
        drawn(master, b"No NATS at")
        flooded(master)
        process.send_signal(number)
        process.wait(PATIENCE)


def test_a_deck_ends_when_its_terminal_is_gone(tmp_path: Path) -> None:
    with deck(tmp_path) as (process, master):
        drawn(master, b"No NATS at")
        flooded(master)
        os.close(master)
        process.send_signal(signal.SIGHUP)  # as the system does to who leads the session of a terminal
        process.wait(PATIENCE)
