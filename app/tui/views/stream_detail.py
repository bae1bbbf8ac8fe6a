"""The detail of a stream."""

from __future__ import annotations

from app.feed.questions import Unanswered
from app.model import text
from app.model.broker import Stream
from app.model.messages import Subjects
from app.tui.lines import Line, rule
from app.tui.picture import Picture
from app.tui.views import consumers, parts, streams
from app.tui.views.parts import Fact, both
from widgets.cells import fit_cells
from widgets.sparkline import sparkline


def stream_name(key: str, picture: Picture) -> str:
    stream = picture.snapshot.streams.get(key)
    return parts.name_of(stream.label if stream else key, picture)


def stream_detail(key: str, picture: Picture, width: int, told: Subjects | Unanswered | None) -> list[Line]:
    """Limits and fill, rates, its consumers, subjects, copies."""
    stream = picture.snapshot.streams.get(key)
    if stream is None:
        return parts.gone("stream", key, picture)
    standing = streams.standing(stream, picture)
    said = (
        stream.kind.value.rstrip("."),
        stream.retention,
        stream.storage,
        f"R{stream.replicas}",
        parts.answer(stream.answer),
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
    lines += _subjects(told, width)
    lines += [rule("Settings"), *parts.facts(_stream_settings(stream, picture), width)]
    if stream.cluster is not None:
        lines += parts.copies(stream)
    lags = (*stream.sources, *((stream.mirror,) if stream.mirror else ()))
    if lags:
        lines.append(rule("Mirror" if stream.mirror else "Sources"))
        for lag in lags:
            seen = "never" if lag.active is None else f"{text.duration(lag.active)} ago"
            behind = f"{text.count(lag.lag)} behind, seen {seen}{', ' + lag.error if lag.error else ''}"
            style = "crit" if lag.error else ""
            lines.append(
                Line(((f"  {lag.name:<20} ", "strong"), (behind, style)), key=f"lag {lag.name}", copy=lag.name)
            )
    return lines


def _subjects(told: Subjects | Unanswered | None, width: int) -> list[Line]:
    """The subjects with most messages, in two columns where there is room."""
    if told is None:
        return [rule("Subjects"), Line((("  counting them …", "dim"),))]
    if isinstance(told, Unanswered):
        return [rule("Subjects"), Line(((f"  {told.why}", "unknown"),))]
    lines = [rule("Subjects", right=f"{told.total:,}")]
    most = max((count for _, count in told.rows), default=0)
    room = max(10, min(60, width - 24))
    for subject, count in told.rows[: parts.SUBJECTS_SHOWN]:
        bar = "▇" * max(1, round(8 * count / most)) if most else ""
        lines.append(
            Line(
                (
                    (f"  {fit_cells(subject, room, cut=text.cut)} ", ""),
                    (f"{text.count(count):>6} ", ""),
                    (bar, "accent"),
                ),
                key=f"subject {subject}",
                copy=subject,
            )
        )
    more = told.total - min(len(told.rows), parts.SUBJECTS_SHOWN)
    if more > 0:
        lines.append(Line(((f"  +{more:,} more: J shows those that are known", "dim"),)))
    return lines if told.rows else [*lines, Line((("  none", "dim"),))]


def _fill(stream: Stream, picture: Picture) -> list[Fact]:
    flow = picture.flow(f"stream:{stream.name}")
    share = streams.fill(stream, picture)
    trend = sparkline(flow.trend, 10).strip()
    full = "" if share is None else f"{text.percent(share)} of the nearest limit, discard {stream.discard}"
    return [
        ("messages", parts.of(f"{stream.messages:,}", stream.max_messages, f"{stream.max_messages:,}")),
        ("size", parts.of(text.size(stream.bytes), stream.max_bytes, text.size(stream.max_bytes))),
        ("full", full, "warn" if share is not None and share >= 0.9 and stream.discard == "new" else ""),
        ("stored", f"{text.rate(flow.rate_in)} {trend}"),
        ("sequences", f"{stream.first_seq:,} to {stream.last_seq:,}"),
        ("first message", both(stream.first_at, picture) if stream.messages else "none"),
        ("last message", both(stream.last_at, picture)),
        ("subjects held", f"{stream.subject_count:,}"),
        ("deleted, lost", f"{stream.deleted:,}, {stream.lost:,}", "crit" if stream.lost else ""),
    ]


def _stream_settings(stream: Stream, picture: Picture) -> list[Fact]:
    more = len(stream.subjects) - parts.SUBJECTS_SHOWN
    subjects = "  ".join(stream.subjects[: parts.SUBJECTS_SHOWN]) + (f"  +{more} more" if more > 0 else "")
    return [
        ("description", stream.description),
        ("subjects", subjects),
        ("limits", streams.limits(stream) or "none"),
        ("message size", f"at most {text.size(stream.max_message_size)}" if stream.max_message_size > 0 else ""),
        ("duplicates", f"kept out for {text.duration(stream.duplicate_window)}" if stream.duplicate_window else ""),
        ("direct get", "allowed" if stream.allow_direct else "not allowed"),
        ("sealed", "yes" if stream.sealed else ""),
        ("created", both(stream.created, picture)),
        ("metadata", "  ".join(f"{name}={value}" for name, value in stream.metadata[: parts.SUBJECTS_SHOWN])),
    ]
