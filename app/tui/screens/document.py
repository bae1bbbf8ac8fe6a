"""Document: lines of styled text, with a cursor on those that lead somewhere or can be copied."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.cells import cell_len
from rich.style import Style
from textual.strip import Strip

from app.tui.lines import Line
from widgets.cells import LineBuilder, cut_end, printable
from widgets.line_view import LineView

_DASH = "─"
_STATES = frozenset({"ok", "warn", "crit", "unknown", "stale"})


class Document(LineView):
    """Lines as they are given; a cursor where `selectable`. Keys are not its business: it is driven by methods."""

    def __init__(
        self,
        *,
        selectable: bool = True,
        cut: Callable[[str, int], str] = cut_end,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self._lines: tuple[Line, ...] = ()
        self._painted_lines: dict[tuple[Line, int, bool], Strip] = {}
        self._selectable = selectable
        self._cursor = 0
        self._cut = cut
        self._on_resize: Callable[[], None] | None = None

    # -- content -----------------------------------------------------------------------------------------------------
    def show(self, lines: Sequence[Line], *, still: bool = False) -> None:
        """Replaces the content; the cursor stays on the line with the same key, else near its place. `still`: that
        line stays where it is on the screen too, once the view was scrolled."""
        key = self._lines[self._cursor].key if self._cursor < len(self._lines) else ""
        before, top = self._cursor, self.top
        self._lines = tuple(lines)
        places = [index for index, line in enumerate(self._lines) if key and line.key == key]
        self._cursor = places[0] if places else self._near(min(self._cursor, len(self._lines) - 1))
        if still and places and top and places[0] != before:
            self.set_top(top + places[0] - before)
        if len(self._painted_lines) > 1000:
            self._painted_lines.clear()
        self.sync()

    @property
    def lines(self) -> tuple[Line, ...]:
        return self._lines

    @property
    def current(self) -> Line | None:
        """The line under the cursor."""
        if self._selectable and 0 <= self._cursor < len(self._lines) and self._lines[self._cursor].key:
            return self._lines[self._cursor]
        return None

    def when_resized(self, callback: Callable[[], None]) -> None:
        """Called with each new size, for those who break their lines by it."""
        self._on_resize = callback

    # -- moving ------------------------------------------------------------------------------------------------------
    def move(self, delta: int) -> None:
        """By so many lines that can be selected; without any the view scrolls."""
        stops = self._stops()
        if not stops:
            self.scroll_lines(delta)
            return
        after = [stop for stop in stops if stop > self._cursor] if delta > 0 else None
        before = [stop for stop in reversed(stops) if stop < self._cursor] if delta < 0 else None
        way = after if after is not None else before or []
        if way:
            self._go(way[min(abs(delta), len(way)) - 1])
        else:
            self.scroll_lines(delta)

    def move_to_end(self, first: bool) -> None:
        stops = self._stops()
        if stops:
            self._go(stops[0] if first else stops[-1])
        self.set_top(0 if first else len(self._lines))

    def page(self, halves: int) -> None:
        """By half pages."""
        target = self._cursor + halves * max(1, self.page_lines // 2)
        stops = self._stops()
        if stops:
            self._go(min(stops, key=lambda stop: abs(stop - target)))
        else:
            self.scroll_lines(halves * max(1, self.page_lines // 2))

    def next_section(self, direction: int) -> None:
        """To the first line of the next section, around the end."""
        titles = [index for index, line in enumerate(self._lines) if line.title]
        if not titles:
            return
        here = max((title for title in titles if title <= self._cursor), default=-1)
        later = [title for title in titles if (title > here if direction > 0 else title < here)]
        title = (later[0] if direction > 0 else later[-1]) if later else titles[0 if direction > 0 else -1]
        stops = [stop for stop in self._stops() if stop > title]
        if stops:
            self._cursor = stops[0]
        self.show_lines(title, self._cursor)
        self.sync()

    def next_fault(self, direction: int) -> bool:
        """To the next line that is not OK; False if there is none."""
        faults = [index for index, line in enumerate(self._lines) if line.fault and line.key]
        if not faults:
            return False
        later = [index for index in faults if (index > self._cursor if direction > 0 else index < self._cursor)]
        self._go((later[0] if direction > 0 else later[-1]) if later else faults[0 if direction > 0 else -1])
        return True

    def fault_ahead(self, direction: int) -> bool:
        """Whether a line that is not OK comes after the cursor, or before it."""
        ahead = self._lines[self._cursor + 1 :] if direction > 0 else self._lines[: self._cursor]
        return any(line.fault and line.key for line in ahead)

    def go(self, key: str, *, middle: bool = False) -> bool:
        """To the line with a key, in the middle of the view if it was not in it; False if there is none."""
        place = next((index for index, line in enumerate(self._lines) if line.key == key), None) if key else None
        if place is None:
            return False
        if middle and not self.top <= place < self.top + self.page_lines:
            self.set_top(place - self.page_lines // 2)
        self._go(place)
        return True

    def _stops(self) -> list[int]:
        return [index for index, line in enumerate(self._lines) if line.key] if self._selectable else []

    def _near(self, index: int) -> int:
        stops = self._stops()
        return min(stops, key=lambda stop: abs(stop - index)) if stops else 0

    def _go(self, index: int) -> None:
        stops = self._stops()
        self._cursor = index
        self.show_lines(0 if stops and index == stops[0] else index, index)
        self.sync()

    # -- painting ----------------------------------------------------------------------------------------------------
    def line_total(self) -> int:
        return len(self._lines)

    def paint_line(self, index: int, width: int) -> Strip:
        line = self._lines[index]
        cursor = self._selectable and self.active and index == self._cursor and bool(line.key)
        known = self._painted_lines.get((line, width, cursor))
        if known is None:
            known = self._painted_lines[line, width, cursor] = self._paint(line, width, cursor)
        return known

    def _paint(self, line: Line, width: int, cursor: bool) -> Strip:
        builder = LineBuilder()
        dim = self.paint("dim")
        if line.title:
            builder.add(f"{_DASH} ", dim)
        right = LineBuilder()
        for text, style in line.right:
            right.add(printable(text), self._shade(style, cursor))
        for text, style in line.spans:
            room = width - builder.cells
            if room < 1:
                break
            self._add(builder, text, self._shade(style, cursor), room)
        if line.title:
            tail = right.cells + 3 if right.cells else 0
            builder.add(" " + _DASH * max(0, width - builder.cells - 1 - tail), dim)
        if right.cells and builder.cells + right.cells + 1 <= width:
            gap = width - builder.cells - right.cells - (1 if line.title else 0)
            builder.add(" " * gap, self.paint("", cursor=cursor))
            for text, style in line.right:
                builder.add(printable(text), self._shade(style, cursor))
        return builder.strip(width, self.paint("", cursor=cursor))

    def _shade(self, style: str, cursor: bool) -> Style:
        """The style of a span. In reverse video only states keep their colour: grey patches are hard to read."""
        return self.paint(style if not cursor or style in _STATES else "", cursor=cursor)

    def _add(self, builder: LineBuilder, text: str, style: Style, room: int) -> None:
        shown = printable(text)
        if cell_len(shown) <= room:
            builder.add(shown, style)
        else:
            builder.fitted(shown, style, room, cut=self._cut)

    def palette_changed(self) -> None:
        self._painted_lines.clear()

    def resized(self) -> None:
        super().resized()
        if self._on_resize is not None:
            self._on_resize()
