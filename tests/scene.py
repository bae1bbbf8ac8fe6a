"""A scene: facts set by hand, a clock moved by hand, and the rules looking on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from app.model.attention import Mark
from app.model.broker import Account, Connection, Consumer, LinkState, Stream
from app.model.components import Component, Service
from app.model.findings import Finding
from app.model.fleet import Agent, Vitals
from app.model.jobs import DeadLetter, Job, JobAgent, JobStatus
from app.model.rates import History
from app.model.scoring import Score
from app.model.sessions import AiAgent, Intake
from app.model.snapshot import ApiUse, Capability, Site, Snapshot, SourceState, SourceStatus
from app.model.triage.judging import Triage

START = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)
SOURCES = ("account", "streams", "consumers", "registry", "jobs", "deadletters", "services")


def machine(number: int) -> str:
    """A machine id as Linux has them."""
    return f"{number:032x}"


class Scene:
    """Tables to fill, `look()` to be judged. Nothing is wrong in it at first."""

    def __init__(self, thresholds: Mapping[str, Mapping[str, object]] | None = None, **runbooks: str) -> None:
        self.at = START
        self.offset = 0.0
        self.lag = 0.0
        self.streams: dict[str, Stream] = {}
        self.consumers: dict[str, Consumer] = {}
        self.agents: dict[str, Agent] = {}
        self.vitals: dict[str, Vitals] = {}
        self.jobs: dict[str, Job] = {}
        self.letters: dict[str, DeadLetter] = {}
        self.services: dict[str, Service] = {}
        self.components: dict[str, Component] = {}
        self.marks: dict[str, Mark] = {}
        self.ai: dict[str, AiAgent] = {}
        self.scores: dict[str, Score] = {}
        self.intake = Intake()
        self.store_damage = self.set_aside = ""
        self.account: Account | None = None
        self.api = ApiUse()
        self.denied: dict[str, tuple[str, ...]] = {}
        self.connection = Connection(
            LinkState.CONNECTED, "nats-1:4222", "context prod", since=START - timedelta(hours=1)
        )
        self.statuses = dict.fromkeys(SOURCES, SourceStatus.OK)
        self.intervals = dict.fromkeys(SOURCES, 1.0)
        self.errors: dict[str, str] = {}
        self.good: dict[str, datetime] = {}
        self.fleet = True
        self.history = History()
        self.acked: frozenset[str] = frozenset()
        self.triage = Triage(thresholds or {}, {name.replace("_", "."): url for name, url in runbooks.items()})
        self.snapshot = Snapshot()

    def ago(self, seconds: float = 0.0, *, minutes: float = 0.0, hours: float = 0.0, days: float = 0.0) -> datetime:
        """An instant before now, on the broker's clock."""
        return (
            self.at
            + timedelta(seconds=self.offset)
            - timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
        )

    def stream(self, name: str = "JOBS", **fields: Any) -> Stream:
        old = self.streams.get(name) or Stream(name, created=START - timedelta(days=30))
        self.streams[name] = replace(old, **fields)
        return self.streams[name]

    def consumer(self, name: str = "billing", stream: str = "JOBS", **fields: Any) -> Consumer:
        old = self.consumers.get(f"{stream}/{name}") or Consumer(stream, name, created=START - timedelta(days=30))
        made = replace(old, **fields)
        self.consumers[made.key] = made
        return made

    def agent(self, number: int = 3, **fields: Any) -> Agent:
        key = machine(number)
        old = self.agents.get(key) or Agent(key, key, f"web-{number:02d}", started_at=START - timedelta(days=2))
        self.agents[key] = replace(old, **fields)
        return self.agents[key]

    def job(self, key: str, **fields: Any) -> Job:
        old = self.jobs.get(key) or Job(key, created=self.ago(), operation="node.disk.get", target="_any")
        self.jobs[key] = replace(old, **fields)
        return self.jobs[key]

    def ended(self, key: str, status: JobStatus = JobStatus.COMPLETED, seconds: float = 0.0, **fields: Any) -> Job:
        """A job that one host ended some seconds ago."""
        host = JobAgent("web-03", "failed" if status is JobStatus.FAILED else "completed", ended_at=self.ago(seconds))
        return self.job(key, status=status, agents=(host,), **fields)

    def letter(self, number: int, seconds: float = 0.0, **fields: Any) -> DeadLetter:
        """A dead letter that came some seconds ago."""
        stream = fields.pop("stream", "JOBS-DLQ")
        key = f"{stream}/{number}" if stream else f"advisory/JOBS/{number}"
        made = DeadLetter(key, at=self.ago(seconds), stream=stream, sequence=number, origin="JOBS", **fields)
        self.letters[key] = made
        return made

    def beats(self, number: int = 3, ahead: float = 0.0) -> None:
        """A heartbeat of an agent whose clock is ahead of the broker's."""
        key = self.agent(number).key
        self.vitals[key] = Vitals(key, self.ago(), self.ago(-ahead))

    def look(self, after: float = 0.0) -> Mapping[str, Finding]:
        """The findings some seconds later."""
        self.at += timedelta(seconds=after)
        for name, status in self.statuses.items():
            if status in (SourceStatus.OK, SourceStatus.PARTIAL):
                self.good[name] = self.at
        self.snapshot = Snapshot(
            epoch="scene",
            at=self.at,
            site=Site(
                connection=self.connection,
                capabilities=frozenset((Capability.BROKER, *((Capability.FLEET,) if self.fleet else ()))),
                clock_offset=self.offset,
                lag=self.lag,
                watching_since=START,
                account=self.account,
                api=self.api,
                intake=self.intake,
                store_damage=self.store_damage,
                set_aside=self.set_aside,
            ),
            sources={
                name: SourceState(
                    name,
                    status,
                    self.good.get(name),
                    self.errors.get(name, ""),
                    self.denied.get(name, ()),
                    self.intervals[name],
                )
                for name, status in self.statuses.items()
            },
            streams=dict(self.streams),
            consumers=dict(self.consumers),
            agents=dict(self.agents),
            vitals=dict(self.vitals),
            jobs=dict(self.jobs),
            components=dict(self.components),
            deadletters=dict(self.letters),
            services=dict(self.services),
            ai=dict(self.ai),
            scores=dict(self.scores),
            marks=self._marks(),
        )
        self.history.observe(self.snapshot)
        findings = self.triage.judge(self.snapshot, self.history, self.acked)
        self.snapshot = replace(self.snapshot, findings=findings, flows=self.history.flows())
        return findings

    def _marks(self) -> Mapping[str, Mark]:
        """As the worker has them: another mapping only where something changed."""
        before = self.snapshot.marks
        return before if dict(before) == self.marks else dict(self.marks)

    def run(self, seconds: float, step: float = 1.0) -> Mapping[str, Finding]:
        """Looks every `step` seconds; the findings at the end."""
        findings: Mapping[str, Finding] = {}
        for _ in range(int(seconds / step)):
            findings = self.look(step)
        return findings

    def quiet(self, seconds: float, step: float = 1.0) -> bool:
        """Whether there is no finding at any look of a while, the first included."""
        return not self.look() and all(not self.look(step) for _ in range(int(seconds / step)))

    def disconnect(self, **fields: Any) -> None:
        self.connection = replace(self.connection, state=LinkState.DOWN, since=self.at, **fields)

    def reconnect(self) -> None:
        self.connection = Connection(
            LinkState.CONNECTED,
            self.connection.url,
            self.connection.origin,
            since=self.at,
            reconnects=self.connection.reconnects + 1,
        )
