"""The rule `consumer.redelivering`: too many of a consumer's deliveries are repeats."""

from __future__ import annotations

from app.model.broker import Consumer
from app.model.findings import Evidence, Severity
from app.model.text import count, duration, percent
from app.model.triage.candidates import Candidate, Context
from app.model.triage.reading import SOURCE, ref_of, steps_for, subject, unsettled
from app.model.triage.thresholds import Limits, Threshold, Unit, written

REDELIVERING = "consumer.redelivering"

THRESHOLDS = {
    REDELIVERING: (
        Threshold("warn", Unit.SHARE, 0.2, "of its deliveries are repeats"),
        Threshold("crit", Unit.SHARE, 0.5, "of its deliveries are repeats"),
        Threshold("count", Unit.NUMBER, 10.0, "deliveries a minute, below which no share is judged"),
        Threshold("window", Unit.SECONDS, 120.0, "over which deliveries are counted"),
        Threshold("for", Unit.SECONDS, 180.0, "before it shows: what was out when a client ended comes again once"),
        Threshold("clear", Unit.SECONDS, 180.0, "good again before it is over"),
    ),
}

_KEEP = 0.9  # of a threshold, above which its level is kept


def judge(consumer: Consumer, context: Context) -> Candidate | None:
    """The rule on one consumer. By rates only: how many are redelivered now may stay above 0 for ever."""
    ref = ref_of(consumer)
    if not context.history.repeated(ref):
        return None
    limits = context.thresholds.of(REDELIVERING, consumer.stream, consumer.metadata)
    rates = context.history.repeats(ref, limits["window"])
    if not limits.on or rates is None or rates[1] <= 0:
        return None
    repeats, given = rates
    share, enough = repeats / given, limits["count"] / 60
    keep = _level(share, limits, _KEEP) if given >= enough * _KEEP else None
    if keep is None:
        return None
    judged = given >= enough and not unsettled(consumer, context)
    times = f"{count(max(1, round(repeats * 60)))}/min"
    return Candidate(
        REDELIVERING,
        consumer.key,
        "consumer",
        subject(consumer, context),
        f"{percent(share)} redelivered ({times}): acks come later than {_patience(consumer)}?",
        _level(share, limits, 1.0) if judged else None,
        (ref_of(consumer),),
        keep=keep,
        hold=limits["for"],
        clear=limits["clear"],
        collections=3,
        detail="the same work is done again and again, or fails again and again",
        evidence=(
            Evidence(
                "redelivered",
                percent(share),
                f"{written(Unit.SHARE, limits['warn'])} / {written(Unit.SHARE, limits['crit'])}",
                limits.origin("warn"),
            ),
            Evidence(
                "deliveries",
                f"{count(round(given * 60))}/min",
                f"at least {written(Unit.NUMBER, limits['count'])}/min",
                limits.origin("count"),
            ),
            Evidence("ack pending", str(consumer.ack_pending), "", "from the broker"),
        ),
        steps=steps_for(consumer, context),
        measured=share,
        source=SOURCE,
    )


def _level(share: float, limits: Limits, factor: float) -> Severity | None:
    if share > limits["crit"] * factor:
        return Severity.CRIT
    return Severity.WARN if share > limits["warn"] * factor else None


def _patience(consumer: Consumer) -> str:
    """After what a message not acked is given again: the first back_off stands for ack_wait."""
    if consumer.back_off:
        return f"back_off {duration(consumer.back_off[0])}"
    return f"ack_wait {duration(consumer.ack_wait)}"
