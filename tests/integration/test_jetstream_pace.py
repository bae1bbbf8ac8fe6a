"""Whose turn it is, how much may be asked, and how often: pure, by the clock of the test."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.sources.pace import Pace
from app.sources.rotation import Turn, plan, sweep_length


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_single_server_every_second_a_cluster_every_five() -> None:
    pace = Pace(None, None)
    assert (pace.interval, pace.max_requests) == (1.0, 100)
    pace.clustered(True)
    assert (pace.interval, pace.max_requests) == (5.0, 20)


def test_slow_lists_double_the_interval_up_to_thirty_seconds_and_fast_ones_halve_it() -> None:
    pace = Pace(None, None)
    pace.took(0.5)
    assert pace.interval == 1.0, "one slow list is no reason"
    for _ in range(10):
        pace.took(10.0)
    assert pace.interval == 30.0
    for _ in range(10):
        pace.took(0.01)
    assert pace.interval == 1.0


def test_what_is_configured_is_kept() -> None:
    pace = Pace(2.5, 7)
    pace.clustered(True)
    for _ in range(5):
        pace.took(10.0)
    assert (pace.interval, pace.max_requests, pace.budget(0)) == (2.5, 7, 7)


@given(st.lists(st.tuples(st.floats(0.01, 3.0), st.integers(0, 60)), max_size=60))
def test_never_more_requests_in_a_second_than_allowed(steps: list[tuple[float, int]]) -> None:
    clock = Clock()
    pace = Pace(None, None, clock)
    calls, made = 0, []
    for pause, wish in steps:
        number = min(wish, pace.budget(calls))
        calls += number
        made.append((clock.now, number))
        pace.spent(calls)
        clock.now += pause
    for at, _ in made:
        assert sum(number for when, number in made if at <= when < at + 0.95) <= 100


def test_few_streams_are_all_asked_every_time() -> None:
    turns = [Turn(f"s{number}", asked=5) for number in range(8)]
    assert len(plan(turns, 100)) == 8
    assert sweep_length(turns, 100) == 1


def test_how_long_a_sweep_takes() -> None:
    rest = [Turn(f"s{number}") for number in range(200)]
    assert sweep_length(rest, 100) == 10
    assert sweep_length(rest, 10) == 20
    assert sweep_length([Turn("s", busy=True)] * 300, 100) == 3
    assert sweep_length([], 0) == 1


def test_the_screen_first_then_backlog_then_the_rest_in_rotation() -> None:
    rest = [Turn(f"rest{number:03}", asked=number) for number in range(100)]
    busy = [Turn(f"busy{number:03}", asked=number, busy=True) for number in range(50)]
    seen = [Turn("seen", asked=99, on_screen=True)]
    names = plan([*rest, *busy, *seen], 20)
    assert names[0] == "seen"
    assert len(names) == 20
    assert [name for name in names if name.startswith("busy")] == [f"busy{number:03}" for number in range(10)]
    assert [name for name in names if name.startswith("rest")] == [f"rest{number:03}" for number in range(9)]


def test_a_full_sweep_within_ten_turns() -> None:
    asked = {f"s{number}": -1 for number in range(200)}
    for turn in range(14):
        for name in plan([Turn(name, asked=at) for name, at in asked.items()], 100):
            asked[name] = turn
    assert min(asked.values()) >= 4


@given(
    st.lists(st.tuples(st.integers(1, 5), st.integers(-1, 9), st.booleans(), st.booleans()), max_size=60),
    st.integers(0, 120),
)
def test_a_plan_keeps_to_its_budget_and_asks_nothing_twice(
    rows: list[tuple[int, int, bool, bool]], budget: int
) -> None:
    turns = [Turn(f"s{number}", *row) for number, row in enumerate(rows)]
    chosen = plan(turns, budget)
    assert len(set(chosen)) == len(chosen)
    assert sweep_length(turns, budget) >= 1
    cost = sum(turn.pages for turn in turns if turn.name in chosen)
    assert cost <= max(budget, 5 if budget else 0)
    if turns and budget:
        assert chosen


@given(st.integers(1, 60), st.integers(2, 30))
def test_nobody_is_starved(streams: int, budget: int) -> None:
    asked = {f"s{number}": -1 for number in range(streams)}
    busy = {name for number, name in enumerate(asked) if number % 3}
    turns = 0
    while min(asked.values()) < 0:
        turns += 1
        assert turns <= 4 * streams
        for name in plan([Turn(name, asked=at, busy=name in busy) for name, at in asked.items()], budget):
            asked[name] = turns
