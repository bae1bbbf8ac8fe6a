"""One of several: a sentence, and a menu to pick from by digit, first letter or cursor."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult

from app.model import text
from app.tui.lines import BLANK, words
from app.tui.screens.document import Document
from app.tui.screens.page import Deck, Page
from widgets.cells import wrap_cells
from widgets.menu import Menu, MenuItem


class ChoicePage(Page):
    """Asks for one item. `picked` is what is to be done with its key; `take` is the deck's way to close the page first,
    which clicks go too."""

    kind: ClassVar[str] = "menu"

    def __init__(
        self, deck: Deck, of: Page, name: str, sentence: str, items: Sequence[MenuItem], picked: Callable[[str], None]
    ) -> None:
        super().__init__(deck, of.view_id)
        self._of = of
        self._crumb = name
        self._sentence = sentence
        self.picked = picked
        self.take: Callable[[str], Awaitable[None]] | None = None
        self._words = Document(selectable=False, classes="sentence")
        self.menu = Menu(items, cut=text.cut)

    def compose(self) -> ComposeResult:
        yield self._words
        yield self.menu

    @property
    def sections(self) -> frozenset[str]:
        return self._of.sections

    @property
    def crumb(self) -> str:
        return self._crumb

    def on_resize(self) -> None:
        super().on_resize()
        self.rebuild()

    def rebuild(self) -> None:
        lines = [words(f" {piece}") for piece in wrap_cells(self._sentence, max(10, self.size.width - 2))]
        self._words.styles.height = len(lines) + 2
        self._words.show([BLANK, *lines, BLANK])

    def key(self, key: str) -> str | None:
        """A key in the menu: the item it picks, or None while nothing is picked."""
        steps = {"j": 1, "down": 1, "tab": 1, "k": -1, "up": -1, "shift+tab": -1}
        if key in steps:
            self.menu.move(steps[key])
        elif key == "enter":
            return self.menu.cursor_key
        elif len(key) == 1:
            return self.menu.pick(key)
        return None

    @on(Menu.Picked)
    async def _clicked(self, message: Menu.Picked) -> None:
        message.stop()
        if self.take is not None:
            await self.take(message.key)
