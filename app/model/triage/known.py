"""What of a snapshot's facts may be judged now: whose source is fresh, whose row is there and answered."""

from __future__ import annotations

from collections.abc import Mapping

from app.model.broker import Answer, Consumer, LinkState, Stream
from app.model.fleet import Agent, Presence, parse_consumer
from app.model.health import Health
from app.model.snapshot import Snapshot, SourceStatus
from app.model.triage import account, agents, consumers, deadletters, ingest, jobs, services, streams, units
from app.model.triage.candidates import Candidate, Owners

_SOURCES = (
    account.SOURCE,
    streams.SOURCE,
    consumers.SOURCE,
    agents.SOURCE,
    jobs.SOURCE,
    deadletters.SOURCE,
    services.SOURCE,
    ingest.SOURCE,
)
_ROWS = frozenset(("stream", "consumer", "agent"))


def frozen(snapshot: Snapshot) -> frozenset[str]:
    """Sources whose facts are only the last known ones. Not absent ones: that there is nothing is known."""
    if snapshot.site.connection.state is not LinkState.CONNECTED:
        return frozenset(_SOURCES)
    late = (ingest.SOURCE,) if ingest.catching_up(snapshot.site.intake) else ()
    states = {name: snapshot.sources.get(name) for name in _SOURCES}
    return frozenset(late).union(
        name
        for name, state in states.items()
        if state is None or not (state.fresh or state.status is SourceStatus.ABSENT)
    )


def vanished(candidate: Candidate, snapshot: Snapshot) -> bool:
    """Whether the row that a candidate is about is there no more."""
    kind = candidate.refs[0].partition(":")[0]
    return bool(candidate.source) and kind in _ROWS and _row(candidate, snapshot) is None


def unanswered(candidate: Candidate, snapshot: Snapshot) -> bool:
    """Whether the row that a candidate is about is known by name only at present."""
    if candidate.source == units.SOURCE:
        unit = snapshot.components.get(candidate.key)
        return unit is not None and unit.health is Health.STALE
    if candidate.silent or candidate.source not in (streams.SOURCE, consumers.SOURCE):
        return False
    row = _row(candidate, snapshot)
    return isinstance(row, Stream | Consumer) and row.answer is not Answer.OK


def _row(candidate: Candidate, snapshot: Snapshot) -> Stream | Consumer | Agent | None:
    kind, _, key = candidate.refs[0].partition(":")
    if kind == "agent":
        return snapshot.agents.get(key)
    return snapshot.streams.get(key) if kind == "stream" else snapshot.consumers.get(key)


def owners(table: Mapping[str, Consumer]) -> Owners:
    """Whose each consumer is, by its name."""
    machine: dict[str, str] = {}
    of_agent: dict[str, list[str]] = {}
    for key, consumer in table.items():
        parsed = parse_consumer(consumer.name)
        if parsed is not None:
            machine[key] = parsed.machine
            of_agent.setdefault(parsed.machine, []).append(key)
    return Owners(machine, {agent: tuple(keys) for agent, keys in of_agent.items()})


def departed(before: frozenset[str], table: Mapping[str, Agent]) -> frozenset[str]:
    """Agents that said goodbye: those of now, and those of before of whom nothing was heard since."""
    now = {key for key, agent in table.items() if agent.presence is Presence.LEFT}
    return frozenset(now.union(key for key in before if key not in table))
