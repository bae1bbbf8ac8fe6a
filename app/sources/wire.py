"""JetStream API answers as they come. Unknown fields are ignored; what is absent has the server's default."""

from __future__ import annotations

from datetime import datetime

import msgspec


class Error(msgspec.Struct):
    code: int = 0
    err_code: int = 0
    description: str = ""


class Head(msgspec.Struct):
    """What every answer may be: an error."""

    error: Error | None = None


class Page(msgspec.Struct):
    """One page of a list: its rows stay bytes until it is known which of them changed."""

    error: Error | None = None
    total: int = 0
    offset: int = 0
    limit: int = 0
    streams: list[StreamRow] | None = None
    consumers: list[ConsumerRow] | None = None
    missing: list[str] | None = None
    offline: dict[str, str] | list[str] | None = None


class State(msgspec.Struct):
    messages: int = 0
    bytes: int = 0
    first_seq: int = 0
    first_ts: datetime | None = None
    last_seq: int = 0
    last_ts: datetime | None = None
    consumer_count: int = 0
    num_subjects: int = 0
    num_deleted: int = 0
    lost: Lost | None = None


class Lost(msgspec.Struct):
    msgs: list[int] | None = None
    bytes: int = 0


class PeerRow(msgspec.Struct):
    name: str = ""
    current: bool = False
    offline: bool = False
    active: int = 0
    lag: int = 0


class ClusterRow(msgspec.Struct):
    name: str = ""
    leader: str = ""
    leader_since: datetime | None = None
    replicas: list[PeerRow] | None = None


class SourceRow(msgspec.Struct):
    name: str = ""
    lag: int = 0
    active: int = -1
    error: Error | None = None


class StreamRow(msgspec.Struct):
    """One stream of a list. `ts` is the answering server's clock."""

    config: msgspec.Raw
    state: State
    created: datetime | None = None
    ts: datetime | None = None
    cluster: ClusterRow | None = None
    mirror: SourceRow | None = None
    sources: list[SourceRow] | None = None


class StreamName(msgspec.Struct):
    """The one thing of a stream's configuration that is needed before it is known whether it changed."""

    name: str


class StreamConfig(msgspec.Struct):
    name: str
    subjects: list[str] | None = None
    description: str = ""
    retention: str = "limits"
    storage: str = "file"
    discard: str = "old"
    num_replicas: int = 1
    max_msgs: int = -1
    max_bytes: int = -1
    max_age: int = 0
    max_msg_size: int = -1
    max_msgs_per_subject: int = -1
    max_consumers: int = -1
    duplicate_window: int = 0
    allow_direct: bool = False
    sealed: bool = False
    metadata: dict[str, str] | None = None
    mirror: dict[str, object] | None = None


class Position(msgspec.Struct):
    consumer_seq: int = 0
    stream_seq: int = 0
    last_active: datetime | None = None


class PriorityGroup(msgspec.Struct):
    pinned_client_id: str = ""


class ConsumerRow(msgspec.Struct):
    """One consumer of a list. Without its `ts`, so that an idle consumer's rows are equal."""

    name: str
    config: msgspec.Raw
    delivered: Position
    ack_floor: Position
    created: datetime | None = None
    num_ack_pending: int = 0
    num_redelivered: int = 0
    num_waiting: int = 0
    num_pending: int = 0
    push_bound: bool = False
    paused: bool = False
    cluster: ClusterRow | None = None
    priority_groups: list[PriorityGroup] | None = None


class ConsumerConfig(msgspec.Struct):
    durable_name: str = ""
    deliver_subject: str = ""
    description: str = ""
    ack_policy: str = "none"
    ack_wait: int = 0
    max_deliver: int = -1
    backoff: list[int] | None = None
    max_ack_pending: int = -1
    max_waiting: int = 0
    filter_subject: str = ""
    filter_subjects: list[str] | None = None
    deliver_policy: str = "all"
    idle_heartbeat: int = 0
    inactive_threshold: int = 0
    priority_policy: str = ""
    priority_groups: list[str] | None = None
    pause_until: datetime | None = None
    metadata: dict[str, str] | None = None


class Limits(msgspec.Struct):
    max_memory: int = -1
    max_storage: int = -1
    max_streams: int = -1
    max_consumers: int = -1


class TierRow(msgspec.Struct):
    memory: int = 0
    storage: int = 0
    streams: int = 0
    consumers: int = 0
    limits: Limits = msgspec.field(default_factory=Limits)


class ApiUse(msgspec.Struct):
    total: int = 0
    errors: int = 0


class AccountInfo(TierRow):
    error: Error | None = None
    domain: str = ""
    api: ApiUse = msgspec.field(default_factory=ApiUse)
    tiers: dict[str, TierRow] | None = None


class Message(msgspec.Struct):
    seq: int = 0
    subject: str = ""
    time: datetime | None = None
    data: str = ""  # base64, and so are the headers
    hdrs: str = ""


class MessageGet(msgspec.Struct):
    error: Error | None = None
    message: Message | None = None


class SubjectsState(msgspec.Struct):
    messages: int = 0
    last_seq: int = 0
    subjects: dict[str, int] | None = None


class StreamInfo(msgspec.Struct):
    error: Error | None = None
    created: datetime | None = None
    ts: datetime | None = None
    state: SubjectsState | None = None
    total: int = 0
    offset: int = 0
    limit: int = 0


class UserInfo(msgspec.Struct):
    account: str = ""
    account_name: str = ""


class UserInfoReply(msgspec.Struct):
    data: UserInfo | None = None


class ConsumerMade(msgspec.Struct):
    """The answer to CONSUMER.CREATE: how many messages its listing will bring."""

    error: Error | None = None
    num_pending: int = 0
