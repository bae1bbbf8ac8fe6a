"""Sessions of gateways under every name that their fields have; what is told in another way is passed over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.model.instants import instant
from app.model.sessions import UNTOLD, SessionStatus
from app.sources import gatewaysessions as module
from app.sources.gatewaysessions import context, listed, raw_key, said, session, sessions

NOW = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)
LATELY = (NOW - timedelta(minutes=5)).timestamp()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
NAMES = sorted({*module.IDS, *module.TITLES, *module.CHANNELS, *module.MODELS, *module.LASTS, *module.USED,
                *module.MOST, *module.PERCENTS, "usage", "stats", "metrics", "origin", "status"})  # fmt: skip


def row(**raw: Any) -> Any:
    return session({"key": "k", **raw}, "main", NOW)


@pytest.mark.parametrize("name", module.IDS)
def test_ids(name: str) -> None:
    assert raw_key({name: "agent:a:main", "title": "T"}) == "agent:a:main"
    assert [*sessions([{name: "a/b:c"}], "main", NOW)] == ["main/a/b:c"]


@pytest.mark.parametrize("name", module.TITLES)
def test_titles(name: str) -> None:
    assert row(**{name: "Fix it"}).label == "Fix it"


@pytest.mark.parametrize("name", module.CHANNELS)
def test_channels(name: str) -> None:
    assert row(**{name: "slack"}).channel == "slack"
    assert row(origin={name: "slack"}).channel == "slack"


@pytest.mark.parametrize("name", module.MODELS)
def test_models(name: str) -> None:
    assert row(**{name: "opal-4"}).model == "opal-4"


@pytest.mark.parametrize("name", module.LASTS)
@pytest.mark.parametrize(
    "value", [LATELY, LATELY * 1000, str(round(LATELY * 1000)), "2026-11-22T13:55:00Z", "2026-11-22T14:55:00+01:00"]
)
def test_last_activity(name: str, value: Any) -> None:
    found = row(**{name: value})
    assert found.last == NOW - timedelta(minutes=5)
    assert found.status is SessionStatus.ACTIVE


@pytest.mark.parametrize("name", module.USED)
@pytest.mark.parametrize("part", ["", "usage", "stats", "metrics"])
def test_tokens_used(name: str, part: str) -> None:
    raw = {part: {name: 1_500}} if part else {name: 1_500}
    assert context(raw) == (1_500, None)


@pytest.mark.parametrize("name", module.MOST)
@pytest.mark.parametrize("part", ["", "usage", "stats", "metrics"])
def test_most_tokens(name: str, part: str) -> None:
    raw = {part: {name: "200000"}} if part else {name: "200000"}
    assert context({"used": 10, **raw}) == (10, 200_000)


@pytest.mark.parametrize("name", module.PERCENTS)
def test_percent(name: str) -> None:
    assert context({name: 35}) == (35, 100)
    assert context({"usage": {name: 35.4}, "max": 1_000}) == (354, 1_000)
    assert context({name: 170}) == (100, 100)
    assert context({name: 35, "used": 7, "max": 10}) == (7, 10)  # what is counted goes before what is reckoned


def test_the_first_that_says_something_counts() -> None:
    found = row(label="  ", name="", title="T", channel=None, source="cli", model=7, engine="e")
    assert (found.label, found.channel, found.model) == ("T", "cli", "e")
    assert row(updated_at="soon", createdAt=LATELY).last == NOW - timedelta(minutes=5)


def test_what_is_not_told_stays_empty() -> None:
    found = row()
    assert (found.last, found.began, found.agent, found.context_used) == (UNTOLD, UNTOLD, "", None)
    assert (found.label, found.status) == ("k", SessionStatus.IDLE)


def test_whose_it_is() -> None:
    assert session({"key": "agent:mc-7:main"}, "main", NOW).agent == "mc-7"
    assert session({"key": "agent:mc-7:main", "agentId": "own"}, "main", NOW).agent == "own"
    assert session({"key": "cron:1"}, "main", NOW).agent == ""


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        ({"status": "running"}, SessionStatus.ACTIVE),
        ({"hasActiveRun": True, "status": "failed"}, SessionStatus.ACTIVE),
        ({"status": "failed", "updatedAt": LATELY}, SessionStatus.ERROR),
        ({"status": "timeout"}, SessionStatus.ERROR),
        ({"status": "done", "updatedAt": LATELY}, SessionStatus.ACTIVE),
        ({"status": "done", "updatedAt": LATELY - 3_600}, SessionStatus.IDLE),
    ],
)
def test_how_it_stands(raw: dict[str, Any], status: SessionStatus) -> None:
    assert row(**raw).status is status


def test_a_time_to_come_is_now() -> None:
    assert row(updatedAt=LATELY + 9_000).last == NOW


def test_each_session_once_newest_first() -> None:
    found = sessions(
        [{"key": "a", "sessionId": "1", "updatedAt": LATELY - 60}, {"id": "1", "label": "again"},
         {"key": "b", "updatedAt": LATELY}, {"label": "no name"}, 7, None],
        "main", NOW,
    )  # fmt: skip
    assert [(key, raw) for key, (_, raw) in found.items()] == [("main/b", "b"), ("main/a", "a")]


@pytest.mark.parametrize(
    ("payload", "rows"),
    [({"sessions": [1]}, [1]), ([2], [2]), ({}, []), (None, []), ("x", []), ({"sessions": {"a": 1}}, [])],
)
def test_lists(payload: Any, rows: list[Any]) -> None:
    assert listed(payload) == rows
    renamed = {"messages": payload["sessions"]} if isinstance(payload, dict) and payload else payload
    assert said(renamed) == rows


@given(st.lists(st.dictionaries(st.sampled_from(NAMES) | st.text(), JSON, max_size=8) | JSON, max_size=5))
def test_whatever_a_gateway_tells_becomes_rows_that_may_be_shown(raws: list[Any]) -> None:
    for key, (found, _) in sessions(raws, "main", NOW).items():
        assert key == found.key
        assert UNTOLD <= found.last <= NOW
        assert found.cost >= 0
        for text in (found.key, found.label, found.channel, found.model, found.agent):
            assert text.isprintable()


@pytest.mark.parametrize(
    ("value", "at"),
    [
        (1_790_000_000, 1_790_000_000), (1_790_000_000_123, 1_790_000_000.123), ("1790000000", 1_790_000_000),
        ("2026-09-21T13:33:20", 1_789_997_600), (999_999_999, None), (0, None), (-1, None), (True, None),
        (float("nan"), None), (float("inf"), None), (1e300, None), (10**400, None), ("", None), ("soon", None),
        ("20260101", None), (None, None), ([], None), ("9999-12-31T23:59:59-23:59", None),
    ],
)  # fmt: skip
def test_instants(value: Any, at: float | None) -> None:
    found = instant(value)
    assert (found.timestamp() if found is not None else None) == at


@given(JSON)
def test_no_instant_breaks_it(value: Any) -> None:
    found = instant(value)
    assert found is None or found.tzinfo is UTC
