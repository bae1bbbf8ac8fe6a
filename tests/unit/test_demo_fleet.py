"""The simulated hosts: the same by the same seed, and OSAPI's own words for what ails them."""

from __future__ import annotations

import re

import pytest

from app.demo.control import controls
from app.demo.fleet import MARK_FIELD, Host, hosts, with_durables
from app.demo.layout import SECOND, Layout, agent_consumers
from app.demo.stamps import nano

NOW = 1_700_000_000 * SECOND
TICK = 10 * SECOND


def _one(seed: int = 7) -> Host:
    host = hosts(1, seed)[0]
    host.begin(NOW)
    return host


def _condition(host: Host, kind: str, now: int) -> dict[str, object]:
    return next(found for found in host.registration(now)["conditions"] if found["type"] == kind)


def test_the_same_seed_gives_the_same_fleet_and_the_same_figures() -> None:
    first, second = hosts(12, 7), hosts(12, 7)
    for one, other in zip(first, second, strict=True):
        one.begin(NOW)
        other.begin(NOW)
        for step in range(5):
            assert one.registration(NOW + step * TICK) == other.registration(NOW + step * TICK)
        assert one.facts() == other.facts()


def test_another_seed_gives_other_machines() -> None:
    assert {host.machine_id for host in hosts(12, 7)}.isdisjoint(host.machine_id for host in hosts(12, 8))


def test_names_and_machine_ids_are_realistic_and_unique() -> None:
    fleet = hosts(10, 7)
    assert sorted(host.hostname for host in fleet) == [
        "cache-01", "cache-02", "db-01", "db-02", "edge-01", "edge-02", "web-01", "web-02", "web-03", "web-04",
    ]  # fmt: skip
    large = hosts(3000, 7)
    assert len({host.hostname for host in large}) == len({host.machine_id for host in large}) == 3000
    assert all(re.fullmatch(r"[0-9a-f]{32}", host.machine_id) for host in large)


def test_a_registration_has_osapis_fields() -> None:
    value = _one().registration(NOW)
    assert set(value) - {MARK_FIELD} == {
        "machine_id", "hostname", "labels", "registered_at", "started_at", "os_info", "uptime", "load_averages",
        "memory_stats", "process", "conditions", "state", "sub_components",
    }  # fmt: skip
    assert set(value["os_info"]) == {"Distribution", "Version", "changed"}
    assert set(value["load_averages"]) == {"Load1", "Load5", "Load15", "changed"}
    assert set(value["memory_stats"]) == {"Total", "Available", "Free", "Cached", "changed"}
    assert set(value["process"]) == {"cpu_percent", "rss_bytes", "goroutines"}
    assert isinstance(value["uptime"], int)
    assert value["uptime"] > 86_400 * SECOND
    assert value["registered_at"] == nano(NOW)
    assert [found["type"] for found in value["conditions"]] == ["MemoryPressure", "HighLoad", "DiskPressure"]


@pytest.mark.parametrize(
    ("strain", "kind", "reason"),
    [
        ({"memory": 0.94}, "MemoryPressure", r"memory 94% used \(\d+\.\d/\d+\.\d GB\)"),
        ({"disk": 0.95}, "DiskPressure", r"/ 95% used \(\d+\.\d/\d+\.\d GB\)"),
        ({"load": 4.0}, "HighLoad", r"load \d+\.\d\d, threshold \d+\.00 for \d+ CPUs"),
    ],
)
def test_a_condition_tells_its_reason_and_when_it_turned(strain: dict[str, float], kind: str, reason: str) -> None:
    host = _one()
    calm = _condition(host, kind, NOW)
    assert calm == {"type": kind, "status": False, "last_transition_time": nano(host.started)}

    host.strain.update(strain)
    at = NOW
    for _ in range(20):  # load rises slowly
        at += TICK
        found = _condition(host, kind, at)
        if found["status"]:
            break
    assert found["status"] is True
    assert found["last_transition_time"] == nano(at)
    assert re.fullmatch(reason, str(found["reason"]))

    later = _condition(host, kind, at + TICK)
    assert later["last_transition_time"] == nano(at), "kept while the status stays"

    host.strain.clear()
    for _ in range(20):
        at += TICK
        found = _condition(host, kind, at + TICK)
        if not found["status"]:
            break
    assert found["status"] is False
    assert "reason" not in found
    assert found["last_transition_time"] == nano(at + TICK)


def test_a_restart_forgets_when_conditions_turned() -> None:
    host = _one()
    host.registration(NOW)
    host.restart(NOW + TICK)
    value = host.registration(NOW + 2 * TICK)
    assert value["started_at"] == nano(NOW + TICK)
    assert value["conditions"][0]["last_transition_time"] == nano(NOW + TICK)


def test_nobody_is_strained_in_the_calm() -> None:
    for host in hosts(40, 7):
        host.begin(NOW)
        for step in range(200):
            found = host.registration(NOW + step * TICK)
            assert not any(condition["status"] for condition in found["conditions"]), host.hostname


def test_one_host_is_cordoned_and_owns_no_durables() -> None:
    fleet = hosts(10, 7)
    cordoned = [host for host in fleet if host.state == "Cordoned"]
    assert len(cordoned) == 1
    assert cordoned[0] not in with_durables(fleet)
    assert len(with_durables(fleet)) == 9


def test_the_consumers_of_a_large_fleet_stay_under_the_limit_of_a_stream() -> None:
    workers = with_durables(hosts(10_000, 7))
    owned = sum(len(agent_consumers(Layout("osapi"), host.machine_id, host.labels)) for host in workers)
    assert 900 < owned <= 950


def test_controller_and_nats_server_are_registered_too() -> None:
    first, second = controls(7), controls(7)
    for control in (*first, *second):
        control.begin(NOW)
    assert [control.key for control in first] == ["controller.ctl_01", "nats.ctl_01"]
    beats = [control.registration(NOW + TICK) for control in first]
    assert beats == [control.registration(NOW + TICK) for control in second]
    for value in beats:
        assert set(value) - {MARK_FIELD} == {
            "type", "hostname", "started_at", "registered_at", "process", "conditions", "version", "sub_components",
        }  # fmt: skip
        assert value["registered_at"] == nano(NOW + TICK)
    assert beats[1]["sub_components"]["nats.server"] == {"status": "ok", "address": "nats://0.0.0.0:4222"}
    assert first[0].registration(NOW + 2 * TICK)["process"] != beats[0]["process"], "figures move"
