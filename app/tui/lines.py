"""Lines: styled text as records, before a Document paints it."""

from __future__ import annotations

from dataclasses import dataclass

Span = tuple[str, str]
"""A text and the name of its style (of `LineView.STYLE_NAMES`, or empty)."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line. `key` is stable while the line means the same thing: the cursor stays on it.

    `target` is the ref that Enter opens, `copy` what `y` copies, `fault` what `n` stops at. A `title` line begins a
    section and is drawn as a rule; `right` stands at the right edge, and is left out where there is no room.
    """

    spans: tuple[Span, ...] = ()
    key: str = ""
    target: str = ""
    copy: str = ""
    fault: bool = False
    title: bool = False
    right: tuple[Span, ...] = ()


BLANK = Line()


def words(*spans: Span | str, key: str = "", copy: str = "") -> Line:
    """A line of spans; a plain text is a span without style."""
    return Line(tuple((span, "") if isinstance(span, str) else span for span in spans), key=key, copy=copy)


def rule(title: str, *, right: str = "", key: str = "") -> Line:
    """The line that begins a section."""
    return Line(((title, "header"),), key=key, title=True, right=((right, "dim"),) if right else ())
