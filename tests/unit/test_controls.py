"""Controllers and NATS servers of the registry, and the agents' sub-components folded over their hosts."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from app.model.components import ComponentKind
from app.model.fleet import Presence, SubComponent
from app.model.health import Health
from app.sources.agentparts import MOST_ROWS, AgentParts
from app.sources.controls import Controls
from app.sources.kvmessage import Entry
from tests.literals import NOW, agent

KEY = "controller.web_01"
OWN = f"control:{KEY}"


def entry(seconds: float = 0, **changed: Any) -> Entry:
    """A controller's registration, written some seconds after NOW."""
    value = {
        "type": "controller",
        "hostname": "web-01",
        "version": "0.1.0",
        "started_at": "2026-11-22T08:00:00Z",
        "process": {"cpu_percent": 4.21, "rss_bytes": 100_000_000},
        "conditions": [{"type": "ProcessHighCPU", "status": False}],
        "sub_components": {"controller.api": {"status": "ok", "address": "http://0.0.0.0:8080"}},
        **changed,
    }
    return Entry(json.dumps(value).encode(), 1, NOW + timedelta(seconds=seconds))


def parts(**words: str) -> dict[str, Any]:
    return {f"controller.{name}": {"status": word} for name, word in words.items()}


class World:
    def __init__(self) -> None:
        self.controls = Controls()
        self.entries: dict[str, Entry] = {}

    def write(self, entry: Entry | None, key: str = KEY) -> None:
        if entry is None:
            self.entries.pop(key, None)
        else:
            self.entries[key] = entry
        self.controls.take({key}, self.entries)

    def look(self, seconds: float) -> dict[str, Any]:
        self.controls.judge(NOW + timedelta(seconds=seconds), False)
        return self.controls.components()


def test_an_entry_and_its_parts_are_components() -> None:
    world = World()
    world.write(entry(sub_components=parts(api="ok", tracing="disabled", kv="error", odd="frobbing")))
    rows = world.look(1)
    own = rows[OWN]
    assert (own.kind, own.name, own.type, own.host) == (ComponentKind.CONTROL, "controller", "controller", "web-01")
    assert (own.state, own.health, own.cpu, own.rss, own.version) == ("ready", Health.OK, 4.2, 100_000_000, "0.1.0")
    found = {row.name: (row.state, row.health, row.parent) for key, row in rows.items() if key != OWN}
    assert found == {
        "controller.api": ("ok", Health.OK, OWN),
        "controller.tracing": ("disabled", Health.OK, OWN),
        "controller.kv": ("error", Health.CRIT, OWN),
        "controller.odd": ("frobbing", Health.UNKNOWN, OWN),
    }


def test_heartbeats_that_look_the_same_change_no_row() -> None:
    world = World()
    world.write(entry())
    before = world.look(1)
    world.controls.moved = False
    world.write(entry(10, process={"cpu_percent": 4.24, "rss_bytes": 100_900_000}))
    after = world.look(11)
    assert not world.controls.moved
    assert all(after[key] is row for key, row in before.items())
    world.write(entry(20, process={"cpu_percent": 4.3, "rss_bytes": 100_900_000}))
    assert world.look(21)[OWN].cpu == 4.3
    assert world.controls.moved


def test_a_silent_entry_is_stale_then_gone_and_its_parts_are_no_longer_known() -> None:
    world = World()
    world.write(entry())
    assert world.look(21)[OWN].state == "stale"
    gone = world.look(31)
    assert (gone[OWN].state, gone[OWN].health, gone[OWN].since) == ("gone", Health.CRIT, NOW)
    assert gone[f"{OWN}/controller.api"].health is Health.STALE
    world.write(entry(40))
    back = world.look(41)
    assert (back[OWN].state, back[OWN].since) == ("ready", NOW + timedelta(seconds=40))
    assert back[f"{OWN}/controller.api"].health is Health.OK


def test_a_farewell_is_shown_for_a_while_then_forgotten() -> None:
    world = World()
    world.write(entry())
    world.look(1)
    world.write(Entry(b"", 2, NOW + timedelta(seconds=5), "DEL"))
    left = world.look(6)[OWN]
    assert (left.state, left.health) == ("left", Health.STALE)
    assert world.look(5 + 601) == {}


def test_a_part_says_since_when_it_is_so_once_that_was_seen() -> None:
    world = World()
    world.write(entry(sub_components=parts(kv="ok")))
    assert world.look(1)[f"{OWN}/controller.kv"].since is None
    world.write(entry(10, sub_components=parts(kv="error")))
    assert world.look(11)[f"{OWN}/controller.kv"].since == NOW + timedelta(seconds=10)
    world.write(entry(20, sub_components=parts(kv="error")))
    assert world.look(21)[f"{OWN}/controller.kv"].since == NOW + timedelta(seconds=10)


def test_an_active_condition_is_a_warning_with_its_reason() -> None:
    world = World()
    world.write(entry(conditions=[{"type": "ProcessHighCPU", "status": True, "reason": "process CPU 90.0%"}]))
    own = world.look(1)[OWN]
    assert (own.health, own.reason) == (Health.WARN, "process CPU 90.0%")


def test_unreadable_values_and_other_prefixes() -> None:
    world = World()
    world.write(Entry(b"[]", 1, NOW))
    world.write(entry(), "gateway.web_01")
    world.write(entry(), "agents.web_01")
    assert world.look(1) == {}
    assert world.controls.unreadable == {KEY}
    world.write(entry())
    assert OWN in world.look(1)
    assert not world.controls.unreadable
    world.write(Entry(b"nonsense", 2, NOW + timedelta(seconds=25)))  # it does beat
    assert world.look(31)[OWN].state == "ready"


def test_hostile_texts_are_cleaned() -> None:
    world = World()
    world.write(
        entry(hostname="web\x1b[31m-01", sub_components={"a\x07b": {"status": "ok\x1b]0;x\x07", "address": "\x00"}})
    )
    for row in world.look(1).values():
        assert "\x1b" not in repr((row.key, row.host, row.name, row.state, row.address))
        assert all(text.isprintable() for text in (row.key, row.host, row.name, row.state, row.address))


# --- sub-components of agents


def host(name: str, presence: Presence = Presence.LIVE, **words: str) -> Any:
    return agent(
        name, presence=presence, sub_components=tuple(SubComponent(part, word) for part, word in words.items())
    )


def folded(*hosts: Any) -> AgentParts:
    parts = AgentParts()
    for one in hosts:
        parts.change(None, one, NOW)
    parts.show()
    return parts


def test_parts_are_folded_over_hosts_and_only_the_ill_have_rows() -> None:
    names = [f"web-{number:02}" for number in range(1, 8)]
    hosts = [host(name, facts="ok", metrics="error" if name in names[2:6] else "ok") for name in names]
    rows = folded(*hosts).components()
    assert (rows["agent:facts"].state, rows["agent:facts"].hosts, rows["agent:facts"].reason) == ("ok", 7, "")
    metrics = rows["agent:metrics"]
    assert (metrics.state, metrics.health, metrics.hosts) == ("error", Health.WARN, 7)
    assert metrics.reason == "error on web-03, web-04 (+2)"
    own = {key for key in rows if "/" in key}
    assert own == {f"agent:metrics/{name}" for name in names[2:6]}
    assert rows["agent:metrics/web-03"].parent == "agent:metrics"


def test_words_that_are_fine_and_words_nobody_knows() -> None:
    rows = folded(
        host("a", x="ok", y="disabled", z="ok"), host("b", x="disabled", y="disabled", z="warming")
    ).components()
    assert (rows["agent:x"].state, rows["agent:x"].reason) == ("ok", "disabled on b")
    assert (rows["agent:y"].state, rows["agent:y"].reason) == ("disabled", "")
    assert (rows["agent:z"].health, rows["agent:z"].reason) == (Health.UNKNOWN, "warming on b")


def test_hosts_that_are_gone_say_nothing_of_now() -> None:
    before = host("a", metrics="error")
    parts = folded(before, host("b", metrics="ok"))
    parts.change(before, host("a", Presence.GONE, metrics="error"), NOW)
    parts.show()
    rows = parts.components()
    assert set(rows) == {"agent:metrics"}
    assert (rows["agent:metrics"].state, rows["agent:metrics"].hosts) == ("ok", 1)
    parts.change(host("b", metrics="ok"), None, NOW)
    parts.show()
    assert parts.components() == {}


def test_what_did_not_change_stays_the_same_object() -> None:
    ill = host("a", metrics="error", facts="ok")
    parts = folded(ill, host("b", metrics="ok", facts="ok"))
    before = parts.components()
    parts.moved = False
    parts.change(ill, agent("a", sub_components=ill.sub_components, state="Cordoned"), NOW)
    parts.show()
    assert not parts.moved
    later = NOW + timedelta(seconds=10)
    parts.change(host("b", metrics="ok", facts="ok"), host("b", metrics="error", facts="ok"), later)
    parts.show()
    after = parts.components()
    assert parts.moved
    assert after["agent:facts"] is before["agent:facts"]
    assert after["agent:metrics/a"] is before["agent:metrics/a"]
    assert after["agent:metrics/b"].since == later


def test_the_fold_says_since_when() -> None:
    well = host("a", metrics="ok")
    parts = folded(well)
    assert parts.components()["agent:metrics"].since is None
    later = NOW + timedelta(seconds=10)
    parts.change(well, host("a", metrics="error"), later)
    parts.show()
    assert parts.components()["agent:metrics"].since == later


def test_thousands_of_ill_hosts_have_rows_within_bounds() -> None:
    parts = folded(*(host(f"h{number:04}", metrics="error") for number in range(MOST_ROWS + 200)))
    rows = parts.components()
    assert len(rows) == MOST_ROWS + 1
    assert rows["agent:metrics"].reason == f"error on h0000, h0001 (+{MOST_ROWS + 198})"
