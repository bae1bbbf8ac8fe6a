"""Drives a deck over literal snapshots, and reads what it shows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from textual import events
from textual.pilot import Pilot

from app.model.snapshot import Snapshot
from app.tui.app import WatchdeckApp
from app.tui.options import DeckOptions
from app.tui.surface import Surface
from tests.literals import LiteralFeed

PATIENCE = 10.0
"""Seconds that a test waits for a screen; far more than any needs."""


_CHARACTERS = {
    "slash": "/",
    "colon": ":",
    "space": " ",
    "question_mark": "?",
    "exclamation_mark": "!",
    "less_than_sign": "<",
    "greater_than_sign": ">",
}


@dataclass
class Driven:
    """A running deck with its feed."""

    app: WatchdeckApp
    pilot: Pilot[None]
    feed: LiteralFeed
    copied: list[str]

    @property
    def surface(self) -> Surface:
        """The deck behind the first picture."""
        assert self.app.surface is not None
        return self.app.surface

    @property
    def lines(self) -> list[str]:
        """The screen as text, line by line."""
        return [strip.text.rstrip() for strip in self.app.screen._compositor.render_strips()]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    async def press(self, *keys: str) -> None:
        """Keys by Textual's names or as characters, all waiting before the first is handled, as in one write."""
        for key in keys:
            char = _CHARACTERS.get(key, key if len(key) == 1 else "")
            name = next((name for name, char in _CHARACTERS.items() if char == key), key)
            self.app.post_message(events.Key(name, char or None))
        await self.settle()

    async def burst(self, text: str) -> None:
        """A text with its enters and escapes, in one write."""
        await self.press(*({"\r": "enter", "\x1b": "escape", "\t": "tab"}.get(char, char) for char in text))

    async def settle(self) -> None:
        """Until nothing is left to be done."""
        await self.pilot.pause()
        await self.pilot.pause()

    async def push(self, snapshot: Snapshot, **more: Any) -> None:
        self.feed.push(snapshot, **more)
        await self.settle()

    async def pass_time(self, seconds: float) -> None:
        """Moves the deck's clock, and lets a second's work be done."""
        self.feed.sleep(seconds)
        self.surface.tick()
        await self.settle()

    async def until(self, seen: Callable[[], bool]) -> None:
        """Waits until the screen says what it should; fails with the screen if it never does."""
        deadline = asyncio.get_running_loop().time() + PATIENCE
        while not seen():
            assert asyncio.get_running_loop().time() < deadline, self.text
            await self.settle()

    def line_with(self, words: str) -> str:
        """The first line that holds these words."""
        return next((line for line in self.lines if words in line), "")


@asynccontextmanager
async def driving(
    *snapshots: Snapshot, size: tuple[int, int] = (80, 24), feed: LiteralFeed | None = None, **options: Any
) -> AsyncIterator[Driven]:
    """A deck of this size over these snapshots, until the block ends."""
    feed = feed or LiteralFeed(*snapshots)
    app = WatchdeckApp(feed, options=DeckOptions(monotonic=feed.now, wall=feed.wall, **options))
    copied: list[str] = []
    app.copy_to_clipboard = copied.append  # type: ignore[method-assign]
    async with app.run_test(size=size) as pilot:
        driven = Driven(app, pilot, feed, copied)
        await driven.until(lambda: app.surface is not None)
        await driven.settle()
        yield driven
