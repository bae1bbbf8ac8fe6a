"""The line at the top: pieces that are left out by priority, and the clock at its right end."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.strip import Strip
from textual.widget import Widget

from widgets.cells import fit_cells
from widgets.one_line import OneLine, Segment, SegmentLine

__all__ = ["Clock", "Segment", "StatusBar"]


class Clock(OneLine):
    """The time, as wide as its text: a widget of its own, so that each second only its cells are sent."""

    DEFAULT_CSS = "Clock { width: 0; }"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._time = ""

    def set_time(self, text: str) -> None:
        """Shows a time with its zone, plain ASCII."""
        if len(text) != len(self._time):
            self.styles.width = len(text) + 1 if text else 0
        self._time = text
        self.changed()

    def build(self, width: int) -> Strip:
        return self.join([Segment(fit_cells(self._time, max(0, width - 1)))], width)


class StatusBar(Widget, can_focus=False):
    """Pieces from the left, those of the largest priority left out first; the clock on the right always stands."""

    DEFAULT_CSS = """
    StatusBar { layout: horizontal; height: 1; width: 1fr; background: $background; }
    """

    def __init__(self, *, separator: str = " · ", id: str | None = None) -> None:
        super().__init__(id=id)
        self._line = SegmentLine(separator=separator)
        self._clock = Clock()

    def compose(self) -> ComposeResult:
        yield self._line
        yield self._clock

    def set_segments(self, segments: Sequence[Segment]) -> None:
        """Puts other pieces on the bar."""
        self._line.set_segments(segments)

    def set_clock(self, text: str) -> None:
        """Shows a time with its zone."""
        self._clock.set_time(text)

    @property
    def reverse(self) -> bool:
        """Reverse video: what is shown is not now."""
        return self._line.reverse

    @reverse.setter
    def reverse(self, on: bool) -> None:
        self._line.reverse = self._clock.reverse = on

    @property
    def text(self) -> str:
        """The bar as it is shown."""
        return self._line.text + self._clock.text
