"""Agents: the hosts of the fleet; AI agents are the second list of the view."""

from __future__ import annotations

from app.model import text
from app.model.fleet import HEARTBEAT, Agent, Condition, Presence, Vitals, sanitise_host
from app.model.jobs import Job
from app.model.snapshot import Capability
from app.tui.picture import Picture, Standing
from app.tui.views import ai_agents, cells
from app.tui.views.cells import left, right
from app.tui.views.view import GLYPH, Field, View
from widgets.columns import Cell

SOURCES = ("registry",)
BEAT_OK = 1.5 * HEARTBEAT
"""Seconds up to which a heartbeat's age says nothing."""

FAILED_WITHIN = 3600.0
"""Seconds within which a failed job of a host counts."""

_WORDS = {"MemoryPressure": "memory", "HighLoad": "load", "DiskPressure": "disk", "ProcessMemoryPressure": "process"}


def standing(agent: Agent, picture: Picture) -> Standing:
    return picture.standing(f"agent:{agent.key}", "agents")


def vitals(agent: Agent, picture: Picture) -> Vitals | None:
    return picture.snapshot.vitals.get(agent.key)


def state(agent: Agent, picture: Picture) -> Cell:
    """Its own word for itself while it lives, else what became of it."""
    word = agent.state if agent.presence is Presence.LIVE else agent.presence.value
    style = {"gone": "crit", "stale": "warn", "left": "dim", "Ready": ""}.get(word, "accent")
    return Cell(word, word.casefold(), style)


def beat(agent: Agent, picture: Picture) -> Cell:
    """`ok` up to one and a half heartbeats, then the age of the last one."""
    last = vitals(agent, picture)
    if last is None:
        return cells.since(agent.since, picture, 4, absent=cells.UNKNOWN)
    age = picture.age(last.beat)
    if age is not None and age <= BEAT_OK and agent.presence is Presence.LIVE:
        return Cell("ok", 0, "dim")
    return cells.since(last.beat, picture, 4, "" if agent.presence is Presence.LEFT else "warn")


def condition_text(condition: Condition, last: Vitals | None) -> str:
    """Type and figure: `memory 94%`, `load 8.50`; what it says of itself where there is no figure of ours."""
    if condition.type == "MemoryPressure" and last is not None and last.memory_used is not None:
        return f"memory {text.percent(last.memory_used)}"
    if condition.type == "HighLoad" and last is not None and last.load1 is not None:
        return f"load {last.load1:.1f}"
    word = _WORDS.get(condition.type, condition.type)
    return f"{word}: {condition.reason}" if condition.reason else word


def _condition(agent: Agent, picture: Picture) -> Cell:
    active = agent.active_conditions
    if not active:
        return cells.ABSENT
    first = condition_text(active[0], vitals(agent, picture))
    return Cell(first if len(active) == 1 else f"{len(active)}: {first}", len(active), "warn")


def _pending(agent: Agent, picture: Picture) -> Cell:
    own = picture.consumers_of_agent(agent.key)
    if not own:
        return cells.ABSENT
    total = sum(consumer.pending for consumer in own)
    return cells.number(total, "" if total else "dim")


def _behind(agent: Agent, picture: Picture) -> Cell:
    own = picture.consumers_of_agent(agent.key)
    known = [behind for behind in map(picture.behind, own) if behind is not None]
    if not own:
        return cells.ABSENT
    if not known:
        return cells.UNKNOWN
    return cells.seconds(max(known), 6) if max(known) else Cell("0", 0, "dim")


def jobs_of(agent: Agent, picture: Picture) -> list[Job]:
    """The jobs that it takes part in, and those aimed at it that nobody has claimed."""
    host = sanitise_host(agent.hostname)
    return [
        job
        for job in picture.snapshot.jobs.values()
        if job.target == agent.key or any(each.host == host for each in job.agents)
    ]


def _jobs(agent: Agent, picture: Picture) -> Cell:
    if "jobs" not in picture.held:
        return cells.UNKNOWN
    running = picture.jobs.running(agent.hostname)
    return cells.number(running, "" if running else "dim")


def _failed(agent: Agent, picture: Picture) -> Cell:
    if "jobs" not in picture.held:
        return cells.UNKNOWN
    ages = map(picture.age, picture.jobs.failed(agent.hostname))
    failed = sum(1 for age in ages if age is not None and age <= FAILED_WITHIN)
    return cells.number(failed, "warn" if failed else "dim")


def _cpu(agent: Agent, picture: Picture) -> Cell:
    last = vitals(agent, picture)
    return cells.ABSENT if last is None or last.cpu is None else Cell(text.percent(last.cpu / 100), last.cpu)


def _memory(agent: Agent, picture: Picture) -> Cell:
    last = vitals(agent, picture)
    return cells.ABSENT if last is None else cells.percent(last.memory_used)


def _load(agent: Agent, picture: Picture) -> Cell:
    last = vitals(agent, picture)
    if last is None or last.load1 is None:
        return cells.ABSENT
    return Cell(f"{last.load1:.2f}" if last.load1 < 100 else f"{last.load1:.0f}", last.load1)


def _up(agent: Agent, picture: Picture) -> Cell:
    last = vitals(agent, picture)
    return cells.ABSENT if last is None or last.uptime is None else cells.seconds(last.uptime, 6)


def labels(agent: Agent) -> str:
    return " ".join(f"{key}={value}" for key, value in agent.labels)


def lacks(picture: Picture) -> str:
    if picture.has(Capability.FLEET) or picture.snapshot.agents:
        return ""
    return "No fleet here: agents need the buckets agent-registry and job-queue."


VIEW = View(
    id="agents",
    number="6",
    title="Agents",
    kind="agent",
    nouns=("agent", "agents"),
    section="agents",
    sections=frozenset({"findings", "agents", "vitals", "consumers", "jobs"}),
    sources=SOURCES,
    called="hosts",
    others=(ai_agents.VIEW,),
    sort="beat",
    standing=standing,
    names=lambda agent, picture: f"{agent.hostname} {agent.machine_id} {labels(agent)}",
    copy=lambda agent: agent.hostname,
    last=lambda agent, picture: agent.presence is Presence.LEFT,
    lacks=lacks,
    empty="No agents are registered.",
    fields=(
        GLYPH,
        Field(left("agent", "AGENT", 14, flex=True, help="host name"), lambda a, p: cells.plain(a.hostname)),
        Field(
            left("state", "STATE", 8, help="as registered: Ready, Draining, Cordoned, Pending; else stale, gone, left"),
            state,
        ),
        Field(right("beat", "BEAT", 4, help="age of the last heartbeat; ok up to 15 s"), beat, times=True),
        Field(
            left(
                "condition",
                "CONDITION",
                18,
                flex=True,
                help="active condition with its figure; their number if several",
            ),
            _condition,
        ),
        Field(right("cpu", "CPU", 4, help="of the agent's process, percent of one core"), _cpu),
        Field(right("mem", "MEM", 4, help="memory of the host in use"), _memory),
        Field(right("load", "LOAD", 5, 2, help="load average of 1 minute"), _load),
        Field(right("jobs", "JOBS", 4, 2, help="jobs that it works on"), _jobs),
        Field(right("pending", "PENDING", 7, 2, help="messages pending, sum over its consumers"), _pending),
        Field(
            right("behind", "BEHIND", 6, 3, help="largest of its consumers: age of the oldest message not delivered"),
            _behind,
        ),
        Field(right("failed", "FAILED", 6, 3, help="jobs that failed on it within an hour"), _failed),
        Field(left("labels", "LABELS", 16, 4, flex=True, help="labels"), lambda a, p: cells.plain(labels(a))),
        Field(right("up", "UP", 6, 4, help="uptime of the host"), _up),
        Field(left("os", "OS", 14, 4, help="distribution"), lambda a, p: cells.plain(a.os)),
        Field(left("version", "VERSION", 8, 5, help="of the agent"), lambda a, p: cells.plain(a.version)),
        Field(left("machine", "MACHINE", 8, 5, help="machine id"), lambda a, p: cells.plain(a.machine_id)),
    ),
)
