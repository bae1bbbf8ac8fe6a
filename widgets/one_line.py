"""Widgets of one line: made of styled texts, repainted only when what they say changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.cells import cell_len
from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

from widgets.cells import LineBuilder, cut_end, printable
from widgets.palette import legible


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of a line. `style` as in a `Cell`, or `strong`, `reverse`.

    Of pieces that do not fit, those with the largest `priority` are left out, and of equals the one most to the right.
    """

    text: str
    priority: int = 1
    style: str = ""


def fit_segments(segments: Sequence[Segment], width: int, separator: str = "") -> list[Segment]:
    """The pieces that fit in `width` cells, in their order; of the last one left, as much as fits."""
    kept = [segment for segment in segments if segment.text]
    gap = cell_len(separator)
    while len(kept) > 1 and sum(cell_len(printable(piece.text)) + gap for piece in kept) - gap > width:
        last = max(range(len(kept)), key=lambda i: (kept[i].priority, i))
        del kept[last]
    return kept


class OneLine(Widget, can_focus=False):
    """Base: a subclass says what stands on the line; `changed` repaints it if that is not what is on the screen."""

    ALLOW_SELECT = False
    STYLE_NAMES: ClassVar[tuple[str, ...]] = (
        "ok", "warn", "crit", "unknown", "stale", "dim", "accent", "strong",
    )  # fmt: skip
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"line--{name}" for name in STYLE_NAMES}
    DEFAULT_CSS = """
    OneLine {
        height: 1;
        width: 1fr;
        background: $background;
        color: $foreground;
        & .line--ok { color: $text-success; }
        & .line--warn { color: $text-warning; }
        & .line--crit { color: $text-error; text-style: bold; }
        & .line--unknown { color: $text-secondary; }
        & .line--stale { color: $text-muted; }
        & .line--dim { color: $text-muted; }
        & .line--accent { color: $text-accent; }
        & .line--strong { text-style: bold; }
    }
    """

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._palette: dict[str, Style] = {}
        self._painted: Strip | None = None
        self._reverse = False

    @property
    def reverse(self) -> bool:
        """Whether the whole line is in reverse video."""
        return self._reverse

    @reverse.setter
    def reverse(self, on: bool) -> None:
        if on != self._reverse:
            self._reverse = on
            self._palette.clear()
            self.changed()

    @property
    def text(self) -> str:
        """The line as it is shown."""
        return self.build(self.size.width).text

    def build(self, width: int) -> Strip:
        """The line, in exactly `width` cells."""
        raise NotImplementedError

    def changed(self) -> None:
        """Repaints the line unless it is the same."""
        if self._painted is not None and self.is_attached and self.build(self.size.width) != self._painted:
            self.refresh()

    def join(self, segments: Sequence[Segment], width: int, separator: str = "") -> Strip:
        """Pieces side by side, each in its style."""
        line = LineBuilder()
        for number, segment in enumerate(segments):
            if number and separator:
                line.add(separator, self.paint("dim"))
            text = printable(segment.text)
            room = width - line.cells
            if cell_len(text) > room:
                text = cut_end(text, room)
            line.add(text, self.paint(segment.style))
        return line.strip(width, self.paint(""))

    def paint(self, name: str) -> Style:
        """The style of a name; unknown names are plain."""
        style = self._palette.get(name)
        if style is None:
            style = self.rich_style
            if name in self.STYLE_NAMES:
                own = self.get_component_rich_style(f"line--{name}")
                style = legible(own, style, faint=name in ("dim", "stale"))
            if self._reverse or name == "reverse":
                style += Style(reverse=True)
            self._palette[name] = style
        return style

    def render_line(self, y: int) -> Strip:
        strip = self.build(self.size.width)
        self._painted = strip
        return strip

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._palette.clear()


class SegmentLine(OneLine):
    """A line of pieces, left out by priority where it is narrow."""

    def __init__(
        self,
        segments: Sequence[Segment] = (),
        *,
        separator: str = " · ",
        margin: int = 1,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self._segments = tuple(segments)
        self._separator = separator
        self._margin = margin

    @property
    def segments(self) -> tuple[Segment, ...]:
        return self._segments

    def set_segments(self, segments: Sequence[Segment]) -> None:
        """Puts other pieces on the line."""
        self._segments = tuple(segments)
        self.changed()

    def build(self, width: int) -> Strip:
        room = max(0, width - 2 * self._margin)
        kept = fit_segments(self._segments, room, self._separator)
        if self._margin:
            inner = self.join(kept, room, self._separator)
            blank = Strip.blank(self._margin, self.paint(""))
            return Strip.join([blank, inner, blank]).adjust_cell_length(width, self.paint(""))
        return self.join(kept, width, self._separator)
