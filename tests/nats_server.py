"""A real nats-server for tests: on loopback, on a port of its own, with its store in a folder that the test gives."""

from __future__ import annotations

import ctypes
import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from app.demo.server import need_nats_server

_PR_SET_PDEATHSIG = 1


def binary() -> str:
    """The nats-server that the demo would use too."""
    return str(need_nats_server())


def _die_with_us() -> None:
    """In the child: the kernel ends it should the tests be killed themselves (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class NatsServer:
    """One server process. It keeps its port and store from start to start, until `wipe()`.

    `config` is further text of the configuration file (accounts, TLS, limits); `jetstream` is the content of its
    `jetstream {}` block besides the store, None for a server without JetStream. Usable as a context manager.
    """

    def __init__(self, folder: Path, config: str = "", *, jetstream: str | None = "", scheme: str = "nats") -> None:
        self.folder = folder
        self.store = folder / "store"
        self.log = folder / "nats.log"
        self.config = config
        self.jetstream = jetstream
        self.scheme = scheme
        self.port = -1
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def start(self, timeout: float = 20.0) -> NatsServer:
        """Starts it and waits until it takes connections."""
        assert self._process is None, "already running"
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / "nats.conf"
        path.write_text(self._text())
        for old in self.folder.glob("*.ports"):
            old.unlink()
        argv = [binary(), "-c", str(path), "--ports_file_dir", str(self.folder)]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=_die_with_us
            )
        deadline = time.monotonic() + timeout
        while True:
            port = self._announced()
            if port is not None:
                self.port = port
                return self
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"nats-server did not start:\n{self.log.read_text()[-2000:]}")
            time.sleep(0.01)

    def _text(self) -> str:
        lines = [f"listen: 127.0.0.1:{self.port}", "server_name: nats-test", self.config]
        if self.jetstream is not None:
            lines.append(f'jetstream {{ store_dir: "{self.store}", {self.jetstream} }}')
        return "\n".join(lines) + "\n"

    def _announced(self) -> int | None:
        for path in self.folder.glob("*.ports"):
            try:
                urls = json.loads(path.read_text())["nats"]
            except (ValueError, KeyError, OSError):
                continue
            return int(urls[0].rsplit(":", 1)[1])
        return None

    def reload(self, config: str) -> None:
        """Has the server read a changed configuration (accounts, passwords) while it runs."""
        assert self._process is not None
        self.config = config
        (self.folder / "nats.conf").write_text(self._text())
        self._process.send_signal(signal.SIGHUP)

    def stop(self) -> None:
        """Ends it in good order; no error if it does not run."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGCONT)
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def kill(self) -> None:
        """kill -9."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        self._process = None

    def freeze(self) -> None:
        """SIGSTOP: its sockets stay open and nothing answers."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def wipe(self) -> None:
        """Empties the store of a server that does not run."""
        assert self._process is None
        shutil.rmtree(self.store, ignore_errors=True)

    def __enter__(self) -> NatsServer:
        return self if self._process else self.start()

    def __exit__(self, *exc: object) -> None:
        self.stop()
