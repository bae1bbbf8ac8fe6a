"""The detail of a consumer."""

from __future__ import annotations

from app.model import text
from app.model.broker import Consumer
from app.tui.lines import Line, rule
from app.tui.picture import Picture
from app.tui.views import agents, cells, consumers, job_detail, parts, streams
from app.tui.views.parts import Fact, both
from widgets.sparkline import sparkline

LETTERS_SHOWN = 20


def consumer_name(key: str, picture: Picture) -> str:
    return parts.name_of(picture.consumer_label(key.partition("/")[2]), picture)


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
        parts.answer(consumer.answer),
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
    lines += _dead_letters(consumer, picture)
    lines += [rule("Settings"), *parts.facts(_consumer_settings(consumer, picture), width)]
    return lines + parts.copies(consumer)


def _dead_letters(consumer: Consumer, picture: Picture) -> list[Line]:
    """The messages that it gave up, newest first."""
    letters = [
        letter
        for letter in picture.snapshot.deadletters.values()
        if letter.consumer == consumer.name and letter.origin == consumer.stream
    ]
    if not letters:
        return []
    letters.sort(key=lambda letter: letter.at.timestamp() if letter.at else 0.0, reverse=True)
    lines = [rule("Dead letters", right=str(len(letters)))]
    lines += [job_detail.letter_line(letter, picture) for letter in letters[:LETTERS_SHOWN]]
    more = len(letters) - LETTERS_SHOWN
    return [*lines, Line(((f"  +{more} more: view 5", "dim"),))] if more > 0 else lines


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
            "" if ackless else parts.of(f"{consumer.ack_pending:,}", most, f"{most:,}"),
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
    more = len(consumer.filters) - parts.SUBJECTS_SHOWN
    filters = "  ".join(consumer.filters[: parts.SUBJECTS_SHOWN]) + (f"  +{more} more" if more > 0 else "")
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
        ("metadata", "  ".join(f"{name}={value}" for name, value in consumer.metadata[: parts.SUBJECTS_SHOWN])),
    ]


def both_future(consumer: Consumer, picture: Picture) -> str:
    if consumer.pause_until is None or not consumer.paused:
        return ""
    return f"{cells.moment(consumer.pause_until, picture)} UTC"
