"""A host that reports itself: OSAPI's conditions in OSAPI's words, labels by its rules, and a machine id that lasts."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from app.agent.conditions import GIB, Disk, Limits, Reading, Transitions, judge
from app.agent.host import ThisHost, _routes, machine_id
from app.agent.labels import labels
from app.demo.stamps import nano

NOW = 1_700_000_000_000_000_000
TICK = 10_000_000_000


def _judged(reading: Reading, limits: Limits | None = None) -> list[tuple[str, bool, str]]:
    return [(one.type, one.status, one.reason) for one in judge(reading, limits or Limits())]


CALM = [("MemoryPressure", False, ""), ("HighLoad", False, ""), ("DiskPressure", False, "")]


def test_the_three_conditions_of_a_node_are_always_there_in_order_also_when_nothing_is_known() -> None:
    assert _judged(Reading()) == CALM
    calm = Reading(8 * GIB, 4 * GIB, 1.0, 4, (Disk("/", 100 * GIB, 50 * GIB),), 50, 1.0)
    assert _judged(calm) == CALM


@pytest.mark.parametrize(
    ("reading", "index", "reason"),
    [
        (Reading(8 * GIB, GIB // 2), 0, "memory 94% used (7.5/8.0 GB)"),
        (Reading(load1=8.5, cpus=4), 1, "load 8.50, threshold 8.00 for 4 CPUs"),
        (
            Reading(disks=(Disk("/proc", 0, 0), Disk("/", 10, 1), Disk("/var", 100 * GIB, 95 * GIB), Disk("/x", 1, 1))),
            2,
            "/var 95% used (95.0/100.0 GB)",
        ),
    ],
)
def test_a_condition_tells_its_reason_in_osapis_words(reading: Reading, index: int, reason: str) -> None:
    found = _judged(reading)
    assert found[index] == (CALM[index][0], True, reason)
    assert [one for place, one in enumerate(found) if place != index] == [
        one for place, one in enumerate(CALM) if place != index
    ]


def test_a_condition_is_true_above_its_limit_and_not_at_it() -> None:
    at = Reading(100, 10, 8.0, 4, (Disk("/", 100, 90),), rss=1000, cpu=80.0)
    limits = Limits(process_memory=1000, process_cpu=80.0)
    assert not any(status for _, status, _ in _judged(at, limits))
    assert not _judged(Reading(load1=50.0, cpus=0))[1][1], "without a number of CPUs load says nothing"


def test_the_process_has_conditions_where_it_has_limits() -> None:
    reading = Reading(rss=2048, cpu=90.0)
    assert _judged(reading, Limits(process_memory=1024, process_cpu=80.0))[3:] == [
        ("ProcessMemoryPressure", True, "process RSS 2048 bytes exceeds threshold 1024 bytes"),
        ("ProcessHighCPU", True, "process CPU 90.0% exceeds threshold 80.0%"),
    ]
    assert len(_judged(reading, Limits(process_cpu=95.0))) == 4
    assert len(_judged(reading)) == 3


def test_the_time_of_a_change_is_kept_while_nothing_changes() -> None:
    transitions = Transitions()
    calm, loaded = judge(Reading(load1=1.0, cpus=4), Limits()), judge(Reading(load1=9.0, cpus=4), Limits())
    first = transitions.values(calm, NOW)
    assert first[1] == {"type": "HighLoad", "status": False, "last_transition_time": nano(NOW)}
    assert transitions.values(calm, NOW + TICK) == first
    high = transitions.values(loaded, NOW + 2 * TICK)[1]
    assert list(high) == ["type", "status", "reason", "last_transition_time"]
    assert high["last_transition_time"] == nano(NOW + 2 * TICK)
    assert transitions.values(loaded, NOW + 3 * TICK)[1] == high
    assert transitions.values(calm, NOW + 4 * TICK)[1]["last_transition_time"] == nano(NOW + 4 * TICK)


def test_labels_are_keys_with_dotted_values() -> None:
    assert labels(["group=web.eu-1.rack_2", "tier=prod"]) == {"group": "web.eu-1.rack_2", "tier": "prod"}
    assert labels([]) == {}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["group"], "label 'group': it must be KEY=VALUE"),
        (["a.b=c"], "label 'a.b=c'"),
        (["a="], "label 'a='"),
        (["a=b..c"], "label 'a=b..c'"),
        (["a=*"], "label"),
        (["a=b", "a=c"], "label 'a' is given twice"),
        ([f"k{number}=v" for number in range(6)], "6 labels: an agent has at most 5"),
    ],
)
def test_labels_that_no_subject_could_hold_are_refused(given: list[str], words: str) -> None:
    with pytest.raises(ValueError, match=words.replace(".", r"\.").replace("*", r"\*")):
        labels(given)


def test_the_machine_id_is_the_systems_or_else_one_that_is_made_once(tmp_path: Path) -> None:
    source, state = tmp_path / "machine-id", tmp_path / "state"
    source.write_text("0123456789abcdef0123456789ABCDEF\n")
    assert machine_id(state, source) == ("0123456789abcdef0123456789abcdef", False)
    assert not state.exists()
    for unusable in ("", "uninitialized\n", "é"):
        source.write_text(unusable)
        made, ours = machine_id(state, source)
        assert ours
        assert len(made) == 32
        assert machine_id(state, source) == (made, True)
    assert state.stat().st_mode & 0o777 == 0o700


async def test_this_host_says_what_osapis_agents_say() -> None:
    host = ThisHost()
    reading = host.reading()
    assert reading.memory_total > reading.memory_available > 0
    assert reading.cpus > 0
    assert all(disk.total >= disk.used >= 0 for disk in reading.disks)
    value = host.registration(reading, NOW)
    assert set(value) == {"os_info", "uptime", "load_averages", "memory_stats", "process"}
    assert set(value["os_info"]) == {"Distribution", "Version", "changed"}
    assert set(value["load_averages"]) == {"Load1", "Load5", "Load15", "changed"}
    assert set(value["memory_stats"]) == {"Total", "Available", "Free", "Cached", "changed"}
    assert set(value["process"]) == {"cpu_percent", "rss_bytes", "goroutines"}
    facts = host.facts()
    assert host.hostname == socket.gethostname()
    assert {"architecture", "kernel_version", "cpu_count", "containerized", "interfaces", "routes"} <= set(facts)


def test_routes_are_read_as_the_kernel_writes_them(tmp_path: Path) -> None:
    table = tmp_path / "route"
    table.write_text(
        "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"
        "eth0\t00000000\t0102A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n"
    )
    (route,) = _routes(table)
    assert route["destination"] == "0.0.0.0"
    assert sorted(route["gateway"].split(".")) == ["1", "168", "192", "2"]  # in the machine's own order
    assert (route["interface"], route["metric"]) == ("eth0", 100)
    table.write_text("Iface\nnonsense\n")
    assert _routes(table) == []
    assert _routes(tmp_path / "none") == []
