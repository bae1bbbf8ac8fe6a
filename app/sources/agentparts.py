"""Sub-components of agents, folded over their hosts by name; a host's own row only where one is not well."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from heapq import nsmallest

from app.model.components import Component, ComponentKind
from app.model.fleet import Agent, Presence, SubComponent
from app.model.health import Health
from app.sources.controls import FINE, part_health

MOST_NAMES = 500
MOST_ROWS = 1000
"""Own rows of hosts that are shown at most; the folded row counts all."""
_NAMED = 2
"""Hosts that a reason names."""
_PRESENT = (Presence.LIVE, Presence.STALE)


@dataclass(slots=True, eq=False)
class _Fold:
    """One sub-component over all hosts: hostnames by agent, by its word."""

    words: defaultdict[str, dict[str, str]] = field(default_factory=lambda: defaultdict(dict))
    changed_at: datetime | None = None
    row: Component | None = None


class AgentParts:
    """Follows the agents one change at a time: agents that say the same cost nothing."""

    def __init__(self) -> None:
        self.moved = True
        self._folds: dict[str, _Fold] = {}
        self._dirty: set[str] = set()
        self._rows: dict[tuple[str, str], Component] = {}  # by agent and name

    def clear(self) -> None:
        """No agent is there any more."""
        self.moved = True
        self._folds.clear()
        self._dirty.clear()
        self._rows.clear()

    def change(self, before: Agent | None, after: Agent | None, at: datetime) -> None:
        """One agent came (None before), went (None after) or says something else, at the broker's time."""
        old, new = _parts(before), _parts(after)
        if old == new and (before is None or after is None or before.hostname == after.hostname):
            return
        since = {name: row.since for name in old if before and (row := self._rows.get((before.key, name))) is not None}
        if before is not None:
            for name, part in old.items():
                self._forget(before, name, _word(part))
        if after is not None:
            for name, part in new.items():
                changed = name in old and _word(old[name]) != _word(part)
                self._know(after, part, at if changed else None, at if changed else since.get(name))

    def _forget(self, agent: Agent, name: str, word: str) -> None:
        fold = self._folds.get(name)
        if fold is not None:
            fold.words[word].pop(agent.key, None)
            if not fold.words[word]:
                del fold.words[word]
            self._dirty.add(name)
        if word not in FINE and self._rows.pop((agent.key, name), None) is not None:
            self.moved = True

    def _know(self, agent: Agent, part: SubComponent, changed: datetime | None, since: datetime | None) -> None:
        name, word = part.name, _word(part)
        fold = self._folds.get(name)
        if fold is None:
            if len(self._folds) >= MOST_NAMES:
                return
            fold = self._folds[name] = _Fold()
        fold.words[word][agent.key] = agent.hostname
        fold.changed_at = changed or fold.changed_at
        self._dirty.add(name)
        if word not in FINE:
            self.moved = True
            self._rows[agent.key, name] = _own_row(agent, part, since)

    def components(self) -> dict[str, Component]:
        """The folded rows, each before the own rows of its hosts."""
        rows = {fold.row.key: fold.row for fold in self._folds.values() if fold.row is not None}
        for _, row in zip(range(MOST_ROWS), self._rows.values(), strict=False):
            rows[row.key] = row
        return rows

    def show(self) -> None:
        """Makes the folded rows anew that something changed of."""
        dirty, self._dirty = self._dirty, set()
        for name in dirty:
            fold = self._folds[name]
            row = _folded(name, fold)
            if row is None:
                del self._folds[name]
            if row != fold.row:
                fold.row = row
                self.moved = True


def _parts(agent: Agent | None) -> dict[str, SubComponent]:
    """Those of an agent that is there; what one that is gone said last says nothing of now."""
    if agent is None or agent.presence not in _PRESENT:
        return {}
    return {part.name: part for part in agent.sub_components}


def _word(part: SubComponent) -> str:
    return part.status.lower()


def _own_row(agent: Agent, part: SubComponent, since: datetime | None) -> Component:
    word = _word(part)
    return Component(
        f"agent:{part.name}/{agent.hostname}",
        ComponentKind.AGENT,
        part.name,
        part_health(word, Health.WARN),
        word,
        host=agent.hostname,
        parent=f"agent:{part.name}",
        since=since,
        address=part.address,
    )


def _folded(name: str, fold: _Fold) -> Component | None:
    there = fold.words
    if not there:
        return None
    worst = max(there, key=lambda word: (part_health(word, Health.WARN).rank, word not in FINE, word == "ok", word))
    told = [word for word in there if word != "ok" and (word not in FINE or len(there) > 1)]
    told.sort(key=lambda word: (word in FINE, word))
    where = [_where(word, there[word]) for word in told[:_NAMED]]
    before = fold.row
    since = None
    if before is not None:
        since = before.since if before.state == worst else fold.changed_at
    return Component(
        f"agent:{name}",
        ComponentKind.AGENT,
        name,
        part_health(worst, Health.WARN),
        worst,
        since=since,
        reason="; ".join(where),
        hosts=sum(map(len, there.values())),
    )


def _where(word: str, hosts: dict[str, str]) -> str:
    """`error on web-03, web-07 (+2)`."""
    named = ", ".join(nsmallest(_NAMED, hosts.values()))
    more = f" (+{len(hosts) - _NAMED})" if len(hosts) > _NAMED else ""
    return f"{word or 'no state'} on {named}{more}"
