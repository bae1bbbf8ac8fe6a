"""A small fleet as OSAPI leaves it on NATS: every key, value and message, and what each job must come out as.

There is one job of each status that OSAPI derives, by the names of its keys (health summary, list) and by the values
of its events (detail).
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from nats.aio.client import Client

from app.demo.layout import Layout, agent_consumers, streams
from app.model.fleet import sanitise_host, sanitise_key

SECOND = 1_000_000_000
HOSTS = {
    "web-01": "4f2a9c1e0b7d4a55a1b2c3d4e5f60718",
    "web-02": "5a1b2c3d4e5f607184f2a9c1e0b7d4a5",
    "db-01.example.com": "607184f2a9c1e0b7d4a55a1b2c3d4e5f",
}
LABELS = {"web-01": "web.dev.us-east", "web-02": "web.dev.eu-west", "db-01.example.com": "db.dev.us-east"}
GONE = "00000000000000000000000000000bad"  # its consumers are left, it is not


@dataclass(frozen=True)
class Case:
    """What a job must come out as. `by_values`: in its detail."""

    id: str
    by_names: str
    by_values: str
    counted: bool = True
    deleted: bool = False


@dataclass
class OsapiData:
    """What is written, in this order. Times are `start` (nanoseconds) and some seconds after it."""

    start: int
    namespace: str = "osapi"
    job_queue: list[tuple[str, bytes | None]] = field(default_factory=list)  # None: the key is deleted
    registry: list[tuple[str, bytes]] = field(default_factory=list)
    messages: list[tuple[str, bytes]] = field(default_factory=list)  # on the job stream
    dead: list[tuple[str, bytes]] = field(default_factory=list)  # advisories
    cases: dict[str, Case] = field(default_factory=dict)

    @property
    def layout(self) -> Layout:
        return Layout(self.namespace)

    def at(self, seconds: float) -> int:
        return self.start + int(seconds * SECOND)

    # --- one job

    def job(self, name: str, by: tuple[str, str], target: str, operation: str = "node.disk.get", **more: Any) -> str:
        """Writes `jobs.<id>` and its notification; returns the id."""
        number = len(self.cases) + 1
        id_ = f"{number:08x}-0000-4000-8000-00000000beef"
        self.cases[name] = Case(id_, *by, counted=more.pop("counted", True), deleted=more.pop("deleted", False))
        verb = "query" if operation.startswith("node.") else "modify"
        subject = self.layout.subject(f"jobs.{verb}.{target}")
        value = {
            "id": id_,
            "status": "unprocessed",
            "created": iso(self.at(number), 0),
            "subject": subject,
            "operation": {"type": operation, "data": {"path": "/var", "api_key": "k1ll"}},
        }
        signed = more.pop("signed", False)
        self.job_queue.append((f"jobs.{id_}", encoded(value | more, signed)))
        self.messages.append((subject, id_.encode()))
        return id_

    def event(self, id_: str, event: str, host: str, seconds: float, *, signed: bool = False, **data: Any) -> None:
        now = self.at(seconds)
        value: dict[str, Any] = {"job_id": id_, "event": event, "hostname": host, "timestamp": iso(now, 9)}
        value["unix_nano"] = now
        if data:
            value["data"] = data
        self.job_queue.append((f"status.{id_}.{event}.{sanitise_host(host)}.{now}", encoded(value, signed)))

    def response(self, id_: str, host: str, seconds: float, status: str, **more: Any) -> None:
        now = self.at(seconds)
        value = {"job_id": "", "status": status, "hostname": host, "timestamp": iso(now, 9)} | more
        self.job_queue.append((f"responses.{id_}.{sanitise_host(host)}.{now}", encoded(value)))

    def run(self, id_: str, host: str, began: float, end: str = "", error: str = "", signed: bool = False) -> None:
        """An agent's way with one delivery, from the acknowledgement on; without an end it is still at it."""
        subject = {"subject": "x", "category": "node", "operation": "node.disk.get"}
        self.event(id_, "acknowledged", host, began, signed=signed, **subject)
        self.event(id_, "started", host, began + 0.5, signed=signed, agent_version="", pid=7)
        if end == "completed":
            self.response(id_, host, began + 1.9, end, data={"used": 7, "password": "s3cret"}, changed=False)
            self.event(id_, end, host, began + 2, signed=signed, duration_ms=1500, result_size=10)
        elif end:
            self.response(id_, host, began + 1.9, end, error=error)
            self.event(id_, end, host, began + 2, signed=signed, error=error, duration_ms=1500)

    # --- onto a server

    async def write(self, client: Client) -> None:
        """Makes streams, buckets and consumers, and writes everything."""
        js, layout = client.jetstream(), self.layout
        for config in streams(layout, rate=1.0):
            answer = await client.request(f"$JS.API.STREAM.CREATE.{config['name']}", json.dumps(config).encode())
            assert b'"error"' not in answer.data, answer.data
        await self.beat(client)
        queue = await js.key_value(layout.job_queue)
        for key, entry in self.job_queue:
            await (queue.delete(key) if entry is None else queue.put(key, entry))
        for subject, payload in (*self.messages, *self.dead):
            await js.publish(subject, payload)
        for config in agent_consumers(layout, GONE, {}):
            body = json.dumps({"stream_name": layout.jobs, "config": config}).encode()
            await client.request(f"$JS.API.CONSUMER.CREATE.{layout.jobs}.{config['name']}", body)

    async def beat(self, client: Client) -> None:
        """A heartbeat of every agent that is there."""
        for key, value in self.registry:
            await client.jetstream().publish(f"$KV.{self.layout.registry}.{key}", value)

    @property
    def summary(self) -> dict[str, int]:
        """OSAPI's health summary of these jobs."""
        counted = [case.by_names for case in self.cases.values() if case.counted]
        words = ("submitted", "processing", "completed", "failed", "partial_failure", "skipped")
        return {"total": len(counted)} | {word: counted.count(word) for word in words}


def iso(nanoseconds: int, digits: int) -> str:
    """As Go writes a time: to the second, or with nine digits."""
    text = datetime.fromtimestamp(nanoseconds // SECOND, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return text + (f".{nanoseconds % SECOND:09d}" if digits else "") + "Z"


def encoded(value: dict[str, Any], signed: bool = False) -> bytes:
    body = json.dumps(value).encode()
    if not signed:
        return body
    payload = base64.b64encode(body).decode()
    return json.dumps({"payload": payload, "signature": "c2lnbmVk", "fingerprint": "ab:cd"}).encode()


def advisory(data: OsapiData, consumer: str, sequence: int, kind: str = "max_deliver") -> tuple[str, bytes]:
    """Subject and payload of what the server says when it gives a message up."""
    value = {
        "type": f"io.nats.jetstream.advisory.v1.{kind}",
        "id": "V8gUTXiLIdX2tQ5Lhd4aHd",
        "timestamp": iso(data.at(60), 9),
        "stream": data.layout.jobs,
        "consumer": consumer,
        "stream_seq": sequence,
        "deliveries": 5,
    }
    token = "MAX_DELIVERIES" if kind == "max_deliver" else "MSG_TERMINATED"
    return f"$JS.EVENT.ADVISORY.CONSUMER.{token}.{data.layout.jobs}.{consumer}", json.dumps(value).encode()


def registration(host: str, now: int) -> bytes:
    full = host == "web-02"
    value = {
        "machine_id": HOSTS[host],
        "hostname": host,
        "labels": {"group": LABELS[host]},
        "registered_at": iso(now, 9),
        "started_at": iso(now - 3600 * SECOND, 9),
        "conditions": [
            {"type": "DiskPressure", "status": full, "last_transition_time": iso(now, 0)}
            | ({"reason": "/var 95% used (95.0/100.0 GB)"} if full else {})
        ],
        "state": "Ready",
    }
    return json.dumps(value).encode()


def same(status: str) -> tuple[str, str]:
    return status, status


def dataset(start: int, namespace: str = "osapi") -> OsapiData:
    """The whole set, with times from `start` (nanoseconds) on."""
    data = OsapiData(start, namespace)
    web1, web2, db1 = HOSTS
    machine = f"host.{HOSTS[web1]}"
    data.registry = [(f"agents.{HOSTS[host]}", registration(host, start)) for host in HOSTS]

    data.job("unclaimed", same("submitted"), machine, counted=False)
    data.run(data.job("acknowledged", same("processing"), machine), web1, 10)
    del data.job_queue[-1]  # it has not started yet
    data.run(data.job("started", same("processing"), "_any"), web1, 20)
    data.run(data.job("completed", same("completed"), machine), web1, 30, "completed")
    data.run(data.job("failed", same("failed"), machine), web1, 40, "failed", "timeout")
    again = data.job("failed then completed", same("completed"), machine)
    data.run(again, web1, 50, "failed", "connection refused")
    data.run(again, web1, 80, "completed")
    later = data.job("failed then started", same("failed"), machine)
    data.run(later, web1, 51, "failed", "timeout")
    data.run(later, web1, 81)
    partial = data.job("partial", same("partial_failure"), "label.group.web")
    data.run(partial, web1, 60, "completed")
    data.run(partial, web2, 61, "failed", "exit status 1")
    data.run(data.job("skipped", same("skipped"), "_any", "sysctl.update"), db1, 62, "skipped", "unsupported OS family")
    mixed = data.job("skipped and completed", same("completed"), "_all", "file.deploy")
    data.run(mixed, db1, 63, "skipped", "unsupported OS family")
    data.run(mixed, web1, 64, "completed")
    both = data.job("skipped and failed", same("failed"), "_all", "file.deploy")
    data.run(both, db1, 65, "skipped", "unsupported OS family")
    data.run(both, web2, 66, "failed", "exit status 2")
    half = data.job("one still at it", same("processing"), "_all")
    data.run(half, web1, 67, "completed")
    data.run(half, web2, 68)
    orphan = data.job("deleted", same("completed"), machine, deleted=True)
    data.run(orphan, web1, 69, "completed")
    data.job_queue.append((f"jobs.{orphan}", None))
    signed = data.job("signed", same("failed"), machine, signed=True)
    data.run(signed, web1, 70, "failed", "no space left on device", signed=True)
    old = data.job("retried", same("failed"), machine)
    data.run(old, web1, 71, "failed", "timeout")
    new = data.job("repeats it", same("submitted"), "_any", status_history=[{"status": "retried", "retried_from": old}])
    data.event(new, "submitted", "_api", 90, target_hostname="_any", operation_type="node.disk.get")
    data.event(old, "retried", "_api", 91, new_job_id=new, target_hostname="_any")
    # A host's own `retried` is done by its name, and by its value nothing that an agent ends with.
    odd = data.job("retried by a host", ("completed", "submitted"), machine)
    data.event(odd, "retried", web1, 92, new_job_id="")
    data.job("unknown event", same("submitted"), machine)
    data.event(data.cases["unknown event"].id, "teleported", web1, 93)

    consumer = f"jobs-agent_query_direct_{sanitise_key(HOSTS[web1])}"
    failed_at = list(data.cases).index("failed") + 1
    data.dead = [
        advisory(data, consumer, failed_at),
        advisory(data, f"jobs-agent_query_any_{GONE}", 900),
    ]
    return data
