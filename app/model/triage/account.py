"""The rule `account.limits`: what the account, or a stream, may have is nearly used up."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from app.model.broker import Answer, Stream, Tier
from app.model.findings import Evidence, Severity
from app.model.text import count, duration, percent, size
from app.model.triage.candidates import Candidate, Context
from app.model.triage.steps import nats, steps
from app.model.triage.thresholds import Limits, Threshold, Unit, written

LIMITS = "account.limits"
SOURCE = "account"
REF = "source:account"

THRESHOLDS = {
    LIMITS: (
        Threshold("warn", Unit.SHARE, 0.75, "of a limit in use"),
        Threshold("crit", Unit.SHARE, 0.90, "of a limit in use"),
        Threshold("window", Unit.SECONDS, 300.0, "over which growth is measured"),
        Threshold("for", Unit.SECONDS, 30.0, "before it shows"),
        Threshold("clear", Unit.SECONDS, 30.0, "good again before it is over"),
    ),
}

_PAUSE = 5.0  # seconds between two samples of use
_FAR = 30 * 86400.0  # seconds: a time to full beyond that tells nothing


class Account:
    """Remembers how the use of each tier grew."""

    def __init__(self) -> None:
        self._used: dict[str, deque[tuple[float, float]]] = {}

    def tiers(self, context: Context) -> Iterator[Candidate]:
        """Each limit of each tier."""
        limits = context.thresholds.of(LIMITS)
        if not limits.on:
            return
        account = context.site.account
        for tier in () if account is None else account.tiers:
            for what, used, most in _limited(tier):
                yield from self._used_up(context, limits, tier.name, what, used, most)

    def _used_up(
        self, context: Context, limits: Limits, tier: str, what: str, used: int, most: int
    ) -> Iterator[Candidate]:
        full = self._full_in(context, limits, f"{tier}|{what}", used, most)
        severity, keep = _level(used / most, limits, 1.0), _level(used / most, limits, 0.9)
        if keep is None:
            return
        amount = size if what in ("storage", "memory") else count
        left = f", full in {_about(full)}" if full is not None and full < _FAR else ""
        named = f"{what} of {tier}" if tier else what
        yield Candidate(
            LIMITS,
            f"{tier}|{what}",
            "account",
            context.site.account.name if context.site.account and context.site.account.name else "account",
            f"{named} {percent(used / most)} of {amount(most)}{left}",
            severity,
            (REF,),
            keep=keep,
            hold=limits["for"],
            clear=limits["clear"],
            collections=3,
            detail=_then(what),
            evidence=(Evidence(named, f"{amount(used)} of {amount(most)}", _levels(limits), limits.origin("warn")),),
            steps=steps(
                ("See its use and limits", nats(context.site, "account", "info")),
                ("See which streams take it", nats(context.site, "stream", "report")),
            ),
            measured=used / most,
            source=SOURCE,
        )

    def _full_in(self, context: Context, limits: Limits, key: str, used: int, most: int) -> float | None:
        """Seconds until full at the growth seen over the window; None while it does not grow or is not known."""
        now = context.now.timestamp()
        seen = self._used.setdefault(key, deque())
        if seen and not 0 <= now - seen[-1][0] <= limits["window"]:
            seen.clear()
        if not seen or now - seen[-1][0] >= _PAUSE:
            seen.append((now, float(used)))
        while now - seen[0][0] > limits["window"]:
            seen.popleft()
        lasted = now - seen[0][0]
        if lasted < 30 or context.history.settling(context.snapshot.at or context.now):
            return None
        growth = (used - seen[0][1]) / lasted
        return (most - used) / growth if growth > 0 and most > used else None


def _limited(tier: Tier) -> Iterator[tuple[str, int, int]]:
    for what, used, most in (
        ("storage", tier.storage, tier.max_storage),
        ("memory", tier.memory, tier.max_memory),
        ("streams", tier.streams, tier.max_streams),
        ("consumers", tier.consumers, tier.max_consumers),
    ):
        if most > 0:
            yield what, used, most


def streams(context: Context) -> Iterator[Candidate]:
    """The consumers of each stream that limits them."""
    for stream in context.snapshot.streams.values():
        if stream.max_consumers > 0 and stream.answer is Answer.OK:
            limits = context.thresholds.of(LIMITS, stream.name)
            if limits.on:
                yield from _crowded(context, limits, stream)


def _crowded(context: Context, limits: Limits, stream: Stream) -> Iterator[Candidate]:
    share = stream.consumers / stream.max_consumers
    severity, keep = _level(share, limits, 1.0), _level(share, limits, 0.9)
    if keep is None:
        return
    yield Candidate(
        LIMITS,
        f"consumers of {stream.name}",
        "stream",
        stream.label,
        f"consumers {percent(share)} of {count(stream.max_consumers)}",
        severity,
        (f"stream:{stream.name}",),
        keep=keep,
        hold=limits["for"],
        clear=limits["clear"],
        collections=3,
        detail="at the limit no new consumer can be made on this stream",
        evidence=(
            Evidence(
                "consumers", f"{stream.consumers} of {stream.max_consumers}", _levels(limits), limits.origin("warn")
            ),
        ),
        steps=steps(("See its consumers", nats(context.site, "consumer", "ls", foreign=(stream.name,)))),
        measured=share,
        source="streams",
    )


def _level(share: float, limits: Limits, factor: float) -> Severity | None:
    if share >= limits["crit"] * factor:
        return Severity.CRIT
    return Severity.WARN if share >= limits["warn"] * factor else None


def _levels(limits: Limits) -> str:
    return f"{written(Unit.SHARE, limits['warn'])} / {written(Unit.SHARE, limits['crit'])}"


def _then(what: str) -> str:
    if what in ("storage", "memory"):
        return f"when it is used up, writes to every stream in {what if what == 'memory' else 'files'} are rejected"
    return f"when it is used up, no new {what} can be made"


def _about(seconds: float) -> str:
    """A forecast, in steps as coarse as it is."""
    return duration(max(60.0, seconds // 60 * 60)) if seconds < 7200 else duration(seconds // 3600 * 3600)
