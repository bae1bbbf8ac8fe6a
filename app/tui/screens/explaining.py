"""The page of a view that has nothing to show here: what it is, and what starts it."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult

from app.tui.explanations import Explanation
from app.tui.lines import BLANK, Line, words
from app.tui.screens.detail import perform_on_document
from app.tui.screens.document import Document
from app.tui.screens.page import Deck, Page
from widgets.cells import wrap_cells


class ExplanationPage(Page):
    """Paragraphs, broken by the width there is; commands stand by themselves, and `y` copies them."""

    kind: ClassVar[str] = "detail"

    def __init__(self, deck: Deck, told: Explanation) -> None:
        super().__init__(deck, told.id)
        self._told = told
        self.document = Document()
        self.document.when_resized(self.rebuild)

    def compose(self) -> ComposeResult:
        yield self.document

    @property
    def crumb(self) -> str:
        return self._told.title

    def rebuild(self) -> None:
        width = max(20, self.document.size.width - 4)
        self.document.show([BLANK, *paragraphs(self._told.text, width)])

    async def perform(self, action: str) -> bool:
        line = self.document.current
        if action == "copy":
            self.deck.copy(line.copy if line is not None else "")
            return True
        return perform_on_document(self.document, action)


def paragraphs(text: str, width: int) -> list[Line]:
    """An explanation's text, broken by so many cells; its commands can be copied."""
    title, _, rest = text.partition("\n")
    lines = [words((f"  {title}", "strong"))]
    for paragraph in rest.split("\n\n"):
        lines.append(BLANK)
        if paragraph.startswith("    "):
            command = paragraph.strip()
            lines.append(Line((("    $ ", "dim"), (command, "accent")), key=command, copy=command))
        else:
            lines += [words(f"  {piece}") for piece in wrap_cells(paragraph, width)]
    return lines
