"""The agents of a registry: what each has registered, whether it is there, and how it is shown."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
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
_SILENT = timedelta(seconds=STALE_AFTER)


@dataclass(slots=True, eq=False)
class Member:
    """One agent: its last registration, and what was made of it."""

    key: str  # as the registry spells it
    still: bytes  # digest of what does not change with every heartbeat
    base: Agent  # as registered: no presence, drain or timeline in it
    beat: datetime
    there: bool = True  # the bucket holds its key
    farewell: datetime | None = None
    standing: Standing = LIVE
    due: datetime | None = None  # when it could have fallen silent
    shown: Agent | None = None


class Members:
    """All agents that are there, or were; `agents` as they are shown and their `vitals`, by the key of the Agent.

    Both change in place. `moved`: an agent differs from when it was last set to False, `beaten`: vitals do. A heartbeat
    costs its vitals and no more: who is well is not looked at again before he could have fallen silent.
    """

    def __init__(self) -> None:
        self.moved = True
        self.beaten = True
        self.agents: dict[str, Agent] = {}
        self.vitals: dict[str, Vitals] = {}
        self.unreadable: set[str] = set()
        self.parts = AgentParts()
        self._members: dict[str, Member] = {}
        self._unwell: set[str] = set()  # judged every time
        self._due: list[tuple[datetime, str]] = []  # all others, as a heap; one that is not its member's `due` is void
        self._dirty: set[str] = set()  # to be shown anew
        self._hosts = -1  # number of the host states that were shown

    def __iter__(self) -> Iterator[Member]:
        return iter(self._members.values())

    def get(self, key: str) -> Member | None:
        """The one under a key of the registry."""
        return self._members.get(key)

    def take(self, changes: set[str], entries: Mapping[str, Entry]) -> None:
        """Takes in the keys that changed; other components than agents are passed over."""
        for key in changes:
            if key.startswith(_AGENTS):
                self._take(key, entries.get(key))

    def _take(self, full: str, entry: Entry | None) -> None:
        key = full.removeprefix(_AGENTS)
        member = self._members.get(key)
        if entry is None or entry.marker:
            self.unreadable.discard(full)
            if member is not None:
                self._unwell.add(key)
                member.there = False
                if entry is not None and entry.farewell:
                    member.farewell = entry.at
            return
        if member is not None:  # readable or not, it does beat
            if entry.at < member.beat:
                self._unwell.add(key)
            member.there, member.beat, member.farewell = True, entry.at, None
        try:
            self._register(key, member, agentwire.registration(entry.value), entry.at)
            self.unreadable.discard(full)
        except Unreadable:
            self.unreadable.add(full)
            if member is not None and (vitals := self.vitals.get(member.base.key)) is not None:
                self._beat(replace(vitals, beat=entry.at))

    def _register(self, key: str, member: Member | None, wire: Registration, at: datetime) -> None:
        still = wire.still()
        if member is None:
            member = self._members[key] = Member(key, still, agentwire.agent(key, wire), at)
            self._look_later(member)
            self._dirty.add(key)
        elif member.still != still:
            member.base = agentwire.agent(key, wire)
            member.still = still
            self._dirty.add(key)
        self._beat(agentwire.vitals(key, wire, at))

    def _beat(self, vitals: Vitals) -> None:
        self.beaten = True
        self.vitals[vitals.key] = vitals

    def judge(self, broker_now: datetime, grace: bool) -> None:
        """Judges everybody's presence, and forgets who was shown as gone for long enough."""
        self._find_silent(broker_now)
        for key in tuple(self._unwell):
            member = self._members[key]
            standing = judge(member.standing, member.beat, member.farewell, member.there, broker_now, grace)
            if standing != member.standing:
                member.standing = standing
                self._dirty.add(key)
            if forgotten(member.standing, broker_now):
                self._forget(member, broker_now)
            elif member.standing is LIVE and member.there and member.beat + _SILENT >= broker_now:
                self._unwell.discard(key)
                self._look_later(member)

    def _find_silent(self, now: datetime) -> None:
        while self._due and self._due[0][0] < now:
            due, key = heapq.heappop(self._due)
            member = self._members.get(key)
            if member is None or member.due != due:
                continue
            member.due = None
            if member.beat + _SILENT < now:
                self._unwell.add(key)
            else:
                self._look_later(member)

    def _look_later(self, member: Member) -> None:
        member.due = member.beat + _SILENT
        heapq.heappush(self._due, (member.due, member.key))

    def _forget(self, member: Member, now: datetime) -> None:
        del self._members[member.key]
        self._unwell.discard(member.key)
        self._dirty.discard(member.key)
        if self.agents.get(member.base.key) is member.shown:  # not another's whose key is shown alike
            self.agents.pop(member.base.key, None)
            self.vitals.pop(member.base.key, None)
        self.parts.change(member.shown, None, now)
        self.moved = self.beaten = True

    def show(self, hosts: HostStates) -> None:
        """Makes the agent that is shown of what is known; the old one stays where nothing differs."""
        dirty: set[str] | dict[str, Member] = self._dirty
        if self._hosts != hosts.number:
            self._hosts, dirty = hosts.number, self._members
        for key in dirty:
            member = self._members[key]
            base = member.base
            shown = replace(
                base,
                presence=member.standing.presence,
                since=member.standing.since,
                state="Cordoned" if hosts.drained(base) else base.state,
                timeline=hosts.timeline(base),
            )
            if shown != member.shown:
                self.parts.change(member.shown, shown, member.beat)
                member.shown = self.agents[base.key] = shown
                self.moved = True
        self._dirty.clear()
        self.parts.show()
