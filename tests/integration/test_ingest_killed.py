"""Workers and servers that are killed at any moment: what a publisher was told is stored is in the store once."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from nats.aio.client import Client
from nats.errors import Error

from app.store.store import Store
from tests.ingesting import event, make_stream, utc
from tests.integration.watching import client
from tests.nats_server import NatsServer

CHAOS = 4.0
SOAK = 40.0
PATIENCE = 40.0

WORKERS = """
import os, sys
from pathlib import Path
import app.worker.lifecycle, app.worker.ingester, app.worker.upkeep, app.store.store, uvloop
import app.sources.sessionfeed, app.sources.connection
from app.api.server import serve
from app.settings import HttpSettings, NatsSettings, Settings

app.sources.sessionfeed.ACK_WAIT = 1.0
app.sources.connection.RETRY = 0.2
url, folder = sys.argv[1:]
settings = Settings(
    nats=NatsSettings(url=url, interval=0.2), http=HttpSettings(listen=None), state_dir=Path(folder), namespace=""
)
for line in sys.stdin:  # each worker is a process of its own, with all imports done
    child = os.fork()
    if not child:
        os.write(1, b"%d\\n" % os.getpid())
        os._exit(app.worker.lifecycle.run_worker(settings, serve=serve, env=os.environ))
    _, status = os.waitpid(child, 0)
    os.write(1, b"ended %d\\n" % os.waitstatus_to_exitcode(status))
"""


class Workers:
    """Real workers on one state folder, one after another."""

    def __init__(self, url: str, folder: Path) -> None:
        self._log = (folder / "workers.log").open("wb")
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("NATS_", "WATCHDECK_", "XDG_"))}
        (folder / "run").mkdir(mode=0o700)
        self._process = subprocess.Popen(
            [sys.executable, "-c", WORKERS, url, str(folder / "state")],
            env=kept | {"HOME": str(folder), "XDG_RUNTIME_DIR": str(folder / "run")},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            bufsize=1,
        )
        self.pid = 0
        self.started = 0

    def start(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("start\n")
        self.pid = int(self._process.stdout.readline())
        self.started += 1

    def end(self, how: signal.Signals) -> int:
        assert self._process.stdout is not None
        os.kill(self.pid, how)
        word, code = self._process.stdout.readline().split()
        assert word == "ended"
        return int(code)

    def close(self) -> None:
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            self._process.communicate(timeout=PATIENCE)
        self._log.close()


class Publisher:
    """Publishes, each message again and again until it is acknowledged. `told`: ids of events that must be stored."""

    def __init__(self, number: int, dice: random.Random) -> None:
        self._number = number
        self._dice = dice
        self.told: set[str] = set()

    async def run(self, nc: Client, until: float) -> None:
        count = 0
        while time.monotonic() < until:
            id = f"p{self._number}-{count}"
            count += 1
            many = self._dice.random() < 0.5
            content: Any = [self._event() for _ in range(3)] if many else self._event()
            if many and self._dice.random() < 0.1:
                content[1] = {"what": "is this"}
            await self._until_acknowledged(nc, json.dumps(content).encode(), id)
            await asyncio.sleep(0.002)
            self.told |= {f"{id}#{place}" for place in range(3) if "what" not in content[place]} if many else {id}

    async def _until_acknowledged(self, nc: Client, data: bytes, id: str) -> None:
        async with asyncio.timeout(PATIENCE):
            while True:
                try:
                    answer = await nc.request("sessions.x", data, timeout=1, headers={"Nats-Msg-Id": id})
                    if "error" not in json.loads(answer.data):
                        return
                except (Error, TimeoutError, OSError):
                    pass
                await asyncio.sleep(0.02)

    def _event(self) -> dict[str, Any]:
        dice = self._dice
        agent = f"a{dice.randrange(4)}"
        kind, payload = dice.choice(
            [
                ("custom", {"type": "x", "data": {}}),
                ("tool_call", {"toolName": "t", "callId": "c", "arguments": {}}),
                ("tool_error", {"toolName": "t", "callId": "c", "error": "no", "durationMs": 5}),
                ("session_started", {"agentName": "n"}),
                ("session_ended", {"reason": dice.choice(["completed", "error"])}),
            ]
        )
        return event(f"{agent}-s{dice.randrange(200)}", agent, eventType=kind, payload=payload)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("seconds", [CHAOS, pytest.param(SOAK, marks=pytest.mark.soak)])
async def test_what_was_acknowledged_to_a_publisher_is_in_the_store_once(tmp_path: Path, seconds: float) -> None:
    dice = random.Random()
    with NatsServer(tmp_path / "nats") as server, _workers(server.url, tmp_path) as workers:
        async with client(server.url) as nc:
            await make_stream(nc)
        publishers = [Publisher(number, dice) for number in range(2)]
        until = time.monotonic() + seconds
        async with client(server.url, max_reconnect_attempts=-1, reconnect_time_wait=0.1) as nc:
            publishing = [asyncio.create_task(each.run(nc, until)) for each in publishers]
            kills = await _chaos(server, workers, dice, until)
            await asyncio.gather(*publishing)
        told = set().union(*(each.told for each in publishers))
        file = tmp_path / "state" / "watchdeck.db"
        deadline = time.monotonic() + PATIENCE
        while (found := _ids(file)) is None or len(found) < len(told):
            assert time.monotonic() < deadline, (len(told), found and len(found), _log(tmp_path))
            await asyncio.sleep(0.1)
        await asyncio.sleep(0.2)
        assert await asyncio.to_thread(workers.end, signal.SIGTERM) == 0, _log(tmp_path)
    ids = _ids(file)
    assert ids is not None
    assert len(ids) == len(set(ids))
    assert set(ids) == told
    with closing(sqlite3.connect(file)) as raw:
        assert raw.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    store = Store.open("", tmp_path / "state", clock=utc)
    assert await store.intake.verify() == []
    await store.close()
    sys.stdout.write(f"{len(told)} events, {workers.started} workers, {kills} kills of the server\n")


@contextlib.contextmanager
def _workers(url: str, folder: Path) -> Iterator[Workers]:
    workers = Workers(url, folder)
    try:
        yield workers
    finally:
        workers.close()


async def _chaos(server: NatsServer, workers: Workers, dice: random.Random, until: float) -> int:
    """Kills one or the other at random moments, each at least once; both run in the end. Kills of the server."""
    kills = 0
    await asyncio.to_thread(workers.start)
    while time.monotonic() < until or not kills:
        await asyncio.sleep(dice.uniform(0.05, 0.9))
        if workers.started == 1 or (kills and dice.random() < 0.7):
            assert await asyncio.to_thread(workers.end, signal.SIGKILL) == -signal.SIGKILL
            await asyncio.to_thread(workers.start)
        else:
            await asyncio.to_thread(server.kill)
            await asyncio.sleep(dice.uniform(0, 0.3))
            await asyncio.to_thread(server.start)
            kills += 1
    return kills


def _ids(file: Path) -> list[str] | None:
    """Ids of all events in the store; None while there is none."""
    try:
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as raw:
            return [id for (id,) in raw.execute("SELECT id FROM event")]
    except sqlite3.OperationalError:
        return None


def _log(folder: Path) -> str:
    return (folder / "workers.log").read_text()[-3000:]
