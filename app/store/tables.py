"""The tables, in words that every database understands. `migrations/` makes them; a test compares the two.

Instants are whole microseconds since 1970 in UTC (`moments`), numbers are integers, JSON is text. Of sessions, which
are scored in milliseconds, instants are whole milliseconds, days are whole days since 1970 in UTC, and money is in
nano-dollars: what is summed again gives the very same sum.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Index, Integer, LargeBinary, Text, UniqueConstraint, text
from sqlmodel import Field, SQLModel

_COUNTED = BigInteger().with_variant(Integer(), "sqlite")  # SQLite counts up only what it calls INTEGER


class MetaRow(SQLModel, table=True):
    """What the database says of itself: `id`, `clean`, `version` of the program, `alive`."""

    __tablename__ = "meta"

    name: str = Field(primary_key=True)
    value: str


class TokenRow(SQLModel, table=True):
    """A token. Of its secret only a hash is kept."""

    __tablename__ = "token"

    id: str = Field(primary_key=True)
    secret_hash: bytes = Field(sa_type=LargeBinary)
    name: str
    role: str
    created_by: str
    created_at: int = Field(sa_type=BigInteger)
    expires_at: int | None = Field(default=None, sa_type=BigInteger)
    last_used_at: int | None = Field(default=None, sa_type=BigInteger)
    revoked_at: int | None = Field(default=None, sa_type=BigInteger)


class AuditEntry(SQLModel, table=True):
    """One thing that somebody did through watchdeck."""

    __tablename__ = "audit"

    id: int | None = Field(default=None, primary_key=True, sa_type=_COUNTED)
    at: int = Field(sa_type=BigInteger)
    who: str
    action: str
    subject: str
    outcome: str
    detail: str = Field(sa_type=Text)


class SettingRow(SQLModel, table=True):
    """A setting that is changed while the worker runs, as JSON text."""

    __tablename__ = "setting"

    key: str = Field(primary_key=True)
    value: str = Field(sa_type=Text)


class MarkRow(SQLModel, table=True):
    """What somebody said of a finding: `app.model.attention.Mark`, field for field."""

    __tablename__ = "mark"

    key: str = Field(primary_key=True)
    kind: str
    by: str
    at: int = Field(sa_type=BigInteger)
    finding: str
    rule: str
    subject: str
    until: int | None = Field(default=None, sa_type=BigInteger)
    note: str = Field(sa_type=Text)
    level: str | None = None
    measured: float | None = None
    joined: int


class AiAgentRow(SQLModel, table=True):
    """An agent that publishes session events. `n` stands for it in the other tables."""

    __tablename__ = "ai_agent"

    n: int | None = Field(default=None, primary_key=True, sa_type=_COUNTED)
    id: str = Field(unique=True, sa_type=Text)
    name: str = Field(sa_type=Text)
    name_key: str  # of the event that named it: the one that comes first names it for good
    first_seen: int = Field(sa_type=BigInteger)
    last_seen: int = Field(sa_type=BigInteger)


class SessionRow(SQLModel, table=True):
    """A session, as its events tell it. `keys` says which event each of its texts is of: see
    `app.model.folding`."""

    __tablename__ = "session"
    __table_args__: Any = (
        Index("session_by_day", "day", "started_at", "agent_n"),
        Index("session_by_agent", "agent_n", "started_at"),
        Index("session_by_last", "last_at"),
        Index(
            "session_running", "agent_n", "status", "last_at",
            sqlite_where=text("status = 'active'"), postgresql_where=text("status = 'active'"),
        ),
    )  # fmt: skip

    n: int | None = Field(default=None, primary_key=True, sa_type=_COUNTED)
    id: str = Field(unique=True, sa_type=Text)
    agent_n: int = Field(sa_type=BigInteger)
    agent_name: str = Field(sa_type=Text)
    started_at: int = Field(sa_type=BigInteger)
    day: int  # of `started_at`
    last_at: int = Field(sa_type=BigInteger)
    ended_at: int | None = Field(default=None, sa_type=BigInteger)
    status: str  # active, completed, error
    events: int
    errors: int
    tool_calls: int
    tool_failures: int
    cost: int = Field(sa_type=BigInteger)
    llm_calls: int
    input_tokens: int = Field(sa_type=BigInteger)
    output_tokens: int = Field(sa_type=BigInteger)
    model: str = Field(sa_type=Text)
    channel: str = Field(sa_type=Text)
    label: str = Field(sa_type=Text)
    tags: str = Field(sa_type=Text)
    keys: str = Field(sa_type=Text)


class OriginRow(SQLModel, table=True):
    """A stream that events came from, in one of its lives: a stream that is made again counts from 1 again."""

    __tablename__ = "origin"
    __table_args__: Any = (UniqueConstraint("stream", "created"),)

    n: int | None = Field(default=None, primary_key=True, sa_type=_COUNTED)
    stream: str = Field(sa_type=Text)
    created: str  # as the server writes it


class EventRow(SQLModel, table=True):
    """One event of a session. The row is kept as long as the session is, so that a resend stays harmless; payload and
    metadata go earlier."""

    __tablename__ = "event"
    __table_args__: Any = (
        Index("event_by_session", "session_n", "at"),
        Index(
            "event_by_place", "origin_n", "seq", "place", unique=True,
            sqlite_where=text("origin_n IS NOT NULL"), postgresql_where=text("origin_n IS NOT NULL"),
        ),
        Index(
            "event_by_id", "session_n", "agent_n", "id", unique=True,
            sqlite_where=text("id IS NOT NULL"), postgresql_where=text("id IS NOT NULL"),
        ),
    )  # fmt: skip

    n: int | None = Field(default=None, primary_key=True, sa_type=_COUNTED)
    session_n: int = Field(sa_type=BigInteger)
    agent_n: int = Field(sa_type=BigInteger)
    at: int = Field(sa_type=BigInteger)
    type: str
    severity: str
    id: str | None = Field(default=None, sa_type=Text)  # that its client gave it
    origin_n: int | None = Field(default=None, sa_type=BigInteger)
    seq: int | None = Field(default=None, sa_type=BigInteger)  # of its message in the stream
    place: int | None = None  # in its message
    size: int  # bytes of the payload as it came, if only its beginning is kept; else 0
    payload: str | None = Field(default=None, sa_type=Text)
    metadata_: str | None = Field(default=None, sa_type=Text, sa_column_kwargs={"name": "metadata"})


class ToolRow(SQLModel, table=True):
    """Tool calls of an agent at one instant, and how many failed: what partial days of a window are counted from."""

    __tablename__ = "tool"
    __table_args__: Any = {"sqlite_with_rowid": False}

    day: int = Field(primary_key=True)
    at: int = Field(primary_key=True, sa_type=BigInteger)
    agent_n: int = Field(primary_key=True, sa_type=BigInteger)
    calls: int
    failures: int


class DayRow(SQLModel, table=True):
    """Sums of an agent's sessions that began on a day, and of its tool calls on that day."""

    __tablename__ = "day"
    __table_args__: Any = (Index("day_by_agent", "agent_n", "day"), {"sqlite_with_rowid": False})

    day: int = Field(primary_key=True)
    agent_n: int = Field(primary_key=True, sa_type=BigInteger)
    sessions: int
    bad: int  # with errors
    completed: int
    failed: int  # ended in error
    ended: int  # with an end, whose times are in `duration`
    duration: int = Field(sa_type=BigInteger)  # milliseconds
    cost: int = Field(sa_type=BigInteger)
    calls: int
    failures: int


class ScoreRow(SQLModel, table=True):
    """An agent's score of a day, in hundredths of a point."""

    __tablename__ = "score"
    __table_args__: Any = {"sqlite_with_rowid": False}

    agent_n: int = Field(primary_key=True, sa_type=BigInteger)
    day: int = Field(primary_key=True)
    overall: int
    error_rate: int
    cost_efficiency: int
    tool_success: int
    latency: int
    completion_rate: int
    sessions: int
    kept_at: int = Field(sa_type=BigInteger)


class DeadLetterRow(SQLModel, table=True):
    """Something on the sessions stream that is no event that we understand, and why."""

    __tablename__ = "dead_letter"
    __table_args__: Any = (UniqueConstraint("origin_n", "seq", "place"),)

    n: int | None = Field(default=None, primary_key=True, sa_type=_COUNTED)
    origin_n: int = Field(sa_type=BigInteger)
    seq: int = Field(sa_type=BigInteger)
    place: int  # in its message; -1: the message as a whole
    at: int = Field(sa_type=BigInteger)  # when it was put aside
    subject: str = Field(sa_type=Text)
    reason: str = Field(sa_type=Text)
    body: str = Field(sa_type=Text)  # its beginning


class BoardRow(SQLModel, table=True):
    """What tasks are told apart by: a board, as far as it is of one group; and how its tasks stand by now. `n` stands
    for both in the other tables."""

    __tablename__ = "board"
    __table_args__: Any = (UniqueConstraint("id", "group_id"),)

    n: int | None = Field(default=None, primary_key=True, sa_type=_COUNTED)
    id: str  # a UUID, as the next
    group_id: str  # empty: of no group
    name: str = Field(sa_type=Text)
    group_name: str = Field(sa_type=Text)
    inbox: int
    in_progress: int
    review: int
    done: int


class TaskRow(SQLModel, table=True):
    """A task as its events leave it. Statuses are numbers: 0 inbox, 1 in progress, 2 review, 3 done."""

    __tablename__ = "task"
    __table_args__: Any = (
        Index("task_by_word", "heard_at"),
        Index(
            "task_open", "status", "created_at",
            sqlite_where=text("status < 3"), postgresql_where=text("status < 3"),
        ),
    )  # fmt: skip

    n: int | None = Field(default=None, primary_key=True, sa_type=_COUNTED)
    id: str = Field(unique=True)  # a UUID
    board_n: int = Field(sa_type=BigInteger)
    status: int
    failed: int
    created_at: int = Field(sa_type=BigInteger)  # of its first event
    updated_at: int = Field(sa_type=BigInteger)  # of its last change of status
    heard_at: int = Field(sa_type=BigInteger)  # of its last event
    cycle: int | None = Field(default=None, sa_type=BigInteger)  # milliseconds, of when it was last handed in
    job: str  # that it came from; empty: it came from task events
    agent: str = Field(sa_type=Text)
    title: str = Field(sa_type=Text)
    ranks: str  # of the words that named title, board and group


class TaskEventRow(SQLModel, table=True):
    """Something that happened to a task, what it made of it, and on which board that is. `after` is empty where the
    status stayed; `cycle` is there where the task was handed in, and had neither failed nor been skipped."""

    __tablename__ = "task_event"
    __table_args__: Any = (
        Index("task_event_by_time", "at"),
        Index(
            "task_event_handed_in", "at", "board_n", "cycle",
            sqlite_where=text("cycle IS NOT NULL"), postgresql_where=text("cycle IS NOT NULL"),
        ),
        {"sqlite_with_rowid": False},
    )  # fmt: skip

    task_n: int = Field(primary_key=True, sa_type=BigInteger)
    at: int = Field(primary_key=True, sa_type=BigInteger)
    mark: int = Field(primary_key=True, sa_type=BigInteger)
    what: str
    who: str = Field(sa_type=Text)
    failed: int
    board_n: int = Field(sa_type=BigInteger)
    before: int | None = None
    after: int | None = None
    cycle: int | None = Field(default=None, sa_type=BigInteger)


class TaskHourRow(SQLModel, table=True):
    """Sums of a board's task events in an hour (whole hours since 1970). `inbox` to `done`: how many tasks more are in
    a status at its end than at its beginning."""

    __tablename__ = "task_hour"
    __table_args__: Any = {"sqlite_with_rowid": False}

    hour: int = Field(primary_key=True)
    board_n: int = Field(primary_key=True, sa_type=BigInteger)
    events: int
    failed: int
    handed_in: int
    cycle: int = Field(sa_type=BigInteger)  # milliseconds, of those handed in
    inbox: int
    in_progress: int
    review: int
    done: int
    entered_done: int


class TaskDayRow(SQLModel, table=True):
    """The same of a day (whole days since 1970)."""

    __tablename__ = "task_day"
    __table_args__: Any = {"sqlite_with_rowid": False}

    day: int = Field(primary_key=True)
    board_n: int = Field(primary_key=True, sa_type=BigInteger)
    events: int
    failed: int
    handed_in: int
    cycle: int = Field(sa_type=BigInteger)
    inbox: int
    in_progress: int
    review: int
    done: int
    entered_done: int


class HostRow(SQLModel, table=True):
    """A host of the fleet whose heartbeats were seen. `n` stands for it in `seen`."""

    __tablename__ = "host"

    n: int | None = Field(default=None, primary_key=True, sa_type=_COUNTED)
    id: str = Field(unique=True, sa_type=Text)


class SeenRow(SQLModel, table=True):
    """A stretch of time in which an agent was seen again and again. `kind`: 0 publishes session events, 1 is a host."""

    __tablename__ = "seen"
    __table_args__: Any = (Index("seen_until", "until"), {"sqlite_with_rowid": False})

    kind: int = Field(primary_key=True)
    agent_n: int = Field(primary_key=True, sa_type=BigInteger)
    since: int = Field(primary_key=True, sa_type=BigInteger)
    until: int = Field(sa_type=BigInteger)


METADATA = SQLModel.metadata
"""All tables above."""
