"""Task retention: tasks nobody spoke of for long go with their events; the sums of their hours and days stay longer."""

from __future__ import annotations

from sqlalchemy.engine import Connection

from app.store.tasksums import DAY, HOUR, TaskSums

KEEP_TASKS = 800 * DAY
"""Milliseconds that a task is kept after its last event, with all its transitions; and that sightings are."""
KEEP_SUMS = 3 * 366 * DAY
SUMS = ("task_hour", "task_day")
ROWS = 500
_TASKS = 100


def forget_tasks(connection: Connection, now: int) -> bool:
    """One step; whether there was anything. Series of the time that windows reach into lose nothing by it but the tasks
    that have stood still in one status ever since."""
    found = connection.exec_driver_sql(
        "SELECT n, board_n, status FROM task WHERE heard_at < ? ORDER BY heard_at LIMIT ?", (now - KEEP_TASKS, _TASKS)
    ).all()
    sums, left = TaskSums(), ROWS
    for n, board_n, status in found:
        left -= connection.exec_driver_sql(
            "DELETE FROM task_event WHERE task_n = ? AND (at, mark) IN"
            " (SELECT at, mark FROM task_event WHERE task_n = ? ORDER BY at, mark LIMIT ?)",
            (n, n, left),
        ).rowcount
        if left <= 0:
            break  # the rest of it in the next step
        connection.exec_driver_sql("DELETE FROM task WHERE n = ?", (n,))
        sums.stand(board_n, status, -1)
    sums.write(connection)
    return bool(found)


def forget_sightings(connection: Connection, now: int) -> bool:
    """One step; whether there was anything."""
    removed = connection.exec_driver_sql(
        "DELETE FROM seen WHERE (kind, agent_n, since) IN"
        " (SELECT kind, agent_n, since FROM seen WHERE until < ? ORDER BY until LIMIT ?)",
        (now - KEEP_TASKS, ROWS),
    ).rowcount
    return bool(removed)


def forget_sums(connection: Connection, table: str, now: int) -> int:
    """One step for one of the tables of sums, and for the boards that nothing is left of once there are no more."""
    unit, length = ("hour", HOUR) if table == "task_hour" else ("day", DAY)
    removed = connection.exec_driver_sql(
        f"DELETE FROM {table} WHERE ({unit}, board_n) IN"  # noqa: S608 (our own names)
        f" (SELECT {unit}, board_n FROM {table} WHERE {unit} < ? ORDER BY {unit}, board_n LIMIT ?)",
        ((now - KEEP_SUMS) // length, ROWS),
    ).rowcount
    if not removed and table == "task_day":
        connection.exec_driver_sql(
            "DELETE FROM board WHERE inbox + in_progress + review + done = 0"
            " AND n NOT IN (SELECT board_n FROM task_day) AND n NOT IN (SELECT board_n FROM task)"
        )
    return int(removed)
