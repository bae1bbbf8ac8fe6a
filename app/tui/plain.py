"""ASCII: everything that is painted goes through one filter, so that no screen has to know of it."""

from __future__ import annotations

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

from app.model.health import Health

_MARKS = {
    "─": "-", "·": "-", "›": ">", "…": ".", "—": "-", "≥": ">", "∞": "*", "×": "x", "◷": "P", "▾": "v", "▴": "^",
    **dict(zip("▁▂▃▄▅▆▇█", "_.-=+*#@", strict=True)),
    **dict(zip("▏▎▍▌▋▊▉", ".--==##", strict=True)),
    **{chr(0x2800 + dots): "*" for dots in range(1, 256)},
    "○": "o", "│": "|", "→": ">", "▸": ">", "▼": "v", "▲": "^",
    **{state.glyph: state.ascii_glyph for state in Health},
}  # fmt: skip


def in_ascii(text: str) -> str:
    """The same text in as many cells without anything but ASCII: our own marks by their like, all else as `?`."""
    if text.isascii():
        return text
    return "".join(char if char.isascii() else _MARKS.get(char, "?" * cell_len(char)) for char in text)


class AsciiFilter(LineFilter):
    """For terminals that draw little else."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [Segment(in_ascii(text), style, control) for text, style, control in segments]
