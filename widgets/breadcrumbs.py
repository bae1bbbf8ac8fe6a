"""Where one is: `Agents › web-03 › query·any`, the last part always whole."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from textual.strip import Strip

from widgets.cells import Cut, cut_end, printable
from widgets.one_line import OneLine, Segment


class Breadcrumbs(OneLine):
    """Titles from the root to here, and at the right what the title of the list says (`41 of 200 · order held`)."""

    def __init__(self, *, separator: str = " › ", cut: Cut = cut_end, id: str | None = None) -> None:
        super().__init__(id=id)
        self._separator = separator
        self._cut = cut
        self._parts: tuple[str, ...] = ()
        self._notes: tuple[Segment, ...] = ()
        self._beside: tuple[Segment, ...] = ()

    def set_parts(self, parts: Sequence[str], notes: Sequence[Segment] = (), beside: Sequence[Segment] = ()) -> None:
        """The titles, what stands beside the last of them if there is room, and notes for the right end."""
        self._parts = tuple(parts)
        self._notes = tuple(notes)
        self._beside = tuple(beside)
        self.changed()

    def build(self, width: int) -> Strip:
        room = max(0, width - 2)
        parts = self._shortened(room)
        segments: list[Segment] = [Segment(" ")]
        for number, part in enumerate(parts):
            if number:
                segments.append(Segment(self._separator, style="dim"))
            segments.append(Segment(part, style="strong" if number == len(parts) - 1 else ""))
        left = room - sum(cell_len(segment.text) for segment in segments[1:])
        beside = sum(cell_len(printable(segment.text)) for segment in self._beside)
        if beside and beside + 2 <= left:
            segments += [Segment("  "), *self._beside]
            left -= beside + 2
        notes = list(self._notes)
        while notes and sum(cell_len(printable(note.text)) + 3 for note in notes) > left:
            notes.pop()
        if notes:
            used = sum(cell_len(printable(note.text)) for note in notes) + 3 * (len(notes) - 1)
            segments.append(Segment(" " * max(0, left - used)))
            for number, note in enumerate(notes):
                if number:
                    segments.append(Segment(" · ", style="dim"))
                segments.append(note)
        return self.join(segments, width)

    def _shortened(self, room: int) -> list[str]:
        parts = [printable(part) for part in self._parts if part]
        gap = cell_len(self._separator)
        while len(parts) > 1 and sum(cell_len(part) + gap for part in parts) - gap > room:
            if parts[0] == "…":
                del parts[1 if len(parts) > 2 else 0]
            else:
                parts[0] = "…"
        return [self._cut(part, room) if cell_len(part) > room else part for part in parts]
