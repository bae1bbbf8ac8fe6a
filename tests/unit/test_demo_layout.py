"""The demo writes OSAPI's layout: names, subjects, keys and configurations as OSAPI's own processes make them."""

from __future__ import annotations

import pytest

from app.demo import layout as keys
from app.demo.layout import HOUR, MIB, MINUTE, SECOND, Layout, agent_consumers, levels, streams, verb_of
from app.demo.stamps import nano, seconds
from app.model.fleet import parse_consumer

MACHINE = "0123456789abcdef0123456789abcdef"
OSAPI = Layout("osapi")


def test_names_and_subjects_take_the_namespace_in_their_own_way() -> None:
    assert OSAPI.jobs == "osapi-JOBS"
    assert OSAPI.registry == "osapi-agent-registry"
    assert OSAPI.host_subject("query", MACHINE) == f"osapi.jobs.query.host.{MACHINE}"
    assert OSAPI.any_subject("modify") == "osapi.jobs.modify._any"
    assert OSAPI.all_subject("query") == "osapi.jobs.query._all"
    assert OSAPI.label_subject("query", "group", "web.eu") == "osapi.jobs.query.label.group.web.eu"


def test_without_a_namespace_nothing_is_put_before() -> None:
    plain = Layout("")
    assert plain.jobs == "JOBS"
    assert plain.job_queue == "job-queue"
    assert plain.any_subject("query") == "jobs.query._any"


def test_streams_and_buckets_of_the_sample_configuration() -> None:
    found = {config["name"]: config for config in streams(OSAPI, 2.0)}
    assert set(found) == {
        "osapi-JOBS",
        "osapi-JOBS-DLQ",
        "osapi-AUDIT",
        "KV_osapi-job-queue",
        "KV_osapi-job-responses",
        "KV_osapi-agent-registry",
        "KV_osapi-agent-facts",
        "KV_osapi-agent-state",
        "KV_osapi-file-state",
        "OBJ_osapi-file-objects",
    }
    jobs = found["osapi-JOBS"]
    assert (jobs["subjects"], jobs["max_age"], jobs["max_msgs"]) == (["osapi.jobs.>"], 24 * HOUR, 10_000)
    assert (jobs["discard"], jobs["retention"], jobs["storage"]) == ("old", "limits", "file")
    dead = found["osapi-JOBS-DLQ"]
    assert dead["subjects"] == ["$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.osapi-JOBS.*"]
    assert dead["metadata"]["dead_letter_queue"] == "true"
    registry = found["KV_osapi-agent-registry"]
    assert (registry["max_age"], registry["max_msgs_per_subject"], registry["discard"]) == (30 * SECOND, 1, "new")
    assert registry["subjects"] == ["$KV.osapi-agent-registry.>"]
    queue = found["KV_osapi-job-queue"]
    assert (queue["max_age"], queue["max_bytes"]) == (HOUR, 100 * MIB)
    assert found["KV_osapi-agent-facts"]["max_age"] == 5 * MINUTE
    assert found["KV_osapi-agent-state"]["max_age"] == 0


def test_a_faster_demo_gets_a_larger_job_queue() -> None:
    assert keys.job_queue_bytes(2.0) == 100 * MIB
    assert keys.job_queue_bytes(20.0) > 300 * MIB


def test_an_agent_owns_six_consumers_and_two_for_each_level_of_its_labels() -> None:
    configs = agent_consumers(OSAPI, MACHINE, {"group": "web.eu"})
    by_name = {config["name"]: config["filter_subject"] for config in configs}
    assert len(configs) == len(by_name) == 10
    assert by_name[f"jobs-agent_query_any_{MACHINE}"] == "osapi.jobs.query._any"
    assert by_name[f"jobs-agent_modify_all_{MACHINE}"] == "osapi.jobs.modify._all"
    assert by_name[f"jobs-agent_query_direct_{MACHINE}"] == f"osapi.jobs.query.host.{MACHINE}"
    assert by_name[f"jobs-agent_query_label_group_web_{MACHINE}"] == "osapi.jobs.query.label.group.web"
    assert by_name[f"jobs-agent_modify_label_group_web_eu_{MACHINE}"] == "osapi.jobs.modify.label.group.web.eu"


def test_consumers_have_the_settings_of_the_sample_configuration() -> None:
    for config in agent_consumers(OSAPI, MACHINE, {}):
        assert config["durable_name"] == config["name"]
        assert (config["ack_policy"], config["deliver_policy"], config["replay_policy"]) == (
            "explicit",
            "all",
            "instant",
        )
        assert (config["max_deliver"], config["ack_wait"], config["max_ack_pending"]) == (5, 2 * MINUTE, 1000)
        assert config["backoff"] == [30 * SECOND, 2 * MINUTE, 5 * MINUTE, 15 * MINUTE, 30 * MINUTE]


def test_the_deck_reads_the_consumers_names() -> None:
    for config in agent_consumers(OSAPI, MACHINE, {"group": "web.eu"}):
        parsed = parse_consumer(config["name"])
        assert parsed is not None
        assert parsed.machine == MACHINE


def test_keys_sanitise_as_osapi_does() -> None:
    uuid = "00000000-0000-4000-8000-000000000000"
    assert keys.agent_key("AB-12") == "agents.AB_12"
    assert keys.facts_key("AB-12") == "facts.AB_12"
    assert keys.drain_key("AB-12") == "drain.AB-12"
    assert keys.timeline_key("web-01.example", "drain", 5) == "timeline.web_01_example.drain.5"
    assert keys.status_key(uuid, "started", "web-01.example", 7) == f"status.{uuid}.started.web-01_example.7"
    assert keys.response_key(uuid, "web-01", 7) == f"responses.{uuid}.web-01.7"


@pytest.mark.parametrize(
    ("operation", "verb"),
    [
        ("node.disk.get", "query"),
        ("node.shutdown", "query"),
        ("network.ping.do", "query"),
        ("service.status", "query"),
        ("file.deploy", "modify"),
        ("network.dns.update", "modify"),
    ],
)
def test_the_verb_follows_from_the_operation(operation: str, verb: str) -> None:
    assert verb_of(operation) == verb


def test_label_levels_are_prefixes_by_segment() -> None:
    assert list(levels({"group": "web.dev.eu", "tier": "prod"})) == [
        ("group", "web"),
        ("group", "web.dev"),
        ("group", "web.dev.eu"),
        ("tier", "prod"),
    ]


def test_time_stamps_are_written_as_go_writes_them() -> None:
    at = 1_700_000_000 * SECOND
    assert nano(at) == "2023-11-14T22:13:20Z"
    assert nano(at + 120_000_000) == "2023-11-14T22:13:20.12Z"
    assert nano(at + 1) == "2023-11-14T22:13:20.000000001Z"
    assert seconds(at + 999_999_999) == "2023-11-14T22:13:20Z"
