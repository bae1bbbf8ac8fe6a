"""`status`, `findings` and `doctor` on a real nats-server: by themselves, and through a worker that runs."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nats
import pytest

from tests.nats_server import NatsServer

PATIENCE = 30.0


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """An environment of its own: nothing of this machine's NATS, contexts or runtime folder."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("NATS_", "WATCHDECK_", "XDG_"))}
    (tmp_path / "run").mkdir(mode=0o700)
    return kept | {"HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path / "run")}


def watchdeck(env: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-m", "app.cli", *arguments]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=PATIENCE, check=False)


@contextmanager
def worker(env: dict[str, str], *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A worker that is ready."""
    command = [sys.executable, "-P", "-m", "app.cli", "worker", *arguments]
    process = subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        assert any(line.rstrip().endswith(": ready") for line in process.stderr)
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE)


async def a_full_stream(url: str) -> None:
    """A stream that is full and rejects: a fault that any look sees at once."""
    connection = await nats.connect(url)
    jetstream = connection.jetstream()
    await jetstream.add_stream(name="FULL", subjects=["full"], max_msgs=3, discard="new")
    for _ in range(3):
        await jetstream.publish("full", b"x")
    await connection.close()


async def test_a_look_without_a_worker_leaves_nothing_behind(
    server: NatsServer, env: dict[str, str], tmp_path: Path
) -> None:
    given = ("--nats-url", server.url, "--state-dir", str(tmp_path / "state"))
    well = watchdeck(env, "status", *given)
    assert (well.returncode, well.stderr) == (0, "")
    assert well.stdout.startswith("OK: no findings (127.0.0.1, no worker runs: collected once)")
    assert not (tmp_path / "state").exists()
    connection = await nats.connect(server.url)
    assert await connection.jetstream().streams_info() == []
    await connection.close()


async def test_exit_codes_through_a_worker_and_with_nats_gone(
    server: NatsServer, env: dict[str, str], tmp_path: Path
) -> None:
    given = ("--nats-url", server.url, "--state-dir", str(tmp_path / "state"), "--listen=")
    await a_full_stream(server.url)
    with worker(env, *given):
        told = {}
        for _ in range(20):  # a full stream must have been full for 10 s
            answer = watchdeck(env, "status", "--format", "json", *given)
            told = json.loads(answer.stdout)
            if answer.returncode == 2:
                break
        assert (told["exit"], told["status"], told["worker"] is not None) == (2, "CRIT", True)
        assert [finding["subject"] for finding in told["findings"]] == ["FULL"]
        found = watchdeck(env, "findings", *given)
        assert (found.returncode, found.stdout.split(":")[0]) == (0, "CRIT stream FULL")
        assert watchdeck(env, "status", "--quiet", *given).stdout == ""
        server.kill()
        for _ in range(20):
            answer = watchdeck(env, "status", *given)
            if "NATS unreachable" in answer.stdout:
                break
        assert answer.returncode == 2
        assert answer.stdout.startswith("CRIT: NATS unreachable:")
    alone = watchdeck(env, "status", "--format", "nagios", *given)
    assert alone.returncode == 2
    assert alone.stdout.startswith("WATCHDECK CRITICAL - ")


def test_a_fault_of_its_own_is_unknown_for_whoever_monitors(env: dict[str, str], tmp_path: Path) -> None:
    for arguments in (["status", "--frob"], ["status", "--format", "xml"], ["status", "--nats-url", "gopher://x"]):
        answer = watchdeck(env, *arguments)
        assert answer.returncode == 3, arguments
        assert answer.stderr.count("\n") == 1
    (tmp_path / "broken.toml").write_text("[nats\n")
    assert watchdeck(env, "--config", str(tmp_path / "broken.toml"), "status").returncode == 3
    assert watchdeck(env, "findings", "--frob").returncode == 2


async def test_watching_prints_lines_and_ends_with_its_reader(
    server: NatsServer, env: dict[str, str], tmp_path: Path
) -> None:
    await a_full_stream(server.url)
    command = [sys.executable, "-P", "-m", "app.cli", "status", "--watch", "--nats-url", server.url]
    process = subprocess.Popen(
        [*command, "--state-dir", str(tmp_path / "state")], env=env, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if "CRIT stream FULL" in line:
                break
        assert all(line.strip().isprintable() and line[8] == "Z" for line in lines)
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE)


async def test_doctor_names_what_is_wrong_and_what_to_do(
    server: NatsServer, env: dict[str, str], tmp_path: Path
) -> None:
    given = ("--state-dir", str(tmp_path / "state"))
    answer = watchdeck(env, "doctor", "--nats-url", server.url, *given)
    assert answer.returncode < 2, answer.stdout
    assert "watchdeck init sessions" in answer.stdout
    assert watchdeck(env, "init", "sessions", "--yes", "--nats-url", server.url, *given).returncode == 0
    told = ("● sessions     SESSIONS", "watchdeck init sessions")
    alone = watchdeck(env, "doctor", "--nats-url", server.url, *given).stdout
    assert [words in alone for words in told] == [True, False], alone
    with worker(env, "--nats-url", server.url, "--listen", "127.0.0.1:0", *given):
        asked = watchdeck(env, "doctor", *given).stdout
        assert "● worker" in asked
        assert [words in asked for words in told] == [True, False], asked
    nobody = watchdeck(env, "doctor", "--nats-url", "nats://ops:hunter2@127.0.0.1:1", *given)
    assert nobody.returncode == 2
    assert "✗ connection   NATS unreachable: connection refused" in nobody.stdout
    assert "hunter2" not in nobody.stdout + nobody.stderr


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as bound:
        return int(bound.getsockname()[1])


async def test_doctor_verifies_a_worker_as_those_who_use_it(
    server: NatsServer, env: dict[str, str], tmp_path: Path
) -> None:
    state, page, port = tmp_path / "state", "http://deck.example", free_port()
    (tmp_path / "watchdeck.toml").write_text(f'[http]\ncors_origins = ["{page}"]\n')
    given = ("--nats-url", server.url, "--state-dir", str(state), "--config", str(tmp_path / "watchdeck.toml"))
    with worker(env, *given, "--listen", f"127.0.0.1:{port}"):
        near = watchdeck(env, "doctor", *given, "--listen", f"127.0.0.1:{port}")
        assert near.returncode < 2, near.stdout + near.stderr
        told = (
            "health       it turns",
            "readiness    ready",
            "role         owner",
            "agents       0",
            f"{page} may ask",
        )
        for said in told:
            assert said in near.stdout
        member = watchdeck(env, "token", "create", "--role", "member", *given).stdout.strip()
        (tmp_path / "member.token").write_text(member)
        (tmp_path / "member.token").chmod(0o600)
        afar = ("--attach", f"http://127.0.0.1:{port}", "--token-file", str(tmp_path / "member.token"))
        other = ("--state-dir", str(tmp_path / "other"), "--origin", "http://evil.example")
        far = watchdeck(env, "doctor", *afar, *other)
        assert far.returncode == 2
        assert "role         member" in far.stdout
        assert "agents       not for this role (missing permission: agents:read)" in far.stdout
        assert "✗ cors         http://evil.example may not ask" in far.stdout
        assert member not in far.stdout + far.stderr


def test_explain_prints_a_rule_and_names_the_nearest(env: dict[str, str]) -> None:
    answer = watchdeck(env, "explain", "agent.gone")
    assert answer.returncode == 0
    assert answer.stdout.startswith("agent.gone")
    wrong = watchdeck(env, "explain", "agent.gon")
    assert (wrong.returncode, "nearest: agent.gone" in wrong.stderr) == (2, True)
