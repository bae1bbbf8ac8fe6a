"""The tasks behind a point of a plot: each with its status, its board, who had it, and how long it took."""

from __future__ import annotations

from app.feed.questions import TasksOf, Unanswered
from app.model.metrics import Series
from app.model.tasks import Task, TaskList, TaskStatus
from app.tui.lines import BLANK, Line, Span, rule
from app.tui.picture import Picture
from app.tui.views import cells, parts
from app.tui.views.metric_figures import hours
from app.tui.views.metric_plot import MEANINGS, TITLES, period
from widgets.cells import fit_cells

_WORDS = {TaskStatus.IN_PROGRESS: "in progress"}
STATUS, BOARD, AGENT, TOOK = 11, 10, 16, 6
"""Cells of the columns; the title takes the rest."""


def title(question: TasksOf, picture: Picture) -> str:
    series = TITLES[question.series] if question.series is not None else "Tasks"
    if question.period is None:
        return f"{series} {question.range.value}"
    return f"{series} {period(question.period, question.range.bucket, picture.times)}"


def lines(question: TasksOf, told: TaskList | Unanswered | None, picture: Picture, width: int) -> list[Line]:
    """A line a task, newest first; Enter opens the job that it came from."""
    meaning = MEANINGS[question.series] if question.series is not None else "all that happened"
    if question.series is Series.ERROR_RATE:
        meaning = "tasks to which something happened that failed"
    head = [Line(((f"  {meaning}", "dim"),)), BLANK]
    if isinstance(told, Unanswered):
        return [*head, Line(((f"  {told.why}", "warn"),))]
    if told is None:
        return [*head, Line((("  Looking for them …", "dim"),))]
    more = f"{len(told.tasks)} of {told.total}" if len(told.tasks) < told.total else f"{told.total}"
    found = [rule("Tasks", right=more)]
    if not told.tasks:
        return [*head, *found, Line((("  none in this time", "dim"),))]
    wide = width >= 100
    room = max(12, width - 14 - STATUS - BOARD - TOOK - (AGENT + 1 if wide else 0))
    columns = f"    {fit_cells('TASK', room)} {fit_cells('STATUS', STATUS)} {fit_cells('BOARD', BOARD)} "
    columns += (f"{fit_cells('AGENT', AGENT)} " if wide else "") + f"{'TOOK':>{TOOK}}   AGO"
    found.append(Line(((columns, "header"),)))
    return [*head, *found, *(_task(task, picture, room, wide) for task in told.tasks)]


def _task(task: Task, picture: Picture, room: int, wide: bool) -> Line:
    word = "failed" if task.failed else _WORDS.get(task.status, task.status.value)
    took = hours(task.cycle_hours) if task.cycle_hours is not None else "-"
    spans: list[Span] = [
        ("  ▲ " if task.failed else "    ", "warn"),
        (fit_cells(task.title or task.key, room, cut=cells.cut), "accent" if task.job else ""),
        (f" {fit_cells(word, STATUS)} ", "warn" if task.failed else ""),
        (f"{fit_cells(task.board, BOARD, cut=cells.cut)} ", "dim"),
    ]
    if wide:
        spans.append((f"{fit_cells(task.agent or '-', AGENT, cut=cells.cut)} ", "dim"))
    spans += [(f"{took:>{TOOK}}", ""), (f" {parts.ago(task.updated, picture):>5}", "dim")]
    return Line(
        tuple(spans),
        key=f"task {task.key}",
        target=f"job:{task.job}" if task.job else "",
        copy=task.job or task.key,
        fault=task.failed,
    )
