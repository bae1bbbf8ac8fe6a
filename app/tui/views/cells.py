"""Cells: values as people read them, with what they sort and filter by."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from app.model import text
from app.model.snapshot import SourceStatus
from app.tui.picture import Picture, Times
from widgets.cells import cut_end
from widgets.columns import Align, Cell, Column

ABSENT = Cell("-", None, "dim")
UNKNOWN = Cell("?", None, "unknown")
DENIED = Cell("!", None, "unknown")


def left(id: str, title: str, width: int, priority: int = 1, *, flex: bool = False, help: str = "") -> Column:
    return Column(id, title, width, Align.LEFT, priority, flex, help)


def right(id: str, title: str, width: int, priority: int = 1, *, help: str = "") -> Column:
    return Column(id, title, width, Align.RIGHT, priority, False, help)


def cut(value: str, room: int) -> str:
    """Cuts names in the middle, where they differ at their tails, and sentences at the end: their cause comes first."""
    sentence = " " in value and "›" not in value
    return cut_end(value, room) if sentence else text.cut(value, room)


def plain(value: str, style: str = "") -> Cell:
    return Cell(value, value.casefold(), style) if value else ABSENT


def number(value: int | float | None, style: str = "") -> Cell:
    return UNKNOWN if value is None else Cell(text.count(value), value, style)


def size(value: int | float | None) -> Cell:
    return ABSENT if value is None else Cell(text.size(value), value)


def rate(value: float | None, *, signed: bool = False) -> Cell:
    if value is None:
        return UNKNOWN
    return Cell(text.rate(value, signed=signed), value, "dim" if value == 0 else "")


def percent(share: float | None, style: str = "") -> Cell:
    return ABSENT if share is None else Cell(text.percent(share), share * 100, style)


def seconds(value: float | None, cells: int, style: str = "") -> Cell:
    """A length of time that is not counted from now: it stays one when times are written out."""
    return UNKNOWN if value is None else Cell(text.age(value, cells), text.age_step(value), style)


def since(
    at: datetime | None, picture: Picture, cells: int, style: str = "", *, absent: Cell = ABSENT, exact: bool = False
) -> Cell:
    """A moment: its age, or the time itself, as the reader has chosen. Sorts and filters by age in seconds; with
    `exact` it sorts by the moment, which time does not move."""
    age = picture.age(at)
    if at is None or age is None:
        return absent
    shown = text.age(age, cells) if picture.times is Times.AGE else moment(at, picture)
    return Cell(shown, text.age_step(age), style, -at.timestamp() if exact else None)


def moment(at: datetime, picture: Picture) -> str:
    """A moment in at most 8 cells: `14:05:31` within a day, else the date."""
    shown = at.astimezone() if picture.times is Times.LOCAL else at
    now = picture.now
    near = now is None or abs(now - at) < timedelta(days=1)
    return f"{shown:%H:%M:%S}" if near else f"{shown:%y-%m-%d}"


def missing(picture: Picture, source: str) -> Cell:
    """What stands where a source has brought nothing: not permitted `!`, not there `-`, not yet known `?`."""
    state = picture.source(source)
    if state is None or state.status is SourceStatus.WAITING:
        return UNKNOWN
    if state.status is SourceStatus.DENIED:
        return DENIED
    return ABSENT if state.status is SourceStatus.ABSENT else UNKNOWN


def joined(parts: Sequence[str], by: str = " ") -> Cell:
    return plain(by.join(parts))
