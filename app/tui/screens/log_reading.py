"""Reading a log: which of its lines are here, and asking the worker for those that are not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from app.feed.questions import LogsOf, Unanswered
from app.model.units import LogLine, LogPage
from widgets.log_view import LogView

PART = 300
"""Lines that are asked for at one go."""
HELD = 10_000
"""Lines that are held; beyond them those farthest from the cursor are let go of."""
KEPT_LINES = 2_000
"""Lines of a log that is left, which are kept for when one comes back."""
PAUSE = 1.0
"""Seconds between two looks at what is new, while it is followed."""
AGAIN = 5.0
"""The same while the log cannot be read."""
LEVELS = (7, 6, 4, 3)
"""Priorities up to which lines are shown: all, without debug, warnings, errors."""


@dataclass(slots=True)
class LogPlace:
    """What was read of a log and where one was in it: what is found again when one comes back."""

    lines: list[LogLine] = field(default_factory=list)
    older: str = ""  # cursor to read on from; empty: the log begins here
    newer: str = ""
    cursor: str = ""  # of the line under the cursor
    level: int = LEVELS[0]
    wanted: str = ""
    around: bool = False  # lines without the text are shown too
    following: bool = True
    read: bool = False  # anything was answered


class LogReading:
    """One log as a view shows it. `ask` puts a question to the worker, `start` runs a coroutine beside the caller, and
    `changed` hears of every answer. Of two questions on their way only the later one's answer is taken."""

    def __init__(
        self,
        unit: str,
        place: LogPlace,
        view: LogView,
        *,
        ask: Callable[[LogsOf], Awaitable[LogPage | Unanswered]],
        start: Callable[[Awaitable[None]], object],
        changed: Callable[[], None],
        clock: Callable[[], float],
    ) -> None:
        self._unit = unit
        self.place = place
        self._view = view
        self._put_to_worker = ask
        self._start = start
        self._changed = changed
        self._clock = clock
        self._asking: LogsOf | None = None
        self._asked_at = -AGAIN
        self.trouble = ""
        """Why it cannot be read, as the worker says it; empty: it can."""
        self.looked_at = 0
        """Lines that a search has gone through which has not come to the beginning."""

    @property
    def busy(self) -> bool:
        """Whether an answer is on its way."""
        return self._asking is not None

    # -- coming and going --------------------------------------------------------------------------------------------
    def resume(self) -> None:
        """Shows what was kept of it, and reads what is new."""
        place = self.place
        self._view.look_for(place.wanted)
        if place.lines:
            at = next((at for at, line in enumerate(place.lines) if line.cursor == place.cursor), len(place.lines) - 1)
            self._view.show(place.lines, at)
        if place.following or not place.lines:
            self.newer()

    def keep(self) -> None:
        """Takes down what is to be found again: the lines around the cursor."""
        place, rows, at = self.place, self._view.rows, self._view.cursor
        first = max(0, min(at - KEPT_LINES // 2, len(rows) - KEPT_LINES))
        kept = list(rows[first : first + KEPT_LINES])
        if first and kept:
            place.older = kept[0].cursor
        if kept and first + len(kept) < len(rows):
            place.newer = kept[-1].cursor
        place.lines = kept
        line = self._view.current
        place.cursor = line.cursor if line is not None else ""

    def tick(self) -> None:
        """Time passes: what is followed is read on."""
        since = self._clock() - self._asked_at
        wanted = self.place.following or not self.place.read
        if wanted and not self.busy and since >= (AGAIN if self.trouble else PAUSE):
            self.newer()

    # -- asking ------------------------------------------------------------------------------------------------------
    def newer(self) -> None:
        """Reads what came since, or the end of a log of which nothing is here."""
        if self.place.newer:
            self._ask(self._question(self.place.newer, older=False), self._take_newer)
        else:
            self._ask(self._question(), self._take_first)

    def older(self) -> None:
        """Reads what stands before, unless something else is being read."""
        if self.place.older and not self.busy:
            self._ask(self._question(self.place.older), self._take_older)

    def beyond(self, to_end: bool) -> None:
        """The cursor wants to go beyond the last line: it goes on into what came since, to its end or its beginning."""
        if not self.place.newer or self.busy:
            return

        def go_on(page: LogPage) -> None:
            end = len(self._view.rows)
            self._take_newer(page)
            if page.lines:
                grown = len(self._view.rows) - len(page.lines)  # where the new begin, if old ones were let go of
                self._view.go(len(self._view.rows) if to_end else min(end, grown))

        self._ask(self._question(self.place.newer, older=False), go_on)

    def anew(self) -> None:
        """Other lines are wanted: those around the cursor where one has gone to a line, else the newest."""
        place, line = self.place, self._view.current
        self.looked_at = 0
        if line is None or place.following or (place.wanted and not place.around):
            place.older = place.newer = ""
            self._view.show((), 0)
            place.read = False
            self.newer()
        else:
            self._around(line)
        self._changed()

    def seek(self, direction: int, found: Callable[[bool], None]) -> None:
        """To the next line with the text, or to the one before, also among lines that are not here yet."""
        view, wanted = self._view, self.place.wanted.casefold()
        self.place.following = False
        places = range(view.cursor + 1, len(view.rows)) if direction > 0 else range(view.cursor - 1, -1, -1)
        here = next((at for at in places if wanted in view.rows[at].text.casefold()), None)
        if here is not None:
            view.go(here)
            found(True)
        elif not view.rows:
            found(False)
        else:
            start = (view.rows[-1] if direction > 0 else view.rows[0]).cursor

            def told(page: LogPage) -> None:
                there = bool(page.lines) and page.lines[0].cursor not in {line.cursor for line in view.rows}
                if there:
                    self._around(page.lines[0])
                found(there)

            self._ask(self._question(start, older=direction < 0, limit=1, among=self.place.wanted), told)

    def _question(self, cursor: str = "", *, older: bool = True, limit: int = PART, among: str = "") -> LogsOf:
        place = self.place
        contains = among or ("" if place.around else place.wanted)
        return LogsOf(self._unit, cursor, older, limit, place.level, contains)

    def _around(self, line: LogLine) -> None:
        """The lines before and after a line, which stays under the cursor."""

        def before(page: LogPage) -> None:
            self.place.older, self.place.newer = page.older, line.cursor
            rows: Sequence[LogLine] = (*page.lines, line)
            self._view.show(rows, len(rows) - 1)
            self._ask(self._question(line.cursor, older=False), after)

        def after(page: LogPage) -> None:
            self.place.newer = page.newer or self.place.newer
            self._view.show((*self._view.rows, *page.lines), self._view.cursor)

        self.place.following = False
        self._ask(self._question(line.cursor), before)

    def _ask(self, question: LogsOf, then: Callable[[LogPage], None]) -> None:
        self._asking, self._asked_at = question, self._clock()
        self._start(self._put(question, then))

    async def _put(self, question: LogsOf, then: Callable[[LogPage], None]) -> None:
        told: LogPage | Unanswered = Unanswered("no answer")
        try:
            told = await self._put_to_worker(question)
        finally:
            if question is self._asking:
                self._asking = None
                self.trouble = told.why if isinstance(told, Unanswered) else ""
                if isinstance(told, LogPage):
                    self.place.read = True
                    then(told)
                self._changed()

    # -- what is answered --------------------------------------------------------------------------------------------
    def _take_first(self, page: LogPage) -> None:
        self.place.older, self.place.newer = page.older, page.newer
        self._view.show(page.lines, len(page.lines) - 1)
        self._say_how_far(page)

    def _take_newer(self, page: LogPage) -> None:
        place, view = self.place, self._view
        place.newer = page.newer or place.newer
        drop = max(0, len(view.rows) + len(page.lines) - HELD)
        view.add_newer(page.lines, follow=place.following, drop=drop)
        if drop and view.rows:
            place.older = view.rows[0].cursor
        if (page.partly or len(page.lines) >= PART) and page.newer:
            self.newer()  # there is more by now

    def _take_older(self, page: LogPage) -> None:
        place, view = self.place, self._view
        place.older = page.older
        drop = max(0, len(view.rows) + len(page.lines) - HELD)
        view.add_older(page.lines, drop=drop)
        if drop:
            place.newer, place.following = view.rows[-1].cursor, False
        self._say_how_far(page)

    def _say_how_far(self, page: LogPage) -> None:
        """Of a search that has not come to the beginning, how far it came."""
        self.looked_at = self.looked_at + page.looked_at if page.partly and page.older else 0
