"""Services of the NATS services API beside the fleet: they answer on `$SRV`, are asked things, and err now and then."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nats import micro
from nats.micro.request import Request, ServiceError
from nats.micro.service import Service

from app.demo.link import FAILURES, Link

ASK_WITHIN = 2.0


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`seconds` is what a request takes on average; `errors` the share that fails on a good day."""

    name: str
    subject: str
    seconds: float
    errors: float
    error: tuple[str, str]  # code and description
    rate: float  # requests a second


@dataclass(frozen=True, slots=True)
class Kind:
    """A service and how many instances of it there are."""

    name: str
    version: str
    description: str
    instances: int
    endpoints: tuple[Endpoint, ...]


KINDS = (
    Kind(
        "orders-api",
        "2.4.1",
        "Quotes and looks up orders",
        2,
        (
            Endpoint("quote", "shop.orders.quote", 0.012, 0.01, ("422", "no price for this item"), 0.8),
            Endpoint("find", "shop.orders.find", 0.006, 0.02, ("404", "no such order"), 0.5),
        ),
    ),
    Kind(
        "thumbnailer",
        "0.9.0",
        "Makes small pictures of large ones",
        1,
        (Endpoint("resize", "shop.pictures.resize", 0.045, 0.015, ("500", "cannot decode the picture"), 0.3),),
    ),
)


class Services:
    """All of them on one connection, and the clients that ask them."""

    def __init__(self, link: Link, rng: random.Random, speed: float = 1.0) -> None:
        self._link = link
        self._rng = rng
        self._speed = min(10.0, speed)
        self._running: dict[str, list[Service]] = {}
        self.failing: dict[str, float] = {}
        """Services that are ill, each with the share of its requests that fail."""

    async def open(self) -> None:
        """Starts every service."""
        for kind in KINDS:
            await self.start(kind.name)

    async def start(self, name: str) -> None:
        """Starts the instances of a service, unless they run; it is well again."""
        kind = _BY_NAME[name]
        self.failing.pop(name, None)
        if name in self._running:
            return
        self._running[name] = [await self._instance(kind) for _ in range(kind.instances)]

    async def stop(self, name: str) -> None:
        """Ends the instances of a service: nobody answers for it any more."""
        for service in self._running.pop(name, []):
            with contextlib.suppress(*FAILURES):
                await service.stop()

    async def close(self) -> None:
        for name in tuple(self._running):
            await self.stop(name)

    async def _instance(self, kind: Kind) -> Service:
        service = await micro.add_service(
            self._link.nc, name=kind.name, version=kind.version, description=kind.description
        )
        for endpoint in kind.endpoints:
            await service.add_endpoint(
                name=endpoint.name, subject=endpoint.subject, handler=self._handler(kind.name, endpoint)
            )
        return service

    def _handler(self, name: str, endpoint: Endpoint) -> Any:
        async def handle(request: Request) -> None:
            await asyncio.sleep(self._rng.expovariate(1 / endpoint.seconds))
            if self._rng.random() < self.failing.get(name, endpoint.errors):
                raise ServiceError(*endpoint.error)
            await request.respond(b"{}")

        return handle

    async def ask(self) -> None:
        """Requests to all endpoints, each at its rate; nobody minds one without an answer. For ever."""
        endpoints = [endpoint for kind in KINDS for endpoint in kind.endpoints]
        rates = [endpoint.rate for endpoint in endpoints]
        while True:
            await asyncio.sleep(self._rng.expovariate(sum(rates) * self._speed))
            endpoint = self._rng.choices(endpoints, rates)[0]
            if self._link.nc.is_connected:
                with contextlib.suppress(*FAILURES):
                    await self._link.nc.request(endpoint.subject, b"{}", timeout=ASK_WITHIN)


_BY_NAME: Mapping[str, Kind] = {kind.name: kind for kind in KINDS}
