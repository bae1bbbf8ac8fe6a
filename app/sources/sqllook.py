"""Database looks: one read-only query of a PostgreSQL database, its rows as facts, and in words what went wrong."""

from __future__ import annotations

import asyncio
import math
import os
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from contextlib import closing, suppress
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from app.model.health import Health
from app.model.probes import Table
from app.model.text import clean
from app.settings.fields import ProbeSettings
from app.sources.healthjson import MOST_CHECKS, Check
from app.sources.healthwords import meaning
from app.sources.looks import Look, lost
from app.sources.sqlwords import refused, words

if TYPE_CHECKING:
    import psycopg

T = TypeVar("T")
MOST_ROWS = 200
MOST_COLUMNS = 20
CELL = 80
"""Characters of a cell."""
GRACE = 1.0
"""Seconds after the timeout at which a connection that the server does not end itself is cut."""
_NAME = ("name", "agent", "agent_name", "service", "component", "hostname", "host", "id")
_STATUS = ("status", "state", "health")
_NO_OPTIONS = "unsupported startup parameter"
"""What PgBouncer says to settings that come with the connection."""


class Database:
    """One database and one query. The connection is kept from look to look, and made anew when it broke.

    Only reads are possible: the session is read-only, each statement is ended by the server after `timeout` seconds.
    """

    def __init__(self, settings: ProbeSettings) -> None:
        self._settings = settings
        self._connection: psycopg.Connection[Any] | None = None
        self._plain = False  # settings do not come with the connection: they are made in each transaction
        self._busy: asyncio.Future[Look] | None = None
        self._given_up = False  # the time of the present look is over

    async def look(self) -> Look:
        """One look. Never raises, and is back a little after the timeout."""
        timeout = self._settings.timeout
        if self._busy is not None and not self._busy.done():
            return lost("the look before has not come back yet")
        self._given_up = False
        self._busy = _in_thread(self._look)
        done, _ = await asyncio.wait({self._busy}, timeout=timeout + GRACE)
        if not done:
            self._cut()
            done, _ = await asyncio.wait({self._busy}, timeout=GRACE)
        return self._busy.result() if done else lost(f"no answer within {timeout:g} s")

    async def close(self) -> None:
        """Lets the connection go; waits no longer than a moment."""
        if self._busy is not None and not self._busy.done():
            self._cut()
        await asyncio.wait({_in_thread(self._close)}, timeout=GRACE)

    def _cut(self) -> None:
        """Ends the connection under the feet of a thread that waits on it."""
        self._given_up = True
        connection = self._connection
        if connection is None:
            return
        with suppress(Exception):
            end = socket.socket(fileno=os.dup(connection.fileno()))
            try:
                end.shutdown(socket.SHUT_RDWR)
            finally:
                end.close()

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(Exception):
                connection.close()

    # -- in a thread of its own ---------------------------------------------------------------------------------------
    def _look(self) -> Look:
        import psycopg

        kept = self._connection is not None
        try:
            try:
                return self._ask()
            except psycopg.OperationalError:
                if not kept or not self._broken or self._given_up:
                    raise
                self._close()  # it broke while nobody used it: that says nothing of now
                return self._ask()
        except psycopg.Error as error:
            said = words(error, self._settings)
            answered = error.sqlstate is not None and not self._broken
            if self._broken:
                self._close()
            if refused(error):
                return Look(health=Health.WARN, state="refuses", reason=said)
            return Look(health=Health.CRIT, state="fails", reason=said) if answered else lost(said)

    @property
    def _broken(self) -> bool:
        return self._connection is None or self._connection.closed

    def _ask(self) -> Look:
        began = time.perf_counter()
        connection = self._connection or self._connect()
        self._connection = connection
        try:
            cursor = connection.cursor()
            if self._plain:
                limit = str(int(self._settings.timeout * 1000))
                cursor.execute("SELECT set_config('statement_timeout', %s, true)", (limit,))
            rows: list[tuple[str, ...]] = []
            more = False
            with closing(self._rows(cursor)) as stream:
                for row in stream:
                    if len(rows) == MOST_ROWS:
                        more = True
                        break
                    rows.append(tuple(_cell(value) for value in row[:MOST_COLUMNS]))
                columns = _columns(cursor)
        finally:
            if not connection.closed:
                connection.rollback()
        table = Table("Rows", columns, tuple(rows), int(more))
        return _told(table, more, time.perf_counter() - began, self._settings.expect)

    def _rows(self, cursor: psycopg.Cursor[Any]) -> Generator[Any, None, None]:
        """The rows as they come, so that a large table is not read whole; one statement and no more."""
        yield from cursor.stream(self._settings.query.strip().rstrip(";").encode())

    def _connect(self) -> psycopg.Connection[Any]:
        import psycopg

        settings = self._settings
        given: dict[str, Any] = {
            "application_name": "watchdeck",
            "connect_timeout": max(2, math.ceil(settings.timeout)),
            "tcp_user_timeout": int(settings.timeout * 1000),
        }
        if settings.user:
            given["user"] = settings.user
        if settings.password:
            given["password"] = settings.password.reveal()
        limit = int(settings.timeout * 1000)
        options = f"-c default_transaction_read_only=on -c statement_timeout={limit} -c lock_timeout={limit}"
        try:
            connection = psycopg.connect(settings.url, **(given if self._plain else {**given, "options": options}))
        except psycopg.OperationalError as error:
            if self._plain or _NO_OPTIONS not in str(error):
                raise
            self._plain = True
            connection = psycopg.connect(settings.url, **given)
        connection.read_only = True
        connection.prepare_threshold = None
        return connection


def _columns(cursor: psycopg.Cursor[Any]) -> tuple[str, ...]:
    return tuple(clean(column.name, CELL) for column in (cursor.description or ())[:MOST_COLUMNS])


def _cell(value: object) -> str:
    """A value as text: times in UTC, bytes as hexadecimal digits, nothing as nothing."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%SZ}" if value.tzinfo else f"{value:%Y-%m-%d %H:%M:%S}"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value[: CELL // 2]).hex()
    return clean(value if isinstance(value, str) else str(value), CELL)


def _told(table: Table, more: bool, took: float, expect: str) -> Look:
    number = f"{len(table.rows)}{'+' if more else ''} row{'s' * (len(table.rows) != 1)}"
    if expect and not _holds(table.rows, expect):
        reason = f"none of {number} says “{clean(expect, 60)}”" if table.rows else f"no row, nor “{clean(expect, 60)}”"
        return Look(health=Health.CRIT, state="fails", reason=reason, latency=took, tables=(table,))
    checks = _checks(table)
    counts = Counter(check.word for check in checks)
    by_word = ", ".join(f"{times} {word}" for word, times in counts.most_common(4))
    more_words = f", +{len(counts) - 4} more" if len(counts) > 4 else ""
    reason = f"{number}: {by_word}{more_words}" if checks else number
    shown = sorted(checks, key=lambda check: -check.health.rank)[:MOST_CHECKS]
    return Look(health=Health.OK, reason=reason, latency=took, checks=tuple(shown), tables=(table,))


def _holds(rows: Sequence[Sequence[str]], expect: str) -> bool:
    """Whether a cell is the text, or a cell that is no number holds it."""
    return any(expect == cell or (not expect.isdecimal() and expect in cell) for row in rows for cell in row)


def _checks(table: Table) -> list[Check]:
    """Each row as a part, where there are a name and a status: what they are is no fault of the database."""
    lower = [column.lower() for column in table.columns]
    name = next((lower.index(each) for each in _NAME if each in lower), None)
    status = next((lower.index(each) for each in _STATUS if each in lower), None)
    if name is None or status is None:
        return []
    found = []
    for row in table.rows:
        word = row[status].strip().lower()[:30]
        health = meaning(word)
        health = Health.WARN if health is Health.CRIT else health
        if row[name]:
            found.append(Check(row[name], health, word or "-"))
    return found


def _in_thread(work: Callable[[], T]) -> asyncio.Future[T]:
    """Has work done in a thread of its own, which nobody waits for at the end: a look-up of a name may hang long."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: BaseException | None) -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type]

    def run() -> None:
        result: T | None = None
        failure: BaseException | None = None
        try:
            result = work()
        except Exception as error:
            failure = error
        with suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(settle, result, failure)

    threading.Thread(target=run, name="database look", daemon=True).start()
    return future
