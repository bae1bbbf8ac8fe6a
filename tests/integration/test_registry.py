"""The fleet from its buckets on a real server, as OSAPI writes them, and as nobody should."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import UTC, datetime, timedelta

from app.model.fleet import Presence
from app.model.health import Health
from app.model.snapshot import SourceStatus
from app.sources.presence import GONE_AFTER
from app.sources.registry import FleetFacts
from tests.integration.fleet_values import MACHINE, make_fleet, registration
from tests.integration.watching import Watch, client, until, utc, watching
from tests.nats_server import NatsServer


def statuses(facts: FleetFacts) -> dict[str, SourceStatus]:
    return {state.name: state.status for state in facts.states}


async def later(watch: Watch, seconds: float) -> FleetFacts:
    """A collection as it would be made some seconds from now."""
    return await watch.fleet.collect(utc() + timedelta(seconds=seconds), await watch.look())


async def test_an_agent_with_all_its_facts(server: NatsServer) -> None:
    async with client(server.url) as nc, watching(server.url) as watch:
        buckets = await make_fleet(nc.jetstream())
        await buckets["agent-registry"].put(f"agents.{MACHINE}", registration("web-01"))
        await buckets["agent-registry"].put("controller.web_01", b'{"type":"controller","hostname":"web-01"}')
        facts = {"architecture": "amd64", "cpu_count": 4, "containerized": False, "primary_interface": "eth0"}
        facts["interfaces"] = [{"name": "eth0", "ipv4": "10.0.0.1", "ipv6": "fe80::1", "mac": "aa"}]  # type: ignore[assignment]
        facts["facts"] = {"role": "web", "n": 1}  # type: ignore[assignment]
        await buckets["agent-facts"].put(f"facts.{MACHINE}", json.dumps(facts).encode())
        found = await watch.turn()
        assert (found.namespace, found.found, found.present) == ("osapi", True, True)
        assert set(statuses(found).values()) == {SourceStatus.OK}
        (agent,) = found.agents.values()
        assert (agent.key, agent.machine_id, agent.hostname) == (MACHINE, MACHINE, "web-01")
        assert (agent.presence, agent.since, agent.state) == (Presence.LIVE, None, "Ready")
        assert agent.labels == (("group", "web.dev.us-east"),)
        assert agent.os == "Ubuntu 24.04"
        assert agent.started_at == datetime(2026, 11, 20, 8, 0, 0, 123456, UTC)
        (disk,) = agent.active_conditions
        assert (disk.type, disk.reason) == ("DiskPressure", "/var 95% used (95.0/100.0 GB)")
        assert disk.since == datetime(2026, 11, 22, 8, 0, 10, 500000, UTC)
        assert [part.name for part in agent.sub_components] == ["agent.heartbeat", "agent.metrics"]
        vitals = found.vitals[MACHINE]
        assert (vitals.cpu, vitals.rss, vitals.load1, vitals.uptime) == (1.5, 52_428_800, 0.5, 3600.0)
        assert vitals.memory_used == 0.75
        assert abs(vitals.beat - utc()) < timedelta(seconds=5)
        assert vitals.registered_at is not None
        host = found.facts[MACHINE]
        assert (host.architecture, host.cpus, host.containerized, host.primary_interface) == ("amd64", 4, False, "eth0")
        assert host.interfaces == (("eth0", "10.0.0.1, fe80::1"),)
        assert host.extra == (("n", "1"), ("role", "web"))


async def test_a_heartbeat_changes_vitals_only(server: NatsServer) -> None:
    async with client(server.url) as nc, watching(server.url) as watch:
        registry = (await make_fleet(nc.jetstream()))["agent-registry"]
        await registry.put(f"agents.{MACHINE}", registration("web-01"))
        before = await watch.turn()
        await registry.put(f"agents.{MACHINE}", registration("web-01", uptime=3_610_000_000_000))
        after = await watch.turn_until(lambda facts: facts.vitals[MACHINE].uptime == 3610.0, "the beat came")
        assert after.agents[MACHINE] is before.agents[MACHINE]
        assert after.vitals[MACHINE] is not before.vitals[MACHINE]
        await registry.put(f"agents.{MACHINE}", registration("web-01", labels={"group": "db"}))
        changed = await watch.turn_until(lambda facts: facts.agents[MACHINE].labels == (("group", "db"),), "the label")
        assert changed.agents[MACHINE] is not after.agents[MACHINE]
        again = await watch.turn()
        assert again.agents[MACHINE] is changed.agents[MACHINE]
        assert again.vitals[MACHINE] is changed.vitals[MACHINE]


async def test_facts_change_and_go_while_their_hosts_stay(server: NatsServer) -> None:
    dashed = "ABCD-12.34"  # its key in the registry is another than that of its facts
    shown = {"own": MACHINE, "dashed": "ABCD_12_34"}
    async with client(server.url) as nc, watching(server.url) as watch:
        buckets = await make_fleet(nc.jetstream())
        await buckets["agent-registry"].put(f"agents.{MACHINE}", registration("web-01"))
        await buckets["agent-registry"].put("agents.ABCD_12_34", registration("mac.example", dashed))
        facts = await watch.turn_until(lambda facts: len(facts.agents) == 2, "both are there")
        assert not facts.facts
        for cpus in (2, 4):
            for machine in (MACHINE, dashed):
                await buckets["agent-facts"].put(f"facts.{machine}", json.dumps({"cpu_count": cpus}).encode())
            facts = await watch.turn_until(
                lambda facts, cpus=cpus: all(
                    key in facts.facts and facts.facts[key].cpus == cpus for key in shown.values()
                ),
                f"they have {cpus}",
            )
        kept = facts.facts[MACHINE]
        await buckets["agent-facts"].delete(f"facts.{dashed}")
        facts = await watch.turn_until(lambda facts: shown["dashed"] not in facts.facts, "one has none any more")
        assert facts.facts == {MACHINE: kept}
        await buckets["agent-facts"].delete(f"facts.{MACHINE}")
        facts = await watch.turn_until(lambda facts: not facts.facts, "none has any")
        assert len(facts.agents) == 2


async def test_drain_and_timeline(server: NatsServer) -> None:
    machine = "ABCD-12.34"  # a macOS id: the drain key keeps its dashes, the registry's key does not
    async with client(server.url) as nc, watching(server.url) as watch:
        buckets = await make_fleet(nc.jetstream())
        await buckets["agent-registry"].put("agents.ABCD_12_34", registration("mac.example", machine))
        facts = {"fqdn": "mac.example"}
        await buckets["agent-facts"].put(f"facts.{machine}", json.dumps(facts).encode())
        state = buckets["agent-state"]
        events = (
            ("mac_example", "drain", "2026-11-22T10:00:00.5Z"),
            ("ABCD_12_34", "cordoned", "2026-11-22T10:00:09+02:00"),
        )
        for host, event, at in events:
            value = {"timestamp": at, "event": event, "hostname": "mac.example", "message": f"{event}!"}
            await state.put(f"timeline.{host}.{event}.1", json.dumps(value).encode())
        found = await watch.turn()
        agent = found.agents["ABCD_12_34"]
        assert agent.state == "Ready"
        assert [event.event for event in agent.timeline] == ["drain", "cordoned"]
        assert agent.timeline[1].at == datetime(2026, 11, 22, 8, 0, 9, tzinfo=UTC)
        assert found.facts["ABCD_12_34"].fqdn == "mac.example"
        await state.put(f"drain.{machine}", b"1")
        await watch.turn_until(lambda facts: facts.agents["ABCD_12_34"].state == "Cordoned", "cordoned at once")
        await state.delete(f"drain.{machine}")
        await watch.turn_until(lambda facts: facts.agents["ABCD_12_34"].state == "Ready", "ready again")


async def test_stale_gone_and_a_clean_farewell(server: NatsServer) -> None:
    async with client(server.url) as nc, watching(server.url) as watch:
        registry = (await make_fleet(nc.jetstream()))["agent-registry"]
        await registry.put("agents.a", registration("web-a", "a"))
        await registry.put("agents.b", registration("web-b", "b"))
        facts = await watch.turn()
        beat = facts.vitals["a"].beat
        await registry.delete("agents.b")
        facts = await watch.turn_until(lambda facts: facts.agents["b"].presence is Presence.LEFT, "the farewell")
        keys = {name.rpartition("-")[2]: held for name, held in facts.live_keys.items()}
        assert keys["registry"] == 1  # the marker of b is no key
        left = facts.agents["b"].since
        assert left is not None
        assert left >= facts.vitals["b"].beat
        facts = await later(watch, 22)
        assert (facts.agents["a"].presence, facts.agents["a"].since) == (Presence.STALE, beat)
        assert facts.agents["b"].presence is Presence.LEFT
        facts = await later(watch, GONE_AFTER + 1)
        assert (facts.agents["a"].presence, facts.agents["a"].since) == (Presence.GONE, beat)
        facts = await later(watch, 601)
        assert set(facts.agents) == {"a"}
        facts = await later(watch, 86_000)
        assert set(facts.agents) == {"a"}
        facts = await later(watch, 86_500)
        assert not facts.agents
        assert not facts.vitals


async def test_back_after_a_farewell(server: NatsServer) -> None:
    async with client(server.url) as nc, watching(server.url) as watch:
        registry = (await make_fleet(nc.jetstream()))["agent-registry"]
        await registry.put("agents.a", registration("web-a", "a"))
        await watch.turn()
        await registry.delete("agents.a")
        await watch.turn_until(lambda facts: facts.agents["a"].presence is Presence.LEFT, "the farewell")
        await registry.put("agents.a", registration("web-a", "a"))
        facts = await watch.turn_until(lambda facts: facts.agents["a"].presence is Presence.LIVE, "it is back")
        assert facts.agents["a"].since is None


async def test_killed_and_restarted_nobody_is_called_gone_for_it(server: NatsServer) -> None:
    async with watching(server.url) as watch:
        async with client(server.url) as nc:
            registry = (await make_fleet(nc.jetstream()))["agent-registry"]
            await registry.put("agents.a", registration("web-a", "a"))
            before = await watch.turn()
            server.kill()
        await until(lambda: not watch.link.up, "the loss was noticed")
        facts = await later(watch, 40)
        assert statuses(facts)["registry"] is SourceStatus.FAILED
        assert facts.agents["a"] is before.agents["a"]
        server.start()
        began = time.monotonic()
        facts = await watch.turn_until(lambda facts: statuses(facts)["registry"] is SourceStatus.OK, "fresh again")
        assert time.monotonic() - began < 5
        assert facts.agents["a"].presence is Presence.LIVE
        # Two heartbeats after the reconnect the excuse ends.
        facts = await later(watch, 35)
        assert facts.agents["a"].presence is Presence.GONE


async def test_store_wiped_nothing_old_is_shown(server: NatsServer) -> None:
    async with watching(server.url) as watch:
        async with client(server.url) as nc:
            registry = (await make_fleet(nc.jetstream()))["agent-registry"]
            await registry.put("agents.old", registration("old", "old"))
            assert set((await watch.turn()).agents) == {"old"}
            server.kill()
        server.wipe()
        server.start()
        facts = await watch.turn_until(lambda facts: not facts.agents, "nothing old")
        assert set(statuses(facts).values()) == {SourceStatus.ABSENT}
        assert not facts.present
        async with client(server.url) as nc:
            registry = (await make_fleet(nc.jetstream()))["agent-registry"]
            await registry.put("agents.new", registration("new", "new"))
            facts = await watch.turn_until(lambda facts: facts.agents, "the new fleet", 10)
            assert set(facts.agents) == {"new"}


async def test_a_registry_made_again_drops_who_was_gone(server: NatsServer) -> None:
    async with client(server.url) as nc, watching(server.url) as watch:
        js = nc.jetstream()
        registry = (await make_fleet(js))["agent-registry"]
        await registry.put("agents.old", registration("old", "old"))
        await watch.turn()
        assert (await later(watch, 40)).agents["old"].presence is Presence.GONE
        await js.delete_key_value("osapi-agent-registry")
        registry = await js.create_key_value(bucket="osapi-agent-registry", ttl=30)
        await registry.put("agents.new", registration("new", "new"))
        facts = await watch.turn_until(lambda facts: "new" in facts.agents, "the new one")
        assert set(facts.agents) == {"new"}


async def test_namespaces(server: NatsServer) -> None:
    async with client(server.url) as nc:
        js = nc.jetstream()
        async with watching(server.url) as watch:
            facts = await watch.turn()
            assert (facts.present, facts.found, facts.namespaces) == (False, False, ())
            assert set(statuses(facts).values()) == {SourceStatus.ABSENT}
            await js.create_key_value(bucket="x-agent-registry")
            assert not (await watch.turn()).present, "a registry without a job queue is no fleet"
            buckets = await make_fleet(js, "")
            await buckets["agent-registry"].put("agents.a", registration("plain", "a"))
            facts = await watch.turn()
            assert (facts.present, facts.found, facts.namespace) == (True, True, "")
            assert facts.agents["a"].hostname == "plain"
            buckets = await make_fleet(js, "osapi")
            await buckets["agent-registry"].put("agents.b", registration("spaced", "b"))
            facts = await watch.turn()
            assert (facts.namespace, facts.namespaces) == ("", ("", "osapi")), "what is in use stays in use"
            await watch.fleet.choose("osapi")
            facts = await watch.turn()
            assert (facts.namespace, facts.found, set(facts.agents)) == ("osapi", False, {"b"})
        async with watching(server.url) as watch:
            facts = await watch.turn()
            assert not facts.present
            assert facts.namespaces == ("", "osapi")
            assert facts.states[0].error == 'several fleets: "", osapi: choose one with :namespace or --namespace'
        async with watching(server.url, fleet={"namespace": "osapi"}) as watch:
            assert set((await watch.turn()).agents) == {"b"}
        async with watching(server.url, fleet={"namespace": "nowhere"}) as watch:
            facts = await watch.turn()
            assert (facts.present, facts.namespace) == (False, "nowhere")
            assert facts.states[0].error == "no bucket nowhere-agent-registry"


HOSTILE = {
    "garbage": b"{{{\xff",
    "empty": b"",
    "number": b"1e999",
    "list": b"[]",
    "null": b"null",
    "deep": b"[" * 100_000,
    "deepobject": b'{"machine_id":"x","x":' + b'{"a":' * 50_000,
    "nobody": b"{}",
    "types": b'{"machine_id": 5, "hostname": []}',
    "numbers": b'{"machine_id": "m", "uptime": 1' + b"0" * 5000 + b"}",
    "surrogate": b'{"machine_id": "\\ud800", "hostname": "\\udfff"}',
}


async def test_values_that_cannot_be_read_are_skipped_and_counted(server: NatsServer) -> None:
    async with client(server.url) as nc, watching(server.url) as watch:
        buckets = await make_fleet(nc.jetstream())
        registry = buckets["agent-registry"]
        await registry.put("agents.good", registration("good", "good"))
        for name, value in HOSTILE.items():
            await registry.put(f"agents.{name}", value)
            await buckets["agent-facts"].put(f"facts.{name}", value)
            await buckets["agent-state"].put(f"timeline.good.{name}.1", value)
        facts = await watch.turn()
        assert "good" in facts.agents
        assert statuses(facts)["registry"] is SourceStatus.PARTIAL
        assert facts.states[0].error.endswith("values cannot be read")
        shown = repr((facts.agents, facts.vitals, facts.facts, facts.states))
        assert "\ud800" not in shown
        for name in HOSTILE:
            await registry.delete(f"agents.{name}")
        facts = await watch.turn_until(lambda facts: statuses(facts)["registry"] is SourceStatus.OK, "all is well")
        assert "good" in facts.agents


async def test_hostile_text_changes_nothing_but_its_own_words(server: NatsServer) -> None:
    evil = "\x1b]52;c;aGk=\x07[/bad]\u202e\u200d日本👩‍👩‍👧\x9b31m"
    async with client(server.url) as nc, watching(server.url) as watch:
        buckets = await make_fleet(nc.jetstream())
        conditions = [{"type": evil, "status": True, "reason": evil * 10, "last_transition_time": evil}] * 120
        value = registration(
            evil + "a" * 10_000,
            evil,
            labels={f"{evil}{n}": evil for n in range(120)},
            conditions=conditions,
            state=evil,
            started_at="9" * 1000,
            os_info={"Distribution": evil * 20, "Version": evil},
            sub_components={evil: {"status": evil, "address": evil}},
            agent_version=evil,
            memory_stats={"Total": 10**30, "Available": -5},
            load_averages={"Load1": 1e300},
        )
        await buckets["agent-registry"].put("agents.evil", value)
        await nc.publish("$KV.osapi-agent-registry.agents.\x1b[2J", registration("clean", "c"))
        await nc.flush()
        found = await watch.turn()
        agent = found.agents["evil"]
        words = [
            *(agent.hostname, agent.machine_id, agent.state, agent.os, agent.version),
            *(text for pair in agent.labels for text in pair),
            *(text for one in agent.conditions for text in (one.type, one.reason)),
            *(text for part in agent.sub_components for text in (part.name, part.status, part.address)),
            *found.agents,
        ]
        assert all(text.isprintable() for text in words)
        assert "[/bad]" in agent.hostname
        assert max(len(text) for text in words) <= 1000
        assert len(agent.labels) <= 100
        assert len(agent.conditions) <= 100
        vitals = found.vitals["evil"]
        assert (vitals.memory_total, vitals.memory_available, vitals.load1) == (None, None, None)


async def test_an_unreadable_beat_is_still_a_beat(server: NatsServer) -> None:
    async with client(server.url) as nc, watching(server.url) as watch:
        registry = (await make_fleet(nc.jetstream()))["agent-registry"]
        await registry.put("agents.a", registration("web-a", "a"))
        before = await watch.turn()
        await asyncio.sleep(0.05)
        await registry.put("agents.a", b"{")
        after = await watch.turn_until(lambda facts: facts.vitals["a"].beat > before.vitals["a"].beat, "the beat")
        assert after.agents["a"] is before.agents["a"]


async def test_controllers_and_parts_of_agents_are_components(server: NatsServer) -> None:
    controller = {
        "type": "controller",
        "hostname": "ctl-01",
        "started_at": "2026-11-20T08:00:00Z",
        "process": {"cpu_percent": 2.5, "rss_bytes": 1_000_000},
        "sub_components": {"controller.api": {"status": "ok"}, "controller.kv (connectivity)": {"status": "error"}},
    }
    own = "control:controller.ctl_01"
    async with client(server.url) as nc, watching(server.url) as watch:
        registry = (await make_fleet(nc.jetstream()))["agent-registry"]
        await registry.put("controller.ctl_01", json.dumps(controller).encode())
        await registry.put("agents.a", registration("web-01", "a"))
        ill = {"agent.heartbeat": {"status": "ok"}, "agent.metrics": {"status": "error", "address": "web-02:9091"}}
        await registry.put("agents.b", registration("web-02", "b", sub_components=ill))
        facts = await watch.turn()
        assert {key: (row.state, row.health) for key, row in facts.components.items()} == {
            own: ("ready", Health.OK),
            f"{own}/controller.api": ("ok", Health.OK),
            f"{own}/controller.kv (connectivity)": ("error", Health.CRIT),
            "agent:agent.heartbeat": ("ok", Health.OK),
            "agent:agent.metrics": ("error", Health.WARN),
            "agent:agent.metrics/web-02": ("error", Health.WARN),
        }
        await registry.put("controller.ctl_01", json.dumps({**controller, "registered_at": "later"}).encode())
        await registry.put("agents.a", registration("web-01", "a", uptime=7))
        after = await watch.turn_until(lambda facts: facts.vitals["a"].uptime == 7e-9, "the beat came")
        assert after.components is facts.components, "heartbeats alone change none"
        await registry.delete("controller.ctl_01")
        await watch.turn_until(lambda facts: facts.components[own].state == "left", "the farewell")
        aged = await later(watch, GONE_AFTER + 1)
        assert {key for key in aged.components if key.startswith("agent:")} == set(), "nobody is there to say so"
