"""A real PostgreSQL for tests: on loopback, on a port of its own, its data in a temporary folder, ended by its pid."""

from __future__ import annotations

import ctypes
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import psycopg

OWNER, SECRET = "owner", "hunter2-owner"
DATABASE = "mission_control"


def programs() -> Path | None:
    """The folder of the server's programs, which is seldom in PATH; None if there is none here."""
    found = []
    if (config := shutil.which("pg_config")) is not None:
        told = subprocess.run([config, "--bindir"], capture_output=True, text=True, check=False)
        found.append(Path(told.stdout.strip()))
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    found += sorted(Path("/opt/homebrew/opt").glob("postgresql@*/bin"), reverse=True)
    if (server := shutil.which("postgres")) is not None:
        found.append(Path(server).resolve().parent)
    return next((folder for folder in found if (folder / "initdb").exists() and (folder / "postgres").exists()), None)


class Postgres:
    """One server process. The user `owner` may do everything; others are made by tests."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self.folder, self.programs = folder, programs
        self.port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        # The server refuses to run as root: then it is somebody else's, and so is its folder.
        self._as = pwd.getpwnam("postgres" if _has_user("postgres") else "nobody") if os.geteuid() == 0 else None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def url(self, database: str = DATABASE) -> str:
        return f"postgresql://127.0.0.1:{self.port}/{database}"

    def make(self) -> None:
        """Makes the cluster; it may lose what it holds in a crash, since nobody will miss it."""
        self.folder.mkdir(parents=True, mode=0o700)
        secret = self.folder / "secret"
        secret.write_text(SECRET)
        if self._as is not None:
            for path in (self.folder, secret):
                os.chown(path, self._as.pw_uid, self._as.pw_gid)
        arguments = ("-D", "data", "-U", OWNER, "--auth=scram-sha-256", "--pwfile", str(secret), "-N", "-E", "UTF8")
        self._run(str(self.programs / "initdb"), *arguments, "--locale=C")

    def start(self) -> None:
        """Starts it and waits until it lets somebody in."""
        settings = {
            "port": self.port, "listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": "off",
            "max_connections": "20", "autovacuum": "off", "log_min_messages": "fatal",
        }  # fmt: skip
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(self.programs / "postgres"), "-D", str(self.folder / "data"), *options],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=self.folder, start_new_session=True,
                preexec_fn=_die_with_us,
                **self._identity(),
            )  # fmt: skip
        deadline = time.monotonic() + 60
        while True:
            try:
                psycopg.connect(self.url("postgres"), user=OWNER, password=SECRET, connect_timeout=5).close()
            except psycopg.OperationalError:
                assert self._process.poll() is None, (self.folder / "log").read_text()
                assert time.monotonic() < deadline, (self.folder / "log").read_text()
                time.sleep(0.05)
            else:
                return

    def stop(self, number: int = signal.SIGINT) -> None:
        """Ends it, without waiting for its clients (SIGINT: fast shutdown)."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signal.SIGCONT)
        process.send_signal(number)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(30)

    def freeze(self, frozen: bool) -> None:
        """Holds up all of its processes, or lets them go on."""
        server = psutil.Process(self.pid)
        for process in (server, *server.children()):
            process.suspend() if frozen else process.resume()

    def run(self, *statements: str, database: str = DATABASE) -> None:
        """Runs statements as the owner."""
        with psycopg.connect(self.url(database), user=OWNER, password=SECRET, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def _identity(self) -> dict[str, Any]:
        if self._as is None:
            return {}
        return {"user": self._as.pw_uid, "group": self._as.pw_gid, "extra_groups": []}

    def _run(self, *command: str) -> None:
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False, **self._identity())
        assert done.returncode == 0, done.stdout + done.stderr


def _die_with_us() -> None:
    """In the child: the kernel ends it should the tests be killed themselves (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGQUIT)  # PR_SET_PDEATHSIG


def _has_user(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
