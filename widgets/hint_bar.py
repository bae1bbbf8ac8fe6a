"""The footer: which keys do what here, as many as fit."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from textual.strip import Strip

from widgets.one_line import OneLine, Segment


class HintBar(OneLine):
    """Pairs of key and word, dropped from the right; the last pair (help) always stays."""

    def __init__(self, hints: Sequence[tuple[str, str]] = (), *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._hints = tuple(hints)

    def set_hints(self, hints: Sequence[tuple[str, str]]) -> None:
        """Shows other pairs of (key, word)."""
        self._hints = tuple(hints)
        self.changed()

    def build(self, width: int) -> Strip:
        kept = list(self._hints)
        while len(kept) > 1 and 1 + sum(_cells(hint) + 2 for hint in kept) - 2 > width:
            del kept[-2]
        segments = [Segment(" ")]
        for number, (key, word) in enumerate(kept):
            if number:
                segments.append(Segment("  "))
            segments.append(Segment(key, style="accent"))
            segments.append(Segment(f" {word}", style="dim"))
        return self.join(segments, width)


def _cells(hint: tuple[str, str]) -> int:
    return cell_len(hint[0]) + 1 + cell_len(hint[1])
