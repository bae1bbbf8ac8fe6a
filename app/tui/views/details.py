"""Details of streams, consumers and agents: what is known of one of them, as lines that lead on."""

from __future__ import annotations

from app.model import text
from app.model.broker import Answer, Consumer, Stream
from app.model.fleet import Agent, Presence
from app.tui.lines import BLANK, Line, rule
from app.tui.picture import Picture
from app.tui.views import agents, cells, consumers, parts, streams
from app.tui.views.parts import Fact, ago, both
from widgets.sparkline import sparkline

SUBJECTS_SHOWN = 20


def _name_of(key: str, picture: Picture) -> str:
    return text.cut(key, 60)


def stream_name(key: str, picture: Picture) -> str:
    stream = picture.snapshot.streams.get(key)
    return _name_of(stream.label if stream else key, picture)


def consumer_name(key: str, picture: Picture) -> str:
    return _name_of(picture.consumer_label(key.partition("/")[2]), picture)


def agent_name(key: str, picture: Picture) -> str:
    agent = picture.snapshot.agents.get(key)
    return _name_of(agent.hostname if agent else key, picture)


def _answer(answer: Answer) -> str:
    return "" if answer is Answer.OK else f"no answer ({answer.value}): figures are the last known"


def _of(value: str, limit: float, shown: str) -> str:
    return f"{value} of {shown}" if limit > 0 else f"{value}, no limit"


def stream_detail(key: str, picture: Picture, width: int) -> list[Line]:
    """Limits and fill, rates, subjects, copies, and its consumers."""
    stream = picture.snapshot.streams.get(key)
    if stream is None:
        return parts.gone("stream", key, picture)
    standing = streams.standing(stream, picture)
    said = (
        stream.kind.value.rstrip("."),
        stream.retention,
        stream.storage,
        f"R{stream.replicas}",
        _answer(stream.answer),
    )
    lines = [parts.head(stream.name, standing, said)]
    lines += parts.findings(picture.findings_of(f"stream:{key}"), picture)
    lines += [rule("Fill")]
    lines += parts.facts(_fill(stream, picture), width)
    lines += parts.table(
        "Consumers",
        consumers.VIEW,
        (c for c in picture.consumers_of_stream(key) if not c.own),
        picture,
        width,
        without=("stream",),
    )
    lines += [rule("Settings"), *parts.facts(_stream_settings(stream, picture), width)]
    if stream.cluster is not None:
        lines += _copies(stream)
    lags = (*stream.sources, *((stream.mirror,) if stream.mirror else ()))
    if lags:
        lines.append(rule("Mirror" if stream.mirror else "Sources"))
        for lag in lags:
            seen = "never" if lag.active is None else f"{text.duration(lag.active)} ago"
            told = f"{text.count(lag.lag)} behind, seen {seen}{', ' + lag.error if lag.error else ''}"
            style = "crit" if lag.error else ""
            lines.append(Line(((f"  {lag.name:<20} ", "strong"), (told, style)), key=f"lag {lag.name}", copy=lag.name))
    return lines


def _fill(stream: Stream, picture: Picture) -> list[Fact]:
    flow = picture.flow(f"stream:{stream.name}")
    share = streams.fill(stream, picture)
    trend = sparkline(flow.trend, 10).strip()
    full = "" if share is None else f"{text.percent(share)} of the nearest limit, discard {stream.discard}"
    return [
        ("messages", _of(f"{stream.messages:,}", stream.max_messages, f"{stream.max_messages:,}")),
        ("size", _of(text.size(stream.bytes), stream.max_bytes, text.size(stream.max_bytes))),
        ("full", full, "warn" if share is not None and share >= 0.9 and stream.discard == "new" else ""),
        ("stored", f"{text.rate(flow.rate_in)} {trend}"),
        ("sequences", f"{stream.first_seq:,} to {stream.last_seq:,}"),
        ("first message", both(stream.first_at, picture) if stream.messages else "none"),
        ("last message", both(stream.last_at, picture)),
        ("subjects held", f"{stream.subject_count:,}"),
        ("deleted, lost", f"{stream.deleted:,}, {stream.lost:,}", "crit" if stream.lost else ""),
    ]


def _stream_settings(stream: Stream, picture: Picture) -> list[Fact]:
    more = len(stream.subjects) - SUBJECTS_SHOWN
    subjects = "  ".join(stream.subjects[:SUBJECTS_SHOWN]) + (f"  +{more} more" if more > 0 else "")
    return [
        ("description", stream.description),
        ("subjects", subjects),
        ("limits", streams.limits(stream) or "none"),
        ("message size", f"at most {text.size(stream.max_message_size)}" if stream.max_message_size > 0 else ""),
        ("duplicates", f"kept out for {text.duration(stream.duplicate_window)}" if stream.duplicate_window else ""),
        ("direct get", "allowed" if stream.allow_direct else "not allowed"),
        ("sealed", "yes" if stream.sealed else ""),
        ("created", both(stream.created, picture)),
        ("metadata", "  ".join(f"{name}={value}" for name, value in stream.metadata[:SUBJECTS_SHOWN])),
    ]


def _copies(holder: Stream | Consumer) -> list[Line]:
    cluster = holder.cluster
    if cluster is None:
        return []
    leader = cluster.leader or "none"
    lines = [rule("Copies")]
    lines.append(
        Line((("  leader    ", "dim"), (leader, "" if cluster.leader else "crit")), key="leader", copy=cluster.leader)
    )
    for peer in cluster.peers:
        state = "offline" if peer.offline else "current" if peer.current else "not current"
        told = f"{state}, {text.count(peer.lag)} behind, seen {text.duration(peer.active)} ago"
        style = "crit" if peer.offline else "" if peer.current else "warn"
        fault = peer.offline or not peer.current
        lines.append(
            Line(
                (("  peer      ", "dim"), (f"{peer.name:<20} ", ""), (told, style)),
                key=f"peer {peer.name}",
                fault=fault,
            )
        )
    return lines


def consumer_detail(key: str, picture: Picture, width: int) -> list[Line]:
    """Its course through the stream, how saturated it is, whose it is, how it is set."""
    consumer = picture.snapshot.consumers.get(key)
    if consumer is None:
        return parts.gone("consumer", key, picture)
    standing = consumers.standing(consumer, picture)
    said = (
        "push" if consumer.push else "pull",
        "durable" if consumer.durable else "ephemeral",
        "paused" if consumer.paused else "",
        _answer(consumer.answer),
    )
    lines = [parts.head(picture.consumer_label(consumer.name), standing, said)]
    lines += parts.findings(picture.findings_of(f"consumer:{key}"), picture)
    lines += [rule("Course"), *parts.facts(_course(consumer, picture), width)]
    lines += [rule("Belongs to")]
    stream = picture.snapshot.streams.get(consumer.stream)
    lines.append(
        _link(
            "stream",
            f"stream:{consumer.stream}",
            consumer.stream,
            stream is None or streams.standing(stream, picture).fault,
        )
    )
    owner = picture.owner(consumer)
    if owner is not None:
        lines.append(_link("agent", f"agent:{owner.key}", owner.hostname, agents.standing(owner, picture).fault))
    elif picture.parsed(consumer.name) is not None:
        lines.append(Line((("  agent      ", "dim"), ("not in the registry", "unknown"))))
    lines += [rule("Settings"), *parts.facts(_consumer_settings(consumer, picture), width)]
    return lines + _copies(consumer)


def _link(word: str, ref: str, name: str, fault: bool) -> Line:
    return Line(((f"  {word:<10} ", "dim"), (name, "accent")), key=ref, target=ref, copy=name, fault=fault)


def _course(consumer: Consumer, picture: Picture) -> list[Fact]:
    flow = picture.flow(f"consumer:{consumer.key}")
    trend = sparkline(flow.trend, 10).strip()
    behind = picture.behind(consumer)
    ackless = consumer.ack_policy == "none"
    most = consumer.max_ack_pending
    full = most > 0 and consumer.ack_pending >= most
    stuck = picture.age(consumer.stuck_at)
    pulls = ("bound" if consumer.push_bound else "nobody is bound") if consumer.push else f"{consumer.waiting:,}"
    return [
        ("pending", f"{consumer.pending:,} {trend}"),
        ("behind", "nothing pending" if behind == 0 else text.duration(behind) if behind is not None else "?"),
        ("change, out", f"{text.rate(flow.net, signed=True)}, {text.rate(flow.rate_out)}"),
        ("empty in", consumers.drain(consumer, picture).text if consumer.pending else ""),
        (
            "ack pending",
            "" if ackless else _of(f"{consumer.ack_pending:,}", most, f"{most:,}"),
            "warn" if full else "",
        ),
        ("redelivered", f"{consumer.redelivered:,}"),
        ("waiting pulls" if not consumer.push else "client", pulls),
        ("last delivery", both(consumer.delivered_at, picture) or "unknown since a restart or leader change"),
        ("last ack", "" if ackless else both(consumer.acked_at, picture) or "unknown since a restart or leader change"),
        ("delivered up to", f"{consumer.delivered_stream_seq:,}"),
        ("ack floor", "" if ackless else f"{consumer.floor_stream_seq:,}"),
        ("oldest not acked", f"{text.duration(stuck)}" if stuck is not None and consumer.ack_pending else ""),
    ]


def _consumer_settings(consumer: Consumer, picture: Picture) -> list[Fact]:
    more = len(consumer.filters) - SUBJECTS_SHOWN
    filters = "  ".join(consumer.filters[:SUBJECTS_SHOWN]) + (f"  +{more} more" if more > 0 else "")
    return [
        ("name", consumer.name),
        ("description", consumer.description),
        ("filter", filters or "all subjects"),
        ("ack", f"{consumer.ack_policy}, wait {text.duration(consumer.ack_wait)}"),
        ("deliveries", f"at most {consumer.max_deliver}" if consumer.max_deliver > 0 else "no limit"),
        ("back off", " ".join(text.duration(pause) for pause in consumer.back_off)),
        ("from", consumer.deliver_policy),
        ("deliver to", consumer.deliver_subject),
        ("ends when idle", text.duration(consumer.inactive_threshold) if consumer.inactive_threshold else ""),
        ("paused until", both_future(consumer, picture)),
        ("created", both(consumer.created, picture)),
        ("metadata", "  ".join(f"{name}={value}" for name, value in consumer.metadata[:SUBJECTS_SHOWN])),
    ]


def both_future(consumer: Consumer, picture: Picture) -> str:
    if consumer.pause_until is None or not consumer.paused:
        return ""
    return f"{cells.moment(consumer.pause_until, picture)} UTC"


def agent_detail(key: str, picture: Picture, width: int) -> list[Line]:
    """State, heartbeat, conditions with reasons and since, vitals, its consumers, facts, parts, timeline."""
    agent = picture.snapshot.agents.get(key)
    if agent is None:
        return parts.gone("agent", key, picture)
    standing = agents.standing(agent, picture)
    beat = picture.snapshot.vitals.get(key)
    state = agent.state if agent.presence is Presence.LIVE else agent.presence.value
    last = beat.beat if beat is not None else agent.since
    heard = f"heartbeat {ago(last, picture)} ago" if last is not None else ""
    lines = [parts.head(agent.hostname, standing, (state, heard))]
    lines += parts.findings(picture.findings_of(f"agent:{key}"), picture)
    lines += _conditions(agent, picture)
    lines += parts.table(
        "Consumers", consumers.VIEW, picture.consumers_of_agent(key), picture, width, without=("owner",)
    )
    lines += [rule("Host"), *parts.facts(_host(agent, picture), width)]
    if agent.sub_components:
        lines.append(rule("Components", right=str(len(agent.sub_components))))
        for part in agent.sub_components:
            fine = part.status.casefold() in ("ok", "ready", "running", "enabled", "up", "healthy", "disabled")
            lines.append(
                Line(
                    (
                        (f"  {part.name:<24} ", ""),
                        (f"{part.status:<10} ", "" if fine else "warn"),
                        (part.address, "dim"),
                    ),
                    key=f"part {part.name}",
                    copy=part.name,
                    fault=not fine,
                )
            )
    return lines + _timeline(agent, picture)


def _conditions(agent: Agent, picture: Picture) -> list[Line]:
    lines = [rule("Conditions")]
    if not agent.conditions:
        return [*lines, Line((("  none reported", "dim"),))]
    for condition in agent.conditions:
        style = "warn" if condition.status else "dim"
        word = "true" if condition.status else "false"
        lines.append(
            Line(
                ((f"  {condition.type:<22} ", ""), (f"{word:<6} ", style), (condition.reason, "")),
                key=f"condition {condition.type}",
                copy=f"{condition.type} {condition.reason}".strip(),
                fault=condition.status,
                right=((f"{ago(condition.since, picture)} ", "dim"),),
            )
        )
    return lines


def _host(agent: Agent, picture: Picture) -> list[Fact]:
    beat, known = picture.snapshot.vitals.get(agent.key), picture.snapshot.facts.get(agent.key)
    pairs: list[Fact] = []
    if beat is not None:
        loads = [f"{load:.2f}" for load in (beat.load1, beat.load5, beat.load15) if load is not None]
        used = beat.memory_used
        memory = "" if used is None else f"{text.percent(used)} of {text.size(beat.memory_total)}"
        pairs += [
            ("last heartbeat", both(beat.beat, picture)),
            ("load 1, 5, 15 m", "  ".join(loads)),
            ("memory", memory, "warn" if used is not None and used > 0.9 else ""),
            ("agent cpu, rss", f"{beat.cpu or 0:.1f}%, {text.size(beat.rss)}" if beat.rss is not None else ""),
            ("host up", text.duration(beat.uptime) if beat.uptime is not None else ""),
        ]
    pairs += [
        ("agent started", both(agent.started_at, picture)),
        ("os", agent.os),
        ("agent version", agent.version),
        ("machine id", agent.machine_id),
        ("labels", agents.labels(agent)),
    ]
    if known is not None:
        pairs += [
            ("kernel, cpu", " ".join(part for part in (known.kernel, known.architecture) if part)),
            ("cpus", str(known.cpus) if known.cpus else ""),
            ("fqdn", known.fqdn),
            ("managers", ", ".join(part for part in (known.service_manager, known.package_manager) if part)),
            ("container", "" if known.containerized is None else "yes" if known.containerized else "no"),
            ("interfaces", "  ".join(f"{name} {address}" for name, address in known.interfaces[:12])),
            *[(name, value) for name, value in known.extra[:20]],
            ("facts from", both(known.at, picture)),
        ]
    return pairs


def _timeline(agent: Agent, picture: Picture) -> list[Line]:
    if not agent.timeline:
        return []
    lines = [BLANK, rule("Timeline", right=str(len(agent.timeline)))]
    for number, event in enumerate(agent.timeline):
        said = " ".join(part for part in (event.message, event.error) if part)
        lines.append(
            Line(
                (
                    (f"  {ago(event.at, picture):>8} ", "dim"),
                    (f"{event.event:<12} ", ""),
                    (said, "crit" if event.error else ""),
                ),
                key=f"event {event.at.isoformat()} {number}",
                copy=f"{event.at.isoformat()} {event.event} {said}".strip(),
                fault=bool(event.error),
            )
        )
    return lines
