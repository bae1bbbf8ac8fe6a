"""Snapshots as literals: a small fleet like OSAPI's, with and without an incident, and a Feed that plays frames."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from app.feed.acts import Act, ChooseNamespace, Refresh
from app.feed.protocol import FeedState, Frame
from app.feed.questions import Question, Unanswered
from app.model.broker import (
    Account,
    Connection,
    Consumer,
    Flow,
    LinkState,
    ServerInfo,
    Stream,
    StreamKind,
    Tier,
)
from app.model.components import Component, ComponentKind, Endpoint, Instance, Service
from app.model.events import Event, EventKind
from app.model.findings import Evidence, Finding, Severity, Step
from app.model.fleet import (
    Agent,
    Condition,
    HostFacts,
    Presence,
    SubComponent,
    TimelineEvent,
    Vitals,
)
from app.model.health import Health
from app.model.jobs import (
    DeadKind,
    DeadLetter,
    Job,
    JobAgent,
    JobAgentState,
    JobDetail,
    JobEvent,
    JobResponse,
    JobStatus,
    Queue,
)
from app.model.snapshot import (
    SECTIONS,
    Capability,
    Count,
    Site,
    Snapshot,
    SourceState,
    SourceStatus,
    Verdict,
)

T = TypeVar("T")
NOW = datetime(2026, 11, 22, 14, 5, 31, tzinfo=UTC)
HOSTS = (
    "web-01",
    "web-02",
    "web-03",
    "db-01",
    "db-02",
    "cache-01",
    "build-01",
    "build-02",
    "edge-fra-01",
    "edge-iad-01",
)
ROUTES = ("query_any", "query_all", "query_direct", "modify_any", "modify_all", "modify_direct")


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def machine(host: str) -> str:
    """A machine id of 32 hex digits, the same for the same host."""
    return f"{sum(ord(char) * 31**place for place, char in enumerate(host)):032x}"[-32:]


def keyed(records: Iterable[Any]) -> dict[str, Any]:
    return {record.key: record for record in records}


def stream(name: str, **fields: Any) -> Stream:
    given: dict[str, Any] = {
        "subjects": (f"{name.lower()}.>",),
        "created": ago(12 * 86400),
        "messages": 1200,
        "bytes": 5_400_000,
        "first_seq": 1,
        "last_seq": 1200,
        "first_at": ago(7200),
        "last_at": ago(3),
        "subject_count": 12,
        "duplicate_window": 120.0,
        "allow_direct": True,
    }
    return Stream(name=name, **{**given, **fields})


def consumer(stream_name: str, name: str, **fields: Any) -> Consumer:
    given: dict[str, Any] = {
        "created": ago(12 * 86400),
        "ack_wait": 120.0,
        "max_deliver": 5,
        "max_ack_pending": 1000,
        "waiting": 1,
        "delivered_stream_seq": 48_000,
        "delivered_consumer_seq": 4_000,
        "delivered_at": ago(4),
        "floor_stream_seq": 48_000,
        "floor_consumer_seq": 4_000,
        "acked_at": ago(3),
    }
    return Consumer(stream=stream_name, name=name, **{**given, **fields})


def agent(host: str, **fields: Any) -> Agent:
    given: dict[str, Any] = {
        "labels": (("group", "web.eu"), ("role", host.partition("-")[0])),
        "started_at": ago(3 * 86400),
        "os": "Ubuntu 24.04",
        "version": "0.4.1",
        "conditions": tuple(
            Condition(kind, False, since=ago(3 * 86400)) for kind in ("MemoryPressure", "HighLoad", "DiskPressure")
        ),
        "sub_components": (SubComponent("job.listener", "ok"), SubComponent("metrics", "ok", "127.0.0.1:9100")),
        "timeline": (
            TimelineEvent(ago(3 * 86400), "registered", host),
            TimelineEvent(ago(2 * 86400), "undrain", host, "by ana"),
        ),
    }
    return Agent(key=machine(host), machine_id=machine(host), hostname=host, **{**given, **fields})


def vitals(host: str, beat: float = 4.0, memory: float = 0.41, **fields: Any) -> Vitals:
    total = 16 * 2**30
    given: dict[str, Any] = {
        "registered_at": ago(beat),
        "cpu": 2.4,
        "rss": 48 * 2**20,
        "load1": 0.42,
        "load5": 0.51,
        "load15": 0.48,
        "memory_total": total,
        "memory_available": int(total * (1 - memory)),
        "uptime": 12 * 86400.0,
    }
    return Vitals(machine(host), beat=ago(beat), **{**given, **fields})


def facts(host: str) -> HostFacts:
    return HostFacts(
        machine(host),
        ago(40),
        architecture="x86_64",
        kernel="6.8.0",
        cpus=8,
        fqdn=f"{host}.eu.example",
        service_manager="systemd",
        package_manager="apt",
        containerized=False,
        primary_interface="eth0",
        interfaces=(("eth0", "10.0.4.17"), ("lo", "127.0.0.1")),
    )


def sources(**changed: SourceState) -> dict[str, SourceState]:
    names = ("connection", "account", "streams", "consumers", "registry", "facts", "state", "jobs", "deadletters")
    return {name: changed.get(name, SourceState(name, SourceStatus.OK, good_at=ago(0.4))) for name in names}


def site(**changed: Any) -> Site:
    given: dict[str, Any] = {
        "name": "prod",
        "connection": Connection(
            LinkState.CONNECTED, "nats://nats-1:4222", "context prod", since=ago(7980), rtt=0.0011
        ),
        "server": ServerInfo("nats-1", "2.15.1", jetstream=True),
        "account": Account("ORDERS", (Tier("", 0, 1_288_490_188, 9, 64, max_storage=10 * 2**30),)),
        "capabilities": frozenset({Capability.BROKER, Capability.FLEET}),
        "namespace": "osapi",
        "namespace_found": True,
        "watching_since": ago(7980),
    }
    return Site(**{**given, **changed})


def _streams() -> list[Stream]:
    bucket = {"kind": StreamKind.KV, "discard": "new", "max_bytes": 100 * 2**20}
    return [
        stream(
            "JOBS",
            messages=9_812,
            max_messages=10_000,
            max_bytes=50 * 2**20,
            bytes=12_400_000,
            first_seq=38_400,
            last_seq=48_211,
        ),
        stream("JOBS-DLQ", messages=12, bytes=40_212, metadata=(("dead_letter_queue", "true"),), last_at=ago(240)),
        stream("AUDIT", messages=401_220, bytes=52_428_000, max_bytes=50 * 2**20, max_age=86400.0),
        stream(
            "ORDERS", kind=StreamKind.QUEUE, retention="workqueue", messages=2_240, bytes=3_100_000, first_at=ago(660)
        ),
        stream("KV_agent-registry", messages=13, bytes=22_000, last_at=ago(1), **bucket),
        stream("KV_agent-facts", messages=10, bytes=80_000, **bucket),
        stream("KV_job-queue", messages=1_210, bytes=97 * 2**20, **bucket),
        stream("KV_agent-state", messages=64, bytes=120_000, **bucket),
        stream("OBJ_file-objects", kind=StreamKind.OBJECT, messages=210, bytes=812 * 2**20),
    ]


def _consumers() -> list[Consumer]:
    rows = []
    for host in HOSTS:
        dead = host == "web-03"
        for route in ROUTES:
            changed: dict[str, Any] = {"filters": (f"jobs.{route.replace('_', '.')}.{machine(host)}",)}
            if dead:
                changed |= {
                    "pending": 350,
                    "waiting": 0,
                    "next_at": ago(259),
                    "acked_at": ago(259),
                    "delivered_at": ago(259),
                }
            rows.append(consumer("JOBS", f"jobs-agent_{route}_{machine(host)}", **changed))
    rows += [
        consumer(
            "ORDERS", "billing", pending=2_240, ack_pending=1000, acked_at=ago(252), next_at=ago(660), stuck_at=ago(700)
        ),
        consumer("ORDERS", "shipping", pending=12, ack_pending=3, next_at=ago(2)),
        consumer("AUDIT", "export", pending=120_400, next_at=ago(84_000), ack_pending=12),
        consumer("AUDIT", "watchdeck-look", durable=False),
        consumer("AUDIT", "tmp-1f", durable=False, created=ago(20)),
    ]
    return rows


def _agents() -> list[Agent]:
    rows = []
    for host in HOSTS:
        if host == "web-03":
            rows.append(agent(host, presence=Presence.GONE, since=ago(259)))
        elif host == "web-02":
            pressure = Condition("MemoryPressure", True, "memory 94% used (15.0/16.0 GB)", ago(1870))
            rows.append(
                agent(host, conditions=(pressure, Condition("HighLoad", False), Condition("DiskPressure", False)))
            )
        elif host == "db-02":
            rows.append(agent(host, state="Cordoned"))
        else:
            rows.append(agent(host))
    return rows


def findings() -> list[Finding]:
    gone, web02 = machine("web-03"), machine("web-02")
    held = [f"consumer:JOBS/jobs-agent_{route}_{gone}" for route in ROUTES]
    return [
        Finding(
            f"agent.gone|{gone}", "agent.gone", Severity.CRIT, "agent", "web-03",
            "gone since 14:01:12 (no farewell), 2 jobs running", refs=(f"agent:{gone}",), since=ago(259),
            detail="2.1k pending on its 6 consumers, 12 dead letters, 4 jobs unclaimed", folded=6,
            evidence=(
                Evidence("last heartbeat", "4m19s ago", "30s", "default"),
                Evidence("farewell", "none", "", "from the broker"),
            ),
            steps=(
                Step("Look whether the host answers, and restart its agent.", "ssh web-03 systemctl status osapi"),
                Step("Keep new jobs away from it.", "osapi client agent drain --hostname web-03"),
            ),
        ),
        *[
            Finding(
                f"consumer.no_client|{ref}", "consumer.no_client", Severity.WARN, "consumer", ref.rpartition("/")[2],
                "nobody pulls since 14:01:12, 350 pending", refs=(ref,), since=ago(259), cause=f"agent.gone|{gone}",
            )
            for ref in held
        ],
        Finding(
            "consumer.stalled|ORDERS/billing", "consumer.stalled", Severity.CRIT, "consumer", "ORDERS › billing",
            "no ack 4m12s, ack pending 1000/1000", refs=("consumer:ORDERS/billing", "stream:ORDERS"), since=ago(252),
            detail="2.2k orders wait, the oldest for 11m",
            evidence=(
                Evidence("last ack", "4m12s ago", "4m", "default"),
                Evidence("ack pending", "1000", "1000", "consumer"),
            ),
            steps=(Step("See which client holds them.", "nats --context prod consumer info ORDERS billing"),),
        ),
        Finding(
            "stream.rejecting|KV_job-queue", "stream.rejecting", Severity.WARN, "stream", "job-queue",
            "97% of 100M, full in 9m: then writes are rejected", refs=("stream:KV_job-queue",), since=ago(900),
            since_exact=False, evidence=(Evidence("filled", "97%", "90%", "default"),),
            steps=(Step("Give it more room.", "nats --context prod stream edit KV_job-queue --max-bytes 200M"),),
        ),
        Finding(
            f"agent.condition|{web02}", "agent.condition", Severity.WARN, "agent", "web-02",
            "memory 94% used (15.0/16.0 GB)", refs=(f"agent:{web02}",), since=ago(1870),
            evidence=(Evidence("MemoryPressure", "true", "90%", "agent"),),
            steps=(Step("Keep new jobs away from it.", "osapi client agent drain --hostname web-02"),),
        ),
        Finding(
            "consumer.abandoned|AUDIT/export", "consumer.abandoned", Severity.INFO, "consumer", "AUDIT › export",
            "unused 3d", refs=("consumer:AUDIT/export",), since=ago(3 * 86400),
        ),
    ]  # fmt: skip


def components() -> list[Component]:
    """Watchdeck's own parts, a controller and its NATS, parts of the agents, two services of which one is gone."""
    kinds = ComponentKind
    own, control, part, answers = kinds.WORKER, kinds.CONTROL, kinds.AGENT, kinds.SERVICE
    controller, nats = "control:controller.web_01", "control:nats.web_01"
    up, ready = ago(7980), {"health": Health.OK, "state": "ready", "host": "web-01", "version": "0.1.0"}
    return [
        Component("worker:nats", own, "nats", Health.OK, "connected", since=up, latency=0.0011, version="2.15.1",
                  address="nats://nats-1:4222"),
        Component("worker:collection", own, "collection", Health.OK, "ok", since=up, reason="every 1 s"),
        Component("worker:store", own, "store", Health.OK, "ok", since=up),
        Component("worker:http", own, "http", Health.OK, "ok", since=up, address="127.0.0.1:8000"),
        Component("worker:process", own, "process", Health.OK, "ok", since=up, started_at=up, cpu=3.1, rss=98 * 2**20,
                  reason="9 threads"),
        Component("worker:host", own, "host", Health.WARN, "disk", host="ops-1", since=ago(1200),
                  reason="disk 91% used (91.0/100.0 GB)"),
        Component(controller, control, "controller", type="controller", since=ago(40_000), started_at=ago(40_000),
                  cpu=4.2, rss=61 * 2**20, **ready),
        Component(f"{controller}/controller.api", control, "controller.api", Health.OK, "ok", host="web-01",
                  parent=controller, address="http://0.0.0.0:8080"),
        Component(f"{controller}/controller.tracing", control, "controller.tracing", Health.OK, "disabled",
                  host="web-01", parent=controller),
        Component(f"{controller}/controller.kv (connectivity)", control, "controller.kv (connectivity)", Health.CRIT,
                  "error", host="web-01", parent=controller, since=ago(310)),
        Component(nats, control, "nats", type="nats", since=ago(40_000), started_at=ago(40_000), cpu=11.0,
                  rss=212 * 2**20, **ready),
        Component(f"{nats}/nats.server", control, "nats.server", Health.OK, "ok", host="web-01", parent=nats,
                  address="nats://0.0.0.0:4222"),
        Component("agent:job.listener", part, "job.listener", Health.OK, "ok", hosts=9),
        Component("agent:metrics", part, "metrics", Health.WARN, "error", hosts=9, reason="error on web-02",
                  since=ago(95)),
        Component("agent:metrics/web-02", part, "metrics", Health.WARN, "error", host="web-02", parent="agent:metrics",
                  since=ago(95), address="127.0.0.1:9100"),
        Component("service:pricing", answers, "pricing", Health.OK, "up 2", since=ago(3600), latency=0.0042,
                  requests=38.5, errors=0.012, version="1.4.0"),
        Component("service:geo", answers, "geo", Health.WARN, "gone", since=ago(190), version="0.9.2"),
    ]  # fmt: skip


def services() -> list[Service]:
    """A service of two instances, and one whose instances answer no more."""
    quote = Endpoint("quote", "pricing.quote", "q", requests=41_200, errors=480, mean=0.0039, last_error="422: no SKU")
    bulk = Endpoint("bulk", "pricing.bulk", "q", requests=812, errors=2, mean=0.021)
    return [
        Service(
            "pricing", "Prices of articles", "1.4.0",
            (
                Instance("VDXA5ZQX3K0W4YJ7CTQ0P1", "1.4.0", ago(86_400), None, (quote, bulk)),
                Instance("VDXA5ZQX3K0W4YJ7CTQ0R8", "1.4.0", ago(3600), ago(14), (quote, bulk)),
            ),
            requests=38.5, errors=0.012, mean=0.0042, last_error="422: no SKU",
        ),
        Service("geo", "Places by address", "0.9.2", gone_since=ago(190)),
    ]  # fmt: skip


def events() -> list[Event]:
    """What happened around the incident, oldest first."""
    gone = f"agent:{machine('web-03')}"
    billing = ("consumer:ORDERS/billing", "stream:ORDERS")
    return [
        Event("00000001", ago(7980), EventKind.WORKER, "watchdeck", "watching began"),
        Event("00000002", ago(2400), EventKind.CONFIG, "ORDERS › billing", "max_ack_pending 5000 → 1000", refs=billing),
        Event("00000003", ago(1870), EventKind.FINDING, "web-02", "raised: memory 94% used (15.0/16.0 GB)",
              Severity.WARN, refs=(f"agent:{machine('web-02')}",)),
        Event("00000004", ago(620), EventKind.ADVISORY, "AUDIT › tmp-1f", "consumer created", times=12,
              first_at=ago(668), refs=("consumer:AUDIT/tmp-1f",), minor=True),
        Event("00000005", ago(259), EventKind.AGENT, "web-03", "gone without a farewell", Severity.CRIT, refs=(gone,)),
        Event("00000006", ago(252), EventKind.FINDING, "ORDERS › billing", "raised: no ack 4m12s",
              Severity.CRIT, refs=billing),
        Event("00000007", ago(240), EventKind.ADVISORY, "JOBS › jobs-agent_query_any", "message 48102 given up after 5 "
              "deliveries", Severity.WARN, times=3, first_at=ago(247), refs=("stream:JOBS",)),
        Event("00000008", ago(190), EventKind.COMPONENT, "geo", "gone: no instance answers", Severity.WARN,
              refs=("component:service:geo",)),
        Event("00000009", ago(60), EventKind.ACTION, "web-02", "acknowledged: moving two jobs", who="ana",
              refs=(f"agent:{machine('web-02')}",)),
    ]  # fmt: skip


def job(number: int, created: float, status: JobStatus, **fields: Any) -> Job:
    """A job of some seconds ago; its id tells its number."""
    given = {"operation": "node.disk.get", "verb": "query", "target": "_any", "counted": True}
    return Job(f"{number:08x}-0000-4000-8000-{number:012x}", status, ago(created), **{**given, **fields})


def part(host: str, event: str, began: float, ended: float | None = None, tries: int = 1) -> JobAgent:
    """What a host made of a job."""
    return JobAgent(host, event, ago(began), ago(began - 0.1), None if ended is None else ago(ended), tries)


def jobs() -> list[Job]:
    """The queue around the incident: two run on the host that is gone, one waits for it, some failed, many are done."""
    status, web03 = JobStatus, machine("web-03")
    rows = [
        job(1, 5.0, status.SUBMITTED, operation="node.hostname.get", counted=False),
        job(2, 240.0, status.SUBMITTED, operation="node.file.deploy", verb="modify", target=web03, counted=False),
        job(3, 265.0, status.PROCESSING, operation="node.package.install", verb="modify", target=web03,
            agents=(part("web-03", "started", 264.6),)),
        job(4, 263.0, status.PROCESSING, target="_all", expected=10,
            agents=(*(part(host, "completed", 262.5, 261.0) for host in HOSTS if host != "web-03"),
                    part("web-03", "started", 262.0))),
        job(5, 600.0, status.FAILED, operation="node.disk.query", target=machine("db-01"), error="timeout after 30s",
            agents=(part("db-01", "failed", 599.0, 569.0, 3),), retried_as=f"{8:08x}-0000-4000-8000-{8:012x}"),
        job(6, 620.0, status.FAILED, operation="node.disk.query", target="group:web.eu", error="timeout after 30s",
            agents=(part("web-02", "failed", 619.0, 589.0, 5),), dead=1),
        job(7, 900.0, status.PARTIAL, operation="docker.container.list", target="_all", expected=10,
            error="docker is not running",
            agents=tuple(part(host, "failed" if host == "edge-fra-01" else "completed", 899.0, 898.2)
                         for host in HOSTS)),
        job(8, 560.0, status.COMPLETED, operation="node.disk.query", target=machine("db-01"),
            agents=(part("db-01", "completed", 559.6, 556.0),), retry_of=f"{5:08x}-0000-4000-8000-{5:012x}"),
    ]  # fmt: skip
    rows += [
        job(9 + at, 40.0 + 37 * at, status.COMPLETED, operation=("node.uptime.get", "node.disk.get")[at % 2],
            target=machine(HOSTS[at % 10]), agents=(part(HOSTS[at % 10], "completed", 39.5 + 37 * at, 38 + 37 * at),))
        for at in range(60)
    ]  # fmt: skip
    return rows


def deadletters() -> list[DeadLetter]:
    """One behind a job that failed, and two whose job is no longer in the queue."""
    origin = {"stream": "JOBS-DLQ", "origin": "JOBS", "deliveries": 5}
    return [
        DeadLetter("JOBS-DLQ/12", DeadKind.MAX_DELIVER, ago(240), sequence=12, origin_sequence=48_102, host="web-02",
                   consumer=f"jobs-agent_query_any_{machine('web-02')}", job=jobs()[5].key,
                   operation="node.disk.query", subject="jobs.query._any", error="timeout after 30s", **origin),
        DeadLetter("JOBS-DLQ/11", DeadKind.MAX_DELIVER, ago(3900), sequence=11, origin_sequence=47_990, host="web-03",
                   consumer=f"jobs-agent_query_all_{machine('web-03')}", job="5e0c7d11-0000-4000-8000-000000000099",
                   operation="node.load.get", subject="jobs.query._all", **origin),
        DeadLetter("JOBS-DLQ/10", DeadKind.TERMINATED, ago(7300), sequence=10, origin_sequence=47_812,
                   consumer=f"jobs-agent_query_any_{machine('edge-fra-01')}", error="not a job id", **origin),
    ]  # fmt: skip


def queue() -> Queue:
    return Queue(
        total=66, submitted=0, processing=2, completed=61, failed=2, partial=1, unclaimed=2, dead=12,
        finished_15m=30, failed_15m=3,
    )  # fmt: skip


def job_told(key: str) -> JobDetail:
    """What a worker tells of the failed job behind a dead letter."""
    return JobDetail(
        key,
        JobStatus.FAILED,
        operation_data='{"path":"/","nested":{"depth":2}}',
        subject="jobs.query.label.group.web.eu",
        error="timeout after 30s",
        updated=ago(589),
        agents=(JobAgentState("web-02", "failed", "timeout after 30s", 30.1),),
        timeline=(
            JobEvent(ago(619), "acknowledged", "web-02"),
            JobEvent(ago(618.9), "started", "web-02", "pid 4711"),
            JobEvent(ago(589), "failed", "web-02", error="timeout after 30s"),
        ),
        responses=(JobResponse("web-02", "failed", ago(589), '{"disks":[{"name":"/","used":91}]}', "timeout", False),),
        dead=(deadletters()[0],),
    )


def _flows() -> list[Flow]:
    rates = {"JOBS": 12.0, "AUDIT": 388.0, "ORDERS": 11.4, "KV_agent-registry": 1.0, "KV_job-queue": 0.4}
    rows = [
        Flow(
            f"stream:{row.name}",
            rate_in=rates.get(row.name, 0.0),
            trend=(8.0, 9.0, 11.0, 10.0, 12.0, 14.0, 13.0, 12.0, 11.0, 12.0),
        )
        for row in _streams()
    ]
    for row in _consumers():
        growing = row.pending > 100
        net = 40.0 if growing else 0.0
        trend = tuple(row.pending * share / 10 for share in range(1, 11)) if growing else (0.0,) * 10
        rows.append(Flow(f"consumer:{row.key}", rate_out=0.0 if growing else 2.0, net=net, trend=trend))
    return rows


def fleet(**changed: Any) -> Snapshot:
    """The small fleet with its incident: web-03 is gone, web-02 short of memory, billing stalled, a bucket fills."""
    given: dict[str, Any] = {
        "epoch": "e1",
        "seq": 1,
        "at": NOW,
        "site": site(),
        "sources": sources(),
        "verdict": Verdict(Health.CRIT, crit=2, warn=2, info=1),
        "counts": {
            "streams": Count(ok=8, warn=1),
            "consumers": Count(ok=56, warn=6, crit=1),
            "agents": Count(ok=8, warn=1, crit=1),
        },
        "findings": keyed(findings()),
        "streams": keyed(_streams()),
        "consumers": keyed(_consumers()),
        "flows": keyed(_flows()),
        "agents": keyed(_agents()),
        "vitals": keyed(
            vitals(host, *((259.0,) if host == "web-03" else (4.0, 0.94) if host == "web-02" else ())) for host in HOSTS
        ),
        "facts": keyed(facts(host) for host in HOSTS),
        "components": keyed(components()),
        "services": keyed(services()),
        "events": keyed(events()),
        "jobs": keyed(jobs()),
        "deadletters": keyed(deadletters()),
        "queue": queue(),
    }
    return Snapshot(**{**given, **changed})


def calm(**changed: Any) -> Snapshot:
    """The same fleet with nothing wrong."""
    rows = {
        "findings": {},
        "verdict": Verdict(Health.OK),
        "counts": {"streams": Count(ok=9), "consumers": Count(ok=63), "agents": Count(ok=10)},
        "agents": keyed(agent(host) for host in HOSTS),
        "vitals": keyed(vitals(host) for host in HOSTS),
        "components": keyed(row for row in components() if row.health is Health.OK),
        "events": keyed(events()[:2]),
        "jobs": keyed(row for row in jobs() if row.status is JobStatus.COMPLETED),
        "deadletters": {},
        "queue": Queue(total=61, completed=61, finished_15m=27),
    }
    return fleet(**{**rows, **changed})


def waiting(connection: Connection, **changed: Any) -> Snapshot:
    """A worker that has not seen a single fact yet."""
    none = {name: SourceState(name) for name in sources()}
    return Snapshot(
        **{
            "epoch": "e1",
            "seq": 1,
            "at": NOW,
            "site": Site(connection=connection),
            "sources": none,
            **changed,
        }
    )


def changes(before: Snapshot, after: Snapshot) -> tuple[dict[str, frozenset[str]], dict[str, frozenset[str]]]:
    """Keys that are new or other objects, and keys that are gone, by section."""
    changed, gone = {}, {}
    for name in SECTIONS:
        old, new = before.section(name), after.section(name)
        changed[name] = frozenset(key for key, row in new.items() if old.get(key) is not row)
        gone[name] = frozenset(old.keys() - new.keys())
    return changed, gone


class LiteralFeed:
    """A Feed over snapshots. Each is pushed as a frame; `clock` is the deck's monotonic clock, moved by hand."""

    def __init__(self, *snapshots: Snapshot, state: FeedState = FeedState.LIVE) -> None:
        self.clock = 1000.0
        self.watched: frozenset[str] = frozenset()
        self.looked: list[frozenset[str]] = []
        self.refreshed = 0
        self.acts: list[Act] = []
        self.refusal = ""  # why nothing is done
        self.answers: dict[Question[Any], Any] = {}
        self.asked: list[Question[Any]] = []
        self.closed = False
        self._last = Snapshot()
        self._state = state
        self._queue: asyncio.Queue[Frame | None] = asyncio.Queue()
        for snapshot in snapshots:
            self.push(snapshot)

    def push(
        self, snapshot: Snapshot, *, state: FeedState | None = None, note: str = "", whole: bool | None = None
    ) -> None:
        """The next frame: changed rows only, or whole for the first and for another epoch."""
        self._state = state or self._state
        first = self._last.epoch != snapshot.epoch if whole is None else whole
        changed, gone = changes(self._last, snapshot)
        self._last = snapshot
        self._queue.put_nowait(
            Frame(
                snapshot,
                self._state,
                note=note,
                changed={} if first else changed,
                gone={} if first else gone,
                whole=frozenset(SECTIONS) if first else frozenset(),
                heard=self.clock,
            )
        )

    def lose(self, note: str = "") -> None:
        """The worker does not answer any more."""
        self._queue.put_nowait(Frame(self._last, FeedState.LOST, note=note, heard=self.clock))
        self._state = FeedState.LOST

    def sleep(self, seconds: float) -> None:
        """Moves the clock."""
        self.clock += seconds

    def now(self) -> float:
        return self.clock

    def wall(self) -> datetime:
        return NOW + timedelta(seconds=self.clock - 1000.0)

    def watch(self, sections: Collection[str]) -> None:
        """A section that was not asked for before comes whole with the next frame."""
        fresh = frozenset(sections) - self.watched
        self.watched = frozenset(sections)
        if fresh and self._last.at is not None:
            self._queue.put_nowait(Frame(self._last, self._state, whole=fresh, heard=self.clock))

    def look(self, refs: Collection[str]) -> None:
        self.looked.append(frozenset(refs))

    async def frames(self) -> AsyncIterator[Frame]:
        while (frame := await self._queue.get()) is not None:
            yield frame

    async def ask(self, question: Question[T]) -> T | Unanswered:
        self.asked.append(question)
        answer: T | Unanswered = self.answers.get(question, Unanswered("nobody knows"))
        return answer

    async def act(self, act: Act) -> str:
        self.acts.append(act)
        self.refreshed += isinstance(act, Refresh)
        return self.refusal

    @property
    def chosen(self) -> list[str]:
        """The namespaces that were chosen."""
        return [act.namespace for act in self.acts if isinstance(act, ChooseNamespace)]

    async def close(self) -> None:
        self.closed = True
        self._queue.put_nowait(None)


def only(snapshot: Snapshot, **tables: Mapping[str, Any]) -> Snapshot:
    """A snapshot with some tables replaced."""
    return replace(snapshot, seq=snapshot.seq + 1, **tables)
