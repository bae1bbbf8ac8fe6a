"""A view of several lists: one is shown, `tab` goes to the next. Each keeps its own cursor, filter, sort and marks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual.app import ComposeResult

from app.tui import sentences
from app.tui.lines import Line, Span
from app.tui.picture import Changes
from app.tui.screens.page import Deck, Page
from app.tui.screens.resource import ResourcePage
from app.tui.views.view import View


class ListsPage(Page):
    """The lists of a view as pages of which one is in front. An empty one is not offered.

    The list that the reader was last at stays in front as long as it has rows; one that has none gives its place to
    another, until it has some again.
    """

    kind: ClassVar[str] = "list"

    def __init__(self, deck: Deck, view: View) -> None:
        self._first = view
        self._pages = {each.id: ResourcePage(deck, each) for each in view.lists}
        self._wanted = self._shown = view.id
        super().__init__(deck, view.id)

    def compose(self) -> ComposeResult:
        for name, page in self._pages.items():
            page.display = name == self._shown
            yield page

    # -- which list --------------------------------------------------------------------------------------------------
    @property
    def page(self) -> ResourcePage:
        """The list in front."""
        return self._pages[self._shown]

    @property
    def view(self) -> View:
        """What is listed in it."""
        return self.page.view

    def _offered(self) -> list[str]:
        return [each.id for each in self._first.offered(self.picture)]

    def _settle(self) -> bool:
        """Brings the list to the front that should be there; True if that is another one than before."""
        offered = self._offered()
        return self._show(self._wanted if self._wanted in offered else offered[0])

    def _show(self, name: str) -> bool:
        if name == self._shown:
            return False
        self.page.display = False
        self._shown = name
        self.page.display = True
        self.deck.sections_changed()
        self.page.rebuild()
        self.deck.head_changed()
        return True

    def turn(self, step: int) -> bool:
        """To the list that is so many further, around the end; False if there is only one."""
        offered = self._offered()
        if len(offered) < 2:
            return False
        place = offered.index(self._shown) if self._shown in offered else 0
        self._wanted = offered[(place + step) % len(offered)]
        return self._show(self._wanted)

    # -- what the deck asks of a page --------------------------------------------------------------------------------
    @property
    def beside_title(self) -> tuple[Span, ...]:
        return sentences.names_of_lists(self._first, self.view, self.picture)

    @property
    def filter_text(self) -> str:
        return self.page.filter_text

    @filter_text.setter
    def filter_text(self, text: str) -> None:
        self.page.filter_text = text

    @property
    def sections(self) -> frozenset[str]:
        return self.page.sections

    @property
    def looking_at(self) -> Iterable[str]:
        return self.page.looking_at

    @property
    def crumb(self) -> str:
        return self._first.title

    @property
    def ref(self) -> str:
        return self.page.ref

    @property
    def pointed(self) -> str:
        return self.page.pointed

    def head(self) -> Line | None:
        return self.page.head()

    def raw(self) -> str:
        return self.page.raw()

    def rebuild(self) -> None:
        if not self._settle():
            self.page.rebuild()

    def refresh_facts(self, changes: Changes, dirty: dict[str, set[str]]) -> None:
        if not self._settle():
            self.page.refresh_facts(changes, dirty)

    def tick(self) -> None:
        self.page.tick()

    async def perform(self, action: str) -> bool:
        if action in ("pane.next", "pane.previous"):
            if not self.turn(1 if action == "pane.next" else -1):
                self.deck.say("there is no other list here")
            await self.page.laid_out()
            return True
        self._wanted = self._shown
        return await self.page.perform(action)

    def leave(self) -> bool:
        return self.page.leave()

    def set_filter(self, text: str) -> None:
        self.page.set_filter(text)
