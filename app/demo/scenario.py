"""What happens and when: scenarios as plain timelines, drawn from the seed before anything runs."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

SCENARIOS = ("calm", "incident")


class Act(StrEnum):
    """What can happen to the simulated world. `who` of a step is a hostname, a client or a bucket."""

    AGENT_DIES = "agent dies"  # no farewell; what it had in hand stays unacknowledged
    AGENT_RETURNS = "agent returns"
    CLIENT_HANGS = "client hangs"  # it takes what it may and acknowledges nothing, then is gone
    CLIENT_LEAVES = "client leaves"  # it finishes what it has in hand and pulls no more
    CLIENT_RETURNS = "client returns"
    STRAIN = "strain"  # memory in use at `level`
    RELIEF = "relief"
    FILL = "fill"  # a bucket grows to `level` of its bytes within `within` seconds
    EMPTY = "empty"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happens, `at` seconds after the start."""

    at: float
    act: Act
    who: str
    level: float = 0.0
    within: float = 0.0


@dataclass(frozen=True, slots=True)
class Cast:
    """Whom things can happen to."""

    agents: Sequence[str]  # hostnames of agents that handle jobs
    groups: Sequence[str]  # the group of each of them
    hanging: str = "billing"
    leaving: Sequence[str] = ("shipping", "export")
    bucket: str = "shop-sessions"


def plan(scenario: str, cast: Cast, seed: int, speed: float = 1.0) -> tuple[Step, ...]:
    """The timeline of a scenario, in order. `speed` 10 makes everything happen ten times sooner.

    ValueError if there is no such scenario.
    """
    if scenario not in SCENARIOS:
        raise ValueError(f"no scenario {scenario!r}: there are {', '.join(SCENARIOS)}")
    steps = _incident(cast, random.Random(f"{seed}:incident")) if scenario == "incident" else []  # noqa: S311
    quick = [Step(step.at / speed, step.act, step.who, step.level, step.within / speed) for step in steps]
    return tuple(sorted(quick, key=lambda step: step.at))


def _incident(cast: Cast, rng: random.Random) -> list[Step]:
    """Calm for 8 s, then it comes thick and fast; after 4 minutes memory is fine again, after 10 everything is.

    By the rules of the deck: agent gone (stale after 20 s, gone after 30), a client that nobody replaces (1 minute),
    one that hangs with messages in flight (2 minutes), memory pressure, a bucket at 91% and later at 98%.
    """
    dying = _dying(cast, rng)
    rest = [name for name in cast.agents if name not in dying]
    leaving = rng.choice(list(cast.leaving))
    steps = [Step(8.0 + 0.5 * index, Act.AGENT_DIES, name) for index, name in enumerate(dying)]
    steps += [
        Step(10.0, Act.CLIENT_HANGS, cast.hanging),
        Step(14.0, Act.CLIENT_LEAVES, leaving),
        Step(16.0, Act.FILL, cast.bucket, level=0.915, within=24.0),
        Step(65.0, Act.FILL, cast.bucket, level=0.985, within=20.0),
    ]
    if rest:
        strained = rng.choice(rest)
        steps += [Step(12.0, Act.STRAIN, strained, level=0.94), Step(240.0, Act.RELIEF, strained)]
    steps += [Step(600.0 + index, Act.AGENT_RETURNS, name) for index, name in enumerate(dying)]
    steps += [
        Step(590.0, Act.EMPTY, cast.bucket),
        Step(605.0, Act.CLIENT_RETURNS, cast.hanging),
        Step(610.0, Act.CLIENT_RETURNS, leaving),
    ]
    return steps


def _dying(cast: Cast, rng: random.Random) -> list[str]:
    """One agent; of a large fleet four of one group, as when a rack loses its power."""
    if not cast.agents:
        return []
    first = rng.randrange(len(cast.agents))
    if len(cast.agents) < 40:
        return [cast.agents[first]]
    group = [name for name, its in zip(cast.agents, cast.groups, strict=True) if its == cast.groups[first]]
    return rng.sample(group, min(4, len(group)))
