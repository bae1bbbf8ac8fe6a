"""Telling: publishes what the AI agents of a simulation have done, and goes on as they work."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
from collections.abc import Sequence

from app.demo.layout import MARK, Config, Layout
from app.demo.link import ApiError, Link
from app.demo.minds import Mind, minds
from app.demo.plans import planned, plans
from app.demo.stamps import now_ns
from app.demo.tales import Event, history, session
from app.sources.sessionstream import configuration, named, unfit

EVERY = 45.0
"""Seconds between two sessions of an agent, on average, while somebody looks."""
TASK_EVERY = 20.0
"""The same, between two tasks that are handed out."""
AT_ONCE = 8
"""Sessions of the past that are published before others have their turn."""
PAUSE = 0.02
"""Seconds that the others have then: the past must not hold up the present."""
LIVE_PACE = 0.6
"""How long a live session takes, of what it would: there is more to see."""
_FIRST_WITHIN = 6.0
_BROKEN = b'{"sessionId":"9f3c","agentId":"coder-7","eventType":"session_ended","payload":{}}'


class Telling:
    """AI agents on a stream of session events. Only on one that may be read as such: made here, or made for it."""

    def __init__(
        self, link: Link, layout: Layout, scenario: str, seed: int, *, create: bool, speed: float = 1.0
    ) -> None:
        """`create`: the stream may be made where there is none."""
        names = layout.names
        self.stream, wide = named(layout.namespace, names.sessions_stream, names.sessions_subject)
        self._subject = wide.removesuffix(">")
        self._wide = wide
        self._link = link
        self._minds = minds(scenario)
        self._scenario = scenario
        self._seed = seed
        self._create = create
        self._speed = speed
        self._told = False
        self.there = False

    @property
    def config(self) -> Config:
        """Of the stream, with the mark of a simulation."""
        config = configuration(self.stream, self._wide)
        return config | {"metadata": config["metadata"] | MARK}

    async def prepare(self) -> None:
        """Makes the stream if that may be done. Called again after each reconnect."""
        try:
            if self._create:
                await self._link.ensure_stream(self.config)
            found = (await self._link.api(f"STREAM.INFO.{self.stream}"))["config"]
        except ApiError:
            self.there = False  # none, or its subjects are somebody else's
            return
        self.there = not unfit(found, self._wide, named_by_owner=False)

    async def tell(self) -> None:
        """What was, once; then what is. For ever."""
        if not self.there:
            return
        if not self._told:
            await self._past()
            self._told = True
        async with asyncio.TaskGroup() as working:
            for mind in self._minds:
                if mind.stopped or mind.newcomer:
                    continue
                working.create_task(self._works(mind))
            working.create_task(self._plans())

    async def _past(self) -> None:
        now = now_ns() // 1_000_000
        told = (history(mind, self._seed, now) for mind in self._minds)
        for number, events in enumerate(itertools.chain(plans(self._seed, now), *told)):
            await self._publish(events)
            if number % AT_ONCE == 0:
                await self._link.flush()
                await asyncio.sleep(PAUSE)
        if self._scenario != "calm":
            await self._link.publish(f"{self._subject}coder-7", _BROKEN)
        await self._link.flush()

    async def _works(self, mind: Mind) -> None:
        rng = random.Random(f"{self._seed}:{mind.id}:live")  # noqa: S311  a simulation
        await asyncio.sleep(rng.uniform(0.0, _FIRST_WITHIN) / self._speed)
        while True:
            await self._live(list(session(mind, mind.manner(0.0), rng, now_ns() // 1_000_000)))
            await asyncio.sleep(rng.expovariate(1 / EVERY) / self._speed)

    async def _plans(self) -> None:
        """Tasks are handed out as well, and go their way, several at a time."""
        rng = random.Random(f"{self._seed}:planner:live")  # noqa: S311  a simulation
        async with asyncio.TaskGroup() as going:
            for number in itertools.count():
                await asyncio.sleep(rng.expovariate(1 / TASK_EVERY) / self._speed)
                going.create_task(self._live(planned(self._seed, number, now_ns() // 1_000_000)))

    async def _live(self, events: Sequence[Event]) -> None:
        """Each event at its time, and with the time at which it is published."""
        before = events[0]["at"]
        for event in events:
            await asyncio.sleep((event["at"] - before) / 1000 * LIVE_PACE / self._speed)
            before = event["at"]
            now = {name: value for name, value in event.items() if name != "timestamp"}
            await self._publish([now])

    async def _publish(self, events: Sequence[Event]) -> None:
        """One message. A resend within two minutes is dropped by the stream, any later one by whoever reads it."""
        told = [{name: value for name, value in event.items() if name != "at"} for event in events]
        data = json.dumps(told[0] if len(told) == 1 else told, separators=(",", ":")).encode()
        header = {"Nats-Msg-Id": f"{told[0]['id']}+{len(told)}"}
        await self._link.publish(f"{self._subject}{events[0]['agentId']}", data, header)
