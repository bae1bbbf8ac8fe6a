"""What stands behind the API, as literals: a board with a fleet, tokens of every role, a desk and an inquiry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from math import inf
from typing import Any

from app.model.access import Role
from app.model.attention import Mark, MarkKind
from app.model.chat import Chat, chat
from app.model.components import Component, ComponentKind
from app.model.formulas import Sums, score
from app.model.health import Health
from app.model.jobs import JobDetail, JobStatus
from app.model.messages import Message, Subjects
from app.model.metrics import Compared, Dashboard, Figures, Point, Series, TaskBoard, WorkCompared, WorkPoint
from app.model.scoring import Bands, DailyScore, Dimension, Mover, Score, ScoreDetail, Standards, Weights
from app.model.sessions import AiAgent, AiState, Session, SessionDetail, SessionStatus, TimelineEvent
from app.model.snapshot import SourceState, SourceStatus
from app.model.tasks import Task, TaskList, TaskStatus
from app.model.units import LogLine, LogPage
from app.sources.errors import RequestTimeout
from app.sources.journal import Wanted
from app.sources.programs import ProgramError
from app.store.audit import AuditRow
from app.store.metrics import Asked
from app.store.timelines import FoundEvent
from app.store.tokens import TokenRecord
from app.store.weights import require_usable
from app.worker.board import Board
from tests import literals

MADE = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)


def text_of(role: Role) -> str:
    """A token of a role."""
    return f"wd_{role.value}_secret-of-{role.value}"


def bearer(role: Role) -> dict[str, str]:
    return {"authorization": f"Bearer {text_of(role)}"}


@dataclass
class Tokens:
    """One token for each role, and what is made here."""

    known: dict[str, TokenRecord] = field(
        default_factory=lambda: {text_of(role): TokenRecord(role.value, f"{role}'s", role, MADE) for role in Role}
    )
    asked: int = 0

    async def create(self, role: Role, name: str, expires_at: datetime | None, by: str) -> tuple[TokenRecord, str]:
        record = TokenRecord(f"made{len(self.known)}", name, role, MADE, expires_at)
        text = f"wd_{record.id}_new"
        self.known[text] = record
        return record, text

    async def list(self) -> list[TokenRecord]:
        return [*self.known.values()]

    async def revoke(self, id: str, by: str) -> bool:
        for text, record in self.known.items():
            if record.id == id and record.revoked_at is None and id.startswith("made"):
                self.known[text] = replace(record, revoked_at=MADE)
                return True
        return False

    async def verify(self, text: str) -> TokenRecord | None:
        self.asked += 1
        record = self.known.get(text)
        return None if record is None or record.revoked_at else record


@dataclass
class Audit:
    async def recent(self, limit: int, before: int | None = None) -> list[AuditRow]:
        rows = [AuditRow(id, MADE, "ana@ops-1", "finding.ack", "a|b", "ok") for id in range(9, 0, -1)]
        return [row for row in rows if before is None or row.id < before][:limit]


SESSION = Session(
    "run/1", "coder/7", SessionStatus.COMPLETED, MADE, MADE, ended=MADE, agent_name="Coder", events=2, errors=1,
    cost=41_300_000, tags=("ci",),
)  # fmt: skip
FAILED = TimelineEvent("01", MADE, "tool_error", "error", "coder/7", '{"toolName":"bash"}', "{}")
CUT = TimelineEvent("02", MADE, "custom", "info", "coder/7", '{"type":"_truncated","data":{}}', "", 20_000)
CODER = AiAgent("coder/7", AiState.IDLE, MADE, MADE, "Coder", 1)


class Sessions:
    """Knows one session of one agent."""

    async def session(self, id: str, now: datetime) -> Session | None:
        return SESSION if id == SESSION.key else None

    async def listed(self, now: datetime, **asked: Any) -> tuple[list[Session], int]:
        return [SESSION][: asked["limit"]], 1

    async def recent(self, limit: int, now: datetime, offset: int = 0) -> list[Session]:
        return [SESSION][offset:][:limit]

    async def timeline(self, id: str, **asked: Any) -> SessionDetail | None:
        return SessionDetail(SESSION, (FAILED, CUT), 2, worst="01") if id == SESSION.key else None

    async def events(self, **asked: Any) -> tuple[list[FoundEvent], int]:
        return [FoundEvent(SESSION.key, FAILED), FoundEvent(SESSION.key, CUT)], 2

    async def agents(self, now: datetime) -> list[AiAgent]:
        return [CODER]

    async def agent(self, id: str, now: datetime) -> AiAgent | None:
        return CODER if id == CODER.key else None


class Scores:
    """Knows the scores of one agent."""

    def __init__(self) -> None:
        self.kept = Weights()

    async def score(self, agent: str, window: int, now: datetime) -> Score | None:
        sums = Sums(40, 2, 34, 1, 35, 80_500_000, 1_360_000_000, 25, 3)
        return score(agent, window, sums, sums, sums, self.kept, Bands()) if agent == CODER.key else None

    async def overview(self, window: int, now: datetime) -> list[Score]:
        found = await self.score(CODER.key, window, now)
        return [] if found is None else [found]

    async def history(self, agent: str, days: int, now: datetime) -> list[DailyScore]:
        return [DailyScore(MADE.date(), 80.0, (88.0, 73.0, 85.0, 70.0, 82.0), 15)] if agent == CODER.key else []

    async def detail(self, agent: str, window: int, now: datetime) -> ScoreDetail | None:
        found = await self.score(agent, window, now)
        if found is None:
            return None
        movers = (Mover(SESSION, 1.5, Dimension.ERROR_RATE, "01"),)
        days = tuple(await self.history(agent, 30, now))
        return ScoreDetail(CODER, window, MADE, now, found, movers, days, (SESSION,), self.kept, MADE)

    async def keep_today(self, now: datetime, agents: Sequence[str]) -> None: ...

    async def weights(self) -> Weights:
        return self.kept

    async def set_weights(self, weights: Weights, by: str) -> None:
        require_usable(weights)
        self.kept = weights

    async def reset_weights(self, by: str) -> None:
        self.kept = Weights()


TASK = Task(
    "t1", "Fix the build", TaskStatus.DONE, "b1", "web", MADE, MADE, "product", "coder/7", cycle_hours=1.5, job="j1"
)


BOARD = "6f0a5b7e-9a51-4e0b-8a1d-9c44c6f4a3d2"
"""The board on which `CODER` and a host that tasks call `web_01` have worked."""


class Metrics:
    """Knows one task, that was handed in."""

    async def dashboard(self, asked: Asked, now: datetime) -> Dashboard:
        points = (Point(MADE, 1.5, 1), Point(now))
        series = Compared(points, points[1:])
        work = WorkCompared((WorkPoint(MADE, done=1),), ())
        figures = Figures(1, done_tasks=1, median_cycle_time_hours_7d=1.5, throughput=1, cycle_time_hours=1.5)
        boards = (TaskBoard("b1", "web", "g1", "product"),)
        return Dashboard(asked.range, now, figures, Figures(), series, series, series, work, boards, 1)

    async def tasks(
        self, asked: Asked, now: datetime, series: Series | None, period: datetime | None, limit: int
    ) -> TaskList:
        return TaskList((TASK,), 1)

    async def agents_on(self, board: str, now: datetime) -> frozenset[str]:
        return frozenset({CODER.key, "web_01"}) if board == BOARD else frozenset()


@dataclass
class Taken:
    ids: tuple[str, ...]


class Intake:
    """Takes everything, and keeps nothing."""

    async def take(self, arrived: Sequence[Any]) -> Taken:
        return Taken(tuple(f"{place:026}" for place in range(len(arrived))))


@dataclass
class Store:
    tokens: Tokens = field(default_factory=Tokens)
    audit: Audit = field(default_factory=Audit)
    sessions: Sessions = field(default_factory=Sessions)
    intake: Intake = field(default_factory=Intake)
    scores: Scores = field(default_factory=Scores)
    metrics: Metrics = field(default_factory=Metrics)
    standards: Standards = Standards()
    trouble: str = ""
    turning: bool = True


class Desk:
    """Keeps what it was told; knows every finding that does not begin with `unknown`."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    async def acknowledge(self, finding_id: str, by: str, note: str) -> Mark:
        return self._mark(MarkKind.ACK, finding_id, by, note)

    async def snooze(self, finding_id: str, until: datetime, by: str, note: str) -> Mark:
        return replace(self._mark(MarkKind.SNOOZE, finding_id, by, note), until=until)

    async def mute(self, rule: str, subject: str, until: datetime, by: str, note: str) -> Mark:
        if rule == "no.such":
            raise ValueError("there is no rule no.such")
        self.told.append(("mute", rule, subject, by, note))
        return Mark(f"mute|{rule}|{subject}", MarkKind.MUTE, by, MADE, rule=rule, subject=subject, until=until)

    async def take_back(self, mark_key: str, by: str) -> bool:
        self.told.append(("take back", mark_key, by))
        return not mark_key.startswith("unknown")

    def _mark(self, kind: MarkKind, finding_id: str, by: str, note: str) -> Mark:
        if finding_id.startswith("unknown"):
            raise LookupError("there is no such finding")
        self.told.append((kind.value, finding_id, by, note))
        return Mark(f"{kind}|{finding_id}", kind, by, MADE, finding=finding_id, note=note)


class Inquiry:
    """Answers with what it was asked; `unknown` is not there, `slow` does not answer."""

    async def job(self, key: str) -> JobDetail:
        self._known(key)
        return JobDetail(key, JobStatus.COMPLETED, subject="osapi.jobs.query._any")

    async def message(self, stream: str, sequence: int, subjects: Sequence[str]) -> Message:
        self._known(stream)
        return Message(stream, sequence, ",".join(subjects), MADE, headers=(("Nats-Msg-Id", "1"),))

    async def subjects(self, stream: str, limit: int) -> Subjects:
        self._known(stream)
        return Subjects(stream, (("a.b", 2), ("a.c", 1))[:limit], 2)

    def _known(self, name: str) -> None:
        if name == "slow":
            raise RequestTimeout("no answer in 5 s")
        if name.startswith("unknown"):
            raise LookupError(f"there is no {name}")


class Journal:
    """The log of one unit, `web`, with one line; that of `dumb` cannot be read."""

    async def page(self, name: str, wanted: Wanted) -> LogPage:
        if name == "dumb":
            raise ProgramError("journalctl does not answer within 4 s")
        if name != "web":
            raise KeyError(name)
        return LogPage(name, "web.service", "user", (LogLine("s=1;i=1", MADE, 6, "ready", "web", 42),), newer="s=1;i=1")


class Gateway:
    """Tells of one session, in which a little was said."""

    name = "main"
    url = "ws://gw.example:18789"
    version = "2026.3.1"
    main_session = ""
    allows_insecure_tls = False
    pairs = True
    component = Component("gateway:main", ComponentKind.GATEWAY, "main", Health.OK, "connected", address=url)

    async def sessions(self) -> list[Any]:
        return [{"key": "agent:mc-7:main", "label": "Coder\x1b[2J", "updatedAt": 1_790_000_000_000}, "odd"]

    async def history(self, key: str) -> list[Any]:
        return [{"role": "user", "content": f"of {key}"}]

    async def chat(self, row: str, limit: int) -> Chat:
        return chat(row, await self.history(row), limit)


class Gateways:
    """One of them."""

    each = (Gateway(),)

    def at(self, url: str) -> Gateway | None:
        return self.each[0] if url == Gateway.url else None

    def named(self, name: str) -> Gateway | None:
        return self.each[0] if name == Gateway.name else None


@dataclass(slots=False, eq=False)
class FilledBoard(Board):
    """A board with everything behind it."""

    store: Any = field(default_factory=Store)
    attention: Any = field(default_factory=Desk)
    inquiry: Any = field(default_factory=Inquiry)
    journal: Any = field(default_factory=Journal)
    gateways: Any = None


def filled(**changed: Any) -> FilledBoard:
    """A worker that is well and watches the fleet of the literals, whose controller is whole."""
    snapshot = literals.fleet()
    sources = {
        name: snapshot.sources.get(name, SourceState(name, SourceStatus.OK, good_at=literals.ago(0.4)))
        for name in (*snapshot.sources, "jobs", "deadletters", "services", "advisories")
    }
    whole = {key: row for key, row in snapshot.components.items() if not key.endswith("(connectivity)")}
    given: dict[str, Any] = {"site": literals.site(namespace=""), "sources": sources, "components": whole}
    board = FilledBoard()
    board.unreachable, board.collected = "", True
    board._pulse = inf  # it turns, however long a test takes
    board.publish(literals.fleet(**{**given, **changed}))
    return board
