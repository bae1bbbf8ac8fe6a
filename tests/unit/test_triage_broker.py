"""Rules about the connection, our sources and streams."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app.model.broker import Cause, Connection, LinkState, SourceLag, StreamKind
from app.model.findings import Finding, Severity
from app.model.snapshot import SourceStatus
from tests.scene import START, Scene

UNREACHABLE = "nats.unreachable|nats"
CREDENTIALS = "nats.credentials|nats"
REJECTING = "stream.rejecting|KV_job-queue"


@pytest.fixture
def scene() -> Scene:
    return Scene()


# -- nats.unreachable -----------------------------------------------------------------------------------------------


def test_unreachable_in_its_words(scene: Scene) -> None:
    scene.disconnect(cause=Cause.REFUSED, servers=3, error="nats-1 refuses the connection")
    assert not scene.run(4)
    finding = scene.run(38)[UNREACHABLE]
    assert finding.what == "unreachable 40s: connection refused (3 of 3 servers)"
    assert finding.severity is Severity.CRIT
    assert finding.since == START
    assert finding.detail == "nats-1 refuses the connection"


def test_unreachable_on_the_first_look(scene: Scene) -> None:
    scene.connection = Connection(LinkState.DOWN, since=scene.ago(60), cause=Cause.UNKNOWN_HOST)
    assert scene.look()[UNREACHABLE].what == "unreachable 1m: host not known"


def test_a_short_reconnect_is_no_news(scene: Scene) -> None:
    scene.look()
    scene.disconnect()
    scene.run(4)
    scene.reconnect()
    assert scene.quiet(60)


def test_unreachable_clears_five_seconds_after_the_connection_is_back(scene: Scene) -> None:
    scene.disconnect(cause=Cause.REFUSED)
    scene.run(20)
    scene.reconnect()
    assert UNREACHABLE in scene.run(4)
    assert not scene.run(5)


# -- nats.credentials -----------------------------------------------------------------------------------------------


def test_refused_is_said_once(scene: Scene) -> None:
    scene.disconnect(cause=Cause.EXPIRED, credentials_expire=scene.ago(days=2))
    findings = scene.run(30)
    assert set(findings) == {CREDENTIALS, *(name for name in findings if name.startswith("facts.stale"))}
    assert findings[CREDENTIALS].what == "credentials refused: user JWT expired 2d ago"
    assert findings[CREDENTIALS].severity is Severity.CRIT


def test_wrong_password(scene: Scene) -> None:
    scene.disconnect(cause=Cause.AUTHORIZATION)
    assert scene.look()[CREDENTIALS].what == "credentials refused: authorization violation"


@pytest.mark.parametrize(
    ("days", "severity", "what"),
    [
        (5.01, Severity.WARN, "credentials expire in 5d (2026-11-27)"),
        (0.5, Severity.CRIT, "credentials expire in 12h (2026-11-23)"),
        (-0.5, Severity.CRIT, "credentials expired 12h ago: no reconnect"),
    ],
)
def test_expiry_ahead(scene: Scene, days: float, severity: Severity, what: str) -> None:
    scene.connection = Connection(LinkState.CONNECTED, since=START, credentials_expire=scene.ago(days=-days))
    finding = scene.look()[CREDENTIALS]
    assert (finding.severity, finding.what) == (severity, what)


def test_silent_with_more_than_a_week_left_or_no_expiry(scene: Scene) -> None:
    scene.connection = Connection(LinkState.CONNECTED, since=START, credentials_expire=scene.ago(days=-8))
    assert scene.quiet(5)
    scene.connection = Connection(LinkState.CONNECTED, since=START)
    assert scene.quiet(5)


# -- facts.stale ----------------------------------------------------------------------------------------------------


def test_stale_facts_in_their_words(scene: Scene) -> None:
    scene.look()
    scene.statuses["consumers"] = SourceStatus.FAILED
    scene.errors["consumers"] = "list times out"
    assert not scene.run(10)
    finding = scene.run(32)["facts.stale|consumers"]
    assert finding.what == "consumer facts 40s old: list times out"
    assert finding.severity is Severity.WARN
    assert finding.refs == ("source:consumers",)
    scene.statuses["consumers"] = SourceStatus.OK
    assert not scene.look(1)


def test_stale_counts_the_sources_own_interval(scene: Scene) -> None:
    """A rotated source is not late before three of its planned sweeps."""
    scene.intervals["consumers"] = 30.0
    scene.look()
    scene.statuses["consumers"] = SourceStatus.FAILED
    assert not scene.run(88)
    assert scene.run(4)


@pytest.mark.parametrize("status", [SourceStatus.ABSENT, SourceStatus.DENIED])
def test_silent_for_what_is_not_there_or_not_permitted(scene: Scene, status: SourceStatus) -> None:
    scene.statuses["registry"] = status
    assert scene.quiet(120, 5)


def test_a_source_that_never_answers(scene: Scene) -> None:
    scene.statuses["streams"] = SourceStatus.WAITING
    assert not scene.run(10)
    finding = scene.run(10)["facts.stale|streams"]
    assert finding.what == "no stream facts for 20s"
    assert not finding.since_exact


def test_a_worker_that_is_late_says_so_until_a_good_collection(scene: Scene) -> None:
    scene.lag = 4.0
    assert scene.quiet(5)
    scene.lag = 7.0
    finding = scene.look(7)["facts.stale|worker"]
    assert finding.severity is Severity.CRIT
    assert finding.what == "worker 7s late: its machine is overloaded or was held up"
    scene.lag = 0.0
    assert not scene.look(1)


# -- stream.rejecting -----------------------------------------------------------------------------------------------


def bucket(scene: Scene, share: float, **fields: object) -> None:
    scene.stream(
        "KV_job-queue",
        **{
            "kind": StreamKind.KV,
            "discard": "new",
            "max_bytes": 100 * 1024**2,
            "bytes": int(share * 100 * 1024**2),
            **fields,
        },
    )


def rejecting(scene: Scene, seconds: float = 11) -> Finding | None:
    return scene.run(seconds).get(REJECTING)


@pytest.mark.parametrize(("share", "severity"), [(0.905, Severity.WARN), (0.985, Severity.CRIT)])
def test_nearly_full(scene: Scene, share: float, severity: Severity) -> None:
    bucket(scene, share)
    assert scene.quiet(9)
    finding = rejecting(scene, 2)
    assert finding is not None
    assert finding.severity is severity
    assert finding.subject == "job-queue"
    assert finding.kind == "kv"
    assert finding.what == f"{int(share * 100)}% of 100M: when full, writes are rejected"


def test_full(scene: Scene) -> None:
    bucket(scene, 0.1, max_messages=1000, messages=1000)
    finding = rejecting(scene)
    assert finding is not None
    assert finding.what == "full: writes are being rejected"


def test_never_with_discard_old(scene: Scene) -> None:
    scene.stream("JOBS", discard="old", max_messages=10_000, messages=10_000)
    scene.stream("AUDIT", discard="old", max_bytes=50 * 1024**2, bytes=50 * 1024**2)
    assert scene.quiet(60, 2)


@pytest.mark.parametrize(
    "fields",
    [{"sealed": True}, {"mirror": SourceLag("ORDERS", 0, 1.0)}, {"max_bytes": -1}],
    ids=["sealed", "mirror", "no limit"],
)
def test_silent_where_nothing_can_be_rejected(scene: Scene, fields: dict[str, object]) -> None:
    bucket(scene, 1.0, **fields)
    assert scene.quiet(60, 2)


def test_each_level_is_left_below_its_own_mark(scene: Scene) -> None:
    bucket(scene, 0.985)
    rejecting(scene)
    bucket(scene, 0.955)
    kept = rejecting(scene, 60)
    assert kept is not None
    assert kept.severity is Severity.CRIT
    bucket(scene, 0.94)
    lowered = rejecting(scene, 60)
    assert lowered is not None
    assert lowered.severity is Severity.WARN
    bucket(scene, 0.86)
    assert rejecting(scene, 60) is not None
    bucket(scene, 0.84)
    assert rejecting(scene, 60) is None


def test_time_to_full(scene: Scene) -> None:
    """From 40%, 100 kB/s: full in ten minutes, long before any share is reached."""
    for second in range(60):
        bucket(scene, 0.4, bytes=40 * 1024**2 + second * 102_400)
        findings = scene.look(1)
        assert second > 28 or not findings, "no rate is judged before half a minute"
    finding = findings[REJECTING]
    assert finding.severity is Severity.CRIT
    assert finding.what == "45% of 100M, full in 9m: then writes are rejected"


@pytest.mark.parametrize(("max_age", "fires"), [(540.0, False), (7200.0, True), (45.0, True)])
def test_what_expires_before_it_is_full_is_no_finding(scene: Scene, max_age: float, fires: bool) -> None:
    """Full in ten minutes at this pace; with a shorter max_age it settles before, unless expiry is under way."""
    for second in range(62):
        size = 40 * 1024**2 + second * 102_400
        bucket(scene, 0.4, bytes=size, max_age=max_age, first_at=START - timedelta(seconds=1))
        findings = scene.look(1)
    assert (REJECTING in findings) is fires


def test_a_burst_is_no_trend(scene: Scene) -> None:
    bucket(scene, 0.1)
    assert scene.quiet(150, 2)
    for second in range(20):
        bucket(scene, 0.1, bytes=10 * 1024**2 + min(second, 3) * 100_000)
        assert not scene.look(1)
    assert scene.quiet(60, 2)


def test_growth_is_not_judged_right_after_a_reconnect(scene: Scene) -> None:
    bucket(scene, 0.1)
    scene.run(60)
    scene.disconnect()
    scene.look(3)
    scene.reconnect()
    for second in range(28):
        bucket(scene, 0.1, bytes=10 * 1024**2 + second * 1024**2)
        assert not scene.look(1)


def test_thresholds_from_the_file_are_named_in_the_evidence() -> None:
    scene = Scene(
        {"stream.rejecting": {"warn": "50%"}, "streams": {"KV_job-queue": {"stream.rejecting": {"crit": 0.6}}}}
    )
    bucket(scene, 0.62)
    finding = rejecting(scene)
    assert finding is not None
    assert finding.severity is Severity.CRIT
    assert finding.evidence[0].threshold == "50% / 60%"
    assert finding.evidence[0].source == "[thresholds]"


def test_runbook_is_the_last_step() -> None:
    scene = Scene(stream_rejecting="https://runbooks/full")
    bucket(scene, 0.99)
    finding = rejecting(scene)
    assert finding is not None
    assert finding.steps[-1].command == "https://runbooks/full"


def test_a_bucket_that_is_deleted_takes_its_finding_along(scene: Scene) -> None:
    bucket(scene, 0.99)
    assert rejecting(scene) is not None
    scene.streams.clear()
    assert not scene.look(1)


def test_without_a_time_nothing_is_judged(scene: Scene) -> None:
    from app.model.rates import History
    from app.model.snapshot import Snapshot
    from app.model.triage.judging import Triage

    assert not Triage().judge(Snapshot(), History())


def test_expiry_is_judged_by_the_servers_clock(scene: Scene) -> None:
    scene.offset = 30.0
    scene.connection = Connection(
        LinkState.CONNECTED, since=START, credentials_expire=START + timedelta(hours=24, seconds=10)
    )
    assert scene.look()[CREDENTIALS].severity is Severity.CRIT
