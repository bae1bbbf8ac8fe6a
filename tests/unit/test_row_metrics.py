"""Row metrics: the worst rows only, never a series twice, and nothing of what is left out is hidden."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from app.api.rowmetrics import MOST, RowMetrics
from app.model.components import Component, ComponentKind
from app.model.fleet import Presence
from app.model.formulas import Sums, score
from app.model.health import Health
from app.model.scoring import Bands, Weights
from app.model.snapshot import Snapshot
from tests import literals

Series = dict[tuple[str, ...], float]


class Scraped(Collector):
    """Scrapes of one worker, one after the other."""

    def __init__(self) -> None:
        self.rows = RowMetrics()
        self.snapshot = Snapshot()
        self.registry = CollectorRegistry(auto_describe=False)
        self.registry.register(self)

    def collect(self):  # type: ignore[no-untyped-def]
        return self.rows.collect(self.snapshot)

    def of(self, snapshot: Snapshot) -> dict[str, Series]:
        """Values by family and labels, in the order of their names; a series that is told twice fails."""
        self.snapshot = snapshot
        found: dict[str, Series] = {}
        for family in text_string_to_metric_families(generate_latest(self.registry).decode()):
            series = found.setdefault(family.name, {})
            for sample in family.samples:
                labels = tuple(value for _, value in sorted(sample.labels.items()))
                assert labels not in series
                series[labels] = sample.value
        return found


def scored(agent: str, bad: int):  # type: ignore[no-untyped-def]
    sums = Sums(100, bad, 100 - bad, 0, 100, 0, 100_000, 10, 0)
    return score(agent, 7, sums, Sums(), Sums(), Weights(), Bands())


def test_a_fleet_is_told_row_by_row() -> None:
    seen = Scraped().of(literals.fleet())
    assert set(seen["watchdeck_agent_last_seen_timestamp_seconds"]) == {
        (host, literals.machine(host)) for host in literals.HOSTS
    }
    consumers = literals.fleet().consumers.values()
    assert set(seen["watchdeck_consumer_pending"]) == {(each.name, each.stream) for each in consumers if not each.own}
    assert sum(seen["watchdeck_rule_findings"].values()) == len(literals.findings())
    assert seen["watchdeck_series_dropped"] == {("score",): 0, ("agent",): 0, ("consumer",): 0, ("component",): 0}


def test_of_ten_thousand_agents_the_worst_are_told() -> None:
    hosts = [literals.agent(f"host-{number:05}") for number in range(10_000)]
    gone = replace(hosts[7777], presence=Presence.GONE)
    hosts[7777] = gone
    beats = {host.key: literals.vitals(host.hostname, beat=number / 1000) for number, host in enumerate(hosts)}
    ai = [scored(f"ai-{number:05}", number % 100) for number in range(10_000)]
    snapshot = Snapshot(agents={host.key: host for host in hosts}, vitals=beats, scores={each.key: each for each in ai})
    scraped = Scraped()
    seen = scraped.of(snapshot)
    told = seen["watchdeck_agent_last_seen_timestamp_seconds"]
    assert len(told) == MOST
    assert (gone.hostname, gone.key) in told
    assert min(told.values()) == (literals.NOW - timedelta(seconds=9.999)).timestamp()
    scores = seen["watchdeck_agent_health_score"]
    assert set(scores) == {(f"ai-{number:05}",) for number in range(99, 10_000, 100)}
    assert seen["watchdeck_series_dropped"][("agent",)] == 10_000 - MOST
    assert scraped.of(snapshot)["watchdeck_series_dropped"][("agent",)] == 2 * (10_000 - MOST)


def test_names_that_cannot_be_told_apart_are_one_series() -> None:
    """A family with the same series twice would be no answer at all."""
    long = [f"{'x' * 5000}{number}{'y' * 5000}" for number in range(3)]
    consumers = {f"S/{name}": literals.consumer("S", name, pending=place) for place, name in enumerate(long)}
    seen = Scraped().of(Snapshot(consumers=consumers))
    assert [*seen["watchdeck_consumer_pending"].values()] == [2]
    assert seen["watchdeck_series_dropped"][("consumer",)] == 2


def test_hosts_of_one_name_are_two_series() -> None:
    twins = [replace(literals.agent("web-01"), key=key) for key in ("a", "b")]
    beats = {key: replace(literals.vitals("web-01"), key=key) for key in ("a", "b")}
    seen = Scraped().of(Snapshot(agents={twin.key: twin for twin in twins}, vitals=beats))
    assert set(seen["watchdeck_agent_last_seen_timestamp_seconds"]) == {("web-01", "a"), ("web-01", "b")}


def test_what_is_outside_is_up_or_not() -> None:
    rows = [
        Component("probe:a", ComponentKind.PROBE, "a", Health.OK, latency=0.25),
        Component("gateway:g", ComponentKind.GATEWAY, 'g"\n\\', Health.CRIT),
        Component("unit:u", ComponentKind.UNIT, "u", Health.UNKNOWN),
        Component("probe:a/db", ComponentKind.PROBE, "db", Health.CRIT, parent="probe:a"),
        Component("worker:store", ComponentKind.WORKER, "store", Health.OK),
    ]
    seen = Scraped().of(Snapshot(components={row.key: row for row in rows}))
    assert seen["watchdeck_component_up"] == {("a", "probe"): 1, ('g"\n\\', "gateway"): 0, ("u", "unit"): 0}
    assert seen["watchdeck_component_latency_seconds"] == {("a", "probe"): 0.25}
