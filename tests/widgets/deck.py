"""What the tests of widgets share: an app around one widget, what it shows, and what it repaints."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.segment import Segment
from textual.app import App, ComposeResult
from textual.geometry import Region
from textual.widget import Widget


class Stage(App[None]):
    """One widget, nothing else."""

    ENABLE_COMMAND_PALETTE = False

    def __init__(self, widget: Widget) -> None:
        super().__init__()
        self.widget = widget
        self.posted: list[object] = []

    def compose(self) -> ComposeResult:
        yield self.widget


def screen_lines(app: App[None]) -> list[str]:
    """The screen as text, blanks at the end of lines left out."""
    return [strip.text.rstrip() for strip in app.screen._compositor.render_strips()]


def styles_at(app: App[None], y: int) -> list[Segment]:
    """The pieces of a line of the screen."""
    return list(app.screen._compositor.render_strips()[y])


def is_reverse(app: App[None], y: int) -> bool:
    """Whether a line is in reverse video throughout."""
    return all(segment.style is not None and bool(segment.style.reverse) for segment in styles_at(app, y))


@contextmanager
def repainted(widget: Widget) -> Iterator[list[int]]:
    """The lines of a widget that are refreshed meanwhile; -1 stands for all of it."""
    lines: list[int] = []
    original = widget.refresh

    def refresh(*regions: Region, **how: object) -> Widget:
        lines.extend([region.y for region in regions] or [-1])
        return original(*regions, **how)  # type: ignore[arg-type]

    widget.refresh = refresh  # type: ignore[method-assign,assignment]
    try:
        yield lines
    finally:
        del widget.refresh
