"""Actions: what the keys and commands of the deck do, beyond what the page in front does itself."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from app.feed.protocol import FeedState
from app.model.remedies import remedies
from app.model.text import cut as middle_cut
from app.tui import keys, registry
from app.tui.related import related
from app.tui.screens.detail import DetailPage
from app.tui.screens.help import HelpPage
from app.tui.screens.now import no_findings, worst_first
from app.tui.screens.raw import JsonPage, JsonTextPage
from app.tui.views.remedy_lines import remedy_lines
from widgets.menu import MenuItem
from widgets.row_filter import FilterError

if TYPE_CHECKING:
    from app.tui.surface import Surface

COPY_LIMIT = 74_994
"""Bytes that terminals take in one OSC 52 (k9s keeps to the same)."""
GREETINGS = (
    "1-0 views · enter in · esc back · ? keys · nothing here changes anything",
    "? keys · nothing here changes anything",
)
GREETED = "greeted"


class Actions:
    """Drives the app for the router; one method for each way a key can go."""

    def __init__(self, app: Surface) -> None:
        self._app = app
        self._greeting = False

    # -- keys --------------------------------------------------------------------------------------------------------
    async def perform(self, action: str) -> None:
        self.dismiss_greeting()
        if action.startswith("view."):
            await self.show_view(keys.VIEW_NUMBERS[action.removeprefix("view.")])
            return
        own = {
            "back": self._back,
            "quit": self._quit,
            "interrupt": self._leave,
            "help": self.help,
            "json": self._json,
            "worst": self._worst,
            "pause": self._pause,
            "refresh": self._refresh,
            "times": self.times,
            "redraw": self._redraw,
            "suspend": self._suspend,
            "ack": self._app.attending.acknowledge,
            "snooze": self._app.attending.snooze,
            "actions": self._remedies,
            "related": self._related,
            "peek": self._peek,
            "sites": self._app.contexts.menu,
            "demo": self._demo,
            "more": self._longer,
            "less": self._shorter,
        }
        if action in own:
            await own[action]()
        elif not await self._app.stacks.page.perform(action):
            self.say(f"{self._words(action)}: nothing for it here")
        self._app.hints_changed()

    def _words(self, action: str) -> str:
        return next((key.words for key in self._app.table if key.id == action), action).partition(":")[0]

    async def show_view(self, view_id: str) -> None:
        await self._app.stacks.show(self._app.body, view_id)
        self._app.page_changed()

    async def open_ref(self, ref: str) -> None:
        """A detail below the page in front, or another view, filtered if the ref says so (`view:jobs /web-03`)."""
        kind, _, key = ref.partition(":")
        if kind == "view":
            name, slash, wanted = key.partition(" /")
            await self.show_view(name)
            if slash:
                with suppress(FilterError):
                    self._app.stacks.page.set_filter(wanted)
            return
        page = registry.detail_page(self._app, self._app.stacks.view_id, ref)
        if page is None:
            self.say(f"nothing to open for {ref}")
            return
        await self._app.stacks.push(self._app.body, page)
        self._app.page_changed()

    async def _back(self) -> None:
        if self._app.stacks.page.leave():
            return
        if await self._app.stacks.pop():
            self._app.page_changed()

    async def _quit(self) -> None:
        if await self._app.stacks.pop():
            self._app.page_changed()
        else:
            self._app.app.exit()

    async def _leave(self) -> None:
        self._app.app.exit()

    async def help(self, *, words: bool = False) -> None:
        page = self._app.stacks.page
        if isinstance(page, HelpPage):
            page.turn()
            return
        view = getattr(page, "view", None) if page.kind == "list" else None
        help_page = HelpPage(self._app, page, self._app.table, self._app.command_line.commands, view)
        help_page.showing_words = words
        await self._app.stacks.push(self._app.body, help_page)
        self._app.page_changed()

    async def _json(self) -> None:
        ref = getattr(self._app.stacks.page, "ref", "")
        section, raw = registry.section_of(ref), self._app.stacks.page.raw()
        if raw:
            await self._app.open_page(JsonTextPage(self._app, self._app.stacks.page, "JSON", raw))
            return
        if not section or isinstance(self._app.stacks.page, JsonPage):
            self.say("no facts behind this")
            return
        named = self._app.stacks.page.kind == "detail"
        name = "" if named else registry.name_of(ref, self._app.picture)
        page = JsonPage(self._app, self._app.stacks.view_id, ref, section, name)
        await self._app.stacks.push(self._app.body, page)
        self._app.page_changed()

    async def _worst(self) -> None:
        found = worst_first(self._app.picture)
        if found:
            await self.open_ref(f"finding:{found[0].id}")
        else:
            self.say(no_findings(self._app.picture))

    async def _remedies(self) -> None:
        """`x`: what can be done about what is under the cursor, as commands to copy."""
        ref = self._app.stacks.page.pointed
        if not remedies(ref, self._app.picture.snapshot):
            self.say("nothing to be done about this")
            return
        page = self._app.stacks.page
        await self._app.open_page(
            DetailPage(
                self._app,
                page.view_id,
                ref,
                name=lambda key, picture: "What can be done",
                write=lambda key, picture, width: remedy_lines(
                    registry.name_of(ref, picture), remedies(ref, picture.snapshot), width
                ),
                needs=page.sections,
            )
        )

    async def _related(self) -> None:
        """`R`: where one may go from what is under the cursor."""
        ways = related(self._app.stacks.page.pointed, self._app.picture)
        if not ways:
            self.say("nothing related to this")
            return
        items = [MenuItem(way.to, f"{way.kind} {way.name}") for way in ways]

        def picked(to: str) -> None:
            self._app.app.run_worker(self.open_ref(to), group="related", exit_on_error=False)

        await self._app.menus.open("Related", "Where to?", items, picked)

    async def _peek(self) -> None:
        await self._app.peeking.peek(self._app.stacks.page.pointed)

    async def _demo(self) -> None:
        self._app.contexts.demo()

    async def _longer(self) -> None:
        await self._span("more", 1)

    async def _shorter(self) -> None:
        await self._span("less", -1)

    async def _span(self, action: str, direction: int) -> None:
        """Longer or shorter: what the page in front looks at, else the window of scores."""
        if await self._app.stacks.page.perform(action):
            return
        if self._app.score_window.concerns():
            self._app.score_window.step(direction)
        else:
            self.say("+ and - change the window of scores (7) and the range of metrics (9)")

    async def _pause(self) -> None:
        app = self._app
        app.paused_at = None if app.paused_at is not None else app.options.monotonic()
        app.picture.pause(app.paused_at is not None)
        if app.paused_at is None:
            app.take_frame()
            app.stacks.page.rebuild()
            self.say("going on")
        else:
            self.say("paused: p goes on")
        app.tick()

    async def _refresh(self) -> None:
        await self._app.stacks.page.perform("refresh")
        self._app.ask_for_refresh()
        self.say("collecting now")

    async def times(self) -> None:
        picture = self._app.picture
        picture.times = picture.times.next
        self._app.stacks.page.rebuild()
        self._app.tick()
        self.say(f"times: {picture.times.value}")

    async def _redraw(self) -> None:
        self._app.app.refresh(repaint=True, layout=True)
        self._app.app.screen.refresh(repaint=True, layout=True)

    async def _suspend(self) -> None:
        self._app.app.action_suspend_process()

    # -- what is said ------------------------------------------------------------------------------------------------
    def say(self, text: str) -> None:
        self._app.say(text)

    def feed_changed(self, before: FeedState) -> None:
        """A word about the worker, when it went or came back."""
        picture = self._app.picture
        if picture.state is before and not picture.note:
            return
        if picture.state in (FeedState.LOST, FeedState.REFUSED):
            self._app.say(picture.note or "the worker does not answer: what is shown is the last known", error=True)
        elif picture.note:
            self.say(picture.note)
        elif before is FeedState.LOST:
            self.say("the worker is back")

    def greet(self) -> None:
        """The line of the first start, once."""
        folder = self._app.options.state_dir
        if folder is None or (folder / GREETED).exists():
            return
        self._greeting = True
        self._app.messages.SECONDS = 3600.0
        room = self._app.app.size.width - 2
        self.say(next((words for words in GREETINGS if len(words) <= room), GREETINGS[-1]))
        with suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            (folder / GREETED).touch()

    def dismiss_greeting(self) -> None:
        """The line of the first start goes with the first key."""
        if self._greeting:
            self._greeting = False
            del self._app.messages.SECONDS
            self.say("")

    def copy(self, text: str) -> None:
        """On the terminal's clipboard by OSC 52; no terminal says whether it took it."""
        if not text:
            self.say("nothing to copy here")
            return
        raw = text.encode()[:COPY_LIMIT]
        cut = raw.decode(errors="ignore")
        self._app.app.copy_to_clipboard(cut)
        lines = cut.count("\n") + 1
        what = cut if lines == 1 else f"{lines} lines"
        part = f"the first {len(raw):,} bytes of " if len(raw) < len(text.encode()) else ""
        self.say(f"copied to the terminal's clipboard: {part}{middle_cut(what, 60)}")
