"""Services made of answers on $SRV: rates between two askings, restarts, instances that went."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from app.model.health import Health
from app.sources import instances
from app.sources.instances import MISSES, Instances
from app.sources.srv import Told, read
from tests.literals import NOW


def stats(id: str = "A1", service: str = "pricing", requests: int = 0, errors: int = 0, **changed: Any) -> bytes:
    value = {
        "type": "io.nats.micro.v1.stats_response",
        "name": service,
        "id": id,
        "version": "1.0.0",
        "started": "2026-11-22T10:00:00Z",
        "endpoints": [
            {
                "name": "quote",
                "subject": "pricing.quote",
                "queue_group": "q",
                "num_requests": requests,
                "num_errors": errors,
                "processing_time": requests * 2_000_000,
                "average_processing_time": 2_000_000,
                "last_error": "422: no SKU" if errors else "",
            }
        ],
        **changed,
    }
    return json.dumps(value).encode()


def told(*args: Any, **changed: Any) -> Told:
    answer = read(stats(*args, **changed))
    assert answer is not None
    return answer


def at(asking: int) -> datetime:
    return NOW + timedelta(seconds=10 * asking)


def test_rates_are_differences_of_two_askings() -> None:
    known = Instances()
    known.take([told(requests=1000, errors=1), told("B2", requests=50)], at(0))
    first = known.services()["pricing"]
    assert (first.requests, first.errors, first.mean, len(first.instances)) == (None, None, None, 2)
    known.take([told(requests=1100, errors=11), told("B2", requests=150)], at(1))
    service = known.services()["pricing"]
    assert (service.requests, service.errors, service.mean) == (20.0, 0.05, 0.002)
    assert service.last_error == "422: no SKU"
    row = known.components()["service:pricing"]
    assert (row.state, row.health, row.latency, row.requests) == ("up 2", Health.OK, 0.002, 20.0)


def test_an_instance_that_began_anew_counts_from_nothing() -> None:
    known = Instances()
    known.take([told(requests=1000)], at(0))
    known.take([told(requests=30, started="2026-11-22T14:05:33Z")], at(1))
    assert known.services()["pricing"].requests == 3.0
    known.take([told(requests=10, started="2026-11-22T14:05:33Z")], at(2))  # or says so in no other way
    assert known.services()["pricing"].requests == 1.0


def test_an_instance_that_answers_no_more_is_missed_then_gone() -> None:
    known = Instances()
    known.take([told(), told("B2")], at(0))
    known.take([told()], at(1))
    seen = {one.id: one.seen for one in known.services()["pricing"].instances}
    assert seen == {"A1": None, "B2": at(0)}
    for asking in range(2, MISSES + 1):
        known.take([told()], at(asking))
    assert [one.id for one in known.services()["pricing"].instances] == ["A1"]
    assert known.components()["service:pricing"].state == "up 1"


def test_a_service_is_gone_since_its_last_answer_comes_back_and_is_forgotten_after_a_day() -> None:
    known = Instances()
    known.take([told()], at(0))
    for asking in range(1, MISSES + 1):
        assert known.services()["pricing"].gone_since is None
        known.take([], at(asking))
    gone = known.services()["pricing"]
    assert (gone.gone_since, gone.instances, gone.version) == (at(0), (), "1.0.0")
    row = known.components()["service:pricing"]
    assert (row.state, row.health, row.reason, row.since) == ("gone", Health.WARN, "no instance answers", at(0))
    known.take([told("C3")], at(9))
    assert known.services()["pricing"].gone_since is None
    assert known.components()["service:pricing"].state == "up 1"
    for asking in range(10, 10 + MISSES):
        known.take([], at(asking))
    known.take([], at(9) + timedelta(hours=24, seconds=1))
    assert known.services() == {}
    assert known.components() == {}


def test_services_that_do_nothing_stay_the_same_objects() -> None:
    known = Instances()
    known.take([told(requests=5)], at(0))
    known.take([told(requests=5)], at(1))
    service, row = known.services()["pricing"], known.components()["service:pricing"]
    known.take([told(requests=5)], at(2))
    assert known.services()["pricing"] is service
    assert known.components()["service:pricing"] is row


def test_too_many_are_left_out_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instances, "MOST_INSTANCES", 3)
    monkeypatch.setattr(instances, "MOST_SERVICES", 2)
    known = Instances()
    known.take([told("A", "one"), told("B", "two"), told("C", "three"), told("D", "one"), told("E", "one")], at(0))
    assert set(known.services()) == {"one", "two"}
    assert known.left_out == 2
    known.take([told("A", "one")], at(1))
    assert known.left_out == 0


def test_descriptions_come_from_info_and_are_asked_for_once() -> None:
    known = Instances()
    known.take([told(), told("X", "silent")], at(0))
    assert known.undescribed
    known.describe([told(description="Prices of articles")])
    assert not known.undescribed
    known.take([told(), told("X", "silent")], at(1))
    assert known.services()["pricing"].description == "Prices of articles"
    assert known.services()["silent"].description == ""


def test_names_alone_give_no_figures() -> None:
    known = Instances()
    for asking in range(2):
        known.take([told(endpoints=None)], at(asking))
    service = known.services()["pricing"]
    assert (service.requests, service.errors, service.mean) == (None, None, None)


@pytest.mark.parametrize(
    "payload",
    [b"", b"[]", b"null", b'{"name":"x"}', b'{"id":"x","name":""}', b"\xff\xfe", b'{"name":1,"id":"x"}', b"[" * 5000],
)
def test_answers_that_are_none(payload: bytes) -> None:
    assert read(payload) is None


def test_hostile_answers_are_cleaned() -> None:
    answer = read(
        stats(
            "i\x1b[2Jd",
            "pri\x1b[31mcing",
            endpoints=[{"name": "a\x07", "num_requests": -5, "last_error": {"code": "4\x1b"}}],
        )
    )
    assert answer is not None
    texts = (answer.service, answer.id, answer.endpoints[0].name, answer.endpoints[0].last_error)
    assert all(text.isprintable() for text in texts)
    assert answer.endpoints[0].requests == 0
