"""Where a deck finds its worker, and what it says of one that is not its own. No real worker runs here."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from app.feed import child, spawn
from app.feed.child import LOCK_HELD, Child
from app.feed.spawn import Silent, Spawner, ask
from app.feed.target import NoWorker, WrongWorker
from app.feed.wire import WIRE
from app.settings import NatsSettings, Secret, Settings
from app.settings.lockfile import LockRecord
from app.settings.profiles import fingerprint
from app.worker.lock import StateLock

HERE = NatsSettings(url="nats://here:4222")
THERE = NatsSettings(url="nats://there:4222")


def mine(state: Path, **changes: object) -> Settings:
    settings = Settings(state_dir=state, nats=HERE, origins={"nats.url": "--nats-url"})
    return replace(settings, **changes)  # type: ignore[arg-type]


@asynccontextmanager
async def worker(path: Path, answer: bytes | Settings) -> AsyncIterator[list[bytes]]:
    """Something that answers on a socket: as a worker with these settings would, or with these bytes."""
    asked: list[bytes] = []
    if isinstance(answer, Settings):
        body = json.dumps({"version": "0", "wire": WIRE, "fingerprint": fingerprint(answer)}).encode()
        answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_unix_server(serve, path)
    try:
        yield asked
    finally:
        server.close()
        await server.wait_closed()


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stands in for the Python that a child is started with; a test writes its content."""
    script = tmp_path / "program"
    script.write_text("#!/bin/sh\necho 'watchdeck: no such thing' >&2\nexit 1\n")
    script.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(script))
    return script


@pytest.fixture
def short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a path short enough for sockets."""
    monkeypatch.chdir(tmp_path)
    return Path()


def lock(state: Path, socket: Path, pid: int = 0) -> StateLock:
    held = StateLock.acquire(state)
    held.publish(LockRecord(pid=pid or os.getpid(), socket=str(socket)))
    return held


async def test_a_worker_named_by_attach_is_used(short: Path, tmp_path: Path) -> None:
    async with worker(short / "a.sock", mine(tmp_path)) as asked:
        target = await Spawner(mine(tmp_path, attach="a.sock"), service=None).locate()
    assert (target.socket_path, target.started) == ("a.sock", False)
    assert asked[0].startswith(b"GET /api/v1/worker ")


async def test_a_worker_of_another_nats_named_by_attach_is_refused_with_both_written_out(
    short: Path, tmp_path: Path
) -> None:
    async with worker(short / "a.sock", mine(tmp_path, nats=THERE)):
        with pytest.raises(WrongWorker, match="nats://here:4222 here, nats://there:4222 there"):
            await Spawner(mine(tmp_path, attach="a.sock"), service=None).locate()


async def test_nobody_at_attach_is_no_worker(tmp_path: Path) -> None:
    with pytest.raises(NoWorker, match="no worker answers at"):
        await Spawner(mine(tmp_path, attach=str(tmp_path / "none.sock"))).locate()


async def test_the_worker_of_the_own_state_folder_is_used(short: Path, tmp_path: Path) -> None:
    held = lock(tmp_path, short / "own.sock")
    async with worker(short / "own.sock", mine(tmp_path)):
        target = await Spawner(mine(tmp_path), service=None).locate()
    held.release()
    assert (target.socket_path, target.started) == ("own.sock", False)


async def test_another_nats_in_the_own_state_folder_is_refused(short: Path, tmp_path: Path) -> None:
    held = lock(tmp_path, short / "own.sock")
    async with worker(short / "own.sock", mine(tmp_path, nats=THERE)):
        with pytest.raises(WrongWorker, match="watches another NATS"):
            await Spawner(mine(tmp_path), service=None).locate()
        defaults = mine(tmp_path, origins={})
        assert (await Spawner(defaults, service=None).locate()).socket_path  # defaults do not count
    held.release()


async def test_the_service_s_worker_is_used_if_it_watches_the_same(short: Path, tmp_path: Path, program: Path) -> None:
    service = short / "service.sock"
    async with worker(service, mine(tmp_path)):
        target = await Spawner(mine(tmp_path), service=service).locate()
        assert (target.socket_path, target.started) == ("service.sock", False)


async def test_a_service_that_watches_another_nats_is_passed_over_and_said(
    short: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state, service, own = tmp_path / "state", short / "service.sock", short / "own.sock"

    class Started:
        pid = os.getpid()
        log = state / "worker.log"
        held = None

        @classmethod
        def start(cls, settings: Settings) -> Started:
            cls.held = lock(settings.state_dir, own)
            return cls()

        def ended(self) -> None:
            return None

        def let_go(self) -> None:
            self.held.release()

    monkeypatch.setattr(spawn, "Child", Started)
    async with worker(service, mine(tmp_path, nats=THERE)), worker(own, mine(tmp_path)):
        target = await Spawner(mine(state), service=service).locate()
    assert target.started
    assert "passed over the worker at service.sock" in target.note
    assert "nats://there:4222 there" in target.note
    target.close()


async def test_a_child_that_dies_at_once_says_why(tmp_path: Path, program: Path) -> None:
    with pytest.raises(NoWorker, match="the worker could not start: no such thing"):
        await Spawner(mine(tmp_path / "state"), service=None).locate()


async def test_the_last_line_of_a_child_s_log_is_clean(tmp_path: Path, program: Path) -> None:
    program.write_text("#!/bin/sh\nprintf 'x\\n\\033]52;c;aGk=\\007broken\\n\\n' >&2\nexit 7\n")
    with pytest.raises(NoWorker) as caught:
        await Spawner(mine(tmp_path / "state"), service=None).locate()
    assert str(caught.value) == "the worker could not start: broken"
    log = tmp_path / "state" / "worker.log"
    assert log.stat().st_mode & 0o777 == 0o600


async def test_the_loser_of_a_race_takes_the_winner_s_worker(short: Path, tmp_path: Path, program: Path) -> None:
    state = tmp_path / "state"
    program.write_text(f"#!/bin/sh\nsleep 0.2\nexit {LOCK_HELD}\n")
    looking = asyncio.create_task(Spawner(mine(state), service=None).locate())
    while not (state / "worker.log").exists():
        await asyncio.sleep(0.01)
    async with worker(short / "winner.sock", mine(state)):
        held = lock(state, short / "winner.sock")
        target = await looking
        held.release()
    assert (target.socket_path, target.started) == ("winner.sock", False)


async def test_a_worker_that_is_just_ending_is_waited_out(
    tmp_path: Path, program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spawn, "HELD_PATIENCE", 0.05)
    program.write_text(
        f"#!/bin/sh\necho x >> {tmp_path}/starts\n[ $(wc -l < {tmp_path}/starts) -gt 2 ] && {{ echo ours; exit 3; }}\n"
        f"exit {LOCK_HELD}\n"
    )
    with pytest.raises(NoWorker, match="could not start: ours"):  # the third one had the state folder for itself
        await Spawner(mine(tmp_path / "state"), service=None).locate()


async def test_a_child_that_never_answers_is_ended(
    tmp_path: Path, program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spawn, "START_TIMEOUT", 0.3)
    program.write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid\nexec sleep 60\n")
    with pytest.raises(NoWorker, match="did not answer within"):
        await Spawner(mine(tmp_path / "state"), service=None).locate()
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_no_secret_is_in_a_child_s_arguments_or_environment(
    tmp_path: Path, program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program.write_text(
        f'#!/bin/sh\necho "$@" > {tmp_path}/told; env >> {tmp_path}/told; head -1 < /dev/fd/$6 > {tmp_path}/given\n'
    )
    settings = mine(tmp_path / "state", nats=NatsSettings(url="nats://here:4222", password=Secret("hunter2")))
    started = Child.start(settings)
    started.let_go()
    started._process.wait(20)
    assert "hunter2" not in (tmp_path / "told").read_text()
    assert "worker --parent-fd" in (tmp_path / "told").read_text()
    assert "hunter2" in (tmp_path / "given").read_text()  # through the pipe


def test_a_long_log_is_put_aside(tmp_path: Path, program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "LOG_BYTES", 10)
    (tmp_path / "worker.log").write_text("of earlier workers\n")
    started = Child.start(mine(tmp_path))
    started._process.wait(20)
    assert (tmp_path / "worker.log.1").read_text() == "of earlier workers\n"
    assert started.last_words() == "no such thing"
    started.let_go()


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (b"HTTP/1.1 403 Forbidden\r\n\r\n{}", WrongWorker),
        (b"HTTP/1.1 200 OK\r\n\r\nnot json", Silent),
        (b"SSH-2.0-OpenSSH_9\r\n", Silent),
        (b'HTTP/1.1 200 OK\r\n\r\n{"fingerprint": 3}', Silent),
    ],
)
async def test_strange_answers(short: Path, answer: bytes, outcome: type[Exception]) -> None:
    async with worker(short / "x.sock", answer):
        with pytest.raises(outcome):
            await ask(short / "x.sock")


async def test_one_that_says_nothing_is_silent(short: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spawn, "ANSWER_TIMEOUT", 0.2)
    opened: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        opened.append(writer)

    server = await asyncio.start_unix_server(serve, short / "x.sock")
    with pytest.raises(Silent, match="does not answer"):
        await ask(short / "x.sock")
    for writer in opened:
        writer.close()
    server.close()
    await server.wait_closed()
