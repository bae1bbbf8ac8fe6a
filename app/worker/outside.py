"""The outside as the collector sees it: a NATS connection, and how each kind of facts is collected."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from app.model.broker import Connection, ServerInfo
from app.model.components import Component
from app.model.events import Advisory
from app.model.snapshot import SourceState
from app.settings import Settings
from app.sources.advisories import ADVISORY_SOURCE, AdvisorySource
from app.sources.connection import NatsLink
from app.sources.host import HostSource
from app.sources.inquiry import Inquiry
from app.sources.jetstream import BrokerFacts, JetStreamSource
from app.sources.jobs import JobFacts, JobSource
from app.sources.jsapi import JetStreamApi
from app.sources.registry import FleetFacts, FleetSource
from app.sources.services import ServiceFacts, ServiceSource


class Link(Protocol):
    """What the collector needs of the NATS connection."""

    on_change: Callable[[], None] | None

    @property
    def connection(self) -> Connection: ...
    @property
    def server(self) -> ServerInfo | None: ...
    @property
    def generation(self) -> int: ...
    @property
    def up(self) -> bool: ...
    @property
    def clock_offset(self) -> float: ...
    async def start(self) -> None: ...
    async def stop(self) -> None: ...
    def retry(self) -> None: ...


async def _no_jobs(now: datetime, broker: BrokerFacts, fleet: FleetFacts) -> JobFacts:
    return JobFacts(states=())


async def _no_services(now: datetime) -> ServiceFacts:
    return ServiceFacts(states=())


async def _no_advisories(now: datetime) -> SourceState:
    return SourceState(ADVISORY_SOURCE)


def _not_noted(advisories: tuple[Advisory, ...]) -> None:
    """Nobody keeps dead letters of them."""


async def _no_host(now: datetime) -> Mapping[str, Component]:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """The outside as the collector sees it: a connection, and how to collect over it."""

    link: Link
    broker: Callable[[datetime, frozenset[str]], Awaitable[BrokerFacts]]
    fleet: Callable[[datetime, BrokerFacts], Awaitable[FleetFacts]]
    jobs: Callable[[datetime, BrokerFacts, FleetFacts], Awaitable[JobFacts]] = _no_jobs
    services: Callable[[datetime], Awaitable[ServiceFacts]] = _no_services
    listen: Callable[[datetime], Awaitable[SourceState]] = _no_advisories
    advisories: Callable[[], tuple[Advisory, ...]] = tuple
    note: Callable[[tuple[Advisory, ...]], None] = _not_noted
    inquiry: Inquiry | None = None
    host: Callable[[datetime], Awaitable[Mapping[str, Component]]] = _no_host
    choose: Callable[[str], Awaitable[None]]
    close: Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class NatsSources(Sources):
    """The sources of a real NATS, its API for those who bring no snapshots, and the names of a job's events by the key
    of its record."""

    api: JetStreamApi
    job_events: Callable[[str], list[str]]


def nats_sources(settings: Settings, clock: Callable[[], datetime]) -> NatsSources:
    """The sources of a real NATS; nothing is sent before `link.start()`."""
    nats, names = settings.nats, settings.names
    link = NatsLink(nats, clock=clock)
    broker = JetStreamSource(
        link, interval=nats.interval, max_requests=nats.max_requests, domain=nats.domain, api_prefix=nats.api_prefix
    )
    fleet = FleetSource(
        link,
        registry=names.registry,
        facts=names.facts,
        state=names.state,
        job_queue=names.job_queue,
        namespace=settings.namespace,
        domain=nats.domain,
        api_prefix=nats.api_prefix,
    )

    services = ServiceSource(link, enabled=settings.services_api.enabled)
    jobs = JobSource(
        link,
        job_queue=names.job_queue,
        jobs_stream=names.jobs_stream,
        dlq_stream=names.dlq_stream,
        dead_letters=names.dead_letters,
        domain=nats.domain,
        api_prefix=nats.api_prefix,
    )
    api = JetStreamApi(link, domain=nats.domain, api_prefix=nats.api_prefix)
    inquiry = Inquiry(api, jobs, payload=settings.peek.payload)
    advisories, host = AdvisorySource(link), HostSource(settings.state_dir)

    async def close() -> None:
        for source in (broker, fleet, jobs, advisories):
            await source.close()

    return NatsSources(
        link=link,
        broker=broker.collect,
        fleet=fleet.collect,
        jobs=jobs.collect,
        services=services.collect,
        listen=advisories.collect,
        advisories=advisories.take,
        note=jobs.note,
        inquiry=inquiry,
        api=api,
        job_events=jobs.status_keys,
        host=host.collect,
        choose=fleet.choose,
        close=close,
    )
