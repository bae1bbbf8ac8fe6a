"""Rules about agents: `agent.gone`, `agent.condition`."""

from __future__ import annotations

import re
from zlib import crc32

from app.model.findings import Evidence, Severity, Step
from app.model.fleet import HEARTBEAT, REGISTRY_TTL, Agent, Condition, Presence
from app.model.text import count, duration
from app.model.triage.candidates import NEVER, NOTHING, Candidate, Context, Judged, instant, length
from app.model.triage.steps import osapi, steps
from app.model.triage.thresholds import Limits, Threshold, Unit, written

GONE = "agent.gone"
CONDITION = "agent.condition"
SOURCE = "registry"

THRESHOLDS = {
    GONE: (
        Threshold("clear", Unit.SECONDS, 2 * HEARTBEAT, "beating again before it is over"),
        Threshold("together", Unit.SECONDS, 60.0, "within which several gone agents are one finding"),
        Threshold("count", Unit.NUMBER, 3.0, "agents that make one finding"),
        Threshold("ratio", Unit.SHARE, 0.2, "of the fleet that makes one finding, from two agents on"),
    ),
    CONDITION: (
        Threshold("crit", Unit.SHARE, 0.95, "of a disk in use (DiskPressure)"),
        Threshold("for", Unit.SECONDS, 30.0, "before it shows"),
        Threshold("clear", Unit.SECONDS, 60.0, "good again before it is over"),
        Threshold("pending", Unit.SECONDS, 1800.0, "that jobs wait for a cordoned or draining agent"),
    ),
}

_PERCENT = re.compile(r"(\d+(?:\.\d+)?)%")
_OTHERS = Step("Who else is there", osapi("agent", "list"))
_IDLE = frozenset(("Cordoned", "Draining"))


def judge(agent: Agent, context: Context) -> Judged:
    """Both rules on one agent. Of one that is gone or has left, conditions are history and not judged."""
    if agent.presence is Presence.LEFT:
        return NOTHING  # it said goodbye: an event, no fault
    if agent.presence is not Presence.LIVE:
        return _gone(agent, context)
    if not agent.active_conditions and agent.state not in _IDLE:
        return NOTHING
    limits = context.thresholds.of(CONDITION)
    if not limits.on:
        return NOTHING
    found, due = [], NEVER
    for condition in agent.active_conditions:
        found.append(_condition(agent, condition, context, limits))
    if agent.state in _IDLE:
        due = context.now.timestamp() + 5 + crc32(agent.key.encode()) % 5
        waiting = _cordoned(agent, context, limits)
        found.extend(() if waiting is None else (waiting,))
    return Judged(tuple(found), due)


def _gone(agent: Agent, context: Context) -> Judged:
    limits = context.thresholds.of(GONE)
    if not limits.on:
        return NOTHING
    gone = agent.presence is Presence.GONE
    at = "?" if agent.since is None else instant(agent.since, context.now)
    if agent.since is None:
        what = "gone (no farewell)" if gone else "no heartbeat"
    else:
        what = f"gone since {at} (no farewell)" if gone else f"no heartbeat since {at}"
    candidate = Candidate(
        GONE,
        agent.key,
        "agent",
        agent.hostname or agent.key,
        what,
        Severity.CRIT if gone else Severity.WARN,
        (f"agent:{agent.key}",),
        begun=agent.since,
        since=agent.since,
        clear=limits["clear"],
        detail=_labels(agent),
        evidence=(
            Evidence(
                "last heartbeat",
                at,
                f"stale {duration(2 * HEARTBEAT)} / gone {duration(REGISTRY_TTL)}",
                "from the broker",
            ),
        ),
        steps=(
            *steps(("What OSAPI knows of it", osapi("agent", "get", option="--hostname", value=agent.hostname))),
            _OTHERS,
        ),
        source=SOURCE,
    )
    # the sentence names the day once it is another one
    far = NEVER if agent.since is None else agent.since.timestamp() + 12 * 3600 + 1
    return Judged((candidate,), far if far > context.now.timestamp() else NEVER)


def _labels(agent: Agent) -> str:
    return " ".join(f"{key}={value}" for key, value in agent.labels)


def _condition(agent: Agent, condition: Condition, context: Context, limits: Limits) -> Candidate:
    figure = _PERCENT.search(condition.reason)
    share = None if figure is None else float(figure[1]) / 100
    disk = condition.type == "DiskPressure"
    full = disk and share is not None and share >= limits["crit"]
    kept = disk and share is not None and share >= 0.9 * limits["crit"]
    what = condition.reason or condition.type
    since = None if agent.key in context.skewed else condition.since  # by the agent's own clock
    return Candidate(
        CONDITION,
        f"{agent.key}|{condition.type}",
        "agent",
        agent.hostname or agent.key,
        f"disk {what}" if disk and condition.reason else what,
        Severity.CRIT if full else Severity.WARN,
        (f"agent:{agent.key}",),
        keep=Severity.CRIT if kept else Severity.WARN,
        begun=since,
        since=since,
        hold=limits["for"],
        clear=limits["clear"],
        detail=" ".join(filter(None, (condition.type, _labels(agent)))),
        evidence=(
            Evidence(
                condition.type,
                condition.reason or "true",
                f"CRIT from {written(Unit.SHARE, limits['crit'])}" if disk else "",
                limits.origin("crit") if disk else "from the agent",
            ),
        ),
        steps=_condition_steps(agent),
        measured=share,
        source=SOURCE,
    )


def _condition_steps(agent: Agent) -> tuple[Step, ...]:
    return steps(
        ("Its facts and conditions", osapi("agent", "get", option="--hostname", value=agent.hostname)),
        ("Give it no further jobs", osapi("agent", "drain", option="--hostname", value=agent.hostname)),
    )


def _cordoned(agent: Agent, context: Context, limits: Limits) -> Candidate | None:
    """Jobs that have been waiting for an agent that takes none."""
    waiting = [
        consumer
        for key in context.owners.consumers.get(agent.key, ())
        if (consumer := context.snapshot.consumers.get(key)) is not None and consumer.pending > 0
    ]
    begun, exact = None, True
    for consumer in waiting:
        seen = context.theirs(context.history.positive_since(f"consumer:{consumer.key}", "pending"))
        since = consumer.next_at or seen
        if since is not None and (begun is None or since < begun):
            begun, exact = since, consumer.next_at is not None
    if begun is None or context.age(begun) < limits["pending"]:
        return None
    pending = sum(consumer.pending for consumer in waiting)
    return Candidate(
        CONDITION,
        f"{agent.key}|{agent.state}",
        "agent",
        agent.hostname or agent.key,
        f"{agent.state.lower()}, {count(pending)} jobs pending {length(context.age(begun), exact)}",
        Severity.WARN,
        (f"agent:{agent.key}",),
        since=begun,
        exact=exact,
        clear=limits["clear"],
        detail=f"{count(pending)} pending on {len(waiting)} of its consumers",
        evidence=(
            Evidence(
                "jobs pending",
                length(context.age(begun), exact),
                written(Unit.SECONDS, limits["pending"]),
                limits.origin("pending"),
            ),
        ),
        steps=steps(("Let it take jobs again", osapi("agent", "undrain", option="--hostname", value=agent.hostname))),
        measured=float(pending),
        source=SOURCE,
    )
