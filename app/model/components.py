"""Components: the parts that the fleet and watchdeck itself are made of, and services that answer on NATS."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from app.model.fleet import Condition
from app.model.health import Health
from app.model.probes import Probe
from app.model.units import Unit


class ComponentKind(StrEnum):
    """The word in the KIND column."""

    WORKER = "worker"  # watchdeck's own parts
    AGENT = "agent"  # sub-components of agents, folded over their hosts
    CONTROL = "control"  # controllers and servers of the registry, and their sub-components
    SERVICE = "service"  # answers on $SRV
    PROBE = "probe"
    GATEWAY = "gateway"
    SERVER = "server"
    UNIT = "unit"


@dataclass(frozen=True, slots=True)
class Component:
    """One part. `key` begins with its kind: `control:controller.web_01`, `control:controller.web_01/controller.api`,
    `agent:agent.facts`, `worker:store`, `service:NAME`, `unit:NAME`, `probe:NAME`, `probe:NAME/CHECK`.

    `cpu` in percent of one core, `rss` in bytes, `latency` in seconds, `requests` per second, `errors` a share.
    """

    key: str
    kind: ComponentKind
    name: str
    health: Health = Health.UNKNOWN
    state: str = ""  # its own word, lower case: ok, disabled, error, ready, gone
    host: str = ""
    type: str = ""  # of a registry entry: controller, nats; of others empty
    parent: str = ""  # key of the component that it is a part of
    since: datetime | None = None  # of its state
    reason: str = ""
    latency: float | None = None
    requests: float | None = None
    errors: float | None = None
    cpu: float | None = None
    rss: int | None = None
    started_at: datetime | None = None
    version: str = ""
    address: str = ""
    conditions: tuple[Condition, ...] = ()
    hosts: int = 0  # of a row folded over hosts: how many there are
    unit: Unit | None = None  # of a systemd unit
    probe: Probe | None = None  # of what is probed; parts have none


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One endpoint of a service instance, as `$SRV.STATS` tells it. Times in seconds, totals since its start."""

    name: str
    subject: str
    queue: str = ""
    requests: int = 0
    errors: int = 0
    mean: float = 0.0
    last_error: str = ""


@dataclass(frozen=True, slots=True)
class Instance:
    """One running instance of a service."""

    id: str
    version: str = ""
    started_at: datetime | None = None
    seen: datetime | None = None  # when it last answered, of one that does not; None while it does
    endpoints: tuple[Endpoint, ...] = ()


@dataclass(frozen=True, slots=True)
class Service:
    """A service of the NATS services API, by name. `gone_since`: it had instances, and none answers any more."""

    key: str
    description: str = ""
    version: str = ""
    instances: tuple[Instance, ...] = ()
    requests: float | None = None  # per second, all instances
    errors: float | None = None  # share of the requests since it was last asked
    mean: float | None = None  # seconds
    last_error: str = ""
    gone_since: datetime | None = None
