"""View 9: key figures of the work done, and four series beside the time before, one plot or all of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Horizontal

from app.feed.questions import DashboardOf, TasksOf, Unanswered
from app.model import text
from app.model.metrics import Dashboard, Range, TaskBoard
from app.tui.explanations import Explanation
from app.tui.lines import BLANK, Line, Span
from app.tui.screens.asking import AskingPage
from app.tui.screens.document import Document
from app.tui.screens.explaining import paragraphs
from app.tui.screens.page import Deck, Page
from app.tui.screens.raw import plain_value
from app.tui.views import metric_figures, metric_plot, task_lines
from app.tui.views.metric_plot import SERIES
from widgets.row_filter import FilterError

EVERY = 5.0
"""Seconds between two questions while the page is in front."""
SOON = 1.0
"""The same while nothing was answered yet."""
ALL_FROM = (140, 36)
"""Cells and lines of the page from which all four plots are shown."""
RANGES = tuple(Range)


class MetricsPage(Page):
    """Asks the worker for the figures of a range, and again while it is in front. A failed question takes no answer
    away: then the page says how old it is."""

    kind: ClassVar[str] = "plot"

    def __init__(self, deck: Deck, told: Explanation) -> None:
        super().__init__(deck, told.id)
        self._explained = told
        self.answer: Dashboard | None = None
        self._trouble = ""
        self._answered_at = 0.0
        self._asked_at = -EVERY
        self._asking: DashboardOf | None = None
        self._range = Range.DAY
        self._board: TaskBoard | None = None
        self._group = ""  # id
        self._series = 0
        self._period: datetime | None = None  # of the point that is looked at; None: the last
        self._figures = Document(selectable=False, classes="figures")
        self._plots = {series: Document(selectable=False, classes="plot") for series in SERIES}
        self._rows = (Horizontal(classes="plots"), Horizontal(classes="plots"))
        self._text = Document(classes="told")
        for document in (*self._plots.values(), self._figures, self._text):
            document.when_resized(self.rebuild)

    def compose(self) -> ComposeResult:
        yield self._figures
        for row, pair in zip(self._rows, (SERIES[:2], SERIES[2:]), strict=True):
            with row:
                yield from (self._plots[series] for series in pair)
        yield self._text

    # -- what it is about --------------------------------------------------------------------------------------------
    @property
    def range(self) -> Range:
        return self._range

    @property
    def crumb(self) -> str:
        return self._explained.title

    def head(self) -> Line | None:
        spans: list[Span] = [(self._range.value, "strong")]
        if self.filter_text:
            spans.append((f"/{text.cut(self.filter_text, 30)}", "dim"))
        age = self.deck.options.monotonic() - self._answered_at
        if self.answer is not None and self._trouble:
            spans.append((f"{text.age(age)} old: {self._trouble}", "warn"))
        return Line(tuple(spans))

    def raw(self) -> str:
        if self.answer is None:
            return ""
        return json.dumps(asdict(self.answer), default=plain_value, ensure_ascii=False)

    # -- asking ------------------------------------------------------------------------------------------------------
    def on_mount(self) -> None:
        self._ask()

    def tick(self) -> None:
        pause = EVERY if self.answer is not None else SOON
        if self.deck.options.monotonic() - self._asked_at >= pause and self._asking is None:
            self._ask()
        elif self._trouble:
            self.deck.head_changed()

    def _ask(self) -> None:
        """Puts the question as it is now; what is answered to one before it is not shown."""
        board = self._board.id if self._board is not None else ""
        self._asking = question = DashboardOf(self._range, board, self._group)
        self._asked_at = self.deck.options.monotonic()
        self.run_worker(self._put(question), group="question", exit_on_error=False)

    async def _put(self, question: DashboardOf) -> None:
        told: Dashboard | Unanswered | None = None
        try:
            told = await self.deck.ask(question)
        finally:
            if question is self._asking:
                self._asking = None
                self._take(told)

    def _take(self, told: Dashboard | Unanswered | None) -> None:
        if isinstance(told, Dashboard):
            self.answer, self._trouble = told, ""
            self._answered_at = self.deck.options.monotonic()
        elif isinstance(told, Unanswered):
            self._trouble = told.why
        self.rebuild()
        self.deck.head_changed()

    # -- what stands there -------------------------------------------------------------------------------------------
    def rebuild(self) -> None:
        if not self.is_attached or not self.size.width:
            return
        told = self._shown
        every = self.size.width >= ALL_FROM[0] and self.size.height >= ALL_FROM[1]
        chosen = SERIES[self._series]
        self._figures.display = told is not None
        self._text.display = told is None
        for row, pair in zip(self._rows, (SERIES[:2], SERIES[2:]), strict=True):
            row.display = told is not None and (every or chosen in pair)
        if told is None:
            self._text.show(self._without(max(20, self._text.size.width - 4)))
            return
        self._figures.show(metric_figures.figure_lines(told, self._figures.size.width))
        for number, series in enumerate(SERIES):
            plot = self._plots[series]
            plot.display = every or series is chosen
            if plot.display and plot.size.width:
                plot.show(self._plot(told, number, plot, every=every))

    @property
    def _shown(self) -> Dashboard | None:
        """The answer, if it is about what is asked for, and there is anything to tell."""
        told = self.answer
        return told if told is not None and told.range is self._range and told.tasks else None

    def _plot(self, told: Dashboard, number: int, plot: Document, *, every: bool) -> list[Line]:
        focused = number == self._series
        place = "" if every else f"{number + 1} of {len(SERIES)}, tab: the next"
        return metric_plot.plot_lines(
            told, SERIES[number], plot.size.width, plot.size.height,
            at=self._place(told), focused=focused, place=place, times=self.picture.times,
        )  # fmt: skip

    def _without(self, width: int) -> list[Line]:
        if self._trouble and self.answer is None:
            return [BLANK, Line(((f"  {self._trouble}", "warn"),))]
        if self.answer is not None and not self.answer.tasks:
            return [BLANK, *paragraphs(self._explained.text, width)]
        return [BLANK, Line(((f"  Adding up {self._range.value} …", "dim"),))]

    def _periods(self, told: Dashboard) -> Sequence[datetime]:
        return metric_plot.plotted(told, SERIES[self._series]).periods

    def _place(self, told: Dashboard) -> int | None:
        """Where the point that is looked at is now; points move to the left as time goes on."""
        periods = self._periods(told)
        if not periods:
            return None
        if self._period is None:
            return len(periods) - 1
        return next((place for place, period in enumerate(periods) if period >= self._period), len(periods) - 1)

    # -- keys --------------------------------------------------------------------------------------------------------
    async def perform(self, action: str) -> bool:
        steps = {"pane.next": 1, "move.down": 1, "pane.previous": -1, "move.up": -1}
        if action in steps:
            self._series = (self._series + steps[action]) % len(SERIES)
        elif action in ("columns.left", "columns.right", "move.first", "move.last"):
            self._move(action)
        elif action in ("more", "less"):
            self._step(1 if action == "more" else -1)
        elif action == "open":
            await self._open()
        elif action == "copy":
            self._copy()
        elif action == "refresh":
            self._ask()
        else:
            return False
        self.rebuild()
        return True

    def _move(self, action: str) -> None:
        told = self._shown
        periods = self._periods(told) if told is not None else ()
        place = self._place(told) if told is not None else None
        if place is None:
            return
        last = len(periods) - 1
        ways = {"columns.left": place - 1, "columns.right": place + 1, "move.first": 0, "move.last": last}
        place = min(last, max(0, ways[action]))
        self._period = None if place == last else periods[place]

    def _step(self, direction: int) -> None:
        place = RANGES.index(self._range) + direction
        if 0 <= place < len(RANGES):
            self.choose(RANGES[place])
        else:
            self.deck.say(f"{self._range.value} is the {'longest' if direction > 0 else 'shortest'} range")

    def choose(self, range: Range) -> None:
        """Another range; the last point of it is looked at."""
        self._range, self._period = range, None
        self._ask()
        self.rebuild()
        self.deck.head_changed()

    async def _open(self) -> None:
        """The tasks behind the point."""
        told = self._shown
        place = self._place(told) if told is not None else None
        if told is None or place is None:
            self.deck.say("nothing behind this yet")
            return
        board = self._board.id if self._board is not None else ""
        series, period = SERIES[self._series], self._periods(told)[place]
        question = TasksOf(self._range, series, period, board, self._group)
        await self.deck.open_page(tasks_page(self.deck, self, question))

    def _copy(self) -> None:
        told = self._shown
        if told is None:
            self.deck.copy("")
            return
        lines = [*self._figures.lines, self._plots[SERIES[self._series]].lines[-1]]
        self.deck.copy("\n".join("".join(part for part, _ in line.spans).strip() for line in lines))

    # -- of one board, or of one group -------------------------------------------------------------------------------
    def set_filter(self, text: str) -> None:
        """`node`, `board:node`, `group:query`: a board or a group of them, by how its name begins."""
        text = text.strip()
        board, group = self._chosen(text) if text else (None, "")
        super().set_filter(text)
        if (board, group) != (self._board, self._group):
            self._board, self._group = board, group
            self._ask()
        self.rebuild()
        self.deck.head_changed()

    def _chosen(self, wanted: str) -> tuple[TaskBoard | None, str]:
        boards = self.answer.boards if self.answer is not None else ()
        kind, colon, name = wanted.partition(":")
        kind, name = (kind, name) if colon else ("", wanted)
        if kind in ("", "board"):
            for board in sorted(boards, key=lambda each: (len(each.name), each.name)):
                if name and board.name.casefold().startswith(name.casefold()):
                    return board, ""
        if kind in ("", "group"):
            for board in sorted(boards, key=lambda each: (len(each.group), each.group)):
                if name and board.group_id and board.group.casefold().startswith(name.casefold()):
                    return None, board.group_id
        if colon and not name:
            return None, ""
        names = ", ".join(
            dict.fromkeys([*(each.name for each in boards), *(each.group for each in boards if each.group)])
        )
        raise FilterError(f"no board or group {text.cut(name, 20)}: there are {text.cut(names, 80) or 'none yet'}")

    def leave(self) -> bool:
        if not self.filter_text:
            return False
        self.set_filter("")
        return True


def tasks_page(deck: Deck, of: Page, question: TasksOf) -> AskingPage:
    """The tasks behind a point, as a page below the plot."""
    return AskingPage(
        deck, of.view_id, "tasks:",
        name=lambda key, picture: task_lines.title(question, picture),
        write=lambda key, picture, width, answer: task_lines.lines(question, answer, picture, width),
        needs=frozenset(), section="", question=lambda key: question, pause=EVERY,
    )  # fmt: skip
