"""What messages of the sessions stream are read as, how much is in memory at once, and what is done when it is calm."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from app.model.sessions import Intake, IntakeState
from app.sources.errors import NotPermitted
from app.sources.sessionfeed import BATCH, Message, SessionFeed, SessionStream
from app.store.errors import StoreFailed
from app.store.intake import Arrived, Origin, Taken
from app.worker.board import Board
from app.worker.sessionbatch import Batch, read_into
from app.worker.sessionreading import Progress, SessionReading
from app.worker.upkeep import Upkeep
from tests.ingesting import event

AT = 1_795_356_072_123


def message(content: object, *, id: str = "", seq: int = 7) -> Message:
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    headers = f"NATS/1.0\r\nNats-Msg-Id: {id}\r\n\r\n".encode() if id else None
    return Message(b"$JS.ACK.S.C.1.7.7.0.0", b"sessions.x", data, headers, seq, AT, 0)


def read(content: object, *, id: str = "") -> Batch:
    batch = Batch([message(content, id=id)])
    read_into(batch, batch.messages[0])
    assert len(batch.kept) + len(batch.useless) == 1
    return batch


def test_an_event_has_the_brokers_time_and_the_messages_id_where_it_has_none() -> None:
    (arrived,) = read(event(), id="m").arrived
    assert (arrived.event.at, arrived.event.id, arrived.seq, arrived.place) == (AT, "m", 7, 0)
    own = read(event(id="own", timestamp="2026-11-22T14:00:00Z"), id="m").arrived[0].event
    assert own.id == "own"
    assert own.at == 1_795_356_000_000
    assert [each.event.id for each in read([event(), event(id="x"), event()], id="m").arrived] == ["m#0", "x", "m#2"]
    assert [each.event.id for each in read({"events": [event()]}, id="m").arrived] == ["m#0"]
    assert read(event()).arrived[0].event.id == ""


def test_an_id_that_cannot_be_kept_is_told_by_its_hash() -> None:
    long, other = (read(event(), id=name).arrived[0].event.id for name in ("x" * 300, "x" * 301))
    assert len(long) == 64
    assert long != other
    assert read(event(), id="a\u202eb").arrived[0].event.id != read(event(), id="a\u202db").arrived[0].event.id


def test_a_message_is_useless_only_if_nothing_in_it_is_usable() -> None:
    mixed = read([event(), 7, event(severity="loud")])
    assert (len(mixed.arrived), len(mixed.kept)) == (1, 1)
    assert (mixed.unusable[0].place, mixed.unusable[0].body) == (1, "7")
    assert mixed.unusable[1].place == 2
    for content in (b"", b"\xff", b"{", b"[" * 100_000, [7], 7, None, {"events": 1}, [event()] * 10_001):
        batch = read(content)
        assert len(batch.useless) == 1, content
        assert batch.unusable
        assert all(each.reason for each in batch.unusable)
    assert read([event()] * 10_001).unusable[0].place == -1
    assert read(b"no \x1b[31mJSON").unusable[0].body == "no JSON"
    assert read([]).kept  # nothing wrong, nothing in it


class Link:
    """A connection whose server gives as many messages as are asked for."""

    up = True
    generation = 1
    clock_offset = 0.0

    def __init__(self, messages: int) -> None:
        self.left = messages
        self.given = 0
        self.answers: list[bytes] = []
        self.take: Any = None

    async def subscribe(self, take: Any, *, tail: str = "") -> Any:
        self.take = take

        async def end() -> None:
            self.take = None

        return "_INBOX.x", end

    def publishing(self, prefix: str, refused: Any) -> Any:
        return lambda: None

    async def drained(self) -> None:
        pass

    async def send(self, messages: Any) -> None:
        for subject, reply, payload in messages:
            if subject.startswith(b"$JS.ACK."):
                self.answers.append(payload)
                continue
            wanted = json.loads(payload)["batch"]
            for _ in range(min(wanted, self.left)):
                self.left -= 1
                self.given += 1
                ack = b"$JS.ACK.S.C.1.%d.%d.%d.%d" % (self.given, self.given, AT * 1_000_000, self.left)
                self.take(b"sessions.x", ack, json.dumps(event()).encode(), None)
            if not self.left:
                self.take(reply, b"", b"", b"NATS/1.0 408 Request Timeout\r\n\r\n")


def reading(link: Link, take: Any, stopping: asyncio.Event) -> tuple[SessionReading, Progress]:
    api = SimpleNamespace(link=link, subject=lambda name: f"$JS.API.{name}", call=None)
    stream = SessionStream(api, "S", "sessions.>")  # type: ignore[arg-type]

    async def left(durable: str) -> tuple[int, int]:
        return link.left, 0

    stream.left = left  # type: ignore[method-assign]
    store = SimpleNamespace(intake=SimpleNamespace(take=take), trouble="")
    progress = Progress()
    origin = Origin("S", "now")
    made = SessionReading(stream, "C", origin, store, progress, stopping=stopping, fits=lambda: True)  # type: ignore[arg-type]
    return made, progress


async def test_two_batches_are_in_memory_at_most_and_the_last_is_finished_at_the_end() -> None:
    link, stopping, stored = Link(2000), asyncio.Event(), 0
    most = 0

    async def take(arrived: list[Arrived], **_: Any) -> Taken:
        nonlocal stored, most
        for _ in range(20):
            await asyncio.sleep(0.001)
            most = max(most, made.unkept)
        assert made.oldest == AT
        stored += len(arrived)
        assert len(link.answers) < stored  # nothing is acknowledged before it is kept
        if stored >= 1000:
            stopping.set()
        return Taken((), len(arrived), 0, frozenset())

    made, progress = reading(link, take, stopping)
    async with asyncio.timeout(20):
        await made.run()
    assert BATCH < most <= 2 * BATCH
    assert link.given == stored == progress.taken == len(link.answers) >= 1000
    assert set(link.answers) == {b"+ACK"}
    assert made.unkept == 0


async def test_what_could_not_be_kept_is_given_back_and_small_batches_come_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("app.worker.sessionreading.RETRY", 0.02)
    link, stopping = Link(500), asyncio.Event()
    sizes: list[int] = []

    async def take(arrived: list[Arrived], **_: Any) -> Taken:
        sizes.append(len(arrived))
        if len(sizes) == 1:
            raise StoreFailed("session store is full")
        if link.left == 0:
            stopping.set()
        return Taken((), len(arrived), 0, frozenset())

    made, progress = reading(link, take, stopping)
    async with asyncio.timeout(20):
        await made.run()
    assert sizes[0] == BATCH
    assert sizes[1] <= 20
    given_back = sum(1 for answer in link.answers if answer.startswith(b"-NAK"))
    assert given_back >= BATCH
    assert progress.taken + given_back == 500
    assert progress.state is IntakeState.READING


async def test_a_feed_that_breaks_says_why() -> None:
    link = Link(0)

    async def take(arrived: list[Arrived], **_: Any) -> Taken:
        raise AssertionError

    made, _ = reading(link, take, asyncio.Event())
    running = asyncio.create_task(made.run())
    await asyncio.sleep(0.01)
    made._feed._break(NotPermitted("publish", "$JS.ACK.S.>"))
    with pytest.raises(NotPermitted, match=r"publish on \$JS.ACK.S.>"):
        async with asyncio.timeout(10):
            await running


async def test_the_end_of_an_earlier_pull_ends_no_later_one() -> None:
    link = Link(BATCH + 5)
    api = SimpleNamespace(link=link, subject=lambda name: name)
    feed = SessionFeed(SessionStream(api, "S", "s.>"), "C")  # type: ignore[arg-type]
    await feed.open()
    await feed.pull()
    assert len(feed.take()) == BATCH
    link.left = 0
    sent = link.send

    async def silent(messages: Any) -> None:
        """The server has nothing yet."""

    link.send = silent  # type: ignore[method-assign]
    await feed.pull()
    link.take(b"_INBOX.x.1", b"", b"", b"NATS/1.0 409 Batch Completed\r\n\r\n")
    assert not feed.filled.is_set()
    link.take(b"_INBOX.x.2", b"", b"", b"NATS/1.0 409 Consumer Deleted\r\n\r\n")
    assert feed.filled.is_set()
    assert str(feed.broken) == "the consumer is gone"
    link.send = sent  # type: ignore[method-assign]
    await feed.close()


class Kept:
    """A store whose upkeep is written down."""

    trouble = ""
    full = False

    def __init__(self, *, unclean: bool, fails: int = 0) -> None:
        self.unclean = unclean
        self.fails = fails
        self.done: list[str] = []
        self.intake = self.scores = self.retention = self

    async def verify(self) -> list[str]:
        self._note("verify")
        return ["day 1 of a"]

    async def repair(self) -> None:
        self._note("repair")

    async def fill(self, now: datetime) -> None:
        self._note(f"fill {now:%d}")

    async def keep_today(self, now: datetime) -> None:
        self._note(f"today {now:%d}")

    async def step(self, now: datetime) -> bool:
        self._note("step")
        return self.done.count("step") < 3

    def _note(self, what: str) -> None:
        if what.startswith("fill") and self.fails:
            self.fails -= 1
            raise StoreFailed("session store is full")
        self.done.append(what)


async def test_upkeep_waits_until_all_is_taken_in_and_comes_again_at_midnight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.worker.upkeep.AGAIN", 0.0)
    now = datetime(2026, 11, 22, 23, 59, tzinfo=UTC)
    store, board = Kept(unclean=True, fails=1), Board()
    upkeep = Upkeep(board, store, clock=lambda: now)  # type: ignore[arg-type]
    for intake in (Intake(), Intake(IntakeState.READING, pending=3)):
        board.intake = intake
        await upkeep._turn()
    assert store.done == []
    board.intake = Intake(IntakeState.ABSENT)
    for _ in range(8):
        await upkeep._turn()
    assert store.done == ["verify", "repair", "step", "fill 22", "today 22", "step", "step"]
    now += timedelta(minutes=1)
    await upkeep._turn()
    assert store.done[7:] == ["fill 23", "today 23"]
    store.trouble, store.done = "session store is full", []
    now += timedelta(days=1)
    upkeep._next_step = 0.0
    await upkeep._turn()
    assert store.done == []
    store.full = True  # what takes room is removed all the same
    for _ in range(2):
        await upkeep._turn()
    assert store.done == ["step", "step"]
    board.stop()
    await upkeep.run()
