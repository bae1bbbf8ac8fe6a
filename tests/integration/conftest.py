"""What the tests on a real nats-server share."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.nats_server import NatsServer
from tests.postgres import DATABASE, Postgres, programs


@pytest.fixture
def server(tmp_path: Path) -> Iterator[NatsServer]:
    """A running server with JetStream and nothing in it."""
    with NatsServer(tmp_path / "nats") as running:
        yield running


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A running PostgreSQL with a database of agents, as Mission Control has it."""
    found = programs()
    if found is None:
        pytest.skip("no PostgreSQL server here: apt-get install postgresql")
    folder = Path(tempfile.mkdtemp(prefix="wd-pg-"))
    folder.chmod(0o755)  # its user is another one
    running = Postgres(folder / "cluster", found)
    try:
        running.make()
        running.start()
        running.run(f"CREATE DATABASE {DATABASE}", database="postgres")
        running.run(
            "CREATE TABLE agents (name text, status text, last_seen timestamptz)",
            "INSERT INTO agents VALUES ('coder', 'online', '2026-11-22 14:00:00+00'), ('tester', 'offline', NULL), "
            "('writer', 'provisioning', NULL)",
            "CREATE TABLE secrets (word text)",
            "CREATE USER reader PASSWORD 'hunter2-reader'",
            "GRANT SELECT ON agents TO reader",
            "GRANT SELECT ON secrets TO owner",
        )
        yield running
    finally:
        running.stop()
        shutil.rmtree(folder)
