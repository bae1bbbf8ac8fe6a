"""The log of a systemd unit: follows its end, reads back as far as one goes, and can be narrowed and searched."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from dataclasses import asdict
from typing import ClassVar

from textual.app import ComposeResult

from app.model import text
from app.model.units import PRIORITIES, LogLine
from app.tui.lines import Line, words
from app.tui.screens.document import Document
from app.tui.screens.log_reading import LEVELS, LogPlace, LogReading
from app.tui.screens.moves import perform_move
from app.tui.screens.page import Deck, Page
from app.tui.screens.raw import plain_value
from app.tui.screens.text import TextPage
from app.tui.views import log_lines
from widgets.cells import wrap_cells
from widgets.log_view import LogView, Told

KEPT_LOGS = 8
"""Logs that are kept for when one comes back."""
FIRST_WORDS = 0.3
"""Seconds that keys which were typed ahead wait at most for the first lines."""


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
        self._answered = asyncio.Event()
        self.log_view = LogView(self._told)
        self.reading = LogReading(
            self.name_of_unit,
            self.place,
            self.log_view,
            ask=deck.ask,
            start=lambda work: self.run_worker(work, group="question", exit_on_error=False),
            changed=self._changed,
            clock=deck.options.monotonic,
        )
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
        if self.reading.trouble:
            spans.append((text.cut(self.reading.trouble, 50), "warn"))
        spans.append(("following" if place.following else "F follows", "ok" if place.following else "dim"))
        if place.level < LEVELS[0]:
            spans.append((f"{PRIORITIES[place.level]} and worse", "strong"))
        if place.wanted:
            spans.append((f"/{text.cut(place.wanted, 20)}{' among all' if place.around else ''}", "strong"))
        if self.reading.looked_at:
            spans.append((f"of {text.count(self.reading.looked_at)} looked at", "dim"))
        spans.append((f"{len(self.log_view.rows):,} line{'' if len(self.log_view.rows) == 1 else 's'}", "dim"))
        return Line(tuple(spans))

    def _told(self, line: LogLine) -> Told:
        return log_lines.told(line, self.picture, self.log_view.size.width)

    async def laid_out(self) -> None:
        await super().laid_out()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._answered.wait(), FIRST_WORDS)

    # -- reading -----------------------------------------------------------------------------------------------------
    def on_mount(self) -> None:
        self.reading.resume()
        if self.log_view.rows:
            self._answered.set()
        self._say_empty()

    def on_unmount(self) -> None:
        self.reading.keep()

    def tick(self) -> None:
        self.reading.tick()
        self.log_view.sync()

    def _changed(self) -> None:
        if self.place.read or self.reading.trouble:
            self._answered.set()
        self._say_empty()
        self.deck.head_changed()

    def _say_empty(self) -> None:
        """What stands there instead of lines."""
        nothing = not self.log_view.rows
        self.log_view.display, self._empty.display = not nothing, nothing
        if not nothing:
            return
        place = self.place
        if trouble := self.reading.trouble:
            said = f"{trouble[:1].upper()}{trouble[1:]}."
        elif not place.read:
            said = "Reading …"
        elif place.wanted and not place.around:
            said = f"Nothing with {place.wanted!r} in it — esc clears"
            if place.older:
                far = f"{self.reading.looked_at:,}"
                said = f"Nothing with {place.wanted!r} in the last {far} — k looks farther back, esc clears"
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
            self.reading.anew()

    def leave(self) -> bool:
        if not self.place.wanted:
            return False
        self.set_filter("")
        return True

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
            self.reading.newer()
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
                self.reading.older()
        elif view.at_end and not place.following:
            self.reading.beyond(to_end=action == "move.last")
        self.deck.head_changed()
        return True

    def _follow(self, on: bool) -> None:
        self.place.following = on
        if on:
            self.log_view.move_to_end(False)
            self.reading.newer()
        self.deck.head_changed()

    def _level(self, step: int) -> None:
        at = LEVELS.index(self.place.level) + step
        if 0 <= at < len(LEVELS):
            self._set_level(LEVELS[at])
        else:
            self.deck.say("all lines are shown" if at < 0 else "only errors are shown")

    def _set_level(self, level: int) -> None:
        self.place.level = level
        self.reading.anew()

    def _toggle_around(self) -> None:
        if not self.place.wanted:
            self.deck.say("/ looks for a text; e then shows the lines around it too")
            return
        self.place.around = not self.place.around
        self.reading.anew()

    def _match(self, direction: int) -> None:
        """To the next or previous line with the text, also among lines that are not here yet."""
        wanted = self.place.wanted
        if not wanted:
            self.deck.say("nothing was searched for: / searches")
            return

        def found(there: bool) -> None:
            if not there:
                self.deck.say(f"no {'later' if direction > 0 else 'earlier'} line with {wanted!r}")
            self.deck.head_changed()

        self.reading.seek(direction, found)

    def raw(self) -> str:
        line: LogLine | None = self.log_view.current
        return "" if line is None else json.dumps(asdict(line), default=plain_value, ensure_ascii=False)
