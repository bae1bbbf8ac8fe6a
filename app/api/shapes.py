"""Shapes: the bodies of the health endpoints as the API's description tells them (OSAPI's, unchanged)."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict


class Shape(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Alive(Shape):
    """`{"ok": true}`."""

    ok: bool


class Readiness(Shape):
    """Which checks failed, by name; absent while all pass."""

    ok: bool
    failed: list[str] = []


class HealthBody(Shape):
    """The controller's liveness."""

    status: Literal["ok"]


class ReadyBody(Shape):
    """Whether NATS and the job queue can be reached; `error` says why not, a line for each cause."""

    status: Literal["ready", "not_ready"]
    error: str | None = None


class ComponentHealth(Shape):
    """One component: `ok`, `disabled`, `error`, or its own word."""

    status: str
    error: str | None = None
    address: str | None = None


class NatsShape(Shape):
    """The server at the other end."""

    url: str
    version: str


class StreamShape(Shape):
    """A stream that is neither a bucket nor an object store; `consumers` without watchdeck's own."""

    name: str
    messages: int
    bytes: int
    consumers: int


class BucketShape(Shape):
    """A KV bucket; `keys` that are live, as far as the broker tells."""

    name: str
    keys: int
    bytes: int


class ObjectStoreShape(Shape):
    """An object store; `size` in bytes."""

    name: str
    size: int


class JobsShape(Shape):
    """The job queue. Jobs that failed in part or were skipped are in `total` only."""

    total: int
    unprocessed: int
    processing: int
    completed: int
    failed: int
    dlq: int


class AgentShape(Shape):
    """One registration. `registered` is the age of the last heartbeat, by the agent's own clock."""

    hostname: str
    labels: str | None = None
    registered: str


class AgentsShape(Shape):
    """Registered agents, those that are gone without a farewell included; `ready`: there, and Ready."""

    total: int
    ready: int
    agents: list[AgentShape] | None = None


class ConsumerShape(Shape):
    """One consumer: not yet delivered, delivered and not acknowledged, delivered again."""

    name: str
    pending: int
    ack_pending: int
    redelivered: int


class ConsumersShape(Shape):
    """Consumers of the streams above, without watchdeck's own."""

    total: int
    consumers: list[ConsumerShape] | None = None


class RegistryShape(Shape):
    """One entry of the registry; `status` is its true state: Ready, Cordoned, Draining, Pending, Stale, Gone."""

    type: str | None = None
    hostname: str | None = None
    status: str | None = None
    conditions: list[str] | None = None
    age: str | None = None
    cpu_percent: float | None = None
    mem_bytes: int | None = None


class StatusBody(Shape):
    """The whole. `degraded` if and only if NATS, the job queue's bucket, the store, or a part of a controller or NATS
    entry is bad. A section that is not available is left out."""

    status: Literal["ok", "degraded"]
    components: dict[str, ComponentHealth]
    version: str
    uptime: str
    nats: NatsShape | None = None
    streams: list[StreamShape] | None = None
    kv_buckets: list[BucketShape] | None = None
    object_stores: list[ObjectStoreShape] | None = None
    jobs: JobsShape | None = None
    agents: AgentsShape | None = None
    consumers: ConsumersShape | None = None
    registry: list[RegistryShape] | None = None


class Accepted(Shape):
    """It will be done."""

    ok: bool


class WorkerShape(Shape):
    """Which worker this is, and which NATS it watches."""

    version: str
    wire: int
    fingerprint: dict[str, object]
