"""A real terminal for tests: a PTY with a program in it, and what it shows."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable, Mapping
from types import TracebackType

import pyte
from ptyprocess import PtyProcess

KEYS = {"enter": "\r", "esc": "\x1b", "tab": "\t", "up": "\x1b[A", "down": "\x1b[B", "backspace": "\x7f"}


class Terminal:
    """Runs `argv` in a PTY of `columns` x `rows`; `screen` is what a person would see, `raw` every byte that came."""

    def __init__(self, argv: list[str], *, columns: int = 80, rows: int = 24, env: Mapping[str, str] | None = None):
        base = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "VIRTUAL_ENV") if name in os.environ}
        full = base | {"TERM": "xterm-256color", "LANG": "C.UTF-8", "COLORTERM": "truecolor"} | dict(env or {})
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self._process = PtyProcess.spawn(argv, dimensions=(rows, columns), env=full)
        os.set_blocking(self._process.fd, False)
        self.raw = bytearray()

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None):
        self.end()

    @property
    def pid(self) -> int:
        return int(self._process.pid)

    @property
    def lines(self) -> list[str]:
        return [line.rstrip() for line in self._screen.display]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def send(self, text: str) -> None:
        """Types `text` in one write, as a burst over SSH arrives."""
        os.write(self._process.fd, text.encode())

    def press(self, *keys: str) -> None:
        """Types keys one after the other, a person's pause between them."""
        for key in keys:
            self.send(KEYS.get(key, key))
            self.read(0.05)

    def read(self, seconds: float) -> bytes:
        """Takes in what comes during `seconds`."""
        until = time.monotonic() + seconds
        before = len(self.raw)
        while time.monotonic() < until:
            try:
                data = os.read(self._process.fd, 65536)
            except BlockingIOError:
                time.sleep(0.01)
                continue
            except OSError:  # the program has ended
                break
            if not data:
                break
            self.raw += data
            self._stream.feed(self._answered(data))
        return bytes(self.raw[before:])

    def _answered(self, data: bytes) -> bytes:
        """Answers no query, as a plain terminal does, and hides from pyte what it would draw as text."""
        return re.sub(rb"\x1b\[[<>=?][0-9;]*[uqpn$]+|\x1b\[[0-9;?]*\$p", b"", data)

    def wait(self, condition: Callable[[Terminal], bool], timeout: float = 15.0) -> None:
        """Reads until `condition` holds; fails with the screen otherwise."""
        until = time.monotonic() + timeout
        while not condition(self):
            if time.monotonic() > until:
                raise AssertionError(f"not within {timeout:g} s; the screen:\n{self.text}")
            self.read(0.05)

    def wait_text(self, *parts: str, timeout: float = 15.0) -> None:
        """Reads until every part stands on the screen."""
        self.wait(lambda terminal: all(part in terminal.text for part in parts), timeout)

    def resize(self, columns: int, rows: int) -> None:
        self._screen.resize(rows, columns)
        self._process.setwinsize(rows, columns)

    def exit_status(self, timeout: float = 10.0) -> int:
        """Waits for the program to end by itself."""
        until = time.monotonic() + timeout
        while self._process.isalive():
            if time.monotonic() > until:
                raise AssertionError(f"still running after {timeout:g} s; the screen:\n{self.text}")
            self.read(0.05)
        return int(self._process.exitstatus if self._process.exitstatus is not None else -self._process.signalstatus)

    def end(self) -> None:
        """Ends the program: SIGTERM, then SIGKILL."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            if not self._process.isalive():
                break
            self._process.kill(number)
            until = time.monotonic() + 5
            while self._process.isalive() and time.monotonic() < until:
                self.read(0.05)
        self._process.close(force=True)
