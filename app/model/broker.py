"""What a NATS account holds, as its JetStream API tells it. Sizes in bytes, durations in seconds, times aware UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

Pairs = tuple[tuple[str, str], ...]
"""A mapping that can be hashed and compared: pairs sorted by their first half."""


class Answer(StrEnum):
    """Whether a row's figures are this collection's, or the row is known only by name (ADR of STREAM.LIST)."""

    OK = "ok"
    MISSING = "missing"
    OFFLINE = "offline"


class Cause(StrEnum):
    """Why there is no usable connection; each has its own sentence on the first screen."""

    NONE = ""
    REFUSED = "refused"
    UNKNOWN_HOST = "unknown_host"
    TIMEOUT = "timeout"
    TLS_NAME = "tls_name"
    TLS_REQUIRED = "tls_required"
    TLS = "tls"
    AUTHORIZATION = "authorization"
    EXPIRED = "expired"
    CLOSED = "closed"
    CONFIGURATION = "configuration"


class LinkState(StrEnum):
    CONNECTING = "connecting"
    CONNECTED = "connected"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Connection:
    """The NATS connection as its supervisor sees it."""

    state: LinkState = LinkState.CONNECTING
    url: str = ""  # host and port, never user or password
    origin: str = "default"  # who chose it: `context prod`, `NATS_URL`, `--nats-url`, `default`
    credentials: str = ""  # `creds ~/.nats/prod.creds (user UDXU…, account ORDERS, expired 2026-11-20)`, never a secret
    credentials_expire: datetime | None = None
    cause: Cause = Cause.NONE
    error: str = ""  # the cause in words, one sentence; empty while connected
    since: datetime | None = None  # of the present state
    rtt: float | None = None  # seconds
    servers: int = 1  # how many URLs are tried
    reconnects: int = 0


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """The server at the other end of the connection."""

    name: str
    version: str
    cluster: str = ""
    jetstream: bool = False
    domain: str = ""
    max_payload: int = 0
    id: str = ""  # another one after each start of the server


@dataclass(frozen=True, slots=True)
class Tier:
    """Use and limits of one storage tier of an account (`""` is the account without tiers). A limit of -1 is none."""

    name: str
    memory: int
    storage: int
    streams: int
    consumers: int
    max_memory: int = -1
    max_storage: int = -1
    max_streams: int = -1
    max_consumers: int = -1


@dataclass(frozen=True, slots=True)
class Account:
    """`$JS.API.INFO`."""

    name: str
    tiers: tuple[Tier, ...] = ()
    api_total: int = 0
    api_errors: int = 0
    domain: str = ""


@dataclass(frozen=True, slots=True)
class Peer:
    name: str
    current: bool
    offline: bool
    active: float  # seconds since it was last seen
    lag: int = 0  # operations


@dataclass(frozen=True, slots=True)
class Cluster:
    name: str
    leader: str
    peers: tuple[Peer, ...] = ()
    leader_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class SourceLag:
    """A mirror's origin, or one of a stream's sources."""

    name: str
    lag: int
    active: float | None  # seconds since last contact; None: never
    error: str = ""


class StreamKind(StrEnum):
    """The word in the KIND column; the value is what is shown."""

    STREAM = "stream"
    QUEUE = "queue"
    INTEREST = "inter."
    KV = "kv"
    OBJECT = "object"
    MIRROR = "mirror"


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream, KV bucket or object store. Limits of -1 (counts, bytes) or 0 (ages) mean none."""

    name: str
    kind: StreamKind = StreamKind.STREAM
    subjects: tuple[str, ...] = ()
    created: datetime | None = None
    description: str = ""
    retention: str = "limits"
    storage: str = "file"
    discard: str = "old"
    replicas: int = 1
    max_messages: int = -1
    max_bytes: int = -1
    max_age: float = 0.0
    max_message_size: int = -1
    max_per_subject: int = -1
    max_consumers: int = -1
    duplicate_window: float = 0.0
    allow_direct: bool = False
    sealed: bool = False
    metadata: Pairs = ()
    api_level: int = 0
    messages: int = 0
    bytes: int = 0
    first_seq: int = 0
    last_seq: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None
    consumers: int = 0  # as the broker counts them: own and hidden ones included
    subject_count: int = 0
    deleted: int = 0
    lost: int = 0
    cluster: Cluster | None = None
    mirror: SourceLag | None = None
    sources: tuple[SourceLag, ...] = ()
    answer: Answer = Answer.OK

    @property
    def key(self) -> str:
        return self.name

    @property
    def label(self) -> str:
        """The name as people say it: a bucket without its `KV_` or `OBJ_`."""
        if self.kind is StreamKind.KV:
            return self.name.removeprefix("KV_")
        if self.kind is StreamKind.OBJECT:
            return self.name.removeprefix("OBJ_")
        return self.name


@dataclass(frozen=True, slots=True)
class Consumer:
    """A consumer of a stream.

    `delivered_at` and `acked_at` are kept in the leader's memory only: None means unknown, never "never".
    `next_at` and `next_seq` are those of the next message to be delivered, `stuck_at` and `stuck_seq` of the one after
    the ack floor; both only where there is something pending, None and 0 while not looked up.
    `priority` is the policy by which it serves only some of its clients; empty where all are alike.
    """

    stream: str
    name: str
    created: datetime | None = None
    durable: bool = True
    push: bool = False
    deliver_subject: str = ""
    description: str = ""
    ack_policy: str = "explicit"
    ack_wait: float = 30.0
    max_deliver: int = -1
    back_off: tuple[float, ...] = ()
    max_ack_pending: int = -1
    max_waiting: int = 0
    filters: tuple[str, ...] = ()
    deliver_policy: str = "all"
    idle_heartbeat: float = 0.0
    inactive_threshold: float = 0.0
    paused: bool = False
    pause_until: datetime | None = None
    metadata: Pairs = ()
    pending: int = 0
    ack_pending: int = 0
    redelivered: int = 0
    waiting: int = 0
    push_bound: bool = False
    delivered_stream_seq: int = 0
    delivered_consumer_seq: int = 0
    delivered_at: datetime | None = None
    floor_stream_seq: int = 0
    floor_consumer_seq: int = 0
    acked_at: datetime | None = None
    next_at: datetime | None = None
    stuck_at: datetime | None = None
    cluster: Cluster | None = None
    answer: Answer = Answer.OK
    next_seq: int = 0
    stuck_seq: int = 0
    priority: str = ""
    priority_groups: int = 0
    pinned_groups: int = 0  # of them, those with a client pinned

    @property
    def key(self) -> str:
        """`STREAM/NAME`: neither name may hold a slash."""
        return f"{self.stream}/{self.name}"

    @property
    def own(self) -> bool:
        """Made by watchdeck itself: left out of every view, count and rule."""
        return self.name.startswith("watchdeck-")

    @property
    def ordered(self) -> bool:
        """An ordered consumer of a client library: ack none with a heartbeat."""
        return self.ack_policy == "none" and self.idle_heartbeat > 0


@dataclass(frozen=True, slots=True)
class Flow:
    """How a stream or consumer moves. Rates are per second over the last 10 s; None while under 10 s were seen.

    `key` is `stream:NAME` or `consumer:STREAM/NAME`. `trend` is ten half-minutes, oldest first: messages stored per
    second of a stream, pending of a consumer; shorter while less was seen.
    """

    key: str
    rate_in: float | None = None  # stream: messages stored
    rate_out: float | None = None  # consumer: deliveries
    net: float | None = None  # consumer: change of pending
    trend: tuple[float, ...] = ()


def hidden(consumer: Consumer, now: datetime) -> bool:
    """Whether a consumer is left out of lists and counts until they are asked for.

    Ours; ordered ones; ephemeral ones younger than a minute or with nothing pending.
    """
    if consumer.own or consumer.ordered:
        return True
    if consumer.durable:
        return False
    young = consumer.created is not None and (now - consumer.created).total_seconds() < 60
    return young or consumer.pending == 0
