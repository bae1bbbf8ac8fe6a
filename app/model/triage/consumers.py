"""Rules about consumers: `consumer.no_client`, `consumer.stalled`, `consumer.abandoned`.

They rest on the broker's own memory of the last delivery and the last ack, which is absent after a restart or a change
of leader: unknown, never "never". Then what we have seen ourselves counts, as a lower bound.
"""

from __future__ import annotations

from datetime import datetime
from zlib import crc32

from app.model.broker import Answer, Consumer, hidden
from app.model.findings import Evidence, Severity, Step
from app.model.fleet import Presence, parse_consumer
from app.model.text import count, duration
from app.model.triage.candidates import NEVER, NOTHING, Candidate, Context, Judged, instant, latest, length
from app.model.triage.steps import nats, osapi, steps
from app.model.triage.thresholds import Limits, Threshold, Unit, written

NO_CLIENT = "consumer.no_client"
STALLED = "consumer.stalled"
ABANDONED = "consumer.abandoned"
SOURCE = "consumers"

THRESHOLDS = {
    NO_CLIENT: (
        Threshold("for", Unit.SECONDS, 60.0, "with messages pending, nobody there and nothing delivered"),
        Threshold("crit", Unit.SECONDS, 300.0, "of the same until it is CRIT", "last-delivery-critical"),
    ),
    STALLED: (
        Threshold("least", Unit.SECONDS, 120.0, "without an ack, at least"),
        Threshold("ack_waits", Unit.NUMBER, 2.0, "ack_waits without an ack"),
        Threshold("crit", Unit.NUMBER, 3.0, "times that with messages pending until it is CRIT"),
        Threshold(
            "ack_crit", Unit.SECONDS, None, "without an ack until it is CRIT, set by its owner", "last-ack-critical"
        ),
        Threshold("count", Unit.NUMBER, None, "ack pending that is CRIT, set by its owner", "outstanding-ack-critical"),
    ),
    ABANDONED: (Threshold("for", Unit.SECONDS, 86400.0, "without a client and a delivery"),),
}

_LOOK_AGAIN = 5.0  # seconds until a consumer with work and nobody there is judged again


def judge(consumer: Consumer, context: Context) -> Judged:
    """All three rules on one consumer that is nobody's own, not hidden, not paused, and answered."""
    if consumer.own or consumer.ordered or consumer.paused or consumer.answer is not Answer.OK:
        return NOTHING
    if not consumer.durable and hidden(consumer, context.now):
        young = consumer.created is not None and consumer.pending > 0
        return Judged(due=consumer.created.timestamp() + 60) if young and consumer.created else NOTHING
    with_client = consumer.push_bound if consumer.push else consumer.waiting > 0
    if with_client and consumer.ack_pending == 0:
        return NOTHING
    again = context.now.timestamp() + _LOOK_AGAIN + crc32(consumer.key.encode()) % 50 / 10
    if consumer.durable and not with_client:
        abandoned, due = _abandoned(consumer, context)
        if abandoned is not None:
            return Judged((abandoned,), again + 30)
        if consumer.pending == 0 and consumer.ack_pending == 0:
            return Judged(due=due)
    if consumer.ack_policy == "none" or _excused(consumer, context):
        return Judged(due=again)
    if consumer.ack_pending > 0:
        found, due = _stalled(consumer, context, with_client)
    else:
        found, due = _no_client(consumer, context)
    return Judged(() if found is None else (found,), min(due, again))


def _excused(consumer: Consumer, context: Context) -> bool:
    """Whether its owner is meant not to take from it: it has said goodbye, or was told to take no jobs."""
    owner = context.owner(consumer)
    if owner is None:
        return context.owners.machine.get(consumer.key) in context.left
    if owner.presence is Presence.LEFT or owner.state == "Cordoned":
        return True
    return owner.state == "Draining" and consumer.ack_pending == 0


def _subject(consumer: Consumer, context: Context) -> str:
    """Stream and consumer as people say them: `JOBS › query·any·web-03` of an agent's."""
    name = consumer.name
    if context.fleet and (parsed := parse_consumer(name)) is not None:
        owner = context.snapshot.agents.get(parsed.machine)
        name = parsed.label(owner.hostname if owner else None)
    return f"{consumer.stream} › {name}"


def _ref(consumer: Consumer) -> str:
    return f"consumer:{consumer.key}"


def _delivered(consumer: Consumer, context: Context) -> tuple[datetime | None, bool]:
    """When it last was given a message (created, if never), and whether that is known or only a lower bound."""
    if consumer.delivered_at is not None:
        return consumer.delivered_at, True
    if consumer.delivered_consumer_seq == 0 and consumer.created is not None:
        return consumer.created, True
    return context.theirs(context.history.unchanged_since(_ref(consumer), "delivered")), False


def _waited(consumer: Consumer, context: Context) -> tuple[datetime | None, bool]:
    """Since when messages are pending and none was delivered, and whether that is known.

    No waiting pull alone says nothing: there is none either between two fetches.
    """
    delivered, exact = _delivered(consumer, context)
    if consumer.next_at is not None:
        return (None if delivered is None else latest(delivered, consumer.next_at)), exact
    seen = context.theirs(context.history.positive_since(_ref(consumer), "pending"))
    if delivered is None or seen is None:
        return None, False
    return latest(delivered, seen), exact and delivered >= seen


def _no_client(consumer: Consumer, context: Context) -> tuple[Candidate | None, float]:
    """Never CRIT where its agent is unknown to the registry: it may have been meant to go, and nobody must hurry."""
    if consumer.pending == 0:
        return None, NEVER
    limits = context.thresholds.of(NO_CLIENT, consumer.stream, consumer.metadata)
    since, exact = _waited(consumer, context)
    if since is None or not limits.on:
        return None, NEVER
    waited = context.age(since) - context.sweep
    if waited < limits["for"]:
        return None, since.timestamp() + context.sweep + limits["for"]
    crit = max(limits["crit"], limits["for"])
    unknown = context.fleet and consumer.key in context.owners.machine and context.owner(consumer) is None
    severity = Severity.CRIT if waited >= crit and not unknown else Severity.WARN
    who = "no subscriber" if consumer.push else "nobody pulls"
    when = f"since {instant(since, context.now)}" if exact else f"for {length(context.age(since), exact=False)}"
    return Candidate(
        NO_CLIENT,
        consumer.key,
        "consumer",
        _subject(consumer, context),
        f"{who} {when}, {count(consumer.pending)} pending",
        severity,
        (_ref(consumer),),
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
                _shown(consumer.delivered_at, context),
                f"{written(Unit.SECONDS, limits['for'])} / {written(Unit.SECONDS, crit)}",
                limits.origin("crit"),
            ),
        ),
        steps=_steps(consumer, context),
        measured=float(consumer.pending),
        source=SOURCE,
    ), (since.timestamp() + context.sweep + crit if waited < crit else NEVER)


def _quiet(consumer: Consumer, context: Context) -> tuple[datetime | None, bool]:
    """Since when at the latest something is ack pending and nothing was acked, and whether the broker told it.

    The broker tells only the last ack and the last delivery. What is out may be no older than that delivery, unless we
    have seen something out all the time since.
    """
    ref = _ref(consumer)
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


def _patience(consumer: Consumer, limits: Limits) -> float:
    """T: how long it may go without an ack. What only waits for its next try is given its longest back-off."""
    patience = max(limits["least"], limits["ack_waits"] * consumer.ack_wait)
    if consumer.back_off and consumer.redelivered >= consumer.ack_pending:
        return max(patience, *consumer.back_off)
    return patience


def _stalled(consumer: Consumer, context: Context, with_client: bool) -> tuple[Candidate | None, float]:
    limits = context.thresholds.of(STALLED, consumer.stream, consumer.metadata)
    quiet, exact = _quiet(consumer, context)
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
    severity, keep = _stalled_level(consumer, limits, patience, waited)
    return Candidate(
        STALLED,
        consumer.key,
        "consumer",
        _subject(consumer, context),
        _stalled_sentence(consumer, length(context.age(since), exact), with_client),
        severity,
        (_ref(consumer),),
        keep=keep,
        begun=quiet,
        since=since,
        exact=exact,
        hold=patience,
        clear=0.0,
        detail=f"{count(consumer.pending)} pending behind {count(consumer.ack_pending)} that are not acked",
        evidence=(
            Evidence(
                "last ack",
                _shown(consumer.acked_at, context),
                f"T {duration(patience)}, CRIT after {duration(limits['crit'] * patience)}",
                limits.origin("least"),
            ),
            Evidence("ack pending", str(consumer.ack_pending), _most(consumer), "from the broker"),
            Evidence("redelivered", str(consumer.redelivered)),
        ),
        steps=_steps(consumer, context),
        measured=float(consumer.ack_pending),
        source=SOURCE,
    ), NEVER


def _stalled_level(consumer: Consumer, limits: Limits, patience: float, waited: float) -> tuple[Severity, Severity]:
    full = 0 < consumer.max_ack_pending <= consumer.ack_pending
    most, owners = limits.get("count"), limits.get("ack_crit")
    if full or (most is not None and consumer.ack_pending >= most) or (owners is not None and waited >= owners):
        return Severity.CRIT, Severity.CRIT
    if consumer.pending > 0 and waited >= limits["crit"] * patience:
        return Severity.CRIT, Severity.CRIT
    nearly = consumer.ack_pending >= 0.9 * consumer.max_ack_pending > 0
    return Severity.WARN, Severity.CRIT if nearly else Severity.WARN


def _stalled_sentence(consumer: Consumer, waited: str, with_client: bool) -> str:
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


def _abandoned(consumer: Consumer, context: Context) -> tuple[Candidate | None, float]:
    """A durable that nobody uses. Idle is not abandoned: something must have waited for it, its owner be gone, or it be
    seen without a client all that time."""
    limits = context.thresholds.of(ABANDONED, consumer.stream, consumer.metadata)
    if not limits.on:
        return None, NEVER
    since, exact = _delivered(consumer, context)
    if since is None:
        return None, context.now.timestamp() + _LOOK_AGAIN
    begun = _unused(consumer, context, since)
    lasted = context.age(begun) - context.sweep if begun is not None else 0.0
    if begun is None or lasted < limits["for"]:
        due = context.now.timestamp() + 60 + crc32(consumer.key.encode()) % 60
        return None, due
    stream = context.snapshot.streams.get(consumer.stream)
    kept = consumer.pending + consumer.ack_pending
    keeps = stream is not None and stream.retention == "interest" and kept > 0
    unused = length(context.age(since), exact)
    return Candidate(
        ABANDONED,
        consumer.key,
        "consumer",
        _subject(consumer, context),
        f"unused {unused} and keeps {count(kept)} messages" if keeps else f"unused {unused}",
        Severity.WARN if keeps else Severity.INFO,
        (_ref(consumer),),
        begun=begun,
        since=since,
        exact=exact,
        hold=limits["for"],
        clear=0.0,
        detail=f"{count(consumer.pending)} pending, no client",
        evidence=(
            Evidence(
                "last delivery",
                _shown(consumer.delivered_at, context),
                written(Unit.SECONDS, limits["for"]),
                limits.origin("for"),
            ),
        ),
        steps=steps(
            *_pairs(consumer, context),
            (
                "Delete it, if nobody needs it",
                nats(context.site, "consumer", "rm", foreign=(consumer.stream, consumer.name)),
            ),
        ),
        measured=float(kept),
        source=SOURCE,
    ), NEVER


def _unused(consumer: Consumer, context: Context, delivered: datetime) -> datetime | None:
    """Since when it is known that nobody uses it; None if that cannot be told."""
    if consumer.ack_pending > 0:
        return delivered  # a client would have been given it again
    if context.fleet and (machine := context.owners.machine.get(consumer.key)) is not None:
        owner = context.snapshot.agents.get(machine)
        if owner is None:
            return delivered
        if owner.presence in (Presence.GONE, Presence.LEFT):
            return latest(delivered, owner.since)
    if consumer.pending > 0 and (waited := _waited(consumer, context)[0]) is not None:
        return waited
    return latest(delivered, context.theirs(context.history.without_client_since(_ref(consumer))) or context.now)


def _shown(at: datetime | None, context: Context) -> str:
    return "not known" if at is None else f"{instant(at, context.now)}, {duration(context.age(at) // 60 * 60)} ago"


def _pairs(consumer: Consumer, context: Context) -> list[tuple[str, str]]:
    foreign = (consumer.stream, consumer.name)
    return [("See its state and configuration", nats(context.site, "consumer", "info", foreign=foreign))]


def _steps(consumer: Consumer, context: Context) -> tuple[Step, ...]:
    pairs = _pairs(consumer, context)
    owner = context.owner(consumer)
    if owner is not None:
        pairs.append(("See its agent", osapi("agent", "get", option="--hostname", value=owner.hostname)))
    if consumer.ack_pending > 0:
        stuck = str(consumer.floor_stream_seq + 1)
        pairs.append(
            ("See the oldest message not acked", nats(context.site, "stream", "get", foreign=(consumer.stream, stuck)))
        )
    return steps(*pairs)
