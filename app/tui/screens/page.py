"""Page: what a view shows between the head and the footer, and how the deck talks to it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from typing import ClassVar, Protocol, TypeVar

from textual.containers import Vertical

from app.feed.questions import Question, Unanswered
from app.tui.lines import Line, Span
from app.tui.options import DeckOptions
from app.tui.picture import Changes, Picture

T = TypeVar("T")
LAYOUT_PATIENCE = 2.0
"""Seconds that keys wait at most for a page to be laid out; it takes milliseconds."""


class Deck(Protocol):
    """What a page may ask of the deck."""

    @property
    def picture(self) -> Picture: ...

    @property
    def options(self) -> DeckOptions: ...

    @property
    def kept(self) -> dict[str, object]:
        """What pages want to find again when they are opened anew, by their refs."""

    async def open_ref(self, ref: str) -> None:
        """Opens the detail of `stream:…`, `consumer:…`, `agent:…` or `finding:…`, or the view of `view:…`."""

    async def open_page(self, page: Page) -> None:
        """Shows a page below the one in front."""

    async def ask(self, question: Question[T]) -> T | Unanswered:
        """Asks the worker one thing."""

    def sections_changed(self) -> None:
        """The page in front shows other sections than before."""

    def say(self, text: str, *, error: bool = False) -> None:
        """One line above the footer."""

    def copy(self, text: str) -> None:
        """Puts a text on the terminal's clipboard, and says so."""

    def head_changed(self) -> None:
        """The line under the status bar is to be written anew."""


class Page(Vertical, can_focus=False):
    """One page. The deck calls `rebuild` when it comes to the front, `refresh_facts` for each frame while it is
    there, `tick` every second, and `perform` for keys."""

    kind: ClassVar[str] = "list"
    filterable: ClassVar[bool] = True

    def __init__(self, deck: Deck, view_id: str, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.deck = deck
        self.view_id = view_id
        self.filter_text = ""
        self._laid_out = asyncio.Event()

    def on_resize(self) -> None:
        if self.size.width:
            self._laid_out.set()

    async def laid_out(self) -> None:
        """Waits until it has its size: keys that were typed ahead mean what is going to be on the screen."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._laid_out.wait(), LAYOUT_PATIENCE)

    @property
    def picture(self) -> Picture:
        return self.deck.picture

    @property
    def sections(self) -> frozenset[str]:
        """Sections of the snapshot that it shows."""
        return frozenset()

    @property
    def looking_at(self) -> Iterable[str]:
        """Refs of what is on the screen now, the most important first. The worker asks for them first."""
        return ()

    @property
    def crumb(self) -> str:
        """Its name in the breadcrumbs."""
        return ""

    @property
    def ref(self) -> str:
        """What it is about, or the row under its cursor; empty for nothing."""
        return ""

    @property
    def pointed(self) -> str:
        """What the cursor is on: the row, or what a line of a detail leads to."""
        return self.ref

    @property
    def beside_title(self) -> tuple[Span, ...]:
        """What stands beside the title: the lists that it has, where it has several."""
        return ()

    def head(self) -> Line | None:
        """What stands right of the breadcrumbs; a page with a whole line of its own answers `whole_head`."""
        return None

    def whole_head(self) -> Line | None:
        return None

    def rebuild(self) -> None:
        """Everything anew: it has come to the front, or the way of writing changed."""

    def refresh_facts(self, changes: Changes, dirty: dict[str, set[str]]) -> None:
        """A frame came in: `dirty` names the rows to be painted anew, `changes.whole` the sections replaced."""

    def tick(self) -> None:
        """A second has passed: ages on the screen go on."""

    def raw(self) -> str:
        """Facts behind it that no table holds, as JSON text; empty without any."""
        return ""

    async def perform(self, action: str) -> bool:
        """An action of the key table; False if it means nothing here."""
        return False

    def leave(self) -> bool:
        """Esc: gives up marks, then the filter; False if there is nothing to give up."""
        return False

    def set_filter(self, text: str) -> None:
        """Filters, or searches. Raises FilterError with a sentence."""
        self.filter_text = text
