"""Beside: what is watched without NATS comes together, and one that breaks takes nothing along."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from app.model.components import Component, ComponentKind
from app.model.sessions import Session
from app.model.snapshot import SourceState, SourceStatus
from app.worker.beside import Beside


class Literal:
    """A watch of literal tables."""

    def __init__(self, name: str, *, breaks: bool = False) -> None:
        self.components: Mapping[str, Component] = {
            f"probe:{name}": Component(f"probe:{name}", ComponentKind.PROBE, name)
        }
        self.sessions: Mapping[str, Session] = {}
        self.state: SourceState | None = SourceState(name, SourceStatus.OK)
        self.breaks = breaks
        self.ended = False

    async def run(self, stopping: asyncio.Event) -> None:
        if self.breaks:
            raise RuntimeError("a defect")
        await stopping.wait()
        self.ended = True


async def test_what_they_have_comes_together_and_news_are_told_once() -> None:
    one, other = Literal("one"), Literal("other")
    beside, told = Beside([one, other]), []
    beside.on_news = lambda: told.append(1)
    beside.look()
    assert sorted(beside.components) == ["probe:one", "probe:other"]
    assert sorted(beside.states) == ["one", "other"]
    table = beside.components
    beside.look()
    assert beside.components is table
    assert told == [1]
    one.components = {}
    beside.look()
    assert sorted(beside.components) == ["probe:other"]
    assert told == [1, 1]


async def test_one_that_breaks_takes_nothing_along() -> None:
    broken, well = Literal("broken", breaks=True), Literal("well")
    beside, stopping = Beside([broken, well]), asyncio.Event()
    running = asyncio.create_task(beside.run(stopping))
    async with asyncio.timeout(10):
        while "probe:well" not in beside.components:
            await asyncio.sleep(0.01)
        stopping.set()
        await running
    assert well.ended


async def test_without_anything_to_watch_it_ends_with_the_worker() -> None:
    stopping = asyncio.Event()
    stopping.set()
    async with asyncio.timeout(10):
        await Beside().run(stopping)
