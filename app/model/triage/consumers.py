"""Rules about consumers: whose each is, what excuses it, and which one of its ills is said of it.

At most one of `consumer.abandoned`, `consumer.no_client` and `consumer.stalled` holds of a consumer; none of them is
`consumer.behind` as well.
"""

from __future__ import annotations

from datetime import datetime
from zlib import crc32

from app.model.broker import Answer, Consumer, hidden
from app.model.findings import Evidence, Severity
from app.model.fleet import Presence
from app.model.text import count
from app.model.triage import (
    abandoned,
    behind,
    consumerlimits,
    losing,
    poison,
    redelivering,
    stalled,
    unserved,
)
from app.model.triage.candidates import NEVER, NOTHING, Candidate, Context, Judged, instant, length
from app.model.triage.reading import SOURCE, moment, ref_of, steps_for, subject, waited_since
from app.model.triage.thresholds import Limits, Threshold, Unit, written

NO_CLIENT = "consumer.no_client"

__all__ = ["NO_CLIENT", "SOURCE", "THRESHOLDS", "judge"]

THRESHOLDS = {
    losing.LOSING: losing.THRESHOLDS[losing.LOSING],
    NO_CLIENT: (
        Threshold("for", Unit.SECONDS, 60.0, "with messages pending, nobody there and nothing delivered"),
        Threshold("crit", Unit.SECONDS, 300.0, "of the same until it is CRIT", "last-delivery-critical"),
    ),
    **stalled.THRESHOLDS,
    **unserved.THRESHOLDS,
    **behind.THRESHOLDS,
    **redelivering.THRESHOLDS,
    **poison.THRESHOLDS,
    **abandoned.THRESHOLDS,
    **consumerlimits.THRESHOLDS,
}

_LOOK_AGAIN = 5.0  # seconds until a consumer with work and nobody there is judged again
_AT_EASE = 25.0  # the same for one with nothing pending
_SAID = {
    NO_CLIENT: frozenset(("delivery",)),
    stalled.STALLED: frozenset(("ack", "ack_pending")),
}
"""Owners' limits that a rule has judged by where it speaks of a consumer."""


def judge(consumer: Consumer, context: Context) -> Judged:
    """All rules on one consumer that is nobody's own, not hidden, and answered; of a paused one what it has lost."""
    if consumer.own or consumer.ordered or consumer.answer is not Answer.OK:
        return NOTHING
    if not consumer.durable and hidden(consumer, context.now):
        young = consumer.created is not None and consumer.pending > 0 and not consumer.paused
        return Judged(due=consumer.created.timestamp() + 60) if young and consumer.created else NOTHING
    with_client = consumer.push_bound if consumer.push else consumer.waiting > 0
    due = NEVER
    if consumer.durable and not with_client and not consumer.paused:
        unused, due = abandoned.judge(consumer, context)
        if unused is not None:
            losing.happened(consumer, context, _nobody_misses)
            return Judged((unused,), _again(consumer, context) + 30)
    gone = losing.happened(consumer, context, _unmissed)
    at_rest = consumer.pending == 0 and consumer.ack_pending == 0 and not _watched(consumer, context)
    if gone is None and (consumer.paused or at_rest):
        return NOTHING if due is NEVER else Judged(due=due)
    lost, again = () if gone is None else (gone,), _again(consumer, context)
    if consumer.paused or at_rest or consumer.ack_policy == "none" or _excused(consumer, context):
        return Judged(lost, again)
    found, due = _ills(consumer, context, with_client)
    if not found and consumer.pending == 0 and not _watched(consumer, context):
        again += _AT_EASE  # what is out is acked or not: each ack is a change, and until when it may take is known
    return Judged((*lost, *found), min(due, again))


def _again(consumer: Consumer, context: Context) -> float:
    """When it is judged again though it stays as it is; not all of them at once."""
    return context.now.timestamp() + _LOOK_AGAIN + crc32(consumer.key.encode()) % 50 / 10


def _unmissed(consumer: Consumer, context: Context) -> bool:
    """Whether nobody is meant to read what is dropped."""
    return consumer.paused or _excused(consumer, context) or _of_unknown(consumer, context)


def _nobody_misses(consumer: Consumer, context: Context) -> bool:
    """Of an abandoned one."""
    return True


def _watched(consumer: Consumer, context: Context) -> bool:
    """Whether there may be something to say of a consumer that has nothing to do at this instant."""
    return context.history.repeated(ref_of(consumer)) or consumerlimits.set_for(consumer, context)


def _ills(consumer: Consumer, context: Context, with_client: bool) -> tuple[list[Candidate], float]:
    """What is wrong with one that ought to move, and until when that holds."""
    found: Candidate | None = None
    due = NEVER
    if consumer.ack_pending > 0:
        found, due = stalled.judge(consumer, context, with_client)
    elif not with_client:
        found, due = _no_client(consumer, context)
    several = [found]
    if consumer.pending > 0:
        several.append(unserved.judge(consumer, context))
        if not any(several):
            several.append(behind.judge(consumer, context))
        if context.losses.of(consumer.key) is None and not _of_unknown(consumer, context):
            several.append(losing.ahead(consumer, context))
    if found is None:
        several.append(redelivering.judge(consumer, context))
        several.append(poison.judge(consumer, context) if consumer.ack_pending > 0 else None)
    several.append(consumerlimits.judge(consumer, context, _SAID[found.rule] if found is not None else frozenset()))
    return [each for each in several if each is not None], due


def _of_unknown(consumer: Consumer, context: Context) -> bool:
    """Whether it belongs to an agent that the registry does not know: nobody is there to miss what is dropped."""
    return context.fleet and consumer.key in context.owners.machine and context.owner(consumer) is None


def _excused(consumer: Consumer, context: Context) -> bool:
    """Whether its owner is meant not to take from it: it has said goodbye, or was told to take no jobs."""
    owner = context.owner(consumer)
    if owner is None:
        return context.owners.machine.get(consumer.key) in context.left
    if owner.presence is Presence.LEFT or owner.state == "Cordoned":
        return True
    return owner.state == "Draining" and consumer.ack_pending == 0


def _no_client(consumer: Consumer, context: Context) -> tuple[Candidate | None, float]:
    """Never CRIT where its agent is unknown to the registry: it may have been meant to go, and nobody must hurry."""
    if consumer.pending == 0:
        return None, NEVER
    limits = context.thresholds.of(NO_CLIENT, consumer.stream, consumer.metadata)
    since, exact = waited_since(consumer, context)
    if since is None or not limits.on:
        return None, NEVER
    waited = context.age(since) - context.sweep
    if waited < limits["for"]:
        return None, since.timestamp() + context.sweep + limits["for"]
    crit = max(limits["crit"], limits["for"])
    severity = Severity.CRIT if waited >= crit and not _of_unknown(consumer, context) else Severity.WARN
    due = since.timestamp() + context.sweep + crit if waited < crit else NEVER
    return _nobody(consumer, context, (since, exact), severity, limits), due


def _nobody(
    consumer: Consumer, context: Context, when: tuple[datetime, bool], severity: Severity, limits: Limits
) -> Candidate:
    since, exact = when
    who = "no subscriber" if consumer.push else "nobody pulls"
    said = f"since {instant(since, context.now)}" if exact else f"for {length(context.age(since), exact=False)}"
    return Candidate(
        NO_CLIENT,
        consumer.key,
        "consumer",
        subject(consumer, context),
        f"{who} {said}, {count(consumer.pending)} pending",
        severity,
        (ref_of(consumer),),
        keep=severity,
        begun=since,
        since=since,
        exact=exact,
        hold=limits["for"],
        clear=0.0,
        detail=f"{count(consumer.pending)} messages wait, nothing was delivered since",
        evidence=(
            Evidence("pending", str(consumer.pending), "over 0", "from the broker"),
            Evidence("waiting pulls" if not consumer.push else "bound", "0" if not consumer.push else "no"),
            Evidence(
                "last delivery",
                moment(consumer.delivered_at, context),
                f"{written(Unit.SECONDS, limits['for'])} / {written(Unit.SECONDS, limits['crit'])}",
                limits.origin("crit"),
            ),
        ),
        steps=steps_for(consumer, context),
        measured=float(consumer.pending),
        source=SOURCE,
    )
