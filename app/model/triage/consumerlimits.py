"""The rule `consumer.limits`: a consumer is over what its owner has set for it, as `nats server check` means it."""

from __future__ import annotations

from app.model.broker import Consumer
from app.model.findings import Severity
from app.model.text import duration
from app.model.triage.candidates import Candidate, Context, length
from app.model.triage.owners import KEEP, Crossed, candidate
from app.model.triage.reading import SOURCE, acked, delivered, ref_of, steps_for, subject
from app.model.triage.thresholds import Limits, Threshold, Unit, written

CONSUMER_LIMITS = "consumer.limits"

THRESHOLDS = {
    CONSUMER_LIMITS: (
        Threshold("ack_pending", Unit.NUMBER, None, "ack pending", "outstanding-ack-critical"),
        Threshold("waiting", Unit.NUMBER, None, "waiting pulls: more than enough clients", "waiting-critical"),
        Threshold("pending", Unit.NUMBER, None, "messages pending", "unprocessed-critical"),
        Threshold("redelivered", Unit.NUMBER, None, "messages redelivered and not acked", "redelivery-critical"),
        Threshold("delivery", Unit.SECONDS, None, "since the last delivery", "last-delivery-critical"),
        Threshold("ack", Unit.SECONDS, None, "since the last ack", "last-ack-critical"),
        Threshold("pinned", Unit.SWITCH, None, "every priority group must have a pinned client", "pinned"),
        Threshold("for", Unit.SECONDS, 10.0, "before it shows"),
        Threshold("clear", Unit.SECONDS, 30.0, "good again before it is over"),
    ),
}


def set_for(consumer: Consumer, context: Context) -> bool:
    """Whether anybody has set a limit for it: most consumers have none."""
    return context.thresholds.of(CONSUMER_LIMITS, consumer.stream, consumer.metadata).touched


def judge(consumer: Consumer, context: Context, said: frozenset[str] = frozenset()) -> Candidate | None:
    """All limits of one consumer; `said` are those that another rule has judged by already."""
    limits = context.thresholds.of(CONSUMER_LIMITS, consumer.stream, consumer.metadata)
    if not limits.on or not limits.touched:
        return None
    crossed = [*_counts(consumer, limits, said), *_ages(consumer, context, limits, said), *_pinned(consumer, limits)]
    if not crossed:
        return None
    about = (consumer.key, "consumer", subject(consumer, context), ref_of(consumer))
    return candidate(CONSUMER_LIMITS, about, crossed, limits, steps_for(consumer, context), SOURCE)


def _counts(consumer: Consumer, limits: Limits, said: frozenset[str]) -> list[Crossed]:
    figures = (
        ("ack_pending", "ack pending", consumer.ack_pending),
        ("waiting", "waiting pulls", consumer.waiting),
        ("pending", "pending", consumer.pending),
        ("redelivered", "redelivered", consumer.redelivered),
    )
    found = []
    for name, word, value in figures:
        limit = limits.get(name)
        if limit and name not in said and value >= limit * KEEP:
            row = (word, str(value), f"limit {written(Unit.NUMBER, limit)}")
            found.append(_crossed(f"{word} {value}", row, limits, name, value, reached=value >= limit))
    return found


def _ages(consumer: Consumer, context: Context, limits: Limits, said: frozenset[str]) -> list[Crossed]:
    """Not known after a restart is not never: then what we have seen since counts."""
    found = []
    for name, word, told in (("delivery", "delivery", delivered), ("ack", "ack", acked)):
        limit = limits.get(name)
        since, exact = told(consumer, context) if limit and name not in said else (None, False)
        lasted = 0.0 if since is None else context.age(since) - context.sweep
        if limit and since is not None and lasted >= limit:
            age = length(lasted, exact)
            row = (f"last {word}", f"{age} ago", f"limit {duration(limit)}")
            found.append(_crossed(f"no {word} {age}", row, limits, name, lasted))
    return found


def _pinned(consumer: Consumer, limits: Limits) -> list[Crossed]:
    """Where clients take turns, every group must have one that has the turn."""
    groups, pinned = consumer.priority_groups, consumer.pinned_groups
    if not limits.get("pinned"):
        return []
    if consumer.priority != "pinned_client" or not groups:
        now = "no pinned clients in use"
    elif pinned < groups:
        now = f"{pinned} of {groups} groups have a client pinned"
    else:
        return []
    return [_crossed(now, ("pinned clients", now, "all groups expected"), limits, "pinned", pinned)]


def _crossed(
    what: str, row: tuple[str, str, str], limits: Limits, name: str, measured: float, *, reached: bool = True
) -> Crossed:
    severity = Severity.CRIT if reached else None
    return Crossed(what, severity, Severity.CRIT, *row, limits.origin(name), float(measured))
