"""Whose consumers are asked for in this collection: everything as often as the request budget allows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil

SWEEP = 10
"""Collections within which every stream gets its turn, if the budget allows it."""
ALWAYS = 8
"""Requests that are cheap enough for every collection: one flight."""


@dataclass(frozen=True, slots=True)
class Turn:
    """A stream with consumers: what a list of them costs, and when it was last made."""

    name: str
    pages: int = 1
    asked: int = -1  # number of the collection; -1: never
    busy: bool = False  # traffic, backlog or something unacknowledged
    on_screen: bool = False


def plan(turns: Iterable[Turn], budget: int) -> tuple[str, ...]:
    """Chooses whom to ask, in order of urgency: on screen, then busy, then the rest in rotation.

    The rest always gets its share. `budget` is in requests; the first stream is taken whatever it costs, so that a
    large one is never starved.
    """
    ordered = sorted(turns, key=lambda turn: turn.asked)
    seen = [turn for turn in ordered if turn.on_screen]
    busy = [turn for turn in ordered if turn.busy and not turn.on_screen]
    rest = [turn for turn in ordered if not turn.busy and not turn.on_screen]
    chosen: list[Turn] = []
    left = _take(chosen, seen, budget)
    share = min(_share(rest), left, max(1, left // 2) if busy else left) if rest else 0
    _take(chosen, busy, left - share)
    _take(chosen, rest, share)
    return tuple(turn.name for turn in chosen)


def sweep_length(turns: Iterable[Turn], budget: int) -> int:
    """Collections that a sweep through all of them takes, with this many requests for each collection."""
    urgent = rest = 0
    for turn in turns:
        if turn.busy or turn.on_screen:
            urgent += turn.pages
        else:
            rest += turn.pages
    share = min(max(ceil(rest / SWEEP), ALWAYS), max(1, budget // 2) if urgent else max(1, budget)) if rest else 0
    slowest = ceil(urgent / max(1, budget - share)) if urgent else 1
    return max(1, slowest, ceil(rest / share) if rest else 1)


def _share(rest: list[Turn]) -> int:
    """Requests for the rotation: a tenth of it, all that was never asked, and no less than is cheap anyway."""
    new = sum(turn.pages for turn in rest if turn.asked < 0)
    return max(new, ceil(sum(turn.pages for turn in rest) / SWEEP), ALWAYS)


def _take(chosen: list[Turn], turns: list[Turn], budget: int) -> int:
    """Moves turns into `chosen` while the budget lasts; returns what is left of it."""
    for turn in turns:
        if turn.pages > budget and (chosen or budget <= 0):
            break
        chosen.append(turn)
        budget -= turn.pages
    return max(budget, 0)
