"""The rule `consumer.abandoned`: a durable that nobody uses any more."""

from __future__ import annotations

from datetime import datetime
from zlib import crc32

from app.model.broker import Consumer
from app.model.findings import Evidence, Severity
from app.model.fleet import Presence
from app.model.text import count
from app.model.triage.candidates import NEVER, Candidate, Context, latest, length
from app.model.triage.reading import SOURCE, delivered, moment, overtaken, pairs, ref_of, subject, waited_since
from app.model.triage.steps import nats, steps
from app.model.triage.thresholds import Threshold, Unit, written

ABANDONED = "consumer.abandoned"

THRESHOLDS = {
    ABANDONED: (Threshold("for", Unit.SECONDS, 86400.0, "without a client and a delivery"),),
}


def judge(consumer: Consumer, context: Context) -> tuple[Candidate | None, float]:
    """The rule on one durable without a client, and until when that holds.

    Idle is not abandoned: something must have waited for it, its owner be gone, or it be seen without a client all that
    time.
    """
    limits = context.thresholds.of(ABANDONED, consumer.stream, consumer.metadata)
    if not limits.on:
        return None, NEVER
    since, exact = delivered(consumer, context)
    if since is None:
        return None, context.now.timestamp() + 60
    begun = _unused(consumer, context, since)
    lasted = context.age(begun) - context.sweep if begun is not None else 0.0
    if begun is None or lasted < limits["for"]:
        due = context.now.timestamp() + 60 + crc32(consumer.key.encode()) % 60
        return None, due
    return _nobody_uses(consumer, context, (since, exact), begun), NEVER


def _nobody_uses(consumer: Consumer, context: Context, when: tuple[datetime, bool], begun: datetime) -> Candidate:
    """INFO; WARN where it keeps messages alive that nobody else needs."""
    limits = context.thresholds.of(ABANDONED, consumer.stream, consumer.metadata)
    since, exact = when
    stream = context.snapshot.streams.get(consumer.stream)
    kept = consumer.pending + consumer.ack_pending
    keeps = stream is not None and stream.retention == "interest" and kept > 0
    unused = length(context.age(since), exact)
    return Candidate(
        ABANDONED,
        consumer.key,
        "consumer",
        subject(consumer, context),
        f"unused {unused} and keeps {count(kept)} messages" if keeps else f"unused {unused}",
        Severity.WARN if keeps else Severity.INFO,
        (ref_of(consumer),),
        begun=begun,
        since=since,
        exact=exact,
        hold=limits["for"],
        clear=0.0,
        detail=f"{count(consumer.pending)} pending, no client",
        evidence=(
            Evidence(
                "last delivery",
                moment(consumer.delivered_at, context),
                written(Unit.SECONDS, limits["for"]),
                limits.origin("for"),
            ),
        ),
        steps=steps(
            *pairs(consumer, context),
            (
                "Delete it, if nobody needs it",
                nats(context.site, "consumer", "rm", foreign=(consumer.stream, consumer.name)),
            ),
        ),
        measured=float(kept),
        source=SOURCE,
    )


def _unused(consumer: Consumer, context: Context, delivered: datetime) -> datetime | None:
    """Since when it is known that nobody uses it; None if that cannot be told."""
    if consumer.ack_pending > 0:
        return delivered  # a client would have been given it again
    if context.fleet and (machine := context.owners.machine.get(consumer.key)) is not None:
        owner = context.snapshot.agents.get(machine)
        if owner is None and machine not in context.left:
            return delivered
        if owner is not None and owner.presence in (Presence.GONE, Presence.LEFT):
            return latest(delivered, owner.since)
    if overtaken(consumer, context):
        return delivered  # something has waited for it all the time, and was dropped
    if consumer.pending > 0 and (waited := waited_since(consumer, context)[0]) is not None:
        return waited
    return latest(delivered, context.theirs(context.history.without_client_since(ref_of(consumer))) or context.now)
