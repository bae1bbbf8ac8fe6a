"""The guardian of an embedded nats-server: a program of its own, of the standard library only.

Its starter holds the other end of its standard input and says nothing there. When that pipe closes, because the
starter ended in whatever way, the guardian ends the server and removes the temporary folder. Were the guardian itself
killed, the kernel ends the server (Linux); its folder is then removed by the starter, or by the next guardian.

Standard output carries one JSON line: {"root", "url", "pid"} once the server answers for its port, or {"error"}.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

PREFIX = "watchdeck-demo-"
START_WITHIN = 20.0
"""Seconds that the server may take to open its port."""
_PR_SET_PDEATHSIG = 1

CONFIG = """\
listen: "127.0.0.1:-1"
server_name: "watchdeck-demo"
ports_file_dir: "{root}/ports"
max_payload: 1MB
jetstream {{
  store_dir: "{root}/jetstream"
  max_file: {max_file}
  max_mem: 64MB
  sync_interval: "30s"
}}
"""


class Ended(Exception):
    """The starter is gone or has asked for the end."""


class Watch:
    """Waits for the closing of standard input and for signals, at once where both sleep."""

    def __init__(self) -> None:
        self._woken, writer = os.pipe()
        for end in (self._woken, writer):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda *_: None)

    def wait(self, timeout: float | None) -> None:
        """Returns after the timeout; raises Ended as soon as there is a reason to end."""
        ready, _, _ = select.select([sys.stdin, self._woken], [], [], timeout)
        if self._woken in ready:
            raise Ended
        if ready and not os.read(sys.stdin.fileno(), 4096):
            raise Ended


def remove(root: Path, within: float = 10.0) -> None:
    """Removes the folder, again and again while somebody who is still ending writes into it."""
    deadline = time.monotonic() + within
    while True:
        shutil.rmtree(root, ignore_errors=True)
        if not root.exists() or time.monotonic() > deadline:
            return
        time.sleep(0.1)


def make_root() -> tuple[Path, int]:
    """A new folder, 0700, and the descriptor of the lock in it, which tells others that somebody looks after it."""
    root = Path(tempfile.mkdtemp(prefix=PREFIX))
    for name in ("ports", "jetstream", "state"):
        (root / name).mkdir(mode=0o700)
    lock = os.open(root / "lock.new", os.O_CREAT | os.O_RDWR, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    (root / "lock.new").rename(root / "lock")  # whoever sees a lock sees it held
    return root, lock


def sweep(folder: Path) -> None:
    """Removes what a guardian that was killed has left: folders of ours whose lock nobody holds any more."""
    for root in folder.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            if root.is_symlink() or root.stat().st_uid != os.getuid():
                continue
            lock = os.open(root / "lock", os.O_RDWR | os.O_NOFOLLOW)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                remove(root, within=1.0)
            finally:
                os.close(lock)


def tied_to_us() -> Callable[[], None] | None:
    """What a child runs before it becomes the server, so that it dies with us: Linux only, else None."""
    if not sys.platform.startswith("linux"):
        return None
    libc, guardian = ctypes.CDLL(None), os.getpid()

    def tie() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != guardian:
            os._exit(1)

    return tie


def start(binary: str, root: Path, max_file: str) -> subprocess.Popen[bytes]:
    """Starts the server. Its log goes to a file in the folder."""
    config = root / "nats.conf"
    config.write_text(CONFIG.format(root=root, max_file=max_file))
    with (root / "nats.log").open("wb") as log:
        return subprocess.Popen(
            [binary, "-c", str(config)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=root,
            preexec_fn=tied_to_us(),  # noqa: PLW1509  there is one thread here
        )


def address(server: subprocess.Popen[bytes], root: Path, watch: Watch) -> str:
    """The URL that the server wrote into its ports file. RuntimeError with the reason if it ended or took too long."""
    deadline = time.monotonic() + START_WITHIN
    while time.monotonic() < deadline:
        if server.poll() is not None:
            lines = (root / "nats.log").read_text(errors="replace").strip().splitlines()
            raise RuntimeError(f"nats-server ended at once: {lines[-1][:200] if lines else server.returncode}")
        for ports in (root / "ports").glob("*.ports"):
            with contextlib.suppress(ValueError, KeyError, IndexError, TypeError):
                return str(json.loads(ports.read_text())["nats"][0])
        watch.wait(0.02)
    raise RuntimeError(f"nats-server opened no port within {START_WITHIN:.0f} s")


def say(**answer: object) -> None:
    with contextlib.suppress(OSError):
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def main() -> None:
    binary, max_file = sys.argv[1:3]
    watch = Watch()
    sweep(Path(tempfile.gettempdir()))
    root, _lock = make_root()
    server: subprocess.Popen[bytes] | None = None
    try:
        server = start(binary, root, max_file)
        url = address(server, root, watch)
        say(root=str(root), url=url, pid=server.pid)
        while True:
            watch.wait(None)
    except Ended:
        pass
    except (OSError, RuntimeError) as error:
        say(error=str(error))
    finally:
        if server is not None:
            server.kill()
            server.wait()
        remove(root)


if __name__ == "__main__":
    main()
