"""One line for what has just happened: gone after some seconds, errors stay until the next key."""

from __future__ import annotations

from textual.strip import Strip
from textual.timer import Timer

from widgets.one_line import OneLine, Segment


class MessageLine(OneLine):
    """The line above the footer. Empty it is blank, and keeps its place."""

    SECONDS = 6.0

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._message = ""
        self._style = ""
        self._sticky = False
        self._timer: Timer | None = None

    @property
    def message(self) -> str:
        """What the line says now."""
        return self._message

    def show_message(self, text: str, style: str = "") -> None:
        """Says something for `SECONDS`; with the style `crit` until `key_pressed`."""
        self._message, self._style, self._sticky = text, style, style == "crit"
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        if text and not self._sticky and self.is_attached:
            self._timer = self.set_timer(self.SECONDS, self.clear)
        self.changed()

    def clear(self) -> None:
        """Says nothing."""
        self.show_message("")

    def key_pressed(self) -> None:
        """Lets go of an error, which stays until a key."""
        if self._sticky:
            self.clear()

    def build(self, width: int) -> Strip:
        return self.join([Segment(" "), Segment(self._message, style=self._style)], width)
