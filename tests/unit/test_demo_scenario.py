"""Scenarios are timelines, drawn from the seed before anything runs."""

from __future__ import annotations

import itertools

import pytest

from app.demo.scenario import SCENARIOS, Act, Cast, Step, plan

NAMES = [f"web-{number:02d}" for number in range(1, 10)]
CAST = Cast(NAMES, ["web.eu"] * 9)


def _at(steps: tuple[Step, ...], act: Act) -> list[Step]:
    return [step for step in steps if step.act is act]


def test_the_calm_has_only_what_people_do_in_good_order() -> None:
    steps = plan("calm", CAST, 7)
    assert {step.act for step in steps} == {Act.DRAIN, Act.UNDRAIN, Act.AGENT_STOPS, Act.AGENT_RETURNS}
    first = [step for step in steps if step.at < 300]
    assert len(first) == 4
    assert max(step.at for step in first) <= 70.0
    assert {step.who for step in _at(steps, Act.DRAIN)} == {step.who for step in _at(steps, Act.UNDRAIN)}
    assert plan("calm", Cast(NAMES[:2], ["web.eu"] * 2), 7) == ()


def test_an_unknown_scenario_is_refused_by_its_name() -> None:
    with pytest.raises(ValueError, match="no scenario 'flood': there are calm, incident, storm"):
        plan("flood", CAST, 7)
    assert SCENARIOS == ("calm", "incident", "storm")


def test_a_storm_takes_a_third_of_the_fleet_within_20_seconds_and_gives_half_of_it_back() -> None:
    fleet = [f"web-{number:03d}" for number in range(60)]
    steps = plan("storm", Cast(fleet[:20], ["web.eu"] * 20, fleet), 7)
    lost = _at(steps, Act.POWER_FAILS)
    assert len({step.who for step in lost}) == 20
    assert max(step.at for step in lost) - min(step.at for step in lost) < 20.0
    back = {step.who for step in _at(steps, Act.AGENT_RETURNS)}
    assert len(back) == 10
    assert back < {step.who for step in lost}
    assert {step.who for step in _at(steps, Act.DRAIN)}.isdisjoint(step.who for step in lost)
    assert len(_at(steps, Act.DRAIN)) == 3
    assert len(_at(steps, Act.UNDRAIN)) == 2
    assert min(step.at for step in _at(steps, Act.AGENT_RETURNS)) >= 180.0


def test_a_storm_begins_one_thing_after_the_other_within_two_minutes() -> None:
    steps = plan("storm", CAST, 7)
    begun = [step for step in steps if step.at < 180.0]
    assert max(step.at + step.within for step in begun) <= 120.0
    kinds = [Act.AILS, Act.POWER_FAILS, Act.SERVICE_STOPS, Act.FILL_QUEUE, Act.DRAIN, Act.STRAIN]
    starts = [_at(steps, kind)[0].at for kind in kinds]
    assert starts == sorted(starts)
    assert min(later - earlier for earlier, later in itertools.pairwise(starts)) >= 5.0
    for fleet in ([], NAMES[:1], NAMES[:2]):
        assert plan("storm", Cast(fleet, ["web.eu"] * len(fleet)), 7)


def test_the_first_look_is_calm_and_within_90_seconds_all_has_begun() -> None:
    steps = plan("incident", CAST, 7)
    bad = [step for step in steps if step.at < 500 and step.act is not Act.RELIEF]
    assert min(step.at for step in bad) == 8.0
    assert len(_at(steps, Act.HOPELESS)) == 1
    assert max(step.at + step.within for step in bad) <= 90.0
    assert list(steps) == sorted(steps, key=lambda step: step.at)


def test_everything_that_ails_is_healed_in_the_end() -> None:
    steps = plan("incident", CAST, 7)
    assert {step.who for step in _at(steps, Act.AGENT_DIES)} == {step.who for step in _at(steps, Act.AGENT_RETURNS)}
    lost = {step.who for step in steps if step.act in (Act.CLIENT_HANGS, Act.CLIENT_LEAVES)}
    assert lost == {step.who for step in _at(steps, Act.CLIENT_RETURNS)}
    assert "billing" in lost
    assert len(lost) == 2
    assert {step.who for step in _at(steps, Act.STRAIN)} == {step.who for step in _at(steps, Act.RELIEF)}
    assert {step.what for step in _at(steps, Act.STRAIN)} == {"memory", "disk"}
    ailing = {step.who for step in steps if step.act in (Act.POISON, Act.CLIENT_SLOWS)}
    assert ailing == {step.who for step in _at(steps, Act.CURE)}
    assert {step.who for step in _at(steps, Act.SERVICE_ERRS)} == {step.who for step in _at(steps, Act.SERVICE_RETURNS)}
    assert [step.level for step in _at(steps, Act.FILL)] == [0.915, 0.985]
    assert len(_at(steps, Act.EMPTY)) == 1


def test_the_seed_decides_who_dies() -> None:
    assert plan("incident", CAST, 7) == plan("incident", CAST, 7)
    victims = {_at(plan("incident", CAST, seed), Act.AGENT_DIES)[0].who for seed in range(40)}
    assert len(victims) > 4


def test_the_strained_one_is_not_the_dying_one() -> None:
    for seed in range(30):
        steps = plan("incident", CAST, seed)
        assert _at(steps, Act.AGENT_DIES)[0].who != _at(steps, Act.STRAIN)[0].who


def test_a_large_fleet_loses_four_of_one_group() -> None:
    names = [f"web-{number:03d}" for number in range(90)]
    groups = [("web.eu", "web.us", "web.ap")[number % 3] for number in range(90)]
    dying = [step.who for step in _at(plan("incident", Cast(names, groups), 7), Act.AGENT_DIES)]
    assert len(dying) == 4
    assert len({groups[names.index(name)] for name in dying}) == 1


def test_a_fleet_of_one_or_none_has_its_incident_too() -> None:
    assert len(_at(plan("incident", Cast(["web-01"], ["web.eu"]), 7), Act.AGENT_DIES)) == 1
    assert _at(plan("incident", Cast([], []), 7), Act.AGENT_DIES) == []


def test_speed_makes_all_of_it_sooner() -> None:
    normal, quick = plan("incident", CAST, 7), plan("incident", CAST, 7, speed=10)
    assert [step.at / 10 for step in normal] == [step.at for step in quick]
    assert [step.within / 10 for step in normal] == [step.within for step in quick]
