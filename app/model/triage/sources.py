"""The rule about our own sources: `facts.stale`."""

from __future__ import annotations

from app.model.findings import Evidence, Severity
from app.model.sessions import Intake, IntakeState
from app.model.snapshot import SourceState, SourceStatus
from app.model.text import duration
from app.model.triage import ingest
from app.model.triage.candidates import Candidate, Context, length
from app.model.triage.thresholds import Limits, Threshold, Unit, written

STALE = "facts.stale"
STORE = "store"  # the source that is our own store: it brings no facts, it is written or not

THRESHOLDS = {
    STALE: (
        Threshold("intervals", Unit.NUMBER, 3.0, "of the source's own interval without fresh facts"),
        Threshold("lag", Unit.SECONDS, 5.0, "by which the worker itself is late"),
        ingest.BEHIND,
        Threshold("least", Unit.SECONDS, 10.0, "without fresh facts, however short the interval"),
    ),
}

_NAMES = {
    "account": "account",
    "streams": "stream",
    "consumers": "consumer",
    "registry": "agent",
    "facts": "host",
    "state": "agent state",
    "jobs": "job",
    "deadletters": "dead-letter",
    "services": "service",
    "advisories": "advisory",
    "units": "unit",
    ingest.SOURCE: "session",
}
_JUDGED = frozenset((SourceStatus.WAITING, SourceStatus.FAILED))


def judge(context: Context) -> list[Candidate]:
    """One candidate for each source that is too old, one for the worker if it is late, one for session events that
    are taken in late, one for a store not writable.

    Not for what is absent or not permitted: that is no matter of age, and its pane says so.
    """
    limits = context.thresholds.of(STALE)
    if not limits.on:
        return []
    found = (_stale(context, source, limits) for source in context.snapshot.sources.values())
    late = (_late(context, limits),) if context.site.lag >= limits["lag"] else ()
    return [*late, *(each for each in (*found, ingest.late(context, STALE, limits)) if each is not None)]


def _late(context: Context, limits: Limits) -> Candidate:
    lag = duration(context.site.lag)
    return Candidate(
        STALE,
        "worker",
        "worker",
        "watchdeck",
        f"worker {lag} late: its machine is overloaded or was held up",
        Severity.CRIT,
        ("source:worker",),
        clear=0.0,
        detail="what was collected meanwhile is as old as that; ages and rates begin anew",
        evidence=(Evidence("late by", lag, written(Unit.SECONDS, limits["lag"]), limits.origin("lag")),),
        measured=context.site.lag,
    )


def _not_written(source: SourceState, intake: Intake) -> Candidate | None:
    if source.status is not SourceStatus.FAILED:
        return None
    read = intake.state is IntakeState.READING or intake.last is not None  # else there may be no stream to read
    stopped = "ingest stopped" if read else "nothing is recorded"
    return Candidate(
        STALE,
        source.name,
        "source",
        source.name,
        f"{source.error}: {stopped}, nothing lost",
        Severity.CRIT,
        (f"source:{source.name}",),
        clear=0.0,
        detail="acknowledgements, tokens and settings cannot be changed until it can be written; it is tried again by "
        "itself",
        evidence=(Evidence("store", source.error),),
    )


def _stale(context: Context, source: SourceState, limits: Limits) -> Candidate | None:
    if source.name == STORE:
        return _not_written(source, context.site.intake)
    if source.status not in _JUDGED:
        return None
    begun = context.theirs(source.good_at or context.site.watching_since or context.site.connection.since)
    if begun is None:
        return None
    old, allowed = context.age(begun), max(limits["intervals"] * source.interval, limits["least"])
    if old <= allowed:
        return None
    name = _NAMES.get(source.name, source.name)
    what = f"{name} facts {length(old)} old" if source.good_at else f"no {name} facts for {length(old)}"
    return Candidate(
        STALE,
        source.name,
        "source",
        source.name,
        f"{what}: {source.error}" if source.error else what,
        Severity.WARN,
        (f"source:{source.name}",),
        begun=begun,
        since=begun,
        exact=source.good_at is not None,
        clear=0.0,
        detail=f"what is shown of it is the last known; tried every {duration(source.interval)}",
        evidence=(
            Evidence(
                "age",
                length(old),
                f"{limits['intervals']:g} x {duration(source.interval)}, at least "
                f"{written(Unit.SECONDS, limits['least'])}",
                limits.origin("intervals"),
            ),
        ),
        measured=old,
    )
