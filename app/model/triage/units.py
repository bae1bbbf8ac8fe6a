"""Rules about systemd units: `unit.failed`, `unit.restarting`, and what can be done about a unit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from app.model.components import Component, ComponentKind
from app.model.findings import Evidence, Severity, Step
from app.model.health import Health
from app.model.text import clean
from app.model.triage.candidates import Candidate, Context, instant, length
from app.model.triage.steps import command, steps
from app.model.triage.thresholds import Limits, Threshold, Unit, written
from app.model.units import Unit as SystemdUnit

FAILED = "unit.failed"
RESTARTING = "unit.restarting"
SOURCE = "units"

THRESHOLDS = {
    FAILED: (
        Threshold("for", Unit.SECONDS, 0.0, "of having failed before it shows"),
        Threshold("clear", Unit.SECONDS, 10.0, "without before it is over"),
    ),
    RESTARTING: (
        Threshold("warn", Unit.NUMBER, 3.0, "restarts by systemd in the window"),
        Threshold("crit", Unit.NUMBER, 10.0, "restarts by systemd in the window"),
        Threshold("window", Unit.SECONDS, 600.0, "in which they are counted"),
    ),
}


class Units:
    """Both rules on every unit: at most one holds of it."""

    def __init__(self) -> None:
        self._table: Mapping[str, Component] | None = None
        self._units: list[tuple[Component, SystemdUnit]] = []

    def candidates(self, context: Context) -> Iterator[Candidate]:
        """What they say now."""
        table = context.snapshot.components
        if table is not self._table:
            self._table = table
            self._units = [
                (row, row.unit) for row in table.values() if row.kind is ComponentKind.UNIT and row.unit is not None
            ]
        for row, unit in self._units:
            if row.health is Health.STALE or unit.load == "not-found":
                continue  # the last known, of which judging makes what was said before; or nothing is known
            if unit.active == "failed":
                if (limits := context.thresholds.of(FAILED)).on:
                    yield _failed(row, unit, context, limits)
            elif (limits := context.thresholds.of(RESTARTING)).on:
                found = _restarting(row, unit, context, limits)
                if found is not None:
                    yield found


def _failed(row: Component, unit: SystemdUnit, context: Context, limits: Limits) -> Candidate:
    since = context.theirs(row.since) or context.now
    when = instant(since, context.now)
    what = f"{unit.cause or 'failed'}: {'its last run' if unit.oneshot else 'not running since'} {when}"
    evidence = [Evidence("result", unit.result, "success", "systemd")]
    if unit.restarts:
        evidence.append(Evidence("restarts before", str(unit.restarts), "", "systemd"))
    return Candidate(
        FAILED, row.key, "unit", row.name, what, Severity.WARN if unit.oneshot else Severity.CRIT,
        (f"component:{row.key}",), begun=since, since=since, exact=row.since is not None, hold=limits["for"],
        clear=limits["clear"], detail=unit.description, evidence=tuple(evidence),
        steps=about(row, context.snapshot.components), source=SOURCE,
    )  # fmt: skip


def _restarting(row: Component, unit: SystemdUnit, context: Context, limits: Limits) -> Candidate | None:
    ages = [context.age(at) for at in map(context.theirs, unit.restarted) if at is not None]
    lately = [age for age in ages if age <= limits["window"]]
    number = len(lately)
    if number < limits["warn"]:
        return None
    window = written(Unit.SECONDS, limits["window"])
    ended = f"{unit.cause}, " if unit.cause else ""
    begun = context.theirs(unit.restarted[number - 1])
    return Candidate(
        RESTARTING, row.key, "unit", row.name, f"{ended}restarted {number} times in {window}",
        Severity.CRIT if number >= limits["crit"] else Severity.WARN,
        (f"component:{row.key}",), begun=begun, since=begun, exact=number < len(ages), clear=0.0,
        detail=f"the last time {length(min(lately))} ago; {unit.description}".rstrip("; "),
        evidence=(
            Evidence("restarts", f"{number} in {window}", f"{limits['warn']:g} / {limits['crit']:g}",
                     limits.origin("warn")),
            Evidence("now", f"{unit.active} ({unit.sub})" if unit.sub else unit.active, "", "systemd"),
        ),
        steps=about(row, context.snapshot.components), measured=float(number), source=SOURCE,
    )  # fmt: skip


def about(row: Component, components: Mapping[str, Component]) -> tuple[Step, ...]:
    """What can be done about a unit: to see how it is and what it logged, to start it again, alone or with the others
    of its scope that are watched."""
    unit = row.unit
    if unit is None:
        return ()
    name = unit.unit
    if unit.load == "not-found":
        return steps(
            ("See which units there are", _systemctl(unit, "list-unit-files")),
            ("Have systemd read its files again", _systemctl(unit, "daemon-reload")),
        )
    pairs = [
        ("See how it is, and its last lines", _systemctl(unit, "status", name)),
        ("Read its last lines", _journalctl(unit, "-n", "100")),
        ("Follow its log", _journalctl(unit, "-f")),
    ]
    if unit.outdated:
        pairs.append(("Have systemd read its changed file", _systemctl(unit, "daemon-reload")))
    if unit.result == "start-limit-hit":
        pairs.append(("Forget that it failed, else it is not started again", _systemctl(unit, "reset-failed", name)))
    down = unit.active in ("inactive", "failed")
    if down:
        pairs.append(("Start it", _systemctl(unit, "start", name)))
    pairs.append(("Restart it: what it does now is interrupted", _systemctl(unit, "restart", name)))
    all_of_it = sorted(
        {each.unit.unit for each in components.values() if each.unit is not None and each.unit.scope == unit.scope
         and each.unit.load != "not-found"}
    )  # fmt: skip
    if len(all_of_it) > 1:
        pairs.append((f"Restart all {len(all_of_it)} that are watched", _systemctl(unit, "restart", *all_of_it)))
    return steps(*pairs)


def _systemctl(unit: SystemdUnit, verb: str, *names: str) -> str:
    return command("systemctl", *_scope(unit), verb, foreign=tuple(map(clean, names)))


def _journalctl(unit: SystemdUnit, *options: str) -> str:
    line = command("journalctl", *_scope(unit), "-u", foreign=(clean(unit.unit),))
    return " ".join((line, *options)) if line else ""


def _scope(unit: SystemdUnit) -> tuple[str, ...]:
    return ("--user",) if unit.scope == "user" else ()
