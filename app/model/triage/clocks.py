"""The rule `clock.skew`: clocks of agents, of the broker and of our own that are too far apart to count ages by."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from app.model.changes import Changes
from app.model.findings import Evidence, Severity
from app.model.fleet import Agent, Presence, Vitals
from app.model.text import duration
from app.model.triage.candidates import Candidate, Context
from app.model.triage.steps import osapi, steps
from app.model.triage.thresholds import Limits, Threshold, Unit, written

SKEW = "clock.skew"
SOURCE = "registry"
WORKER, BROKER = "worker", "broker"

THRESHOLDS = {
    SKEW: (
        Threshold("warn", Unit.SECONDS, 5.0, "between a clock and the broker's"),
        Threshold("for", Unit.SECONDS, 30.0, "before it shows: three heartbeats, for one alone may have been held up"),
        Threshold("clear", Unit.SECONDS, 30.0, "together again before it is over"),
    ),
}

_LEAST = 3  # agents, from which on most of them being off means that the broker is
_TREMBLE = 1.0  # seconds by which a known skew may move without being told anew


class Clocks:
    """Follows the clocks of agents, from their heartbeats."""

    def __init__(self) -> None:
        self._changes: Changes[Vitals] = Changes()
        self._off: dict[str, float] = {}  # agent -> seconds that its clock is ahead of the broker's
        self.skewed: frozenset[str] = frozenset()  # agents whose own times are not to be believed

    def candidates(self, context: Context, *, fleet: bool) -> Iterator[Candidate]:
        """Our own clock, and with `fleet` (its registry is fresh) those of agents."""
        limits = context.thresholds.of(SKEW)
        if not limits.on:
            return
        offset = context.site.clock_offset
        if abs(offset) > 0.9 * limits["warn"]:
            yield _ours(offset, limits)
        if fleet:
            yield from self._agents(context, limits)

    def _agents(self, context: Context, limits: Limits) -> Iterator[Candidate]:
        table, agents = context.snapshot.vitals, context.snapshot.agents
        changed, gone = self._changes.of(table)
        least = timedelta(seconds=0.9 * limits["warn"])
        for key in gone:
            self._off.pop(key, None)
        for key in changed:
            self._look(key, table[key], least)
        if changed or gone:
            skewed = frozenset(self._off)
            self.skewed = self.skewed if skewed == self.skewed else skewed
        if not self._off:
            return
        found = {
            key: ahead
            for key, ahead in self._off.items()
            if (agent := agents.get(key)) is not None and agent.presence is Presence.LIVE
        }
        live = sum(agent.presence is Presence.LIVE for agent in agents.values())
        one_side = max(sum(ahead > 0 for ahead in found.values()), sum(ahead < 0 for ahead in found.values()))
        if one_side >= _LEAST and one_side * 2 > live:
            yield _broker(found, live, limits)
            return
        for key, ahead in found.items():
            yield _agent(agents[key], ahead, limits)

    def _look(self, key: str, vitals: Vitals, least: timedelta) -> None:
        ahead = vitals.registered_at - vitals.beat if vitals.registered_at is not None else timedelta(0)
        if -least <= ahead <= least:
            if key in self._off:
                del self._off[key]
            return
        seconds = ahead.total_seconds()
        if key not in self._off or abs(seconds - self._off[key]) > _TREMBLE:
            self._off[key] = seconds


def _ours(offset: float, limits: Limits) -> Candidate:
    return _candidate(
        WORKER, "worker", "watchdeck", f"our clock is {_far(-offset)} the broker's", ("source:worker",), offset, limits
    )


def _broker(found: dict[str, float], live: int, limits: Limits) -> Candidate:
    middle = sorted(found.values())[len(found) // 2]
    what = f"broker's clock is {_far(-middle)} that of {len(found)} of {live} agents"
    return _candidate(BROKER, "nats", "NATS", what, ("source:nats",), middle, limits, source=SOURCE)


def _agent(agent: Agent, ahead: float, limits: Limits) -> Candidate:
    return _candidate(
        agent.key,
        "agent",
        agent.hostname or agent.key,
        f"clock is {_far(ahead)} the broker's",
        (f"agent:{agent.key}",),
        ahead,
        limits,
        source=SOURCE,
        hostname=agent.hostname,
    )


def _far(ahead: float) -> str:
    return f"{duration(abs(ahead))} {'ahead of' if ahead > 0 else 'behind'}"


def _candidate(
    key: str,
    kind: str,
    subject: str,
    what: str,
    refs: tuple[str, ...],
    ahead: float,
    limits: Limits,
    *,
    source: str = "",
    hostname: str = "",
) -> Candidate:
    return Candidate(
        SKEW,
        key,
        kind,
        subject,
        what,
        Severity.WARN if abs(ahead) > limits["warn"] else None,
        refs,
        keep=Severity.WARN,
        hold=limits["for"],
        clear=limits["clear"],
        detail="ages by the broker's clock stay right; times that come from this clock are not judged",
        evidence=(
            Evidence("apart", duration(abs(ahead)), written(Unit.SECONDS, limits["warn"]), limits.origin("warn")),
        ),
        steps=steps(("What OSAPI knows of it", osapi("agent", "get", option="--hostname", value=hostname)))
        if hostname
        else (),
        measured=abs(ahead),
        source=source,
    )
