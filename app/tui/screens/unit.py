"""The detail of a systemd unit: its facts, and the last lines of its log, read again while it is in front."""

from __future__ import annotations

from typing import Any

from app.feed.questions import LogsOf
from app.tui.lines import Line
from app.tui.picture import Picture
from app.tui.screens.asking import AskingPage
from app.tui.screens.page import Deck
from app.tui.views.component_detail import component_detail, component_name
from app.tui.views.unit_lines import log_lines_of

EVERY = 3.0
"""Seconds between two readings of its log."""
LINES = 8


class UnitPage(AskingPage):
    """`component:unit:NAME`."""

    def __init__(self, deck: Deck, view_id: str, ref: str) -> None:
        super().__init__(
            deck, view_id, ref,
            name=component_name, write=_written, needs=frozenset({"findings", "components", "services"}),
            section="components", question=lambda key: LogsOf(key.partition(":")[2], limit=LINES), pause=EVERY,
        )  # fmt: skip

    def tick(self) -> None:
        self._stale = True
        super().tick()

    def raw(self) -> str:
        """Of the unit itself: `J` shows its facts."""
        return ""


def _written(key: str, picture: Picture, width: int, answer: Any) -> list[Line]:
    return [
        *component_detail(key, picture, width),
        *log_lines_of(key.partition(":")[2], answer, picture, width),
    ]
