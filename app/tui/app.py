"""The deck: a Textual app that shows what a Feed brings, and nothing else. It never opens a connection itself."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import events, work
from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.filter import LineFilter
from textual.message import Message
from textual.worker import Worker, WorkerState

import styles
from app.feed.protocol import Feed, FeedState, Frame
from app.model.text import clean, cut, duration
from app.tui import chrome, keys, registry
from app.tui.actions import Actions
from app.tui.escape_digits import read_as_two_keys
from app.tui.lines import Line
from app.tui.options import DeckOptions
from app.tui.picture import Changes, Picture, Times
from app.tui.plain import AsciiFilter
from app.tui.router import Router
from app.tui.screens.document import Document
from app.tui.screens.overview import OverviewPage
from app.tui.screens.page import Page
from app.tui.screens.resource import ResourcePage
from app.tui.stacks import Stacks
from app.tui.themes import DEFAULT, THEMES
from widgets.breadcrumbs import Breadcrumbs
from widgets.filter_bar import FilterBar
from widgets.hint_bar import HintBar
from widgets.message_line import MessageLine
from widgets.one_line import Segment
from widgets.status_bar import StatusBar


class Arrived(Message):
    """A frame came in. What is waiting to be shown is merged, so that a slow terminal never has a queue."""

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, Arrived)


class WatchdeckApp(App[None], inherit_bindings=False):
    """The deck over a feed."""

    TITLE = "watchdeck"
    ENABLE_COMMAND_PALETTE = False
    ALLOW_SELECT = False
    AUTO_FOCUS = None
    BINDINGS: ClassVar[list[BindingType]] = []
    CSS_PATH = Path(styles.__file__).parent / "deck.tcss"

    def __init__(self, feed: Feed, *, options: DeckOptions) -> None:
        super().__init__()
        read_as_two_keys()
        self.animation_level = "none"
        self.feed = feed
        self.options = options
        self.picture = Picture(options.monotonic)
        self.ascii_filter = AsciiFilter(enabled=options.ascii)
        if options.utc:
            self.picture.times = Times.UTC
        self.table = keys.table(options.keymap)
        self.deck_actions = Actions(self)
        self.router = Router(self.deck_actions, keys.lookup(self.table), now=options.monotonic)
        self.stacks = Stacks(OverviewPage(self, registry.VIEWS), self._first_page)
        self.status_bar = StatusBar(id="status")
        self.verdict = Document(selectable=False, id="verdict")
        self.crumbs = Breadcrumbs(cut=cut, id="head")
        self.body = Vertical(id="body")
        self.messages = MessageLine(id="message")
        self.prompt = FilterBar(id="prompt")
        for hidden in (self.prompt, self.crumbs):
            hidden.add_class("-off")
        self.hint_bar = HintBar(id="hints")
        self.paused_at: float | None = None
        self._drawn = False
        self._waiting: Frame | None = None
        self._changes = Changes()
        self._asked: frozenset[str] = frozenset()
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = options.theme if options.theme in self.available_themes else DEFAULT

    def _first_page(self, view_id: str) -> Page:
        view = registry.view(view_id)
        return OverviewPage(self, registry.VIEWS) if view is None else ResourcePage(self, view)

    def compose(self) -> ComposeResult:
        yield self.status_bar
        yield self.verdict
        yield self.crumbs
        with self.body:
            yield self.stacks.page
        yield self.messages
        yield self.prompt
        yield self.hint_bar

    def on_mount(self) -> None:
        self._drawn = True
        self.page_changed()
        self.deck_actions.greet()
        self.set_interval(1.0, self.tick)
        # Only after the first frame: whatever the feed must import or start, the screen is there before it.
        self.call_after_refresh(self._listen)

    async def on_unmount(self) -> None:
        await self.feed.close()

    # -- what comes in -----------------------------------------------------------------------------------------------
    @work(exclusive=True, group="feed", exit_on_error=False)
    async def _listen(self) -> None:
        async for frame in self.feed.frames():
            self._waiting = frame
            self._changes.add(frame)
            self.post_message(Arrived())

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        if event.worker.group == "feed" and event.state is WorkerState.ERROR:
            self.picture.state = FeedState.LOST
            self.say(f"the feed has ended: {clean(str(event.worker.error), 200)}", error=True)
            self._show_status()

    def on_arrived(self) -> None:
        if self.paused_at is not None:
            self._show_status()
            return
        self.take_frame()

    def take_frame(self) -> None:
        """Shows what is waiting."""
        frame, changes = self._waiting, self._changes
        if frame is None:
            return
        self._waiting, self._changes = None, Changes()
        before = (self.picture.lost, self.picture.state, self.picture.note)
        dirty = self.picture.take(frame, changes)
        if before != (self.picture.lost, self.picture.state, self.picture.note):
            self.deck_actions.feed_changed(before[1])
            self.stacks.page.rebuild()
        else:
            self.stacks.page.refresh_facts(changes, dirty)
        self._show_status()
        self.head_changed()

    def get_line_filters(self) -> Sequence[LineFilter]:
        filters = super().get_line_filters()
        return [*filters, self.ascii_filter] if self.ascii_filter.enabled else filters

    def draw_in(self, *, ascii: bool) -> None:
        """With other glyphs from now on."""
        self.ascii_filter.enabled = ascii
        self.refresh_css(animate=False)
        self.screen.refresh(repaint=True, layout=True)

    def ask_for_refresh(self) -> None:
        """Asks the worker to collect now; nobody waits for it."""
        self.run_worker(self.feed.refresh(), group="refresh", exclusive=True, exit_on_error=False)

    def tick(self) -> None:
        """A second has passed."""
        self.picture.look_at_clock()
        if self.paused_at is None:
            self.stacks.page.tick()
            self.head_changed()
        self._show_status()

    # -- the frame around the page -----------------------------------------------------------------------------------
    def page_changed(self) -> None:
        """Another page is in front: its sections are asked for, and it writes everything anew."""
        page = self.stacks.page
        sections = page.sections | {"findings"}
        if sections != self._asked:
            self._asked = sections
            self.picture.asked(sections)
            self.feed.watch(sections)
        page.rebuild()
        whole = page.whole_head()
        self.verdict.set_class(whole is None, "-off")
        self.crumbs.set_class(whole is not None, "-off")
        self.head_changed()
        self.hints_changed()
        self._show_status()

    def hints_changed(self) -> None:
        page = self.stacks.page
        more = "keys" if getattr(page, "showing_words", False) else "words and glyphs"
        self.hint_bar.set_hints(chrome.hints(page.kind, self.table, more_help=more))

    def head_changed(self) -> None:
        """The line under the status bar anew."""
        if not self._drawn:
            return
        page = self.stacks.page
        whole = page.whole_head()
        if whole is not None:
            self.verdict.show([whole])
            return
        root = registry.view(self.stacks.view_id)
        parts = [root.title if root else "Overview", *(below.crumb for below in self.stacks.pages[1:])]
        line: Line | None = page.head()
        notes = [Segment(text, style=style) for text, style in line.spans if text.strip()] if line else []
        self.crumbs.set_parts(parts, notes)

    def _show_status(self) -> None:
        if not self._drawn:
            return
        paused = ""
        if self.paused_at is not None:
            held = duration(self.options.monotonic() - self.paused_at)
            news = sum(len(changed) for changed in self._changes.keys.values())
            paused = f"PAUSED {held}" + (f", {news} change{'s' if news != 1 else ''}" if news else "")
        self.status_bar.set_segments(chrome.status(self.picture, self.options, paused))
        self.status_bar.set_clock(chrome.clock(self.options.wall(), self.picture.times))

    def say(self, text: str, *, error: bool = False) -> None:
        self.messages.show_message(clean(text), "crit" if error else "")

    def copy(self, text: str) -> None:
        self.deck_actions.copy(text)

    async def open_ref(self, ref: str) -> None:
        await self.deck_actions.open_ref(ref)

    # -- input -------------------------------------------------------------------------------------------------------
    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.Key) and not event.is_forwarded:
            event.stop()
            if self._drawn:
                self.messages.key_pressed()
                await self.router.key(event.key, event.character)
        elif isinstance(event, events.Paste) and not event.is_forwarded:
            event.stop()
            self.router.paste(event.text)
        else:
            await super().on_event(event)

    # -- the end -----------------------------------------------------------------------------------------------------
    def _fatal_error(self) -> None:
        """After a defect: where it happened, without the values of variables, which may be secrets or foreign text."""
        self.bell()
        lines = [clean(line, 500) for line in traceback.format_exc().splitlines()[-40:]]
        self.panic(Text("\n".join(["watchdeck has stopped on a defect of its own:", *lines])))
