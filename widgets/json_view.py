"""A JSON text as lines, to be scrolled and searched."""

from __future__ import annotations

import json
import re

from rich.cells import cell_len, set_cell_size
from textual.strip import Strip

from widgets.cells import LineBuilder, printable
from widgets.line_view import LineView

_LONGEST_TEXT = 1_000_000
_SIDE_STEP = 8
_KEY = re.compile(r'(?P<indent>\s*)(?P<key>"(?:[^"\\]|\\.)*")(?P<colon>:\s?)')


def json_lines(text: str) -> list[str]:
    """The text with one value a line; as it is, line by line, where it is no JSON."""
    cut = text[:_LONGEST_TEXT]
    try:
        lines = json.dumps(json.loads(text), indent=2, ensure_ascii=False).splitlines()
    except (ValueError, RecursionError):
        lines = cut.splitlines()
    if len(text) > _LONGEST_TEXT:
        lines.append(f"… {len(text) - _LONGEST_TEXT:,} more characters")
    return [printable(line.expandtabs(4)) for line in lines]


class JsonView(LineView):
    """Raw facts, indented. There is no cursor: movement scrolls. Takes no keys."""

    def __init__(self, text: str = "", *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._text = text
        self._lines = json_lines(text) if text else []
        self._left = 0
        self._wanted = ""
        self._matches: list[int] = []
        self._match = -1

    def set_text(self, text: str) -> None:
        """Another text; place and search stay."""
        if text == self._text:
            return
        self._text = text
        self._lines = json_lines(text) if text else []
        self._find()
        self.sync()

    @property
    def lines(self) -> tuple[str, ...]:
        return tuple(self._lines)

    def move(self, delta: int) -> None:
        """Scrolls by lines."""
        self.scroll_lines(delta)

    def move_to_end(self, first: bool) -> None:
        """Scrolls to the first line, or to the last."""
        self.set_top(0 if first else len(self._lines))

    def page(self, delta: int) -> None:
        """Scrolls by half pages."""
        self.scroll_lines(delta * max(1, self.page_lines // 2))

    def scroll_columns(self, delta: int) -> None:
        """Scrolls sideways."""
        longest = max((len(line) for line in self._lines), default=0)
        self._left = max(0, min(max(0, longest - _SIDE_STEP), self._left + delta * _SIDE_STEP))
        self.sync()

    def search(self, text: str) -> int:
        """Looks for a text, case ignored, and goes to the first line from here on that has it; how many have."""
        self._wanted = text.casefold()
        self._find()
        if self._matches:
            self._match = next((i for i, line in enumerate(self._matches) if line >= self.top), 0)
            self.show_lines(self._matches[self._match])
        self.sync()
        return len(self._matches)

    def next_match(self, direction: int) -> bool:
        """Goes to the next (1) or previous (-1) line that was looked for, around the ends; False without one."""
        if not self._matches:
            return False
        self._match = (self._match + direction) % len(self._matches)
        self.show_lines(self._matches[self._match])
        self.sync()
        return True

    @property
    def matches(self) -> tuple[int, int]:
        """The match that was gone to, from 1 (0 without any), and how many lines match."""
        return self._match + 1, len(self._matches)

    def _find(self) -> None:
        wanted = self._wanted
        self._matches = [i for i, line in enumerate(self._lines) if wanted in line.casefold()] if wanted else []
        self._match = min(self._match, len(self._matches) - 1)

    def line_total(self) -> int:
        return len(self._lines)

    def paint_line(self, index: int, width: int) -> Strip:
        text = self._lines[index]
        plain = self.paint("")
        if self._left:
            head = set_cell_size(text, self._left)
            # A wide character that straddles the edge becomes a blank on either side.
            text = (
                text[len(head) :] if cell_len(head) == self._left and text.startswith(head) else _tail(text, self._left)
            )
        builder = LineBuilder()
        builder.add(" ", plain, 1)
        current = 0 <= self._match < len(self._matches) and self._matches[self._match] == index
        if current or (self._wanted and self._wanted in text.casefold()):
            builder.fitted(text, self.paint("accent", cursor=current), width - 1)
            return builder.strip(width, plain)
        found = _KEY.match(text)
        if found and not self._left:
            builder.add(found["indent"], plain)
            rest = width - 1 - len(found["indent"])
            key = found["key"]
            if cell_len(key) < rest:
                builder.add(key, self.paint("accent"))
                text = text[found.end("key") :]
            else:
                text = text[len(found["indent"]) :]
        builder.fitted(text, plain, width - builder.cells)
        return builder.strip(width, plain)


def _tail(text: str, cells: int) -> str:
    used = 0
    for index, char in enumerate(text):
        if used >= cells:
            return " " * (used - cells) + text[index:]
        used += cell_len(char)
    return ""
