"""Hysteresis by its laws: nothing shows too early, nothing is left too early, nothing flickers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.model.broker import Account, Answer, Cluster, Peer, Tier
from app.model.findings import Finding, Severity
from app.model.snapshot import ApiUse, SourceStatus
from app.model.triage.candidates import Candidate
from app.model.triage.hysteresis import FLAPS, QUIET, Held, step
from tests.scene import START, Scene

WARN, CRIT = 0.90, 0.98
HOLD, CLEAR, LOOKS = 10.0, 30.0, 3


def level(share: float, factor: float = 1.0) -> Severity | None:
    if share >= CRIT * factor:
        return Severity.CRIT
    return Severity.WARN if share >= WARN * factor else None


def candidate(share: float, hold: float = HOLD, clear: float = CLEAR, begun: float | None = None) -> Candidate | None:
    severity, keep = level(share), level(share, 0.9)
    if keep is None:
        return None
    return Candidate(
        "rule",
        "key",
        "stream",
        "S",
        f"{share:.0%}",
        severity,
        keep=keep,
        hold=hold,
        clear=clear,
        collections=LOOKS if clear else 1,
        begun=None if begun is None else datetime.fromtimestamp(begun, UTC),
    )


def walk(shares: list[tuple[float, float]], **fields: float) -> list[tuple[float, float, Severity | None, bool]]:
    """(time, share, level shown, flapping) after each look of a list of (seconds since the last look, share)."""
    held: Held | None = None
    now, seen = 1_000_000.0, []
    for after, share in shares:
        now += after
        held = step(held, candidate(share, **fields), now)
        seen.append((now, share, None if held is None else held.shown, held is not None and held.flapping))
    return seen


LOOKS_AT = st.lists(
    st.tuples(st.floats(0.5, 20), st.sampled_from([0.1, 0.8, 0.82, 0.87, 0.89, 0.91, 0.95, 0.97, 0.99])), max_size=60
)


@given(LOOKS_AT)
def test_never_raised_before_it_held(looks: list[tuple[float, float]]) -> None:
    seen = walk(looks)
    bad_since: float | None = None
    before: Severity | None = None
    for now, share, shown, flapping in seen:
        bad_since = None if level(share) is None else now if bad_since is None else bad_since
        if before is None and shown is not None and not flapping:
            assert bad_since is not None
            assert now - bad_since >= HOLD
        before = shown


@given(LOOKS_AT)
def test_left_only_after_being_below_ninety_percent_all_the_time_asked(looks: list[tuple[float, float]]) -> None:
    good_since: float | None = None
    before: Severity | None = None
    good_looks = 0
    for now, share, shown, _ in walk(looks):
        if level(share, 0.9) is None:
            good_since = now if good_since is None else good_since
            good_looks += 1
        else:
            good_since, good_looks = None, 0
        if before is not None and shown is None:
            assert good_since is not None
            assert now - good_since >= CLEAR
            assert good_looks >= LOOKS
        before = shown


@given(LOOKS_AT)
def test_a_level_is_lowered_only_below_ninety_percent_of_it(looks: list[tuple[float, float]]) -> None:
    before: Severity | None = None
    below = 0.0
    since: float | None = None
    for now, share, shown, _ in walk(looks):
        since = None if share >= CRIT * 0.9 else now if since is None else since
        if before is Severity.CRIT and shown is not Severity.CRIT:
            assert since is not None
            below = now - since
            assert below >= CLEAR
        before = shown


@given(LOOKS_AT)
def test_comes_and_goes_at_most_once_in_a_clear_window(looks: list[tuple[float, float]]) -> None:
    raised: float | None = None
    before: Severity | None = None
    for now, _, shown, _ in walk(looks):
        if before is None and shown is not None:
            raised = now
        if before is not None and shown is None:
            assert raised is not None
            assert now - raised >= CLEAR
        before = shown


@given(st.lists(st.tuples(st.floats(0.5, 90), st.booleans()), max_size=80))
def test_never_shown_to_change_more_than_three_times_in_ten_minutes(looks: list[tuple[float, bool]]) -> None:
    """Also for a rule that is raised and cleared at once."""
    changes: list[float] = []
    before: Severity | None = None
    for now, _, shown, _ in walk([(after, 0.95 if bad else 0.1) for after, bad in looks], hold=0, clear=0):
        if (before is None) != (shown is None):
            changes.append(now)
        before = shown
    for number, change in enumerate(changes[FLAPS:], FLAPS):
        assert change - changes[number - FLAPS] >= QUIET


def test_counts_from_what_the_broker_knows() -> None:
    now = 1_000_000.0
    held = step(None, candidate(0.95, begun=now - HOLD), now)
    assert held is not None
    assert held.shown is Severity.WARN


def test_worse_is_shown_at_once() -> None:
    seen = walk([(1, 0.95), (10, 0.95), (1, 0.99)])
    assert [shown for _, _, shown, _ in seen] == [None, Severity.WARN, Severity.CRIT]


def test_nothing_is_remembered_of_what_was_never_raised() -> None:
    held = step(None, candidate(0.95), 0.0)
    assert held is not None
    assert step(held, None, 1.0) is None
    assert step(None, None, 0.0) is None


def test_the_same_again_is_the_same_object() -> None:
    same = candidate(0.95, hold=0)
    held = step(None, same, 0.0)
    assert step(held, same, 1.0) is held


def test_flapping_stays_until_ten_minutes_are_quiet() -> None:
    held: Held | None = None
    now = 0.0
    for bad in (True, False, True):
        now += 1
        held = step(held, candidate(0.99 if bad else 0.1, hold=0, clear=0), now)
    looks = 0
    while held is not None and looks < 100:
        looks += 1
        now += 10
        held = step(held, None, now)
        if held is not None and now < QUIET:
            assert held.flapping
            assert held.shown is Severity.CRIT
    assert held is None
    assert now == pytest.approx(QUIET + 13, abs=20)


def test_flapping_that_ends_bad_becomes_an_ordinary_finding() -> None:
    held: Held | None = None
    for number, bad in enumerate((True, False, True, True)):
        held = step(held, candidate(0.95 if bad else 0.1, hold=0, clear=0), float(number))
    assert held is not None
    assert held.flapping
    held = step(held, candidate(0.95, hold=0, clear=0), QUIET + 10)
    assert held is not None
    assert not held.flapping
    assert held.shown is Severity.WARN


def test_what_flaps_says_whether_it_is_so_now() -> None:
    scene = Scene()
    found: Mapping[str, Finding] = {}
    scene.intervals["store"] = 1.0
    for store in ("session store is full", "", "session store is full", ""):
        scene.statuses["store"] = SourceStatus.FAILED if store else SourceStatus.OK
        scene.errors["store"] = store
        found = scene.look(5)
        if store and (last := found["facts.stale|store"]).flaps:
            assert last.detail == "now: session store is full: nothing is recorded, nothing lost"
    last = found["facts.stale|store"]
    assert last.what == "flapping (4 changes in 10m)"
    assert last.detail == "over for now; it was: session store is full: nothing is recorded, nothing lost"


# -- the rules over a scene -----------------------------------------------------------------------------------------

PEERS = (
    (Peer("nats-2", True, False, 0.0), Peer("nats-3", True, False, 0.0)),
    (Peer("nats-2", False, True, 60.0), Peer("nats-3", True, False, 0.0)),
    (Peer("nats-2", True, False, 0.0, lag=900), Peer("nats-3", True, False, 0.0)),
)
WORLDS = st.lists(
    st.tuples(
        st.sampled_from([1.0, 3.0, 11.0]),
        st.sampled_from(PEERS),
        st.sampled_from([Answer.OK, Answer.OK, Answer.MISSING]),
        st.sampled_from([100, 700, 760, 950]),
        st.sampled_from([0.0, 0.0, 8.0]),
        st.sampled_from([ApiUse(), ApiUse(50, 0), ApiUse(50, 9, "x")]),
    ),
    max_size=40,
)


@settings(max_examples=40, deadline=None)
@given(WORLDS)
def test_no_rule_about_the_broker_shows_too_early_or_flickers(worlds: list[tuple[Any, ...]]) -> None:
    scene = Scene()
    holds = {"stream.no_leader": 10, "stream.replicas": 30, "account.limits": 30, "clock.skew": 30}
    holds["jetstream.unavailable"] = 10
    before: set[str] = set()
    changes: dict[str, list[datetime]] = {}
    for after, peers, answer, used, ahead, api in worlds:
        scene.stream("JOBS", cluster=Cluster("C", "nats-1", peers), answer=answer)
        scene.account = Account("A", (Tier("", 0, used, 0, 0, max_storage=1000),))
        scene.beats(0)
        scene.beats(3, ahead=ahead)
        scene.api = api
        found = scene.look(after)
        for name in found.keys() - before:
            # what an offline peer's own clock tells may be older than our first look
            told = found[name].since if name == "stream.replicas|JOBS" else START
            assert told is not None
            assert (scene.at - told).total_seconds() >= holds[found[name].rule]
        for name in found.keys() ^ before:
            kept = [at for at in changes.get(name, []) if (scene.at - at).total_seconds() < 600]
            changes[name] = [*kept, scene.at]
            assert len(changes[name]) <= 4
        before = set(found)
