"""The rule `jetstream.unavailable`: connected, but JetStream does not answer, or not well."""

from __future__ import annotations

from collections.abc import Iterator

from app.model.broker import LinkState
from app.model.findings import Evidence, Severity, Step
from app.model.snapshot import Capability, SourceStatus
from app.model.text import percent
from app.model.triage.candidates import Candidate, Context, length
from app.model.triage.steps import nats, steps
from app.model.triage.thresholds import Limits, Threshold, Unit, written

UNAVAILABLE = "jetstream.unavailable"
REF = "source:account"

THRESHOLDS = {
    UNAVAILABLE: (
        Threshold("for", Unit.SECONDS, 10.0, "without an answer, or with failing calls, before it shows"),
        Threshold("clear", Unit.SECONDS, 15.0, "answering again before it is over"),
        Threshold("ratio", Unit.SHARE, 0.05, "of the API calls of a minute that fail"),
        Threshold("count", Unit.NUMBER, 20.0, "calls in that minute at least"),
    ),
}


class JetStream:
    """Remembers whether there ever was a JetStream to miss."""

    def __init__(self) -> None:
        self._met = False

    def candidates(self, context: Context) -> Iterator[Candidate]:
        """Judged from our own requests, whatever the sources do."""
        streams = context.snapshot.sources.get("streams")
        self._met = self._met or (streams is not None and streams.fresh)
        limits = context.thresholds.of(UNAVAILABLE)
        if limits.on and (found := self._unavailable(context, limits)) is not None:
            yield found

    def _unavailable(self, context: Context, limits: Limits) -> Candidate | None:
        if context.site.connection.state is not LinkState.CONNECTED:
            return None  # that is another rule
        streams, api = context.snapshot.sources.get("streams"), context.site.api
        absent = streams is not None and streams.status is SourceStatus.ABSENT
        if absent and not self._met:
            return None  # there is none here: the screen says so
        if absent and streams is not None:
            return _candidate(context, limits, "not there any more", streams.error, Severity.CRIT)
        if api.silent_since is not None:
            since = context.theirs(api.silent_since)
            silent = length(0.0 if since is None else context.age(since))
            numbered = api.error.endswith(")") and "(1" in api.error
            clustered = Capability.CLUSTER in context.site.capabilities or (
                context.site.server is not None and bool(context.site.server.cluster)
            )
            why = api.error if numbered else "no meta leader?" if clustered else "the server is overloaded?"
            return _candidate(context, limits, f"API silent {silent}: {why}", api.error, Severity.CRIT)
        if api.calls < limits["count"] or api.failed == 0:
            return None
        share = api.failed / api.calls
        if share <= 0.9 * limits["ratio"]:
            return None
        what = f"{percent(share)} of API calls fail: {api.error or 'no answer'}"
        found = Severity.WARN if share > limits["ratio"] else None
        return _candidate(context, limits, what, f"{api.failed} of {api.calls} in the last minute", found)


def _candidate(context: Context, limits: Limits, what: str, detail: str, severity: Severity | None) -> Candidate:
    since = context.theirs(context.site.api.silent_since) if severity is Severity.CRIT else None
    return Candidate(
        UNAVAILABLE,
        "api",
        "jetstream",
        context.site.server.name if context.site.server and context.site.server.name else "JetStream",
        what,
        severity,
        (REF,),
        keep=severity or Severity.WARN,
        begun=since,
        since=since,
        hold=limits["for"],
        clear=limits["clear"],
        detail=detail,
        evidence=(
            Evidence(
                "API calls that fail",
                f"{context.site.api.failed} of {context.site.api.calls}",
                f"{written(Unit.SHARE, limits['ratio'])} of {limits['count']:g}",
                limits.origin("ratio"),
            ),
            Evidence(
                "silent", "no" if since is None else length(context.age(since)), written(Unit.SECONDS, limits["for"])
            ),
        ),
        steps=_steps(context),
        measured=context.site.api.failed / max(1, context.site.api.calls),
    )


def _steps(context: Context) -> tuple[Step, ...]:
    return steps(
        ("Ask the API yourself", nats(context.site, "account", "info")),
        ("See the servers and the meta leader (system account)", nats(context.site, "server", "report", "jetstream")),
    )
