"""Rules about the NATS connection: `nats.unreachable`, `nats.credentials`."""

from __future__ import annotations

from app.model.broker import Cause, Connection, LinkState
from app.model.findings import Evidence, Severity
from app.model.text import duration
from app.model.triage.candidates import Candidate, Context, length
from app.model.triage.steps import nats, steps
from app.model.triage.thresholds import Limits, Threshold, Unit, written

UNREACHABLE = "nats.unreachable"
CREDENTIALS = "nats.credentials"

THRESHOLDS = {
    UNREACHABLE: (
        Threshold("for", Unit.SECONDS, 5.0, "without a connection before it shows"),
        Threshold("clear", Unit.SECONDS, 5.0, "connected again before it is over"),
    ),
    CREDENTIALS: (
        Threshold("warn", Unit.SECONDS, 7 * 86400.0, "left until the credentials expire"),
        Threshold("crit", Unit.SECONDS, 86400.0, "left until the credentials expire"),
    ),
}

REF = "source:nats"

_REFUSED = frozenset((Cause.AUTHORIZATION, Cause.EXPIRED))
_CAUSES = {
    Cause.REFUSED: "connection refused",
    Cause.UNKNOWN_HOST: "host not known",
    Cause.TIMEOUT: "no answer",
    Cause.TLS_NAME: "certificate of another name",
    Cause.TLS_REQUIRED: "server requires TLS",
    Cause.TLS: "TLS fails",
    Cause.CLOSED: "server closed the connection",
    Cause.CONFIGURATION: "cannot be configured",
}


def judge(context: Context) -> list[Candidate]:
    """Both rules. They rest on our own connection, so they are judged whatever the sources do."""
    connection = context.site.connection
    found = []
    limits = context.thresholds.of(CREDENTIALS)
    if limits.on and (candidate := _credentials(context, connection, limits)) is not None:
        found.append(candidate)
    limits = context.thresholds.of(UNREACHABLE)
    if limits.on and (candidate := _unreachable(context, connection, limits)) is not None:
        found.append(candidate)
    return found


def _unreachable(context: Context, connection: Connection, limits: Limits) -> Candidate | None:
    """Not where the credentials are refused: the server answers, and the other rule says so."""
    if connection.state is LinkState.CONNECTED or connection.cause in _REFUSED:
        return None
    begun = context.theirs(connection.since)
    lasted = 0.0 if begun is None else context.age(begun)
    cause = _CAUSES.get(connection.cause, "not connected yet")
    if connection.servers > 1:
        cause += f" ({connection.servers} of {connection.servers} servers)"
    return Candidate(
        UNREACHABLE,
        "nats",
        "nats",
        connection.url or "NATS",
        f"unreachable {length(lasted)}: {cause}",
        Severity.CRIT,
        (REF,),
        begun=begun,
        since=begun,
        hold=limits["for"],
        clear=limits["clear"],
        detail=connection.error,
        evidence=(
            Evidence("connection", cause, f"for {written(Unit.SECONDS, limits['for'])}", limits.origin("for")),
            Evidence("server", connection.url, "", connection.origin),
        ),
        steps=steps(
            ("Ask the server itself", nats(context.site, "server", "check", "connection")),
            ("Try every server of the context", nats(context.site, "rtt")),
        ),
        measured=lasted,
    )


def _credentials(context: Context, connection: Connection, limits: Limits) -> Candidate | None:
    expire = connection.credentials_expire  # the server judges it, by its clock
    left = None if expire is None else -context.age(expire)
    what, severity = "", Severity.CRIT
    if connection.state is not LinkState.CONNECTED and connection.cause in _REFUSED:
        reason = "authorization violation"
        if left is not None and left <= 0:
            reason = f"user JWT expired {length(-left)} ago"
        elif connection.cause is Cause.EXPIRED:
            reason = "they have expired"
        what = f"credentials refused: {reason}"
    elif left is None or expire is None or left >= limits["warn"]:
        return None
    elif left <= 0:
        what = f"credentials expired {length(-left)} ago: no reconnect"
    else:
        what = f"credentials expire in {duration(left // 60 * 60)} ({expire:%Y-%m-%d})"
        severity = Severity.CRIT if left < limits["crit"] else Severity.WARN
    refused = what.startswith("credentials refused")
    return Candidate(
        CREDENTIALS,
        "nats",
        "nats",
        connection.url or "NATS",
        what,
        severity,
        (REF,),
        since=context.theirs(connection.since) if refused else None,
        exact=refused,
        clear=0.0,
        detail=connection.error or connection.credentials,
        evidence=(
            Evidence("used", connection.credentials or "no credentials", "", connection.origin),
            Evidence("expire", f"{expire:%Y-%m-%d %H:%MZ}" if expire else "-", _levels(limits), limits.origin("warn")),
        ),
        steps=steps(("What the server says of this user", nats(context.site, "account", "info"))),
        measured=left,
    )


def _levels(limits: Limits) -> str:
    return f"under {written(Unit.SECONDS, limits['warn'])} / {written(Unit.SECONDS, limits['crit'])}"
