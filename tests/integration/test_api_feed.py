"""The server for real: uvicorn on a Unix socket and on TCP, decks and strangers at the other end."""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import uvloop

from app.api import protocol, server
from app.api.server import serve
from app.feed.acts import ChooseNamespace, Refresh
from app.feed.client import WorkerFeed
from app.feed.protocol import FeedState, Frame
from app.feed.target import Target
from app.feed.wire import BYE
from app.model.broker import Stream
from app.model.snapshot import Snapshot
from app.worker.board import Board
from app.worker.sockets import bind_tcp, bind_unix

SECTIONS = ("streams", "agents", "vitals")


@dataclass
class Served:
    board: Board
    path: Path
    port: int
    task: asyncio.Task[None]

    def feed(self) -> WorkerFeed:
        async def locate() -> Target:
            return Target(socket_path=str(self.path))

        return WorkerFeed(locate)

    async def stop(self) -> float:
        """Stops it and says how long that took."""
        began = time.monotonic()
        self.board.stop()
        async with asyncio.timeout(30):
            await self.task
        return time.monotonic() - began


@asynccontextmanager
async def served(path: Path) -> AsyncIterator[Served]:
    board, up = Board(), asyncio.Event()
    near, tcp = bind_unix(path, {}), bind_tcp("127.0.0.1:0", insecure=False)
    port = tcp.getsockname()[1]
    task = asyncio.create_task(serve(board, socket=near, tcp=tcp, ready=up.set))
    async with asyncio.timeout(30):
        await up.wait()
    running = Served(board, path, port, task)
    try:
        yield running
    finally:
        await running.stop()


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a short name: a socket's path has little room."""
    path = Path(tempfile.mkdtemp(prefix="wd-"))
    yield path
    shutil.rmtree(path)


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Any:
    """Runs a coroutine on the loop that a worker uses, and on the one that it would use without."""
    factory = uvloop.new_event_loop if request.param == "uvloop" else None

    def run(work: Coroutine[Any, Any, None]) -> None:
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(work)

    return run


async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, text: bytes) -> bytes:
    """Sends bytes and reads to the end of the connection."""
    writer.write(text)
    async with asyncio.timeout(20):
        answer = await reader.read()
    writer.close()
    return answer


async def by_tcp(port: int, text: bytes) -> bytes:
    return await say(*await asyncio.open_connection("127.0.0.1", port), text)


async def by_socket(path: Path, text: bytes) -> bytes:
    return await say(*await asyncio.open_unix_connection(path), text)


async def first_live(feed: WorkerFeed, seq: int = 1) -> Frame:
    async with asyncio.timeout(20):
        async for frame in feed.frames():
            if frame.state is FeedState.LIVE and frame.snapshot.seq >= seq:
                return frame
    raise AssertionError("the frames ended")


def streams(count: int, messages: int = 0) -> dict[str, Stream]:
    return {f"S{i}": Stream(f"S{i}", messages=messages) for i in range(count)}


def test_a_deck_reads_over_the_socket_and_signals_stay_the_workers(folder: Path, run: Any) -> None:
    async def check() -> None:
        handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
        async with served(folder / "w") as running:
            running.board.publish(Snapshot("e", 1, streams=streams(3)))
            feed = running.feed()
            feed.watch({"streams"})
            assert (await first_live(feed)).snapshot.streams == streams(3)
            await feed.act(Refresh())
            assert running.board.refresh_wanted.is_set()
            assert await feed.act(ChooseNamespace("blue-1")) == ""
            assert running.board.namespace == "blue-1"
            assert await feed.act(ChooseNamespace("a b\x1b")) != ""
            assert running.board.namespace == "blue-1"
            assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == handlers
            await feed.close()
        with pytest.raises(OSError):
            await asyncio.open_connection("127.0.0.1", running.port)

    run(check())


def test_ten_held_polls_hear_goodbye_and_the_end_comes_in_time(folder: Path, run: Any) -> None:
    async def check() -> None:
        async with served(folder / "w") as running:
            running.board.publish(Snapshot("e", 1))
            poll = b"GET /api/v1/feed?since=e.1 HTTP/1.1\r\nHost: x\r\n\r\n"
            polls = [asyncio.create_task(by_socket(running.path, poll)) for _ in range(10)]
            idle = await asyncio.open_connection("127.0.0.1", running.port)
            while await held(running) < 10:
                await asyncio.sleep(0.02)
            assert await running.stop() < 5
            answers = await asyncio.gather(*polls)
            assert all(answer.endswith(BYE) for answer in answers)
            assert await idle[0].read() == b""
            idle[1].close()

    run(check())


async def held(running: Served) -> int:
    """How many polls wait: tasks of the server's that hold one."""
    await asyncio.sleep(0)
    return sum("_news" in repr(task.get_coro()) for task in asyncio.all_tasks())


def test_readiness_is_gone_while_the_socket_still_drains(folder: Path, run: Any) -> None:
    async def check() -> None:
        async with served(folder / "w") as running:
            running.board.unreachable, running.board.collected = "", True
            request = b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
            assert b" 200 " in await by_tcp(running.port, request)
            reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
            running.board.stop()
            answer = await say(reader, writer, request)
            assert b" 503 " in answer
            assert answer.endswith(b'{"ok":false,"failed":["stopping"]}')

    run(check())


def test_a_deck_that_does_not_read_holds_up_nobody(folder: Path, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "GRACE", 1)

    async def check() -> None:
        async with served(folder / "w") as running:
            running.board.publish(Snapshot("e", 1, streams=streams(20_000)))
            slow = socket.socket(socket.AF_UNIX)
            slow.connect(str(running.path))
            slow.sendall(b"GET /api/v1/feed?sections=streams HTTP/1.1\r\nHost: x\r\n\r\n")
            feed = running.feed()
            feed.watch({"streams"})
            frame = await first_live(feed)
            assert len(frame.snapshot.streams) == 20_000
            running.board.publish(Snapshot("e", 2, streams=streams(20_000, messages=1)))
            assert (await first_live(feed, 2)).snapshot.streams["S7"].messages == 1
            await feed.close()
            assert await running.stop() < 5
            slow.close()

    run(check())


def test_a_poll_ends_with_its_deck(folder: Path, run: Any) -> None:
    async def check() -> None:
        async with served(folder / "w") as running:
            running.board.publish(Snapshot("e", 1))
            _, writer = await asyncio.open_unix_connection(running.path)
            writer.write(b"GET /api/v1/feed?since=e.1&deck=d HTTP/1.1\r\nHost: x\r\n\r\n")
            async with asyncio.timeout(20):
                while not await held(running):
                    await asyncio.sleep(0.01)
                heard = time.monotonic()
                writer.close()
                while await held(running):
                    await asyncio.sleep(0.01)
            assert time.monotonic() - heard < 4  # not only at the end of the poll's time
            await asyncio.sleep(0.05)
            assert running.board.decks(0.04) == 0

    run(check())


async def test_over_tcp_only_own_names_and_probes_are_answered(folder: Path) -> None:
    expected = {
        b"GET /health HTTP/1.1\r\nHost: localhost\r\n": b"200",
        b"GET /health HTTP/1.0\r\n": b"200",
        b"GET /health HTTP/1.1\r\n": b"400",
        b"GET /health HTTP/1.1\r\nHost: evil.example\r\n": b"421",
        b"GET /health HTTP/1.1\r\nHost: evil.example\r\nX-Forwarded-Host: localhost\r\n": b"421",
        b"GET http://localhost/health HTTP/1.1\r\nHost: evil.example\r\n": b"421",
        b"GET /api/v1/feed HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 127.0.0.1\r\n": b"401",
        b"GET /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10000000\r\n": b"413",
        b"GET /health\x00 HTTP/1.1\r\nHost: localhost\r\n": b"400",
        b"nonsense\r\n": b"400",
    }
    async with served(folder / "w") as running:
        answers = {text: await by_tcp(running.port, text + b"Connection: close\r\n\r\n") for text in expected}
        assert {text: answer.split(b" ")[1] for text, answer in answers.items()} == expected
        for text, answer in answers.items():
            if expected[text] != b"200":
                assert json.loads(answer.partition(b"\r\n\r\n")[2])["code"] == int(expected[text])


async def test_who_does_not_say_what_he_wants_is_cut_off(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "REQUEST_PATIENCE", 0.2)
    async with served(folder / "w") as running:
        assert await by_tcp(running.port, b"") == b""
        for text in (b"GET /hea", b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\nGET /hea"):
            try:
                answer = await by_tcp(running.port, text)
            except ConnectionResetError:
                continue
            assert answer.count(b"HTTP/1.1") <= 1
        assert b" 200 " in await by_tcp(running.port, b"GET /health HTTP/1.0\r\n\r\n")


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
def test_another_user_is_shown_out(folder: Path, run: Any) -> None:
    stranger = """
import os, socket, sys
os.setgroups([]); os.setgid(65534); os.setuid(65534)
connection = socket.socket(socket.AF_UNIX)
connection.connect(sys.argv[1])
try:
    connection.sendall(b"GET /health HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n")
except BrokenPipeError:
    pass
answer = b""
while piece := connection.recv(65536):
    answer += piece
sys.stdout.buffer.write(answer)
"""

    async def ask(path: Path) -> bytes:
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-I", "-c", stranger, str(path), stdout=asyncio.subprocess.PIPE, stderr=subprocess.STDOUT
        )
        async with asyncio.timeout(30):
            answer, _ = await child.communicate()
        return answer

    async def check() -> None:
        async with served(folder / "w") as running:
            assert running.path.stat().st_mode & 0o777 == 0o600
            assert b"PermissionError" in await ask(running.path)
            folder.chmod(0o755)  # even if somebody opened it
            running.path.chmod(0o666)
            answer = await ask(running.path)
            assert answer.startswith(b"HTTP/1.1 403 ")
            assert b"belongs to another user" in answer
            assert b" 200 " in await by_socket(running.path, b"GET /health HTTP/1.0\r\n\r\n")

    run(check())


async def test_decks_that_come_go_and_change_their_minds_end_with_the_truth(folder: Path) -> None:
    """Five decks under load; what each holds at the end is what the worker holds."""
    chance = random.Random(4)
    async with served(folder / "w") as running:
        truth = Snapshot("e", 1)
        feeds = [running.feed() for _ in range(5)]
        wanted = [frozenset(chance.sample(SECTIONS, chance.randint(0, 3))) for _ in feeds]
        latest: list[Frame | None] = [None] * len(feeds)
        arrived = asyncio.Event()

        async def read(index: int) -> None:
            async for frame in feeds[index].frames():
                latest[index] = frame
                arrived.set()

        readers = [asyncio.create_task(read(index)) for index in range(len(feeds))]
        for step in range(150):
            table = dict(truth.streams)
            for _ in range(20):
                name = f"S{chance.randrange(300)}"
                table.pop(name, None) if chance.random() < 0.3 else table.update({name: Stream(name, messages=step)})
            truth = replace(truth, seq=truth.seq + 1, streams=table)
            running.board.publish(truth)
            index = chance.randrange(len(feeds))
            wanted[index] = frozenset(chance.sample(SECTIONS, chance.randint(0, 3)))
            feeds[index].watch(wanted[index])
            await asyncio.sleep(0.002)
        for index, feed in enumerate(feeds):
            wanted[index] |= {"streams"}
            feed.watch(wanted[index])
        truth = replace(truth, seq=truth.seq + 1, streams=truth.streams | {"last": Stream("last")})
        running.board.publish(truth)
        async with asyncio.timeout(30):
            while not all(frame and "last" in frame.snapshot.streams for frame in latest):
                arrived.clear()
                await arrived.wait()
        assert all(frame is not None and frame.snapshot.streams == truth.streams for frame in latest)
        for feed in feeds:
            await feed.close()
        await asyncio.gather(*readers)
