"""The worker and what it keeps: ready only with a store, alive without, and honest about why."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.store.store import Store
from tests.nats_server import NatsServer

PATIENCE = 30.0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    with NatsServer(tmp_path_factory.mktemp("nats")) as running:
        yield running


class Place:
    """A state folder, and the commands and workers on it."""

    def __init__(self, folder: Path, nats_url: str) -> None:
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("NATS_", "WATCHDECK_", "XDG_"))}
        (folder / "run").mkdir(mode=0o700)
        self.env = kept | {"HOME": str(folder), "XDG_RUNTIME_DIR": str(folder / "run")}
        self.state = folder / "state"
        self.database = self.state / "watchdeck.db"
        self.config = folder / "c.toml"
        self.config.write_text("")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self._common = [
            *(sys.executable, "-P", "-m", "app.cli", "--nats-url", nats_url, "--state-dir", str(self.state)),
            *("--config", str(self.config)),
        ]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self._common, *arguments], env=self.env, capture_output=True, text=True, timeout=PATIENCE
        )

    @contextmanager
    def worker(self, *, ends: int = 0) -> Iterator[subprocess.Popen[str]]:
        """A worker that answers on the port; ended in good order afterwards if it is still there."""
        log = self.state.with_suffix(".log")
        with log.open("w") as written:
            process = subprocess.Popen(
                [*self._common, "worker", "--listen", f"127.0.0.1:{self.port}"],
                env=self.env,
                stderr=written,
                text=True,
            )
        try:
            eventually(lambda: process.poll() is not None or self.get("/health") == (200, '{"ok":true}'), log)
            yield process
            if process.poll() is None:
                process.terminate()
            assert process.wait(PATIENCE) == ends, log.read_text()
        finally:
            process.kill()
            process.wait()

    def log(self) -> str:
        return self.state.with_suffix(".log").read_text()

    def get(self, path: str, token: str = "") -> tuple[int, str]:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def ready(self) -> bool:
        return self.get("/readyz") == (200, '{"ok":true}')

    def findings(self) -> list[dict[str, str]]:
        said = self.run("findings", "--json")
        found: list[dict[str, str]] = json.loads(said.stdout)["findings"]
        return found


def eventually(true: Callable[[], bool], log: Path | None = None) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, log.read_text() if log else "it never came true"
        time.sleep(0.05)


@pytest.fixture
def place(tmp_path: Path, server: NatsServer) -> Place:
    return Place(tmp_path, server.url)


def test_a_store_from_its_first_worker_to_its_restore(place: Place, tmp_path: Path) -> None:
    """One story, because each worker and each command costs a second."""
    file, copy = place.state / "owner.token", tmp_path / "copy.db"
    with place.worker(ends=-signal.SIGKILL) as first:
        eventually(place.ready)
        assert file.stat().st_mode & 0o777 == 0o600
        owner = file.read_text().strip()
        assert place.get("/api/v1/tokens")[0] == 401
        assert place.get("/api/v1/tokens", owner)[0] == 200
        token = tokens_of_a_running_worker(place)
        a_lock_of_somebody_else_is_no_end(place)
        assert place.run("backup", str(copy)).returncode == 0
        refused = place.run("restore", str(copy))
        assert (refused.returncode, "a worker is already running on" in refused.stderr) == (1, True)
        for secret in (owner, token):
            assert secret not in place.log()
            for kept in (place.database, copy):
                assert secret.split("_", 2)[2].encode() not in kept.read_bytes()
        first.kill()
        first.wait(PATIENCE)

    file.unlink()
    made = place.run("token", "create", "--role", "owner")  # no worker runs now
    assert made.returncode == 0, made.stderr
    with place.worker():
        eventually(place.ready)
        assert not file.exists()  # there was an owner's token before: another one is asked for, not made
        for text in (made.stdout.strip(), owner):
            assert place.get("/api/v1/tokens", text)[0] == 200
        assert place.get("/api/v1/tokens", token)[0] == 401
        with place.worker(ends=1) as second:  # on the same folder and the same address
            assert second.wait(PATIENCE) == 1
            assert "a worker is already running on" in place.log()
    done = place.run("restore", str(copy))
    assert done.returncode == 0, done.stderr
    assert [line.split()[2] for line in place.run("token", "list").stdout.splitlines()] == ["STATE", "valid", "revoked"]


def tokens_of_a_running_worker(place: Place) -> str:
    made = place.run("token", "create", "--role", "member", "--name", "ci", "--expires", "30d")
    assert made.returncode == 0, made.stderr
    token = made.stdout.strip()
    assert made.stdout == token + "\n"
    assert place.get("/api/v1/tokens", token)[0] == 403
    listed = place.run("token", "list").stdout
    assert [line.split()[1] for line in listed.splitlines()] == ["ROLE", "owner", "member"]
    assert place.run("token", "revoke", token.split("_")[1]).returncode == 0
    assert place.get("/api/v1/tokens", token)[0] == 401
    return token


def a_lock_of_somebody_else_is_no_end(place: Place) -> None:
    with closing(sqlite3.connect(place.database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        made = place.run("token", "create", "--role", "member")
        assert (made.returncode, made.stdout) == (1, "")
        assert "session store is locked by another process" in made.stderr
        assert place.get("/readyz")[0] == 503
        assert "[-]store failed: session store is locked" in place.get("/readyz?verbose")[1]
        assert place.get("/health")[0] == 200
        eventually(lambda: any("nothing is recorded" in each["what"] for each in place.findings()))
        other.execute("COMMIT")
    eventually(place.ready)


@pytest.mark.parametrize("kind", ["newer", "certificate"])
def test_what_can_never_be_used_is_one_line_and_exit_1(place: Place, kind: str) -> None:
    if kind == "newer":
        asyncio.run(Store.open("", place.state, clock=lambda: datetime.now(UTC)).close())
        with closing(sqlite3.connect(place.database, isolation_level=None)) as raw:
            raw.execute("UPDATE alembic_version SET version_num = '0099'")
    else:
        place.config.write_text('[http]\ntls_cert = "none.pem"\ntls_key = "none.key"')
    done = place.run("worker", "--listen", f"127.0.0.1:{place.port}")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    said = {"newer": "has schema 0099", "certificate": "No such file"}[kind]
    assert line.startswith("watchdeck: ")
    assert said in line


def test_a_damaged_store_is_set_aside_and_a_new_one_has_a_new_owner(place: Place) -> None:
    place.state.mkdir(mode=0o700)
    (place.state / "owner.token").write_text("old")
    place.database.write_bytes(b"\xa5" * 100_000)
    with place.worker():
        eventually(place.ready)
        assert [file.read_bytes() for file in place.state.glob("*.corrupt-*")] == [b"\xa5" * 100_000]
        assert "session store was damaged" in place.log()
        assert place.get("/api/v1/tokens", (place.state / "owner.token").read_text().strip())[0] == 200
