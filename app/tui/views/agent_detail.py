"""The detail of an agent."""

from __future__ import annotations

from heapq import nlargest

from app.model import text
from app.model.fleet import Agent, Presence
from app.tui.lines import BLANK, Line, rule
from app.tui.picture import Picture
from app.tui.views import agent_ties, agents, ai_agents, consumers, jobs, parts, sessions
from app.tui.views.parts import Fact, ago, both

SESSIONS_SHOWN = 5


def agent_name(key: str, picture: Picture) -> str:
    agent = picture.snapshot.agents.get(key)
    return parts.name_of(agent.hostname if agent else key, picture)


def agent_detail(key: str, picture: Picture, width: int) -> list[Line]:
    """State, heartbeat, conditions with reasons and since, vitals, its consumers, facts, parts, timeline."""
    agent = picture.snapshot.agents.get(key)
    if agent is None:
        return parts.gone("agent", key, picture)
    standing = agents.standing(agent, picture)
    beat = picture.snapshot.vitals.get(key)
    state = agent.state if agent.presence is Presence.LIVE else agent.presence.value
    last = beat.beat if beat is not None else agent.since
    heard = f"heartbeat {ago(last, picture)} ago" if last is not None else ""
    lines = [parts.head(agent.hostname, standing, (state, heard))]
    lines += parts.findings(picture.findings_of(f"agent:{key}"), picture)
    lines += parts.conditions(agent.conditions, picture)
    lines += _ai(agent, picture, width)
    lines += _jobs(agent, picture, width)
    lines += _consumers(key, picture, width)
    lines += [rule("Host"), *parts.facts(_host(agent, picture), width)]
    if agent.sub_components:
        lines.append(rule("Components", right=str(len(agent.sub_components))))
        for part in agent.sub_components:
            fine = part.status.casefold() in ("ok", "ready", "running", "enabled", "up", "healthy", "disabled")
            lines.append(
                Line(
                    (
                        (f"  {part.name:<24} ", ""),
                        (f"{part.status:<10} ", "" if fine else "warn"),
                        (part.address, "dim"),
                    ),
                    key=f"part {part.name}",
                    copy=part.name,
                    fault=not fine,
                )
            )
    return lines + _timeline(agent, picture)


def _ai(agent: Agent, picture: Picture, width: int) -> list[Line]:
    """The AI agents on it with their scores, and what they ran last; nothing where no name and no label says of any."""
    ties = agent_ties.on_host(agent, picture)
    if not ties:
        return []
    lines = parts.table("AI agents", ai_agents.VIEW, [tie.agent for tie in ties], picture, width)
    lines.append(Line(((f"  here by {', '.join(dict.fromkeys(tie.why for tie in ties))}", "dim"),)))
    keys = {tie.agent.key for tie in ties}
    own = [row for row in picture.snapshot.sessions.values() if row.agent in keys]
    if own:
        newest = nlargest(SESSIONS_SHOWN, own, key=lambda row: row.began)
        lines += parts.table(
            "Sessions", sessions.VIEW, newest, picture, width, sort=lambda row, _: -row.began.timestamp()
        )
    return lines


def _jobs(agent: Agent, picture: Picture, width: int) -> list[Line]:
    """Its jobs: what it works on, then what failed, then the newest."""
    own = agents.jobs_of(agent, picture)
    if "jobs" not in picture.held or not own:
        return []
    return parts.table("Jobs", jobs.OF_AGENT, own, picture, width, sort=jobs.urgency)


def _consumers(key: str, picture: Picture, width: int) -> list[Line]:
    """Its consumers. Where all read one stream, the title says which, and their names have that room."""
    own = picture.consumers_of_agent(key)
    streams = {consumer.stream for consumer in own}
    title = f"Consumers on {text.cut(streams.pop(), 40)}" if len(streams) == 1 else "Consumers"
    without = ("stream",) if title != "Consumers" else ()
    return parts.table(title, consumers.OF_AGENT, own, picture, width, without=without)


def _host(agent: Agent, picture: Picture) -> list[Fact]:
    beat, known = picture.snapshot.vitals.get(agent.key), picture.snapshot.facts.get(agent.key)
    pairs: list[Fact] = []
    if beat is not None:
        loads = [f"{load:.2f}" for load in (beat.load1, beat.load5, beat.load15) if load is not None]
        used = beat.memory_used
        memory = "" if used is None else f"{text.percent(used)} of {text.size(beat.memory_total)}"
        pairs += [
            ("last heartbeat", both(beat.beat, picture)),
            ("load 1, 5, 15 m", "  ".join(loads)),
            ("memory", memory, "warn" if used is not None and used > 0.9 else ""),
            ("agent cpu, rss", f"{beat.cpu or 0:.1f}%, {text.size(beat.rss)}" if beat.rss is not None else ""),
            ("host up", text.duration(beat.uptime) if beat.uptime is not None else ""),
        ]
    pairs += [
        ("agent started", both(agent.started_at, picture)),
        ("os", agent.os),
        ("agent version", agent.version),
        ("machine id", agent.machine_id),
        ("labels", agents.labels(agent)),
    ]
    if known is not None:
        pairs += [
            ("kernel, cpu", " ".join(part for part in (known.kernel, known.architecture) if part)),
            ("cpus", str(known.cpus) if known.cpus else ""),
            ("fqdn", known.fqdn),
            ("managers", ", ".join(part for part in (known.service_manager, known.package_manager) if part)),
            ("container", "" if known.containerized is None else "yes" if known.containerized else "no"),
            ("interfaces", "  ".join(f"{name} {address}" for name, address in known.interfaces[:12])),
            *[(name, value) for name, value in known.extra[:20]],
            ("facts from", both(known.at, picture)),
        ]
    return pairs


def _timeline(agent: Agent, picture: Picture) -> list[Line]:
    if not agent.timeline:
        return []
    lines = [BLANK, rule("Timeline", right=str(len(agent.timeline)))]
    for number, event in enumerate(agent.timeline):
        said = " ".join(part for part in (event.message, event.error) if part)
        lines.append(
            Line(
                (
                    (f"  {ago(event.at, picture):>8} ", "dim"),
                    (f"{event.event:<12} ", ""),
                    (said, "crit" if event.error else ""),
                ),
                key=f"event {event.at.isoformat()} {number}",
                copy=f"{event.at.isoformat()} {event.event} {said}".strip(),
                fault=bool(event.error),
            )
        )
    return lines
