"""Overview: is anything wrong, what, since when, what can be done; and every other view in a line or a pane."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.containers import Container, Horizontal, Vertical

from app.model import text
from app.model.snapshot import Capability
from app.tui import sentences
from app.tui.explanations import EXPLANATIONS
from app.tui.lines import Line, rule
from app.tui.opening import opening as opening_lines
from app.tui.picture import Changes
from app.tui.screens import now
from app.tui.screens.document import Document
from app.tui.screens.moves import perform_move
from app.tui.screens.page import Deck, Page
from app.tui.screens.pane import Pane
from app.tui.screens.room import LINES_FROM, PANES_FROM, SPARE, WIDE_FROM, lines_height, spare_panes
from app.tui.view_lines import metrics_line, view_lines
from app.tui.views import cells, components, score_pane
from app.tui.views.view import View
from widgets.now_list import NowList
from widgets.record_table import RecordTable

PANES = ("consumers", "streams", "jobs", "components", "agents")
"""Views that have panes, in the order in which `tab` goes through them."""


class OverviewPage(Page):
    """The first page. It lays itself out by the size of the terminal and by what there is to see."""

    kind: ClassVar[str] = "overview"

    def __init__(self, deck: Deck, views: tuple[View, ...]) -> None:
        super().__init__(deck, "overview")
        self._views = views
        self._now_title = Document(selectable=False, id="now-title")
        self.now = NowList(cut=cells.cut, id="now")
        self._opening = Document(selectable=False, id="opening")
        self._lines = Document(id="lines")
        self._panes = {name: Pane(deck, _in_pane(view)) for name in PANES for view in views if view.id == name}
        self._columns = Horizontal(id="columns")
        self._left = Vertical(id="left")
        self._middle = Container(id="middle")
        self._upper = Vertical(id="upper")
        self._lower = Vertical(id="lower")
        self._score = Document(id="score")
        self._scored = ("", "")  # whose score the pane shows, and why that one
        self._score.when_resized(self._write_score)
        self._now_pane = Vertical(id="now-pane")
        self._focus = "now"
        self._zoomed = False
        self._every = False
        self._moved_at: float | None = None
        self._shown: set[str] = set()
        self._spare: dict[str, int] = {}
        self._began = deck.options.monotonic()

    def compose(self) -> ComposeResult:
        with self._columns, self._left, self._now_pane:
            yield self._opening

    def _spare_panes(self) -> dict[str, int]:
        # By the terminal's size: while another page is in front this one has none.
        size = self.app.size
        return spare_panes(self._shown, size.height, self.now.most_lines(size.width))

    def _mount_spare(self, heights: Mapping[str, int]) -> None:
        for name, height in heights.items():
            if name not in self._panes:
                view = next(view for view in self._views if name == f"spare-{view.id}")
                without = ("jobs", "failed") if view.id == "agents" else ()  # lines of views do without the job queue
                pane = self._panes[name] = Pane(self.deck, view, id=name, without=without)
                self._left.mount(pane)
            self._panes[name].styles.height = height

    def _mount_parts(self, *, facts: bool, panes: bool) -> None:
        """What is not on the first frame comes when it is needed: the first frame waits for none of it."""
        if facts and not self.now.is_attached:
            self._now_pane.mount(self._now_title, self.now, before=self._opening)
            self.mount(self._lines)
        if panes and not self._middle.is_attached:
            self._left.mount(self._panes["consumers"])
            self._columns.mount(self._middle)
            self._middle.mount(self._upper, self._lower)
            self._upper.mount(self._panes["streams"], self._panes["jobs"])
            self._lower.mount(self._panes["components"], self._panes["agents"], self._score)

    @property
    def sections(self) -> frozenset[str]:
        """What its lines and panes show. The job queue only where there is a pane for it: its line needs figures."""
        wanted = frozenset({"findings"}).union(*(each.sections for view in self._views for each in view.lists))
        return wanted if self._jobs_shown else wanted - {"jobs", "deadletters"}

    @property
    def _jobs_shown(self) -> bool:
        return self.has_class("-panes") and "jobs" in self._shown

    @property
    def crumb(self) -> str:
        return "Overview"

    def whole_head(self) -> Line:
        return sentences.verdict(self.picture, self._views)

    # -- what is where -----------------------------------------------------------------------------------------------
    def on_resize(self) -> None:
        super().on_resize()
        self.rebuild()

    def _present(self) -> list[View]:
        """Views that there is something to see of; all before the first facts."""
        snapshot = self.picture.snapshot
        there = {
            "components": bool(snapshot.components),
            "jobs": snapshot.queue is not None,
            "agents": bool(snapshot.agents) or bool(snapshot.ai) or self._fleet(),
            "scores": self.picture.has(Capability.SESSIONS),
            "sessions": self.picture.has(Capability.SESSIONS) or bool(self.picture.snapshot.sessions),
        }
        return [view for view in self._views if there.get(view.id, True)]

    def _there(self) -> set[str]:
        """What has a line: these views, and metrics where there were tasks."""
        metrics = {"metrics"} if self.picture.snapshot.site.lately.tasks else set()
        return {view.id for view in self._present()} | metrics

    def _fleet(self) -> bool:
        count = self.picture.snapshot.counts.get("agents")
        return (count is not None and count.total > 0) or bool(sentences.several_fleets(self.picture))

    def _arrange(self) -> None:
        """Shows and hides the parts by the room there is."""
        size, shown = self.app.size, self._there()
        self._shown = shown
        opening = bool(self._opening_lines())
        panes = size.width >= PANES_FROM[0] and size.height >= PANES_FROM[1] - 1 and not opening
        lines = not panes and size.height >= LINES_FROM[1] and size.width >= LINES_FROM[0] and not opening
        self._mount_parts(facts=not opening, panes=panes)
        zoom = self._focus if self._zoomed else ""
        wide = panes and size.width >= WIDE_FROM[0] and size.height >= WIDE_FROM[1]
        self.set_class(panes, "-panes")
        self.set_class(wide, "-wide")
        self.now.unfolded = wide
        spare = self._spare_panes() if lines and not self._zoomed else {}
        self._mount_spare(spare)
        narrow = panes and not wide and "agents" in shown
        if narrow:
            self._mount_spare({"spare-agents": 0})
            self._panes["spare-agents"].styles.height = "1fr"
        self._spare = spare
        for name, pane in self._panes.items():
            there = name in spare if name.startswith("spare-") else panes and name in shown
            there = narrow if name == "spare-agents" and panes else there and (name != "agents" or wide)
            pane.display = zoom == name or (there and not zoom)
            if zoom == name:
                pane.styles.height = "1fr"
        left, middle = self._left, self._middle
        self._now_pane.display = zoom in ("", "now")
        left.display = zoom in ("", "now", "consumers") or zoom.startswith("spare-")
        inner = (self._upper, self._lower)
        for part in inner:
            part.display = panes and any(pane.display and pane.parent is part for pane in self._panes.values())
        self._score.display = not zoom
        if self.picture.has(Capability.SESSIONS):
            self._score.styles.height = score_pane.WIDE_LINES if wide else score_pane.LINES
        middle.display = any(part.display for part in inner)
        self._columns.display = left.display or middle.display
        self._lines.display = (lines or panes) and zoom in ("", "lines")
        self._lines.styles.height = "1fr" if zoom else 1 if panes else lines_height(shown)
        self.now.display = not opening
        self._opening.display = opening
        self._now_title.display = not opening and size.height >= 12
        if self._focus not in self._reachable():
            self._focus = "now"
        self._show_focus()
        self.deck.sections_changed()
        self.call_after_refresh(self._write_now_title)

    def _write_score(self) -> None:
        """The score pane: of the AI agent under the cursor, else of the one that fell most. It stays with its agent
        while the cursor is in it."""
        if self._focus != "score":
            kind, _, key = self.ref.partition(":") if self._focus in self._panes else ("", "", "")
            self._scored = (key, "under the cursor") if kind == "ai" else score_pane.chosen(self.picture)
        width = self._score.size.width
        if width:
            self._score.show(score_pane.lines(*self._scored, self.picture, width))

    def _reachable(self) -> list[str]:
        """The panes that `tab` goes through, in their order on the screen."""
        order = ("consumers", "spare-agents", *PANES, *(f"spare-{name}" for name in SPARE if name != "agents"))
        if not self.has_class("-panes"):
            order = tuple(f"spare-{name}" for name in SPARE)
        order = tuple(dict.fromkeys(order))
        panes = [name for name in order if name in self._panes]
        return [
            "now",
            *(name for name in panes if self._panes[name].display),
            *(["score"] if self.has_class("-panes") and self._score.display else []),
            *(["lines"] if self._lines.display else []),
        ]

    def _show_focus(self) -> None:
        self.now.active = self._focus == "now"
        self._lines.active = self._focus == "lines"
        self._score.active = self._focus == "score"
        for name, pane in self._panes.items():
            pane.active = name == self._focus
        self._write_now_title()

    # -- what stands there -------------------------------------------------------------------------------------------
    def rebuild(self) -> None:
        if not self.is_attached:
            return
        self._arrange()
        for pane in self._panes.values():
            if pane.display:
                pane.rebuild()
        self._write()

    def refresh_facts(self, changes: Changes, dirty: dict[str, set[str]]) -> None:
        for pane in self._panes.values():
            if pane.display:
                pane.update(changes, dirty)
        self._write()

    def tick(self) -> None:
        for pane in self._panes.values():
            if pane.display:
                pane.tick()
        self._write()

    def _write(self) -> None:
        opening = self._opening_lines()
        if bool(opening) != self._opening.display or self._shown != self._there():
            self.rebuild()
            return
        self._opening.show(opening)
        self._write_now()
        plain = self._lines.display and not self._zoomed and not self.has_class("-panes")
        if plain and self._spare_panes() != self._spare:
            self.rebuild()
            return
        if self._lines.display:
            self._lines.show(self._view_lines())
        if self._score.display and self.has_class("-panes"):
            self._write_score()
        self.deck.head_changed()

    def _opening_lines(self) -> list[Line]:
        if now.worst_first(self.picture) and self.picture.snapshot.streams:
            return []
        running = self.deck.options.monotonic() - self._began
        return opening_lines(self.picture, running, self.deck.options.target, self.deck.options.contexts())

    def _write_now(self) -> None:
        found = now.worst_first(self.picture, every=self._every, wanted=self.filter_text)
        if self._order_held:
            places = {row.key: place for place, row in enumerate(self.now.rows)}
            found.sort(key=lambda finding: places.get(finding.id, len(places)))
        rows = [now.now_row(finding, self.picture) for finding in found]
        more = "" if self._every else now.left_out(self.picture)
        headline = f"Nothing matches /{self.filter_text} — esc clears" if self.filter_text else self._headline()
        style = "dim" if self.filter_text else "ok" if headline.startswith("No findings") else "dim"
        self.now.set_rows(
            rows,
            more=more,
            headline=headline,
            headline_style=style,
        )
        self._write_now_title()

    def _headline(self) -> str:
        if self.picture.facts_age() is not None:
            return "No findings are known; the facts are old."
        return "No findings."

    def _write_now_title(self) -> None:
        told = (
            ("with all that is quiet", self._every),
            ("order held", self._order_held),
            ("zoomed: z goes back", self._zoomed),
        )
        notes = [note for note, on in told if on]
        if self.filter_text:
            notes.append(f"/{text.cut(self.filter_text, 20)}")
        if self.now.size.height and self.now.more_below:  # without a size everything would seem to be below
            notes.append(f"+{self.now.more_below} more")
        title = rule("Now", right=", ".join(notes))
        self._now_title.active = self._focus == "now"
        self._now_title.show([title])

    def _view_lines(self) -> list[Line]:
        width = self.size.width
        if not self.has_class("-panes"):
            lines = view_lines(self._present(), self.picture, width)
            metrics = metrics_line(self.picture)
            if metrics is not None:
                lines.insert(-1, metrics)  # the events are the last
            return [rule("All"), *lines]
        (events,) = view_lines([view for view in self._present() if view.id == "events"], self.picture, width)
        rest = "   ".join(f"{told.number} {told.title}" for told in EXPLANATIONS)
        return [replace(events, right=((f"{rest} ", "dim"),))]

    @property
    def _order_held(self) -> bool:
        """Whether findings keep their places because the cursor moved among them a moment ago."""
        at = self._moved_at
        return at is not None and self.deck.options.monotonic() - at < RecordTable.HOLD

    @property
    def looking_at(self) -> Iterator[str]:
        findings = self.picture.snapshot.findings
        for key in dict.fromkeys([self.now.cursor_key, *(row.key for row in self.now.rows)]):
            if key in findings:
                yield from findings[key].refs
        if self._score.display and self.has_class("-panes") and self.picture.has(Capability.SESSIONS):
            yield f"scores:{self.picture.window}"
        for pane in self._panes.values():
            if pane.display:
                yield from pane.looking_at

    # -- keys --------------------------------------------------------------------------------------------------------
    async def perform(self, action: str) -> bool:
        if action in ("pane.next", "pane.previous"):
            self._go(1 if action == "pane.next" else -1)
        elif action == "zoom":
            self._zoomed = not self._zoomed
            self._arrange()
            self.rebuild()
        elif action == "hidden" and self._focus in ("now", "lines"):
            self._every = not self._every
        elif action == "open":
            pane = self._panes.get(self._focus)
            if ref := pane.leads_to if pane is not None else self.ref:
                await self.deck.open_ref(ref)
        elif action == "copy":
            self._copy()
        elif self._focus in self._panes:
            if not self._panes[self._focus].perform(action):
                return False
        elif not self._move(action):
            return False
        self._write()
        return True

    def _go(self, step: int) -> None:
        """To the next pane, by way of the other lists of the one that the cursor is in."""
        if self._focus not in self._panes or not self._panes[self._focus].turn(step):
            reachable = self._reachable()
            self._focus = reachable[(reachable.index(self._focus) + step) % len(reachable)]
            if self._focus in self._panes:
                self._panes[self._focus].enter(step)
            elif self._focus == "score":
                self._score.move_to_end(True)  # on the agent whose score it is
        self._arrange()

    def _move(self, action: str) -> bool:
        moved: NowList | Document = self._score if self._focus == "score" else self._lines
        if self._focus == "now":
            moved = self.now
        self._moved_at = self.deck.options.monotonic() if action != "refresh" and self._focus == "now" else None
        moves: dict[str, Callable[[], object]] = {
            "fault.next": lambda: moved.move(1),
            "fault.previous": lambda: moved.move(-1),
            "refresh": lambda: None,
        }
        if action not in moves:
            return perform_move(moved, action)
        moves[action]()
        return True

    @property
    def ref(self) -> str:
        """What is under the cursor."""
        if self._focus == "now":
            return f"finding:{self.now.cursor_key}" if self.now.cursor_key else ""
        if self._focus in ("lines", "score"):
            current = (self._lines if self._focus == "lines" else self._score).current
            return current.target if current else ""
        return self._panes[self._focus].ref

    def _copy(self) -> None:
        if self._focus in self._panes:
            self.deck.copy(self._panes[self._focus].name_to_copy)
            return
        if self._focus == "score":
            self.deck.copy(self._score.current.copy if self._score.current else "")
            return
        finding = self.picture.snapshot.findings.get(self.now.cursor_key)
        self.deck.copy(
            "" if finding is None else f"{finding.severity.name} {finding.kind} {finding.subject}: {finding.what}"
        )

    def leave(self) -> bool:
        if self.filter_text:
            self.set_filter("")
        elif self._zoomed:
            self._zoomed = False
            self._arrange()
            self.rebuild()
        else:
            return False
        return True

    def set_filter(self, text: str) -> None:
        super().set_filter(text.strip())
        self._write()

    @on(NowList.Opened)
    async def _clicked(self, message: NowList.Opened) -> None:
        message.stop()
        await self.deck.open_ref(f"finding:{message.key}")

    @on(RecordTable.Opened)
    async def _clicked_row(self, message: RecordTable.Opened) -> None:
        message.stop()
        pane = next((pane for pane in self._panes.values() if pane.table is message.table), None)
        if pane is not None:
            await self.deck.open_ref(pane.view.leads_to(message.key, self.picture))


def _in_pane(view: View) -> View:
    """A view as its pane lists it: there only the worst rows find room."""
    return components.FLAT if view is components.VIEW else view
