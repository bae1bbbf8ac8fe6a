"""Series: the samples of one row's counters over the last minutes, held only where they changed."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_right
from datetime import datetime

from app.model.broker import Flow

WINDOW = 10.0
"""Seconds over which the rates of a flow are means."""
MEMORY = 300.0
"""Seconds that samples are kept."""

_DENSE = 40.0  # samples younger than this are all kept, older ones every ten seconds
_SPARSE = 10.0
_CROWDED = 64  # samples of one series before it is thinned


class Series:
    """The samples of one stream or consumer, held only where they changed: a step function of time, in one array.

    `moved[i]` is when column i was last seen to change, `positive[i]` since when it is seen above 0 (NaN: it is not).
    Both begin with the first sample, so they are lower bounds of how long.
    """

    __slots__ = (
        "born",
        "created",
        "floored",
        "led",
        "moved",
        "positive",
        "record",
        "repeats",
        "samples",
        "start",
        "trend",
        "unacked",
        "width",
        "without_client",
    )

    def __init__(self, at: float, values: tuple[float, ...], created: datetime | None) -> None:
        self.width = len(values) + 1
        self.samples = array("d", (at, *values))
        self.moved = array("d", [at] * len(values))
        self.positive = array("d", (at if value > 0 else math.nan for value in values))
        self.born = at
        self.created = created
        self.record: object = None
        self.trend = array("d")
        self.start = values[0]  # of the half-minute that is under way
        self.without_client = math.nan  # since when no client is seen at a consumer
        self.unacked = math.nan  # since when its last ack is not known
        self.floored = at  # when its ack floor was last seen to move
        self.led = math.nan  # when another leader was last seen to begin to count
        self.repeats: array[float] | None = None  # instants, each with how many messages were seen delivered again

    @property
    def last(self) -> tuple[float, ...]:
        return tuple(self.samples[1 - self.width :])

    def add(self, at: float, values: tuple[float, ...]) -> bool:
        """Takes a sample; whether anything changed."""
        last = self.samples[1 - self.width :]
        changed = False
        for index, value in enumerate(values):
            if value != last[index]:
                changed = True
                self.moved[index] = at
                if value <= 0:
                    self.positive[index] = math.nan
                elif last[index] <= 0:
                    self.positive[index] = at
        if changed:
            self.samples.extend((at, *values))
            if len(self.samples) > _CROWDED * self.width:
                self._thin(at)
        return changed

    def _thin(self, now: float) -> None:
        """Drops what is too old (but the sample that reaches into the time kept) and all but one in ten seconds."""
        kept = array("d")
        samples, width = self.samples, self.width
        for at in range(0, len(samples), width):
            following = at + width
            if following < len(samples) and samples[following] <= now - MEMORY:
                continue
            if kept and samples[at] < now - _DENSE and samples[at] - kept[-width] < _SPARSE:
                continue
            kept.extend(samples[at:following])
        self.samples = kept

    def at(self, column: int, when: float) -> float | None:
        """The value of a column at an instant; None before the first sample."""
        samples, width = self.samples, self.width
        for start in range(len(samples) - width, -1, -width):
            if samples[start] <= when:
                return samples[start + 1 + column]
        return None

    def sampled(self, when: float) -> float | None:
        """When the value was seen that holds at an instant; None before the first sample."""
        samples, width = self.samples, self.width
        for start in range(len(samples) - width, -1, -width):
            if samples[start] <= when:
                return samples[start]
        return None


class Track:
    """All series of one section, the instants at which it was seen fresh, and its flows."""

    __slots__ = ("active", "columns", "flows", "half", "prefix", "series", "ticks", "window")

    def __init__(self, prefix: str, columns: tuple[str, ...]) -> None:
        self.prefix = prefix
        self.columns = columns
        self.series: dict[str, Series] = {}
        self.ticks = array("d")
        self.half = 0
        self.window = WINDOW
        self.active: dict[str, float] = {}  # key -> until when its rates are not all 0
        self.flows: dict[str, Flow] = {}

    def clear(self) -> None:
        self.series.clear()
        self.ticks = array("d")
        self.active.clear()
        self.flows.clear()

    def before(self, window: float) -> float | None:
        """The last instant seen at least `window` seconds before the newest; None while less was seen."""
        if not self.ticks:
            return None
        index = bisect_right(self.ticks, self.ticks[-1] - window + 1e-6)
        return self.ticks[index - 1] if index else None
