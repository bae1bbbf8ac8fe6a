"""A disk that is really full: a small one of its own, as far as this system lets us have one."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.model.sessions import IntakeState
from tests.ingesting import api, event, ingesting, make_stream, publish
from tests.integration.watching import client, until
from tests.nats_server import NatsServer

pytestmark = pytest.mark.timeout(90)
MESSAGES, EACH = 400, 5


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a disk of two megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if shutil.which("mount") is None or _mount("-t", "tmpfs", "-o", "size=2m,mode=700", "tmpfs", str(folder)):
        pytest.skip("only root may mount a disk here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def _mount(*arguments: str) -> int:
    return subprocess.run(["mount", *arguments], capture_output=True).returncode


async def test_nothing_is_acknowledged_and_all_is_taken_in_once_there_is_room(
    disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.sources.sessionfeed.NAK_DELAY", 0.3)
    monkeypatch.setattr("app.sources.sessionfeed.EXPIRES", 1.0)
    monkeypatch.setattr("app.worker.sessionreading.RETRY", 0.3)
    monkeypatch.setattr("app.store.store.PROBE_IN_TROUBLE", 0.1)
    with NatsServer(tmp_path / "nats") as server:
        async with client(server.url) as nc, ingesting(server.url, disk / "state") as it:
            await make_stream(nc)
            await publish(nc, event("first"))
            await it.has(1)
            for number in range(MESSAGES):
                many = [event(f"s{number}", id=str(each), metadata={"t": "x" * 900}) for each in range(EACH)]
                await nc.publish("sessions.x", json.dumps(many).encode())
            await nc.flush()
            await it.state(IntakeState.FAILED, "session store is full")
            for _ in range(10):  # it does not come and go with every light write that still finds room
                await asyncio.sleep(0.15)
                assert it.store.full
                assert it.board.intake.state is IntakeState.FAILED
            info = await api(nc, f"CONSUMER.INFO.SESSIONS.watchdeck-{it.store.id}")
            acknowledged = info["ack_floor"]["stream_seq"]
            assert 0 < acknowledged <= MESSAGES
            assert await it.events() >= 1 + EACH * (acknowledged - 1)
            assert info["num_pending"] + info["num_ack_pending"] > 0
            assert _mount("-o", "remount,size=64m", str(disk)) == 0
            await it.has(1 + EACH * MESSAGES)
            await it.state(IntakeState.READING)
            await until(lambda: it.board.intake.pending == 0, "caught up")
            assert await it.store.intake.verify() == []
