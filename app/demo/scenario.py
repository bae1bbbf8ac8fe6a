"""What happens and when: scenarios as plain timelines, drawn from the seed before anything runs."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

SCENARIOS = ("calm", "incident", "storm")
ROUTINE_EVERY = 300.0
"""Seconds between two rounds of a calm day: an agent is restarted, another drained for a while."""
ROUNDS = 288
"""Rounds that are planned: a day of them."""


class Act(StrEnum):
    """What can happen to the simulated world. `who` of a step is a hostname, a client, a service, or a bucket."""

    AGENT_DIES = "agent dies"  # no farewell; what it had in hand, two long jobs, stays unacknowledged
    POWER_FAILS = "power fails"  # as before, whatever it had in hand
    AGENT_RETURNS = "agent returns"
    AGENT_STOPS = "agent stops"  # in good order, with a farewell
    DRAIN = "drain"  # by the API: no new jobs, cordoned once the running ones are done
    UNDRAIN = "undrain"
    STRAIN = "strain"  # `what` (memory, disk or load) at `level`
    RELIEF = "relief"
    HOPELESS = "hopeless"  # `level` jobs for a host that fail at each delivery, spread over `within` seconds
    AILS = "ails"  # an operation mostly fails, and half of all jobs ask for it
    AILS_NO_MORE = "ails no more"
    STUBBORN = "stubborn"  # people go on sending jobs to hosts that are gone
    SENSIBLE = "sensible"
    CLIENT_HANGS = "client hangs"  # it takes what it may and acknowledges nothing, then is gone
    CLIENT_LEAVES = "client leaves"  # it finishes what it has in hand and pulls no more
    CLIENT_RETURNS = "client returns"
    CLIENT_SLOWS = "client slows"
    POISON = "poison"  # one message that the client cannot handle, however often it comes
    CURE = "cure"  # of both
    FILL = "fill"  # a bucket grows to `level` of its bytes within `within` seconds
    EMPTY = "empty"
    FILL_QUEUE = "fill queue"  # the same with the job queue, by large responses
    EMPTY_QUEUE = "empty queue"
    SERVICE_ERRS = "service errs"  # a share `level` of its requests fails
    SERVICE_STOPS = "service stops"
    SERVICE_RETURNS = "service returns"


AMONG_OURSELVES = {
    Act.FILL_QUEUE,
    Act.EMPTY_QUEUE,
    Act.SERVICE_ERRS,
    Act.SERVICE_STOPS,
    Act.SERVICE_RETURNS,
}
"""What never happens beside a real fleet."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happens, `at` seconds after the start."""

    at: float
    act: Act
    who: str = ""
    level: float = 0.0
    within: float = 0.0
    what: str = ""


@dataclass(frozen=True, slots=True)
class Cast:
    """Whom things can happen to."""

    agents: Sequence[str]  # hostnames of agents that handle jobs
    groups: Sequence[str]  # the group of each of them
    fleet: Sequence[str] = ()  # hostnames of all that can fail; empty: of those that handle jobs
    hanging: str = "billing"
    leaving: Sequence[str] = ("shipping", "export")
    stuck: str = "invoices"
    slow: str = "rollup"
    bucket: str = "shop-sessions"
    service: str = "orders-api"
    frail: str = "thumbnailer"
    operation: str = "file.deploy"


def plan(scenario: str, cast: Cast, seed: int, speed: float = 1.0) -> tuple[Step, ...]:
    """The timeline of a scenario, in order. `speed` 10 makes everything happen ten times sooner.

    ValueError if there is no such scenario.
    """
    if scenario not in SCENARIOS:
        raise ValueError(f"no scenario {scenario!r}: there are {', '.join(SCENARIOS)}")
    draw = {"calm": _calm, "incident": _incident, "storm": _storm}[scenario]
    steps = draw(cast, random.Random(f"{seed}:{scenario}"))  # noqa: S311  a simulation
    quick = [replace(step, at=step.at / speed, within=step.within / speed) for step in steps]
    return tuple(sorted(quick, key=lambda step: step.at))


def _calm(cast: Cast, rng: random.Random) -> list[Step]:
    """Every 5 minutes one agent is drained for 40 s, as for an update, and another restarted in good order."""
    if len(cast.agents) < 3:
        return []
    steps = []
    for number in range(ROUNDS):
        drained, restarted = rng.sample(list(cast.agents), 2)
        at = 24.0 + number * ROUTINE_EVERY
        steps += [
            Step(at, Act.DRAIN, drained),
            Step(at + 40.0, Act.UNDRAIN, drained),
            Step(at + 20.0, Act.AGENT_STOPS, restarted),
            Step(at + 28.0, Act.AGENT_RETURNS, restarted),
        ]
    return steps


def _incident(cast: Cast, rng: random.Random) -> list[Step]:
    """Calm for 8 s, then it comes thick and fast; after 4 minutes memory is fine again, after 10 everything is.

    By the rules of the deck: agent gone (stale after 20 s, gone after 30), jobs unclaimed and dead (1 minute), a client
    that nobody replaces (1 minute), one that hangs with messages in flight and one that is overtaken (2 minutes), a
    poison message (10 minutes), memory and disk pressure, a service that errs, a bucket at 91% and later at 98%.
    """
    dying = _dying(cast, rng)
    rest = [name for name in cast.agents if name not in dying]
    leaving = rng.choice(list(cast.leaving))
    steps = [Step(8.0 + 0.5 * index, Act.AGENT_DIES, name) for index, name in enumerate(dying)]
    steps += [
        Step(9.0, Act.POISON, cast.stuck),
        Step(10.0, Act.CLIENT_HANGS, cast.hanging),
        Step(11.0, Act.CLIENT_SLOWS, cast.slow),
        Step(14.0, Act.CLIENT_LEAVES, leaving),
        Step(16.0, Act.FILL, cast.bucket, level=0.915, within=24.0),
        Step(22.0, Act.SERVICE_ERRS, cast.service, level=0.35),
        Step(65.0, Act.FILL, cast.bucket, level=0.985, within=20.0),
    ]
    if rest:
        strained = rng.choice(rest)
        steps += [Step(12.0, Act.STRAIN, strained, 0.94, what="memory"), Step(240.0, Act.RELIEF, strained)]
        filling = rng.choice([name for name in rest if name != strained] or rest)
        steps += [Step(20.0, Act.STRAIN, filling, 0.96, what="disk"), Step(595.0, Act.RELIEF, filling)]
        steps.append(Step(18.0, Act.HOPELESS, rng.choice(rest), level=12.0, within=16.0))
    steps += [Step(600.0 + index, Act.AGENT_RETURNS, name) for index, name in enumerate(dying)]
    steps += [
        Step(590.0, Act.EMPTY, cast.bucket),
        Step(592.0, Act.SERVICE_RETURNS, cast.service),
        Step(605.0, Act.CLIENT_RETURNS, cast.hanging),
        Step(610.0, Act.CLIENT_RETURNS, leaving),
        Step(612.0, Act.CURE, cast.slow),
        Step(700.0, Act.CURE, cast.stuck),
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


def _storm(cast: Cast, rng: random.Random) -> list[Step]:
    """One thing after the other for 2 minutes; from the fourth minute on half of it recovers, the rest stays.

    An operation begins to fail (6 s), a third of the fleet loses its power (12 to 30 s) while people go on sending jobs
    to it, a service ends (36 s), the job queue fills (44 s to 105 s), hosts are drained (60 s), a disk is full (75 s).
    """
    fleet = list(cast.fleet or cast.agents)
    lost = rng.sample(fleet, max(1, len(fleet) // 3)) if fleet else []
    rest = [name for name in cast.agents if name not in lost]
    drained = rng.sample(rest, min(3, len(rest) // 2))
    steps = [Step(12.0 + 18.0 * index / len(lost), Act.POWER_FAILS, name) for index, name in enumerate(lost)]
    steps += [
        Step(6.0, Act.AILS, cast.operation),
        Step(14.0, Act.STUBBORN),
        Step(36.0, Act.SERVICE_STOPS, cast.frail),
        Step(44.0, Act.FILL_QUEUE, level=0.92, within=20.0),
        Step(80.0, Act.FILL_QUEUE, level=0.985, within=25.0),
        Step(215.0, Act.EMPTY_QUEUE),
        Step(225.0, Act.SERVICE_RETURNS, cast.frail),
        Step(230.0, Act.SENSIBLE),
        Step(235.0, Act.AILS_NO_MORE, cast.operation),
    ]
    steps += [Step(58.0 + 3.0 * index, Act.DRAIN, name) for index, name in enumerate(drained)]
    steps += [Step(260.0 + 3.0 * index, Act.UNDRAIN, name) for index, name in enumerate(drained[1:])]
    filling = [name for name in rest if name not in drained]
    if filling:
        steps.append(Step(75.0, Act.STRAIN, rng.choice(filling), 0.97, what="disk"))
    back = lost[: len(lost) // 2]
    steps += [Step(200.0 + 20.0 * index / len(back), Act.AGENT_RETURNS, name) for index, name in enumerate(back)]
    return steps
