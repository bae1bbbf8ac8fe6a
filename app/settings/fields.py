"""What may be configured: every setting a typed field with its meaning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from app.model.scoring import Standards


class Secret:
    """A value that never shows itself: not in a repr, a log line, a traceback or a crash screen."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value itself, for the one call that needs it."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)


@dataclass(frozen=True, slots=True, kw_only=True)
class NatsSettings:
    """How to reach NATS. What a context of the `nats` CLI says has been merged in already."""

    url: str = "nats://127.0.0.1:4222"  # or several, separated by commas
    origin: str = "default"  # who chose the url, as the status bar writes it: `context prod`, `NATS_URL`, `--nats-url`
    context: str = ""
    creds: str = ""  # path of a .creds file
    nkey: str = ""  # path of a seed file
    user: str = ""
    password: Secret = field(default_factory=lambda: Secret(""))
    token: Secret = field(default_factory=lambda: Secret(""))
    user_jwt: Secret = field(default_factory=lambda: Secret(""))
    tls_ca: str = ""
    tls_cert: str = ""
    tls_key: str = ""
    tls_first: bool = False
    domain: str = ""
    api_prefix: str = ""
    inbox_prefix: str = "_INBOX"
    interval: float | None = None  # seconds; None: chosen by what is met
    max_requests: int | None = None  # JetStream list and info requests a second; None: 100, on a cluster 20


@dataclass(frozen=True, slots=True, kw_only=True)
class NameSettings:
    """Names of the fleet's streams and buckets, without the namespace."""

    jobs_stream: str = "JOBS"
    dlq_stream: str = "JOBS-DLQ"
    job_queue: str = "job-queue"
    registry: str = "agent-registry"
    facts: str = "agent-facts"
    state: str = "agent-state"
    file_objects: str = "file-objects"
    sessions_stream: str = "SESSIONS"
    sessions_subject: str = "sessions.>"
    dead_letters: tuple[str, ...] = ("*-DLQ", "*_DLQ", "DLQ*", "DEAD*")  # streams of dead letters, case ignored


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpSettings:
    """The worker's TCP endpoint. None for `listen`: the socket only."""

    listen: str | None = "127.0.0.1:8000"
    allowed_hosts: tuple[str, ...] = ()  # besides the listening address and localhost
    trusted_proxies: tuple[str, ...] = ()
    insecure: bool = False  # listen on an address that others can reach, without TLS
    tls_cert: str = ""  # path of a PEM file
    tls_key: str = ""
    cors_origins: tuple[
        str, ...
    ] = ()  # of pages in browsers that may ask, exactly as they name themselves; none: no CORS


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreSettings:
    """Where the worker keeps what must last."""

    url: str = ""  # empty: SQLite in the state folder
    keep_payloads: float = 90 * 86_400.0  # seconds that payload and metadata of session events are kept


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionsSettings:
    """What may be done for the events of sessions."""

    ingest: bool = True  # whether they are taken in at all
    create: bool = False  # the worker may create the stream
    durable_ttl: float | None = None
    """Seconds without us after which the server removes our consumer; 0: never. None: 72 h for a worker that a deck
    started, never for any other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeekSettings:
    """How far into a message one may look."""

    payload: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ServicesSettings:
    """Whether services are looked for on `$SRV`."""

    enabled: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class OsapiSettings:
    """OSAPI's own API, for where its NATS is out of reach and for what goes through it only. No url: none."""

    url: str = ""
    token: Secret = field(default_factory=lambda: Secret(""))


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewaySettings:
    """An OpenClaw gateway."""

    name: str
    url: str  # ws:// or wss://
    token: Secret = field(default_factory=lambda: Secret(""))
    allow_insecure_tls: bool = False  # take any certificate
    disable_device_pairing: bool = False  # come as a control UI, without a device identity


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeSettings:
    """A health endpoint of another system, or a read-only query of its database."""

    name: str
    url: str  # http(s)://, or postgresql:// with `query`; user and password are never in it
    user: str = ""
    password: Secret = field(default_factory=lambda: Secret(""))
    token: Secret = field(default_factory=lambda: Secret(""))  # sent as a bearer token
    query: str = ""
    interval: float = 10.0  # seconds
    timeout: float = 5.0  # seconds
    expect: str = ""  # a status such as 204 or 2xx, or a text that the answer holds; empty: what its kind means by well


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitSettings:
    """A systemd unit. Scope is user or system."""

    name: str
    unit: str
    scope: str = "user"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeckSettings:
    """How the deck looks."""

    mouse: bool = True
    theme: str = ""
    ascii: bool | None = None  # None: found out from the terminal
    utc: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything together. `origins` maps a dotted key to who set it, for `config show`; defaults are not in it."""

    profile: str = ""  # what keeps the files of one NATS apart from another's: see `profiles.profile_name`
    state_dir: Path = Path()  # absolute; everything that this profile keeps
    config_file: str = ""  # the TOML file that was read; empty: none
    namespace: str = "auto"  # prefix of the fleet's NATS names; `auto`: found by what is there; "": none
    actions: bool = False  # whether this worker may change anything outside
    read_only: bool = False  # whether this deck shows no way to change anything
    attach: str = ""  # a worker to use instead of looking for one: a socket's path, or an http(s) URL
    token_file: str = ""  # path of the token for a worker that is attached by URL
    ca_file: str = ""  # path of the certificates to trust for a worker that is attached by URL
    log_level: str = "info"
    nats: NatsSettings = NatsSettings()
    names: NameSettings = NameSettings()
    http: HttpSettings = HttpSettings()
    store: StoreSettings = StoreSettings()
    sessions: SessionsSettings = SessionsSettings()
    scores: Standards = Standards()
    peek: PeekSettings = PeekSettings()
    services_api: ServicesSettings = ServicesSettings()
    osapi: OsapiSettings = OsapiSettings()
    gateways: tuple[GatewaySettings, ...] = ()
    probes: tuple[ProbeSettings, ...] = ()
    units: tuple[UnitSettings, ...] = ()
    deck: DeckSettings = DeckSettings()
    keys: Mapping[str, str] = field(default_factory=dict)  # id of the key table -> key
    views: Mapping[str, Mapping[str, object]] = field(default_factory=dict)  # view -> columns, sort
    thresholds: Mapping[str, Mapping[str, object]] = field(default_factory=dict)  # rule -> name -> value
    runbooks: Mapping[str, str] = field(default_factory=dict)
    origins: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()  # sentences about what was read but cannot be used, or is readable by others
