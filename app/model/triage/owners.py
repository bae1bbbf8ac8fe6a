"""What a subject's own owner has set as its limits, where no other rule judges by it: one candidate says all of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.model.findings import Evidence, Severity, Step
from app.model.triage.candidates import Candidate
from app.model.triage.thresholds import Limits

KEEP = 0.9
"""Of a limit, above which its level is kept; below a lower bound the inverse."""


@dataclass(frozen=True, slots=True)
class Crossed:
    """One limit that is crossed, or nearly: `severity` is None where its level would only be kept.

    `now` and `threshold` are as people write them, `what` begins the sentence.
    """

    what: str
    severity: Severity | None
    keep: Severity
    name: str
    now: str
    threshold: str
    origin: str
    measured: float


def whose(origin: str) -> str:
    """Who set a limit, in a sentence."""
    return "set by its owner" if origin == "metadata" else f"set in {origin}"


def candidate(
    rule: str,
    about: tuple[str, str, str, str],
    crossed: Sequence[Crossed],
    limits: Limits,
    steps: tuple[Step, ...],
    source: str,
) -> Candidate:
    """One candidate of all limits crossed, the worst first. `about` is key, kind, subject and reference."""
    key, kind, subject, ref = about
    ordered = sorted(crossed, key=lambda each: (-_rank(each.severity), -_rank(each.keep)))
    worst = ordered[0]
    more = sum(each.severity is not None for each in ordered) - 1
    return Candidate(
        rule,
        key,
        kind,
        subject,
        f"{worst.what}, {worst.threshold} ({whose(worst.origin)})" + (f", {more} more" if more > 0 else ""),
        worst.severity,
        (ref,),
        keep=max((each.keep for each in ordered), key=_rank),
        hold=limits["for"],
        clear=limits["clear"],
        detail="the limit is not of watchdeck: " + "; ".join(f"{each.name} {whose(each.origin)}" for each in ordered),
        evidence=tuple(Evidence(each.name, each.now, each.threshold, each.origin) for each in ordered),
        steps=steps,
        measured=worst.measured,
        source=source,
    )


def _rank(level: Severity | None) -> int:
    return 0 if level is None else level.rank
