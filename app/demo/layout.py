"""OSAPI's layout on NATS, as its agents and its controller write it: names, subjects, keys and configurations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from app.model.fleet import sanitise_host, sanitise_key
from app.settings import NameSettings

Config: TypeAlias = dict[str, Any]
"""A configuration as the JetStream API takes it: durations in nanoseconds."""

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 3600 * SECOND
MIB = 1 << 20
MARK = {"watchdeck.demo": "1"}
"""Metadata of the streams that a simulation made, so that it never takes another's for its own."""
CONSUMER_PREFIX = "jobs-agent_"
BACK_OFF_SOON = [3 * SECOND, 4 * SECOND, 6 * SECOND, 8 * SECOND, 10 * SECOND]
"""Of a scenario that needs dead letters within a minute."""
BACK_OFF = [30 * SECOND, 2 * MINUTE, 5 * MINUTE, 15 * MINUTE, 30 * MINUTE]
VERBS = ("query", "modify")
_QUERIES = (".get", ".query", ".read", ".status", ".do")


def verb_of(operation: str) -> str:
    """`query` or `modify`, as OSAPI chooses it by the operation's type."""
    return "query" if operation.startswith("node.") or operation.endswith(_QUERIES) else "modify"


def levels(labels: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Each label's key with each of its prefixes: `group=web.eu` gives `web` and `web.eu`."""
    for key, value in labels.items():
        parts = value.split(".")
        for count in range(1, len(parts) + 1):
            yield key, ".".join(parts[:count])


@dataclass(frozen=True, slots=True)
class Layout:
    """Names under a namespace: `osapi` gives stream `osapi-JOBS` and subjects `osapi.jobs.…`; empty gives none."""

    namespace: str
    names: NameSettings = field(default_factory=NameSettings)

    def infra(self, name: str) -> str:
        return f"{self.namespace}-{name}" if self.namespace else name

    def subject(self, subject: str) -> str:
        return f"{self.namespace}.{subject}" if self.namespace else subject

    @property
    def jobs(self) -> str:
        return self.infra(self.names.jobs_stream)

    @property
    def dead_letters(self) -> str:
        return self.infra(self.names.dlq_stream)

    @property
    def audit(self) -> str:
        return self.infra("AUDIT")

    @property
    def job_queue(self) -> str:
        return self.infra(self.names.job_queue)

    @property
    def registry(self) -> str:
        return self.infra(self.names.registry)

    @property
    def facts(self) -> str:
        return self.infra(self.names.facts)

    @property
    def state(self) -> str:
        return self.infra(self.names.state)

    @property
    def file_objects(self) -> str:
        return self.infra(self.names.file_objects)

    def any_subject(self, verb: str) -> str:
        return self.subject(f"jobs.{verb}._any")

    def all_subject(self, verb: str) -> str:
        return self.subject(f"jobs.{verb}._all")

    def host_subject(self, verb: str, machine_id: str) -> str:
        return self.subject(f"jobs.{verb}.host.{sanitise_key(machine_id)}")

    def label_subject(self, verb: str, key: str, prefix: str) -> str:
        return self.subject(f"jobs.{verb}.label.{key}.{prefix}")


def bucket(name: str, *, ttl: int = 0, max_bytes: int = -1, storage: str = "file") -> Config:
    """The stream behind a key-value bucket with a history of 1, as NATS clients make it. `ttl` in nanoseconds."""
    return {
        "name": f"KV_{name}",
        "subjects": [f"$KV.{name}.>"],
        "retention": "limits",
        "discard": "new",
        "storage": storage,
        "num_replicas": 1,
        "max_msgs_per_subject": 1,
        "max_bytes": max_bytes,
        "max_age": ttl,
        "duplicate_window": min(ttl, 2 * MINUTE) if ttl else 2 * MINUTE,
        "allow_rollup_hdrs": True,
        "deny_delete": True,
        "allow_direct": True,
        "metadata": MARK,
    }


def objects(name: str, max_bytes: int) -> Config:
    """The stream behind an object store."""
    return {
        "name": f"OBJ_{name}",
        "subjects": [f"$O.{name}.C.>", f"$O.{name}.M.>"],
        "retention": "limits",
        "discard": "new",
        "storage": "file",
        "num_replicas": 1,
        "max_bytes": max_bytes,
        "allow_rollup_hdrs": True,
        "allow_direct": True,
        "metadata": MARK,
    }


def stream(name: str, subjects: list[str], **more: object) -> Config:
    """A file stream with limits retention that drops its oldest messages when full."""
    config: Config = {
        "name": name,
        "subjects": subjects,
        "retention": "limits",
        "discard": "old",
        "storage": "file",
        "num_replicas": 1,
        "metadata": MARK,
    }
    return config | more


def job_queue_bytes(rate: float) -> int:
    """OSAPI's 100 MiB hold an hour of some 5 jobs a second; a faster demo gets a larger bucket."""
    return max(100, int(rate * 20)) * MIB


def streams(layout: Layout, rate: float) -> tuple[Config, ...]:
    """Every stream, bucket and object store of OSAPI's sample configuration; the object store 1 GiB instead of 10."""
    advisory = f"$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.{layout.jobs}.*"
    return (
        bucket(layout.registry, ttl=30 * SECOND),
        stream(layout.jobs, [layout.subject("jobs.>")], max_age=24 * HOUR, max_msgs=10_000),
        stream(
            layout.dead_letters,
            [advisory],
            max_age=168 * HOUR,
            max_msgs=1000,
            metadata={"dead_letter_queue": "true"} | MARK,
        ),
        stream(layout.audit, [layout.subject("audit.>")], max_age=720 * HOUR, max_bytes=50 * MIB),
        bucket(layout.job_queue, ttl=HOUR, max_bytes=job_queue_bytes(rate)),
        bucket(layout.infra("job-responses"), ttl=HOUR, max_bytes=100 * MIB),
        bucket(layout.facts, ttl=5 * MINUTE),
        bucket(layout.state),
        bucket(layout.infra("file-state")),
        objects(layout.file_objects, 1024 * MIB),
    )


def agent_consumers(
    layout: Layout, machine_id: str, labels: Mapping[str, str], back_off: Sequence[int] = BACK_OFF
) -> tuple[Config, ...]:
    """An agent's durables on the jobs stream: 6, and 2 for each level of each label. `back_off` in nanoseconds."""
    machine = sanitise_key(machine_id)
    found = []
    for verb in VERBS:
        found += [
            (f"{verb}_any_{machine}", layout.any_subject(verb)),
            (f"{verb}_all_{machine}", layout.all_subject(verb)),
            (f"{verb}_direct_{machine}", layout.host_subject(verb, machine_id)),
        ]
        for key, prefix in levels(labels):
            name = f"{verb}_label_{key}_{sanitise_key(prefix)}_{machine}"
            found.append((name, layout.label_subject(verb, key, prefix)))
    return tuple(_job_consumer(CONSUMER_PREFIX + name, subject, back_off) for name, subject in found)


def _job_consumer(name: str, filter_subject: str, back_off: Sequence[int]) -> Config:
    return durable(
        name,
        filter_subject=filter_subject,
        ack_wait=2 * MINUTE,
        max_deliver=5,
        backoff=list(back_off),
        max_ack_pending=1000,
    )


def durable(name: str, **more: object) -> Config:
    """A durable pull consumer with explicit acknowledgement that delivers all."""
    config: Config = {
        "name": name,
        "durable_name": name,
        "deliver_policy": "all",
        "ack_policy": "explicit",
        "replay_policy": "instant",
        "ack_wait": 30 * SECOND,
        "max_deliver": -1,
    }
    return config | more


# keys


def agent_key(machine_id: str) -> str:
    return f"agents.{sanitise_key(machine_id)}"


def facts_key(machine_id: str) -> str:
    return f"facts.{sanitise_key(machine_id)}"


def drain_key(machine_id: str) -> str:
    """With the machine id as it is: OSAPI does not sanitise this one."""
    return f"drain.{machine_id}"


def timeline_key(hostname: str, event: str, nanoseconds: int) -> str:
    return f"timeline.{sanitise_key(hostname)}.{event}.{nanoseconds}"


def job_key(job_id: str) -> str:
    return f"jobs.{job_id}"


def status_key(job_id: str, event: str, hostname: str, nanoseconds: int) -> str:
    return f"status.{job_id}.{event}.{sanitise_host(hostname)}.{nanoseconds}"


def response_key(job_id: str, hostname: str, nanoseconds: int) -> str:
    return f"responses.{job_id}.{sanitise_host(hostname)}.{nanoseconds}"
