"""Rules about the session events that are taken in: how late they are, and what is not understood."""

from __future__ import annotations

from collections.abc import Iterator

from app.model.findings import Evidence, Severity, Step
from app.model.sessions import Intake, IntakeState
from app.model.text import count
from app.model.triage.candidates import Candidate, Context, length
from app.model.triage.steps import nats, steps
from app.model.triage.thresholds import Limits, Threshold, Unit, written

DEAD_LETTER = "ingest.dead_letter"
SOURCE = "sessions"
"""The source that scores, sessions and AI agents rest on."""
BEHIND = Threshold("behind", Unit.SECONDS, 60.0, "by which session events are taken in late")
"""Of `facts.stale`."""

THRESHOLDS = {
    DEAD_LETTER: (
        Threshold("info", Unit.NUMBER, 1.0, "session events not understood in 15m"),
        Threshold("warn", Unit.NUMBER, 10.0, "session events not understood in 15m"),
        Threshold("clear", Unit.SECONDS, 30.0, "without any before it is over"),
    ),
}


def judge(context: Context) -> Iterator[Candidate]:
    """What is said of events that are not understood."""
    limits, intake = context.thresholds.of(DEAD_LETTER), context.site.intake
    if limits.on and intake.state is IntakeState.READING and intake.dead >= min(limits["info"], limits["warn"]):
        yield _dead(intake, context, limits)


def _dead(intake: Intake, context: Context, limits: Limits) -> Candidate:
    number = intake.dead
    why = f": {intake.dead_why}" if intake.dead_why else ""
    get = nats(context.site, "stream", "subjects", foreign=(intake.stream,)) if intake.stream else ""
    return Candidate(
        DEAD_LETTER,
        intake.stream or SOURCE,
        "source",
        "sessions",
        f"{count(number)} session event{'s' * (number != 1)} not understood in 15m{why}",
        Severity.WARN if number >= limits["warn"] else Severity.INFO,
        (f"source:{SOURCE}", f"stream:{intake.stream}"),
        clear=limits["clear"],
        detail="they are put aside with the reason and count in no score; what came with them is taken in",
        evidence=(
            Evidence(
                "not understood",
                f"{number} in 15m",
                f"{limits['info']:g} / {limits['warn']:g}",
                limits.origin("warn"),
            ),
        ),
        steps=(
            Step("Have the publisher send what an event must carry; what is put aside is not read again"),
            *steps(("See the subjects of the stream", get)),
        ),
        measured=float(number),
    )


def late(context: Context, stale: str, limits: Limits) -> Candidate | None:
    """That events are taken in late, by the rule `stale` and its limits."""
    intake = context.site.intake
    if intake.state is not IntakeState.READING or intake.behind <= limits["behind"]:
        return None
    behind = length(intake.behind)
    return Candidate(
        stale,
        "ingest",
        "source",
        "sessions",
        f"session events are taken in {behind} late, {count(intake.pending)} waiting",
        Severity.WARN,
        (f"source:{SOURCE}", f"stream:{intake.stream}"),
        clear=0.0,
        detail="scores and sessions are as old as that; scores are not judged until it has caught up",
        evidence=(
            Evidence("late by", behind, written(Unit.SECONDS, limits["behind"]), limits.origin("behind")),
            Evidence("waiting", count(intake.pending)),
        ),
        measured=intake.behind,
    )


def catching_up(intake: Intake) -> bool:
    """Whether so much waits to be taken in that scores cannot be those of now."""
    return intake.state is IntakeState.READING and intake.behind > (BEHIND.default or 0.0)
