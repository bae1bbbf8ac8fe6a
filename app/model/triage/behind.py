"""The rule `consumer.behind`: the oldest message that a consumer was not given is old, and no backlog shrinks."""

from __future__ import annotations

from app.model.broker import Consumer
from app.model.findings import Evidence, Severity
from app.model.text import count, duration, rate
from app.model.triage.candidates import Candidate, Context, length
from app.model.triage.reading import SOURCE, moment, ref_of, steps_for, subject, unsettled
from app.model.triage.thresholds import Limits, Threshold, Unit, written

BEHIND = "consumer.behind"

THRESHOLDS = {
    BEHIND: (
        Threshold("warn", Unit.SECONDS, 300.0, "of age of the oldest message that it was not given"),
        Threshold("crit", Unit.SECONDS, 900.0, "of age of the oldest message that it was not given"),
        Threshold("window", Unit.SECONDS, 120.0, "over which pending must not have shrunk"),
        Threshold("drain", Unit.SECONDS, 86400.0, "to be drained in, above which it does not count as shrinking"),
        Threshold("for", Unit.SECONDS, 120.0, "before it shows"),
        Threshold("clear", Unit.SECONDS, 60.0, "good again before it is over"),
    ),
}

_KEEP = 0.9  # of a threshold, above which its level is kept


def judge(consumer: Consumer, context: Context) -> Candidate | None:
    """The rule on one consumer with messages pending. Shrinking is no finding: then it only takes its time."""
    if consumer.pending == 0 or consumer.next_at is None:
        return None
    limits = context.thresholds.of(BEHIND, consumer.stream, consumer.metadata)
    behind = context.age(consumer.next_at)
    keep = _level(behind, limits, _KEEP)
    if keep is None or not limits.on:
        return None
    growth = context.history.growth(ref_of(consumer), "pending", limits["window"])
    drained = consumer.pending / -growth if growth is not None and growth < 0 else None
    if drained is not None and drained <= limits["drain"]:
        return None
    known = growth is not None and not unsettled(consumer, context)
    return Candidate(
        BEHIND,
        consumer.key,
        "consumer",
        subject(consumer, context),
        f"{length(behind)} behind{_trend(growth, drained)}",
        _level(behind, limits, 1.0) if known else None,
        (ref_of(consumer),),
        keep=keep,
        since=consumer.next_at,
        hold=limits["for"],
        clear=limits["clear"],
        collections=3,
        detail=f"{count(consumer.pending)} pending, oldest of {moment(consumer.next_at, context)}",
        evidence=(
            Evidence(
                "behind",
                length(behind),
                f"{written(Unit.SECONDS, limits['warn'])} / {written(Unit.SECONDS, limits['crit'])}",
                limits.origin("warn"),
            ),
            Evidence("pending", str(consumer.pending), "", "from the broker"),
            Evidence(
                "change of pending",
                rate(growth, signed=True),
                f"drained in {written(Unit.SECONDS, limits['drain'])}",
                limits.origin("drain"),
            ),
        ),
        steps=steps_for(consumer, context),
        measured=behind,
        source=SOURCE,
    )


def _level(behind: float, limits: Limits, factor: float) -> Severity | None:
    if behind >= limits["crit"] * factor:
        return Severity.CRIT
    return Severity.WARN if behind >= limits["warn"] * factor else None


def _trend(growth: float | None, drained: float | None) -> str:
    if growth is None:
        return ""
    if drained is not None:
        return f", drains in {duration(drained)}"
    return f", {rate(growth, signed=True)}: never drains" if growth > 0 else ", not shrinking"
