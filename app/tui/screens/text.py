"""A text of several paragraphs, to be read and left."""

from __future__ import annotations

from typing import ClassVar

from rich.cells import cell_len
from textual.app import ComposeResult

from app.tui.lines import BLANK, Line, words
from app.tui.screens.detail import perform_on_document
from app.tui.screens.document import Document
from app.tui.screens.page import Deck, Page
from widgets.cells import wrap_cells


class TextPage(Page):
    """Shows a text under a name; long lines are broken, indented ones and points of a list keep their indent."""

    kind: ClassVar[str] = "help"

    def __init__(self, deck: Deck, of: Page, name: str, text: str, *, at_end: bool = False) -> None:
        super().__init__(deck, of.view_id)
        self._of = of
        self._crumb = name
        self._text = text
        self._at_end = at_end
        self.document = Document(selectable=False)
        self.document.when_resized(self.rebuild)

    def compose(self) -> ComposeResult:
        yield self.document

    @property
    def sections(self) -> frozenset[str]:
        return self._of.sections

    @property
    def crumb(self) -> str:
        return self._crumb

    def rebuild(self) -> None:
        width = max(20, self.document.size.width - 4)
        self.document.show([BLANK, *(line for part in self._text.splitlines() for line in _broken(part, width))])
        if self._at_end and self.size.height:
            self._at_end = False
            self.document.set_top(len(self.document.lines))

    async def perform(self, action: str) -> bool:
        return perform_on_document(self.document, action)


def _broken(part: str, width: int) -> list[Line]:
    if not part.strip():
        return [BLANK]
    if cell_len(part) <= width:
        return [words(f"  {part}")]
    body = part.lstrip()
    indent = " " * (len(part) - len(body))
    bullet = "- " if body.startswith("- ") else ""
    pieces = wrap_cells(body.removeprefix(bullet), width - len(indent) - len(bullet))
    heads = [bullet, *[" " * len(bullet)] * (len(pieces) - 1)]
    return [words(f"  {indent}{head}{piece}") for head, piece in zip(heads, pieces, strict=True)]
