"""Rules about what is probed: `probe.down`, `probe.slow`, `probe.flapping`, `probe.certificate`."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import timedelta

from app.model.components import Component, ComponentKind
from app.model.findings import Evidence, Severity, Step
from app.model.health import Health
from app.model.probes import CONFIRM, Probe
from app.model.text import duration
from app.model.triage.candidates import Candidate, Context, instant
from app.model.triage.steps import command, steps
from app.model.triage.thresholds import Limits, Threshold, Unit, written

DOWN = "probe.down"
SLOW = "probe.slow"
FLAPPING = "probe.flapping"
CERTIFICATE = "probe.certificate"
SOURCE = "probes"

THRESHOLDS = {
    DOWN: (
        Threshold("count", Unit.NUMBER, float(CONFIRM), "failures in a row before it shows"),
        Threshold("for", Unit.SECONDS, 0.0, "of failing before it shows"),
        Threshold("partly", Unit.SECONDS, 30.0, "of working in part, or of not letting us see, before it shows"),
        Threshold("clear", Unit.SECONDS, 20.0, "well again before it is over"),
    ),
    SLOW: (
        Threshold("warn", Unit.SECONDS, 1.0, "for an answer, the middle of the last ten"),
        Threshold("crit", Unit.SECONDS, None, "for an answer, the middle of the last ten"),
        Threshold("count", Unit.NUMBER, 5.0, "answers at least"),
        Threshold("for", Unit.SECONDS, 30.0, "before it shows"),
        Threshold("clear", Unit.SECONDS, 30.0, "faster before it is over"),
    ),
    FLAPPING: (
        Threshold("count", Unit.NUMBER, 3.0, "times that it failed and was well again"),
        Threshold("window", Unit.SECONDS, 600.0, "in which they are counted"),
        Threshold("steady", Unit.SECONDS, 60.0, "of failing after which it is down rather than flapping"),
    ),
    CERTIFICATE: (
        Threshold("warn", Unit.SECONDS, 14 * 86400.0, "left until its certificate ends"),
        Threshold("crit", Unit.SECONDS, 2 * 86400.0, "left until its certificate ends"),
    ),
}
_DATABASES = ("postgresql://", "postgres://")


class Probes:
    """All rules, on every component that is probed."""

    def __init__(self) -> None:
        self._table: Mapping[str, Component] | None = None
        self._probed: list[tuple[Component, Probe]] = []

    def candidates(self, context: Context) -> Iterator[Candidate]:
        """At most one of down and flapping holds of one component."""
        table = context.snapshot.components
        if table is not self._table:
            self._table = table
            self._probed = [
                (row, row.probe) for row in table.values() if row.kind is ComponentKind.PROBE and row.probe is not None
            ]
        for component, probe in self._probed:
            yield from _judged(component, probe, context)


def _judged(component: Component, probe: Probe, context: Context) -> Iterator[Candidate]:
    limits = context.thresholds.of(FLAPPING)
    flapping = _flapping(component, probe, context, limits) if limits.on else None
    if flapping is not None:
        yield flapping
    elif (limits := context.thresholds.of(DOWN)).on and (found := _down(component, probe, context, limits)) is not None:
        yield found
    if (limits := context.thresholds.of(SLOW)).on and (found := _slow(component, probe, limits)) is not None:
        yield found
    if (limits := context.thresholds.of(CERTIFICATE)).on:
        found = _certificate(component, probe, context, limits)
        if found is not None:
            yield found


def _down(component: Component, probe: Probe, context: Context, limits: Limits) -> Candidate | None:
    if probe.failures:
        if probe.failures < limits["count"]:
            return None
        begun = context.theirs(probe.failing_since) or context.now
        good = context.theirs(probe.good_at)
        evidence = (
            Evidence("failures in a row", str(probe.failures), f"{limits['count']:g}", limits.origin("count")),
            Evidence("last well", instant(good, context.now) if good else "not since watching began"),
        )
        exact = probe.good_at is not None
        return _about(
            DOWN, component, probe.error or component.reason, Severity.CRIT,
            begun=begun, since=begun, exact=exact, hold=limits["for"], clear=limits["clear"], evidence=evidence,
            measured=float(probe.failures),
        )  # fmt: skip
    if component.health is not Health.WARN or component.state == "ok":
        return None  # well, or not to be told; `ok` and WARN is its certificate
    since = context.theirs(component.since)
    return _about(
        DOWN, component, component.reason, Severity.WARN,
        begun=since, since=since, exact=False, hold=limits["partly"], clear=limits["clear"],
        evidence=(Evidence("state", component.state, f"for {written(Unit.SECONDS, limits['partly'])}",
                           limits.origin("partly")),),
    )  # fmt: skip


def _flapping(component: Component, probe: Probe, context: Context, limits: Limits) -> Candidate | None:
    begin = context.now - timedelta(seconds=limits["window"])
    falls = [at for turn in probe.turns if not turn.good and (at := context.theirs(turn.at)) and at >= begin]
    failing = context.theirs(probe.failing_since)
    if len(falls) < max(1.0, limits["count"]) or (failing and context.age(failing) >= limits["steady"]):
        return None
    window = written(Unit.SECONDS, limits["window"])
    return _about(
        FLAPPING, component, f"failed {len(falls)} times in {window}: {probe.error}", Severity.WARN,
        since=falls[-1], clear=0.0,
        evidence=(
            Evidence("failures that passed", str(len(falls)), f"{limits['count']:g} in {window}",
                     limits.origin("count")),
            Evidence("now", "failing" if failing else "well"),
        ),
        measured=float(len(falls)),
    )  # fmt: skip


def _slow(component: Component, probe: Probe, limits: Limits) -> Candidate | None:
    took, crit = component.latency, limits.get("crit")
    if took is None or probe.failures or probe.measured < limits["count"] or took < 0.9 * limits["warn"]:
        return None
    severity = Severity.WARN if took >= limits["warn"] else None
    keep = Severity.WARN
    if crit is not None:
        severity = Severity.CRIT if took >= crit else severity
        keep = Severity.CRIT if took >= 0.9 * crit else keep
    both = written(Unit.SECONDS, limits["warn"]) + (f" / {written(Unit.SECONDS, crit)}" if crit is not None else "")
    return _about(
        SLOW, component, f"takes {_took(took)} to answer", severity,
        keep=keep, hold=limits["for"], clear=limits["clear"],
        evidence=(
            Evidence("time of an answer", _took(took), both, limits.origin("warn")),
            Evidence("given up after", f"{probe.timeout:g}s", "", "[[probes]] timeout"),
        ),
        measured=took,
    )  # fmt: skip


def _certificate(component: Component, probe: Probe, context: Context, limits: Limits) -> Candidate | None:
    """Of one that can still be used: an ended one is not accepted, and that is probe.down."""
    if probe.expires is None:
        return None
    left = -context.age(probe.expires)
    if left > limits["warn"] or left <= 0:
        return None
    return _about(
        CERTIFICATE, component, f"certificate expires in {duration(left)} ({probe.expires:%Y-%m-%d})",
        Severity.CRIT if left <= limits["crit"] else Severity.WARN,
        since=probe.expires - timedelta(seconds=limits["warn"]), clear=0.0,
        detail="once it has ended nobody who checks it can connect",
        evidence=(
            Evidence("left", duration(left),
                     f"{written(Unit.SECONDS, limits['warn'])} / {written(Unit.SECONDS, limits['crit'])}",
                     limits.origin("warn")),
        ),
    )  # fmt: skip


def _about(rule: str, component: Component, what: str, severity: Severity | None, **rest: object) -> Candidate:
    given: dict[str, object] = {"detail": component.address, "steps": remedies(component), "source": SOURCE, **rest}
    fixed = (rule, component.key, "probe", component.name, what, severity, (f"component:{component.key}",))
    return Candidate(*fixed, **given)  # type: ignore[arg-type]


def remedies(component: Component) -> tuple[Step, ...]:
    """What can be done about one: ask it oneself. Credentials are not in it."""
    address = component.address
    if address.startswith(_DATABASES):
        return steps(("Connect to it yourself (your own user and password)", command("psql", foreign=(address,))))
    if not address.startswith("http"):
        return ()
    probe = component.probe
    most = str(max(1, math.ceil(probe.timeout))) if probe is not None else "5"
    return steps(
        ("Ask it yourself (credentials are not in it)", command("curl", "-sS", "-i", "-m", most, foreign=(address,))),
    )


def _took(seconds: float) -> str:
    return f"{seconds * 1000:.0f}ms" if seconds < 1 else f"{seconds:.1f}s"
