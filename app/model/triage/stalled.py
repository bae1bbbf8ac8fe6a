"""The rule `consumer.stalled`: messages are out and nobody acks."""

from __future__ import annotations

from app.model.broker import Consumer
from app.model.findings import Evidence, Severity
from app.model.text import count, duration
from app.model.triage.candidates import NEVER, Candidate, Context, length
from app.model.triage.reading import SOURCE, moment, quiet_since, ref_of, steps_for, subject
from app.model.triage.thresholds import Limits, Threshold, Unit

STALLED = "consumer.stalled"

THRESHOLDS = {
    STALLED: (
        Threshold("least", Unit.SECONDS, 120.0, "without an ack, at least"),
        Threshold("ack_waits", Unit.NUMBER, 2.0, "ack_waits without an ack"),
        Threshold("crit", Unit.NUMBER, 3.0, "times that with messages pending until it is CRIT"),
        Threshold(
            "ack_crit", Unit.SECONDS, None, "without an ack until it is CRIT, set by its owner", "last-ack-critical"
        ),
        Threshold("count", Unit.NUMBER, None, "ack pending that is CRIT, set by its owner", "outstanding-ack-critical"),
    ),
}


def _patience(consumer: Consumer, limits: Limits) -> float:
    """T: how long it may go without an ack. What only waits for its next try is given its longest back-off."""
    patience = max(limits["least"], limits["ack_waits"] * consumer.ack_wait)
    if consumer.back_off and consumer.redelivered >= consumer.ack_pending:
        return max(patience, *consumer.back_off)
    return patience


def judge(consumer: Consumer, context: Context, with_client: bool) -> tuple[Candidate | None, float]:
    """The rule on one consumer with something ack pending, and until when that holds."""
    limits = context.thresholds.of(STALLED, consumer.stream, consumer.metadata)
    quiet, exact = quiet_since(consumer, context)
    if quiet is None or not limits.on:
        return None, NEVER
    patience = _patience(consumer, limits)
    waited = context.age(quiet) - context.sweep
    if waited < patience:
        return None, quiet.timestamp() + context.sweep + patience
    since = quiet
    if consumer.acked_at is not None and consumer.stuck_at is not None:
        since, exact = max(consumer.acked_at, consumer.stuck_at), True
    elif consumer.acked_at is None:
        exact = False
    said = _sentence(consumer, length(context.age(since), exact), with_client)
    levels = _level(consumer, limits, patience, waited)
    evidence = _evidence(consumer, context, limits, patience)
    return Candidate(
        STALLED,
        consumer.key,
        "consumer",
        subject(consumer, context),
        said,
        levels[0],
        (ref_of(consumer),),
        keep=levels[1],
        begun=quiet,
        since=since,
        exact=exact,
        hold=patience,
        clear=0.0,
        detail=f"{count(consumer.pending)} pending behind {count(consumer.ack_pending)} that are not acked",
        evidence=evidence,
        steps=steps_for(consumer, context),
        measured=float(consumer.ack_pending),
        source=SOURCE,
    ), NEVER


def _evidence(consumer: Consumer, context: Context, limits: Limits, patience: float) -> tuple[Evidence, ...]:
    return (
        Evidence(
            "last ack",
            moment(consumer.acked_at, context),
            f"T {duration(patience)}, CRIT after {duration(limits['crit'] * patience)}",
            limits.origin("least"),
        ),
        Evidence("ack pending", str(consumer.ack_pending), _most(consumer), "from the broker"),
        Evidence("redelivered", str(consumer.redelivered)),
    )


def _level(consumer: Consumer, limits: Limits, patience: float, waited: float) -> tuple[Severity, Severity]:
    full = 0 < consumer.max_ack_pending <= consumer.ack_pending
    most, owners = limits.get("count"), limits.get("ack_crit")
    if full or (most is not None and consumer.ack_pending >= most) or (owners is not None and waited >= owners):
        return Severity.CRIT, Severity.CRIT
    if consumer.pending > 0 and waited >= limits["crit"] * patience:
        return Severity.CRIT, Severity.CRIT
    nearly = consumer.ack_pending >= 0.9 * consumer.max_ack_pending > 0
    return Severity.WARN, Severity.CRIT if nearly else Severity.WARN


def _sentence(consumer: Consumer, waited: str, with_client: bool) -> str:
    if 0 < consumer.max_ack_pending <= consumer.ack_pending:
        return f"no ack {waited}, ack pending {consumer.ack_pending}/{consumer.max_ack_pending}"
    if with_client:
        return f"no ack {waited}, ack pending {_out(consumer)}"
    nobody = "no subscriber" if consumer.push else "nobody pulls"
    return f"no ack {waited}, {nobody}, {count(consumer.ack_pending)} still out"


def _out(consumer: Consumer) -> str:
    return (
        f"{consumer.ack_pending}/{consumer.max_ack_pending}"
        if consumer.max_ack_pending > 0
        else str(consumer.ack_pending)
    )


def _most(consumer: Consumer) -> str:
    return f"max_ack_pending {consumer.max_ack_pending}" if consumer.max_ack_pending > 0 else "no limit"
