"""Task sums: of each hour and day and board, what series are made of; kept with every batch, and summed up anew to
check."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from sqlalchemy.engine import Connection

from app.model.taskhistory import CREATED, ORDER, Step
from app.model.tasks import TaskStatus

HOUR = 3_600_000
"""Milliseconds."""
DAY = 24 * HOUR
COLUMNS = (
    "events", "failed", "handed_in", "cycle", "inbox", "in_progress", "review", "done", "entered_done",
)  # fmt: skip
NUMBERS = {status: number for number, status in enumerate(ORDER)}
"""How the tables write a status."""
DONE = NUMBERS[TaskStatus.DONE]
EVENTS, FAILED, HANDED_IN, CYCLE, STANDING, ENTERED = 0, 1, 2, 3, 4, 8
"""Places among the columns; at STANDING are the four statuses."""
OF_ROWS = (
    f"COUNT(CASE WHEN what <> '{CREATED}' THEN 1 END), SUM(failed), COUNT(cycle), COALESCE(SUM(cycle), 0),"
    + ",".join(
        f" COUNT(CASE WHEN after = {number} THEN 1 END) - COUNT(CASE WHEN before = {number} AND after >= 0 THEN 1 END)"
        for number in range(len(ORDER))
    )
    + f", COUNT(CASE WHEN after = {DONE} THEN 1 END)"
)
"""The columns, of rows of `task_event`."""
_TOLD = 20


class Row(NamedTuple):
    """A task event as a row has it; see `TaskEventRow`."""

    at: int
    mark: int
    what: str
    who: str
    failed: int
    board_n: int
    before: int | None
    after: int | None
    cycle: int | None

    @classmethod
    def of_step(cls, step: Step, board_n: int) -> Row:
        event = step.event
        before = NUMBERS[step.before] if step.moved and step.before is not None else None
        after = NUMBERS[step.after] if step.moved else None
        return cls(event.at, event.mark, event.what, event.who, int(event.failed), board_n, before, after, step.cycle)


@dataclass(slots=True)
class TaskSums:
    """What a piece of work changes in the sums, and in how the tasks of the boards stand."""

    _hours: dict[tuple[int, int], list[int]] = field(default_factory=lambda: defaultdict(lambda: [0] * len(COLUMNS)))
    _standing: dict[int, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0] * len(ORDER)))

    def add(self, rows: Iterable[Row], sign: int = 1) -> None:
        """Of rows that come, or with sign -1 of rows that were there."""
        for row in rows:
            sums = self._hours[row.at // HOUR, row.board_n]
            if row.what != CREATED:
                sums[EVENTS] += sign
            if row.failed:
                sums[FAILED] += sign
            if row.cycle is not None:
                sums[HANDED_IN] += sign
                sums[CYCLE] += sign * row.cycle
            if row.after is not None:
                sums[STANDING + row.after] += sign
                if row.before is not None:
                    sums[STANDING + row.before] -= sign
                if row.after == DONE:
                    sums[ENTERED] += sign

    def stand(self, board_n: int, status: int, sign: int = 1) -> None:
        """A task that stands on a board in a status from now on, or with sign -1 no more."""
        self._standing[board_n][status] += sign

    def write(self, connection: Connection) -> None:
        """Adds it to what is kept; sums of which nothing is left are removed."""
        days: dict[tuple[int, int], list[int]] = defaultdict(lambda: [0] * len(COLUMNS))
        for (hour, board_n), sums in self._hours.items():
            day = days[hour // 24, board_n]
            for place, value in enumerate(sums):
                day[place] += value
        _add(connection, "task_hour", "hour", self._hours)
        _add(connection, "task_day", "day", days)
        moved = [(*counts, n) for n, counts in self._standing.items() if any(counts)]
        if moved:
            setting = ", ".join(f"{status.value} = {status.value} + ?" for status in ORDER)
            connection.exec_driver_sql(f"UPDATE board SET {setting} WHERE n = ?", moved)  # noqa: S608 (our own names)


def _add(connection: Connection, table: str, unit: str, all_sums: dict[tuple[int, int], list[int]]) -> None:
    changed = [(*key, *sums) for key, sums in all_sums.items() if any(sums)]
    if not changed:
        return
    adding = ", ".join(f"{name} = {table}.{name} + excluded.{name}" for name in COLUMNS)
    connection.exec_driver_sql(
        f"INSERT INTO {table} ({unit}, board_n, {', '.join(COLUMNS)})"  # noqa: S608 (our own names)
        f" VALUES (?, ?, {', '.join('?' * len(COLUMNS))}) ON CONFLICT ({unit}, board_n) DO UPDATE SET {adding}",
        changed,
    )
    less = [row[:2] for row in changed if min(row[2:]) < 0]
    if less:
        nothing = " AND ".join(f"{name} = 0" for name in COLUMNS)
        connection.exec_driver_sql(
            f"DELETE FROM {table} WHERE {unit} = ? AND board_n = ? AND {nothing}",  # noqa: S608 (our own names)
            less,
        )


def differences(connection: Connection) -> list[str]:
    """Where the kept sums are not what the events sum up to, a sentence each; the first twenty. Only for a store from
    which nothing was removed for its age."""
    told: list[str] = []
    for table, unit, length in (("task_hour", "hour", HOUR), ("task_day", "day", DAY)):
        kept = _by_key(connection.exec_driver_sql(f"SELECT {unit}, board_n, {', '.join(COLUMNS)} FROM {table}").all())  # noqa: S608
        anew = _by_key(
            connection.exec_driver_sql(
                f"SELECT at / {length}, board_n, {OF_ROWS} FROM task_event GROUP BY 1, 2"  # noqa: S608
            ).all()
        )
        told += [
            f"{unit} {key}: kept {kept.get(key)}, summed up {anew.get(key)}"
            for key in sorted(kept.keys() | anew.keys())
            if kept.get(key) != anew.get(key)
        ]
    stands = _by_key(
        [
            (n, 0, *counts)
            for n, *counts in connection.exec_driver_sql("SELECT n, inbox, in_progress, review, done FROM board")
        ]
    )
    found: dict[tuple[int, int], list[int]] = {key: [0] * len(ORDER) for key in stands}
    for board_n, status, count in connection.exec_driver_sql(
        "SELECT board_n, status, COUNT(*) FROM task GROUP BY board_n, status"
    ):
        found[board_n, 0][status] = count
    told += [
        f"board {key[0]}: kept {stands[key]}, found {counts}"
        for key, counts in found.items()
        if list(stands[key]) != counts
    ]
    return told[:_TOLD]


def _by_key(rows: Iterable[Sequence[int]]) -> dict[tuple[int, int], tuple[int, ...]]:
    return {(row[0], row[1]): tuple(row[2:]) for row in rows if any(row[2:]) or row[1] == 0}
