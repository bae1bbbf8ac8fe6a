"""The deck: a Textual app that shows what a Feed brings, and nothing else. It never opens a connection itself.

The first picture needs nothing but Textual. All the rest is imported, and mounted, while it is on the screen already.
"""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual import events, work
from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.filter import LineFilter
from textual.message import Message
from textual.widgets import Static
from textual.worker import Worker, WorkerState

import styles
from app.model.text import clean
from app.tui.escape_digits import read_as_two_keys
from app.tui.options import DeckOptions, Onward
from app.tui.plain import AsciiFilter
from app.tui.themes import DEFAULT, THEMES

if TYPE_CHECKING:
    from app.feed.protocol import Feed
    from app.tui.surface import Surface


class Arrived(Message):
    """A frame came in. What is waiting to be shown is merged, so that a slow terminal never has a queue."""

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, Arrived)


class WatchdeckApp(App[Onward], inherit_bindings=False):
    """The deck over a feed. `surface` is what it shows once the first picture has been painted.

    It ends with what is to be opened in its place, if anything is.
    """

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
        self.ascii_filter = AsciiFilter(enabled=options.ascii)
        self.surface: Surface | None = None
        self._typed_ahead: list[events.Key | events.Paste] = []
        self._first_picture = Static(_first_picture(options), id="first", markup=False)
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = options.theme if options.theme in self.available_themes else DEFAULT

    def compose(self) -> ComposeResult:
        yield self._first_picture

    def on_mount(self) -> None:
        self.call_after_refresh(self._furnish)

    async def _furnish(self) -> None:
        """Puts the deck in the place of the first picture, and begins to listen."""
        from app.tui.surface import Surface

        surface = Surface(self)
        with self.batch_update():
            await self.mount_all(surface.widgets)
            self._first_picture.display = False
            surface.begin()
        self.surface = surface
        self.set_interval(1.0, surface.tick)
        self._listen(surface)
        early, self._typed_ahead = self._typed_ahead, []
        if early:
            await surface.stacks.page.laid_out()
        for event in early:
            await self.on_event(event)

    async def on_unmount(self) -> None:
        await self.feed.close()

    # -- what comes in -----------------------------------------------------------------------------------------------
    @work(exclusive=True, group="feed", exit_on_error=False)
    async def _listen(self, surface: Surface) -> None:
        async for frame in self.feed.frames():
            surface.hear(frame)
            self.post_message(Arrived())

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        if event.worker.group == "feed" and event.state is WorkerState.ERROR and self.surface is not None:
            self.surface.feed_ended(event.worker.error)

    def on_arrived(self) -> None:
        if self.surface is not None:
            self.surface.arrived()

    async def on_event(self, event: events.Event) -> None:
        """Keys and pastes go to the router alone; those that come before there is one wait for it."""
        if not isinstance(event, events.Key | events.Paste) or event.is_forwarded:
            await super().on_event(event)
            return
        event.stop()
        if self.surface is None:
            self._typed_ahead.append(event)
        elif isinstance(event, events.Key):
            await self.surface.key(event)
        else:
            self.surface.router.paste(event.text)

    # -- how it is drawn ---------------------------------------------------------------------------------------------
    def get_line_filters(self) -> Sequence[LineFilter]:
        filters = super().get_line_filters()
        return [*filters, self.ascii_filter] if self.ascii_filter.enabled else filters

    def draw_in(self, *, ascii: bool) -> None:
        """With other glyphs from now on."""
        self.ascii_filter.enabled = ascii
        self.refresh_css(animate=False)
        self.screen.refresh(repaint=True, layout=True)

    # -- the end -----------------------------------------------------------------------------------------------------
    def _fatal_error(self) -> None:
        """After a defect: where it happened, without the values of variables, which may be secrets or foreign text."""
        self.bell()
        lines = [clean(line, 500) for line in traceback.format_exc().splitlines()[-40:]]
        self.panic(Text("\n".join(["watchdeck has stopped on a defect of its own:", *lines])))


def _first_picture(options: DeckOptions) -> str:
    """What is known before anything was asked: who is meant, and that it is being looked for."""
    site = f" {options.site} ·" if options.site else ""
    to = f" to {options.target}" if options.target else ""
    return clean(f"{site} ? no worker yet · STARTING") + "\n ? UNKNOWN\n\n" + clean(f"  Connecting{to} …")
