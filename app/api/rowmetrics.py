"""Row metrics: figures of single agents, consumers and components, of the worst where there are many.

Who watches ten thousand agents must not get ten thousand series: of each family at most `MOST` rows are told, and how
many were left out is counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from heapq import nsmallest
from typing import TypeVar

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from app.model.broker import Consumer
from app.model.components import ComponentKind
from app.model.fleet import Presence
from app.model.health import Health
from app.model.snapshot import Snapshot
from app.model.text import cut

Row = TypeVar("Row")
Labels = tuple[str, ...]
MOST = 100
"""Rows of a family, the worst of them."""
NAME_LONGEST = 120
"""Characters of a label's value."""
FAMILIES = ("score", "agent", "consumer", "component")
OUTSIDE = frozenset({ComponentKind.SERVICE, ComponentKind.PROBE, ComponentKind.GATEWAY, ComponentKind.UNIT})
"""Kinds of components of which each has a series: what was configured, or answers on `$SRV`."""
_PRESENCE = {Presence.GONE: 0, Presence.STALE: 1, Presence.LIVE: 2, Presence.LEFT: 3}
_CONSUMER: tuple[tuple[str, str, Callable[[Consumer], float]], ...] = (
    ("pending", "Messages that a consumer was not given yet; those with most", lambda each: each.pending),
    ("ack_pending", "Messages that wait for their ack", lambda each: each.ack_pending),
    ("redelivered", "Messages of these that were given more than once", lambda each: each.redelivered),
    ("waiting_pulls", "Pulls that wait for messages", lambda each: each.waiting),
)


class RowMetrics:
    """Told anew at each scrape; remembers only how much it left out so far."""

    def __init__(self) -> None:
        self._dropped: Counter[str] = Counter()

    def collect(self, snapshot: Snapshot) -> Iterator[Metric]:
        yield self._scores(snapshot)
        yield self._agents(snapshot)
        yield from self._consumers(snapshot)
        yield from self._components(snapshot)
        dropped = CounterMetricFamily(
            "watchdeck_series_dropped", "Rows that were left out of a scrape, of all scrapes", labels=("family",)
        )
        for family in FAMILIES:
            dropped.add_metric((family,), self._dropped[family])
        yield dropped
        yield _rules(snapshot)

    def _worst(
        self, family: str, rows: Iterable[Row], order: Callable[[Row], tuple[object, ...]],
        labels: Callable[[Row], Labels],
    ) -> Mapping[Labels, Row]:  # fmt: skip
        """The first `MOST` rows in an order, by their labels; of several with the same labels the first."""
        known = list(rows)
        told: dict[Labels, Row] = {}
        for row in nsmallest(MOST, known, key=order):
            told.setdefault(tuple(cut(text, NAME_LONGEST) for text in labels(row)), row)
        self._dropped[family] += len(known) - len(told)
        return told

    def _scores(self, snapshot: Snapshot) -> Metric:
        """The lowest overall scores of the site's window."""
        known = (score for score in snapshot.scores.values() if score.window == snapshot.site.window)
        worst = self._worst("score", known, lambda each: (each.overall, each.agent), lambda each: (each.agent,))
        words = "Overall score of an AI agent, 0 to 100; the lowest"
        return _gauge("watchdeck_agent_health_score", words, ("agent",), worst, lambda each: each.overall)

    def _agents(self, snapshot: Snapshot) -> Metric:
        """When hosts were last heard of."""
        agents = snapshot.agents
        worst = self._worst(
            "agent",
            (vitals for key, vitals in snapshot.vitals.items() if key in agents),
            lambda each: (_PRESENCE[agents[each.key].presence], each.beat, each.key),
            lambda each: (agents[each.key].hostname, each.key),
        )
        words = "When a host was last heard of; those that are gone, then the most silent"
        name, labels = "watchdeck_agent_last_seen_timestamp_seconds", ("agent", "machine")
        return _gauge(name, words, labels, worst, lambda each: each.beat.timestamp())

    def _consumers(self, snapshot: Snapshot) -> Iterator[Metric]:
        """Those with most pending, watchdeck's own left out."""
        worst = self._worst(
            "consumer",
            (each for each in snapshot.consumers.values() if not each.own),
            lambda each: (-each.pending, -each.ack_pending, each.key),
            lambda each: (each.stream, each.name),
        )
        for name, words, value in _CONSUMER:
            yield _gauge(f"watchdeck_consumer_{name}", words, ("stream", "consumer"), worst, value)

    def _components(self, snapshot: Snapshot) -> Iterator[Metric]:
        worst = self._worst(
            "component",
            (row for row in snapshot.components.values() if row.kind in OUTSIDE and not row.parent),
            lambda row: (-row.health.rank, row.key),
            lambda row: (row.kind.value, row.name),
        )
        labels = ("kind", "component")
        words = "1 while a service, probe, gateway or unit is well"
        yield _gauge("watchdeck_component_up", words, labels, worst, lambda row: float(row.health is Health.OK))
        timed = {names: row for names, row in worst.items() if row.latency is not None}
        words = "What its answers take"
        yield _gauge("watchdeck_component_latency_seconds", words, labels, timed, lambda row: row.latency or 0.0)


def _gauge(
    name: str, words: str, labels: Labels, rows: Mapping[Labels, Row], value: Callable[[Row], float]
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, words, labels=labels)
    for names, row in rows.items():
        family.add_metric(names, value(row))
    return family


def _rules(snapshot: Snapshot) -> Metric:
    """Findings by rule, whether or not somebody takes care of them."""
    found = Counter((finding.rule, finding.severity.value) for finding in snapshot.findings.values())
    rules = GaugeMetricFamily("watchdeck_rule_findings", "Findings by their rule", labels=("rule", "severity"))
    for labels, number in sorted(found.items()):
        rules.add_metric(labels, number)
    return rules
