"""Several lists of one view, each with its own cursor, filter and sort; `tab` goes from one to the next."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual.app import ComposeResult

from app.tui.lines import Line, Span
from app.tui.picture import Changes
from app.tui.screens.page import Deck, Page
from app.tui.screens.resource import ResourcePage
from app.tui.views.view import View


class ListsPage(Page):
    """Shows one of its lists. Those without rows are not offered; where all are empty the first says why.

    `names` are what each is called in the title, in the order of `views`.
    """

    kind: ClassVar[str] = "list"

    def __init__(self, deck: Deck, view_id: str, title: str, views: Sequence[View], names: Sequence[str]) -> None:
        self._lists = tuple(ResourcePage(deck, view) for view in views)
        self._shown = self._lists[0]
        self._title = title
        self._names = tuple(names)
        self._chosen = False  # somebody has said which list is to be shown
        super().__init__(deck, view_id)

    def compose(self) -> ComposeResult:
        for page in self._lists:
            page.display = page is self._shown
            yield page

    # -- which list --------------------------------------------------------------------------------------------------
    @property
    def view(self) -> View:
        """Of the list that is shown."""
        return self._shown.view

    def offered(self) -> list[ResourcePage]:
        """The lists that there is something in, the one that is shown always among them."""
        return [page for page in self._lists if page is self._shown or self._count(page)]

    def _count(self, page: ResourcePage) -> int:
        """Its rows: as the worker counts them, for the facts hold only the list that is shown."""
        count = self.picture.snapshot.counts.get(page.view.section)
        return count.total if count is not None else len(page.view.records(self.picture))

    def _settle(self) -> None:
        """Leaves a list that has nothing for one that has, until somebody has chosen."""
        if self._chosen or self._count(self._shown) or self.picture.snapshot.at is None:
            return
        other = next((page for page in self._lists if self._count(page)), None)
        if other is not None:
            self._show(other)

    def choose(self, section: str) -> None:
        """The list of a section of the snapshot."""
        page = next((page for page in self._lists if page.view.section == section), None)
        if page is not None and page is not self._shown:
            self._chosen = True
            self._show(page)

    def _show(self, page: ResourcePage) -> None:
        self._shown = page
        for each in self._lists:
            each.display = each is page
        self.deck.sections_changed()
        page.rebuild()
        self.deck.head_changed()

    # -- what it is: the list that is shown --------------------------------------------------------------------------
    @property
    def filter_text(self) -> str:
        return self._shown.filter_text

    @filter_text.setter
    def filter_text(self, text: str) -> None:
        self._shown.filter_text = text

    @property
    def sections(self) -> frozenset[str]:
        return self._shown.sections

    @property
    def looking_at(self) -> Iterable[str]:
        return self._shown.looking_at

    @property
    def crumb(self) -> str:
        return self._title

    @property
    def ref(self) -> str:
        return self._shown.ref

    def head(self) -> Line:
        """`hosts 40 · AI 12`, the one that is shown first told in full."""
        offered = self.offered()
        told = self._shown.head()
        if len(offered) < 2:
            return told
        spans: list[Span] = []
        for page in offered:
            name = self._names[self._lists.index(page)]
            spans.append((f"{name} {self._count(page)}", "strong" if page is self._shown else "dim"))
        return Line((*spans, *told.spans))

    def rebuild(self) -> None:
        self._settle()
        self._shown.rebuild()

    def refresh_facts(self, changes: Changes, dirty: dict[str, set[str]]) -> None:
        self._settle()
        self._shown.refresh_facts(changes, dirty)

    def tick(self) -> None:
        self._shown.tick()

    def leave(self) -> bool:
        return self._shown.leave()

    def set_filter(self, text: str) -> None:
        self._shown.set_filter(text)

    async def perform(self, action: str) -> bool:
        if action in ("pane.next", "pane.previous"):
            offered = self.offered()
            if len(offered) < 2:
                self.deck.say("there is no other list here")
                return True
            step = 1 if action == "pane.next" else -1
            self._chosen = True
            self._show(offered[(offered.index(self._shown) + step) % len(offered)])
            return True
        return await self._shown.perform(action)
