"""Journal: lines of a unit's log, by one bounded run of `journalctl -o json` for each asking."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from app.model.units import LogLine, LogPage
from app.settings.fields import UnitSettings
from app.sources.journalwire import Masked, read_entry, realtime_of
from app.sources.programs import NoProgram, ProgramError, Running, environment, running

PATIENCE = 4.0
"""Seconds that one asking may take; what was found by then is told."""
AT_ONCE = 4
"""Askings at the same time; others wait, and give up after `PATIENCE`."""
ENTRY_MOST = 1024 * 1024
"""Bytes of one entry that are read; of a longer one only that there is one is told."""
LOOK_MOST = 20_000
"""Entries that are looked at for one page: about a second's work of `journalctl` and as little of ours."""
PAGE_BYTES = 1024 * 1024
"""Characters of text that one page holds."""
LINES_MOST = 1000
"""Lines of one page."""
FIELDS = "MESSAGE,PRIORITY,SYSLOG_IDENTIFIER,_COMM,_PID,SYSLOG_PID"
CURSOR = re.compile(r"[A-Za-z0-9=;:_-]{1,500}")
RESTARTED = "5eb03494b6584870a536b337290809b2"
"""The message id with which systemd says that it will start a unit again."""
_PIECE = 256 * 1024
_NONE, _DENIED = "no journal files were found", "insufficient permissions"


class NoJournal(ProgramError):
    """There is no journal to be read; the text says why."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which lines: at most `limit`, the newest, or those before (`older`) or after a cursor.

    `priority`: this urgent or more, 7 for all. `contains`: only those with this text in them, case ignored, as they
    are shown: what is masked cannot be found.
    """

    limit: int = 200
    cursor: str = ""
    older: bool = True
    priority: int = 7
    contains: str = ""


class Journal:
    """Reads the logs of some units. Raises ProgramError with a sentence, NoJournal where there is none to be read."""

    def __init__(
        self, units: Sequence[UnitSettings], env: Mapping[str, str] | None = None, *, patience: float = PATIENCE
    ) -> None:
        self._units = {each.name: each for each in units}
        self._env = environment(os.environ if env is None else env)
        self._patience = patience
        self._free = asyncio.Semaphore(AT_ONCE)

    async def page(self, name: str, wanted: Wanted) -> LogPage:
        """Some lines of the log of a unit by the name that it has here; KeyError for one that is not watched."""
        unit = self._units[name]
        backwards = wanted.older or not wanted.cursor
        gathering = _Gathering(wanted)
        async with self._program(_arguments(unit, wanted, backwards)) as program:
            complete = await self._gather(program, gathering)
        if not gathering.looked_at and not wanted.cursor:
            await self._is_there()
        lines = gathering.lines
        ends = [each for each in (gathering.first, gathering.last) if each]
        if backwards:
            lines.reverse()
            ends.reverse()
        more = gathering.full or not complete
        oldest, newest = (ends[0], ends[-1]) if ends else ("", "")
        return LogPage(
            unit.name, unit.unit, unit.scope, Masked().over(lines),
            older=(oldest if more else "") if backwards else oldest or wanted.cursor,
            newer=newest or wanted.cursor,
            looked_at=gathering.looked_at, partly=more and len(lines) < wanted.limit,
        )  # fmt: skip

    async def restarts(self, unit: UnitSettings, since: datetime) -> Sequence[datetime]:
        """When systemd started a unit again, newest first."""
        asked = (
            *_unit(unit), "--output=json", "--output-fields=_PID", "--reverse", "--lines=100",
            f"--since=@{int(since.timestamp())}", f"MESSAGE_ID={RESTARTED}",
        )  # fmt: skip
        found: list[datetime] = []
        async with self._program(asked) as program:
            try:
                async with asyncio.timeout(self._patience):
                    async for line in _lines(program):
                        if line is not None and (at := realtime_of(line)) is not None:
                            found.append(at)
            except TimeoutError:
                return ()
        return found

    async def _is_there(self) -> None:
        """Raises if nothing came because there is no journal: with JSON `journalctl` does not say so."""
        async with self._program(("--lines=0",)) as program:
            try:
                async with asyncio.timeout(self._patience):
                    said = (await program.read(_PIECE)).decode("utf-8", "replace")
                    code = await program.code()
            except TimeoutError:
                return
        _complain(program.complaint or said, code)

    def _program(self, arguments: Sequence[str]) -> _Slot:
        return _Slot(self._free, arguments, self._env, self._patience)

    async def _gather(self, program: Running, gathering: _Gathering) -> bool:
        """Whether all that there is was read; False where it took too long."""
        try:
            async with asyncio.timeout(self._patience):
                async for line in _lines(program):
                    if gathering.take(line):
                        return True
                code = await program.code()
        except TimeoutError:
            if not gathering.looked_at:
                raise ProgramError(f"journalctl does not answer within {self._patience:g} s") from None
            return False
        if not gathering.looked_at:
            _complain(program.complaint, code)
        return True


class _Slot:
    """A run of journalctl, once fewer than `AT_ONCE` others run."""

    def __init__(
        self, free: asyncio.Semaphore, arguments: Sequence[str], env: Mapping[str, str], patience: float
    ) -> None:
        self._free = free
        self._run = running(("journalctl", "--no-pager", "--all", *arguments), env)
        self._patience = patience

    async def __aenter__(self) -> Running:
        try:
            async with asyncio.timeout(self._patience):
                await self._free.acquire()
        except TimeoutError:
            raise ProgramError("too many logs are read at once: try again") from None
        try:
            return await self._run.__aenter__()
        except NoProgram:
            self._free.release()
            raise NoJournal("there is no journal here: journalctl is not installed") from None
        except BaseException:
            self._free.release()
            raise

    async def __aexit__(self, *raised: object) -> None:
        try:
            await self._run.__aexit__(*raised)  # type: ignore[arg-type]
        finally:
            self._free.release()


class _Gathering:
    """Takes entries in the order of reading until there are enough."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._contains = wanted.contains.casefold()
        self._room = PAGE_BYTES
        self.lines: list[LogLine] = []
        self.looked_at = 0
        self.first = self.last = ""  # cursors of what was looked at
        self.full = False

    def take(self, line: bytes | None) -> bool:
        """One entry (None: it was too large to be read); whether that is enough."""
        entry = read_entry(line)
        if entry is None or entry.cursor == self._wanted.cursor:
            return False
        if len(self.lines) >= self._wanted.limit or self.looked_at >= LOOK_MOST or self._room <= 0:
            self.full = True  # this one is the first that is not told any more
            return True
        self.looked_at += 1
        self.first = self.first or entry.cursor
        self.last = entry.cursor
        shown = entry.shown()
        if self._contains in shown.text.casefold():
            self.lines.append(shown)
            self._room -= len(shown.text)
        return False


async def _lines(program: Running) -> AsyncIterator[bytes | None]:
    """The lines of its output; of one that is longer than an entry may be, its beginning."""
    rest = bytearray()
    passing = False  # over the rest of a line of which the beginning is told
    while piece := await program.read(_PIECE):
        rest += piece
        while (end := rest.find(b"\n")) >= 0:
            line, passed = bytes(rest[:end]), passing
            del rest[: end + 1]
            passing = False
            if not passed:
                yield line
        if len(rest) > ENTRY_MOST:
            if not passing:
                yield bytes(rest[:ENTRY_MOST])
            passing = True
            rest.clear()
    if rest and not passing:
        yield bytes(rest)


def _arguments(unit: UnitSettings, wanted: Wanted, backwards: bool) -> tuple[str, ...]:
    asked = [*_unit(unit), "--output=json", f"--output-fields={FIELDS}"]
    if backwards:
        asked.append("--reverse")
    if wanted.priority < 7:
        asked.append(f"--priority={wanted.priority}")
    if wanted.cursor:
        asked.append(f"--cursor={wanted.cursor}")
    return tuple(asked)


def _unit(unit: UnitSettings) -> tuple[str, ...]:
    """Of the user's units also where they are in the system's own journal: `--user` would leave that out."""
    return (f"--{'user-unit' if unit.scope == 'user' else 'unit'}={unit.unit}",)


def _complain(said: str, code: int) -> None:
    """Raises what is wrong, if nothing came because something is."""
    if _DENIED in said.casefold():
        raise NoJournal("not permitted to read the journal: the worker's user is not in the group systemd-journal")
    if _NONE in said.casefold():
        raise NoJournal("there is no journal here: journalctl finds no files")
    if code != 0:
        raise ProgramError(f"journalctl: {said}" if said else f"journalctl ends with exit code {code}")
