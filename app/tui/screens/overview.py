"""Overview: is anything wrong, what, since when, what can be done; and every other view in a line or a pane."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.containers import Container, Horizontal, Vertical

from app.model.snapshot import Capability
from app.tui import sentences
from app.tui.explanations import EXPLANATIONS
from app.tui.lines import Line, rule
from app.tui.opening import opening as opening_lines
from app.tui.picture import Changes
from app.tui.screens import now
from app.tui.screens.document import Document
from app.tui.screens.now_pane import NowPane, perform_in_lines
from app.tui.screens.page import Deck, Page
from app.tui.screens.pane import Pane
from app.tui.screens.room import BESIDE_NOW, PANES, Plan, lines_height, plan
from app.tui.view_lines import metrics_line, view_lines
from app.tui.views import components, score_pane
from app.tui.views.view import View
from widgets.now_list import NowList
from widgets.record_table import RecordTable


class OverviewPage(Page):
    """The first page. It lays itself out by the size of the terminal and by what there is to see."""

    kind: ClassVar[str] = "overview"

    def __init__(self, deck: Deck, views: tuple[View, ...]) -> None:
        super().__init__(deck, "overview")
        self._views = views
        self._now = NowPane(deck)
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
        self._focus = "now"
        self._zoomed = False
        self._there: set[str] = set()  # views that there is something to see of, when it was arranged
        self._plan = plan((0, 0), (), opening=True, zoom="", wanted=0)
        self._began = deck.options.monotonic()

    def compose(self) -> ComposeResult:
        with self._columns, self._left:
            yield self._now

    def _mount_spare(self, now: Plan) -> None:
        heights: dict[str, int | str] = {**now.spare}
        if BESIDE_NOW in now.visible and now.panes:
            heights[BESIDE_NOW] = "1fr"
        for name, height in heights.items():
            if name not in self._panes:
                view = next(view for view in self._views if name == f"spare-{view.id}")
                without = ("jobs", "failed") if view.id == "agents" else ()  # lines of views do without the job queue
                pane = self._panes[name] = Pane(self.deck, view, id=name, without=without)
                self._left.mount(pane)
            self._panes[name].styles.height = height

    def _mount_parts(self, *, facts: bool, panes: bool) -> None:
        """What is not on the first frame comes when it is needed: the first frame waits for none of it."""
        if facts and not self._lines.is_attached:
            self._now.mount_facts()
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
        return self._plan.panes and "jobs" in self._there

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

    def _with_lines(self) -> set[str]:
        """What has a line: these views, and metrics where there were tasks."""
        metrics = {"metrics"} if self.picture.snapshot.site.lately.tasks else set()
        return {view.id for view in self._present()} | metrics

    def _fleet(self) -> bool:
        count = self.picture.snapshot.counts.get("agents")
        return (count is not None and count.total > 0) or bool(sentences.several_fleets(self.picture))

    def _planned(self, opening: bool) -> Plan:
        # By the terminal's size: while another page is in front this one has none.
        size = self.app.size
        return plan(
            (size.width, size.height),
            self._there,
            opening=opening,
            zoom=self._focus if self._zoomed else "",
            wanted=self._now.list.most_lines(size.width),
        )

    def _arrange(self) -> None:
        """Shows and hides the parts by the room there is."""
        self._there = self._with_lines()
        now = self._plan = self._planned(bool(self._opening_lines()))
        self._mount_parts(facts=not now.opening, panes=now.panes)
        self._mount_spare(now)
        self.set_class(now.panes, "-panes")
        self.set_class(now.wide, "-wide")
        for name, pane in self._panes.items():
            pane.display = name in now.visible
            if now.zoom == name:
                pane.styles.height = "1fr"
        inner = (self._upper, self._lower)
        for part in inner:
            part.display = now.panes and any(pane.display and pane.parent is part for pane in self._panes.values())
        self._middle.display = any(part.display for part in inner)
        self._score.display = not now.zoom
        if self.picture.has(Capability.SESSIONS):
            self._score.styles.height = score_pane.WIDE_LINES if now.wide else score_pane.LINES
        self._left.display = now.left
        self._columns.display = now.left or self._middle.display
        self._lines.display = now.lines
        self._lines.styles.height = "1fr" if now.zoom else 1 if now.panes else lines_height(self._there)
        self._now.settle(now)
        if self._focus not in now.order():
            self._focus = "now"
        self._show_focus()
        self.deck.sections_changed()
        self.call_after_refresh(self._now.write_title)

    def _write_score(self) -> None:
        """The score pane: of the AI agent under the cursor, else of the one that fell most. It stays with its agent
        while the cursor is in it."""
        if self._focus != "score":
            kind, _, key = self.ref.partition(":") if self._focus in self._panes else ("", "", "")
            self._scored = (key, "under the cursor") if kind == "ai" else score_pane.chosen(self.picture)
        width = self._score.size.width
        if width:
            self._score.show(score_pane.lines(*self._scored, self.picture, width))

    def _show_focus(self) -> None:
        self._now.active = self._focus == "now"
        self._lines.active = self._focus == "lines"
        self._score.active = self._focus == "score"
        for name, pane in self._panes.items():
            pane.active = name == self._focus

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
        if bool(opening) != self._plan.opening or self._there != self._with_lines():
            self.rebuild()
            return
        self._now.opening.show(opening)
        self._now.write()
        if self._plan.lines and not self._plan.panes and self._planned(False) != self._plan:
            self.rebuild()  # Now leaves more room than before, or less
            return
        if self._lines.display:
            self._lines.show(self._view_lines())
        if self._plan.panes and self._score.display:
            self._write_score()
        self.deck.head_changed()

    def _opening_lines(self) -> list[Line]:
        if now.worst_first(self.picture) and self.picture.snapshot.streams:
            return []
        running = self.deck.options.monotonic() - self._began
        return opening_lines(self.picture, running, self.deck.options.target, self.deck.options.contexts())

    def _view_lines(self) -> list[Line]:
        width = self.size.width
        if not self._plan.panes:
            lines = view_lines(self._present(), self.picture, width)
            metrics = metrics_line(self.picture)
            if metrics is not None:
                lines.insert(-1, metrics)  # the events are the last
            return [rule("All"), *lines]
        (events,) = view_lines([view for view in self._present() if view.id == "events"], self.picture, width)
        rest = "   ".join(f"{told.number} {told.title}" for told in EXPLANATIONS)
        return [replace(events, right=((f"{rest} ", "dim"),))]

    @property
    def looking_at(self) -> Iterator[str]:
        findings = self.picture.snapshot.findings
        for key in dict.fromkeys([self._now.list.cursor_key, *(row.key for row in self._now.list.rows)]):
            if key in findings:
                yield from findings[key].refs
        if self._plan.panes and self._score.display and self.picture.has(Capability.SESSIONS):
            yield f"scores:{self.picture.window}"
        for pane in self._panes.values():
            if pane.display:
                yield from pane.looking_at

    # -- keys --------------------------------------------------------------------------------------------------------
    async def perform(self, action: str) -> bool:
        if action in ("pane.next", "pane.previous"):
            self._go(1 if action == "pane.next" else -1)
        elif action == "zoom":
            self._zoom(not self._zoomed)
        elif action == "hidden" and self._focus in ("now", "lines"):
            self._now.every = not self._now.every
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
            reachable = self._plan.order()
            self._focus = reachable[(reachable.index(self._focus) + step) % len(reachable)]
            if self._focus in self._panes:
                self._panes[self._focus].enter(step)
            elif self._focus == "score":
                self._score.move_to_end(True)  # on the agent whose score it is
        self._arrange()

    def _zoom(self, on: bool) -> None:
        if self._focus == "score":
            self._focus = "now"  # the whole of a score is its breakdown
        self._zoomed = on
        self.rebuild()

    def _move(self, action: str) -> bool:
        if self._focus == "now":
            return self._now.perform(action)
        return perform_in_lines(self._score if self._focus == "score" else self._lines, action)

    @property
    def ref(self) -> str:
        """What is under the cursor."""
        if self._focus == "now":
            return self._now.ref
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
        self.deck.copy(self._now.copied)

    def leave(self) -> bool:
        if self.filter_text:
            self.set_filter("")
        elif self._zoomed:
            self._zoom(False)
        else:
            return False
        return True

    def set_filter(self, text: str) -> None:
        super().set_filter(text.strip())
        self._now.filter_text = self.filter_text
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
