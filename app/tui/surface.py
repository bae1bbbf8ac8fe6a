"""Surface: the deck's frame around its pages, and what comes in from the feed and the keyboard."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from textual import events
from textual.containers import Vertical
from textual.widget import Widget

from app.feed.acts import Refresh
from app.feed.protocol import FeedState, Frame
from app.feed.questions import Question, Unanswered
from app.model.text import clean, cut, duration
from app.tui import chrome, keys, registry
from app.tui.actions import Actions
from app.tui.attending import Attending
from app.tui.command_line import CommandLine
from app.tui.explanations import explanation
from app.tui.lines import Line
from app.tui.menus import Menus
from app.tui.namespaces import Namespaces
from app.tui.onward import Contexts
from app.tui.peeking import Peeking
from app.tui.picture import Changes, Picture, Times
from app.tui.prompts import Prompts
from app.tui.router import Router
from app.tui.screens.document import Document
from app.tui.screens.explaining import ExplanationPage
from app.tui.screens.lists import ListsPage
from app.tui.screens.metrics import MetricsPage
from app.tui.screens.overview import OverviewPage
from app.tui.screens.page import Page
from app.tui.screens.resource import ResourcePage
from app.tui.screens.session_list import SessionsPage
from app.tui.stacks import Stacks
from app.tui.weights import WeightsEditor
from app.tui.windows import ScoreWindow
from widgets.breadcrumbs import Breadcrumbs
from widgets.filter_bar import FilterBar
from widgets.hint_bar import HintBar
from widgets.message_line import MessageLine
from widgets.one_line import Segment
from widgets.status_bar import StatusBar

if TYPE_CHECKING:
    from app.tui.app import WatchdeckApp


T = TypeVar("T")
LOOK_MOST = 64
"""Rows on the screen that the worker is told of."""


class Surface:
    """Everything on the screen of a running deck. `app` is the Textual app that it is mounted in."""

    def __init__(self, app: WatchdeckApp) -> None:
        self.app = app
        self.feed = app.feed
        self.options = app.options
        self.picture = Picture(self.options.monotonic)
        if self.options.utc:
            self.picture.times = Times.UTC
        self.kept: dict[str, object] = {}
        self.table = keys.table(self.options.keymap)
        self.menus = Menus(self)
        self.attending = Attending(self)
        self.contexts = Contexts(self)
        self.peeking = Peeking(self)
        self.namespaces = Namespaces(self)
        self.score_window = ScoreWindow(self)
        self.weights = WeightsEditor(self)
        self.deck_actions = Actions(self)
        self.command_line = CommandLine(self, self.deck_actions)
        self.prompts = Prompts(self, self.command_line)
        self.router = Router(
            self.deck_actions, self.prompts, self.menus, keys.lookup(self.table), now=self.options.monotonic
        )
        self.stacks = Stacks(OverviewPage(self, registry.VIEWS), self._first_page)
        self.status_bar = StatusBar(id="status")
        self.verdict = Document(selectable=False, id="verdict")
        self.crumbs = Breadcrumbs(cut=cut, id="head")
        self.body = Vertical(self.stacks.page, id="body")
        self.messages = MessageLine(id="message")
        self.prompt = FilterBar(id="prompt")
        for hidden in (self.prompt, self.crumbs):
            hidden.add_class("-off")
        self.hint_bar = HintBar(id="hints")
        self.paused_at: float | None = None
        self._drawn = False
        self._several_lists = False
        self._waiting: Frame | None = None
        self._changes = Changes()
        self._asked: frozenset[str] = frozenset()
        self._looked: frozenset[str] = frozenset()

    @property
    def widgets(self) -> tuple[Widget, ...]:
        """What is mounted, top to bottom."""
        return (self.status_bar, self.verdict, self.crumbs, self.body, self.messages, self.prompt, self.hint_bar)

    def _first_page(self, view_id: str) -> Page:
        view, told = registry.view(view_id), explanation(view_id)
        if told is not None and view_id == "metrics":
            return MetricsPage(self, told)
        if told is not None and view_id == "sessions":
            return SessionsPage(self, told)
        if told is not None:
            return ExplanationPage(self, told)
        if view is None:
            return OverviewPage(self, registry.VIEWS)
        return ListsPage(self, view) if view.others else ResourcePage(self, view)

    def begin(self) -> None:
        """Called once the widgets are mounted."""
        self._drawn = True
        self.page_changed()
        self.deck_actions.greet()

    # -- what comes in -----------------------------------------------------------------------------------------------
    def hear(self, frame: Frame) -> None:
        """Keeps a frame until it is shown; what came before and was not shown is merged into it."""
        self._waiting = frame
        self._changes.add(frame)

    def feed_ended(self, error: BaseException | None) -> None:
        """The feed broke, which it never should: what is shown is the last known from here on."""
        self.picture.state = FeedState.LOST
        self.say(f"the feed has ended: {clean(str(error), 200)}", error=True)
        self._show_status()

    def arrived(self) -> None:
        """There is a frame to be shown, unless painting is paused."""
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
        self.namespaces.facts_came()
        self._show_status()
        self.head_changed()
        self._look()

    def ask_for_refresh(self) -> None:
        """Asks the worker to collect now; nobody waits for it."""
        self.app.run_worker(self.feed.act(Refresh()), group="refresh", exclusive=True, exit_on_error=False)

    def tick(self) -> None:
        """A second has passed."""
        self.picture.look_at_clock()
        if self.paused_at is None:
            self.stacks.page.tick()
            self.head_changed()
            self._look()
        self._show_status()

    # -- the frame around the page -----------------------------------------------------------------------------------
    def page_changed(self) -> None:
        """Another page is in front: its sections are asked for, and it writes everything anew."""
        page = self.stacks.page
        self.sections_changed()
        page.rebuild()
        whole = page.whole_head()
        self.verdict.set_class(whole is None, "-off")
        self.crumbs.set_class(whole is not None, "-off")
        self.head_changed()
        self.hints_changed()
        self._show_status()
        self._look()

    def sections_changed(self) -> None:
        """Asks for the sections that the page in front shows now."""
        sections = self.stacks.page.sections | {"findings", "marks"}
        if sections != self._asked:
            self._asked = sections
            self.picture.asked(sections)
            self.feed.watch(sections)

    def _look(self) -> None:
        """Tells the feed which rows are on the screen, when they are others than before."""
        refs = frozenset(islice(dict.fromkeys(self.stacks.page.looking_at), LOOK_MOST))
        if refs != self._looked:
            self._looked = refs
            self.feed.look(refs)

    def hints_changed(self) -> None:
        page = self.stacks.page
        more = "keys" if getattr(page, "showing_words", False) else "words and glyphs"
        lists = self._several_lists = bool(page.beside_title)
        self.hint_bar.set_hints(chrome.hints(page.kind, self.table, more_help=more, lists=lists))

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
        told = explanation(self.stacks.view_id)
        title = root.title if root else told.title if told else "Overview"
        parts = [title, *(below.crumb for below in self.stacks.pages[1:])]
        line: Line | None = page.head()
        notes = [Segment(text, style=style) for text, style in line.spans if text.strip()] if line else []
        beside = [Segment(text, style=style) for text, style in page.beside_title]
        self.crumbs.set_parts(parts, notes, beside)
        if bool(beside) != self._several_lists:
            self.hints_changed()

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

    async def open_page(self, page: Page) -> None:
        await self.stacks.push(self.body, page)
        self.page_changed()

    async def ask(self, question: Question[T]) -> T | Unanswered:
        return await self.feed.ask(question)

    async def open_ref(self, ref: str) -> None:
        await self.deck_actions.open_ref(ref)

    # -- input -------------------------------------------------------------------------------------------------------
    async def key(self, event: events.Key) -> None:
        self.messages.key_pressed()
        await self.router.key(event.key, event.character)
        self._look()
