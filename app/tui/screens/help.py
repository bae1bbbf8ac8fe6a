"""Help: the keys of the view it was opened in, out of the key table; then the words, glyphs and column headers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult

from app.model.health import Health
from app.tui.commands import Command
from app.tui.keys import Key, shown
from app.tui.lines import BLANK, Line, rule, words
from app.tui.screens.detail import perform_on_document
from app.tui.screens.document import Document
from app.tui.screens.page import Deck, Page
from app.tui.views.view import View

_WORDS = (
    ("pending", "num_pending: messages that a consumer has not been given yet"),
    ("behind", "age of the oldest message that a consumer has not been given"),
    ("ack pending", "num_ack_pending: given to a client, and not acknowledged"),
    ("redelivered", "num_redelivered: given more than once, and not acknowledged"),
    ("waiting pulls", "num_waiting: requests of clients that wait for messages"),
    ("ack floor", "all messages up to here are acknowledged"),
    ("leader, peer", "the server that answers for a stream, and those that hold copies"),
    ("lag", "how many operations or messages a copy is behind"),
    ("heartbeat", "what an agent writes every 10 s; two missed: stale, 30 s: gone"),
    ("condition", "what an agent says of its host: memory, load, disk"),
    ("session", "one run of an AI agent, as the events that it publishes tell it"),
    ("score", "how well an AI agent does, 0 to 100, over five dimensions of its sessions"),
    ("finding", "one thing that is wrong, with its figures and since when"),
    ("folded", "findings that another one causes: counted once, as their cause"),
)
_STATES = (
    (Health.CRIT, "work has stopped or data is being lost: act now"),
    (Health.WARN, "it will become that, or a part is worse"),
    (Health.UNKNOWN, "it did not answer: nobody can tell"),
    (Health.STALE, "the last known facts: what brings them fails"),
    (Health.OK, "nothing wrong is known"),
)


class HelpPage(Page):
    """`?` shows keys, `?` again the words."""

    kind: ClassVar[str] = "help"
    filterable: ClassVar[bool] = False

    def __init__(
        self, deck: Deck, of: Page, table: Sequence[Key], commands: Sequence[Command], view: View | None
    ) -> None:
        super().__init__(deck, of.view_id)
        self._of = of
        self._table = table
        self._commands = commands
        self._view = view
        self.showing_words = False
        self.document = Document(selectable=False)

    def compose(self) -> ComposeResult:
        yield self.document

    @property
    def sections(self) -> frozenset[str]:
        return self._of.sections

    @property
    def crumb(self) -> str:
        return "words" if self.showing_words else "keys"

    def rebuild(self) -> None:
        self.document.show(self._words() if self.showing_words else self._keys())

    def turn(self) -> None:
        """From the keys to the words, and back."""
        self.showing_words = not self.showing_words
        self.document.set_top(0)
        self.rebuild()
        self.deck.head_changed()

    async def perform(self, action: str) -> bool:
        return perform_on_document(self.document, action)

    def _keys(self) -> list[Line]:
        here = [key for key in self._table if self._of.kind in key.where]
        lines = [rule(f"Keys: {self._of.crumb}", right="? again: words and glyphs")]
        for key in here:
            names = "  ".join(shown(name) for name in key.keys)
            lines.append(words("  ", (f"{names:<18}", "accent"), f" {key.words}", ("", "")))
        lines += [BLANK, rule("Commands, after :")]
        for command in self._commands:
            written = f"{command.name} {command.arguments}".strip()
            lines.append(words("  ", (f"{written:<26}", "accent"), f" {command.words}"))
        lines += [
            BLANK,
            rule("In a prompt"),
            words("  ", (f"{'enter  esc':<26}", "accent"), " take it; leave it as it was"),
            words("  ", (f"{'tab  up  down':<26}", "accent"), " complete; earlier ones"),
            words("  ", (f"{'ctrl+u  ctrl+w':<26}", "accent"), " empty it; take the last word away"),
            BLANK,
            words(("  shift+drag selects text in most terminals, with the mouse taken by the deck too", "dim")),
        ]
        return lines

    def _words(self) -> list[Line]:
        lines = [rule("Glyphs", right="? again: keys")]
        for health, meaning in _STATES:
            lines.append(words("  ", (f"{health.glyph} {health.word:<8}", health.value), f" {meaning}"))
        lines.append(words(f"  {'- ? !':<10} absent, not yet known, not permitted"))
        if self._view is not None:
            lines += [BLANK, rule(f"Columns: {self._view.title}")]
            for field in self._view.fields:
                if field.column.title:
                    wide = " (w)" if field.column.priority == 5 else ""
                    lines.append(words("  ", (f"{field.column.title:<10}", "accent"), f" {field.column.help}{wide}"))
        lines += [BLANK, rule("Words")]
        lines += [words("  ", (f"{word:<14}", "accent"), f" {meaning}") for word, meaning in _WORDS]
        return lines
