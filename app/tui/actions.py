"""Actions: what the keys and commands of the deck do, beyond what the page in front does itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING

from app.feed.protocol import FeedState
from app.model.text import cut as middle_cut
from app.tui import commands, keys, registry
from app.tui.commands import Command, CommandError
from app.tui.screens.help import HelpPage
from app.tui.screens.now import worst_first
from app.tui.screens.raw import JsonPage
from app.tui.screens.text import TextPage
from widgets.row_filter import FilterError

if TYPE_CHECKING:
    from app.tui.app import WatchdeckApp

COPY_LIMIT = 74_994
"""Bytes that terminals take in one OSC 52 (k9s keeps to the same)."""
GREETING = "1 3 4 6 views · enter in · esc back · / filter · ? keys · nothing here changes anything"
GREETED = "greeted"


class Actions:
    """Drives the app for the router; one method for each way a key can go."""

    def __init__(self, app: WatchdeckApp) -> None:
        self._app = app
        self._filter_before = ""
        self._greeting = False
        self._wanted: str | None = None
        self.commands: tuple[Command, ...] = self._commands()

    # -- keys --------------------------------------------------------------------------------------------------------
    async def perform(self, action: str) -> None:
        self._dismiss_greeting()
        if action.startswith("view."):
            await self._show_view(keys.VIEW_NUMBERS[action.removeprefix("view.")])
            return
        own = {
            "back": self._back,
            "quit": self._quit,
            "interrupt": self._leave,
            "help": self._help,
            "json": self._json,
            "worst": self._worst,
            "pause": self._pause,
            "refresh": self._refresh,
            "times": self._times,
            "redraw": self._redraw,
            "suspend": self._suspend,
        }
        if action in own:
            await own[action]()
        elif not await self._app.stacks.page.perform(action):
            self.say(f"{self._words(action)}: nothing for it here")
        self._app.hints_changed()

    def _words(self, action: str) -> str:
        return next((key.words for key in self._app.table if key.id == action), action).partition(":")[0]

    async def _show_view(self, view_id: str) -> None:
        await self._app.stacks.show(self._app.body, view_id)
        self._app.page_changed()

    async def open_ref(self, ref: str) -> None:
        """A detail below the page in front, or another view."""
        kind, _, key = ref.partition(":")
        if kind == "view":
            await self._show_view(key)
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
            self._app.exit()

    async def _leave(self) -> None:
        self._app.exit()

    async def _help(self, *, words: bool = False) -> None:
        page = self._app.stacks.page
        if isinstance(page, HelpPage):
            page.turn()
            return
        view = registry.view(page.view_id) if page.kind == "list" else None
        help_page = HelpPage(self._app, page, self._app.table, self.commands, view)
        help_page.showing_words = words
        await self._app.stacks.push(self._app.body, help_page)
        self._app.page_changed()

    async def _json(self) -> None:
        ref = getattr(self._app.stacks.page, "ref", "")
        section = registry.section_of(ref)
        if not section or isinstance(self._app.stacks.page, JsonPage):
            self.say("no facts behind this")
            return
        page = JsonPage(self._app, self._app.stacks.view_id, ref, section)
        await self._app.stacks.push(self._app.body, page)
        self._app.page_changed()

    async def _worst(self) -> None:
        found = worst_first(self._app.picture)
        if found:
            await self.open_ref(f"finding:{found[0].id}")
        else:
            self.say("no findings")

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

    async def _times(self) -> None:
        picture = self._app.picture
        picture.times = picture.times.next
        self._app.stacks.page.rebuild()
        self._app.tick()
        self.say(f"times: {picture.times.value}")

    async def _redraw(self) -> None:
        self._app.refresh(repaint=True, layout=True)
        self._app.screen.refresh(repaint=True, layout=True)

    async def _suspend(self) -> None:
        self._app.action_suspend_process()

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
        self.say(GREETING)
        with suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            (folder / GREETED).touch()

    def _dismiss_greeting(self) -> None:
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
        self._app.copy_to_clipboard(cut)
        lines = cut.count("\n") + 1
        what = cut if lines == 1 else f"{lines} lines"
        part = f"the first {len(raw):,} bytes of " if len(raw) < len(text.encode()) else ""
        self.say(f"copied to the terminal's clipboard: {part}{middle_cut(what, 60)}")

    # -- text --------------------------------------------------------------------------------------------------------
    def begin_text(self, prompt: str) -> str:
        self._dismiss_greeting()
        page = self._app.stacks.page
        self._filter_before = page.filter_text
        text = page.filter_text if prompt == "/" else ""
        self._prompting(True)
        self._show_field(prompt, text)
        return text

    def _prompting(self, on: bool) -> None:
        self._app.messages.set_class(on, "-off")
        self._app.prompt.set_class(not on, "-off")
        if not on:
            self._app.prompt.clear()

    def _show_field(self, prompt: str, text: str, error: str = "") -> None:
        hint = ""
        if prompt == ":":
            completed = commands.complete(text, self.commands)
            hint = completed[len(text) :] if completed.startswith(text) and text else ""
            if not hint and not error and text:
                found = commands.candidates(text, self.commands)
                hint = f"   {'  '.join(found)}" if len(found) > 1 else ""
        self._app.prompt.show(prompt, text, cursor=len(text), hint=hint, error=error)

    def edit_text(self, prompt: str, text: str) -> None:
        self._show_field(prompt, text)
        if prompt == "/":
            # Once for all that was typed in one burst: thousands of rows are not gone through for each letter.
            self._wanted = text
            self._app.call_later(self._filter_as_typed, text)

    def _filter_as_typed(self, text: str) -> None:
        if self._wanted != text:
            return
        try:
            self._app.stacks.page.set_filter(text)
        except FilterError as fault:
            self._show_field("/", text, str(fault))

    async def take_text(self, prompt: str, text: str) -> None:
        self._prompting(False)
        if prompt == "/":
            self._take_filter(text)
        else:
            await self._run(text)

    def _take_filter(self, text: str) -> None:
        self._wanted = None
        try:
            self._app.stacks.page.set_filter(text)
        except FilterError as fault:
            self._app.stacks.page.set_filter(self._filter_before)
            self._app.say(str(fault), error=True)

    def leave_text(self, prompt: str, before: str) -> None:
        self._prompting(False)
        self._wanted = None
        if prompt == "/":
            with suppress(FilterError):
                self._app.stacks.page.set_filter(before)

    def complete_text(self, prompt: str, text: str) -> str:
        return commands.complete(text, self.commands) if prompt == ":" else text

    async def menu_key(self, key: str) -> bool:
        return False

    # -- commands ----------------------------------------------------------------------------------------------------
    async def _run(self, text: str) -> None:
        try:
            call = commands.parse(text, self.commands)
        except CommandError as fault:
            self._app.say(str(fault), error=True)
            return
        if call is None:
            return
        if call.name in keys.VIEW_NUMBERS:
            await self._show_view(keys.VIEW_NUMBERS[call.name])
        elif call.name == "overview" or registry.view(call.name) is not None:
            await self._show_view(call.name)
        elif call.name in ("agent", "stream", "consumer"):
            await self._open_named(call.name, call.arguments)
        elif call.name == "filter":
            self._take_filter(call.rest)
        else:
            await self._setting(call.name, call.rest)

    async def _setting(self, name: str, rest: str) -> None:
        app = self._app
        if name == "theme":
            if rest not in app.available_themes:
                app.say(
                    f"no theme {rest}; nearest: {', '.join(commands.nearest(rest, app.available_themes))}", error=True
                )
                return
            app.theme = rest
        elif name == "utc":
            await self._times_to("UTC")
        elif name == "ascii":
            app.draw_in(ascii=not app.ascii_filter.enabled)
        elif name == "columns":
            await self._help(words=True)
        elif name == "explain":
            await self._explain(rest)
        elif name == "screenshot":
            self._screenshot(rest)
        elif name == "quit":
            app.exit()

    def _rules(self, place: int, before: Sequence[str]) -> Iterable[str]:
        from app.model.triage.rules import RULES

        return [rule.id for rule in RULES] if place == 0 else ()

    async def _explain(self, rule: str) -> None:
        from app.model.triage.rules import THRESHOLDS, explain
        from app.model.triage.thresholds import ThresholdError, Thresholds

        try:
            told = explain(rule, Thresholds(THRESHOLDS, self._app.options.thresholds))
        except KeyError:
            near = commands.nearest(rule, self._rules(0, ()))
            self._app.say(f"no rule {rule}; nearest: {', '.join(near)}", error=True)
        except ThresholdError as fault:
            self._app.say(f"[thresholds]: {fault}", error=True)
        else:
            page = TextPage(self._app, self._app.stacks.page, rule, told)
            await self._app.stacks.push(self._app.body, page)
            self._app.page_changed()

    async def _times_to(self, word: str) -> None:
        while self._app.picture.times.value != word:
            await self._times()

    def _screenshot(self, rest: str) -> None:
        stamp = self._app.options.wall().astimezone(UTC)
        path = Path(rest).expanduser() if rest else Path(f"watchdeck-{stamp:%Y%m%d-%H%M%S}.svg")
        try:
            path.write_text(self._app.export_screenshot(title="watchdeck"), encoding="utf-8")
        except OSError as fault:
            self._app.say(f"not written: {fault.strerror} ({path})", error=True)
        else:
            self.say(f"written: {path}")

    async def _open_named(self, kind: str, arguments: Sequence[str]) -> None:
        key = self._named(kind, arguments)
        if key:
            await self.open_ref(f"{kind}:{key}")
        else:
            near = commands.nearest(arguments[-1], self._choices(kind, len(arguments) - 1, arguments[:-1]))
            more = f"; nearest: {', '.join(near)}" if near else ""
            self._app.say(f"no {kind} {' '.join(arguments)}{more}", error=True)

    def _named(self, kind: str, arguments: Sequence[str]) -> str:
        snapshot, picture = self._app.picture.snapshot, self._app.picture
        if kind == "stream":
            wanted = arguments[0]
            labels = (stream.name for stream in snapshot.streams.values() if stream.label == wanted)
            return wanted if wanted in snapshot.streams else next(labels, "")
        if kind == "consumer":
            stream = self._named("stream", arguments[:1]) or arguments[0]
            for consumer in picture.consumers_of_stream(stream):
                if arguments[1] in (consumer.name, picture.consumer_label(consumer.name)):
                    return consumer.key
            return ""
        for agent in snapshot.agents.values():
            if arguments[0] in (agent.hostname, agent.machine_id, agent.key):
                return agent.key
        return ""

    def _choices(self, kind: str, place: int, before: Sequence[str]) -> Iterable[str]:
        snapshot, picture = self._app.picture.snapshot, self._app.picture
        if kind == "agent" and place == 0:
            return [agent.hostname for agent in snapshot.agents.values()]
        if kind in ("stream", "consumer") and place == 0:
            return [stream.label for stream in snapshot.streams.values()]
        if kind == "consumer" and place == 1:
            stream = self._named("stream", before[:1])
            return [picture.consumer_label(consumer.name) for consumer in picture.consumers_of_stream(stream)]
        return ()

    def _commands(self) -> tuple[Command, ...]:
        named = [
            Command("agent", "open an agent", "NAME", lambda p, b: self._choices("agent", p, b), 1),
            Command("consumer", "open a consumer", "STREAM NAME", lambda p, b: self._choices("consumer", p, b), 2),
            Command("stream", "open a stream", "NAME", lambda p, b: self._choices("stream", p, b), 1),
        ]
        views = [Command(number, f"view {name}") for number, name in keys.VIEW_NUMBERS.items()]
        views += [Command(name, f"view {number}") for number, name in keys.VIEW_NUMBERS.items()]
        return (
            *views,
            *named,
            Command("filter", "filter this list; empty: all", "TEXT"),
            Command("theme", "colours", "NAME", lambda p, b: sorted(self._app.available_themes) if p == 0 else (), 1),
            Command("utc", "times as UTC"),
            Command("ascii", "glyphs and lines in ASCII only, and back"),
            Command("columns", "the columns of this list, spelt out"),
            Command("explain", "when a rule fires, and by which thresholds", "RULE", self._rules, 1),
            Command("screenshot", "this screen as an SVG file", "[FILE]"),
            Command("quit", "leave"),
        )
