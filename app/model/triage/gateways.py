"""The rule about gateways: `gateway.down`."""

from __future__ import annotations

from collections.abc import Iterator

from app.model.components import Component, ComponentKind
from app.model.findings import Evidence, Severity, Step
from app.model.gateways import GatewayState
from app.model.text import count
from app.model.triage.candidates import Candidate, Context
from app.model.triage.steps import command, quotable
from app.model.triage.thresholds import Limits, Threshold, Unit, written

DOWN = "gateway.down"

THRESHOLDS = {
    DOWN: (
        Threshold("for", Unit.SECONDS, 30.0, "without an answer before it shows"),
        Threshold("clear", Unit.SECONDS, 10.0, "connected before it is over"),
    ),
}
_FINE = frozenset((GatewayState.CONNECTED.value, GatewayState.CONNECTING.value))
_STATES = {state.value: state for state in GatewayState}
_STEPS = {
    GatewayState.REFUSED: "See whether the gateway runs on its host",
    GatewayState.UNREACHABLE: "See whether its host is there, and a way to it",
    GatewayState.SILENT: "It runs and hangs: see its log, then restart it",
    GatewayState.UNAUTHORIZED: "Give its token, with the scope operator.read, to [[gateways]] token_file; or approve "
    "this device there",
    GatewayState.UNSUPPORTED: "Update the gateway",
    GatewayState.FAILING: "See the gateway's log",
}


def judge(context: Context) -> Iterator[Candidate]:
    """One candidate for each gateway that is not connected. Told by watching it, not by NATS: no source is asked."""
    limits = context.thresholds.of(DOWN)
    if not limits.on:
        return
    for component in context.snapshot.components.values():
        if component.kind is ComponentKind.GATEWAY and component.state not in _FINE:
            yield _down(component, context, limits)


def _down(component: Component, context: Context, limits: Limits) -> Candidate:
    state = _STATES.get(component.state, GatewayState.FAILING)
    since = context.theirs(component.since) or context.now
    sessions = sum(row.gateway == component.name for row in context.snapshot.sessions.values())
    known = "its session is" if sessions == 1 else f"its {count(sessions)} sessions are"
    return Candidate(
        DOWN,
        component.name,
        "gateway",
        component.name,
        component.reason or component.state,
        Severity.CRIT if state.away else Severity.WARN,
        (f"component:{component.key}",),
        begun=since,
        since=since,
        exact=False,
        hold=limits["for"],
        clear=limits["clear"],
        detail=f"{known} as last known" if sessions else "",
        evidence=(
            Evidence("state", component.state, f"for {written(Unit.SECONDS, limits['for'])}", limits.origin("for")),
            Evidence("address", component.address),
        ),
        steps=_steps(component, state),
        measured=0.0,
    )


def _steps(component: Component, state: GatewayState) -> tuple[Step, ...]:
    steps = [Step(_STEPS.get(state, "See the gateway's log"))]
    scheme, _, rest = component.address.partition("://")
    if state.away and rest and quotable(component.address):
        http = "https" if scheme == "wss" else "http"
        steps.append(Step("Ask for it yourself", command("curl", "-sv", "-m", "5", foreign=(f"{http}://{rest}",))))
    return tuple(steps)
