"""Consumers: every consumer of every stream."""

from __future__ import annotations

from dataclasses import replace

from app.model import text
from app.model.broker import Consumer, hidden
from app.model.snapshot import Capability
from app.tui.picture import Picture, Standing
from app.tui.views import cells, streams
from app.tui.views.cells import left, right
from app.tui.views.view import GLYPH, Field, View
from widgets.columns import Cell
from widgets.sparkline import sparkline

SOURCES = ("consumers",)
ABANDONED = "consumer.abandoned"


def standing(consumer: Consumer, picture: Picture) -> Standing:
    return picture.standing(f"consumer:{consumer.key}", "consumers", consumer.answer)


def abandoned(consumer: Consumer, picture: Picture) -> bool:
    """Whether a finding says that nobody uses it any more, and it keeps nothing alive: litter, shown last."""
    if not picture.named(f"consumer:{consumer.key}"):
        return False
    found = picture.findings_of(f"consumer:{consumer.key}")
    return any(finding.rule == ABANDONED and finding.severity.value == "info" for finding in found)


def is_hidden(consumer: Consumer, picture: Picture) -> bool:
    return picture.now is not None and hidden(consumer, picture.now)


def behind(consumer: Consumer, picture: Picture) -> Cell:
    value = picture.behind(consumer)
    return Cell("0", 0, "dim") if value == 0 else cells.seconds(value, 6)


def ack_pending(consumer: Consumer) -> Cell:
    """`1000/1000`: not acknowledged, of the most that may be."""
    if consumer.ack_policy == "none":
        return cells.ABSENT
    if consumer.max_ack_pending <= 0:
        return cells.number(consumer.ack_pending)
    full = consumer.ack_pending >= consumer.max_ack_pending
    number = str(consumer.ack_pending) if consumer.ack_pending < 10_000 else text.count(consumer.ack_pending)
    most = str(consumer.max_ack_pending) if consumer.max_ack_pending < 10_000 else text.count(consumer.max_ack_pending)
    return Cell(f"{number}/{most}", consumer.ack_pending, "warn" if full else "" if consumer.ack_pending else "dim")


def last_ack(consumer: Consumer, picture: Picture) -> Cell:
    if consumer.ack_policy == "none":
        return cells.ABSENT
    return cells.since(consumer.acked_at, picture, 6, absent=cells.UNKNOWN)


def pulls(consumer: Consumer) -> Cell:
    if consumer.push:
        return cells.plain("bound") if consumer.push_bound else Cell("none", 0, "unknown")
    return cells.number(consumer.waiting, "" if consumer.waiting else "dim")


def drain(consumer: Consumer, picture: Picture) -> Cell:
    """Time to empty at the present rate."""
    if consumer.pending == 0:
        return cells.ABSENT
    net = picture.flow(f"consumer:{consumer.key}").net
    if net is None:
        return cells.UNKNOWN
    return cells.seconds(consumer.pending / -net, 6) if net < 0 else Cell("never", float("inf"))


def _owner(consumer: Consumer, picture: Picture) -> Cell:
    agent = picture.owner(consumer)
    if agent is None:
        return cells.ABSENT if picture.parsed(consumer.name) is None else cells.UNKNOWN
    state = picture.standing(f"agent:{agent.key}", "agents")
    return Cell(f"{state.health.glyph} {agent.hostname}", agent.hostname.casefold(), state.health.value)


def _trend(consumer: Consumer, picture: Picture) -> Cell:
    trend = picture.flow(f"consumer:{consumer.key}").trend
    return Cell(sparkline(trend, 10), trend[-1] if trend else None, "accent")


def _mode(consumer: Consumer, picture: Picture) -> Cell:
    paused = "◷" if consumer.paused else ""
    return cells.plain(("push" if consumer.push else "pull") + paused)


def _name(consumer: Consumer, picture: Picture) -> Cell:
    return cells.plain(picture.consumer_label(consumer.name))


def _role(consumer: Consumer, picture: Picture) -> Cell:
    parsed = picture.parsed(consumer.name)
    return cells.plain(parsed.role if parsed is not None else consumer.name)


def _deliver(consumer: Consumer, picture: Picture) -> Cell:
    return Cell("∞", None) if consumer.max_deliver <= 0 else cells.number(consumer.max_deliver)


VIEW = View(
    id="consumers",
    number="4",
    title="Consumers",
    kind="consumer",
    nouns=("consumer", "consumers"),
    section="consumers",
    sections=frozenset({"findings", "consumers", "flows", "agents"}),
    sources=SOURCES,
    sort="behind",
    standing=standing,
    names=lambda consumer, picture: f"{consumer.name} {' '.join(consumer.filters[:20])}",
    copy=lambda consumer: consumer.name,
    hidden=is_hidden,
    last=abandoned,
    empty="No consumers.",
    fields=(
        GLYPH,
        Field(
            left("consumer", "CONSUMER", 18, flex=True, help="consumer; an agent's as action, route and host"), _name
        ),
        Field(left("stream", "STREAM", 10, help="the stream it reads"), lambda c, p: cells.plain(c.stream)),
        Field(
            right("pending", "PENDING", 7, help="num_pending: messages it has not been given yet"),
            lambda c, p: cells.number(c.pending, "" if c.pending else "dim"),
        ),
        Field(
            right("behind", "BEHIND", 6, help="age of the next message to deliver; 0 when nothing is pending"), behind
        ),
        Field(
            right("ackpend", "ACKPEND", 9, help="num_ack_pending: delivered and not acknowledged, of the most allowed"),
            lambda c, p: ack_pending(c),
        ),
        Field(
            right("lastack", "LASTACK", 7, help="age of the last acknowledgement; ? after a leader change or restart"),
            last_ack,
            times=True,
        ),
        Field(
            right("net", "NET", 6, 2, help="change of pending per second"),
            lambda c, p: cells.rate(p.flow(f"consumer:{c.key}").net, signed=True),
        ),
        Field(
            right("pulls", "PULLS", 5, 2, help="waiting pulls; of a push consumer whether a client is bound"),
            lambda c, p: pulls(c),
            words=True,
        ),
        Field(
            right("redel", "REDEL", 5, 3, help="num_redelivered: delivered more than once and not acknowledged"),
            lambda c, p: cells.number(c.redelivered, "" if c.redelivered else "dim"),
        ),
        Field(
            right("out", "OUT", 6, 3, help="deliveries per second"),
            lambda c, p: cells.rate(p.flow(f"consumer:{c.key}").rate_out),
        ),
        Field(right("drain", "DRAIN", 6, 3, help="time to empty at the present rate"), drain),
        Field(left("owner", "OWNER", 12, 3, help="the agent it belongs to, with its state"), _owner, Capability.FLEET),
        Field(left("trend", "TREND", 10, 3, help="pending over 5 minutes"), _trend),
        Field(left("mode", "MODE", 5, 4, help="pull or push; ◷ paused"), _mode),
        Field(
            left("filter", "FILTER", 16, 4, flex=True, help="subjects it reads"),
            lambda c, p: cells.joined(c.filters[:20]),
        ),
        Field(
            right("ackwait", "ACKWAIT", 7, 5, help="time within which to acknowledge"),
            lambda c, p: cells.seconds(c.ack_wait, 6),
        ),
        Field(right("maxdlv", "MAXDLV", 6, 5, help="most deliveries of one message"), _deliver),
        Field(
            right("floor", "FLOOR", 9, 5, help="ack floor, stream sequence"),
            lambda c, p: cells.number(c.floor_stream_seq),
        ),
        Field(
            right("deliv", "DELIV", 9, 5, help="last delivered, stream sequence"),
            lambda c, p: cells.number(c.delivered_stream_seq),
        ),
        Field(
            left("leader", "LEADER", 12, 4, help="server that leads it"),
            lambda c, p: streams.leader(c.cluster),
            Capability.CLUSTER,
        ),
    ),
)

OF_AGENT = replace(
    VIEW,
    fields=tuple(
        replace(field, cell=_role) if field.column.id == "consumer" else field
        for field in VIEW.fields
        if field.column.id != "owner"
    ),
)
"""The consumers of one agent, whose name is said already: `query·label·group·web`."""
