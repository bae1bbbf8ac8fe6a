"""Values of the job queue and payloads of dead letters, good and bad."""

from __future__ import annotations

import base64
import contextlib
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.sources.agentwire import Unreadable
from app.sources.jobwire import dead_advisory, event_value, job_id, job_value, operation_data, response_value, unwrapped


def test_a_job() -> None:
    value = {"id": "j", "created": "2026-11-22T14:00:00+01:00", "subject": "osapi.jobs.query.host.4f2a"}
    value |= {"operation": {"type": "node.disk.get", "data": {"a": 1}}, "something": ["new"]}
    job = job_value(json.dumps(value).encode())
    assert job.created == datetime(2026, 11, 22, 13, 0, tzinfo=UTC)
    assert (job.operation, job.verb, job.target, job.retry_of) == ("node.disk.get", "query", "4f2a", "")
    value["status_history"] = [{"status": "retried", "retried_from": "old"}]
    assert job_value(json.dumps(value).encode()).retry_of == "old"
    value["status_history"] = {"another": "shape"}
    assert job_value(json.dumps(value).encode()).retry_of == ""


def test_an_envelope_is_opened_only_when_whole() -> None:
    body = b'{"created": "2026-11-22T14:00:00Z"}'
    envelope = {"payload": base64.b64encode(body).decode(), "signature": "c2ln", "fingerprint": "ab"}
    assert unwrapped(json.dumps(envelope).encode()) == body
    assert job_value(json.dumps(envelope).encode()).created is not None
    for part in envelope:
        assert job_value(json.dumps(envelope | {part: ""}).encode()).created is None
    assert unwrapped(json.dumps(envelope | {"payload": "%%%"}).encode()) != body


def test_an_event_without_a_usable_time_is_passed_over() -> None:
    with pytest.raises(Unreadable):
        event_value(b'{"event": "failed", "hostname": "web", "timestamp": "yesterday"}')
    event = event_value(
        b'{"event":"failed","hostname":"web","timestamp":"2026-11-22T14:00:00.5Z","data":{"error":"x\\u001b[2J"}}'
    )
    assert (event.event, event.host, event.error) == ("failed", "web", "x")
    odd = event_value(b'{"event":"failed","timestamp":"2026-11-22T14:00:00Z","data":[1]}')
    assert odd.error == ""


def test_a_response_hides_secrets() -> None:
    response = response_value(
        b'{"status":"completed","hostname":"web","timestamp":"2026-11-22T14:00:00Z","changed":true,'
        b'"data":{"user":"ana","password":"s3cret","deep":[{"apiToken":"t0"}]}}'
    )
    assert response.changed is True
    assert "s3cret" not in response.data
    assert "t0" not in response.data
    assert '"user":"ana"' in response.data
    long = response_value(json.dumps({"data": "x" * 10_000}).encode())
    assert len(long.data) == 4096


def test_advisories() -> None:
    value = {"type": "io.nats.jetstream.advisory.v1.max_deliver", "stream": "S", "consumer": "c", "stream_seq": 7}
    told = dead_advisory(json.dumps(value | {"deliveries": 5}).encode())
    assert told is not None
    assert (told.terminated, told.stream, told.consumer, told.sequence, told.deliveries) == (False, "S", "c", 7, 5)
    value["type"] = "io.nats.jetstream.advisory.v1.terminated"
    told = dead_advisory(json.dumps(value | {"reason": "bad order"}).encode())
    assert told is not None
    assert told.terminated
    assert told.reason == "bad order"
    value["type"] = "io.nats.jetstream.advisory.v1.stream_action"
    assert dead_advisory(json.dumps(value).encode()) is None
    assert dead_advisory(b"an order") is None
    assert dead_advisory(b'{"type": "io.nats.jetstream.advisory.v1.max_deliver"}') is None


def test_job_ids() -> None:
    assert job_id(b"00000001-0000-4000-8000-00000000beef") == "00000001-0000-4000-8000-00000000beef"
    for payload in (b"", b"x" * 101, b"\xff\xfe", b"a b", b"a.b", b">", b"a\x1b[2Jb"):
        assert job_id(payload) == ""


@given(
    st.one_of(
        st.binary(max_size=200),
        st.recursive(st.none() | st.text() | st.floats(), st.lists).map(lambda value: json.dumps(value).encode()),
    )
)
def test_nothing_but_unreadable_is_raised(value: bytes) -> None:
    for read in (job_value, event_value, response_value, operation_data):
        with contextlib.suppress(Unreadable):
            read(value)
    dead_advisory(b'"io.nats.jetstream.advisory"' + value)
    job_id(value)


def test_deep_values() -> None:
    deep = b'{"operation": {"type": "x", "data": ' + b"[" * 5000 + b"]" * 5000 + b"}}"
    with contextlib.suppress(Unreadable):
        operation_data(deep)
