"""The rules by name: what each means, when it stays silent on purpose, and what it is judged by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from app.model.triage import abandoned, agents, consumers, nats, sources, stalled, streams
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
        sources.STALE,
        "Facts of one of our own sources are older than they should be, or the worker itself is late.",
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
        abandoned.ABANDONED,
        "A durable has no client and got no message for a long time, or its agent is gone as long. INFO, all in one "
        "line; WARN on interest retention, where it keeps messages alive. Replaces the two rules above.",
        ("idle with a client", "idle, and not seen without a client all that time"),
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
)
"""All rules that are judged, in the order of their families."""

THRESHOLDS: Mapping[str, tuple[Threshold, ...]] = MappingProxyType(
    {**nats.THRESHOLDS, **sources.THRESHOLDS, **streams.THRESHOLDS, **consumers.THRESHOLDS, **agents.THRESHOLDS}
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
