"""Hysteresis: when a candidate becomes a finding, when it is left, and when it only flaps. A pure step."""

from __future__ import annotations

from dataclasses import dataclass, replace

from app.model.findings import Severity
from app.model.triage.candidates import Candidate

FLAPS = 3
"""Changes within `QUIET` that make a finding one that flaps."""
QUIET = 600.0
"""Seconds without a change after which a flapping finding is judged as any other."""


@dataclass(frozen=True, slots=True)
class Held:
    """How one finding stands. Times are timestamps.

    `level` is what the rule has come to (None: not raised), `changes` when it was raised or cleared, newest last.
    """

    candidate: Candidate
    level: Severity | None = None
    first: float = 0.0  # when the present spell was first seen
    good: float | None = None  # since when it is good again
    lower: float | None = None  # since when it is only good enough for a lower level
    seen: int = 0  # collections since then
    changes: tuple[float, ...] = ()
    flapping: bool = False
    worst: Severity | None = None  # of the levels while it flaps

    @property
    def shown(self) -> Severity | None:
        """The level it is shown at; None: it is not."""
        return self.worst if self.flapping else self.level


def step(held: Held | None, candidate: Candidate | None, now: float) -> Held | None:
    """How it stands after one more look. None: nothing to remember.

    A level is raised once its candidate has held for `hold`, and left (for a lower one, or for good) after `clear` and
    `collections` looks below what keeps it.
    """
    wanted = None if candidate is None else candidate.severity
    if held is None:
        if candidate is None or wanted is None:
            return None
        held = Held(candidate, first=now)
    elif held.level is None and wanted is not None and held.good is not None:
        held = replace(held, first=now, good=None)  # a new spell of one that flapped before
    held = _raise_or_keep(held, candidate, wanted, now)
    return _flap(held, now)


def _raise_or_keep(held: Held, candidate: Candidate | None, wanted: Severity | None, now: float) -> Held:
    level = held.level
    if level is None:
        if candidate is None or wanted is None:
            return held if held.good is not None else replace(held, good=now)
        begun = held.first if candidate.begun is None else candidate.begun.timestamp()
        if now - begun < candidate.hold:
            return _with(held, candidate)
        return replace(held, candidate=candidate, level=wanted, good=None, lower=None, changes=(*held.changes, now))
    wanted = _kept(candidate, wanted, level)
    if candidate is not None and wanted is not None and wanted.rank >= level.rank:
        if held.candidate is candidate and wanted is level and held.good is None and held.lower is None:
            return held
        return replace(held, candidate=candidate, level=wanted, good=None, lower=None, seen=0)
    if candidate is None or wanted is None:
        return _leaving(held, now)
    return _lowering(held, candidate, wanted, now)


def _kept(candidate: Candidate | None, wanted: Severity | None, level: Severity) -> Severity | None:
    """The level wanted, or the one held if the candidate still keeps it."""
    keep = None if candidate is None else candidate.keep
    if keep is None or (wanted is not None and wanted.rank >= keep.rank):
        return wanted
    return keep if keep.rank <= level.rank else level


def _leaving(held: Held, now: float) -> Held:
    good, seen = (now, 1) if held.good is None else (held.good, held.seen + 1)
    if now - good < held.candidate.clear or seen < held.candidate.collections:
        return replace(held, good=good, seen=seen, lower=None)
    return replace(held, level=None, good=good, seen=0, lower=None, changes=(*held.changes, now))


def _lowering(held: Held, candidate: Candidate, wanted: Severity, now: float) -> Held:
    lower, seen = (now, 1) if held.lower is None else (held.lower, held.seen + 1)
    if now - lower < candidate.clear or seen < candidate.collections:
        return replace(held, candidate=candidate, lower=lower, seen=seen, good=None)
    return replace(held, candidate=candidate, level=wanted, lower=None, good=None, seen=0)


def _with(held: Held, candidate: Candidate) -> Held:
    return held if held.candidate is candidate else replace(held, candidate=candidate)


def _flap(held: Held, now: float) -> Held | None:
    changes = held.changes
    if changes and changes[0] <= now - QUIET:
        changes = tuple(change for change in changes if change > now - QUIET)
    flapping = len(changes) >= FLAPS or (held.flapping and bool(changes))
    worst = None
    if flapping:
        worst = max((held.worst, held.level), key=lambda level: 0 if level is None else level.rank)
        worst = worst or held.candidate.severity
    if held.level is None and held.good is not None and not changes:
        return None
    if changes == held.changes and flapping == held.flapping and worst is held.worst:
        return held
    return replace(held, changes=changes, flapping=flapping, worst=worst)
