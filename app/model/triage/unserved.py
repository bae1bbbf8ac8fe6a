"""The rule `consumer.not_served`: clients wait, messages are there, and the server delivers nothing."""

from __future__ import annotations

from app.model.broker import Consumer
from app.model.findings import Evidence, Severity
from app.model.text import count
from app.model.triage.candidates import NEVER, Candidate, Context
from app.model.triage.reading import SOURCE, moment, pairs, ref_of, subject, unsettled, waited_since
from app.model.triage.steps import nats, steps
from app.model.triage.thresholds import Threshold, Unit, written

NOT_SERVED = "consumer.not_served"

THRESHOLDS = {
    NOT_SERVED: (Threshold("for", Unit.SECONDS, 30.0, "with pulls waiting, messages pending and no delivery"),),
}


def judge(consumer: Consumer, context: Context) -> Candidate | None:
    """The rule on one pull consumer. A waiting pull is counted only as long as it is seen: it may have come just now.

    Not where clients are served by priority: there a pull waits for its turn.
    """
    if consumer.push or consumer.waiting == 0 or consumer.pending == 0 or consumer.priority:
        return None
    if 0 < consumer.max_ack_pending <= consumer.ack_pending:
        return None
    limits = context.thresholds.of(NOT_SERVED, consumer.stream, consumer.metadata)
    since, exact = waited_since(consumer, context)
    if since is None or not limits.on or context.age(since) - context.sweep < limits["for"]:
        return None
    return Candidate(
        NOT_SERVED,
        consumer.key,
        "consumer",
        subject(consumer, context),
        f"clients wait, {count(consumer.pending)} pending, server delivers nothing: step down the leader",
        Severity.CRIT,
        (ref_of(consumer),),
        keep=Severity.CRIT,
        since=since,
        exact=exact,
        hold=NEVER if unsettled(consumer, context) else limits["for"] + 2 * context.sweep,
        clear=0.0,
        detail=f"{count(consumer.waiting)} pulls wait, {count(consumer.ack_pending)} ack pending",
        evidence=(
            Evidence("waiting pulls", str(consumer.waiting), "over 0", "from the broker"),
            Evidence("pending", str(consumer.pending), "over 0", "from the broker"),
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
                "Have another server lead it",
                nats(context.site, "consumer", "cluster", "step-down", foreign=(consumer.stream, consumer.name)),
            ),
        ),
        measured=float(consumer.pending),
        source=SOURCE,
    )
