"""Retention: lets go of what is older than anybody can ask for, a little at a time.

Scores reach back 180 days at most (a window of 90 and the one before it); what they are counted from is kept 400.
Metrics reach back 730 days (a year and the one before it), and a week for the first median; what they are counted from
is kept 800.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.engine import Connection

from app.store.access import Access
from app.store.daysums import DAY, DaySums, Sum
from app.store.sessionrows import millis
from app.store.taskretention import SUMS, forget_sightings, forget_sums, forget_tasks

KEEP_FACTS = 400 * DAY
"""Milliseconds that sessions are kept after their last event, and tool calls."""
KEEP_SCORES = 3 * 366
"""Days that scores of days are kept."""
KEEP_DEAD = 90 * DAY
DEAD_MOST = 10_000
"""Dead letters that are kept: a stream of something else altogether must not fill the disk."""
ROWS = 500
"""Rows of one step, about: others that want to write wait no longer than that."""
_SESSIONS = 20
_LOOKED_AT = 5000
"""Sessions that one step looks at for old events of young sessions."""
_PAGES = 200
_WATERMARK = "retention.payloads"


class Retention:
    """Goes through the store in small steps, each a transaction of its own."""

    def __init__(self, store: Access, *, keep_payloads: int) -> None:
        """`keep_payloads`: milliseconds that payload and metadata of events are kept."""
        self._store = store
        self._keep_payloads = keep_payloads
        self._scores_seen = -1  # the day on which old scores were last looked for
        self._sums_seen = -1  # the same of sums of tasks
        self._long_seen = -1  # the day on which all sessions were last looked at for old events
        self._long_from = 0  # how far that has come today

    async def step(self, now: datetime) -> bool:
        """Does one step. True: there is more to do now. StoreFailed: nothing was done."""
        at = millis(now)
        for work in (
            self._sessions, self._tools, self._payloads, self._long, self._dead_letters, self._scores, forget_tasks,
            forget_sightings, self._task_sums,
        ):  # fmt: skip
            if await self._store.write(lambda connection, work=work: work(connection, at)):  # type: ignore[misc]
                await self._store.write(_give_back)
                return True
        return False

    def _sessions(self, connection: Connection, now: int) -> bool:
        """Sessions that nothing was heard of for long, with their events."""
        found = connection.exec_driver_sql(
            "SELECT n, agent_n, day, started_at, ended_at, status, errors, cost FROM session WHERE last_at < ?"
            " ORDER BY last_at LIMIT ?",
            (now - KEEP_FACTS, _SESSIONS),
        ).all()
        sums = DaySums()
        left = ROWS
        for n, agent_n, day, began, ended, status, errors, cost in found:
            removed = connection.exec_driver_sql(
                "DELETE FROM event WHERE n IN (SELECT n FROM event WHERE session_n = ? LIMIT ?)", (n, left)
            ).rowcount
            left -= removed
            if left <= 0:
                break  # the rest of it in the next step
            connection.exec_driver_sql("DELETE FROM session WHERE n = ?", (n,))
            duration = 0 if ended is None else ended - began
            part = Sum(1, int(errors > 0), int(status == "completed"), int(status == "error"), int(ended is not None),
                       duration, cost)  # fmt: skip
            sums.add(day, agent_n, part, -1)
        sums.write(connection)
        return bool(found)

    def _tools(self, connection: Connection, now: int) -> bool:
        found = connection.exec_driver_sql(
            "SELECT day, at, agent_n, calls, failures FROM tool WHERE day < ? ORDER BY day, at LIMIT ?",
            ((now - KEEP_FACTS) // DAY, ROWS),
        ).all()
        sums = DaySums()
        for day, _, agent_n, calls, failures in found:
            sums.add_tool_sums(day, agent_n, -calls, -failures)
        if found:
            connection.exec_driver_sql(
                "DELETE FROM tool WHERE day = ? AND at = ? AND agent_n = ?", [tuple(row[:3]) for row in found]
            )
        sums.write(connection)
        return bool(found)

    def _payloads(self, connection: Connection, now: int) -> bool:
        """Contents of events of sessions that ended before; what comes late is never kept (`Batch`)."""
        mark = connection.exec_driver_sql("SELECT value FROM setting WHERE key = ?", (_WATERMARK,)).scalar()
        since, after = map(int, str(mark).split()) if mark else (0, 0)
        found = connection.exec_driver_sql(
            "SELECT last_at, n FROM session WHERE last_at < ? AND (last_at > ? OR (last_at = ? AND n > ?))"
            " ORDER BY last_at, n LIMIT ?",
            (now - self._keep_payloads, since, since, after, _SESSIONS),
        ).all()
        left = ROWS
        for last_at, n in found:
            left -= _emptied(connection, n, now - self._keep_payloads, left)
            if left <= 0:
                break
            since, after = last_at, n
        if found:
            connection.exec_driver_sql(
                "INSERT INTO setting (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                (_WATERMARK, f"{since} {after}"),
            )
        return bool(found)

    def _long(self, connection: Connection, now: int) -> bool:
        """Contents of what is old in sessions that still go on. Looked for once a day: no index finds them."""
        day, before = now // DAY, now - self._keep_payloads
        if day == self._long_seen:
            return False
        asked = "SELECT n, started_at < ? AND last_at >= ? FROM session WHERE n > ? ORDER BY n LIMIT ?"
        found = connection.exec_driver_sql(asked, (before, before, self._long_from, _LOOKED_AT)).all()
        left, seen = ROWS, self._long_from
        for n, long in found:
            if long:
                left -= _emptied(connection, n, before, left)
                if left <= 0:
                    break
            seen = n
        self._long_from = seen
        if not found:
            self._long_seen, self._long_from = day, 0
        return bool(found)

    def _dead_letters(self, connection: Connection, now: int) -> bool:
        newest = connection.exec_driver_sql("SELECT COALESCE(MAX(n), 0) FROM dead_letter").scalar_one()
        removed = connection.exec_driver_sql(
            "DELETE FROM dead_letter WHERE n IN (SELECT n FROM dead_letter WHERE n <= ? OR at < ? ORDER BY n LIMIT ?)",
            (newest - DEAD_MOST, now - KEEP_DEAD, ROWS),
        ).rowcount
        return bool(removed)

    def _scores(self, connection: Connection, now: int) -> bool:
        """Looked for once a day: no index finds them."""
        day = now // DAY
        if day == self._scores_seen:
            return False
        removed = connection.exec_driver_sql(
            "DELETE FROM score WHERE (agent_n, day) IN (SELECT agent_n, day FROM score WHERE day < ? LIMIT ?)",
            (day - KEEP_SCORES, ROWS),
        ).rowcount
        if removed < ROWS:
            self._scores_seen = day
        return bool(removed)

    def _task_sums(self, connection: Connection, now: int) -> bool:
        """Once a day: nothing grows old faster than that."""
        day = now // DAY
        if day == self._sums_seen:
            return False
        removed = sum(forget_sums(connection, table, now) for table in SUMS)
        if not removed:
            self._sums_seen = day
        return bool(removed)


def _emptied(connection: Connection, session: int, before: int, most: int) -> int:
    """Lets go of the contents of so many events of a session that are older; how many it were."""
    return connection.exec_driver_sql(
        "UPDATE event SET payload = NULL, metadata = NULL WHERE n IN"
        " (SELECT n FROM event WHERE session_n = ? AND at < ? AND metadata IS NOT NULL LIMIT ?)",
        (session, before, most),
    ).rowcount


def _give_back(connection: Connection) -> None:
    """Space that was freed goes back to the disk."""
    if connection.dialect.name == "sqlite":
        cursor = connection.connection.cursor()  # a page at each step: SQLAlchemy takes none where it sees no columns
        cursor.execute(f"PRAGMA incremental_vacuum({_PAGES})")
        cursor.fetchall()
        cursor.close()
