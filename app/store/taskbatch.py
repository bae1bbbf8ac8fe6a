"""Task batch: words about tasks into rows, all within one transaction. What is known already changes nothing, whatever
comes late is put where it belongs, and the sums follow the difference."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.engine import Connection

from app.model.taskhistory import TaskEvent, steps
from app.model.taskwords import NO_BOARD, NOBODY, Named, TaskWord, named
from app.store.pauses import Pauses
from app.store.tasksums import NUMBERS, Row, TaskSums

_AT_ONCE = 500
"""Tasks that one statement asks for."""
_EVENT = "task_n, at, mark, what, who, failed, board_n, before, after, cycle"
_TASK = "board_n, status, failed, created_at, updated_at, heard_at, cycle, job, agent, title, ranks"
Lane = tuple[str, str]
"""Ids of a board and of its group."""


@dataclass(slots=True)
class _Task:
    n: int
    id: str
    board_n: int = 0
    status: int = -1  # -1: it was not there before
    job: str = ""
    title: str = ""
    ranks: list[str] = field(default_factory=lambda: ["", "", ""])
    board: Named | None = None
    group: Named = NOBODY
    rows: dict[tuple[int, int], Row] = field(default_factory=dict)  # that are kept
    events: dict[tuple[int, int], TaskEvent] = field(default_factory=dict)
    changed: bool = False

    def remember(self, row: Row) -> None:
        """Takes in what is kept of it."""
        event = TaskEvent(row.at, row.mark, row.what, row.who, bool(row.failed))
        self.rows[event.key] = row
        self.events[event.key] = event

    def hear(self, word: TaskWord) -> None:
        """Takes in what is said of it."""
        self.job = self.job or word.job
        for event in word.events:
            if event.key not in self.events:
                self.events[event.key] = event
                self.changed = True
        if word.title and self._outranks(0, word.rank):
            self.title = word.title
        if word.board is not None and self._outranks(1, word.rank):
            self.board = word.board
        if word.group is not None and self._outranks(2, word.rank):
            self.group = word.group

    def _outranks(self, place: int, rank: str) -> bool:
        """Whether a word says better what was said before."""
        if rank <= self.ranks[place] and not (rank == self.ranks[place] == "" and self.status < 0):
            return False
        self.ranks[place] = rank
        self.changed = True
        return True


def take(connection: Connection, words: Sequence[TaskWord]) -> int:
    """Takes in words about tasks; gives how many tasks are other than before."""
    return _TaskBatch(connection).take([word for word in words if word.events])


class _TaskBatch:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._tasks: dict[str, _Task] = {}
        self._lanes: dict[Lane, int] = {}
        self._sums = TaskSums()
        self._event_rows: list[tuple[Any, ...]] = []
        self._task_rows: list[tuple[Any, ...]] = []

    def take(self, words: Sequence[TaskWord]) -> int:
        if not words:
            return 0
        self._know({word.id for word in words})
        for word in words:
            self._tasks[word.id].hear(word)
        changed = [task for task in self._tasks.values() if task.changed]
        for task in Pauses().over(changed):
            self._follow(task)
        self._write()
        return len(changed)

    # -- what is known ---------------------------------------------------------------------------------------------
    def _know(self, ids: set[str]) -> None:
        asked = (
            "SELECT t.id, t.n, t.status, t.job, t.title, t.ranks, b.n, b.id, b.name, b.group_id, b.group_name"
            " FROM task t CROSS JOIN board b WHERE b.n = t.board_n AND t.id IN"
        )
        by_number: dict[int, _Task] = {}
        for id, n, status, job, title, ranks, board_n, board_id, board, group_id, group in self._in(asked, ids):
            known = _Task(n, id, board_n, status, job, title, ranks.split(" "), Named(board_id, board))
            known.group = Named(group_id, group)
            self._tasks[id] = by_number[n] = known
            self._lanes[board_id, group_id] = board_n
        for n, *values in self._in(f"SELECT {_EVENT} FROM task_event WHERE task_n IN", by_number.keys()):  # noqa: S608
            row = Row(*values)
            by_number[n].remember(row)
        free = int(self._connection.exec_driver_sql("SELECT COALESCE(MAX(n), 0) + 1 FROM task").scalar_one())
        for id in sorted(ids - self._tasks.keys()):
            self._tasks[id] = _Task(free, id)
            free += 1

    def _in(self, asked: str, values: Collection[Any]) -> Iterator[Any]:
        listed = sorted(values)
        for first in range(0, len(listed), _AT_ONCE):
            some = tuple(listed[first : first + _AT_ONCE])
            yield from self._connection.exec_driver_sql(f"{asked} ({', '.join('?' * len(some))})", some)

    # -- what follows from them ------------------------------------------------------------------------------------
    def _follow(self, task: _Task) -> None:
        """Rows and sums of a task that is other than before."""
        board_n, walked = self._lane(task), steps(task.events.values())
        for step in walked:
            row, before = Row.of_step(step, board_n), task.rows.get(step.event.key)
            if row != before:
                if before is not None:
                    self._sums.add((before,), -1)
                self._sums.add((row,))
                self._event_rows.append((task.n, *row))
        status = NUMBERS[walked[-1].after]
        if task.status >= 0:
            self._sums.stand(task.board_n, task.status, -1)
        self._sums.stand(board_n, status)
        cycle = next((step.cycle for step in reversed(walked) if step.cycle is not None), None)
        self._task_rows.append((
            task.n, task.id, board_n, status, int(walked[-1].failed), walked[0].event.at,
            next(step.event.at for step in reversed(walked) if step.moved), walked[-1].event.at, cycle, task.job,
            next((step.event.who for step in reversed(walked) if step.event.who), ""), task.title,
            " ".join(task.ranks),
        ))  # fmt: skip

    def _lane(self, task: _Task) -> int:
        """The number of a board as far as it is of a group."""
        board, group = task.board or named("board", NO_BOARD), task.group
        lane = board.id, group.id
        if lane not in self._lanes:
            self._connection.exec_driver_sql(
                "INSERT INTO board (id, group_id, name, group_name, inbox, in_progress, review, done)"
                " VALUES (?, ?, ?, ?, 0, 0, 0, 0) ON CONFLICT (id, group_id) DO NOTHING",
                (*lane, board.name, group.name),
            )
            asked = "SELECT n FROM board WHERE id = ? AND group_id = ?"
            self._lanes[lane] = int(self._connection.exec_driver_sql(asked, lane).scalar_one())
        return self._lanes[lane]

    def _write(self) -> None:
        if self._event_rows:
            self._connection.exec_driver_sql(
                f"INSERT INTO task_event ({_EVENT}) VALUES ({', '.join('?' * 10)})"  # noqa: S608 (our own names)
                " ON CONFLICT (task_n, at, mark) DO UPDATE SET board_n = excluded.board_n,"
                " before = excluded.before, after = excluded.after, cycle = excluded.cycle",
                self._event_rows,
            )
        if self._task_rows:
            setting = ", ".join(f"{name} = excluded.{name}" for name in _TASK.split(", "))
            self._connection.exec_driver_sql(
                f"INSERT INTO task (n, id, {_TASK}) VALUES ({', '.join('?' * 13)})"  # noqa: S608 (our own names)
                f" ON CONFLICT (n) DO UPDATE SET {setting}",
                self._task_rows,
            )
        self._sums.write(self._connection)
