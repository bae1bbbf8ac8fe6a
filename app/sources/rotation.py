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


@dataclass(frozen=True, slots=True)
class Plan:
    """The streams to ask, in order, and how many collections a full sweep takes at this pace."""

    names: tuple[str, ...]
    sweep: int


def plan(turns: Iterable[Turn], budget: int) -> Plan:
    """Chooses by urgency: on screen, then busy, then the rest in rotation, which always gets its share.

    `budget` is in requests. The first stream is taken whatever it costs, so that a large one is never starved.
    """
    ordered = sorted(turns, key=lambda turn: turn.asked)
    seen = [turn for turn in ordered if turn.on_screen]
    busy = [turn for turn in ordered if turn.busy and not turn.on_screen]
    rest = [turn for turn in ordered if not turn.busy and not turn.on_screen]
    chosen: list[Turn] = []
    left = _take(chosen, seen, budget)
    share = min(_share(rest), max(1, left // 2) if busy else left) if rest else 0
    _take(chosen, busy, left - share)
    _take(chosen, rest, share)
    return Plan(tuple(turn.name for turn in chosen), _sweep(seen, busy, rest, budget, share))


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


def _sweep(seen: list[Turn], busy: list[Turn], rest: list[Turn], budget: int, share: int) -> int:
    urgent = sum(turn.pages for turn in (*seen, *busy))
    slowest = ceil(urgent / max(1, budget - share)) if urgent else 1
    if rest:
        slowest = max(slowest, ceil(sum(turn.pages for turn in rest) / max(1, share)))
    return max(1, slowest)
