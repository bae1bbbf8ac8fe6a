"""The deck: a terminal, a feed, and what is left of a crash."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
import threading
import traceback
from collections.abc import AsyncIterator, Collection, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from app.cli.run import USAGE, Failure
from app.model.text import clean
from app.settings import Settings, places
from app.settings.contexts import list_contexts
from app.settings.scrub import scrub
from app.tui.app import WatchdeckApp
from app.tui.options import DeckOptions, Onward

if TYPE_CHECKING:
    from app.feed.acts import Act
    from app.feed.client import WorkerFeed
    from app.feed.protocol import Feed, Frame
    from app.feed.questions import Question, Unanswered
    from app.feed.spawn import Spawner

T = TypeVar("T")
CRASH_LOG = "crash.log"
STUCK_AFTER = 10.0
"""Seconds after which a deck that was told to end is ended, whatever its terminal does."""
COLLECT_AFTER = (20_000, 20, 50)
"""Of Python's garbage collector. At its own pace it looks through every record of a large fleet again and again, a
third of a second each time, and finds nothing: records hold no cycles. What a screen leaves behind is found young."""


def require_terminal() -> None:
    """A Failure unless there is a terminal to draw on and to read keys from."""
    if not all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):
        raise Failure("the deck needs a terminal; without one, run watchdeck worker", USAGE)


def open_deck(settings: Settings, *, demo: bool = False) -> int | Onward:
    """Opens the deck until it is quit; gives the exit code, or what is to be opened in its place.

    A demo's worker has ended when this returns.
    """
    gc.set_threshold(*COLLECT_AFTER)
    feed = LateFeed(settings, demo=demo)
    deck = _Deck(feed, options=_options(settings, os.environ))
    try:
        deck.run(mouse=settings.deck.mouse)
    finally:
        deck.left()
        if demo:
            feed.end_worker()
    if deck.crash is not None:
        # A demo's own folder is about to go.
        raise Failure(_crashed(deck.crash, places.state_dir("demo", os.environ) if demo else settings.state_dir))
    return deck.return_value or deck.return_code or 0


class LateFeed:
    """The worker's feed, made when the first frame is asked for: the deck has drawn its first picture by then."""

    def __init__(self, settings: Settings, *, demo: bool = False) -> None:
        self._settings = settings
        self._demo = demo
        self._sections: Collection[str] = ()
        self._refs: Collection[str] = ()
        self._feed: WorkerFeed | None = None
        self._spawner: Spawner | None = None

    def watch(self, sections: Collection[str]) -> None:
        self._sections = sections
        if self._feed is not None:
            self._feed.watch(sections)

    def look(self, refs: Collection[str]) -> None:
        self._refs = refs
        if self._feed is not None:
            self._feed.look(refs)

    async def frames(self) -> AsyncIterator[Frame]:
        from app.cli.buffers import give_back_large_buffers
        from app.feed.client import WorkerFeed
        from app.feed.spawn import Spawner

        give_back_large_buffers()
        self._spawner = Spawner(self._settings, service=None) if self._demo else Spawner(self._settings)
        self._feed = WorkerFeed(self._spawner.locate)
        self._feed.watch(self._sections)
        self._feed.look(self._refs)
        frozen = False
        async for frame in self._feed.frames():
            yield frame
            if frame.whole and not frozen:
                # The program and the first facts are here to stay: the collector need never look through them.
                gc.freeze()
                frozen = True

    async def ask(self, question: Question[T]) -> T | Unanswered:
        if self._feed is None:
            from app.feed.questions import Unanswered

            return Unanswered("there is no worker yet")
        return await self._feed.ask(question)

    async def act(self, act: Act) -> str:
        return "there is no worker yet" if self._feed is None else await self._feed.act(act)

    async def close(self) -> None:
        if self._feed is not None:
            await self._feed.close()

    def end_worker(self) -> None:
        """Ends a worker that was started for this feed, and waits for it."""
        if self._spawner is not None:
            self._spawner.end()


class _Deck(WatchdeckApp):
    """The deck in a real terminal. A crash leaves it in order, with one sentence and not with a screen of locals."""

    crash: BaseException | None = None

    def __init__(self, feed: Feed, *, options: DeckOptions) -> None:
        super().__init__(feed, options=options)
        self._last_resort: threading.Timer | None = None

    def on_load(self) -> None:
        """A polite end from outside leaves the terminal in order too.

        Python's own handlers, not the event loop's: a terminal that takes nothing (a connection that hangs) holds up
        the loop in the middle of a write, and nothing that waits for the loop would ever be heard.
        """
        loop = asyncio.get_running_loop()

        def leave(*_: object) -> None:
            if self._last_resort is None:
                self._last_resort = threading.Timer(STUCK_AFTER, os._exit, (1,))
                self._last_resort.daemon = True
                self._last_resort.start()
            loop.call_soon_threadsafe(self.exit)

        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, leave)

    def left(self) -> None:
        """The terminal is in order again; what is still to be done takes its own time."""
        if self._last_resort is not None:
            self._last_resort.cancel()
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # it is ending already

    def _fatal_error(self) -> None:
        self.crash = sys.exc_info()[1] or self._exception
        self._close_messages_no_wait()


def _options(settings: Settings, env: Mapping[str, str]) -> DeckOptions:
    ascii_only = settings.deck.ascii
    return DeckOptions(
        ascii=plain_terminal(env) if ascii_only is None else ascii_only,
        theme=settings.deck.theme,
        utc=settings.deck.utc,
        read_only=settings.read_only or not settings.actions,
        hands_off=settings.read_only,
        contexts=partial(list_contexts, env),
        doctor=partial(_doctor, settings, env),
        site=settings.nats.context,
        target=clean(scrub(f"{settings.nats.url} ({settings.nats.origin})")),
        state_dir=settings.state_dir,
        keymap=settings.keys,
        views=settings.views,
        thresholds=settings.thresholds,
    )


def _doctor(settings: Settings, env: Mapping[str, str]) -> str:
    from app.cli.doctor import examine

    return examine(settings, env)[1]


def plain_terminal(env: Mapping[str, str]) -> bool:
    """Whether a terminal is to get ASCII: without UTF-8, or one of the kinds that draw little else."""
    kind = env.get("TERM", "")
    if kind in ("linux", "dumb") or kind.startswith("vt"):
        return True
    locale = env.get("LC_ALL") or env.get("LC_CTYPE") or env.get("LANG") or ""
    return "utf-8" not in locale.lower() and "utf8" not in locale.lower()


def _crashed(error: BaseException, folder: Path) -> str:
    """Writes what happened, without the values of variables and without secrets; gives the sentence that says where."""
    report = scrub("".join(traceback.format_exception(error)))
    file = folder / CRASH_LOG
    try:
        places.private_dir(folder)
        with open(places.private_file(file, os.O_TRUNC), "w", encoding="utf-8", errors="replace") as log:
            log.write(report)
    except (OSError, ValueError):
        return f"the deck broke ({type(error).__name__}), and {file} could not be written"
    return f"the deck broke ({type(error).__name__}): {file} says where; the worker is not touched by it"
