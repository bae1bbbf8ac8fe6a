"""Rules about the NATS connection: `nats.unreachable`, `nats.credentials`, `nats.slow`, `nats.permission`."""

from __future__ import annotations

from app.model.broker import Cause, Connection, LinkState
from app.model.findings import Evidence, Severity
from app.model.snapshot import SourceState, SourceStatus
from app.model.text import duration
from app.model.triage.candidates import Candidate, Context, length
from app.model.triage.steps import nats, steps
from app.model.triage.thresholds import Limits, Threshold, Unit, written

UNREACHABLE = "nats.unreachable"
CREDENTIALS = "nats.credentials"
SLOW = "nats.slow"
PERMISSION = "nats.permission"

THRESHOLDS = {
    UNREACHABLE: (
        Threshold("for", Unit.SECONDS, 5.0, "without a connection before it shows"),
        Threshold("clear", Unit.SECONDS, 5.0, "connected again before it is over"),
    ),
    CREDENTIALS: (
        Threshold("warn", Unit.SECONDS, 7 * 86400.0, "left until the credentials expire"),
        Threshold("crit", Unit.SECONDS, 86400.0, "left until the credentials expire"),
    ),
    SLOW: (
        Threshold("warn", Unit.SECONDS, 0.5, "to the server and back, the middle of several pings"),
        Threshold("crit", Unit.SECONDS, 1.0, "to the server and back, the middle of several pings"),
        Threshold("for", Unit.SECONDS, 30.0, "before it shows"),
        Threshold("clear", Unit.SECONDS, 30.0, "faster before it is over"),
    ),
    PERMISSION: (),
}

REF = "source:nats"

_OPTIONAL = frozenset(("services", "advisories", "facts", "state"))
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
    """All four rules. They rest on our own connection, so they are judged whatever the sources do."""
    connection = context.site.connection
    found = []
    limits = context.thresholds.of(CREDENTIALS)
    if limits.on and (candidate := _credentials(context, connection, limits)) is not None:
        found.append(candidate)
    limits = context.thresholds.of(UNREACHABLE)
    if limits.on and (candidate := _unreachable(context, connection, limits)) is not None:
        found.append(candidate)
    limits = context.thresholds.of(SLOW)
    if limits.on and (candidate := _slow(context, connection, limits)) is not None:
        found.append(candidate)
    if context.thresholds.of(PERMISSION).on:
        found.extend(_permissions(context))
    return found


def _slow(context: Context, connection: Connection, limits: Limits) -> Candidate | None:
    rtt = connection.rtt
    if connection.state is not LinkState.CONNECTED or rtt is None or rtt < 0.9 * limits["warn"]:
        return None
    return Candidate(
        SLOW,
        "nats",
        "nats",
        connection.url or "NATS",
        f"{rtt * 1000:.0f} ms to the server and back",
        Severity.CRIT if rtt >= limits["crit"] else Severity.WARN if rtt >= limits["warn"] else None,
        (REF,),
        keep=Severity.CRIT if rtt >= 0.9 * limits["crit"] else Severity.WARN,
        hold=limits["for"],
        clear=limits["clear"],
        detail="every look takes longer by that, and so does each act",
        evidence=(Evidence("round trip", f"{rtt * 1000:.0f} ms", _times(limits), limits.origin("warn")),),
        steps=steps(("Measure it yourself", nats(context.site, "rtt"))),
        measured=rtt,
    )


def _times(limits: Limits) -> str:
    return f"{limits['warn'] * 1000:.0f} ms / {limits['crit'] * 1000:.0f} ms"


def _permissions(context: Context) -> list[Candidate]:
    """Once for each subject that is refused. INFO where the source finds another way."""
    if context.site.connection.state is not LinkState.CONNECTED:
        return []
    refused: dict[str, list[SourceState]] = {}
    for state in context.snapshot.sources.values():
        for need in state.denied:
            refused.setdefault(need, []).append(state)
    return [_permission(context, need, states) for need, states in refused.items()]


def _permission(context: Context, need: str, states: list[SourceState]) -> Candidate:
    names = ", ".join(state.name for state in states)
    lacking = [state for state in states if state.status is SourceStatus.DENIED and state.name not in _OPTIONAL]
    return Candidate(
        PERMISSION,
        need,
        "nats",
        need,
        f"not permitted, no {', '.join(state.name for state in lacking)}" if lacking else f"not permitted: {names}",
        Severity.WARN if lacking else Severity.INFO,
        (f"source:{(lacking or states)[0].name}",),
        detail="what is permitted is shown" if lacking else "it is done in another way, or left out",
        evidence=(Evidence("missing permission", need, "", "from the broker"), Evidence("for", names)),
        steps=steps(("What the server says of this user", nats(context.site, "account", "info"))),
    )


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
