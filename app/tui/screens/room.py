"""Room: what of the overview finds place on a terminal of a size. Findings come first."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

PANES = ("consumers", "streams", "jobs", "components", "agents")
"""Views that have panes, in the order in which `tab` goes through them."""
PANES_FROM = (120, 30)
"""Cells and lines from which there are panes instead of a line for each view."""
WIDE_FROM = (190, 40)
"""Cells and lines from which the panes stand in three columns."""
LINES_FROM = (60, 24)
"""Cells and lines of the terminal under which the lines of the views go."""
AROUND = 4
"""Lines of the terminal around the page: status, verdict, message, footer."""
NOW_LEAST = 7
"""Lines that Now has at least where there is something below it."""
SPARE_LEAST = 5
"""Lines that Now must leave for a pane of worst rows in them: title, header, three rows."""
SPARE = ("consumers", "agents", "streams")
"""Views whose worst rows take the room that Now leaves, two of them at most."""
BESIDE_NOW = "spare-agents"
"""The pane under the consumers where the panes stand in two columns: the other column has no room for it."""
TITLE_FROM = 12
"""Lines of the terminal from which Now has a title."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What of the overview is shown."""

    opening: bool  # what stands there before there are facts, and nothing else
    panes: bool  # panes instead of a line for each view
    wide: bool  # they stand in three columns
    lines: bool  # a line for each view; with panes, one for the events
    title: bool  # of Now
    zoom: str  # the part that has all the room, empty: none has
    spare: Mapping[str, int]  # panes between Now and the views' lines: their ids, and their heights in lines
    visible: frozenset[str]  # the ids of all panes that are shown

    @property
    def left(self) -> bool:
        """Whether the column with Now, consumers and spare panes is shown."""
        return self.zoom in ("", "now", "consumers") or self.zoom.startswith("spare-")

    def order(self) -> list[str]:
        """The parts that `tab` goes through, in their order on the screen."""
        panes = ("consumers", BESIDE_NOW, *PANES) if self.panes else tuple(f"spare-{name}" for name in SPARE)
        score = self.panes and not self.zoom
        return [
            "now",
            *dict.fromkeys(name for name in panes if name in self.visible),
            *(["score"] if score else []),
            *(["lines"] if self.lines else []),
        ]


def plan(size: tuple[int, int], views: Collection[str], *, opening: bool, zoom: str, wanted: int) -> Plan:
    """What finds place on a terminal of so many cells and lines.

    `views` are those that there is something to see of, `opening` that there are no facts yet, `wanted` the lines that
    Now would fill."""
    width, height = size
    panes = width >= PANES_FROM[0] and height >= PANES_FROM[1] - 1 and not opening
    wide = panes and width >= WIDE_FROM[0] and height >= WIDE_FROM[1]
    lines = not panes and width >= LINES_FROM[0] and height >= LINES_FROM[1] and not opening
    spare = spare_panes(views, height, wanted) if lines and not zoom else {}
    if zoom:
        visible = {zoom}
    elif panes:
        visible = {name for name in PANES if name in views and (wide or name != "agents")}
        visible |= {BESIDE_NOW} if "agents" in views and not wide else set()
    else:
        visible = set(spare)
    return Plan(
        opening=opening,
        panes=panes,
        wide=wide,
        lines=(lines or panes) and zoom in ("", "lines"),
        title=not opening and height >= TITLE_FROM,
        zoom=zoom,
        spare=spare,
        visible=frozenset(visible),
    )


def lines_height(views: Collection[str]) -> int:
    """Lines of the views' lines with their title."""
    return len(views) + 1


def spare_panes(views: Collection[str], height: int, wanted: int) -> dict[str, int]:
    """The panes that find room between Now, which wants so many lines, and the views' lines: their ids and lines."""
    room = height - AROUND - 1 - max(NOW_LEAST, wanted) - lines_height(views)
    if room < SPARE_LEAST:
        return {}
    names = [name for name in SPARE if name in views][: 2 if room >= 2 * SPARE_LEAST else 1]
    return {f"spare-{name}": (room + len(names) - 1 - at) // len(names) for at, name in enumerate(names)}
