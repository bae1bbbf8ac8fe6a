"""The log of a systemd unit: follows its end, reads back as far as one goes, and can be narrowed and searched."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import ClassVar

from textual.app import ComposeResult

from app.feed.questions import LogsOf, Unanswered
from app.model import text
from app.model.units import PRIORITIES, LogLine, LogPage
from app.tui.lines import Line, words
from app.tui.screens.document import Document
from app.tui.screens.moves import perform_move
from app.tui.screens.page import Deck, Page
from app.tui.screens.raw import plain_value
from app.tui.screens.text import TextPage
from app.tui.views import log_lines
from widgets.cells import wrap_cells
from widgets.log_view import LogView, Told

PART = 300
"""Lines that are asked for at one go."""
HELD = 10_000
"""Lines that are held; beyond them those farthest from the cursor are let go of."""
KEPT_LINES, KEPT_LOGS = 2_000, 8
"""Lines of a log that is left, and logs, that are kept for when one comes back."""
PAUSE = 1.0
"""Seconds between two looks at what is new, while it is followed."""
AGAIN = 5.0
"""The same while the log cannot be read."""
FIRST_WORDS = 0.3
"""Seconds that keys which were typed ahead wait at most for the first lines."""
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


class UnitLogPage(Page):
    """One log. The worker is asked for lines; while the page is in front and follows, each second for new ones."""

    kind: ClassVar[str] = "log"

    def __init__(self, deck: Deck, view_id: str, ref: str) -> None:
        super().__init__(deck, view_id)
        self.name_of_unit = ref.partition(":")[2]
        kept = deck.kept
        place = kept.pop(ref, None)
        self.place = kept[ref] = place if isinstance(place, LogPlace) else LogPlace()
        while len(logs := [each for each, what in kept.items() if isinstance(what, LogPlace)]) > KEPT_LOGS:
            del kept[logs[0]]
        self.filter_text = self.place.wanted
        self.trouble = ""
        self._asking: LogsOf | None = None
        self._asked_at = -AGAIN
        self._looked_at = 0  # lines that a search has gone through which has not come to the beginning
        self._answered = asyncio.Event()
        self.log_view = LogView(self._told)
        self._empty = Document(selectable=False)
        self._empty.when_resized(self._say_empty)

    def compose(self) -> ComposeResult:
        yield self.log_view
        yield self._empty

    # -- what it is --------------------------------------------------------------------------------------------------
    @property
    def sections(self) -> frozenset[str]:
        return frozenset({"components"})

    @property
    def ref(self) -> str:
        return f"component:unit:{self.name_of_unit}"

    @property
    def crumb(self) -> str:
        return f"log of {self.name_of_unit}" if self.view_id != "components" else "log"

    def head(self) -> Line:
        place, spans = self.place, []
        if self.trouble:
            spans.append((text.cut(self.trouble, 50), "warn"))
        spans.append(("following" if place.following else "F follows", "ok" if place.following else "dim"))
        if place.level < LEVELS[0]:
            spans.append((f"{PRIORITIES[place.level]} and worse", "strong"))
        if place.wanted:
            spans.append((f"/{text.cut(place.wanted, 20)}{' among all' if place.around else ''}", "strong"))
        if self._looked_at:
            spans.append((f"of {text.count(self._looked_at)} looked at", "dim"))
        spans.append((f"{len(self.log_view.rows):,} line{'' if len(self.log_view.rows) == 1 else 's'}", "dim"))
        return Line(tuple(spans))

    def _told(self, line: LogLine) -> Told:
        return log_lines.told(line, self.picture, self.log_view.size.width)

    async def laid_out(self) -> None:
        await super().laid_out()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._answered.wait(), FIRST_WORDS)

    # -- asking ------------------------------------------------------------------------------------------------------
    def on_mount(self) -> None:
        place = self.place
        self.log_view.look_for(place.wanted)
        if place.lines:
            at = next((at for at, line in enumerate(place.lines) if line.cursor == place.cursor), len(place.lines) - 1)
            self.log_view.show(place.lines, at)
            self._answered.set()
        if place.following or not place.lines:
            self._newer()
        self._say_empty()

    def on_unmount(self) -> None:
        self._keep()

    def _keep(self) -> None:
        """What is found again: the lines around the cursor."""
        place, rows, at = self.place, self.log_view.rows, self.log_view.cursor
        first = max(0, min(at - KEPT_LINES // 2, len(rows) - KEPT_LINES))
        kept = list(rows[first : first + KEPT_LINES])
        if first and kept:
            place.older = kept[0].cursor
        if kept and first + len(kept) < len(rows):
            place.newer = kept[-1].cursor
        place.lines = kept
        place.cursor = self._cursor

    @property
    def _cursor(self) -> str:
        line: LogLine | None = self.log_view.current
        return line.cursor if line is not None else ""

    def tick(self) -> None:
        since = self.deck.options.monotonic() - self._asked_at
        wanted = self.place.following or not self.place.read
        if wanted and self._asking is None and since >= (AGAIN if self.trouble else PAUSE):
            self._newer()
        self.log_view.sync()

    def _question(self, cursor: str = "", *, older: bool = True, limit: int = PART, among: str = "") -> LogsOf:
        place = self.place
        contains = among or ("" if place.around else place.wanted)
        return LogsOf(self.name_of_unit, cursor, older, limit, place.level, contains)

    def _newer(self) -> None:
        if self.place.newer:
            self._ask(self._question(self.place.newer, older=False), self._take_newer)
        else:
            self._ask(self._question(), self._take_first)

    def _older(self) -> None:
        if self.place.older and self._asking is None:
            self._ask(self._question(self.place.older), self._take_older)

    def _ask(self, question: LogsOf, then: Callable[[LogPage], None]) -> None:
        """Puts a question; what is answered to one before it is not waited for."""
        self._asking, self._asked_at = question, self.deck.options.monotonic()
        self.run_worker(self._put(question, then), group="question", exit_on_error=False)

    async def _put(self, question: LogsOf, then: Callable[[LogPage], None]) -> None:
        told: LogPage | Unanswered = Unanswered("no answer")
        try:
            told = await self.deck.ask(question)
        finally:
            if question is self._asking:
                self._asking = None
                self.trouble = told.why if isinstance(told, Unanswered) else ""
                if isinstance(told, LogPage):
                    self.place.read = True
                    then(told)
                self._answered.set()
                self._say_empty()
                self.deck.head_changed()

    # -- what is answered --------------------------------------------------------------------------------------------
    def _take_first(self, page: LogPage) -> None:
        self.place.older, self.place.newer = page.older, page.newer
        self.log_view.show(page.lines, len(page.lines) - 1)
        self._say_how_far(page)

    def _take_newer(self, page: LogPage) -> None:
        place, view = self.place, self.log_view
        place.newer = page.newer or place.newer
        drop = max(0, len(view.rows) + len(page.lines) - HELD)
        view.add_newer(page.lines, follow=place.following, drop=drop)
        if drop and view.rows:
            place.older = view.rows[0].cursor
        if (page.partly or len(page.lines) >= PART) and page.newer:
            self._newer()  # there is more by now

    def _take_older(self, page: LogPage) -> None:
        place, view = self.place, self.log_view
        place.older = page.older
        drop = max(0, len(view.rows) + len(page.lines) - HELD)
        view.add_older(page.lines, drop=drop)
        if drop:
            place.newer, place.following = view.rows[-1].cursor, False
        self._say_how_far(page)

    def _say_how_far(self, page: LogPage) -> None:
        """Of a search that has not come to the beginning, how far it came."""
        self._looked_at = self._looked_at + page.looked_at if page.partly and page.older else 0

    def _say_empty(self) -> None:
        """What stands there instead of lines."""
        nothing = not self.log_view.rows
        self.log_view.display, self._empty.display = not nothing, nothing
        if not nothing:
            return
        place = self.place
        if self.trouble:
            said = f"{self.trouble[:1].upper()}{self.trouble[1:]}."
        elif not place.read:
            said = "Reading …"
        elif place.wanted and not place.around:
            said = f"Nothing with {place.wanted!r} in it — esc clears"
            if place.older:
                said = (
                    f"Nothing with {place.wanted!r} in the last {self._looked_at:,} — k looks farther back, esc clears"
                )
        elif place.level < LEVELS[0]:
            said = f"Nothing of {PRIORITIES[place.level]} or worse — + shows more"
        else:
            said = "It has logged nothing that this worker may read."
        width = max(20, self._empty.size.width - 4)
        self._empty.show([words(f"  {part}") for part in ("", *wrap_cells(text.clean(said), width))])

    # -- what is shown -----------------------------------------------------------------------------------------------
    def rebuild(self) -> None:
        self.log_view.sync()
        self._say_empty()

    def set_filter(self, text: str) -> None:
        """Only lines with this text; with none, all of them around the line where one is."""
        wanted = text.strip()
        before, self.filter_text, self.place.wanted = self.place.wanted, wanted, wanted
        self.log_view.look_for(wanted)
        if wanted != before:
            self.place.around = self.place.around and bool(wanted)
            self._anew()

    def leave(self) -> bool:
        if not self.place.wanted:
            return False
        self.set_filter("")
        return True

    def _anew(self) -> None:
        """Other lines are wanted: those around the cursor where one has gone to a line, else the newest."""
        place, line = self.place, self.log_view.current
        self._looked_at = 0
        if line is None or place.following or (place.wanted and not place.around):
            place.older = place.newer = ""
            self.log_view.show((), 0)
            place.read = False
            self._newer()
        else:
            self._around(line)
        self._say_empty()
        self.deck.head_changed()

    def _around(self, line: LogLine) -> None:
        """The lines before and after a line, which stays under the cursor."""

        def before(page: LogPage) -> None:
            self.place.older, self.place.newer = page.older, line.cursor
            rows: Sequence[LogLine] = (*page.lines, line)
            self.log_view.show(rows, len(rows) - 1)
            self._ask(self._question(line.cursor, older=False), after)

        def after(page: LogPage) -> None:
            self.place.newer = page.newer or self.place.newer
            self.log_view.show((*self.log_view.rows, *page.lines), self.log_view.cursor)

        self.place.following = False
        self._ask(self._question(line.cursor), before)

    # -- keys --------------------------------------------------------------------------------------------------------
    async def perform(self, action: str) -> bool:
        view, place = self.log_view, self.place
        line: LogLine | None = view.current
        if action == "open" and line is not None:
            await self.deck.open_page(TextPage(self.deck, self, "line", log_lines.whole(line, self.picture)))
        elif action == "copy":
            self.deck.copy(line.text if line is not None else "")
        elif action == "follow":
            self._follow(not place.following)
        elif action in ("more", "less"):
            self._level(1 if action == "less" else -1)
        elif action == "faults":
            self._set_level(LEVELS[0] if place.level == 4 else 4)
        elif action == "hidden":
            self._toggle_around()
        elif action in ("fault.next", "fault.previous"):
            self._match(1 if action == "fault.next" else -1)
        elif action in ("columns.left", "columns.right"):
            view.scroll_columns(-1 if action == "columns.left" else 1)
        elif action == "refresh":
            self._newer()
        else:
            return self._moved(action)
        return True

    def _moved(self, action: str) -> bool:
        view, place = self.log_view, self.place
        if not perform_move(view, action):
            return False
        if action in ("move.up", "page.up", "move.first"):
            place.following = False
            if view.cursor == 0:
                self._older()
        elif view.at_end and not place.following and place.newer and self._asking is None:
            self._ask(self._question(place.newer, older=False), lambda page: self._go_on(page, action))
        self.deck.head_changed()
        return True

    def _go_on(self, page: LogPage, action: str) -> None:
        """Moving beyond the end goes on to what came since."""
        end = len(self.log_view.rows)
        self._take_newer(page)
        if page.lines:
            grown = len(self.log_view.rows) - len(page.lines)  # where the new lines begin, if old ones were let go of
            self.log_view.go(len(self.log_view.rows) if action == "move.last" else min(end, grown))

    def _follow(self, on: bool) -> None:
        self.place.following = on
        if on:
            self.log_view.move_to_end(False)
            self._newer()
        self.deck.head_changed()

    def _level(self, step: int) -> None:
        at = LEVELS.index(self.place.level) + step
        if 0 <= at < len(LEVELS):
            self._set_level(LEVELS[at])
        else:
            self.deck.say("all lines are shown" if at < 0 else "only errors are shown")

    def _set_level(self, level: int) -> None:
        self.place.level = level
        self._anew()

    def _toggle_around(self) -> None:
        if not self.place.wanted:
            self.deck.say("/ looks for a text; e then shows the lines around it too")
            return
        self.place.around = not self.place.around
        self._anew()

    def _match(self, direction: int) -> None:
        """To the next or previous line with the text, also among lines that are not here yet."""
        view, place, wanted = self.log_view, self.place, self.place.wanted.casefold()
        if not wanted:
            self.deck.say("nothing was searched for: / searches")
            return
        place.following = False
        places = range(view.cursor + 1, len(view.rows)) if direction > 0 else range(view.cursor - 1, -1, -1)
        found = next((at for at in places if wanted in view.rows[at].text.casefold()), None)
        if found is not None:
            view.go(found)
            self.deck.head_changed()
            return
        start = (view.rows[-1] if direction > 0 else view.rows[0]).cursor if view.rows else ""
        question = self._question(start, older=direction < 0, limit=1, among=place.wanted)

        def told(page: LogPage) -> None:
            if page.lines and page.lines[0].cursor not in {line.cursor for line in view.rows}:
                self._around(page.lines[0])
            else:
                self.deck.say(f"no {'later' if direction > 0 else 'earlier'} line with {place.wanted!r}")

        if start:
            self._ask(question, told)

    def raw(self) -> str:
        line: LogLine | None = self.log_view.current
        return "" if line is None else json.dumps(asdict(line), default=plain_value, ensure_ascii=False)
