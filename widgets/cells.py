"""Text in cells: exact widths for painting, whatever the text is made of."""

from __future__ import annotations

from collections.abc import Callable

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

Cut = Callable[[str, int], str]
"""Shortens a text to at most so many cells, the way the caller likes it: `cut(text, cells)`."""

_UNPRINTABLE = "\ufffd"


def cut_end(text: str, cells: int) -> str:
    """The plainest `Cut`: keeps the beginning, and says with `…` that there was more."""
    if cell_len(text) <= cells:
        return text
    if cells < 1:
        return ""
    return set_cell_size(text, cells - 1).rstrip() + "…"


def printable(text: str) -> str:
    """The text without anything that a terminal could take for more than a character: the last guard before it."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else " " if char.isspace() else _UNPRINTABLE for char in text)


def fit_cells(text: str, cells: int, *, right: bool = False, cut: Cut = cut_end) -> str:
    """The text in exactly so many cells: cut where it is longer, padded where it is shorter."""
    if cells < 1:
        return ""
    text = printable(text)
    size = cell_len(text)
    if size > cells:
        text = printable(cut(text, cells))
        size = cell_len(text)
        if size > cells:
            text, size = set_cell_size(text, cells), cells
    padding = " " * (cells - size)
    return padding + text if right else text + padding


def wrap_cells(text: str, cells: int) -> list[str]:
    """The text as lines of at most so many cells, broken at blanks where there are any, anywhere where not."""
    lines: list[str] = []
    line = ""
    cells = max(2, cells)
    for word in printable(text).split():
        while cell_len(word) > cells:
            room = cells - cell_len(line) - bool(line)
            if room < 2:
                lines.append(line)
                line = ""
                continue
            head = _head(word, room)
            lines.append(f"{line} {head}" if line else head)
            line, word = "", word[len(head) :]
        joined = f"{line} {word}" if line else word
        if cell_len(joined) > cells:
            lines.append(line)
            line = word
        else:
            line = joined
    if line or not lines:
        lines.append(line)
    return lines


def _head(word: str, cells: int) -> str:
    """As many of the first characters as fit, at least one."""
    used = 0
    for index, char in enumerate(word):
        used += cell_len(char)
        if used > cells and index:
            return word[:index]
    return word


class LineBuilder:
    """Puts one line together out of styled texts; neighbours of one style become one segment, to spare bytes."""

    __slots__ = ("_parts", "cells")

    def __init__(self) -> None:
        self._parts: list[tuple[str, Style]] = []
        self.cells = 0

    def add(self, text: str, style: Style, cells: int | None = None) -> None:
        """Appends a text, already printable; `cells` where its width is known."""
        if not text:
            return
        self.cells += cell_len(text) if cells is None else cells
        if self._parts and self._parts[-1][1] == style:
            self._parts[-1] = (self._parts[-1][0] + text, style)
        else:
            self._parts.append((text, style))

    def fitted(self, text: str, style: Style, cells: int, *, right: bool = False, cut: Cut = cut_end) -> None:
        """Appends a text forced to exactly so many cells."""
        self.add(fit_cells(text, cells, right=right, cut=cut), style, max(0, cells))

    def strip(self, width: int, style: Style) -> Strip:
        """The line in exactly `width` cells, the rest of it blank in `style`."""
        self.add(" " * (width - self.cells), style, max(0, width - self.cells))
        strip = Strip([Segment(text, style) for text, style in self._parts], self.cells)
        return strip if self.cells == width else strip.adjust_cell_length(width, style)
