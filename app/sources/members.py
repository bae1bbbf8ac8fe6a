"""The agents of a registry: what each has registered, whether it is there, and how it is shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from app.model.fleet import Agent, Vitals
from app.sources import agentwire
from app.sources.agentparts import AgentParts
from app.sources.agentwire import Registration, Unreadable
from app.sources.hoststate import HostStates
from app.sources.kvmessage import Entry
from app.sources.presence import LIVE, STALE_AFTER, Standing, forgotten, judge

_AGENTS = "agents."


@dataclass(slots=True, eq=False)
class Member:
    """One agent: its last registration, and what was made of it."""

    key: str  # as the registry spells it
    wire: Registration
    base: Agent  # as registered: no presence, drain or timeline in it
    vitals: Vitals
    beat: datetime
    there: bool = True  # the bucket holds its key
    farewell: datetime | None = None
    standing: Standing = LIVE
    shown: Agent | None = None
    shown_of: tuple[Agent, Standing, int] | None = None  # what it was made of; the number is that of the host states


class Members:
    """All agents that are there, or were. `moved`: something differs from when it was last set to False."""

    def __init__(self) -> None:
        self.moved = True
        self.unreadable: set[str] = set()
        self.parts = AgentParts()
        self._members: dict[str, Member] = {}

    def clear(self) -> None:
        """The registry is gone or another one."""
        self.moved = True
        self.unreadable.clear()
        self.parts.clear()
        self._members.clear()

    def take(self, changes: set[str], entries: Mapping[str, Entry]) -> None:
        """Takes in the keys that changed; other components than agents are passed over."""
        for key in changes:
            if key.startswith(_AGENTS):
                self.moved = True
                self._take(key, entries.get(key))

    def _take(self, full: str, entry: Entry | None) -> None:
        key = full.removeprefix(_AGENTS)
        member = self._members.get(key)
        if entry is None or entry.marker:
            self.unreadable.discard(full)
            if member is not None:
                member.there = False
                if entry is not None and entry.farewell:
                    member.farewell = entry.at
            return
        if member is not None:  # readable or not, it does beat
            member.there, member.beat, member.farewell = True, entry.at, None
        try:
            self._register(key, member, agentwire.registration(entry.value), entry.at)
            self.unreadable.discard(full)
        except Unreadable:
            self.unreadable.add(full)
            if member is not None:
                member.vitals = replace(member.vitals, beat=entry.at)

    def _register(self, key: str, member: Member | None, wire: Registration, at: datetime) -> None:
        vitals = agentwire.vitals(key, wire, at)
        if member is None:
            self._members[key] = Member(key, wire, agentwire.agent(key, wire), vitals, at)
            return
        if member.wire.still() != wire.still():
            base = agentwire.agent(key, wire)
            member.base = base if base != member.base else member.base
        member.wire = wire
        member.vitals = vitals if vitals != member.vitals else member.vitals

    def judge(self, broker_now: datetime, grace: bool) -> None:
        """Judges everybody's presence, and forgets who was shown as gone for long enough."""
        fresh = broker_now - timedelta(seconds=STALE_AFTER)
        for key, member in list(self._members.items()):
            if member.standing is LIVE and member.there and member.beat >= fresh:
                continue
            standing = judge(member.standing, member.beat, member.farewell, member.there, broker_now, grace)
            member.standing = standing if standing != member.standing else member.standing
            if forgotten(standing, broker_now):
                del self._members[key]
                self.parts.change(member.shown, None, broker_now)
                self.moved = True

    def show(self, hosts: HostStates) -> None:
        """Makes the agent that is shown of what is known; the old one stays where nothing differs."""
        for member in self._members.values():
            base, before = member.base, member.shown_of
            if before is not None and before[0] is base and before[1:] == (member.standing, hosts.number):
                continue
            member.shown_of = (base, member.standing, hosts.number)
            shown = replace(
                base,
                presence=member.standing.presence,
                since=member.standing.since,
                state="Cordoned" if hosts.drained(base) else base.state,
                timeline=hosts.timeline(base),
            )
            if shown != member.shown:
                self.parts.change(member.shown, shown, member.beat)
                member.shown = shown
                self.moved = True
        self.parts.show()

    def shown(self) -> dict[str, Member]:
        """By the key of their Agent."""
        return {member.base.key: member for member in self._members.values() if member.shown is not None}
