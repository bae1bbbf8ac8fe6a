"""Questions: what a screen may ask of the worker once, beside the snapshots that come by themselves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Generic, TypeVar
from urllib.parse import quote, urlencode

from app.model.chat import Chat
from app.model.jobs import JobDetail
from app.model.messages import Message, Subjects
from app.model.metrics import Dashboard, Range, Series
from app.model.scoring import ScoreDetail
from app.model.sessions import SessionDetail, SessionList
from app.model.tasks import TaskList
from app.model.units import LogPage

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Unanswered:
    """Why there is no answer, in one sentence."""

    why: str


@dataclass(frozen=True)
class Question(Generic[T_co]):
    """One question; `path` is where the worker answers it with JSON that is read as `answer`."""

    answer: ClassVar[type]

    @property
    def path(self) -> str:
        raise NotImplementedError


@dataclass(frozen=True)
class JobOf(Question[JobDetail]):
    """Everything of one job."""

    key: str
    answer = JobDetail

    @property
    def path(self) -> str:
        return f"/api/v1/jobs/{_part(self.key)}"


@dataclass(frozen=True)
class MessageAt(Question[Message]):
    """The stored message at a sequence, or with `subjects` the next one at or behind it that any of them fits."""

    stream: str
    sequence: int
    subjects: tuple[str, ...] = ()
    answer = Message

    @property
    def path(self) -> str:
        query = urlencode([("subject", subject) for subject in self.subjects])
        return f"/api/v1/streams/{_part(self.stream)}/messages/{self.sequence}{'?' if query else ''}{query}"


@dataclass(frozen=True)
class SubjectsOf(Question[Subjects]):
    """Subjects of a stream, those with most messages first."""

    stream: str
    limit: int = 200
    answer = Subjects

    @property
    def path(self) -> str:
        return f"/api/v1/streams/{_part(self.stream)}/subjects?limit={self.limit}"


@dataclass(frozen=True)
class ScoreOf(Question[ScoreDetail]):
    """Everything of one AI agent's score in a window of so many days."""

    agent: str
    window: int
    answer = ScoreDetail

    @property
    def path(self) -> str:
        return f"/api/v1/scores/{_part(self.agent)}?window={self.window}"


@dataclass(frozen=True)
class SessionOf(Question[SessionDetail]):
    """A session with at most `limit` of its events by time: those around an event, or those from a place on."""

    key: str
    around: str = ""  # id of an event; empty: around the one to look at first
    first: int | None = None  # place of the first event that is wanted, where no event is named
    limit: int = 500
    answer = SessionDetail

    @property
    def path(self) -> str:
        asked: dict[str, str | int] = {"limit": self.limit}
        if self.around:
            asked["around"] = self.around
        elif self.first is not None:
            asked["first"] = self.first
        return f"/api/v1/sessions/{_part(self.key)}?{urlencode(asked)}"


@dataclass(frozen=True)
class ChatOf(Question[Chat]):
    """What was said in a session: as its gateway tells it, else as the events of the store do."""

    key: str
    gateway: str = ""  # name of the gateway that tells of it; empty: it is in the store
    limit: int = 500
    answer = Chat

    @property
    def path(self) -> str:
        asked = {"limit": str(self.limit)} | ({"gateway": self.gateway} if self.gateway else {})
        return f"/api/v1/sessions/{_part(self.key)}/chat?{urlencode(asked)}"


@dataclass(frozen=True)
class SessionsAfter(Question[SessionList]):
    """Sessions that were heard of last, newest event first, so many of them passed over."""

    offset: int
    limit: int = 500
    answer = SessionList

    @property
    def path(self) -> str:
        return f"/api/v1/sessions?{urlencode({'offset': self.offset, 'limit': self.limit})}"


@dataclass(frozen=True)
class DashboardOf(Question[Dashboard]):
    """Key figures and series of a range; of one board, or of one group of boards, by id."""

    range: Range
    board: str = ""
    group: str = ""
    answer = Dashboard

    @property
    def path(self) -> str:
        asked = {"range": self.range.value, "board_id": self.board, "group_id": self.group}
        return f"/api/v1/metrics/figures?{urlencode({name: value for name, value in asked.items() if value})}"


@dataclass(frozen=True)
class TasksOf(Question[TaskList]):
    """Tasks behind the point of a series whose bucket begins at `period`; without one, all of the range."""

    range: Range
    series: Series | None = None
    period: datetime | None = None
    board: str = ""
    group: str = ""
    limit: int = 500
    answer = TaskList

    @property
    def path(self) -> str:
        asked = {
            "range": self.range.value,
            "series": self.series.value if self.series is not None else "",
            "period": self.period.isoformat() if self.period is not None else "",
            "board_id": self.board,
            "group_id": self.group,
            "limit": str(self.limit),
        }
        return f"/api/v1/tasks?{urlencode({name: value for name, value in asked.items() if value})}"


@dataclass(frozen=True)
class LogsOf(Question[LogPage]):
    """Lines of a unit's log: the newest, or those before (`older`) or after a cursor; of this priority or more
    urgent, with this text in them."""

    name: str
    cursor: str = ""
    older: bool = True
    limit: int = 200
    priority: int = 7
    contains: str = ""
    answer = LogPage

    @property
    def path(self) -> str:
        asked: dict[str, str | int] = {"limit": self.limit}
        if self.cursor:
            asked |= {"cursor": self.cursor, "direction": "older" if self.older else "newer"}
        if self.priority < 7:
            asked["priority"] = self.priority
        if self.contains:
            asked["contains"] = self.contains
        return f"/api/v1/units/{_part(self.name)}/logs?{urlencode(asked)}"


def _part(name: str) -> str:
    """A name as one part of a path, whatever is in it."""
    return quote(name, safe="")
