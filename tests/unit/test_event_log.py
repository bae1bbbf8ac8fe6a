"""The log of what has happened: what is an event and what is not, folding, and what is kept."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.model.broker import Cluster, LinkState, ServerInfo
from app.model.components import Component, ComponentKind
from app.model.events import Advisory, Event, EventKind
from app.model.findings import Finding, Severity
from app.model.fleet import Presence, TimelineEvent
from app.model.health import Health
from app.model.snapshot import Snapshot, SourceStatus
from app.worker.events import FOLD, MOST, MOST_MINOR, EventLog
from tests.literals import NOW, agent, ago, consumer, fleet, keyed, site, sources, stream


class World:
    """A log that has seen the small fleet once, and what was said since."""

    def __init__(self, **changed: Any) -> None:
        self.log = EventLog()
        self.now = NOW
        self.snapshot = fleet(sources={**sources(), **_more_sources()}, **changed)
        self.seen: set[tuple[str, int]] = set()
        self.news()

    def news(self, *advisories: Advisory, after: float = 1.0, namespace: str = "osapi", **changed: Any) -> list[Event]:
        """Events that are new or folded anew in a snapshot that is changed so."""
        self.now += timedelta(seconds=after)
        self.snapshot = replace(self.snapshot, at=self.now, **changed)
        events = self.log.observe(self.snapshot, advisories, namespace).values()
        found = [event for event in events if (event.key, event.times) not in self.seen]
        self.seen |= {(event.key, event.times) for event in events}
        return found

    def told(self, *advisories: Advisory, **changed: Any) -> list[tuple[str, str]]:
        """Subject and what of the news that are not minor."""
        return said(self.news(*advisories, **changed))

    def table(self, section: str, *rows: Any, gone: Iterable[str] = ()) -> dict[str, Any]:
        """A section with some rows changed, as `news` takes it."""
        gone = set(gone)
        table = {key: row for key, row in self.snapshot.section(section).items() if key not in gone}
        return {section: {**table, **keyed(rows)}}

    def down(self, name: str) -> dict[str, Any]:
        state = replace(self.snapshot.sources[name], status=SourceStatus.FAILED)
        return {"sources": {**self.snapshot.sources, name: state}}

    def up(self, name: str) -> dict[str, Any]:
        state = replace(self.snapshot.sources[name], status=SourceStatus.OK)
        return {"sources": {**self.snapshot.sources, name: state}}


def _more_sources() -> dict[str, Any]:
    state = sources()["streams"]
    return {name: replace(state, name=name) for name in ("services", "advisories")}


def said(events: Iterable[Event]) -> list[tuple[str, str]]:
    return [(event.subject, event.what) for event in events if not event.minor]


@pytest.fixture
def world() -> World:
    return World()


def test_the_first_look_tells_only_that_watching_began(world: World) -> None:
    log = EventLog()
    assert said(log.observe(world.snapshot, (), "osapi").values()) == [("watchdeck", "watching began")]


def test_nothing_new_is_no_event_and_the_same_table(world: World) -> None:
    before = world.log.observe(world.snapshot, (), "osapi")
    assert world.news() == []
    assert world.log.observe(world.snapshot, (), "osapi") is before


# --- streams and consumers


def test_changed_configurations_are_told_field_by_field(world: World) -> None:
    billing = world.snapshot.consumers["ORDERS/billing"]
    changed = replace(billing, max_ack_pending=100, ack_wait=30.0, pending=7, back_off=(1.0, 0.5))
    events = world.news(**world.table("consumers", changed))
    assert said(events) == [
        ("ORDERS › billing", "ack_wait 2m → 30s, backoff none → 1s 500ms, max_ack_pending 1000 → 100")
    ]
    assert events[0].kind is EventKind.CONFIG
    assert events[0].refs == ("consumer:ORDERS/billing", "stream:ORDERS")
    orders = world.snapshot.streams["ORDERS"]
    changed_stream = replace(orders, max_age=3600.0, max_bytes=2**20, metadata=(("owner", "ana"),), messages=1)
    assert world.told(**world.table("streams", changed_stream)) == [
        ("ORDERS", "max_bytes none → 1.0M, max_age none → 1h, metadata owner none → ana")
    ]


def test_what_only_moves_is_no_event(world: World) -> None:
    moved = [replace(row, pending=row.pending + 1, acked_at=NOW) for row in world.snapshot.consumers.values()]
    assert world.news(**world.table("consumers", *moved)) == []


def test_came_and_went_is_minor_where_an_advisory_said_it(world: World) -> None:
    new = consumer("ORDERS", "audit", created=NOW + timedelta(seconds=30))
    said_it = Advisory(NOW, "consumer_action", "ORDERS", "audit", "create")
    assert [(e.kind, e.minor) for e in world.news(said_it)] == [(EventKind.ADVISORY, True)]
    assert [(e.what, e.minor) for e in world.news(**world.table("consumers", new))] == [("consumer created", True)]
    assert world.told(**world.table("consumers", gone=["ORDERS/audit"])) == [("ORDERS › audit", "consumer deleted")]
    young = stream("PAYMENTS", created=NOW + timedelta(seconds=30))
    assert world.told(**world.table("streams", young)) == [("PAYMENTS", "stream created")]


def test_what_was_only_not_seen_yet_was_not_created(world: World) -> None:
    assert world.news(**world.table("consumers", consumer("ORDERS", "late", created=ago(3600)))) == []


def test_ephemeral_and_own_consumers_come_and_go_without_a_word(world: World) -> None:
    later = NOW + timedelta(seconds=30)
    rows = [consumer("ORDERS", "tmp", durable=False, created=later), consumer("ORDERS", "watchdeck-x", created=later)]
    assert world.news(**world.table("consumers", *rows)) == []
    assert world.news(Advisory(later, "consumer_action", "ORDERS", "watchdeck-x", "create", own=True)) == []
    assert world.news(**world.table("consumers", gone=["ORDERS/tmp", "ORDERS/watchdeck-x"])) == []


def test_consumers_go_with_their_stream(world: World) -> None:
    changed = {**world.table("streams", gone=["ORDERS"])}
    changed |= world.table("consumers", gone=["ORDERS/billing", "ORDERS/shipping"])
    assert world.told(**changed) == [("ORDERS", "stream deleted")]


def test_a_row_that_is_known_by_name_only_changes_nothing(world: World) -> None:
    full = world.snapshot.consumers["ORDERS/billing"]
    bare = replace(consumer("ORDERS", "billing"), created=None, max_ack_pending=-1)
    assert world.news(**world.table("consumers", bare)) == []
    assert world.news(**world.table("consumers", full)) == []


def test_leaders_are_told_once_whoever_says_it_first(world: World) -> None:
    led = replace(world.snapshot.streams["ORDERS"], cluster=Cluster("c", "n1"))
    assert world.told(**world.table("streams", led)) == []
    elected = Advisory(NOW, "stream_leader_elected", "ORDERS", leader="n2")
    events = world.news(elected)
    assert [(e.kind, e.what) for e in events] == [(EventKind.LEADER, "leader n1 → n2")]
    assert world.news(**world.table("streams", replace(led, cluster=Cluster("c", "n2")))) == []
    assert world.told(**world.table("streams", replace(led, cluster=Cluster("c", "")))) == [
        ("ORDERS", "no leader, was n2")
    ]
    assert world.told(**world.table("streams", replace(led, cluster=Cluster("c", "n3")))) == [
        ("ORDERS", "leader is n3")
    ]
    assert world.news(replace(elected, leader="n3")) == []


def test_the_same_happening_to_many_is_one_event(world: World) -> None:
    rows = [
        replace(row, cluster=Cluster("c", "n1")) for row in world.snapshot.consumers.values() if row.stream == "JOBS"
    ]
    world.news(**world.table("consumers", *rows))
    rows = [replace(row, cluster=Cluster("c", "n2")) for row in rows]
    events = world.news(**world.table("consumers", *rows))
    assert said(events) == [(f"{len(rows)} consumers of JOBS", "leader n1 → n2")]
    assert events[0].refs == ("stream:JOBS",)


@pytest.mark.parametrize(
    ("advisory", "what", "severity", "minor"),
    [
        (Advisory(NOW, "max_deliver", "JOBS", "c", sequence=7, deliveries=5), "message 7 given up after 5 deliveries",
         Severity.WARN, False),
        (Advisory(NOW, "terminated", "JOBS", "c", sequence=7, reason="bad"), "message 7 terminated by its reader: bad",
         Severity.WARN, False),
        (Advisory(NOW, "terminated", "JOBS", "c", sequence=7, reason="Unacknowledged message was deleted"),
         "message 7 deleted before it was acknowledged", Severity.WARN, False),
        (Advisory(NOW, "stream_quorum_lost", "JOBS"), "quorum lost: nothing can be written", Severity.CRIT, False),
        (Advisory(NOW, "stream_action", "JOBS", action="delete"), "stream deleted", Severity.INFO, True),
        (Advisory(NOW, "restore_complete", "JOBS"), "restore done", Severity.INFO, False),
        (Advisory(NOW, "consumer_pause", "JOBS", "c", action="pause"), "paused", Severity.INFO, False),
        (Advisory(NOW, "something_new", "JOBS", reason="why"), "something new why", Severity.INFO, True),
    ],
)  # fmt: skip
def test_advisories(world: World, advisory: Advisory, what: str, severity: Severity, minor: bool) -> None:
    (event,) = world.news(advisory)
    assert (event.what, event.severity, event.minor) == (what, severity, minor)
    assert event.kind is EventKind.ADVISORY


def test_messages_that_are_given_up_are_folded_and_the_last_one_is_named(world: World) -> None:
    given_up = [Advisory(NOW, "max_deliver", "JOBS", "c", sequence=one, deliveries=5) for one in (1, 2, 3)]
    (event,) = world.news(*given_up)
    assert (event.what, event.times) == ("message 3 given up after 5 deliveries", 3)


# --- agents and components


def test_agents_come_leave_and_are_drained(world: World) -> None:
    def change(host: str, **fields: Any) -> list[tuple[str, str]]:
        return world.told(**world.table("agents", agent(host, **fields)))

    assert change("db-01", presence=Presence.GONE) == [("db-01", "gone without a farewell")]
    assert change("db-01") == [("db-01", "came back")]
    assert change("db-01", presence=Presence.STALE) == []
    assert change("db-01", presence=Presence.LEFT) == [("db-01", "left: it said goodbye")]
    assert change("new-01") == [("new-01", "came: it was not registered before")]
    assert change("web-01", state="Cordoned") == [("web-01", "drained: Ready → Cordoned")]
    assert change("web-01", state="Ready") == [("web-01", "undrained: Cordoned → Ready")]
    assert change("web-01", version="0.5.0") == [("web-01", "version 0.4.1 → 0.5.0")]
    assert change("web-01", version="0.5.0", started_at=NOW) == [("web-01", "restarted")]


def test_a_drain_is_told_by_the_timeline_where_that_tells_it(world: World) -> None:
    before = world.snapshot.agents[agent("web-01").key]
    drain = TimelineEvent(NOW, "drain", "web-01", "Drain initiated via API")
    drained = replace(before, state="Cordoned", timeline=(drain, *before.timeline))
    assert world.told(**world.table("agents", drained)) == [("web-01", "drain: Drain initiated via API")]


def test_components_change_their_state(world: World) -> None:
    api = world.snapshot.components["control:controller.web_01/controller.api"]
    broken = replace(api, state="error", health=Health.CRIT, reason="")
    events = world.news(**world.table("components", broken))
    assert [(e.subject, e.what, e.severity) for e in events] == [
        ("controller.api · web-01", "ok → error", Severity.CRIT)
    ]
    assert events[0].refs == ("component:control:controller.web_01/controller.api",)
    own = Component("agent:metrics/db-01", ComponentKind.AGENT, "metrics", Health.WARN, "error", parent="agent:metrics")
    assert world.news(**world.table("components", own)) == []  # the folded row speaks
    back = Component("service:geo", ComponentKind.SERVICE, "geo", Health.OK, "up 1")
    assert world.told(**world.table("components", back)) == [("geo", "gone → up 1")]
    assert world.told(**world.table("components", replace(back, state="up 2"))) == []
    assert world.told(**world.table("components", replace(back, state="up 2", version="2.0"))) == []
    assert world.told(**world.table("components", replace(back, state="up 2", version="3.0"))) == [
        ("geo", "version 2.0 → 3.0")
    ]


# --- what is not fresh


def test_what_is_probed_goes_down_and_comes_back_whatever_nats_does(world: World) -> None:
    probe = Component("probe:mc", ComponentKind.PROBE, "mc", Health.UNKNOWN, "waiting")
    part = Component("probe:mc/db", ComponentKind.PROBE, "db", Health.OK, "up", parent="probe:mc")
    assert world.told(**world.table("components", probe, part)) == []
    up = replace(probe, health=Health.OK, state="ok")
    assert world.told(**world.table("components", up)) == []  # looked at for the first time
    link = replace(world.snapshot.site.connection, state=LinkState.DOWN)
    world.news(site=replace(world.snapshot.site, connection=link))
    down = replace(up, health=Health.CRIT, state="down", reason="connection refused")
    part = replace(part, health=Health.CRIT, state="down", reason="timeout")
    (first, second) = world.news(**world.table("components", down, part))
    assert (first.what, first.severity) == ("ok → down: connection refused", Severity.CRIT)
    assert (second.subject, second.what) == ("mc › db", "up → down: timeout")
    assert world.told(**world.table("components", up)) == [("mc", "down → ok")]


def test_nothing_is_told_of_what_is_not_fresh_but_afterwards_all_of_it(world: World) -> None:
    gone = world.table("agents", agent("db-01", presence=Presence.GONE))
    assert world.told(**gone, **world.down("registry")) == []
    assert world.told(**world.up("registry")) == [("db-01", "gone without a farewell")]


def test_after_a_reconnect_it_is_compared_with_what_was_before(world: World) -> None:
    down = site(connection=replace(site().connection, state=LinkState.DOWN, error="connection closed"))
    events = world.news(site=down)
    assert [(e.subject, e.what, e.severity) for e in events] == [
        ("NATS", "connection lost: connection closed", Severity.CRIT)
    ]
    assert world.news(site=down) == []
    again = site(connection=replace(site().connection, reconnects=1))
    billing = replace(world.snapshot.consumers["ORDERS/billing"], max_ack_pending=5)
    told = world.told(after=10, site=again, **world.table("consumers", billing))
    assert told == [("NATS", "connected again after 11s"), ("ORDERS › billing", "max_ack_pending 1000 → 5")]


@pytest.mark.parametrize(
    ("server", "told"),
    [
        (ServerInfo("nats-1", "2.15.1", id="B"), ["connected again, the server was restarted"]),
        (ServerInfo("nats-2", "2.15.1", id="C"), ["connected again, to nats-2 instead of nats-1"]),
        (ServerInfo("nats-1", "2.16.0", id="A"), ["connected again", "server version 2.15.1 → 2.16.0"]),
    ],
)
def test_another_server_or_the_same_one_restarted(server: ServerInfo, told: list[str]) -> None:
    world = World(site=site(server=ServerInfo("nats-1", "2.15.1", id="A")))
    again = site(server=server, connection=replace(site().connection, reconnects=1))
    assert [what for _, what in world.told(site=again)] == told


def test_another_fleet_is_seen_for_the_first_time(world: World) -> None:
    others = keyed([agent("other-01"), agent("other-02", presence=Presence.GONE)])
    assert world.told(agents=others, components={}, findings={}, namespace="blue") == []
    changed = {**others, **keyed([agent("other-01", presence=Presence.GONE)])}
    assert world.told(agents=changed, namespace="blue") == [("other-01", "gone without a farewell")]


# --- findings


def finding(severity: Severity = Severity.WARN, **fields: Any) -> Finding:
    return Finding("rule|x", "rule", severity, "consumer", "x", fields.pop("what", "no ack 4m"), **fields)


def test_findings_are_raised_get_worse_and_are_cleared(world: World) -> None:
    def change(*rows: Finding) -> list[tuple[str, Severity]]:
        events = world.news(findings={**base, **keyed(rows)})
        return [(event.what, event.severity) for event in events if not event.minor]

    base = world.snapshot.findings
    assert change(finding()) == [("raised: no ack 4m", Severity.WARN)]
    assert change(finding(what="no ack 5m")) == []
    assert change(finding(Severity.CRIT, what="no ack 6m")) == [("worse: no ack 6m", Severity.CRIT)]
    assert change() == [("cleared: no ack 6m", Severity.INFO)]


def test_findings_that_were_there_before_or_are_folded_or_tidying_are_not_told(world: World) -> None:
    base = world.snapshot.findings
    assert world.told(findings={**base, **keyed([finding(since=ago(3600))])}) == []
    assert world.told(findings=base) == [("x", "cleared: no ack 4m")]
    folded = finding(cause="agent.gone|y")
    assert world.told(findings={**base, **keyed([folded])}) == []
    assert world.told(findings=base) == []
    assert world.told(findings={**base, **keyed([finding(Severity.INFO)])}) == []


# --- the log itself


def test_people_s_acts_are_noted(world: World) -> None:
    world.log.note(EventKind.ACTION, "web-02", "acknowledged: on it", "ana", ("agent:x",))
    (event,) = world.news()
    assert (event.kind, event.who, event.refs, event.at) == (EventKind.ACTION, "ana", ("agent:x",), world.now)


def test_a_storm_of_minor_events_does_not_push_out_the_others(world: World) -> None:
    world.log.note(EventKind.ACTION, "web-02", "acknowledged", "ana")
    for _ in range(4):
        world.news(*(Advisory(world.now, f"odd_{one}", f"S{one}") for one in range(1000)), after=90)
    events = world.log.observe(world.snapshot, (), "osapi").values()
    assert len(events) <= MOST
    assert sum(event.minor for event in events) == MOST_MINOR
    assert ("web-02", "acknowledged") in said(events)


def test_a_fault_of_our_own_ends_nothing(world: World, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(3):
        world.log.note(EventKind.ACTION, "web-02", "acknowledged")
        assert said(world.news(streams=object())) == [("web-02", "acknowledged")]
    assert caplog.text.count("what happened could not be told") == 1


notes = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 40)), max_size=60)


@given(notes)
@settings(max_examples=60, deadline=None)
def test_folding_loses_nothing_and_folds_only_what_is_equal_and_near(steps: list[tuple[str, int]]) -> None:
    log, now = EventLog(), NOW
    empty = Snapshot(at=now)
    told: list[tuple[str, datetime]] = []
    for what, after in steps:
        now += timedelta(seconds=after)
        log.note(EventKind.ACTION, "subject", what)
        events = log.observe(replace(empty, at=now), (), "").values()
        told.append((what, now))
    events = [event for event in log.observe(replace(empty, at=now), (), "").values() if event.kind is EventKind.ACTION]
    assert sum(event.times for event in events) == len(steps)
    assert [event.at for event in events] == sorted(event.at for event in events)
    for what in "abc":
        times = [at for one, at in told if one == what]
        mine = [event for event in events if event.what == what]
        for event in mine:
            first = event.first_at or event.at
            inside = [at for at in times if first <= at <= event.at]
            assert event.times == len(inside)
            assert event.at - first <= FOLD
        firsts = [event.first_at or event.at for event in mine]
        assert all(later - earlier > FOLD for earlier, later in pairwise(firsts))
