"""The rule `consumer.losing`: messages are dropped by the stream's limits before a durable has got them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from app.model.broker import Consumer, Stream, StreamKind
from app.model.findings import Evidence, Severity
from app.model.text import count, duration
from app.model.triage.candidates import Candidate, Context, length
from app.model.triage.losses import Loss, dropping_limit
from app.model.triage.reading import SOURCE, moment, pairs, ref_of, subject, unsettled
from app.model.triage.steps import nats, steps
from app.model.triage.thresholds import Limits, Threshold, Unit, written

LOSING = "consumer.losing"
AHEAD = "|ahead"
"""Ends the id of a finding about messages that are still there: what was said of it is not said of a loss."""

THRESHOLDS = {
    LOSING: (
        Threshold("warn", Unit.SECONDS, 3600.0, "left until the next message is dropped unread"),
        Threshold("crit", Unit.SECONDS, 600.0, "left until the next message is dropped unread"),
        Threshold("used", Unit.SHARE, 0.5, "of what the stream keeps that it must be behind, for those two"),
        Threshold("window", Unit.SECONDS, 120.0, "over which reading and dropping are measured"),
        Threshold("for", Unit.SECONDS, 30.0, "before it shows; a loss shows at once"),
        Threshold("clear", Unit.SECONDS, 30.0, "good again before it is over"),
        Threshold("kept", Unit.SECONDS, 86400.0, "that a loss is shown, unless somebody acknowledges it before"),
    ),
}

_LEFT_ABOVE = 1 / 0.9  # a level is left only above its time by this factor
_SLOW = 60.0  # seconds without a delivery after which it counts as not reading, whatever the rates


def stream_of(consumer: Consumer, context: Context) -> Stream | None:
    """The stream that may drop what a consumer has not got; None where that is no loss.

    On workqueue and interest nothing counts as read that was not acknowledged. What a newer message of the same subject
    has replaced is not missed.
    """
    if not consumer.durable or consumer.ack_policy == "none":
        return None
    stream = context.snapshot.streams.get(consumer.stream)
    if stream is None or stream.retention != "limits" or stream.max_per_subject > 0:
        return None
    return None if stream.kind in (StreamKind.KV, StreamKind.OBJECT) else stream


def happened(consumer: Consumer, context: Context, excused: Callable[[Consumer, Context], bool]) -> Candidate | None:
    """What it has lost, until somebody acknowledges it. What goes while nobody is meant to read is not counted."""
    stream = stream_of(consumer, context)
    if stream is None:
        return None
    key, losses = consumer.key, context.losses
    gone = losses.see(key, consumer, stream, lambda: not unsettled(consumer, context))
    if gone is not None and not excused(consumer, context):
        losses.add(key, stream, gone, context.now)
    loss = losses.of(key)
    return None if loss is None else _lost(consumer, context, loss)


def _lost(consumer: Consumer, context: Context, loss: Loss) -> Candidate | None:
    limits = context.thresholds.of(LOSING, consumer.stream, consumer.metadata)
    if not limits.on or context.age(loss.last) >= limits["kept"]:
        return None
    return Candidate(
        LOSING,
        consumer.key,
        "consumer",
        subject(consumer, context),
        f"{'' if loss.exact else 'at least '}{count(loss.count)} {_messages(loss)} ({loss.limit})",
        Severity.CRIT,
        (ref_of(consumer),),
        since=loss.since,
        exact=False,
        clear=0.0,
        detail=f"dropped before they were delivered, last seen {moment(loss.last, context)}; shown until acknowledged",
        evidence=(
            Evidence("gone unread", f"{'' if loss.exact else '≥'}{loss.count}", "none", "pending and sequences"),
            Evidence("delivered up to", f"#{consumer.delivered_stream_seq}", "", "from the broker"),
            *_front(consumer, context),
        ),
        steps=steps(*_steps(consumer, context)),
        measured=float(loss.count),
        source=SOURCE,
    )


def _messages(loss: Loss) -> str:
    if not loss.exact:
        return "gone unread"
    return "message gone unread" if loss.count == 1 else "messages gone unread"


def _front(consumer: Consumer, context: Context) -> tuple[Evidence, ...]:
    stream = context.snapshot.streams.get(consumer.stream)
    return () if stream is None else (Evidence("first message kept", f"#{stream.first_seq}", "", "from the broker"),)


def ahead(consumer: Consumer, context: Context) -> Candidate | None:
    """What will be dropped soon, if reading and dropping go on as they do."""
    stream = stream_of(consumer, context) if consumer.pending > 0 else None
    limits = context.thresholds.of(LOSING, consumer.stream, consumer.metadata)
    if stream is None or not limits.on:
        return None
    found = _left(consumer, stream, context, limits)
    if found is None or found[0] >= limits["warn"] * _LEFT_ABOVE:
        return None
    left, limit, told = found
    severity = None if told is None else _level(left, limits, 1.0)
    begun = None if not told else context.now + timedelta(seconds=left - limits["warn"])
    return Candidate(
        LOSING,
        consumer.key + AHEAD,
        "consumer",
        subject(consumer, context),
        f"loses unread messages in {_about(left)} ({limit})",
        severity,
        (ref_of(consumer),),
        keep=_level(left, limits, _LEFT_ABOVE),
        begun=begun,
        since=consumer.next_at,
        hold=limits["for"],
        clear=limits["clear"],
        collections=3,
        detail=f"{count(consumer.pending)} pending; what is dropped before it is delivered is lost to this consumer",
        evidence=(
            Evidence(
                "next is dropped in",
                _about(left),
                f"{written(Unit.SECONDS, limits['warn'])} / {written(Unit.SECONDS, limits['crit'])}",
                limits.origin("warn"),
            ),
            Evidence("next message of", moment(consumer.next_at, context), limit, "from the broker"),
            *_front(consumer, context),
        ),
        steps=steps(*_steps(consumer, context)),
        measured=left,
        source=SOURCE,
    )


def _left(
    consumer: Consumer, stream: Stream, context: Context, limits: Limits
) -> tuple[float, str, bool | None] | None:
    """Seconds until the next message is dropped, by which limit, and whether the broker alone told it.

    That is None where it may only be kept: rates are not to be judged now. None at all where nothing will be lost.
    """
    still = consumer.delivered_at is not None and context.age(consumer.delivered_at) > _SLOW
    speed = 0.0 if still else _speed(consumer, context, limits)
    by_age = _by_age(consumer, stream, context, limits, speed or 0.0)
    by_size = None if speed is None else _by_size(consumer, stream, context, limits, speed)
    found = [each for each in (by_age, by_size) if each is not None]
    if not found:
        return None
    left, limit = min(found)
    if speed is None or (not still and unsettled(consumer, context)):
        return left, limit, None
    return left, limit, still and (left, limit) == by_age


def _speed(consumer: Consumer, context: Context, limits: Limits) -> float | None:
    """Deliveries a second; None while it was seen for under half a minute."""
    speed = context.history.growth(ref_of(consumer), "delivered", limits["window"])
    return speed if speed is not None else context.history.growth(ref_of(consumer), "delivered", 30.0)


def _by_age(
    consumer: Consumer, stream: Stream, context: Context, limits: Limits, speed: float
) -> tuple[float, str] | None:
    """By max_age: the age that its next message has left, slower where it catches up with a part of it."""
    if stream.max_age <= 0 or consumer.next_at is None:
        return None
    behind = context.age(consumer.next_at)
    grows = 1.0 - speed * behind / consumer.pending  # seconds that it falls behind in each second
    if behind < limits["used"] * stream.max_age or grows <= 0:
        return None
    return max(0.0, stream.max_age - behind) / grows, f"max_age {duration(stream.max_age)}"


def _by_size(
    consumer: Consumer, stream: Stream, context: Context, limits: Limits, speed: float
) -> tuple[float, str] | None:
    """By max_msgs or max_bytes: how far its next message is from the first one, by the rate of dropping.

    With a filter only where that next message is known: the sequences alone say nothing of it.
    """
    limit = dropping_limit(stream)
    if stream.discard != "old" or not limit.startswith(("max_msgs", "max_bytes")):
        return None
    following = consumer.next_seq or (0 if consumer.filters else consumer.delivered_stream_seq + 1)
    distance, kept = following - stream.first_seq, stream.last_seq - stream.first_seq + 1
    if not following or not 0 <= distance <= (1 - limits["used"]) * kept:
        return None
    dropping = context.history.growth(f"stream:{stream.name}", "first", 30.0)
    reading = speed * (stream.last_seq - following + 1) / consumer.pending  # sequences a second
    return None if dropping is None or dropping <= reading else (distance / (dropping - reading), limit)


def _level(left: float, limits: Limits, factor: float) -> Severity | None:
    if left < limits["crit"] * factor:
        return Severity.CRIT
    return Severity.WARN if left < limits["warn"] * factor else None


def _about(seconds: float) -> str:
    """A forecast, in steps as coarse as it is."""
    return "under 1m" if seconds < 60 else length(seconds // 60 * 60)


def _steps(consumer: Consumer, context: Context) -> list[tuple[str, str]]:
    following = str(consumer.next_seq or consumer.delivered_stream_seq + 1)
    found = pairs(consumer, context)
    found.append(("See the stream's limits", nats(context.site, "stream", "info", foreign=(consumer.stream,))))
    if consumer.pending:
        found.append(
            ("See the next message", nats(context.site, "stream", "get", foreign=(consumer.stream, following)))
        )
    return found
