from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from app.model.broker import Consumer, Stream, StreamKind, hidden
from app.model.health import Health, worst
from app.model.snapshot import Snapshot

NOW = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)
OLD = NOW - timedelta(hours=1)


@pytest.mark.parametrize(
    ("kind", "name", "label"),
    [
        (StreamKind.KV, "KV_job-queue", "job-queue"),
        (StreamKind.OBJECT, "OBJ_files", "files"),
        (StreamKind.STREAM, "KV_like", "KV_like"),
    ],
)
def test_buckets_are_named_as_people_say_them(kind: StreamKind, name: str, label: str) -> None:
    assert Stream(name, kind).label == label


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"durable": True}, False),
        ({"durable": True, "pending": 0, "created": NOW}, False),
        ({"durable": False, "created": OLD, "pending": 4}, False),
        ({"durable": False, "created": OLD, "pending": 0}, True),
        ({"durable": False, "created": NOW, "pending": 4}, True),
        ({"durable": False, "created": None, "pending": 4}, False),
        ({"durable": True, "ack_policy": "none", "idle_heartbeat": 5.0}, True),
        ({"durable": True, "ack_policy": "none"}, False),
        ({"name": "watchdeck-kv"}, True),
    ],
)
def test_hidden_consumers(fields: dict, expected: bool) -> None:
    assert hidden(Consumer("S", **{"name": "c", **fields}), NOW) is expected


def test_key_of_a_consumer_holds_both_names() -> None:
    assert Consumer("ORDERS", "billing").key == "ORDERS/billing"


def test_worst_health() -> None:
    assert worst() is Health.OK
    assert worst(Health.OK, Health.STALE, Health.UNKNOWN) is Health.UNKNOWN
    assert worst(Health.WARN, Health.CRIT, Health.UNKNOWN) is Health.CRIT


def test_glyphs_are_one_cell_and_all_different() -> None:
    for glyphs in ([state.glyph for state in Health], [state.ascii_glyph for state in Health]):
        assert len(set(glyphs)) == len(Health)
        assert all(len(glyph) == 1 for glyph in glyphs)
    assert all(state.ascii_glyph.isascii() for state in Health)


def test_sections_are_found_by_name_only() -> None:
    assert Snapshot().section("streams") == {}
    with pytest.raises(KeyError):
        Snapshot().section("at")
