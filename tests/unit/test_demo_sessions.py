"""AI agents of a simulation: what they publish is valid, the same for the same seed, and scores as was meant."""

from __future__ import annotations

import pytest

from app.demo.minds import Mind, minds
from app.demo.plans import HISTORY, KINDS, planned, plans
from app.demo.tales import Event, history
from app.model.folding import begun, order_key, tools
from app.model.formulas import Sums, score
from app.model.scoring import Bands, Dimension, Score, Trend, Weights
from app.model.sessionevents import read_event
from app.model.sessions import SessionEvent, SessionStatus
from app.model.taskhistory import steps
from app.model.tasks import TaskStatus
from app.model.taskwords import check_task, task_word

NOW = 1_795_435_200_000  # a Monday at noon
DAY = 86_400_000
WINDOW = 7
SEED = 7


def told(mind: Mind) -> list[list[Event]]:
    return list(history(mind, SEED, NOW))


def scored(mind: Mind) -> Score | None:
    """By the definition, over everything that it published."""
    ranges = {
        "current": (NOW - WINDOW * DAY, NOW),
        "baseline": (NOW - 30 * DAY, NOW - WINDOW * DAY),
        "previous": (NOW - 2 * WINDOW * DAY, NOW - WINDOW * DAY),
    }
    sums = {name: Sums() for name in ranges}
    for events in told(mind):
        read = [read_event(each, NOW) for each in events]
        state = begun(read[0])
        state.fold((order_key(each, each.id), each) for each in read)
        for name, (since, until) in ranges.items():
            within = since <= state.started_at <= until
            ended = state.ended_at
            if within:
                sums[name] += Sums(
                    sessions=1,
                    bad=int(state.errors > 0),
                    completed=int(state.status is SessionStatus.COMPLETED),
                    failed=int(state.status is SessionStatus.ERROR),
                    ended=int(ended is not None),
                    duration=0 if ended is None else ended - state.started_at,
                    cost=state.cost,
                )
            for each in read:
                calls, failures = tools(each)
                if since <= each.at <= until:
                    sums[name] += Sums(calls=calls, failures=failures)
    if not sums["current"].sessions:
        return None
    return score(mind.id, WINDOW, sums["current"], sums["baseline"], sums["previous"], Weights(), Bands())


def test_every_event_is_one_that_is_understood() -> None:
    ids: set[str] = set()
    count = 0
    for mind in minds("storm"):
        for events in told(mind):
            count += len(events)
            for each in events:
                event = read_event(each, NOW)
                assert event.at <= NOW
                ids.add(f"{event.session}/{event.id}")
    assert len(ids) == count
    assert 15_000 < count < 40_000


def test_the_same_seed_tells_the_same_and_a_later_day_adds_to_it() -> None:
    mind = minds("calm")[0]
    assert told(mind) == told(mind)
    later = {events[0]["sessionId"] for events in history(mind, SEED, NOW + DAY)}
    before = {events[0]["sessionId"] for events in told(mind)[20:]}
    assert before <= later


@pytest.mark.parametrize("scenario", ["calm", "incident", "storm"])
def test_each_does_as_was_meant(scenario: str) -> None:
    scores = {mind.id: scored(mind) for mind in minds(scenario)}
    falls = {"coder-7": Dimension.ERROR_RATE, "reviewer-2": Dimension.COST_EFFICIENCY, "triage-bot": Dimension.LATENCY}
    for name, dimension in falls.items():
        fell = scores[name]
        assert fell is not None
        assert (name, fell.moved_by[0].name) == (name, dimension)
        assert fell.delta < -2
        assert fell.trend is Trend.DEGRADING or name == "triage-bot"
        if scenario == "calm":
            assert fell.delta > -15  # with which somebody would be called
        elif name != "triage-bot":
            assert fell.delta < -15
    better = scores["docs-writer"]
    assert better is not None
    assert better.trend is Trend.IMPROVING
    assert scores["migrator"] is None
    new = scores["intern-1"]
    assert new is not None
    assert (new.sessions, new.low_confidence, new.previous) == (2, True, None)
    if scenario != "storm":
        for name in ("coder-8", "deploy-guard", "sql-analyst", "support-eu", "support-us", "log-reader"):
            steady = scores[name]
            assert steady is not None
            assert abs(steady.delta) < 12, name


def walks(events: list[SessionEvent]) -> list[list[TaskStatus]]:
    """The statuses that each task goes through."""
    tasks = {}
    for mark, each in enumerate(events):
        check_task(each)
        if (word := task_word(each, mark)) is not None:
            tasks.setdefault(word.id, []).extend(word.events)
    return [[step.after for step in steps(told)] for told in tasks.values()]


def test_the_planner_tells_of_tasks_of_two_months_that_go_their_way() -> None:
    told = list(plans(SEED, NOW))
    assert told == list(plans(SEED, NOW))
    assert len(told) == HISTORY + 1
    events = [read_event(each, NOW) for session in told for each in session]
    assert max(each.at for each in events) <= NOW
    assert len({(each.session, each.id) for each in events}) == len(events)
    found = walks(events)
    assert len(found) > 1000
    assert sum(walk[-1] is TaskStatus.DONE for walk in found) > 0.9 * len(found)
    assert {status for walk in found for status in walk} == set(TaskStatus)
    assert {each.payload["data"]["boardId"] for each in events if each.type == "custom"} == {k.board for k in KINDS}
    ended = [each for each in events if each.type == "session_ended"]
    assert len(ended) == HISTORY  # the day's own goes on


def test_a_task_that_is_handed_out_while_one_looks_goes_its_way_in_a_session_of_its_own() -> None:
    events = [read_event(each, NOW) for each in planned(SEED, 3, NOW)]
    assert (events[0].type, events[-1].type) == ("session_started", "session_ended")
    assert [walk[0] for walk in walks(events)] == [TaskStatus.INBOX]
    assert events[-1].at < NOW + 30 * 60_000
