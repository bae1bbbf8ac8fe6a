"""What the state bucket says of the hosts: who is drained, and what happened to whom."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from app.model.fleet import Agent, TimelineEvent, sanitise_key
from app.sources import agentwire
from app.sources.agentwire import Unreadable
from app.sources.kvmessage import Entry

_DRAIN = "drain."
_TIMELINE = "timeline."
_EVENTS_KEPT = 50


class HostStates:
    """Drain keys and timelines by host. `number` grows with every change, `unreadable` holds the keys passed over."""

    def __init__(self) -> None:
        self.number = 0
        self.unreadable: set[str] = set()
        self._drained: set[str] = set()
        self._timelines: dict[str, dict[str, TimelineEvent]] = defaultdict(dict)  # by host, by key

    def clear(self) -> None:
        """The bucket is gone or another one."""
        self.number += 1
        self.unreadable.clear()
        self._drained.clear()
        self._timelines.clear()

    def take(self, changes: set[str], entries: Mapping[str, Entry]) -> None:
        """Takes in the keys that changed."""
        self.number += bool(changes)
        for key in changes:
            entry = entries.get(key)
            there = entry if entry is not None and not entry.marker else None
            if key.startswith(_DRAIN):
                (self._drained.add if there else self._drained.discard)(key.removeprefix(_DRAIN))
            elif key.startswith(_TIMELINE):
                self._take_event(key, there)

    def _take_event(self, key: str, entry: Entry | None) -> None:
        events = self._timelines[key.removeprefix(_TIMELINE).partition(".")[0]]
        self.unreadable.discard(key)
        if entry is None:
            events.pop(key, None)
            return
        try:
            events[key] = agentwire.timeline_event(entry.value, entry.at)
        except Unreadable:
            self.unreadable.add(key)

    def drained(self, agent: Agent) -> bool:
        """OSAPI writes the drain key by the machine id as it is; the sanitised one is accepted too."""
        return agent.machine_id in self._drained or agent.key in self._drained

    def timeline(self, agent: Agent) -> tuple[TimelineEvent, ...]:
        """Newest first. An operator who gave a machine id instead of a hostname has filed it under that."""
        hosts = {sanitise_key(agent.hostname), sanitise_key(agent.machine_id)}
        events = [event for host in hosts if host in self._timelines for event in self._timelines[host].values()]
        return tuple(sorted(events, key=lambda event: event.at, reverse=True)[:_EVENTS_KEPT])
