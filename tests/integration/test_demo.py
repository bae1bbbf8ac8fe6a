"""The demo on its real nats-server: a fleet that lives and works, and an incident that befalls it."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import nats
import pytest
from nats.aio.client import Client

from app.demo.fleet import hosts, with_durables
from app.demo.layout import BACK_OFF, Layout, agent_consumers
from app.demo.run import Demo
from app.demo.scenario import Act, Cast, plan
from app.demo.shop import IN_FLIGHT, SESSIONS_BYTES
from app.model.fleet import sanitise_key
from tests.buckets import keys_of

SOON = 30.0
OSAPI = Layout("osapi")


@pytest.fixture(autouse=True)
def _own_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))


RANK = {"submitted": 0, "acknowledged": 1, "started": 2, "failed": 3, "skipped": 3, "completed": 4, "retried": 4}


def _statuses(keys: set[str]) -> Counter[str]:
    """Jobs by status, as OSAPI derives it from the names of status keys."""
    best: dict[str, dict[str, str]] = {}
    for key in sorted(keys):
        if key.startswith("status."):
            job, event, host = key.split(".")[1:4]
            hosts_ = best.setdefault(job, {})
            if host != "_api" and RANK[event] > RANK[hosts_.get(host, "submitted")]:
                hosts_[host] = event
    return Counter(_status(set(hosts_.values())) for hosts_ in best.values())


def _status(events: set[str]) -> str:
    if not events:
        return "submitted"
    if events & {"acknowledged", "started"}:
        return "processing"
    if "failed" in events:
        return "partial_failure" if "completed" in events else "failed"
    return "skipped" if events == {"skipped"} else "completed"


class Look:
    """Asks the broker."""

    def __init__(self, nc: Client) -> None:
        self.nc = nc

    async def api(self, subject: str, **body: object) -> dict[str, Any]:
        reply = await self.nc.request(f"$JS.API.{subject}", json.dumps(body).encode() if body else b"", timeout=10)
        found: dict[str, Any] = json.loads(reply.data)
        assert "error" not in found, found
        return found

    async def services(self) -> Counter[str]:
        """How many instances of each service answer within half a second."""
        inbox = self.nc.new_inbox()
        answers = await self.nc.subscribe(inbox)
        await self.nc.publish("$SRV.PING", b"", reply=inbox)
        await asyncio.sleep(0.5)
        found: Counter[str] = Counter()
        while answers.pending_msgs:
            found[json.loads((await answers.next_msg()).data)["name"]] += 1
        await answers.unsubscribe()
        return found

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
        registered = await keys_of(look.nc, "osapi-agent-registry")
        assert registered == {f"agents.{host.machine_id}" for host in fleet} | {"controller.ctl_01", "nats.ctl_01"}
        assert await keys_of(look.nc, "osapi-agent-facts") == {f"facts.{host.machine_id}" for host in fleet}

        cordoned = next(host for host in fleet if host.state == "Cordoned")
        value = await look.value("osapi-agent-registry", f"agents.{cordoned.machine_id}")
        assert value["state"] == "Cordoned"
        state = await keys_of(look.nc, "osapi-agent-state")
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
            keys = await keys_of(look.nc, "osapi-job-queue")
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


async def test_every_status_a_job_can_have_is_there_and_so_are_dead_letters_and_services() -> None:
    async with Demo(agents=6, rate=8.0, seed=3) as demo, _looking(demo.nats_url) as look:
        seen: Counter[str] = Counter()
        unclaimed: set[str] = set()

        async def all_seen() -> bool:
            keys = await keys_of(look.nc, "osapi-job-queue")
            seen.update(_statuses(keys))
            told = {key.split(".")[1] for key in keys if key.startswith("status.")}
            unclaimed.update({key.split(".")[1] for key in keys if key.startswith("jobs.")} - told)
            return seen.keys() >= {
                "submitted", "processing", "completed", "failed", "partial_failure", "skipped",
            }  # fmt: skip

        await _until(all_seen, "not every status")
        assert unclaimed
        events = Counter(
            key.split(".")[2] for key in await keys_of(look.nc, "osapi-job-queue") if key.startswith("status.")
        )
        assert events["retried"] >= 3
        assert (await look.api("STREAM.INFO.osapi-JOBS-DLQ"))["config"]["metadata"]["dead_letter_queue"] == "true"
        await _dead_letters_lead_to_their_jobs(look)
        found = await look.services()
        assert found == {"orders-api": 2, "thumbnailer": 1}


async def _dead_letters_lead_to_their_jobs(look: Look) -> None:
    """Each is the server's own advisory; the durable behind it has OSAPI's back-off."""
    state = (await look.api("STREAM.INFO.osapi-JOBS-DLQ"))["state"]
    assert state["messages"] == 2
    for sequence in (state["first_seq"], state["last_seq"]):
        kept = await look.api("STREAM.MSG.GET.osapi-JOBS-DLQ", seq=sequence)
        advisory = json.loads(base64.b64decode(kept["message"]["data"]))
        assert advisory["type"] == "io.nats.jetstream.advisory.v1.max_deliver"
        assert advisory["deliveries"] == 5
        config = (await look.api(f"CONSUMER.INFO.osapi-JOBS.{advisory['consumer']}"))["config"]
        assert config["backoff"] == BACK_OFF
        origin = await look.api("STREAM.MSG.GET.osapi-JOBS", seq=advisory["stream_seq"])
        job = base64.b64decode(origin["message"]["data"]).decode()
        assert (await look.value("osapi-job-queue", f"jobs.{job}"))["operation"]["type"] == "file.deploy"
        keys = await keys_of(look.nc, "osapi-job-queue")
        assert len([key for key in keys if key.startswith(f"status.{job}.failed.")]) == 5


async def test_a_storm_comes_over_the_fleet_and_part_of_it_recovers() -> None:
    """24 times as fast: at its worst after 5 s, half healed after 11."""
    storm = Demo(agents=9, rate=20.0, scenario="storm", seed=5, speed=24.0)
    async with storm as demo, _looking(demo.nats_url) as look:
        queue = "STREAM.INFO.KV_osapi-job-queue"
        limit = (await look.api(queue))["config"]["max_bytes"]
        fewest: Counter[str] = Counter({"thumbnailer": 1})
        most: Counter[str] = Counter()  # each at its worst, which need not be the same instant for all

        async def drowns() -> bool:
            nonlocal fewest, most
            fewest = min(fewest, await look.services(), key=lambda found: found["thumbnailer"])
            keys = await keys_of(look.nc, "osapi-job-queue")
            told = {key.split(".")[1] for key in keys if key.startswith("status.")}
            unclaimed = {key.split(".")[1] for key in keys if key.startswith("jobs.")} - told
            now = Counter(
                unclaimed=len(unclaimed),
                failed=_statuses(keys)["failed"],
                held=(await look.api(queue))["state"]["bytes"],
            )
            most |= now
            full = most["held"] > 0.9 * limit
            return full and most["unclaimed"] >= 10 and most["failed"] >= 10 and not fewest["thumbnailer"]

        await _until(drowns, "the storm is not there")
        assert fewest["orders-api"] == 2
        state = await keys_of(look.nc, "osapi-agent-state")
        drained = [key for key in state if key.startswith("drain.")]
        assert len(drained) == 4, "one from before, and three"

        async def recovers() -> bool:
            held = (await look.api(queue))["state"]["bytes"]
            return bool(held < 0.5 * limit and (await look.services())["thumbnailer"])

        await _until(recovers, "nothing recovers")


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
        for place, what in enumerate(("memory", "", "disk")):
            if what:
                await _pressed(look, next(step.who for step in steps if step.what == what), place)


async def _pressed(look: Look, hostname: str, place: int) -> None:
    """The condition comes with the host's next heartbeat, with its reason."""
    host = next(host for host in hosts(6, 5) if host.hostname == hostname)

    async def pressed() -> bool:
        value = await look.value("osapi-agent-registry", f"agents.{host.machine_id}")
        return bool(value["conditions"][place]["status"])

    await _until(pressed, f"no pressure on {hostname}")
    value = await look.value("osapi-agent-registry", f"agents.{host.machine_id}")
    assert re.match(r"(memory 94|/ 96)% used \(", value["conditions"][place]["reason"])
