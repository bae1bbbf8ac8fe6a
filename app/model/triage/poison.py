"""The rule `consumer.poison`: one message is not acked for long, while those after it are."""

from __future__ import annotations

from datetime import datetime

from app.model.broker import Consumer
from app.model.findings import Evidence, Severity
from app.model.text import count, duration
from app.model.triage.candidates import Candidate, Context, length
from app.model.triage.reading import SOURCE, moment, pairs, ref_of, subject, unsettled
from app.model.triage.steps import nats, steps
from app.model.triage.thresholds import Limits, Threshold, Unit, written

POISON = "consumer.poison"

THRESHOLDS = {
    POISON: (
        Threshold("for", Unit.SECONDS, 600.0, "that one message holds the ack floor while others are acked, at least"),
    ),
}


def judge(consumer: Consumer, context: Context) -> Candidate | None:
    """The rule on one consumer with something ack pending, whose last ack is not long ago.

    Since when the floor stands is seen by us; or the broker tells it, where what is delivered now is that much newer
    and the message has come back already: in a backlog the oldest message is old without being stuck.
    """
    if consumer.ack_policy != "explicit" or consumer.acked_at is None:
        return None
    past, exact = _past(consumer, context)
    if past <= 0:
        return None
    limits = context.thresholds.of(POISON, consumer.stream, consumer.metadata)
    if not limits.on:
        return None
    patience = _patience(consumer, limits)
    watched, moved = context.history.floor_since(ref_of(consumer))
    seen = 0.0 if watched is None else context.age(context.theirs(watched) or context.now)
    told = _told(consumer, context) if not moved or consumer.redelivered else 0.0
    held = seen
    severity: Severity | None = Severity.WARN if seen >= patience else None
    if severity is None and told >= patience and consumer.redelivered and seen >= min(patience, _SEEN):
        severity, held = Severity.WARN, told
    if severity is None and (moved or told < patience):
        return None
    since: datetime | None = consumer.stuck_at if told >= held else context.theirs(watched)
    sequence = consumer.stuck_seq or consumer.floor_stream_seq + 1
    said = count(past) if exact else f"up to {count(past)}"
    return Candidate(
        POISON,
        consumer.key,
        "consumer",
        subject(consumer, context),
        f"1 message stuck {length(max(held, told))} at #{sequence}, {said} acked past it",
        None if unsettled(consumer, context) else severity,
        (ref_of(consumer),),
        keep=Severity.WARN,
        begun=since,
        since=since,
        exact=since is not None and since == consumer.stuck_at,
        hold=0.0,
        clear=0.0,
        detail="acks go on; this one is redelivered until it is acked, terminated, or out of tries",
        evidence=(
            Evidence("holds the ack floor", length(max(held, told)), _allowed(patience, limits), limits.origin("for")),
            Evidence("message of", moment(consumer.stuck_at, context), "", "from the broker"),
            Evidence("last ack", moment(consumer.acked_at, context), "", "from the broker"),
            Evidence("ack pending", str(consumer.ack_pending), "", "from the broker"),
        ),
        steps=steps(
            (
                "See the message that is stuck",
                nats(context.site, "stream", "get", foreign=(consumer.stream, str(sequence))),
            ),
            *pairs(consumer, context),
        ),
        measured=max(held, told),
        source=SOURCE,
    )


_SEEN = 30.0  # seconds that a floor must be seen to stand, whatever the broker tells


def _told(consumer: Consumer, context: Context) -> float:
    """By how much the message that holds the floor is older than what is delivered now; 0 if that is not known."""
    if consumer.stuck_at is None:
        return 0.0
    front = context.now
    if consumer.pending > 0:
        if consumer.next_at is None:
            return 0.0
        front = consumer.next_at
    return max(0.0, (front - consumer.stuck_at).total_seconds())


def _past(consumer: Consumer, context: Context) -> tuple[int, bool]:
    """How many messages after the floor were acked, and whether that is exact: repeats count as deliveries too."""
    stream = context.snapshot.streams.get(consumer.stream)
    further = consumer.delivered_stream_seq - consumer.floor_stream_seq
    given = consumer.delivered_consumer_seq - consumer.floor_consumer_seq
    exact = not consumer.filters and stream is not None and stream.deleted == 0
    return (further if exact else min(further, given)) - consumer.ack_pending, exact


def _patience(consumer: Consumer, limits: Limits) -> float:
    """How long a message may hold the floor: until its last try has had its ack_wait.

    Between two tries lies a back_off; how often it was tried by now nobody tells.
    """
    pauses = consumer.back_off[: consumer.max_deliver - 1] if consumer.max_deliver > 0 else consumer.back_off
    return max(limits["for"], consumer.ack_wait + sum(pauses))


def _allowed(patience: float, limits: Limits) -> str:
    least = written(Unit.SECONDS, limits["for"])
    return least if patience <= limits["for"] else f"{duration(patience)}: ack_wait and back_off, at least {least}"
