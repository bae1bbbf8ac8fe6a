"""A deck over literal snapshots in a real terminal: `python literal_deck.py SCENE`.

The feed says every second that it is alive, as a worker does; SIGUSR1 makes one row change. What the deck did that
reaches further than the screen (copies, quitting) can be read off the terminal.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from dataclasses import replace

os.environ["ESCDELAY"] = "25"

from app.model.snapshot import Snapshot
from app.model.text import clean
from app.tui.app import WatchdeckApp
from app.tui.options import DeckOptions
from tests.literal_sessions import with_sessions
from tests.literals import NOW, LiteralFeed, agent, calm, consumer, fleet, keyed, stream, vitals

HOSTILE = (
    "\x1b]52;c;ZXZpbA==\x07clip",
    "\x1b[2Jgone",
    "\x9b31mred",
    "[/bad] [red]x[/]",
    "@click=app.quit",
    "x" * 10_000,
    "漢字" * 400,
    "👩‍👩‍👧‍👦 family",
    "\u202egnp.exe",
    "e" + "\u0301" * 60,
)


def hostile() -> Snapshot:
    """Names as an attacker would choose them, cleaned as every source cleans them."""
    hosts = [clean(name) for name in HOSTILE]
    agents = [
        replace(agent("web-01"), key=f"h{at}", machine_id=host, hostname=host, labels=(("group", host),))
        for at, host in enumerate(hosts)
    ]
    beats = [replace(vitals("web-01"), key=one.key) for one in agents]
    streams = [stream(f"S{at}-{host}") for at, host in enumerate(hosts)]
    consumers = [consumer(one.name, clean(name)) for one, name in zip(streams, HOSTILE, strict=True)]
    return fleet(
        agents=keyed(agents), vitals=keyed(beats), streams=keyed(streams), consumers=keyed(consumers), flows={}
    )


SCENES = {"fleet": fleet, "calm": calm, "hostile": hostile, "ai": with_sessions}


class LivingFeed(LiteralFeed):
    """Pushes the scene, then a sign of life every second, and a changed row when told to."""

    def __init__(self, snapshot: Snapshot) -> None:
        super().__init__()
        self.now = snapshot
        self.clock = time.monotonic()
        self.push(snapshot)

    async def live(self) -> None:
        while True:
            await asyncio.sleep(1)
            self.clock = time.monotonic()
            self.push(self.now)

    def change_a_row(self) -> None:
        key = "ORDERS/shipping"
        row = self.now.consumers[key]
        consumers = {**self.now.consumers, key: replace(row, pending=row.pending + 1)}
        self.now = replace(self.now, seq=self.now.seq + 1, consumers=consumers)
        self.push(self.now)


class Deck(WatchdeckApp):
    """The deck with its feed kept alive."""

    def __init__(self, feed: LivingFeed) -> None:
        super().__init__(feed, options=DeckOptions(wall=lambda: NOW))
        self.living = feed

    def on_ready(self) -> None:
        loop = asyncio.get_running_loop()
        self.pulse = loop.create_task(self.living.live())
        loop.add_signal_handler(signal.SIGUSR1, self.living.change_a_row)


if __name__ == "__main__":
    Deck(LivingFeed(SCENES[sys.argv[1]]())).run()
