"""The raw facts of one thing as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from enum import Enum
from typing import Any, ClassVar

from textual.app import ComposeResult

from app.model import text
from app.tui.lines import Line
from app.tui.picture import Changes
from app.tui.screens.moves import perform_move
from app.tui.screens.page import Deck, Page
from widgets.json_view import JsonView


def as_json(record: Any) -> str:
    """A record of the model as JSON text; pairs stay lists of two."""
    return json.dumps(asdict(record), default=plain_value, ensure_ascii=False)


def plain_value(value: object) -> object:
    """What JSON has no word for: times as ISO, words of enumerations as themselves."""
    if isinstance(value, datetime):
        return value.isoformat()
    return value.value if isinstance(value, Enum) else str(value)


class JsonPage(Page):
    """Every field that is known of a row, kept up while it is open."""

    kind: ClassVar[str] = "json"

    def __init__(self, deck: Deck, view_id: str, ref: str, section: str, name: str = "") -> None:
        super().__init__(deck, view_id)
        self._ref = ref
        self._section = section
        self._called = name
        self.json = JsonView()

    def compose(self) -> ComposeResult:
        yield self.json

    @property
    def ref(self) -> str:
        return self._ref

    @property
    def sections(self) -> frozenset[str]:
        return frozenset({self._section, "findings"})

    @property
    def crumb(self) -> str:
        return f"JSON of {self._called}" if self._called else "JSON"

    def head(self) -> Line | None:
        at, matches = self.json.matches
        if not self.filter_text:
            return None
        return Line(((f"/{text.cut(self.filter_text, 24)}  {at} of {matches} · n N", "dim"),))

    def _record(self) -> Any:
        table, key = self.picture.snapshot.section(self._section), self.ref.partition(":")[2]
        return table.get(key) or table.get(f"{self.picture.window}/{key}")  # a score: that of the window shown

    def rebuild(self) -> None:
        record = self._record()
        if record is not None:
            self.json.set_text(as_json(record))
        elif not self.json.lines:
            self.json.set_text('"no longer there"')

    def refresh_facts(self, changes: Changes, dirty: dict[str, set[str]]) -> None:
        self.rebuild()

    def set_filter(self, text: str) -> None:
        super().set_filter(text)
        self.json.search(text)
        self.deck.head_changed()

    def leave(self) -> bool:
        if not self.filter_text:
            return False
        self.set_filter("")
        return True

    async def perform(self, action: str) -> bool:
        match action:
            case "columns.left" | "columns.right":
                self.json.scroll_columns(-1 if action == "columns.left" else 1)
            case "fault.next" | "fault.previous":
                if not self.json.next_match(1 if action == "fault.next" else -1):
                    self.deck.say("nothing was searched for: / searches")
                self.deck.head_changed()
            case "copy":
                self.deck.copy("\n".join(self.json.lines))
            case _:
                return perform_move(self.json, action)
        return True


class JsonTextPage(JsonPage):
    """JSON text as it was when the page was opened: an answer, a response."""

    def __init__(self, deck: Deck, of: Page, name: str, text: str) -> None:
        super().__init__(deck, of.view_id, "", "findings", name)
        self._of = of
        self._text = text

    @property
    def sections(self) -> frozenset[str]:
        return self._of.sections

    @property
    def crumb(self) -> str:
        return self._called

    def rebuild(self) -> None:
        self.json.set_text(self._text)
