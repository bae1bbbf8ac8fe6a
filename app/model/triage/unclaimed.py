"""The rule `jobs.unclaimed`: jobs that no agent has acknowledged, by the target that they are aimed at."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from zlib import crc32

from app.model.changes import Timed
from app.model.findings import Evidence, Severity, Step
from app.model.fleet import Agent, Presence, sanitise_key
from app.model.jobs import Job
from app.model.text import count
from app.model.triage.candidates import Candidate, Context, instant, length
from app.model.triage.steps import command, osapi, steps
from app.model.triage.thresholds import Limits, Threshold, Unit, written

UNCLAIMED = "jobs.unclaimed"
SOURCE = "jobs"

THRESHOLDS = {
    UNCLAIMED: (
        Threshold("warn", Unit.SECONDS, 60.0, "since a job was created, with no acknowledgement"),
        Threshold("crit", Unit.SECONDS, 300.0, "since a job was created, with no acknowledgement"),
    ),
}

_EVERYBODY = {"_any": "any agent", "_all": "all agents"}
_LOOK_AGAIN = 5.0  # seconds until the sentence about a target is made anew
_NAMED = 20  # jobs that one finding names


class _Target:
    """The unclaimed jobs of one target, and what was last said of them."""

    __slots__ = ("due", "jobs", "said")

    def __init__(self) -> None:
        self.jobs = Timed()
        self.said: Candidate | None = None
        self.due = 0.0


class Waiting:
    """Unclaimed jobs by target."""

    def __init__(self) -> None:
        self._targets: dict[str, _Target] = {}
        self._of: dict[str, str] = {}  # job -> target

    def take(self, key: str, job: Job | None) -> None:
        """Takes in a job as it is now; None: it is not one of these, or no more."""
        target = "" if job is None or job.created is None else job.target
        before = self._of.get(key, "")
        if before and before != target:
            known = self._targets[before]
            known.jobs.drop(key)
            known.due = 0.0
            del self._of[key]
            if not len(known.jobs):
                del self._targets[before]
        if target and job is not None and job.created is not None:
            known = self._targets.setdefault(target, _Target())
            known.jobs.put(key, job.created.timestamp())
            self._of[key] = target

    def aimed_at(self, target: str) -> int:
        """How many wait for a target, however long."""
        known = self._targets.get(target)
        return 0 if known is None else len(known.jobs)

    def candidates(self, context: Context) -> Iterator[Candidate]:
        limits = context.thresholds.of(UNCLAIMED)
        if not limits.on:
            return
        now = context.now.timestamp()
        for target, known in self._targets.items():
            oldest = known.jobs.first
            if oldest is None or now - oldest < limits["warn"]:
                known.said, known.due = None, 0.0
                continue
            if known.said is None or now >= known.due:
                known.said = _candidate(target, known.jobs, context, limits)
                known.due = now + _LOOK_AGAIN + crc32(target.encode()) % 50 / 10
                if now < oldest + limits["crit"] < known.due:
                    known.due = oldest + limits["crit"]
            yield known.said


def _candidate(target: str, jobs: Timed, context: Context, limits: Limits) -> Candidate:
    now = context.now.timestamp()
    oldest = jobs.first or now
    number = jobs.until(now - limits["warn"])
    severity = Severity.CRIT if now - oldest >= limits["crit"] else Severity.WARN
    since = datetime.fromtimestamp(oldest, UTC)
    subject, state = _who(target, context)
    waited = length(now - oldest)
    said = f"{count(number)} job{'s' * (number != 1)} unclaimed, oldest {waited}"
    return Candidate(
        UNCLAIMED,
        target,
        "jobs",
        subject,
        f"{said}: {state}" if state else said,
        severity,
        tuple(f"job:{key}" for key in jobs.oldest(min(number, _NAMED))),
        begun=since,
        since=since,
        clear=0.0,
        detail=f"{count(len(jobs))} jobs wait for it; nothing has begun",
        evidence=(
            Evidence(
                "oldest created",
                instant(since, context.now),
                f"{written(Unit.SECONDS, limits['warn'])} / {written(Unit.SECONDS, limits['crit'])}",
                limits.origin("warn"),
            ),
            Evidence("target", target, "", "from the jobs"),
        ),
        steps=_steps(target, jobs.oldest(1)[0], context),
        measured=float(number),
        source=SOURCE,
    )


def _who(target: str, context: Context) -> tuple[str, str]:
    """The target as people say it, and whether it can take a job; nothing of that while the registry is not fresh."""
    fleet = context.snapshot.agents
    agent = fleet.get(sanitise_key(target))
    subject = (agent.hostname or target) if agent is not None else _EVERYBODY.get(target, target)
    if not context.fleet:
        return subject, ""
    if target in _EVERYBODY:
        ready = sum(map(_takes, fleet.values()))
        return subject, f"{ready} agents could take it" if ready else "no agent takes jobs"
    if agent is not None:
        return subject, _state(agent)
    key, colon, value = target.partition(":")
    if colon:
        ready = sum(_takes(each) and _labelled(each, key, value) for each in fleet.values())
        if ready:
            return subject, f"{ready} agent{'s' * (ready != 1)} could take it"
        return subject, "no agent with this label takes jobs"
    if any(sanitise_key(each.hostname) == target or each.hostname == target for each in fleet.values()):
        return subject, "that is a host name: agents listen by their machine id"
    if target in context.left:
        return subject, "target has left"
    return subject, "target is not registered"


def _takes(agent: Agent) -> bool:
    return agent.presence is Presence.LIVE and agent.state == "Ready"


def _labelled(agent: Agent, key: str, value: str) -> bool:
    """Agents listen to each part of a label: `web` reaches `web.eu` too."""
    return any(name == key and (own == value or own.startswith(f"{value}.")) for name, own in agent.labels)


def _state(agent: Agent) -> str:
    if agent.presence is Presence.GONE:
        return "target is gone"
    if agent.presence is Presence.LEFT:
        return "target has left"
    if agent.presence is Presence.STALE:
        return "target is silent"
    return "target is there" if agent.state == "Ready" else f"target is {agent.state.lower()}"


def _steps(target: str, job: str, context: Context) -> tuple[Step, ...]:
    pairs = [("See the oldest of them", osapi("job", "get", option="--job-id", value=job))]
    agent = context.snapshot.agents.get(sanitise_key(target))
    if agent is not None:
        pairs.append(("See its agent", osapi("agent", "get", option="--hostname", value=agent.hostname)))
    else:
        pairs.append(("Who is there", osapi("agent", "list")))
    pairs.append(
        ("Repeat it on a host of your choice", command("osapi", "client", "job", "retry", "--job-id", foreign=(job,)))
    )
    return steps(*pairs)
