from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.model.fleet import Condition, Vitals, parse_consumer, sanitise_host, sanitise_key
from app.model.text import clean
from tests.scene import START, Scene

MACHINES = st.text(alphabet="0123456789abcdef", min_size=32, max_size=32)
WORDS = st.text(alphabet="abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=12)
PREFIXES = st.sampled_from(["", "jobs-agent_", "osapi_", "my_own_agent_"])


@given(PREFIXES, st.sampled_from(["query", "modify"]), st.sampled_from(["any", "all", "direct"]), MACHINES)
def test_names_of_agents_consumers_are_read(prefix: str, verb: str, route: str, machine: str) -> None:
    parsed = parse_consumer(f"{prefix}{verb}_{route}_{machine}")
    assert parsed is not None
    assert (parsed.verb, parsed.route, parsed.machine) == (verb, route, machine)


@given(PREFIXES, st.sampled_from(["query", "modify"]), WORDS, st.lists(WORDS, min_size=1, max_size=3), MACHINES)
def test_label_routes_are_read(prefix: str, verb: str, key: str, values: list[str], machine: str) -> None:
    value = "_".join(values)
    parsed = parse_consumer(f"{prefix}{verb}_label_{key}_{value}_{machine}")
    assert parsed is not None
    assert (parsed.verb, parsed.route, parsed.machine) == (verb, f"label·{key}·{value}", machine)


@given(st.sampled_from(["any", "all", "direct"]), st.text(alphabet="ABCDEF0123456789_", min_size=1, max_size=40))
def test_machine_ids_with_underscores_are_read(route: str, machine: str) -> None:
    """A macOS UUID is sanitised to words with underscores."""
    parsed = parse_consumer(f"jobs-agent_query_{route}_{machine}")
    assert parsed is not None
    assert (parsed.route, parsed.machine) == (route, machine)


@given(st.text(max_size=60))
def test_any_name_is_read_or_not_but_never_fails(name: str) -> None:
    parsed = parse_consumer(name)
    if parsed is not None:
        assert parsed.verb in ("query", "modify")
        assert parsed.machine
        assert name.endswith(parsed.machine)
        assert parsed.label(None)


@pytest.mark.parametrize("name", ["", "billing", "query", "query_any", "requery_any_x", "query_label_x", "watchdeck-1"])
def test_other_names_are_nobodys(name: str) -> None:
    assert parse_consumer(name) is None


def test_label_of_a_consumer() -> None:
    parsed = parse_consumer("jobs-agent_query_any_4f0c6b1e9a2d4b7c8e5f0a1b2c3d4e5f")
    assert parsed is not None
    assert parsed.label("web-03") == "query·any·web-03"
    assert parsed.label(None) == "query·any·4f0c6b1e"


@given(st.text(max_size=40))
def test_sanitisers_leave_only_what_names_may_hold(name: str) -> None:
    key, host = sanitise_key(name), sanitise_host(name)
    assert re.fullmatch(r"[A-Za-z0-9_]*", key)
    assert re.fullmatch(r"[A-Za-z0-9_-]*", host)
    assert len(key) == len(host) == len(name)
    assert sanitise_key(key) == key
    assert clean(key) == key


def test_memory_is_counted_as_its_owner_counts_it() -> None:
    vitals = Vitals("k", START, memory_total=16 * 2**30, memory_available=4 * 2**30)
    assert vitals.memory_used == 0.75
    assert Vitals("k", START).memory_used is None
    assert Vitals("k", START, memory_total=0, memory_available=0).memory_used is None


def test_active_conditions_are_those_that_are_true() -> None:
    agent = Scene().agent(conditions=(Condition("A", True), Condition("B", False)))
    assert [condition.type for condition in agent.active_conditions] == ["A"]
