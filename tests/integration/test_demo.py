"""The demo on its real nats-server: a fleet that lives and works, and an incident that befalls it."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import nats
import pytest
from nats.aio.client import Client

from app.demo.fleet import hosts, with_durables
from app.demo.layout import Layout, agent_consumers
from app.demo.run import Demo
from app.demo.scenario import Act, Cast, plan
from app.demo.shop import IN_FLIGHT, SESSIONS_BYTES
from app.model.fleet import sanitise_key

SOON = 30.0
OSAPI = Layout("osapi")


@pytest.fixture(autouse=True)
def _own_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))


class Look:
    """Asks the broker."""

    def __init__(self, nc: Client) -> None:
        self.nc = nc

    async def api(self, subject: str, **body: object) -> dict[str, Any]:
        reply = await self.nc.request(f"$JS.API.{subject}", json.dumps(body).encode() if body else b"", timeout=10)
        found: dict[str, Any] = json.loads(reply.data)
        assert "error" not in found, found
        return found

    async def keys(self, bucket: str) -> set[str]:
        info = await self.api(f"STREAM.INFO.KV_{bucket}", subjects_filter=">")
        return {subject.split(".", 2)[2] for subject in info["state"].get("subjects") or {}}

    async def value(self, bucket: str, key: str) -> dict[str, Any]:
        js = self.nc.jetstream()
        entry = await (await js.key_value(bucket)).get(key)
        found: dict[str, Any] = json.loads(entry.value or b"")
        return found

    async def consumers(self, stream: str) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        while True:
            page = await self.api(f"CONSUMER.LIST.{stream}", offset=len(found))
            found |= {consumer["name"]: consumer for consumer in page["consumers"]}
            if len(found) >= page["total"] or not page["consumers"]:
                return found


@asynccontextmanager
async def _looking(url: str) -> AsyncIterator[Look]:
    nc = await nats.connect(url)
    try:
        yield Look(nc)
    finally:
        await nc.close()


async def _until(true: Callable[[], Awaitable[bool]], what: str) -> None:
    try:
        async with asyncio.timeout(SOON):
            while not await true():
                await asyncio.sleep(0.1)
    except TimeoutError:
        pytest.fail(what)


async def test_a_calm_fleet_is_registered_works_and_leaves_nothing_undone() -> None:
    async with Demo(agents=6, rate=20.0, seed=11) as demo, _looking(demo.nats_url) as look:
        fleet = hosts(6, 11)
        registered = await look.keys("osapi-agent-registry")
        assert registered == {f"agents.{host.machine_id}" for host in fleet} | {"controller.ctl_01", "nats.ctl_01"}
        assert await look.keys("osapi-agent-facts") == {f"facts.{host.machine_id}" for host in fleet}

        cordoned = next(host for host in fleet if host.state == "Cordoned")
        value = await look.value("osapi-agent-registry", f"agents.{cordoned.machine_id}")
        assert value["state"] == "Cordoned"
        state = await look.keys("osapi-agent-state")
        assert f"drain.{cordoned.machine_id}" in state
        story = Counter(key.split(".")[2] for key in state if key.startswith("timeline."))
        assert story == {"drain": 2, "cordoned": 1}
        assert all(key.split(".")[1] == sanitise_key(cordoned.hostname) for key in state if "timeline" in key)

        wanted = {
            config["name"]
            for host in with_durables(fleet)
            for config in agent_consumers(OSAPI, host.machine_id, host.labels)
        }
        assert set(await look.consumers("osapi-JOBS")) == wanted

        async def worked() -> bool:
            keys = await look.keys("osapi-job-queue")
            events = Counter(key.split(".")[2] for key in keys if key.startswith("status."))
            return events["completed"] >= 30 and events["acknowledged"] >= events["completed"]

        await _until(worked, "no jobs are completed")
        jobs = await look.api("STREAM.INFO.osapi-JOBS")
        assert jobs["state"]["messages"] >= 9_950
        assert jobs["config"]["discard"] == "old"

        async def served() -> bool:
            """Every consumer either has a client that waits, or is at work: nobody is left alone with pending."""
            found = [*(await look.consumers("osapi-JOBS")).values(), *(await look.consumers("ORDERS")).values()]
            return not any(
                one["num_pending"] and not one["num_ack_pending"] and not one.get("num_waiting")
                for one in found
                if not one.get("paused") and not one["config"].get("deliver_subject")
            )

        await _until(served, "a consumer has pending and nobody pulls")
        orders = await look.consumers("ORDERS")
        assert orders["backfill"]["paused"] is True
        assert orders["tail-ops"]["config"].get("durable_name") is None
        assert [one for one in orders.values() if one["config"].get("deliver_subject")], "an ordered consumer"
        assert (await look.api("STREAM.INFO.EMAILS"))["config"]["retention"] == "workqueue"


async def test_an_incident_befalls_those_whom_the_seed_has_chosen() -> None:
    """20 times as fast: the agent is dead after 1 s, the bucket full after 5; one cannot hasten expiry (30 s)."""
    fleet = hosts(6, 5)
    workers = with_durables(fleet)
    cast = Cast([host.hostname for host in workers], [host.labels["group"] for host in workers])
    steps = plan("incident", cast, 5)
    named = {step.act: step.who for step in steps}
    dead = next(host for host in fleet if host.hostname == named[Act.AGENT_DIES])
    # everything ill has happened 4 s after the start; it is healed after 30 s
    incident = Demo(agents=6, rate=20.0, scenario="incident", seed=5, speed=20.0)
    async with incident as demo, _looking(demo.nats_url) as look:
        own = [config["name"] for config in agent_consumers(OSAPI, dead.machine_id, dead.labels)]

        async def stands_still() -> bool:
            found = await look.consumers("osapi-JOBS")
            mine = [found[name] for name in own]
            waiting = sum(one.get("num_waiting", 0) for one in mine)
            return waiting == 0 and sum(one["num_pending"] for one in mine) > 0

        async def fills() -> bool:
            return bool((await look.api("STREAM.INFO.KV_shop-sessions"))["state"]["bytes"] > SESSIONS_BYTES * 0.98)

        async def lost() -> bool:
            orders = await look.consumers("ORDERS")
            left = orders[named[Act.CLIENT_LEAVES]]
            return bool(left["num_pending"] and not left["num_ack_pending"] and not left.get("num_waiting"))

        async def hangs() -> bool:
            billing = (await look.consumers("ORDERS"))["billing"]
            return bool(billing["num_ack_pending"] == IN_FLIGHT and not billing.get("num_waiting"))

        await _until(stands_still, "the dead agent's consumers do not stand still")
        direct = (await look.consumers("osapi-JOBS"))[f"jobs-agent_query_direct_{dead.machine_id}"]
        assert direct["num_ack_pending"] == 1, "what it had in hand"
        await _until(fills, "the bucket does not fill")
        await _until(lost, "the leaving client has not left")
        await _until(hangs, "billing does not hang with all it may have in flight")


async def test_memory_pressure_comes_with_a_heartbeat_and_with_its_reason() -> None:
    fleet = with_durables(hosts(3, 5))
    cast = Cast([host.hostname for host in fleet], [host.labels["group"] for host in fleet])
    strained = next(step.who for step in plan("incident", cast, 5) if step.act is Act.STRAIN)
    key = next(f"agents.{host.machine_id}" for host in fleet if host.hostname == strained)
    incident = Demo(agents=3, rate=0.0, scenario="incident", seed=5, speed=8.0)
    async with incident as demo, _looking(demo.nats_url) as look:
        first = await look.value("osapi-agent-registry", key)

        async def pressed() -> bool:
            value = await look.value("osapi-agent-registry", key)
            memory = value["conditions"][0]
            return bool(memory["status"] and value["registered_at"] != first["registered_at"])

        assert not first["conditions"][0]["status"]
        await _until(pressed, "no memory pressure")
        reason = (await look.value("osapi-agent-registry", key))["conditions"][0]["reason"]
        assert reason.startswith("memory 94% used (")
