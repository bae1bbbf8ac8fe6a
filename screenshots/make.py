"""Draws the pictures of the README: the deck on the seeded demo, an incident under way. `make screenshots`."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from textual.pilot import Pilot

from app.cli.demo import demo_settings
from app.demo.run import Demo
from app.feed.client import WorkerFeed
from app.feed.spawn import Spawner
from app.settings import Settings
from app.settings.lockfile import read_lock
from app.tui.app import WatchdeckApp
from app.tui.options import DeckOptions

HERE = Path(__file__).parent
PATIENCE = 240.0
"""Seconds within which the incident must have developed."""


class Deck(WatchdeckApp):
    """A deck that is drawn into a file instead of a terminal."""

    def text(self) -> str:
        return "\n".join(strip.text for strip in self.screen._compositor.render_strips())

    def draw(self, name: str) -> None:
        drawn = re.sub(r"terminal-\d+", "terminal", self.export_screenshot(title="watchdeck", simplify=True))
        (HERE / f"{name}.svg").write_text(drawn + "\n")
        print(f"screenshots/{name}.svg")  # noqa: T201


async def until(deck: Deck, *words: str) -> None:
    """Waits for words on the screen; TimeoutError if they never come."""
    async with asyncio.timeout(PATIENCE):
        while not all(word in deck.text() for word in words):  # noqa: ASYNC110 (a screen tells nobody of its words)
            await asyncio.sleep(0.2)


Act = Callable[[Deck, Pilot[None]], Awaitable[None]]


async def on_deck(settings: Settings, size: tuple[int, int], act: Act) -> None:
    """Opens a deck on the demo's worker, lets `act` drive it, and closes it."""
    spawner = Spawner(settings, service=None)
    deck = Deck(WorkerFeed(spawner.locate), options=DeckOptions(site="demo"))
    async with deck.run_test(size=size) as pilot:
        await until(deck, "LIVE")
        await act(deck, pilot)


@contextmanager
def one_worker(settings: Settings) -> Iterator[None]:
    """A worker for all decks, since only one that saw an agent alive knows that it is gone."""
    options = ["--nats-url", settings.nats.url, "--state-dir", str(settings.state_dir), "--listen", "127.0.0.1:0"]
    worker = subprocess.Popen([sys.executable, "-P", "-m", "app.cli", *options, "--log-level", "error", "worker"])
    try:
        while read_lock(settings.state_dir) is None and worker.poll() is None:
            time.sleep(0.05)
        yield
    finally:
        worker.terminate()
        worker.wait(15)


async def keys(pilot: Pilot[None], *names: str) -> None:
    """Presses keys, and gives the worker the time to bring what the new screen asks for."""
    for name in names:
        await pilot.press(name)
        await asyncio.sleep(0.4)
    await asyncio.sleep(1.5)


async def wide(deck: Deck, pilot: Pilot[None]) -> None:
    await until(deck, "gone since")
    await asyncio.sleep(45)  # what follows from it has begun, and is folded
    await keys(pilot, "j", "k")
    deck.draw("overview")
    await keys(pilot, "6")
    deck.draw("agents")
    await keys(pilot, "g", "enter")
    deck.draw("agent-detail")
    await keys(pilot, "4")
    deck.draw("consumers")
    await keys(pilot, "5")
    deck.draw("jobs")
    await keys(pilot, "enter")
    deck.draw("job")


async def sessions(deck: Deck, pilot: Pilot[None]) -> None:
    await until(deck, "coder-7")  # in a line of the overview: its score has fallen
    await keys(pilot, "7")
    await until(deck, "SCORE", "coder-7")
    await asyncio.sleep(20)  # the past of the agents is told to its end
    deck.draw("scores")
    await keys(pilot, "g", "enter")
    await until(deck, "Sessions that cost most")
    deck.draw("score")
    await keys(pilot, "enter")
    await until(deck, "event ")
    deck.draw("session")


async def metrics(deck: Deck, pilot: Pilot[None]) -> None:
    await keys(pilot, "9")
    await until(deck, "Throughput")
    await keys(pilot, "slash", *"product", "enter", "plus", "plus")
    await until(deck, "product", "median")
    await keys(pilot, "left")
    deck.draw("metrics")


async def narrow(deck: Deck, pilot: Pilot[None]) -> None:
    await until(deck, "gone since")
    await asyncio.sleep(2.5)
    deck.draw("narrow")


def stale(demo: Demo) -> Act:
    async def act(deck: Deck, pilot: Pilot[None]) -> None:
        await until(deck, "gone since")
        if demo.server is not None and demo.server.pid:
            os.kill(demo.server.pid, signal.SIGSTOP)  # its sockets stay open and nothing answers
        await until(deck, "UNKNOWN")
        await asyncio.sleep(12)
        deck.draw("stale")

    return act


def main() -> None:
    os.environ.pop("NO_COLOR", None)
    with Demo(scenario="incident", agents=24, seed=7) as demo:
        settings = demo_settings(Settings(), demo)
        with one_worker(settings):
            for size, act in (
                ((132, 40), wide),
                ((110, 32), sessions),
                ((140, 40), metrics),
                ((80, 24), narrow),
                ((100, 30), stale(demo)),
            ):
                asyncio.run(on_deck(settings, size, act))


if __name__ == "__main__":
    main()
