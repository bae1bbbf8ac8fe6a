"""The detail of one thing: a document that a View's own function writes, with lines that lead on."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import ClassVar

from textual.app import ComposeResult

from app.model import text
from app.tui.lines import Line
from app.tui.picture import Changes, Picture
from app.tui.screens.document import Document
from app.tui.screens.moves import perform_move
from app.tui.screens.page import Deck, Page
from app.tui.views import cells

Write = Callable[[str, Picture, int], list[Line]]
"""Writes the lines of a key's detail, for so many cells."""


class DetailPage(Page):
    """One stream, consumer, agent or finding. `/` leaves only the lines that match, and the titles."""

    kind: ClassVar[str] = "detail"

    def __init__(
        self,
        deck: Deck,
        view_id: str,
        ref: str,
        *,
        name: Callable[[str, Picture], str],
        write: Write,
        needs: frozenset[str],
    ) -> None:
        super().__init__(deck, view_id)
        self._ref = ref
        self.key = ref.partition(":")[2]
        self._title_of = name
        self._write = write
        self._needs = needs
        self.document = Document(cut=cells.cut)
        self.document.when_resized(self.rebuild)

    def compose(self) -> ComposeResult:
        yield self.document

    @property
    def sections(self) -> frozenset[str]:
        return self._needs

    @property
    def looking_at(self) -> Iterator[str]:
        yield self.ref
        for line in self.document.lines:
            if line.target:
                yield line.target

    @property
    def ref(self) -> str:
        return self._ref

    @property
    def pointed(self) -> str:
        line = self.document.current
        # The first line of a finding leads to its row, and is about the finding all the same.
        return line.target if line is not None and line.target and line.key != "head" else self._ref

    @property
    def crumb(self) -> str:
        return self._title_of(self.key, self.picture)

    def head(self) -> Line | None:
        if not self.filter_text:
            return None
        return Line(((f"/{text.cut(self.filter_text, 24)}", "dim"),))

    def rebuild(self) -> None:
        if not self.document.size.width:
            return
        lines = self._write(self.key, self.picture, self.document.size.width)
        self.document.show(self._matching(lines) if self.filter_text else lines)

    def refresh_facts(self, changes: Changes, dirty: dict[str, set[str]]) -> None:
        if changes.whole & self._needs or any(dirty.get(section) for section in self._needs):
            self.rebuild()

    def tick(self) -> None:
        self.rebuild()

    def _matching(self, lines: list[Line]) -> list[Line]:
        wanted = self.filter_text.casefold().split()
        return [
            line
            for line in lines
            if line.title or all(word in "".join(part for part, _ in line.spans).casefold() for word in wanted)
        ]

    def set_filter(self, text: str) -> None:
        super().set_filter(re.sub(r"\s+", " ", text).strip())
        self.rebuild()
        self.deck.head_changed()

    def leave(self) -> bool:
        if not self.filter_text:
            return False
        self.set_filter("")
        return True

    async def perform(self, action: str) -> bool:
        document = self.document
        line = document.current
        if action == "open":
            if line is not None and line.target:
                await self.deck.open_ref(line.target)
            else:
                self.deck.say("nothing further behind this line")
        elif action == "copy":
            self.deck.copy(line.copy if line is not None and line.copy else self._whole(line))
        elif action in ("fault.next", "fault.previous"):
            if not document.next_fault(1 if action == "fault.next" else -1):
                self.deck.say("no line that is not OK")
        elif not perform_on_document(document, action):
            return False
        return True

    def _whole(self, line: Line | None) -> str:
        return "" if line is None else "".join(part for part, _ in line.spans).strip()


def perform_on_document(document: Document, action: str) -> bool:
    """The actions that any document knows; False for others."""
    if action in ("pane.next", "pane.previous"):
        document.next_section(1 if action == "pane.next" else -1)
        return True
    return perform_move(document, action)
