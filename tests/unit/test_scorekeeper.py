"""The scorekeeper on a store that is told by the test: what is read when, what stays the same, what a failure leaves;
and what of it a snapshot shows."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.model.broker import Connection, LinkState
from app.model.health import Health
from app.model.scoring import Score, Standards, Weights
from app.model.sessions import AiAgent, AiState, Intake, IntakeState, Session, SessionStatus
from app.model.snapshot import Capability, Snapshot, SourceState, SourceStatus, Verdict
from app.sources.jetstream import BrokerFacts
from app.sources.jobs import JobFacts
from app.sources.registry import FleetFacts
from app.sources.services import ServiceFacts
from app.store.errors import StoreFailed
from app.worker import parts, scorekeeper
from app.worker.assembly import Assembly, Gathered
from app.worker.board import Board
from app.worker.scorekeeper import NO_SESSIONS, Scorekeeper, SessionFacts

NOW = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)
READING = Intake(IntakeState.READING, "SESSIONS")


@dataclass
class Kept:
    """A store: its sessions, scores and intake in one. Rows are made anew at each reading, as a store does."""

    agents_: dict[str, AiAgent] = field(default_factory=dict)
    scores_: dict[str, float] = field(default_factory=dict)  # overall by agent
    recent_: dict[str, Session] = field(default_factory=dict)
    histories_: dict[str, tuple[float | None, ...]] = field(default_factory=dict)
    weights_: Weights = Weights()
    generation: int = 1
    failure: Exception | None = None
    hangs: bool = False
    windows: list[int] = field(default_factory=list)
    readings: int = 0

    @property
    def sessions(self) -> Kept:
        return self

    scores = intake = sessions

    async def recent(self, limit: int, now: datetime) -> list[Session]:
        assert limit == scorekeeper.RECENT
        return [replace(row) for row in self.recent_.values()]

    async def agents(self, now: datetime) -> list[AiAgent]:
        if self.hangs:
            await asyncio.Event().wait()
        if self.failure is not None:
            raise self.failure
        self.readings += 1
        return [replace(row) for row in self.agents_.values()]

    async def overview(self, window: int, now: datetime) -> list[Score]:
        self.windows.append(window)
        return [Score(f"{window}/{agent}", agent, window, overall, (), 6) for agent, overall in self.scores_.items()]

    async def histories(self, now: datetime) -> dict[str, tuple[float | None, ...]]:
        return self.histories_

    async def weights(self) -> Weights:
        return self.weights_

    def add(self, agent: str, overall: float = 90.0) -> None:
        self.agents_[agent] = AiAgent(agent, AiState.ACTIVE, NOW, NOW, agent.title(), 1)
        self.scores_[agent] = overall
        self.recent_[f"run-{agent}"] = Session(f"run-{agent}", agent, SessionStatus.ACTIVE, NOW, NOW)
        self.generation += 1


@pytest.fixture
def kept() -> Kept:
    made = Kept()
    made.add("coder")
    made.add("tester", 60.0)
    return made


@pytest.fixture
def board() -> Board:
    return Board()


@pytest.fixture
def keeper(board: Board, kept: Kept) -> Scorekeeper:
    return Scorekeeper(board, kept, window=7, clock=lambda: NOW)


async def test_all_is_there_by_its_key(keeper: Scorekeeper, kept: Kept) -> None:
    kept.histories_ = {"coder": (80.0, None, 90.0)}
    assert keeper.facts is NO_SESSIONS
    await keeper.look()
    facts = keeper.facts
    assert list(facts.ai) == ["coder", "tester"]
    assert facts.ai["coder"].history == (80.0, None, 90.0)
    assert facts.ai["tester"].history == ()
    assert facts.scores.keys() == {"7/coder", "7/tester"}
    assert facts.sessions.keys() == {"run-coder", "run-tester"}
    assert facts.present
    assert kept.windows == [7]


async def test_what_did_not_change_is_the_same_object(keeper: Scorekeeper, kept: Kept) -> None:
    heard: list[SessionFacts] = []
    keeper.on_news = lambda: heard.append(keeper.facts)
    await keeper.look()
    first = keeper.facts
    kept.generation += 1
    await keeper.look()
    assert kept.readings == 2
    assert keeper.facts is first
    kept.add("coder", 70.0)
    kept.recent_["run-coder"] = replace(kept.recent_["run-coder"], events=5)
    await keeper.look()
    now = keeper.facts
    assert now is not first
    assert now.ai is first.ai
    assert now.scores["7/coder"].overall == 70.0
    assert now.scores["7/tester"] is first.scores["7/tester"]
    assert now.sessions["run-tester"] is first.sessions["run-tester"]
    assert now.sessions["run-coder"].events == 5
    del kept.recent_["run-tester"]
    kept.generation += 1
    await keeper.look()
    assert keeper.facts.sessions.keys() == {"run-coder"}
    assert heard == [first, now, keeper.facts]


async def test_the_store_is_read_when_something_was_stored_or_time_has_moved_on(
    keeper: Scorekeeper, kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    await keeper.look()
    await keeper.look()
    assert kept.readings == 1
    kept.generation += 1
    await keeper.look()
    assert kept.readings == 2
    kept.weights_ = Weights(0.2, 0.2, 0.2, 0.2, 0.2)
    await keeper.look()
    assert kept.readings == 3
    monkeypatch.setattr(scorekeeper, "IDLE", 0.0)
    kept.generation += 1
    await keeper.look()
    kept.agents_["coder"] = replace(kept.agents_["coder"], state=AiState.IDLE)
    await keeper.look()
    assert kept.readings == 5
    assert keeper.facts.ai["coder"].state is AiState.IDLE


async def test_windows_are_kept_as_long_as_a_deck_looks_at_them(keeper: Scorekeeper, kept: Kept, board: Board) -> None:
    wrong = {"scores:0", "scores:91", "scores:x", "scores:1e1", "scores:²", "scores:", "score:coder", "stream:30"}
    board.look("a", frozenset({"scores:30", "scores:7", *wrong}))
    board.look("b", frozenset({"scores:1", "scores:30"}))
    await keeper.look()
    assert kept.windows == [7, 1, 30]
    assert keeper.facts.scores.keys() == {f"{days}/{agent}" for days in (1, 7, 30) for agent in ("coder", "tester")}
    board.look("a", frozenset())
    board.look("b", frozenset())
    await keeper.look()
    assert keeper.facts.scores.keys() == {"7/coder", "7/tester"}
    board.look("c", frozenset(f"scores:{days}" for days in range(1, 91)))
    kept.windows.clear()
    await keeper.look()
    assert len(kept.windows) == scorekeeper.MOST_WINDOWS


@pytest.mark.parametrize(
    ("failure", "told"),
    [
        (StoreFailed("session store is locked"), "session store is locked"),
        (KeyError("x"), "KeyError: 'x'"),
        (TimeoutError(), "session store does not answer within 30 s"),
    ],
)
async def test_what_fails_leaves_the_last_facts_and_is_told(
    keeper: Scorekeeper, kept: Kept, failure: Exception, told: str
) -> None:
    assert keeper.source(READING) == SourceState("sessions", SourceStatus.WAITING)
    await keeper.look()
    good = SourceState("sessions", SourceStatus.OK, NOW)
    assert keeper.source(READING) == good
    facts, kept.failure = keeper.facts, failure
    kept.add("third")
    await keeper.look()
    assert keeper.facts is facts
    assert keeper.source(READING) == SourceState("sessions", SourceStatus.FAILED, NOW, told)
    kept.failure = None
    await keeper.look()
    assert "third" in keeper.facts.ai
    assert keeper.source(READING) == good


async def test_a_store_that_does_not_answer_is_given_up(
    keeper: Scorekeeper, kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scorekeeper, "PATIENCE", 0.01)
    kept.hangs = True
    await asyncio.wait_for(keeper.look(), 10)
    assert keeper.trouble == "session store does not answer within 0.01 s"


@pytest.mark.parametrize(
    ("state", "status"),
    [
        (IntakeState.OFF, SourceStatus.ABSENT),
        (IntakeState.ABSENT, SourceStatus.ABSENT),
        (IntakeState.REFUSED, SourceStatus.ABSENT),
        (IntakeState.DENIED, SourceStatus.DENIED),
        (IntakeState.FAILED, SourceStatus.FAILED),
        (IntakeState.WAITING, SourceStatus.WAITING),
    ],
)
async def test_the_source_stands_as_the_intake_does(
    keeper: Scorekeeper, state: IntakeState, status: SourceStatus
) -> None:
    await keeper.look()
    assert keeper.source(Intake(state, why="why")) == SourceState("sessions", status, None, "why")
    keeper.source(READING)
    assert keeper.source(Intake(state, why="why")) == SourceState("sessions", status, NOW, "why")


async def test_it_runs_until_the_board_is_stopping(keeper: Scorekeeper, kept: Kept, board: Board) -> None:
    task = asyncio.create_task(keeper.run())
    async with asyncio.timeout(20):
        while not keeper.facts.present:
            await asyncio.sleep(0.005)
        board.stop()
        await task


# the snapshot


class Nothing:
    """Judges nothing."""

    def observe(self, snapshot: Snapshot) -> None: ...

    def flows(self) -> dict[str, Any]:
        return {}

    findings = counts = lambda self, snapshot: {}

    def verdict(self, snapshot: Snapshot) -> Verdict:
        return Verdict()


def gathered(**fields: Any) -> Gathered:
    states = tuple(SourceState(name, SourceStatus.OK, NOW) for name in ("streams",))
    broker = BrokerFacts(account=None, streams={}, consumers={}, states=states, interval=1.0)
    given: dict[str, Any] = {
        "at": NOW, "connection": Connection(LinkState.CONNECTED), "server": None, "clock_offset": 0.0, "lag": 0.0,
        "broker": broker, "fleet": _FLEET, "jobs": _JOBS, "services": _SERVICES, "host": {}, "own": {},
        "advisories": (), "states": {state.name: state for state in states},
    }  # fmt: skip
    return Gathered(**{**given, **fields})


_FLEET, _JOBS, _SERVICES = FleetFacts(states=()), JobFacts(), ServiceFacts()


async def test_a_snapshot_has_them_and_is_no_news_by_figures_that_always_move(keeper: Scorekeeper) -> None:
    await keeper.look()
    assembly = Assembly(Nothing(), site="s", namespace="", actions=False, standards=Standards(window=14))
    empty = assembly.next(gathered())
    assert empty.site.window == 14
    assert Capability.SESSIONS not in empty.site.capabilities
    assert Capability.SESSIONS in assembly.next(gathered(intake=READING)).site.capabilities
    first = assembly.next(gathered(sessions=keeper.facts, intake=READING))
    assert first.ai is keeper.facts.ai
    assert first.scores is keeper.facts.scores
    assert first.sessions is keeper.facts.sessions
    moved = replace(READING, pending=0, taken=9, duplicates=2, behind=3.0, last=NOW + timedelta(seconds=1), put_aside=1)
    after = assembly.next(gathered(sessions=keeper.facts, intake=moved))
    assert after.seq == first.seq
    assert after.site.intake == moved
    stopped = assembly.next(gathered(sessions=keeper.facts, intake=replace(moved, state=IntakeState.FAILED, why="x")))
    assert stopped.seq == first.seq + 1
    assert Capability.SESSIONS in stopped.site.capabilities


@pytest.mark.parametrize(
    ("intake", "state", "health", "reason"),
    [
        (replace(READING, taken=12_300), "reading", Health.OK, "12k events taken in"),
        (
            replace(READING, taken=5, behind=90.0, pending=12_000),
            "reading",
            Health.WARN,
            "5 events taken in, 1m30s behind, 12k waiting",
        ),
        (Intake(IntakeState.ABSENT, why="there is no stream S"), "absent", Health.OK, "there is no stream S"),
        (Intake(IntakeState.FAILED, why="store is full"), "failed", Health.WARN, "store is full"),
        (Intake(IntakeState.DENIED, why="no"), "denied", Health.UNKNOWN, "no"),
    ],
)
def test_taking_in_is_a_part_of_our_own(intake: Intake, state: str, health: Health, reason: str) -> None:
    part = parts.ingest(intake)
    assert part is not None
    assert (part.key, part.state, part.health, part.reason) == ("worker:ingest", state, health, reason)
    assert parts.ingest(Intake(IntakeState.OFF)) is None
