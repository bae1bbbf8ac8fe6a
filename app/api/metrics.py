"""Metrics: the worker's own figures as Prometheus reads them. Labels come from fixed sets only."""

from __future__ import annotations

import os
from collections import Counter as Counts
from collections.abc import Iterable, Iterator

import psutil
from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from app import __version__
from app.api.behind import store_of
from app.api.gates import Gates
from app.api.rowmetrics import RowMetrics
from app.model.access import Permission
from app.model.broker import LinkState
from app.model.findings import Severity
from app.model.health import Health
from app.model.scoring import Band
from app.model.sessions import Intake, IntakeState
from app.model.snapshot import SECTIONS, Snapshot
from app.worker.board import Board

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"})
UNMATCHED = "unmatched"
"""The route of requests for which there is none, or that no guard let through."""
_DURATIONS = (0.001, 0.005, 0.025, 0.1, 0.5, 1, 5, 10)
_DECK_PATIENCE = 15.0


class Metrics:
    """Everything that is counted in one worker, for all of its servers."""

    def __init__(self, board: Board) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each one, of no use here
        self.registry = CollectorRegistry(auto_describe=False)
        self._requests = Counter(
            "watchdeck_http_requests", "Answers given", ("route", "method", "status"), registry=self.registry
        )
        self._seconds = Histogram(
            "watchdeck_http_request_duration_seconds",
            "Time from a request to the end of its answer; of a held poll the time it was held too",
            ("route", "method"),
            buckets=_DURATIONS,
            registry=self.registry,
        )
        self._known: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self.registry.register(_Process())
        self.registry.register(_Watch(board))

    def count(self, scope: Scope, status: int, seconds: float) -> None:
        """Takes note of one answer."""
        method = scope["method"] if scope["method"] in METHODS else "other"
        key = (_route(scope), method, status)
        both = self._known.get(key)
        if both is None:
            both = self._requests.labels(key[0], method, str(status)), self._seconds.labels(key[0], method)
            self._known[key] = both
        both[0].inc()
        both[1].observe(seconds)


def _route(scope: Scope) -> str:
    """The template of the path, never the path itself."""
    shortcut = scope["state"].get("route")
    if shortcut:
        return str(shortcut)
    return str(getattr(scope.get("route"), "path", "")).replace(":path}", "}") or UNMATCHED


class _Process(Collector):
    """This process, under the names that Prometheus' own clients use."""

    def __init__(self) -> None:
        self._process = psutil.Process(os.getpid())
        self._started = self._process.create_time()

    def collect(self) -> Iterable[Metric]:
        process = self._process
        with process.oneshot():
            times, memory = process.cpu_times(), process.memory_info()
            threads, files = process.num_threads(), process.num_fds()
        yield CounterMetricFamily("process_cpu_seconds", "CPU time used", times.user + times.system)
        yield GaugeMetricFamily("process_resident_memory_bytes", "Resident memory", memory.rss)
        yield GaugeMetricFamily("process_open_fds", "Open file descriptors", files)
        yield GaugeMetricFamily("process_threads", "Threads", threads)
        yield GaugeMetricFamily("process_start_time_seconds", "When it was started, Unix time", self._started)


class _Watch(Collector):
    """What the worker watches, as the board shows it."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._rows = RowMetrics()

    def collect(self) -> Iterator[Metric]:
        board, snapshot = self._board, self._board.snapshot
        build = GaugeMetricFamily("watchdeck_build_info", "Version of the worker", labels=("version",))
        build.add_metric((__version__,), 1)
        yield build
        ready = all(check.ok for check in board.checks())
        yield GaugeMetricFamily("watchdeck_up", "1 while the worker turns", float(board.alive()))
        yield GaugeMetricFamily("watchdeck_ready", "1 while the worker is ready", float(ready))
        yield GaugeMetricFamily("watchdeck_decks", "Decks that polled lately", board.decks(_DECK_PATIENCE))
        store = store_of(board)
        if store is not None:
            yield GaugeMetricFamily("watchdeck_store_up", "1 while the store can be written", float(not store.trouble))
        yield from _nats(snapshot)
        yield from _collection(snapshot, board.took)
        yield from _counts(snapshot)
        yield from _ingest(board.intake)
        yield from _scores(snapshot)
        yield from self._rows.collect(snapshot)


def _nats(snapshot: Snapshot) -> Iterator[Metric]:
    link = snapshot.site.connection
    connected = float(link.state is LinkState.CONNECTED)
    yield GaugeMetricFamily("watchdeck_nats_connected", "1 while there is a connection to NATS", connected)
    if link.rtt is not None:
        yield GaugeMetricFamily("watchdeck_nats_rtt_seconds", "Time to the server and back", link.rtt)
    yield CounterMetricFamily("watchdeck_nats_reconnects", "Connections made again", link.reconnects)


def _collection(snapshot: Snapshot, took: float) -> Iterator[Metric]:
    site = snapshot.site
    yield GaugeMetricFamily("watchdeck_collection_interval_seconds", "Between two collections", site.interval)
    yield GaugeMetricFamily("watchdeck_collection_duration_seconds", "What the last collection took", took)
    yield GaugeMetricFamily("watchdeck_collection_lag_seconds", "By which the worker was late", site.lag)
    if snapshot.at is not None:
        at = snapshot.at.timestamp()
        yield GaugeMetricFamily("watchdeck_snapshot_timestamp_seconds", "When the facts were put together", at)
    fresh = GaugeMetricFamily("watchdeck_source_up", "1 while a source brings fresh facts", labels=("source",))
    good = GaugeMetricFamily(
        "watchdeck_source_good_timestamp_seconds", "When a source's facts were last true", labels=("source",)
    )
    for name, state in snapshot.sources.items():
        fresh.add_metric((name,), float(state.fresh))
        if state.good_at is not None:
            good.add_metric((name,), state.good_at.timestamp())
    yield fresh
    yield good


def _counts(snapshot: Snapshot) -> Iterator[Metric]:
    rows = GaugeMetricFamily("watchdeck_rows", "Rows of the snapshot", labels=("section",))
    for name in SECTIONS:
        rows.add_metric((name,), len(snapshot.section(name)))
    yield rows
    states = GaugeMetricFamily("watchdeck_rows_by_health", "Rows by their health", labels=("section", "health"))
    for name, count in snapshot.counts.items():
        for health in Health:
            states.add_metric((name, health.value), getattr(count, health.value))
    yield states
    verdict = snapshot.verdict
    found = GaugeMetricFamily("watchdeck_findings", "Findings that nobody takes care of yet", labels=("severity",))
    for severity, number in zip(Severity, (verdict.crit, verdict.warn, verdict.info), strict=True):
        found.add_metric((severity.value,), number)
    yield found
    if (queue := snapshot.queue) is not None:
        jobs = GaugeMetricFamily("watchdeck_jobs", "Jobs in the job queue", labels=("status",))
        for status in ("unclaimed", "submitted", "processing", "completed", "failed", "partial", "skipped", "dead"):
            jobs.add_metric((status,), getattr(queue, status))
        yield jobs


def _ingest(intake: Intake) -> Iterator[Metric]:
    """Session events from their stream; what is posted is none of them."""
    reading = float(intake.state is IntakeState.READING)
    yield GaugeMetricFamily("watchdeck_ingest_up", "1 while session events are taken in", reading)
    yield CounterMetricFamily("watchdeck_ingest_events", "Session events taken in", intake.taken)
    yield CounterMetricFamily("watchdeck_ingest_duplicates", "Session events that came again", intake.duplicates)
    yield CounterMetricFamily("watchdeck_ingest_dead_letters", "Session events not understood", intake.put_aside)
    yield GaugeMetricFamily("watchdeck_ingest_pending", "Messages that wait to be taken in", intake.pending)
    yield GaugeMetricFamily("watchdeck_ingest_behind_seconds", "Age of the oldest of them", intake.behind)


def _scores(snapshot: Snapshot) -> Iterator[Metric]:
    """How many agents are in each band, in the window of the site."""
    bands = Counts(row.band for row in snapshot.scores.values() if row.window == snapshot.site.window)
    scored = GaugeMetricFamily("watchdeck_scored_agents", "AI agents by the band of their score", labels=("band",))
    for band in Band:
        scored.add_metric((band.value,), bands[band])
    yield scored


def exposition(gates: Gates, metrics: Metrics) -> None:
    """`GET /metrics`."""

    async def scrape(request: Request) -> Response:
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(metrics.registry), headers={"content-type": content_type})

    gates.get("/metrics", Permission.METRICS_READ, scrape, media_type="text/plain")
