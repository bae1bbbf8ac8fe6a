"""Tasks: boards, tasks, what happened to them, sums of hours and days; and when which agent was seen."""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op
from sqlalchemy.engine import Connection

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_COUNTED = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_GAP = 23 * 3_600_000
_ROWS = 1000


def upgrade() -> None:
    _tasks()
    for table, unit in (("task_hour", "hour"), ("task_day", "day")):
        _sums(table, unit)
    _agents()


def _tasks() -> None:
    op.create_table(
        "board",
        sa.Column("n", _COUNTED, primary_key=True),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("group_id", sa.String(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("group_name", sa.Text(), nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("inbox", "in_progress", "review", "done")),
        sa.UniqueConstraint("id", "group_id"),
    )
    op.create_table(
        "task",
        sa.Column("n", _COUNTED, primary_key=True),
        sa.Column("id", sa.String(), nullable=False, unique=True),
        sa.Column("board_n", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("heard_at", sa.BigInteger(), nullable=False),
        sa.Column("cycle", sa.BigInteger()),
        sa.Column("job", sa.String(), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("ranks", sa.String(), nullable=False),
    )
    op.create_index("task_by_word", "task", ["heard_at"])
    unfinished = sa.text("status < 3")
    op.create_index("task_open", "task", ["status", "created_at"], sqlite_where=unfinished, postgresql_where=unfinished)
    op.create_table(
        "task_event",
        sa.Column("task_n", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("at", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("mark", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("board_n", sa.BigInteger(), nullable=False),
        sa.Column("before", sa.Integer()),
        sa.Column("after", sa.Integer()),
        sa.Column("cycle", sa.BigInteger()),
        sqlite_with_rowid=False,
    )
    op.create_index("task_event_by_time", "task_event", ["at"])
    handed_in = sa.text("cycle IS NOT NULL")
    op.create_index(
        "task_event_handed_in", "task_event", ["at", "board_n", "cycle"],
        sqlite_where=handed_in, postgresql_where=handed_in,
    )  # fmt: skip


def _sums(table: str, unit: str) -> None:
    op.create_table(
        table,
        sa.Column(unit, sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("board_n", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("events", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("handed_in", sa.Integer(), nullable=False),
        sa.Column("cycle", sa.BigInteger(), nullable=False),
        sa.Column("inbox", sa.Integer(), nullable=False),
        sa.Column("in_progress", sa.Integer(), nullable=False),
        sa.Column("review", sa.Integer(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("entered_done", sa.Integer(), nullable=False),
        sqlite_with_rowid=False,
    )


def _agents() -> None:
    op.create_table(
        "host", sa.Column("n", _COUNTED, primary_key=True), sa.Column("id", sa.Text(), nullable=False, unique=True)
    )
    op.create_table(
        "seen",
        sa.Column("kind", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("agent_n", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("since", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("seen_until", "seen", ["until"])
    connection, rows = op.get_bind(), list[tuple[int, int, int, int]]()
    for row in _stretches(connection):
        rows.append(row)
        if len(rows) == _ROWS:
            connection.exec_driver_sql("INSERT INTO seen VALUES (?, ?, ?, ?)", rows)
            rows = []
    if rows:
        connection.exec_driver_sql("INSERT INTO seen VALUES (?, ?, ?, ?)", rows)


def _stretches(connection: Connection) -> Iterator[tuple[int, int, int, int]]:
    """When agents were seen before that was recorded, by their sessions."""
    known: tuple[int, int, int] | None = None
    asked = "SELECT agent_n, started_at, last_at FROM session ORDER BY agent_n, started_at"
    for agent_n, began, last in connection.exec_driver_sql(asked).fetchall():
        if known is not None and known[0] == agent_n and began - known[2] <= _GAP:
            known = (agent_n, known[1], max(known[2], last))
            continue
        if known is not None:
            yield 0, *known
        known = (agent_n, began, last)
    if known is not None:
        yield 0, *known
