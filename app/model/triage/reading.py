"""Reading a consumer: since when what holds, as far as the broker remembers it.

The broker's memory of the last delivery and the last ack is absent after a restart or a change of leader: unknown,
never "never". Then what we have seen ourselves counts, as a lower bound.
"""

from __future__ import annotations

from datetime import datetime

from app.model.broker import Consumer
from app.model.findings import Step
from app.model.fleet import parse_consumer
from app.model.rates import SETTLING
from app.model.triage.candidates import Context, instant, latest
from app.model.triage.steps import nats, osapi, steps

SOURCE = "consumers"


def ref_of(consumer: Consumer) -> str:
    """The reference of its row."""
    return f"consumer:{consumer.key}"


def subject(consumer: Consumer, context: Context) -> str:
    """Stream and consumer as people say them: `JOBS › query·any·web-03` of an agent's."""
    name = consumer.name
    if context.fleet and (parsed := parse_consumer(name)) is not None:
        owner = context.snapshot.agents.get(parsed.machine)
        name = parsed.label(owner.hostname if owner else None)
    return f"{consumer.stream} › {name}"


def delivered(consumer: Consumer, context: Context) -> tuple[datetime | None, bool]:
    """When it last was given a message (created, if never), and whether that is known or only a lower bound."""
    if consumer.delivered_at is not None:
        return consumer.delivered_at, True
    if consumer.delivered_consumer_seq == 0 and consumer.created is not None:
        return consumer.created, True
    return context.theirs(context.history.unchanged_since(ref_of(consumer), "delivered")), False


def acked(consumer: Consumer, context: Context) -> tuple[datetime | None, bool]:
    """When something was last acknowledged (created, if never), and whether that is known or only a lower bound."""
    if consumer.acked_at is not None:
        return consumer.acked_at, True
    if consumer.floor_consumer_seq == 0 and consumer.created is not None:
        return consumer.created, True
    return context.theirs(context.history.ack_unknown_since(ref_of(consumer))), False


def waited_since(consumer: Consumer, context: Context) -> tuple[datetime | None, bool]:
    """Since when messages are pending and none was delivered, and whether that is known.

    No waiting pull alone says nothing: there is none either between two fetches.
    """
    last, exact = delivered(consumer, context)
    if consumer.next_at is not None:
        return (None if last is None else latest(last, consumer.next_at)), exact
    seen = context.theirs(context.history.positive_since(ref_of(consumer), "pending"))
    if last is None or seen is None:
        return None, False
    return latest(last, seen), exact and last >= seen


def quiet_since(consumer: Consumer, context: Context) -> tuple[datetime | None, bool]:
    """Since when at the latest something is ack pending and nothing was acked, and whether the broker told it.

    The broker tells only the last ack and the last delivery. What is out may be no older than that delivery, unless we
    have seen something out all the time since.
    """
    ref = ref_of(consumer)
    seen = context.theirs(context.history.positive_since(ref, "ack_pending"))
    if consumer.acked_at is not None:
        told = latest(consumer.acked_at, consumer.delivered_at)
        watched = latest(consumer.acked_at, seen) if seen is not None else None
    else:  # none since the leader began to remember; before that there may have been any
        told = consumer.delivered_at
        unknown = context.theirs(context.history.ack_unknown_since(ref))
        watched = None if seen is None or unknown is None else max(seen, unknown)
    if told is None:
        return watched, False
    return (told, True) if watched is None or told <= watched else (watched, False)


def unsettled(consumer: Consumer, context: Context) -> bool:
    """Whether two looks at it may not be compared yet: within 30 s of a reconnect, a restart or a change of leader."""
    if context.history.settling(context.snapshot.at or context.now):
        return True
    since = None if consumer.cluster is None else consumer.cluster.leader_since
    led = latest(since, context.theirs(context.history.led_since(ref_of(consumer))))
    return led is not None and context.age(led) < SETTLING


def overtaken(consumer: Consumer, context: Context) -> bool:
    """Whether messages were dropped that it should have got; told by the sequences, so not where it has a filter."""
    stream = context.snapshot.streams.get(consumer.stream)
    return stream is not None and not consumer.filters and stream.first_seq > consumer.delivered_stream_seq + 1


def moment(at: datetime | None, context: Context) -> str:
    """An instant as evidence."""
    return "not known" if at is None else instant(at, context.now)


def pairs(consumer: Consumer, context: Context) -> list[tuple[str, str]]:
    """What can be done about any consumer: sentence and command."""
    foreign = (consumer.stream, consumer.name)
    return [("See its state and configuration", nats(context.site, "consumer", "info", foreign=foreign))]


def steps_for(consumer: Consumer, context: Context) -> tuple[Step, ...]:
    """What can be done about one that does not move."""
    found = pairs(consumer, context)
    owner = context.owner(consumer)
    if owner is not None:
        found.append(("See its agent", osapi("agent", "get", option="--hostname", value=owner.hostname)))
    if consumer.ack_pending > 0:
        stuck = str(consumer.stuck_seq or consumer.floor_stream_seq + 1)
        found.append(
            ("See the oldest message not acked", nats(context.site, "stream", "get", foreign=(consumer.stream, stuck)))
        )
    return steps(*found)
