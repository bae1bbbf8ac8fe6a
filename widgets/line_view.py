"""A scrolling view made of lines, of which only those that changed are sent to the terminal."""

from __future__ import annotations

from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from widgets.palette import legible

_WHEEL_LINES = 3


class LineView(ScrollView, can_focus=False, inherit_bindings=False):
    """Base of the views that paint line by line.

    A subclass says how many lines there are and paints one; after any change it calls `sync`, which compares what
    should be on the screen with what is, and refreshes the difference: nothing changed costs no byte. There are no
    scrollbars (two cells and their repainting), no animation and no keys of its own.
    """

    ALLOW_SELECT = False
    ALLOW_MAXIMIZE = False
    STYLE_NAMES: ClassVar[tuple[str, ...]] = (
        "ok", "warn", "crit", "unknown", "stale", "dim", "accent", "header", "strong",
    )  # fmt: skip
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"lines--{name}" for name in STYLE_NAMES}
    DEFAULT_CSS = """
    LineView {
        overflow: hidden hidden;
        width: 1fr;
        height: 1fr;
        background: $background;
        color: $foreground;
        & .lines--ok { color: $text-success; }
        & .lines--warn { color: $text-warning; }
        & .lines--crit { color: $text-error; text-style: bold; }
        & .lines--unknown { color: $text-secondary; }
        & .lines--stale { color: $text-muted; }
        & .lines--dim { color: $text-muted; }
        & .lines--accent { color: $text-accent; }
        & .lines--header { color: $text-muted; text-style: bold; }
        & .lines--strong { text-style: bold; }
    }
    """

    head_lines = 0
    """Lines at the top that never scroll."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._painted: dict[int, Strip] = {}
        self._palette: dict[str, Style] = {}
        self._active = True

    # What a subclass gives

    def line_total(self) -> int:
        """How many lines there are that scroll."""
        raise NotImplementedError

    def paint_head(self, y: int, width: int) -> Strip:
        """One of the `head_lines`."""
        raise NotImplementedError

    def paint_line(self, index: int, width: int) -> Strip:
        """One scrolling line, in exactly `width` cells. Cheap when asked again: see `sync`."""
        raise NotImplementedError

    def palette_changed(self) -> None:
        """Called when colours changed, to forget painted lines."""

    # What it offers

    @property
    def active(self) -> bool:
        """Whether the cursor is shown: true for the pane that the keys go to."""
        return self._active

    @active.setter
    def active(self, active: bool) -> None:
        if active != self._active:
            self._active = active
            self.palette_changed()
            self.sync()

    @property
    def top(self) -> int:
        """The first scrolling line that is on the screen."""
        return round(self.scroll_y)

    @property
    def page_lines(self) -> int:
        """How many scrolling lines fit on the screen."""
        return max(0, self.size.height - self.head_lines)

    def scroll_lines(self, delta: int) -> None:
        """Moves the view, at once and without moving any cursor."""
        self.set_top(self.top + delta)

    def set_top(self, top: int) -> None:
        """Puts a line at the top of the screen, as far as there are lines to fill it."""
        self._measure()
        self.scroll_target_y = self.scroll_y = top
        self.sync()

    def show_lines(self, first: int, last: int | None = None) -> None:
        """Moves the view as little as possible so that these lines are on it; the first matters most."""
        last = first if last is None else last
        page = max(1, self.page_lines)
        top = self.top
        if last >= top + page:
            top = last - page + 1
        top = min(top, first)
        if top != self.top:
            self.set_top(top)

    def sync(self) -> int:
        """Refreshes the lines that are no longer what is on the screen, and tells how many those were."""
        self._measure()
        width, height = self.size
        if not width or not self.is_attached:
            return 0
        changed = 0
        for y in range(height):
            old = self._painted.get(y)
            if old is None:
                continue  # never painted: Textual will ask for it by itself
            new = self._line(y, width)
            if new is old or new == old:
                continue
            changed += 1
            self.refresh(Region(0, y, _last_difference(old, new, width), 1))
        return changed

    def paint(self, name: str, *, cursor: bool = False) -> Style:
        """The style of a name of `STYLE_NAMES` (others are plain), in reverse video for the row of the cursor."""
        key = f"{name} cursor" if cursor else name
        style = self._palette.get(key)
        if style is None:
            style = self.rich_style
            if name in self.STYLE_NAMES:
                own = self.get_component_rich_style(f"lines--{name}")
                style = legible(own, style, faint=name in ("dim", "stale"))
            if cursor:
                style += Style(reverse=True)
            self._palette[key] = style
        return style

    def line_at(self, event: events.MouseEvent) -> int | None:
        """The scrolling line under the mouse; None above, below and beside them."""
        offset = event.get_content_offset(self)
        if offset is None or offset.y < self.head_lines:
            return None
        index = self.top + offset.y - self.head_lines
        return index if index < self.line_total() else None

    # How it works

    def render_line(self, y: int) -> Strip:
        strip = self._line(y, self.size.width)
        self._painted[y] = strip
        return strip

    def _line(self, y: int, width: int) -> Strip:
        if y < self.head_lines:
            return self.paint_head(y, width)
        index = self.top + y - self.head_lines
        if index < self.line_total():
            return self.paint_line(index, width)
        return Strip.blank(width, self.paint(""))

    def _measure(self) -> None:
        # Set past the reactive: its watcher lays the whole screen out again, and repaints all of this widget.
        lines = self.line_total() + self.head_lines
        if self.virtual_size.height != lines or self.virtual_size.width != self.size.width:
            self.set_reactive(ScrollView.virtual_size, Size(self.size.width, lines))
            if self.scroll_y > self.max_scroll_y:
                self.scroll_target_y = self.scroll_y = self.max_scroll_y

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        # Not all lines differ after scrolling: after rows came in above a held cursor none does.
        if round(old_value) != round(new_value):
            self.sync()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._palette.clear()
        self.palette_changed()

    def on_resize(self) -> None:
        self._painted = {y: strip for y, strip in self._painted.items() if y < self.size.height}
        self.resized()
        # The first paint in the new size may have come before this event.
        self.sync()

    def resized(self) -> None:
        """Called after the size changed."""
        self._measure()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self.scroll_lines(_WHEEL_LINES)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self.scroll_lines(-_WHEEL_LINES)


def _last_difference(old: Strip, new: Strip, width: int) -> int:
    """The cell up to which two lines differ: what is right of it need not be sent again."""
    same = 0
    for one, other in zip(reversed(old), reversed(new), strict=False):
        if one != other:
            break
        same += Segment.get_line_length([one])
    return max(1, width - same)
