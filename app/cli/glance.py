"""A look at the whole for commands: from the worker that runs, else collected here, once or for as long as wanted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Collection
from contextlib import aclosing, suppress
from dataclasses import dataclass

from app.feed.assembler import Assembler
from app.feed.link import LinkError, decompress, open_link
from app.feed.protocol import FeedState
from app.feed.spawn import Spawner
from app.feed.target import NoWorker, Target, WrongWorker
from app.feed.wire import WireError
from app.model.broker import LinkState
from app.model.snapshot import Snapshot, SourceStatus
from app.settings import Settings

PATIENCE = 5.0
"""Seconds that a command collects by itself before it answers with what it has."""


@dataclass(frozen=True, slots=True)
class Look:
    """What is known now, and from whom. `trouble` is why it cannot be believed, in one sentence; empty if it can."""

    snapshot: Snapshot
    by_worker: bool
    trouble: str = ""


async def look(settings: Settings, sections: Collection[str] = ()) -> Look:
    """One look. Never raises for the outside's faults: they are the look's trouble."""
    try:
        target, _ = await Spawner(settings).find()
    except (NoWorker, WrongWorker) as error:
        return Look(Snapshot(), True, str(error))
    return await _collected(settings) if target is None else await _asked(target, sections)


async def looks(settings: Settings, sections: Collection[str] = ()) -> AsyncIterator[Look]:
    """Looks for as long as the caller takes them: at every change, and whenever the worker goes or comes."""
    try:
        target, _ = await Spawner(settings).find()
    except (NoWorker, WrongWorker):
        target = Target()  # there should be one, and it may come
    if target is None:
        async for each in _collecting(settings):
            yield each
        return
    from app.feed.client import WorkerFeed

    spawner = Spawner(settings)

    async def locate() -> Target:
        found, passed_over = await spawner.find()
        if found is None:
            raise NoWorker(passed_over or "the worker has ended")
        return found

    feed = WorkerFeed(locate)
    feed.watch(sections)
    try:
        async for frame in feed.frames():
            if frame.state is not FeedState.STARTING:
                lost = "" if frame.state is FeedState.LIVE else frame.note or "the worker does not answer"
                yield Look(frame.snapshot, True, lost or doubt(frame.snapshot))
    finally:
        await feed.close()


async def _asked(target: Target, sections: Collection[str]) -> Look:
    """What a worker knows. It is asked once."""
    try:
        link = await open_link(target)
    except LinkError as error:
        return Look(Snapshot(), True, str(error))
    try:
        body, encoding = await link.poll(None, sections, deck="", look=(), wait=False, heard=lambda: None)
        snapshot = Assembler().read(decompress(body, encoding), sections).snapshot
    except (LinkError, WireError) as error:
        return Look(Snapshot(), True, str(error))
    finally:
        await link.close()
    return Look(snapshot, True, doubt(snapshot))


async def _collected(settings: Settings) -> Look:
    """What one collection of our own brings within the patience: no store, no socket, nothing left behind."""
    snapshot = Snapshot()
    with suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE):
            async with aclosing(_collecting(settings)) as seen:
                async for each in seen:
                    snapshot = each.snapshot
                    if _complete(snapshot):
                        break
    why = doubt(snapshot)
    return Look(snapshot, False, why or ("" if _complete(snapshot) else f"not all was answered within {PATIENCE:g} s"))


async def _collecting(settings: Settings) -> AsyncGenerator[Look, None]:
    """Every snapshot of a collector of our own."""
    from app.worker.board import Board
    from app.worker.collector import Collector

    board = Board()
    running = asyncio.create_task(Collector(settings, board).run())
    seen = None
    try:
        while not running.done():
            if board.snapshot is not seen and board.snapshot.at is not None:
                seen = board.snapshot
                yield Look(seen, False, doubt(seen))
            await board.news(board.snapshot.seq, 1.0)
    finally:
        board.stop()
        await asyncio.wait({running}, timeout=PATIENCE)
        running.cancel()


def _complete(snapshot: Snapshot) -> bool:
    """Whether every source has said how it stands."""
    connected = snapshot.site.connection.state is LinkState.CONNECTED
    states = snapshot.sources.values()
    return connected and bool(states) and all(state.status is not SourceStatus.WAITING for state in states)


def doubt(snapshot: Snapshot) -> str:
    """Why what is known cannot be believed, in one sentence; empty if it can."""
    if snapshot.at is None:
        return "no facts yet"
    connection = snapshot.site.connection
    if connection.state is not LinkState.CONNECTED:
        return f"NATS unreachable: {connection.error or 'no connection'} ({connection.url})"
    for name in ("account", "streams", "consumers"):
        state = snapshot.sources.get(name)
        if state is not None and state.status is SourceStatus.FAILED:
            return f"{name}: {state.error}"
    return ""
