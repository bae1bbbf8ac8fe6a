"""Sessions: agents, sessions, events, what scores are counted from, scores of days, dead letters."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_COUNTED = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _agents_and_sessions()
    _events()
    _sums()


def _agents_and_sessions() -> None:
    op.create_table(
        "ai_agent",
        sa.Column("n", _COUNTED, primary_key=True),
        sa.Column("id", sa.Text(), nullable=False, unique=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_key", sa.String(), nullable=False),
        sa.Column("first_seen", sa.BigInteger(), nullable=False),
        sa.Column("last_seen", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "session",
        sa.Column("n", _COUNTED, primary_key=True),
        sa.Column("id", sa.Text(), nullable=False, unique=True),
        sa.Column("agent_n", sa.BigInteger(), nullable=False),
        sa.Column("agent_name", sa.Text(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger()),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("events", sa.Integer(), nullable=False),
        sa.Column("errors", sa.Integer(), nullable=False),
        sa.Column("tool_calls", sa.Integer(), nullable=False),
        sa.Column("tool_failures", sa.Integer(), nullable=False),
        sa.Column("cost", sa.BigInteger(), nullable=False),
        sa.Column("llm_calls", sa.Integer(), nullable=False),
        sa.Column("input_tokens", sa.BigInteger(), nullable=False),
        sa.Column("output_tokens", sa.BigInteger(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("tags", sa.Text(), nullable=False),
        sa.Column("keys", sa.Text(), nullable=False),
    )
    op.create_index("session_by_day", "session", ["day", "started_at", "agent_n"])
    op.create_index("session_by_agent", "session", ["agent_n", "started_at"])
    op.create_index("session_by_last", "session", ["last_at"])
    running = sa.text("status = 'active'")
    op.create_index(
        "session_running", "session", ["agent_n", "status", "last_at"], sqlite_where=running, postgresql_where=running
    )


def _events() -> None:
    op.create_table(
        "origin",
        sa.Column("n", _COUNTED, primary_key=True),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("created", sa.String(), nullable=False),
        sa.UniqueConstraint("stream", "created"),
    )
    op.create_table(
        "event",
        sa.Column("n", _COUNTED, primary_key=True),
        sa.Column("session_n", sa.BigInteger(), nullable=False),
        sa.Column("agent_n", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("severity", sa.String(), nullable=False),
        sa.Column("id", sa.Text()),
        sa.Column("origin_n", sa.BigInteger()),
        sa.Column("seq", sa.BigInteger()),
        sa.Column("place", sa.Integer()),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("payload", sa.Text()),
        sa.Column("metadata", sa.Text()),
    )
    op.create_index("event_by_session", "event", ["session_n", "at"])
    placed, named = sa.text("origin_n IS NOT NULL"), sa.text("id IS NOT NULL")
    op.create_index(
        "event_by_place", "event", ["origin_n", "seq", "place"], unique=True,
        sqlite_where=placed, postgresql_where=placed,
    )  # fmt: skip
    op.create_index(
        "event_by_id", "event", ["session_n", "agent_n", "id"], unique=True,
        sqlite_where=named, postgresql_where=named,
    )  # fmt: skip
    op.create_table(
        "dead_letter",
        sa.Column("n", _COUNTED, primary_key=True),
        sa.Column("origin_n", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.UniqueConstraint("origin_n", "seq", "place"),
    )


def _sums() -> None:
    op.create_table(
        "tool",
        sa.Column("day", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("at", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("agent_n", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "day",
        sa.Column("day", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("agent_n", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("sessions", sa.Integer(), nullable=False),
        sa.Column("bad", sa.Integer(), nullable=False),
        sa.Column("completed", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("ended", sa.Integer(), nullable=False),
        sa.Column("duration", sa.BigInteger(), nullable=False),
        sa.Column("cost", sa.BigInteger(), nullable=False),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("day_by_agent", "day", ["agent_n", "day"])
    op.create_table(
        "score",
        sa.Column("agent_n", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("day", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("overall", sa.Integer(), nullable=False),
        sa.Column("error_rate", sa.Integer(), nullable=False),
        sa.Column("cost_efficiency", sa.Integer(), nullable=False),
        sa.Column("tool_success", sa.Integer(), nullable=False),
        sa.Column("latency", sa.Integer(), nullable=False),
        sa.Column("completion_rate", sa.Integer(), nullable=False),
        sa.Column("sessions", sa.Integer(), nullable=False),
        sa.Column("kept_at", sa.BigInteger(), nullable=False),
        sqlite_with_rowid=False,
    )
