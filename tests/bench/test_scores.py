"""What an overview of scores costs: beside objects loaded agent by agent, and beside one GROUP BY, in the same run."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from sqlalchemy.engine import Connection
from sqlmodel import Session, col, func, select

from app.store.scores import Scores
from app.store.store import Store
from app.store.tables import AiAgentRow, SessionRow, ToolRow
from tests.bench.score_data import DAY, NOW, filled

pytestmark = [pytest.mark.bench, pytest.mark.timeout(600)]
AT = datetime.fromtimestamp(NOW / 1000, UTC)


class Bench:
    def __init__(self, store: Store) -> None:
        self.store = store
        self.runner = asyncio.Runner()

    def anew(self) -> Scores:
        store = self.store
        return Scores(store, lambda: AT, store.standards, store.sessions, store.intake)

    def first(self, window: int, rounds: int = 15) -> float:
        """Milliseconds of an overview that nothing is kept of, the least of some."""
        return min(self.timed(self.anew(), window, AT) for _ in range(rounds))

    def kept(self, window: int, rounds: int = 10) -> float:
        """Milliseconds of an overview that is kept up, two seconds later each time, after a batch of one agent."""
        scores = self.anew()
        self.timed(scores, window, AT)
        times = []
        for number in range(1, rounds + 1):
            self.store.intake.touched["agent-00001"] = number
            self.store.intake.generation += 1
            times.append(self.timed(scores, window, AT + timedelta(seconds=2 * number)))
        return median(times)

    def timed(self, scores: Scores, window: int, at: datetime) -> float:
        began = time.perf_counter()
        self.runner.run(scores.overview(window, at))
        return (time.perf_counter() - began) * 1000

    def of_work(self, work: Callable[[Connection], Any], rounds: int = 3) -> float:
        times = []
        for _ in range(rounds):
            began = time.perf_counter()
            self.runner.run(self.store.read(work))
            times.append((time.perf_counter() - began) * 1000)
        return min(times)


@contextmanager
def bench(folder: Path, *, agents: int, sessions: int, days: int) -> Iterator[Bench]:
    made = Bench(filled(folder / f"{agents}-{sessions}", agents=agents, sessions=sessions, days=days))
    try:
        yield made
    finally:
        made.runner.run(made.store.close())
        made.runner.close()


def agent_by_agent(window: int) -> Callable[[Connection], Any]:
    """Objects of sessions and tool calls, with a count each, agent by agent: six queries, twelve where there is a
    window before (AgentLens)."""
    edge, before, month = NOW - window * DAY, NOW - 2 * window * DAY, NOW - 30 * DAY

    def rows(session: Session, table: Any, at: Any, agent: int, begin: int, end: int) -> list[Any]:
        where = (table.agent_n == agent, at >= begin, at <= end)
        session.exec(select(func.count()).select_from(table).where(*where)).one()
        return list(session.exec(select(table).where(*where)))

    def work(connection: Connection) -> int:
        done = 0
        with Session(connection) as session:
            for agent in session.exec(select(AiAgentRow)).all():
                n = agent.n or 0
                began = col(SessionRow.started_at)
                sets = [rows(session, SessionRow, began, n, begin, end) for begin, end in ((edge, NOW), (month, edge))]
                sets.append(rows(session, ToolRow, col(ToolRow.at), n, edge, NOW))
                sets.append(rows(session, SessionRow, began, n, before, edge))
                if sets[-1]:
                    sets.append(rows(session, SessionRow, began, n, month, edge))
                    sets.append(rows(session, ToolRow, col(ToolRow.at), n, before, edge))
                done += sum(sum(getattr(row, "cost", 0) for row in each) >= 0 for each in sets)
                session.expunge_all()
        return done

    return work


def one_group_by(window: int) -> Callable[[Connection], Any]:
    """The sums of the current window alone, of rows."""
    asked = (
        "SELECT agent_n, COUNT(*), SUM(errors > 0), SUM(status = 'completed'), SUM(status = 'error'), COUNT(ended_at),"
        " SUM(ended_at - started_at), SUM(cost) FROM session WHERE started_at BETWEEN ? AND ? GROUP BY agent_n"
    )
    values = (NOW - window * DAY, NOW)
    return lambda connection: connection.exec_driver_sql(asked, values).fetchall()


async def delays(scores: Scores, window: int) -> tuple[float, float]:
    """The longest time in ms that a turn of the event loop came late while an overview ran, and 99 of 100 did not."""
    late: list[float] = []
    done = False

    async def tick() -> None:
        while not done:
            began = time.perf_counter()
            await asyncio.sleep(0.001)
            late.append((time.perf_counter() - began - 0.001) * 1000)

    ticking = asyncio.create_task(tick())
    await asyncio.sleep(0.01)
    late.clear()
    await scores.overview(window, AT)
    done = True
    await ticking
    return max(late), sorted(late)[int(len(late) * 0.99)]


def test_four_hundred_agents_with_fifty_sessions(tmp_path: Path) -> None:
    with bench(tmp_path, agents=400, sessions=20_000, days=7) as made:
        ours, kept = made.first(7), made.kept(7)
        theirs, grouped = made.of_work(agent_by_agent(7), 1), made.of_work(one_group_by(7))
    print("\n400 agents x 50 sessions, window 7")
    print(f"  first {ours:7.1f} ms   kept up {kept:6.1f} ms   one GROUP BY {grouped:6.1f} ms")
    print(f"  objects agent by agent {theirs:8.0f} ms: {theirs / ours:.0f} x the first, {theirs / kept:.0f} x the kept")
    print(f"  AgentLens, measured at 10,700 ms: {10_700 / ours:.0f} x the first")
    assert ours <= 50
    assert theirs >= 10 * ours


def test_a_million_sessions(tmp_path: Path) -> None:
    with bench(tmp_path, agents=1000, sessions=1_000_000, days=90) as made:
        print("\n1,000,000 sessions of 1,000 agents over 90 days")
        firsts, kepts = {}, {}
        for window in (1, 7, 30, 90):
            firsts[window], kepts[window] = made.first(window), made.kept(window)
            grouped = made.of_work(one_group_by(window))
            print(
                f"  window {window:2}: first {firsts[window]:7.1f} ms   kept up {kepts[window]:6.1f} ms"
                f"   one GROUP BY of rows {grouped:7.1f} ms"
            )
        longest, most = min(made.runner.run(delays(made.anew(), 7)) for _ in range(5))
        print(f"  a turn of the event loop meanwhile: {longest:.1f} ms late at most, p99 {most:.1f} ms (least of five)")
    assert kepts[7] <= 100
    assert longest < 20


def test_cost_grows_with_the_agents_alone(tmp_path: Path) -> None:
    times = {}
    for agents in (100, 1000, 10_000):
        with bench(tmp_path, agents=agents, sessions=agents * 20, days=30) as made:
            times[agents] = made.first(7, 3)
    print("\n20 sessions each over 30 days, window 7")
    for agents, took in times.items():
        print(f"  {agents:6} agents: {took:7.1f} ms, {took / agents * 1000:6.1f} us each")
    assert times[10_000] <= 15 * times[1000]
