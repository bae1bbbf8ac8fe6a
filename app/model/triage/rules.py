"""The rules by name: what each means, when it stays silent on purpose, and what it is judged by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from app.model.triage import (
    abandoned,
    account,
    agents,
    behind,
    clocks,
    consumerlimits,
    consumers,
    deadletters,
    failing,
    gateways,
    ingest,
    integrity,
    jetstream,
    jobs,
    leaders,
    losing,
    nats,
    poison,
    probes,
    redelivering,
    replicas,
    scores,
    services,
    sources,
    stalled,
    streamlimits,
    streams,
    unclaimed,
    units,
    unserved,
    versions,
)
from app.model.triage.thresholds import Threshold, Thresholds, written


@dataclass(frozen=True, slots=True)
class RuleText:
    """What `explain` says of a rule."""

    id: str
    fires: str
    silent: tuple[str, ...] = ()


RULES = (
    RuleText(nats.UNREACHABLE, "There is no connection to NATS. Everything else of the site is folded under it."),
    RuleText(nats.CREDENTIALS, "The server refuses the credentials, or they expire soon."),
    RuleText(
        nats.SLOW,
        "The way to the server and back takes long, by the middle of several pings.",
        ("a single slow ping",),
    ),
    RuleText(
        nats.PERMISSION,
        "The server refuses a subject that watchdeck needs, said once for each. INFO where it finds another way, or "
        "does without.",
    ),
    RuleText(
        jetstream.UNAVAILABLE,
        "Connected, but the JetStream API answers nothing, or says that it cannot answer (10008, 10039, 10076): CRIT. "
        "Many of its calls fail: WARN.",
        (
            "without a connection: that is nats.unreachable",
            "a server that never had JetStream: the screen says so",
            "answers that something is not there or not permitted: those are answers",
            "one slow list while other calls are answered",
        ),
    ),
    RuleText(
        account.LIMITS,
        "A limit of the account is nearly used up (storage, memory, streams, consumers of each tier), or a stream has "
        "nearly as many consumers as it may.",
        ("what has no limit", "growth seen for under 30 s, or right after a reconnect: then no time is told"),
    ),
    RuleText(
        clocks.SKEW,
        "An agent's clock, or ours, is far from the broker's; where most agents are off to the same side, the broker's "
        "is. What then carries a time of such a clock (conditions) is counted from when it was seen here.",
        ("a single heartbeat that was held up on its way", "agents that are gone or have left"),
    ),
    RuleText(
        sources.STALE,
        "Facts of one of our own sources are older than they should be, session events are taken in late, the worker "
        "itself is late, or its store cannot be written.",
        ("what is not there or not permitted: its pane says so",),
    ),
    RuleText(
        streams.REJECTING,
        "A stream that rejects writes when full (discard new, so every KV bucket) is nearly full, or soon will be.",
        (
            "discard old: being full is how such a stream works",
            "mirrors and sealed streams: nobody writes to them",
            "growth seen for under 30 s, or right after a reconnect",
            "growth that max_age will end before it is full: what is new fills up to what expires",
        ),
    ),
    RuleText(
        leaders.NO_LEADER,
        "A stream, bucket or consumer of a cluster has no leader, or its servers do not answer for it.",
        ("an election of a few seconds", "consumers of a stream whose list did not come at all: that is facts.stale"),
    ),
    RuleText(
        replicas.REPLICAS,
        "A replica of a stream is offline, was not seen, is not current or is behind. CRIT if one more loss stops "
        "writes.",
        ("streams with a single replica", "streams without a leader: that is stream.no_leader"),
    ),
    RuleText(
        leaders.FLAPPING,
        "A stream or consumer had more than a few elections in a short time.",
        ("the leader it has when it is first seen", "the same leader again"),
    ),
    RuleText(
        consumers.NO_CLIENT,
        "Messages are pending, none is ack pending, nobody pulls (push: not bound) and nothing is delivered.",
        (
            "no waiting pull between two fetches: it counts from when messages began to wait",
            "something ack pending: a busy client and a dead one look alike, that is consumer.stalled",
            "paused, ack none, ordered, hidden and our own consumers",
            "its agent has said goodbye, or is cordoned or draining",
            "abandoned durables",
        ),
    ),
    RuleText(
        stalled.STALLED,
        "Messages are ack pending and no ack came for T = the larger of `least` and `ack_waits` x ack_wait.",
        (
            "an ack floor that stands still while acks go on",
            "all that is ack pending was redelivered already: T is then at least the longest back_off",
            "the last ack not known after a restart or change of leader: counted from what is known since",
            "paused, ack none, ordered, hidden and our own consumers",
            "its agent has said goodbye, or is cordoned",
        ),
    ),
    RuleText(
        unserved.NOT_SERVED,
        "Pulls wait and messages are pending, ack pending is below its limit, and the server delivers nothing.",
        (
            "a pull that came just now: they must be seen waiting all that time",
            "clients that are served by priority: there a pull waits for its turn",
            "30 s after a reconnect, a restart or a change of leader",
            "push, paused, ack none, ordered, hidden and our own consumers",
        ),
    ),
    RuleText(
        behind.BEHIND,
        "The oldest message that a consumer was not given is old, and pending does not shrink.",
        (
            "a backlog that shrinks: then it only takes its time, the column DRAIN says how long",
            "seen for less than its window; 30 s after a reconnect, a restart or a change of leader",
            "where consumer.no_client, consumer.stalled or consumer.not_served says why",
            "paused, ack none, ordered, hidden and our own consumers; abandoned durables",
            "its agent has said goodbye, or is cordoned or draining",
        ),
    ),
    RuleText(
        redelivering.REDELIVERING,
        "Too many of a consumer's deliveries are repeats, by how its counters grow.",
        (
            "num_redelivered that stays above 0: it may for ever",
            "what a client had in hand when it ended: that comes again once",
            "a few deliveries only: no share is judged of them",
            "30 s after a reconnect, a restart or a change of leader",
        ),
    ),
    RuleText(
        poison.POISON,
        "One message is not acked for longer than its tries may take, while those after it are. Never CRIT.",
        (
            "ack_wait, and back_off up to the last try that max_deliver allows: that is patience",
            "the old messages of a backlog: what counts is how long the ack floor stands",
            "without acks: that is consumer.stalled",
        ),
    ),
    RuleText(
        losing.LOSING,
        "The stream's limits drop messages before a durable has got them: soon (WARN, CRIT), or by now (CRIT, until "
        "somebody acknowledges it).",
        (
            "discard old as such: a full stream is how retention works",
            "a filter on a busy stream: it lags in sequence and loses nothing",
            "one that catches up, or is behind by less than half of what the stream keeps",
            "workqueue and interest: nothing is dropped there for being old to a reader",
            "streams that keep the last messages of each subject, KV and object stores: what is replaced is not missed",
            "abandoned durables, and those of agents that have left, are cordoned, or are not known",
            "ephemeral, paused, ack none, ordered and our own consumers",
        ),
    ),
    RuleText(
        abandoned.ABANDONED,
        "A durable has no client and got no message for a long time, or its agent is gone as long. INFO, all in one "
        "line; WARN on interest retention, where it keeps messages alive. Replaces the rules above.",
        ("idle with a client", "idle, and not seen without a client all that time"),
    ),
    RuleText(
        consumerlimits.CONSUMER_LIMITS,
        "A consumer is over a limit that its own owner has set for it; they mean what `nats server check` means.",
        ("where no limit is set", "what consumer.no_client or consumer.stalled says of it already", "paused consumers"),
    ),
    RuleText(
        streamlimits.STREAM_LIMITS,
        "A stream is over a limit that its own owner has set for it; they mean what `nats server check` means.",
        ("where no limit is set", "peers while there is no leader: that is stream.no_leader"),
    ),
    RuleText(
        agents.GONE,
        "An agent's heartbeat is older than 2 beats (20s, WARN) or its registration has expired without a farewell "
        "(30s, CRIT), by the broker's clock. Several at once are one finding.",
        ("a clean stop", "30 s after our own connection came back: they come back then too"),
    ),
    RuleText(
        agents.CONDITION,
        "An agent reports a condition, or jobs wait for one that is cordoned or draining.",
        ("agents that are gone or have left: their conditions are history",),
    ),
    RuleText(
        versions.MIXED,
        "Agents run several versions for longer than a rollout takes. INFO.",
        ("agents that do not tell their version", "agents that are not there"),
    ),
    RuleText(
        unclaimed.UNCLAIMED,
        "No agent has acknowledged a job for a while after it was created; said once for each target, and whether the "
        "target is there.",
        ("jobs whose target is not known", "jobs that were deleted"),
    ),
    RuleText(
        failing.FAILING,
        "Of the jobs of one operation that ended in the window, many failed, wholly or in part; the commonest error is "
        "told.",
        ("fewer failed jobs than `count`, whatever their share", "failures from before the window"),
    ),
    RuleText(
        deadletters.DEAD,
        "Messages became dead letters lately, told by host, operation and error; or were given up, or deleted before "
        "they were acknowledged, and no stream keeps them (CRIT where the stream is a work queue).",
        (
            "old dead letters, however many there are",
            "what was deleted under a reader of which consumer.losing tells already: it is folded there",
        ),
    ),
    RuleText(
        services.DOWN,
        "A service of the NATS services API had instances, and none answers any more.",
        ("a service never seen", "one of several instances going away"),
    ),
    RuleText(
        services.ERRORS,
        "Many requests to a service end in an error.",
        ("fewer requests than `count`",),
    ),
    RuleText(
        gateways.DOWN,
        "A configured gateway does not answer: CRIT where nobody can reach it, WARN where it answers and does not let "
        "us in, is of a version that we do not speak with, or fails.",
        (
            "a connection that is lost and made again at once, as when a gateway is restarted",
            "the first attempt after the worker's start, until it has ended",
        ),
    ),
    RuleText(
        units.FAILED,
        "A systemd unit has failed, and systemd does not start it again. WARN of a oneshot unit: its last run failed.",
        (
            "a unit that somebody has stopped, or that ended well by itself",
            "a oneshot unit that has done its work and is inactive",
            "a unit that is not there, or masked: its row says so",
        ),
    ),
    RuleText(
        units.RESTARTING,
        "systemd had to start a unit again several times in a short time; counted from the journal, where it can be "
        "read, for the time before watching began.",
        (
            "a restart or two",
            "restarts by somebody: systemd does not count them, and begins to count anew",
            "a unit that it has given up: that is unit.failed",
        ),
    ),
    RuleText(
        probes.DOWN,
        "What is probed does not answer, or says itself that it does not work: CRIT. That it works in part, or does "
        "not let us see how it does: WARN.",
        (
            "a single answer that was lost or bad: it is asked again 2 s later",
            "an answer of which cannot be told what it means: its row says so",
            "while it only flaps: that is probe.flapping",
        ),
    ),
    RuleText(
        probes.SLOW,
        "What is probed takes long to answer, by the middle of its last ten answers. CRIT only where that is set.",
        ("a single slow answer", "few answers so far", "while it does not answer: that is probe.down"),
    ),
    RuleText(
        probes.FLAPPING,
        "What is probed failed several times in a short time and was well again each time, also where each time only "
        "one answer was lost.",
        ("one that has failed for a while now: that is probe.down",),
    ),
    RuleText(
        probes.CERTIFICATE,
        "The certificate of what is probed ends soon.",
        ("one that has ended: it is not accepted, and that is probe.down",),
    ),
    RuleText(
        scores.FELL,
        "The overall score of an AI agent fell by many points against the window before, or by more than `back` into a "
        "lower band. Never CRIT, and below all others of WARN.",
        (
            "few sessions in one of the two windows: too few to trust",
            "other weights: both windows are weighed alike",
            "windows that somebody only looks at: it goes by the configured one",
            "while session events are not read, or taken in late",
            "an agent of which it was said and over on the same day (UTC)",
        ),
    ),
    RuleText(
        ingest.DEAD_LETTER,
        "Something on the sessions stream is no session event: it is put aside with the reason. INFO, and WARN where "
        "it is much.",
        ("what was put aside longer ago than 15m",),
    ),
    RuleText(
        integrity.INTEGRITY,
        "The worker's own store is damaged (CRIT), or was set aside damaged when the worker began (WARN, until "
        "somebody acknowledges it).",
        ("a store that cannot be written for another reason: that is facts.stale",),
    ),
)
"""All rules that are judged, in the order of their families."""

THRESHOLDS: Mapping[str, tuple[Threshold, ...]] = MappingProxyType(
    {
        **nats.THRESHOLDS,
        **jetstream.THRESHOLDS,
        **account.THRESHOLDS,
        **clocks.THRESHOLDS,
        **sources.THRESHOLDS,
        **streams.THRESHOLDS,
        **streamlimits.THRESHOLDS,
        **leaders.THRESHOLDS,
        **replicas.THRESHOLDS,
        **consumers.THRESHOLDS,
        **agents.THRESHOLDS,
        **versions.THRESHOLDS,
        **jobs.THRESHOLDS,
        **deadletters.THRESHOLDS,
        **services.THRESHOLDS,
        **gateways.THRESHOLDS,
        **units.THRESHOLDS,
        **probes.THRESHOLDS,
        **scores.THRESHOLDS,
        **ingest.THRESHOLDS,
        **integrity.THRESHOLDS,
    }
)


def explain(rule: str, thresholds: Thresholds, stream: str = "") -> str:
    """A rule in words, with the names and values of its thresholds and where each comes from. KeyError if unknown."""
    text = {each.id: each for each in RULES}[rule]
    limits = thresholds.of(rule, stream)
    lines = [rule, text.fires]
    if not limits.on:
        lines.append("switched off by the configuration")
    if text.silent:
        lines += ["", "Silent on purpose:", *(f"- {each}" for each in text.silent)]
    named = THRESHOLDS[rule]
    if not named:
        return "\n".join(lines)
    widths = [
        max(len(each.name) for each in named),
        max(len(written(each.unit, limits.get(each.name))) for each in named),
    ]
    lines += ["", "Judged by:"]
    for each in named:
        value, origin = written(each.unit, limits.get(each.name)), limits.origin(each.name)
        owner = f"; its owner sets it as io.nats.monitor.{each.metadata}" if each.metadata else ""
        lines.append(f"  {each.name:<{widths[0]}}  {value:>{widths[1]}}  {each.meaning} ({origin}{owner})")
    return "\n".join(lines)
