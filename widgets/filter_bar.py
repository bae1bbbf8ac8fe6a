"""The line that is typed into: prompt, text, cursor, what would complete it, what is wrong with it."""

from __future__ import annotations

from rich.cells import cell_len
from textual.strip import Strip

from widgets.cells import fit_cells, printable
from widgets.one_line import OneLine, Segment


class FilterBar(OneLine):
    """Shows a text that somebody else holds: it takes no keys and no focus."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._prompt = ""
        self._text = ""
        self._cursor: int | None = None
        self._hint = ""
        self._error = ""

    def show(self, prompt: str, text: str, *, cursor: int | None = None, hint: str = "", error: str = "") -> None:
        """Puts a text on the line.

        `cursor` is an index into the text (None: not being typed into); `hint` is what completion would append;
        `error` is a sentence, shown at the right end instead of the hint.
        """
        self._prompt, self._text, self._cursor, self._hint, self._error = prompt, text, cursor, hint, error
        self.changed()

    def clear(self) -> None:
        """Empties the line."""
        self.show("", "")

    def build(self, width: int) -> Strip:
        segments = [Segment(" "), Segment(printable(self._prompt), style="accent")]
        error = f"  {printable(self._error)} " if self._error else ""
        room = max(8, width - 2 - cell_len(self._prompt) - min(cell_len(error), width // 2))
        text = printable(self._text)
        if self._cursor is None:
            segments.append(Segment(_tail(text, room)))
        else:
            before, under, after = text[: self._cursor], text[self._cursor : self._cursor + 1], text[self._cursor + 1 :]
            segments.append(Segment(_tail(before, room - 1)))
            hint = "" if after or under or error else printable(self._hint)
            segments.append(Segment(under or hint[:1] or " ", style="reverse"))
            segments.append(Segment(after) if after else Segment(hint[1:], style="dim"))
        if error:
            used = sum(cell_len(segment.text) for segment in segments)
            segments = segments if used <= width else segments[:3]
            used = min(used, width)
            segments.append(Segment(fit_cells(error, width - used, right=True), style="crit"))
        return self.join(segments, width)


def _tail(text: str, cells: int) -> str:
    """The end of a text that is too long: what is being typed stays in sight."""
    if cell_len(text) <= cells:
        return text
    while text and cell_len(text) > cells - 1:
        text = text[1:]
    return "…" + text
