"""Rules about services of the NATS services API: `service.down`, `service.errors`."""

from __future__ import annotations

from collections.abc import Iterator

from app.model.components import Service
from app.model.findings import Evidence, Severity
from app.model.text import percent, rate
from app.model.triage.candidates import Candidate, Context, instant
from app.model.triage.steps import nats, steps
from app.model.triage.thresholds import Limits, Threshold, Unit, written

DOWN = "service.down"
ERRORS = "service.errors"
SOURCE = "services"

THRESHOLDS = {
    DOWN: (Threshold("for", Unit.SECONDS, 30.0, "without any instance before it shows"),),
    ERRORS: (
        Threshold("warn", Unit.SHARE, 0.05, "of the requests that end in an error"),
        Threshold("crit", Unit.SHARE, 0.50, "of the requests that end in an error"),
        Threshold("count", Unit.NUMBER, 10.0, "requests a minute at least"),
        Threshold("for", Unit.SECONDS, 60.0, "before it shows"),
        Threshold("clear", Unit.SECONDS, 60.0, "below before it is over"),
    ),
}


def judge(context: Context) -> Iterator[Candidate]:
    """Both rules on every service: at most one holds of it."""
    down, errors = context.thresholds.of(DOWN), context.thresholds.of(ERRORS)
    for service in context.snapshot.services.values():
        if service.gone_since is not None:
            if down.on:
                yield _down(service, context, down)
        elif errors.on and (found := _errors(service, context, errors)) is not None:
            yield found


def _down(service: Service, context: Context, limits: Limits) -> Candidate:
    since = context.theirs(service.gone_since) or context.now
    return Candidate(
        DOWN,
        service.key,
        "service",
        service.key,
        f"no instance answers since {instant(since, context.now)}",
        Severity.CRIT,
        (f"component:service:{service.key}",),
        begun=since,
        since=since,
        exact=False,
        hold=limits["for"],
        clear=0.0,
        detail=service.description,
        evidence=(Evidence("instances", "0", f"for {written(Unit.SECONDS, limits['for'])}", limits.origin("for")),),
        steps=steps(
            ("Ask for it yourself", nats(context.site, "micro", "ping", foreign=(service.key,))),
            ("See which services answer", nats(context.site, "micro", "ls")),
        ),
        measured=0.0,
        source=SOURCE,
    )


def _errors(service: Service, context: Context, limits: Limits) -> Candidate | None:
    share, requests = service.errors, service.requests
    if share is None or requests is None or requests * 60 < limits["count"] or share < 0.9 * limits["warn"]:
        return None
    severity, keep = _level(share, limits, 1.0), _level(share, limits, 0.9)
    error = f': "{service.last_error[:60]}"' if service.last_error else ""
    return Candidate(
        ERRORS,
        service.key,
        "service",
        service.key,
        f"{percent(share)} of {rate(requests)} fail{error}",
        severity,
        (f"component:service:{service.key}",),
        keep=keep,
        hold=limits["for"],
        clear=limits["clear"],
        detail=service.description,
        evidence=(
            Evidence(
                "errors",
                percent(share),
                f"{written(Unit.SHARE, limits['warn'])} / {written(Unit.SHARE, limits['crit'])}",
                limits.origin("warn"),
            ),
            Evidence("requests", rate(requests), f"from {limits['count']:g}/m", limits.origin("count")),
        ),
        steps=steps(("See its endpoints", nats(context.site, "micro", "info", foreign=(service.key,)))),
        measured=share,
        source=SOURCE,
    )


def _level(share: float, limits: Limits, factor: float) -> Severity | None:
    if share >= limits["crit"] * factor:
        return Severity.CRIT
    return Severity.WARN if share >= limits["warn"] * factor else None
