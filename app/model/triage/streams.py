"""Rules about streams: `stream.rejecting`."""

from __future__ import annotations

from dataclasses import dataclass

from app.model.broker import Answer, Stream, StreamKind
from app.model.findings import Evidence, Severity
from app.model.text import count, duration, percent, size
from app.model.triage.candidates import Candidate, Context
from app.model.triage.steps import nats, steps
from app.model.triage.thresholds import Limits, Threshold, Unit, written

REJECTING = "stream.rejecting"
SOURCE = "streams"

THRESHOLDS = {
    REJECTING: (
        Threshold("warn", Unit.SHARE, 0.90, "of max_msgs or max_bytes in use"),
        Threshold("crit", Unit.SHARE, 0.98, "of max_msgs or max_bytes in use"),
        Threshold("warn_clear", Unit.SHARE, 0.85, "below which WARN is left"),
        Threshold("crit_clear", Unit.SHARE, 0.95, "below which CRIT is left"),
        Threshold("time_warn", Unit.SECONDS, 3600.0, "left until it is full, at the present growth"),
        Threshold("time_crit", Unit.SECONDS, 600.0, "left until it is full, at the present growth"),
        Threshold("window", Unit.SECONDS, 120.0, "over which growth is measured"),
        Threshold("for", Unit.SECONDS, 10.0, "before it shows"),
        Threshold("clear", Unit.SECONDS, 30.0, "good again before it is over"),
    ),
}

_BEGUN = 0.1  # of max_age: with less to go for the first message, expiry is under way, and growth is what is left of it
_LEFT_ABOVE = 1 / 0.9  # a time to full is left only above its threshold by this factor


@dataclass(frozen=True, slots=True)
class _Fill:
    """How full a stream is by one of its limits; `left` is seconds until full, None while not growing."""

    share: float
    limit: str
    column: str
    left: float | None = None


def judge(context: Context) -> list[Candidate]:
    """Streams that reject writes when full (discard new, so all KV buckets), and are full or soon will be.

    Never with discard old: being full is how such a stream works. Not for mirrors and sealed streams: nobody writes.
    """
    found = []
    for stream in context.snapshot.streams.values():
        if stream.discard != "new" or stream.answer is not Answer.OK or stream.sealed:
            continue
        if stream.kind is StreamKind.MIRROR or stream.mirror is not None:
            continue
        limits = context.thresholds.of(REJECTING, stream.name, stream.metadata)
        if limits.on and (candidate := _rejecting(context, stream, limits)) is not None:
            found.append(candidate)
    return found


def _rejecting(context: Context, stream: Stream, limits: Limits) -> Candidate | None:
    fills = [_fill(context, stream, limits, column) for column in ("bytes", "messages")]
    fill = max(fills, key=lambda each: (_rank(_raised(each, limits)), _rank(_kept(each, limits)), each.share))
    severity, keep = _raised(fill, limits), _kept(fill, limits)
    if keep is None and severity is None:
        return None
    return Candidate(
        REJECTING,
        stream.key,
        stream.kind.value.rstrip(".") if stream.kind is not StreamKind.QUEUE else "stream",
        stream.label,
        _sentence(fill),
        severity,
        (f"stream:{stream.name}",),
        keep=keep,
        hold=limits["for"],
        clear=limits["clear"],
        collections=3,
        detail=f"discard new: when full, every write is answered with an error; {count(stream.messages)} messages, "
        f"{size(stream.bytes)}",
        evidence=_evidence(fill, limits),
        steps=steps(
            ("See its limits and state", nats(context.site, "stream", "info", foreign=(stream.name,))),
            ("See which subjects fill it", nats(context.site, "stream", "subjects", foreign=(stream.name,))),
        ),
        measured=fill.share,
        source=SOURCE,
    )


def _fill(context: Context, stream: Stream, limits: Limits, column: str) -> _Fill:
    most = stream.max_bytes if column == "bytes" else stream.max_messages
    now = stream.bytes if column == "bytes" else stream.messages
    if most <= 0:
        return _Fill(0.0, "", column)
    limit = size(most) if column == "bytes" else f"{count(most)} messages"
    growth = _growth(context, stream, limits["window"], column)
    left = max(0.0, (most - now) / growth) if growth is not None and growth > 0 else None
    if left is not None and left > _still_filling(context, stream):
        left = None
    return _Fill(now / most, limit, column, left)


def _still_filling(context: Context, stream: Stream) -> float:
    """Seconds for which growth can go on as it is: until the first message expires. Endless once they do."""
    if stream.max_age <= 0 or stream.first_at is None:
        return float("inf")
    until = stream.max_age - context.age(stream.first_at)
    return until if until > _BEGUN * stream.max_age else float("inf")


def _growth(context: Context, stream: Stream, window: float, column: str) -> float | None:
    """Units a second, by the slower of the last half-minute and the window: a burst is no trend. None: not known."""
    if context.history.settling(context.snapshot.at or context.now):
        return None
    ref = f"stream:{stream.name}"
    short = context.history.growth(ref, column, 30.0)
    long = context.history.growth(ref, column, window)
    return None if short is None else short if long is None else min(short, long)


def _raised(fill: _Fill, limits: Limits) -> Severity | None:
    return _level(fill, limits["warn"], limits["crit"], limits["time_warn"], limits["time_crit"])


def _kept(fill: _Fill, limits: Limits) -> Severity | None:
    times = limits["time_warn"] * _LEFT_ABOVE, limits["time_crit"] * _LEFT_ABOVE
    return _level(fill, limits["warn_clear"], limits["crit_clear"], *times)


def _rank(level: Severity | None) -> int:
    return 0 if level is None else level.rank


def _level(fill: _Fill, warn: float, crit: float, time_warn: float, time_crit: float) -> Severity | None:
    left = float("inf") if fill.left is None else fill.left
    if fill.share >= crit or left < time_crit:
        return Severity.CRIT
    return Severity.WARN if fill.share >= warn or left < time_warn else None


def _sentence(fill: _Fill) -> str:
    if fill.share >= 0.9995:
        return "full: writes are being rejected"
    if fill.left is None:
        return f"{percent(fill.share)} of {fill.limit}: when full, writes are rejected"
    return f"{percent(fill.share)} of {fill.limit}, full in {_about(fill.left)}: then writes are rejected"


def _about(seconds: float) -> str:
    """A forecast, in steps as coarse as it is."""
    return duration(max(60.0, seconds // 60 * 60)) if seconds < 7200 else duration(seconds // 3600 * 3600)


def _evidence(fill: _Fill, limits: Limits) -> tuple[Evidence, ...]:
    what = "max_bytes" if fill.column == "bytes" else "max_msgs"
    used = f"{written(Unit.SHARE, limits['warn'])} / {written(Unit.SHARE, limits['crit'])}"
    left = f"under {written(Unit.SECONDS, limits['time_warn'])} / {written(Unit.SECONDS, limits['time_crit'])}"
    return (
        Evidence(f"of {what} {fill.limit}", percent(fill.share), used, limits.origin("warn")),
        Evidence("full in", "-" if fill.left is None else _about(fill.left), left, limits.origin("time_warn")),
    )
