"""The feed of a worker: what its frames say whatever the worker does. The worker here is a script on a real socket."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from app.feed.acts import Refresh
from app.feed.client import WorkerFeed
from app.feed.ledger import Ledger
from app.feed.protocol import FeedState, Frame
from app.feed.target import NoWorker, Target, WrongWorker
from app.feed.wire import BYE, WIRE, Mark
from app.model.broker import Stream
from app.model.fleet import Agent
from app.model.snapshot import Site, Snapshot

Reply = tuple[int, bytes] | None  # None: close the connection without a word


class Worker:
    """Answers polls from a ledger, or as `script` says: one reply, or a coroutine function making one, each."""

    def __init__(self) -> None:
        self.ledger = Ledger()
        self.published = asyncio.Event()
        self.script: list[Reply | Callable[[], Awaitable[Reply]]] = []
        self.questions: list[dict[str, str]] = []
        self.refreshes = 0
        self.held = 0
        self.most_held = 0
        self.headers = b""
        self.encode: Callable[[bytes], bytes] = bytes

    def publish(self, seq: int, *, epoch: str = "e", **fields: Any) -> None:
        self.ledger.update(Snapshot(epoch=epoch, seq=seq, **fields))
        self.published.set()
        self.published = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                answer = asyncio.ensure_future(self.reply(head))
                gone = asyncio.ensure_future(reader.read(0) if reader.at_eof() else self.ends(reader))
                await asyncio.wait([answer, gone], return_when=asyncio.FIRST_COMPLETED)
                gone.cancel()
                if not answer.done():
                    answer.cancel()
                    return
                reply = answer.result()
                if reply is None:
                    return
                status, body = reply
                body = self.encode(body)
                writer.write(
                    b"HTTP/1.1 %d X\r\n%scontent-length: %d\r\n\r\n" % (status, self.headers, len(body)) + body
                )
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    @staticmethod
    async def ends(reader: asyncio.StreamReader) -> None:
        while not reader.at_eof():
            await asyncio.sleep(0.01)

    async def reply(self, head: bytes) -> Reply:
        method, target, _ = head.split(b" ", 2)
        if method == b"POST":
            self.refreshes += 1
            return 202, b"{}"
        parameters = {name: values[0] for name, values in parse_qs(urlsplit(target.decode()).query).items()}
        self.questions.append(parameters)
        self.held += 1
        self.most_held = max(self.most_held, self.held)
        try:
            if self.script:
                scripted = self.script.pop(0)
                return await scripted() if callable(scripted) else scripted
            return 200, await self.answer(parameters)
        finally:
            self.held -= 1

    async def answer(self, parameters: dict[str, str]) -> bytes:
        since = Mark.parse(parameters["since"]) if "since" in parameters else None
        sections = parameters["sections"].split(",")
        while not self.ledger.news(since, sections) and parameters.get("wait") != "0":
            await self.published.wait()
        return self.ledger.answer(since, sections)


@asynccontextmanager
async def listening(worker: Worker, path: Path) -> AsyncIterator[Target]:
    tasks: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        await worker.serve(reader, writer)

    server = await asyncio.start_unix_server(connected, path)
    try:
        yield Target(socket_path=str(path))
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        path.unlink(missing_ok=True)


class Frames:
    """Reads a feed's frames, and closes it."""

    def __init__(self, feed: WorkerFeed) -> None:
        self.feed = feed
        self.seen: list[Frame] = []
        self._frames = feed.frames()

    async def until(self, wanted: Callable[[Frame], bool]) -> Frame:
        async with asyncio.timeout(20):
            async for frame in self._frames:
                self.seen.append(frame)
                if wanted(frame):
                    return frame
        raise AssertionError("the frames ended")

    async def state(self, state: FeedState) -> Frame:
        return await self.until(lambda frame: frame.state is state)

    async def seq(self, seq: int) -> Frame:
        return await self.until(lambda frame: frame.state is FeedState.LIVE and frame.snapshot.seq == seq)

    async def __aenter__(self) -> Frames:
        return self

    async def __aexit__(self, *_: object) -> None:
        async with asyncio.timeout(5):
            await self.feed.close()


def at(*targets: Target | Exception) -> Callable[[], Awaitable[Target]]:
    """Finds each of the targets in turn, the last one again and again."""
    left = list(targets)

    async def locate() -> Target:
        found = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(found, Exception):
            raise found
        return found

    return locate


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "w.sock"


@pytest.fixture
async def worker() -> Worker:
    worker = Worker()
    worker.publish(1, streams={"S": Stream("S"), "T": Stream("T")})
    return worker


async def test_frames_begin_with_starting_then_whole_then_changes(worker: Worker, path: Path) -> None:
    async with listening(worker, path) as target, Frames(WorkerFeed(at(target))) as frames:
        frames.feed.watch({"streams"})
        first = await frames.until(lambda _: True)
        assert (first.state, first.snapshot.streams, first.heard) == (FeedState.STARTING, {}, 0.0)
        live = await frames.state(FeedState.LIVE)
        assert live.whole == {"findings", "streams"}
        assert live.snapshot.streams == {"S": Stream("S"), "T": Stream("T")}
        assert 0 <= time.monotonic() - live.heard < 20
        worker.publish(2, streams={"S": Stream("S", messages=1)})
        frame = await frames.seq(2)
        assert (frame.changed, frame.gone) == ({"streams": frozenset({"S"})}, {"streams": frozenset({"T"})})
        assert frame.whole == frozenset()
        assert worker.questions[-1]["since"] == "e.1"


async def test_watching_more_asks_only_for_the_new_section_whole(worker: Worker, path: Path) -> None:
    async with listening(worker, path) as target, Frames(WorkerFeed(at(target))) as frames:
        frames.feed.watch({"streams"})
        streams = (await frames.seq(1)).snapshot.streams
        frames.feed.watch({"streams", "agents"})
        frame = await frames.until(lambda frame: "agents" in frame.whole)
        assert frame.whole == {"agents"}
        assert frame.snapshot.streams is streams
        worker.publish(2, streams={"S": Stream("S"), "T": Stream("T")}, agents={"a": Agent("a", "a", "a")})
        assert (await frames.seq(2)).changed == {"agents": frozenset({"a"})}
        whole = [question["sections"] for question in worker.questions if "since" not in question]
        assert whole == ["findings,streams", "agents"]
        assert worker.most_held == 1


async def test_watching_less_lets_rows_go(worker: Worker, path: Path) -> None:
    async with listening(worker, path) as target, Frames(WorkerFeed(at(target))) as frames:
        frames.feed.watch({"streams"})
        await frames.seq(1)
        frames.feed.watch(())
        worker.publish(2, site=Site(name="other"))
        frame = await frames.seq(2)
        assert frame.snapshot.streams == {}
        assert frame.changed == frame.gone == {}
        assert worker.questions[-1]["sections"] == "findings"


def test_an_unknown_section_is_the_callers_mistake() -> None:
    with pytest.raises(KeyError):
        WorkerFeed(at(NoWorker("none"))).watch({"nonsense"})


async def test_what_is_looked_at_is_told_with_the_next_question(worker: Worker, path: Path) -> None:
    async with listening(worker, path) as target, Frames(WorkerFeed(at(target))) as frames:
        frames.feed.look({"stream:a&b=c"})
        await frames.seq(1)
        assert worker.questions[0]["look"] == "stream:a&b=c"
        assert worker.questions[0]["deck"]
        frames.feed.look({f"stream:{number}" for number in range(200)})
        worker.publish(2, site=Site(name="x"))
        worker.publish(3, site=Site(name="y"))
        await frames.seq(3)


async def test_a_silent_worker_is_lost_with_the_last_snapshot_and_answers_again(worker: Worker, path: Path) -> None:
    silent = asyncio.Event()

    async def hang() -> Reply:
        await silent.wait()
        return 200, worker.ledger.answer(Mark("e", 1), ())

    async with listening(worker, path) as target, Frames(WorkerFeed(at(target), silence=0.2)) as frames:
        worker.script = [(200, worker.ledger.answer(None, {"streams"})), hang]
        frames.feed.watch({"streams"})
        live = await frames.seq(1)
        lost = await frames.state(FeedState.LOST)
        assert lost.snapshot is live.snapshot
        assert lost.note == "the worker has said nothing for 0s"
        silent.set()
        again = await frames.state(FeedState.LIVE)
        assert again.heard > live.heard
        assert again.snapshot.streams is live.snapshot.streams


async def test_a_deck_that_was_stopped_itself_does_not_blame_the_worker(worker: Worker, path: Path) -> None:
    async def stopped() -> Reply:
        time.sleep(2.2)  # nothing turns, as after Ctrl+Z
        worker.publish(2, site=Site(name="x"))
        return 200, worker.ledger.answer(Mark("e", 1), ())

    async with listening(worker, path) as target, Frames(WorkerFeed(at(target), silence=1.0)) as frames:
        worker.script = [(200, worker.ledger.answer(None, ())), stopped]
        await frames.seq(1)
        frames.seen.clear()
        await frames.seq(2)
        assert FeedState.LOST not in {frame.state for frame in frames.seen}


async def test_a_worker_that_ended_is_found_or_started_again(worker: Worker, tmp_path: Path) -> None:
    let_go: list[str] = []
    first, second = tmp_path / "1.sock", tmp_path / "2.sock"
    other = Worker()
    other.publish(1, epoch="other", streams={"S": Stream("S"), "N": Stream("N")})
    async with listening(other, second):
        locate = at(
            Target(socket_path=str(first), close=lambda: let_go.append("first")),
            NoWorker("no worker, and none could be started: disk full"),
            Target(socket_path=str(second), started=True, note="it ended with code 3"),
        )
        async with Frames(WorkerFeed(locate)) as frames:
            async with listening(worker, first):
                frames.feed.watch({"streams"})
                live = await frames.seq(1)
            lost = await frames.state(FeedState.LOST)
            assert lost.snapshot is live.snapshot
            lost = await frames.until(lambda frame: "disk full" in frame.note)
            assert lost.state is FeedState.LOST
            assert let_go == ["first"]
            again = await frames.state(FeedState.LIVE)
            assert again.note == "worker ended, started again: it ended with code 3"
            assert again.whole == {"findings", "streams"}
            assert again.snapshot.streams.keys() == {"S", "N"}
            assert again.snapshot.streams["S"] is live.snapshot.streams["S"]


async def test_a_broken_connection_alone_is_mended_without_a_word(worker: Worker, path: Path) -> None:
    async with listening(worker, path) as target, Frames(WorkerFeed(at(target))) as frames:
        await frames.seq(1)
        worker.script = [None]
        worker.publish(2, site=Site(name="b"))
        await frames.seq(2)
        worker.publish(3, site=Site(name="c"))
        await frames.seq(3)
        assert {frame.state for frame in frames.seen} == {FeedState.STARTING, FeedState.LIVE}


async def test_goodbye_is_a_loss_at_once(worker: Worker, path: Path) -> None:
    async with listening(worker, path) as target, Frames(WorkerFeed(at(target))) as frames:
        worker.script = [(200, worker.ledger.answer(None, ())), (200, BYE)]
        lost = await frames.state(FeedState.LOST)
        assert lost.note == "the worker is stopping"
        assert (await frames.state(FeedState.LIVE)).note == "worker answers again"


async def test_another_wire_is_refused_with_a_sentence_and_asked_again_slowly(worker: Worker, path: Path) -> None:
    other = worker.ledger.answer(None, ()).replace(b'{"wire":%d' % WIRE, b'{"wire":%d' % (WIRE + 1))
    async with listening(worker, path) as target, Frames(WorkerFeed(at(target), refused_pause=0.2)) as frames:
        worker.script = [(200, other)]
        refused = await frames.state(FeedState.REFUSED)
        assert refused.note.startswith(f"worker speaks wire {WIRE + 1}, this deck ")
        assert refused.note.endswith("update this deck")
        await frames.state(FeedState.LIVE)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, "wants a token"),
        (403, "does not let us in"),
        (404, "has no feed for decks"),
        (422, "refuses our question"),
    ],
)
async def test_who_refuses_us_is_quoted(worker: Worker, path: Path, status: int, words: str) -> None:
    async with listening(worker, path) as target, Frames(WorkerFeed(at(target), refused_pause=60)) as frames:
        worker.script = [(status, b"\x1b]52;c;x\x07 no")]
        refused = await frames.state(FeedState.REFUSED)
        assert words in refused.note
        assert refused.note.isprintable()
        await frames.feed.act(Refresh())  # somebody does not want to wait
        await frames.state(FeedState.LIVE)


async def test_another_fleets_worker_is_refused_in_its_finders_words(worker: Worker, path: Path) -> None:
    async with listening(worker, path) as target:
        locate = at(WrongWorker("it watches nats://a, not nats://b"), target)
        async with Frames(WorkerFeed(locate, refused_pause=0.1)) as frames:
            assert (await frames.state(FeedState.REFUSED)).note == "it watches nats://a, not nats://b"
            await frames.state(FeedState.LIVE)


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"wire":%d}\n' % WIRE], ids=["nothing", "a page", "cut"])
async def test_an_answer_that_cannot_be_read_is_asked_for_anew(worker: Worker, path: Path, body: bytes) -> None:
    async with listening(worker, path) as target, Frames(WorkerFeed(at(target))) as frames:
        await frames.seq(1)
        worker.script = [(200, body)]
        worker.publish(2, site=Site(name="x"))
        await frames.seq(2)
        worker.script = [(200, body)]
        worker.publish(3, site=Site(name="y"))
        frame = await frames.seq(3)
        assert frame.snapshot.site.name == "y"


async def test_a_worker_with_a_fault_is_lost_and_said(worker: Worker, path: Path) -> None:
    async with listening(worker, path) as target, Frames(WorkerFeed(at(target))) as frames:
        await frames.seq(1)
        worker.script = [(500, b"oh"), (500, b"oh"), (500, b"oh")]
        worker.publish(2, site=Site(name="x"))
        worker.publish(3, site=Site(name="y"))
        assert (await frames.state(FeedState.LOST)).note.endswith("answers 500")
        await frames.state(FeedState.LIVE)


async def test_a_finder_that_breaks_is_a_loss_and_not_an_exception(worker: Worker, path: Path) -> None:
    async with (
        listening(worker, path) as target,
        Frames(WorkerFeed(at(ZeroDivisionError("oops"), target))) as frames,
    ):
        assert "oops" in (await frames.state(FeedState.LOST)).note
        await frames.state(FeedState.LIVE)


async def test_half_an_answer_of_another_run_is_never_shown(worker: Worker, path: Path) -> None:
    """The worker is replaced just as a new section is asked for: the other sections are not shown empty."""
    async with listening(worker, path) as target, Frames(WorkerFeed(at(target))) as frames:
        frames.feed.watch({"streams"})
        await frames.seq(1)
        worker.ledger = Ledger()
        worker.publish(1, epoch="other", streams={"S": Stream("S")}, agents={"a": Agent("a", "a", "a")})
        frames.feed.watch({"streams", "agents"})
        frame = await frames.until(lambda frame: frame.snapshot.epoch == "other")
        assert frame.whole == {"findings", "streams", "agents"}
        assert (frame.snapshot.streams.keys(), frame.snapshot.agents.keys()) == ({"S"}, {"a"})
        assert "worker ended" in frame.note


async def test_a_slow_reader_is_told_everything_in_one_frame(worker: Worker, path: Path) -> None:
    async with listening(worker, path) as target, Frames(WorkerFeed(at(target))) as frames:
        frames.feed.watch({"streams"})
        await frames.seq(1)
        for seq, name in ((2, "A"), (3, "B")):
            worker.publish(seq, streams={"S": Stream("S"), name: Stream(name)})
            async with asyncio.timeout(10):
                while worker.questions[-1].get("since") != f"e.{seq}":
                    await asyncio.sleep(0.01)
        frame = await frames.seq(3)
        assert frame.changed == {"streams": frozenset({"B"})}
        assert frame.gone == {"streams": frozenset({"T", "A"})}


async def test_refresh_is_posted_beside_the_held_poll_and_never_raises(worker: Worker, path: Path) -> None:
    async with Frames(WorkerFeed(at(Target(socket_path=str(path))))) as frames:
        async with listening(worker, path):
            await frames.seq(1)
            await frames.feed.act(Refresh())
            assert worker.refreshes == 1
        await frames.feed.act(Refresh())


async def test_compressed_answers_are_read(worker: Worker, path: Path) -> None:
    from backports import zstd

    worker.headers, worker.encode = b"content-encoding: zstd\r\n", zstd.compress
    async with listening(worker, path) as target, Frames(WorkerFeed(at(target))) as frames:
        frames.feed.watch({"streams"})
        assert (await frames.seq(1)).snapshot.streams.keys() == {"S", "T"}
        worker.encode = bytes
        worker.publish(2, site=Site(name="x"))
        await frames.until(lambda frame: "broken zstd" in frame.note or frame.state is FeedState.LOST)
        worker.headers = b""
        worker.publish(3, site=Site(name="y"))
        await frames.seq(3)


async def test_by_url_compression_is_asked_for_and_nobody_there_is_said(worker: Worker) -> None:
    heads: list[bytes] = []
    reply = worker.reply

    async def noting(head: bytes) -> Reply:
        heads.append(head.lower())
        return await reply(head)

    worker.reply = noting  # type: ignore[method-assign]
    server = await asyncio.start_server(worker.serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with Frames(WorkerFeed(at(Target(url=url)))) as frames:
        await frames.seq(1)
        assert b"accept-encoding: zstd\r\n" in heads[0]
    server.close()
    async with Frames(WorkerFeed(at(Target(url=url)))) as frames:
        assert (await frames.state(FeedState.LOST)).note == f"no worker answers at {url}"


@pytest.mark.parametrize("url", ["ftp://x", "http://[", "nonsense"])
async def test_an_address_that_is_none_is_refused(url: str) -> None:
    async with Frames(WorkerFeed(at(Target(url=url)))) as frames:
        frame = await frames.until(lambda frame: frame.state is not FeedState.STARTING)
        assert frame.note


async def test_close_ends_the_frames_quickly_whatever_hangs(worker: Worker, path: Path) -> None:
    async def hang() -> Any:
        await asyncio.Event().wait()

    async def broken() -> None:
        raise OSError("gone")

    async with listening(worker, path):
        for locate, state in (
            (hang, FeedState.STARTING),
            (at(Target(socket_path=str(path), close=hang)), FeedState.LIVE),
            (at(Target(socket_path=str(path), close=broken)), FeedState.LIVE),
        ):
            feed = WorkerFeed(locate)
            frames = Frames(feed)
            await frames.state(state)
            reading = asyncio.create_task(anext(frames._frames, None))
            await asyncio.sleep(0)
            async with asyncio.timeout(8):
                await feed.close()
                await feed.close()
                assert await reading is None


async def test_close_before_anything_was_read_is_quiet() -> None:
    feed = WorkerFeed(at(NoWorker("none")))
    await feed.close()
    assert [frame async for frame in feed.frames()] == []


def test_nothing_heavy_is_imported_before_the_first_frame() -> None:
    script = """
import asyncio, sys
from app.feed.client import WorkerFeed
async def locate():
    await asyncio.Event().wait()
async def main():
    feed = WorkerFeed(locate)
    async for frame in feed.frames():
        break
    await feed.close()
    print(sorted({"httpx", "anyio", "fastapi", "uvicorn", "nats", "textual"} & sys.modules.keys()))
asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")
