from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.model.triage.judging import Triage
from app.model.triage.rules import RULES, THRESHOLDS
from app.model.triage.thresholds import ThresholdError, Thresholds, Unit, seconds_of, value_of, written


def limits(configured: dict, rule: str = "consumer.no_client", stream: str = "", metadata: tuple = ()) -> tuple:
    found = Thresholds(THRESHOLDS, configured).of(rule, stream, metadata)
    return found["crit"], found.origin("crit")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("5m", 300),
        ("1h30m", 5400),
        ("7d", 604800),
        ("250ms", 0.25),
        ("1.5h", 5400),
        ("42", 42),
        ("0", 0),
        ("", None),
        ("5 minutes", None),
        ("-5m", None),
        ("m", None),
        ("nan", None),
        ("inf", None),
        ("1e30", None),
    ],
)
def test_durations_are_read(text: str, seconds: float | None) -> None:
    assert seconds_of(text) == seconds


@given(st.integers(1, 10**7))
def test_what_is_written_of_a_duration_can_be_read(seconds: int) -> None:
    read = seconds_of(written(Unit.SECONDS, seconds))
    assert read is not None
    assert read <= seconds
    assert read >= seconds * 0.9


@pytest.mark.parametrize(
    ("unit", "given_value", "expected"),
    [
        (Unit.SHARE, "90%", 0.9),
        (Unit.SHARE, 0.5, 0.5),
        (Unit.NUMBER, "12", 12),
        (Unit.NUMBER, True, None),
        (Unit.NUMBER, "12x", None),
        (Unit.NUMBER, [1], None),
        (Unit.SECONDS, 30, 30),
    ],
)
def test_values_are_read_in_their_unit(unit: Unit, given_value: object, expected: float | None) -> None:
    assert value_of(unit, given_value) == expected


def test_default_file_stream_and_metadata_in_this_order() -> None:
    rule = {"consumer.no_client": {"crit": "7m"}}
    both = {**rule, "streams": {"ORDERS": {"consumer.no_client": {"crit": "8m"}}}}
    owner = (("io.nats.monitor.last-delivery-critical", "9m"),)
    assert limits({}) == (300, "default")
    assert limits(rule) == (420, "[thresholds]")
    assert limits(both, stream="OTHER") == (420, "[thresholds]")
    assert limits(both, stream="ORDERS") == (480, "[thresholds.streams.ORDERS]")
    assert limits(both, stream="ORDERS", metadata=owner) == (540, "metadata")


def test_metadata_that_cannot_be_read_is_passed_over() -> None:
    assert limits({}, metadata=(("io.nats.monitor.last-delivery-critical", "soon"),)) == (300, "default")


def test_a_rule_can_be_off_for_all_and_on_for_one_stream() -> None:
    known = Thresholds(
        THRESHOLDS,
        {
            "agent.gone": {"on": False},
            "streams": {"ORDERS": {"agent.gone": {"on": True}, "facts.stale": {"on": False}}},
        },
    )
    assert not known.of("agent.gone").on
    assert known.of("agent.gone", "ORDERS").on
    assert known.of("facts.stale").on
    assert not known.of("facts.stale", "ORDERS").on


@pytest.mark.parametrize(
    ("configured", "sentence"),
    [
        ({"consumer.no_cleint": {"crit": 1}}, "there is no rule consumer.no_cleint"),
        ({"consumer.no_client": {"warm": 1}}, "there is no warm; it has on, for, crit"),
        ({"consumer.no_client": {"crit": "soon"}}, "crit = 'soon' is not a number of seconds"),
        ({"consumer.no_client": {"on": "yes"}}, "on must be true or false"),
        ({"consumer.no_client": 5}, "must be a table"),
        ({"streams": {"ORDERS": 5}}, "[thresholds.streams.ORDERS] must be a table of rules"),
        ({"streams": {"ORDERS": {"nope": {}}}}, '[thresholds.streams.ORDERS."nope"]'),
    ],
)
def test_what_cannot_be_used_is_named(configured: dict, sentence: str) -> None:
    with pytest.raises(ThresholdError) as failure:
        Triage(configured)
    assert sentence in str(failure.value)


@pytest.mark.parametrize("rule", [rule.id for rule in RULES])
def test_explain_names_every_threshold_its_value_and_origin(rule: str) -> None:
    text = Triage({}).explain(rule)
    assert text.startswith(rule)
    for threshold in THRESHOLDS[rule]:
        line = next(line for line in text.splitlines() if line.startswith(f"  {threshold.name} "))
        assert written(threshold.unit, threshold.default) in line
        assert "(default" in line


def test_explain_says_where_a_value_comes_from() -> None:
    triage = Triage({"consumer.no_client": {"crit": "7m", "on": False}})
    text = triage.explain("consumer.no_client")
    assert "7m  of the same until it is CRIT ([thresholds]; its owner sets it as" in text
    assert "switched off by the configuration" in text
    with pytest.raises(KeyError):
        triage.explain("nope")


def test_every_rule_is_explained_and_has_thresholds() -> None:
    assert {rule.id for rule in RULES} == set(THRESHOLDS)
    assert len({rule.id for rule in RULES}) == len(RULES)
