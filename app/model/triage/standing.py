"""Standing: how each row, each section and the whole stands, by the findings and by how fresh the facts are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping

from app.model.broker import Answer, Consumer, LinkState, Stream, hidden
from app.model.components import Component
from app.model.findings import BESIDE, Finding, Severity
from app.model.fleet import Agent, Presence
from app.model.health import Health
from app.model.scoring import Band
from app.model.sessions import AiAgent, AiState, Session, SessionStatus
from app.model.snapshot import Count, Snapshot, SourceStatus, Verdict
from app.model.triage.ingest import SOURCE as SESSIONS
from app.model.triage.many import for_many
from app.model.triage.nats import CREDENTIALS, UNREACHABLE

SOURCE_OF = {
    "streams": "streams",
    "consumers": "consumers",
    "agents": "registry",
    "jobs": "jobs",
    "deadletters": "deadletters",
    "ai": SESSIONS,
    "scores": SESSIONS,
    "sessions": SESSIONS,
}
"""The source that each section's rows rest on."""

_PREFIX = {
    "stream:": "streams",
    "consumer:": "consumers",
    "agent:": "agents",
    "job:": "jobs",
    "deadletter:": "deadletters",
    "ai:": "ai",
    "score:": "scores",
    "session:": "sessions",
}
_BANDS = {Band.HEALTHY: Health.OK, Band.WARNING: Health.WARN, Band.CRITICAL: Health.CRIT}
_CORE = ("streams", "consumers", "registry")
_NO_MATTER_OF_AGE = frozenset((SourceStatus.ABSENT, SourceStatus.DENIED))
_NOTHING: frozenset[str] = frozenset()


def stale_sections(snapshot: Snapshot) -> frozenset[str]:
    """Sections whose rows are only the last known ones: their source, or the connection, does not bring facts now."""
    if snapshot.site.connection.state is not LinkState.CONNECTED:
        return frozenset(SOURCE_OF)
    states = {section: snapshot.sources.get(source) for section, source in SOURCE_OF.items()}
    return frozenset(
        section
        for section, state in states.items()
        if state is not None and not state.fresh and state.status is not SourceStatus.ABSENT
    )


def standings(findings: Mapping[str, Finding], stale: Collection[str] = _NOTHING) -> Mapping[str, Health]:
    """The worst health of each row that a finding names; STALE for rows of stale sections. Rows not in it are OK."""
    worst: dict[str, Health] = {}
    for finding in findings.values():
        health = finding.severity.health
        if for_many(finding):
            continue  # each of the many has its own
        for ref in finding.refs:
            if (known := worst.get(ref)) is None or known.rank < health.rank:
                worst[ref] = health
    if stale:
        for ref in worst:
            if _PREFIX.get(ref[: ref.find(":") + 1]) in stale:
                worst[ref] = Health.STALE
    return worst


def counts(snapshot: Snapshot, standings: Mapping[str, Health]) -> Mapping[str, Count]:
    """Rows by state: of streams, consumers, agents, components, AI agents and sessions, and scores by band.

    Own and hidden consumers, agents that left, and scores of other windows than the site's are not counted.
    """
    stale = stale_sections(snapshot)
    return {
        "streams": _count(snapshot.streams, "stream:", standings, "streams" in stale),
        "consumers": _count_consumers(snapshot, standings, "consumers" in stale),
        "agents": _count_agents(snapshot.agents, standings, "agents" in stale),
        "components": _count_components(snapshot.components, standings),
        "ai": _count_ai(snapshot.ai, standings, "ai" in stale),
        "scores": _count_scores(snapshot, "scores" in stale),
        "sessions": _count_sessions(snapshot.sessions, "sessions" in stale),
    }


def _count_ai(table: Mapping[str, AiAgent], standings: Mapping[str, Health], stale: bool) -> Count:
    """WARN: its newest session ended in error, or a finding says something of it."""
    warned = {key for key, row in table.items() if row.state is AiState.ERROR}
    warned.update(key for ref in standings if ref.startswith("ai:") and (key := ref.removeprefix("ai:")) in table)
    return _tally(len(table), Counter({Health.WARN: len(warned)}), stale)


def _count_scores(snapshot: Snapshot, stale: bool) -> Count:
    bands = Counter(row.band for row in snapshot.scores.values() if row.window == snapshot.site.window)
    return _tally(bands.total(), Counter({_BANDS[band]: number for band, number in bands.items()}), stale)


def _count_sessions(table: Mapping[str, Session], stale: bool) -> Count:
    """WARN: it ended in error. Of those that are shown."""
    failed = sum(row.status is SessionStatus.ERROR for row in table.values())
    return _tally(len(table), Counter({Health.WARN: failed}), stale)


def _count_components(components: Mapping[str, Component], standings: Mapping[str, Health]) -> Count:
    """By what each says of itself or what a finding says of it, whichever is worse."""
    states = Counter(
        max(row.health, standings.get(f"component:{key}", Health.OK), key=lambda health: health.rank)
        for key, row in components.items()
    )
    return _tally(len(components), states, False)


def _tally(total: int, states: Counter[Health], stale: bool) -> Count:
    """`states` are those that are not OK."""
    if stale:
        return Count(stale=total)
    return Count(
        ok=total - states.total() + states[Health.OK],
        warn=states[Health.WARN],
        crit=states[Health.CRIT],
        unknown=states[Health.UNKNOWN],
        stale=states[Health.STALE],
    )


def _count(table: Mapping[str, Stream], prefix: str, standings: Mapping[str, Health], stale: bool) -> Count:
    states = Counter(_state(row, standings.get(prefix + key)) for key, row in table.items())
    return _tally(len(table), states, stale)


def _state(row: Stream | Consumer, standing: Health | None) -> Health:
    if row.answer is not Answer.OK and (standing is None or standing.rank < Health.WARN.rank):
        return Health.UNKNOWN
    return standing or Health.OK


def _count_consumers(snapshot: Snapshot, standings: Mapping[str, Health], stale: bool) -> Count:
    now = snapshot.at
    total, states = 0, Counter[Health]()
    for key, consumer in snapshot.consumers.items():
        # Durable and acknowledging, it is never hidden, whatever the time: no need to ask of thousands.
        plain = consumer.durable and consumer.ack_policy != "none"
        if consumer.own or (now is not None and not plain and hidden(consumer, now)):
            continue
        total += 1
        standing = standings.get("consumer:" + key)
        if standing is not None or consumer.answer is not Answer.OK:
            states[_state(consumer, standing)] += 1
    return _tally(total, states, stale)


def _count_agents(agents: Mapping[str, Agent], standings: Mapping[str, Health], stale: bool) -> Count:
    left = sum(agent.presence is Presence.LEFT for agent in agents.values())
    states: Counter[Health] = Counter()
    for ref, standing in standings.items():
        if not ref.startswith("agent:"):
            continue
        agent = agents.get(ref.removeprefix("agent:"))
        if agent is not None and agent.presence is not Presence.LEFT:
            states[standing] += 1
    return _tally(len(agents) - left, states, stale)


def verdict(snapshot: Snapshot) -> Verdict:
    """How bad it all is. Folded findings count once, as their cause.

    What somebody takes care of is still as bad as it is; what is put off or muted has no say.

    UNKNOWN, with the last known numbers, while there is no connection or a core source brings no fresh facts: never OK
    by default. What is absent or not permitted is left out, unless nothing else is left.
    """
    known = _known(snapshot)
    down = snapshot.site.connection.state is not LinkState.CONNECTED
    levels: Counter[Severity] = Counter()
    acked: Counter[Severity] = Counter()
    hidden = 0
    for finding in snapshot.findings.values():
        last = finding.last_known and (not finding.cause or finding.cause in _SITE)
        last = last or (finding.rule.startswith(BESIDE) and not finding.cause)
        if not (last if down else not finding.cause):
            continue  # without a connection: what was last known, not that it is no more
        said = finding.attention
        if said is not None and said.hidden:
            hidden += 1
        else:
            (acked if said is not None and said.quiet else levels)[finding.severity] += 1
    health = Health.UNKNOWN
    if known:
        health = max((level.health for level in (*levels, *acked)), key=lambda each: each.rank, default=Health.OK)
    figures = (levels[Severity.CRIT], levels[Severity.WARN], levels[Severity.INFO])
    return Verdict(health, *figures, acked.total(), hidden)


_SITE = frozenset((f"{UNREACHABLE}|nats", f"{CREDENTIALS}|nats"))


def _known(snapshot: Snapshot) -> bool:
    if snapshot.site.connection.state is not LinkState.CONNECTED:
        return False
    states = [state for name in _CORE if (state := snapshot.sources.get(name)) is not None]
    fresh = [state.fresh for state in states if state.status not in _NO_MATTER_OF_AGE]
    return bool(fresh) and all(fresh)
