"""Controllers and NATS servers of a fleet's registry, and their sub-components, as components."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from app.model.components import Component, ComponentKind
from app.model.fleet import Condition, Presence, SubComponent
from app.model.health import Health
from app.model.text import clean
from app.sources.agentwire import Process, Unreadable, conditions, decode, moment, real, sub_components, whole
from app.sources.figures import steady
from app.sources.kvmessage import Entry
from app.sources.presence import LIVE, Standing, forgotten, judge

PREFIXES = ("controller.", "nats.")
"""Keys of other prefixes are passed over, as OSAPI passes them over; agents have their own."""
_NULL = msgspec.Raw(b"null")
_STATES = {Presence.LIVE: "ready", Presence.STALE: "stale", Presence.GONE: "gone", Presence.LEFT: "left"}
_HEALTH = {
    Presence.LIVE: Health.OK,
    Presence.STALE: Health.WARN,
    Presence.GONE: Health.CRIT,
    Presence.LEFT: Health.STALE,
}
_REASONS = {
    Presence.LIVE: "",
    Presence.STALE: "no heartbeat for more than 20 s",
    Presence.GONE: "its heartbeat expired, without a farewell",
    Presence.LEFT: "it said goodbye",
}
FINE = ("ok", "disabled")
"""Words of a sub-component that mean nothing is wrong."""


class _Wire(msgspec.Struct, gc=False):
    type: str = ""
    hostname: str = ""
    version: str = ""
    started_at: str = ""
    conditions: msgspec.Raw = _NULL
    sub_components: msgspec.Raw = _NULL
    process: Process | None = None


@dataclass(frozen=True, slots=True)
class _Said:
    """What an entry said last."""

    type: str
    host: str
    version: str
    started_at: datetime | None
    conditions: tuple[Condition, ...]
    parts: tuple[SubComponent, ...]
    cpu: float | None
    rss: int | None


@dataclass(slots=True, eq=False)
class _Control:
    """One entry of the registry, and what was made of it."""

    said: _Said
    beat: datetime
    there: bool = True
    farewell: datetime | None = None
    standing: Standing = LIVE
    back_at: datetime | None = None  # when it was there again, after it was not
    rows: dict[str, Component] = field(default_factory=dict)
    rows_of: tuple[_Said, Standing] | None = None


_wires = msgspec.json.Decoder(_Wire)


class Controls:
    """All entries that are no agents. `moved`: a row differs from when it was last set to False."""

    def __init__(self) -> None:
        self.moved = True
        self.unreadable: set[str] = set()
        self._controls: dict[str, _Control] = {}

    def clear(self) -> None:
        """The registry is gone or another one."""
        self.moved = True
        self.unreadable.clear()
        self._controls.clear()

    def take(self, changes: set[str], entries: Mapping[str, Entry]) -> None:
        """Takes in the keys that changed."""
        for key in changes:
            if key.startswith(PREFIXES):
                self._take(key, entries.get(key))

    def _take(self, key: str, entry: Entry | None) -> None:
        control = self._controls.get(key)
        if entry is None or entry.marker:
            self.unreadable.discard(key)
            if control is not None:
                control.there = False
                if entry is not None and entry.farewell:
                    control.farewell = entry.at
            return
        if control is not None:  # readable or not, it does beat
            control.there, control.beat, control.farewell = True, entry.at, None
        try:
            said = _read(key, entry.value, control.said if control is not None else None)
            self.unreadable.discard(key)
        except Unreadable:
            self.unreadable.add(key)
            return
        if control is None:
            self._controls[key] = _Control(said, entry.at)
        elif control.said != said:
            control.said = said

    def judge(self, broker_now: datetime, grace: bool) -> None:
        """Judges everybody's presence, forgets who was shown as gone for long enough, and makes the rows."""
        for key, control in list(self._controls.items()):
            before = control.standing
            standing = judge(before, control.beat, control.farewell, control.there, broker_now, grace)
            if standing != before:
                control.standing = standing
                if standing.presence is Presence.LIVE:
                    control.back_at = control.beat
            if forgotten(control.standing, broker_now):
                del self._controls[key]
                self.moved = True
                continue
            if control.rows_of != (control.said, control.standing):
                control.rows_of = (control.said, control.standing)
                self._show(key, control)

    def _show(self, key: str, control: _Control) -> None:
        before = control.rows
        rows = {row.key: row for row in _rows(key, control)}
        if rows != before:
            control.rows = {name: before[name] if before.get(name) == row else row for name, row in rows.items()}
            self.moved = True

    def components(self) -> dict[str, Component]:
        """The rows, each entry before its parts."""
        return {name: row for control in self._controls.values() for name, row in control.rows.items()}


def _read(key: str, value: bytes, before: _Said | None) -> _Said:
    wire: _Wire = decode(_wires, value)
    process = wire.process or Process()
    kind, _, host = key.partition(".")
    cpu, rss = real(process.cpu_percent), whole(process.rss_bytes)
    return _Said(
        clean(wire.type, 40) or kind,
        clean(wire.hostname or host, 255),
        clean(wire.version, 60),
        moment(wire.started_at),
        conditions(wire.conditions),
        sub_components(wire.sub_components),
        round(cpu, 1) if cpu is not None else None,
        steady(before.rss if before is not None else None, rss, share=0.01),
    )


def _rows(key: str, control: _Control) -> list[Component]:
    said, standing = control.said, control.standing
    own = f"control:{clean(key, 255)}"
    active = [condition for condition in said.conditions if condition.status]
    health = _HEALTH[standing.presence]
    reason = _REASONS[standing.presence]
    if health is Health.OK and active:
        health = Health.WARN
        reason = "; ".join(condition.reason or condition.type for condition in active)
    entry = Component(
        own,
        ComponentKind.CONTROL,
        said.type,
        health,
        _STATES[standing.presence],
        host=said.host,
        type=said.type,
        since=standing.since or control.back_at or said.started_at,
        reason=reason,
        cpu=said.cpu,
        rss=said.rss,
        started_at=said.started_at,
        version=said.version,
        conditions=said.conditions,
    )
    return [entry, *(_part(own, part, control) for part in said.parts)]


def _part(own: str, part: SubComponent, control: _Control) -> Component:
    """A sub-component. Of an entry that is not there any more it is only what was last said."""
    key, state = f"{own}/{part.name}", part.status.lower()
    there = control.standing.presence in (Presence.LIVE, Presence.STALE)
    before = control.rows.get(key)
    since = None
    if before is not None:
        since = before.since if before.state == state else control.beat
    return Component(
        key,
        ComponentKind.CONTROL,
        part.name,
        part_health(state, Health.CRIT) if there else Health.STALE,
        state,
        host=control.said.host,
        parent=own,
        since=since,
        address=part.address,
    )


def part_health(state: str, error: Health) -> Health:
    """How a sub-component is, by its word; words that nobody knows are not taken for well."""
    if state in FINE:
        return Health.OK
    return error if state == "error" else Health.UNKNOWN
