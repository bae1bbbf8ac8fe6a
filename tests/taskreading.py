"""A plain reading of the definitions of tasks' metrics, for tests: every figure from every event, one by one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import mean

from app.model.metrics import Bucket, Range
from app.model.taskhistory import steps
from app.model.tasks import TaskStatus
from app.model.taskwords import NO_BOARD, TaskWord

HOUR = timedelta(hours=1)
LENGTHS = {"24h": 1, "3d": 3, "7d": 7, "14d": 14, "1m": 30, "3m": 90, "6m": 180, "1y": 365}


def begin_of(at: datetime, bucket: Bucket) -> datetime:
    if bucket is Bucket.HOUR:
        return datetime(at.year, at.month, at.day, at.hour, tzinfo=at.tzinfo)
    if bucket is Bucket.MONTH:
        return datetime(at.year, at.month, 1, tzinfo=at.tzinfo)
    day = datetime(at.year, at.month, at.day, tzinfo=at.tzinfo)
    while bucket is Bucket.WEEK and day.isoweekday() != 1:
        day -= timedelta(days=1)
    return day


def bucket_starts(begins: datetime, ends: datetime, bucket: Bucket) -> list[datetime]:
    """Hour by hour, whenever another bucket begins."""
    found = [begin_of(begins, bucket)]
    at = begin_of(begins, Bucket.HOUR)
    while (at := at + HOUR) <= ends:
        if begin_of(at, bucket) == at:
            found.append(at)
    return list(dict.fromkeys(found))


@dataclass
class Happened:
    at: datetime
    counts: bool
    failed: bool
    before: TaskStatus | None
    after: TaskStatus
    hours: float | None  # where it was handed in


@dataclass
class History:
    board: str
    group: str
    all: list[Happened]

    def status_at(self, at: datetime) -> TaskStatus | None:
        found = None
        for each in self.all:
            if each.at <= at:
                found = each.after
        return found


def histories(words: Sequence[TaskWord], epoch: datetime) -> list[History]:
    tasks: dict[str, list[TaskWord]] = {}
    for word in words:
        tasks.setdefault(word.id, []).append(word)
    found = []
    for said in tasks.values():
        events = {event.key: event for word in said for event in word.events}
        ordered = sorted(said, key=lambda word: word.rank)
        board = next((word.board.name for word in reversed(ordered) if word.board is not None), NO_BOARD)
        group = next((word.group.name for word in reversed(ordered) if word.group is not None), "")
        walked = [
            Happened(
                epoch + timedelta(milliseconds=step.event.at), step.event.what != "created", step.event.failed,
                step.before, step.after, None if step.cycle is None else step.cycle / 3_600_000,
            )
            for step in steps(events.values())
        ]  # fmt: skip
        found.append(History(board, group, walked))
    return found


class Reading:
    """What a dashboard must say of these histories."""

    def __init__(self, told: Sequence[History], range: Range, now: datetime, board: str = "", group: str = "") -> None:
        self.told = [each for each in told if board in ("", each.board) and group in ("", each.group)]
        self.bucket = range.bucket
        length = timedelta(days=LENGTHS[range.value])
        self.windows = ((now - length, now), (now - 2 * length, now - length))

    def buckets(self, which: int) -> Iterator[tuple[datetime, datetime, datetime]]:
        """Of each bucket its name, and the first and last millisecond of it within the window."""
        begins, ends = self.windows[which]
        starts = bucket_starts(begins, ends, self.bucket)
        for start, following in zip(starts, [*starts[1:], None], strict=True):
            last = ends if following is None else following - timedelta(milliseconds=1)
            yield start, max(start, begins), last

    def happened(self, begins: datetime, ends: datetime) -> list[Happened]:
        return [each for history in self.told for each in history.all if begins <= each.at <= ends]

    def throughput(self, which: int) -> list[tuple[datetime, float]]:
        return [
            (name, float(sum(each.hours is not None for each in self.happened(begins, ends))))
            for name, begins, ends in self.buckets(which)
        ]

    def cycle_time(self, which: int) -> list[tuple[datetime, float]]:
        told = []
        for name, begins, ends in self.buckets(which):
            hours = [each.hours for each in self.happened(begins, ends) if each.hours is not None]
            told.append((name, mean(hours) if hours else 0.0))
        return told

    def error_rate(self, which: int) -> list[tuple[datetime, float]]:
        return [(name, self.rate(begins, ends)) for name, begins, ends in self.buckets(which)]

    def rate(self, begins: datetime, ends: datetime) -> float:
        events = [each for each in self.happened(begins, ends) if each.counts]
        return 100 * sum(each.failed for each in events) / len(events) if events else 0.0

    def work(self, which: int) -> list[tuple[datetime, int, int, int, int]]:
        return [
            (
                name, *self.standing(ends)[:3],
                sum(
                    each.after is TaskStatus.DONE and each.before is not TaskStatus.DONE
                    for each in self.happened(begins, ends)
                ),
            )
            for name, begins, ends in self.buckets(which)
        ]  # fmt: skip

    def standing(self, at: datetime) -> tuple[int, int, int, int]:
        stand = [history.status_at(at) for history in self.told]
        inbox, in_progress, review, done = (stand.count(status) for status in TaskStatus)
        return inbox, in_progress, review, done

    def median(self, which: int) -> float | None:
        ends = self.windows[which][1]
        hours = sorted(each.hours for each in self.happened(ends - timedelta(days=7), ends) if each.hours is not None)
        if not hours:
            return None
        place = (len(hours) - 1) / 2  # percentile_cont(0.5)
        low, high = hours[int(place)], hours[-int(-place // 1) if place % 1 else int(place)]
        return low + (high - low) * (place % 1)
