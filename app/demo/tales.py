"""Tales: what one session of a simulated AI agent publishes, event by event, in AgentLens's form."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from app.demo.minds import HISTORY, Manner, Mind

_DAY = 86_400_000
_HOUR = 3_600_000
_WORK = (7, 19)  # hours of the day, UTC
_WEEKEND = 0.6
_EVENLY = 0.618034  # luck spread evenly over the sessions: a few dozen of them must not make a trend by chance
_LONG = 0.004  # share of tool answers that are long
_LINE = "PASS  test_orders.py::test_total_is_rounded_half_up\n"

Event = dict[str, Any]


def moment(ms: int) -> str:
    """Milliseconds since 1970 as clients of AgentLens write them."""
    at = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=ms)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{ms % 1000:03d}Z"


def history(mind: Mind, seed: int, now: int) -> Iterator[list[Event]]:
    """The sessions that an agent has run before `now` (milliseconds), oldest first. The same day of the same seed is
    told in the same words whenever it is told."""
    if mind.newcomer:
        for number, hours in enumerate((5.0, 2.0)):
            rng = random.Random(f"{seed}:{mind.id}:new:{number}")  # noqa: S311  a simulation
            yield list(session(mind, mind.usual, rng, now - int(hours * _HOUR)))
        return
    today = now // _DAY
    for day in range(today - HISTORY, today + 1):
        rng = random.Random(f"{seed}:{mind.id}:{day}")  # noqa: S311  a simulation
        weekend = datetime.fromtimestamp(day * 86_400, UTC).weekday() >= 5
        starts = sorted(rng.uniform(*_WORK) for _ in range(12))
        for number, hour in enumerate(starts):
            at = day * _DAY + int(hour * _HOUR)
            manner = mind.manner((now - at) / _DAY)
            wanted = manner.busy * (_WEEKEND if weekend else 1.0)
            drawn = random.Random(rng.getrandbits(64))  # noqa: S311  a simulation
            if number * 7 % len(starts) >= round(wanted):  # spread over the day
                continue
            luck = (day * len(starts) + number) * _EVENLY % 1.0
            events = list(session(mind, manner, drawn, at, luck))
            if _ms(events[-1]) < now:
                yield events


def session(mind: Mind, manner: Manner, rng: random.Random, at: int, luck: float | None = None) -> Iterator[Event]:
    """One session that begins at an instant (milliseconds). It goes wrong if its `luck`, 0 to 1, is too small."""
    teller = _Teller(mind, manner, rng, at)
    yield from teller.tell((rng.random() if luck is None else luck) < manner.bad)


def _ms(event: Event) -> int:
    return int(event["at"])


class _Teller:
    def __init__(self, mind: Mind, manner: Manner, rng: random.Random, at: int) -> None:
        self._mind = mind
        self._manner = manner
        self._rng = rng
        self._at = at
        self._session = f"{rng.getrandbits(32):08x}"
        self._count = 0
        self._cost = 0.0

    def tell(self, bad: bool) -> Iterator[Event]:
        mind, manner, rng = self._mind, self._manner, self._rng
        rounds = max(1, round(rng.gauss(manner.rounds, manner.rounds / 5)))
        yield self._event("session_started", {"agentName": mind.name, "tags": [mind.channel]})
        for number in range(rounds):
            yield from self._thinks(number)
            yield from self._acts(number, fails=rng.random() < manner.failing or (bad and number == rounds - 1))
        if rng.random() < manner.breaks:
            return  # its process died: nobody says that it ended
        gave_up = bad and rng.random() < 0.6
        self._later(400)
        reason = "error" if gave_up else "completed"
        summary = f"{mind.task}: {mind.trouble}" if gave_up else f"{mind.task}: done"
        yield self._event("session_ended", {"reason": reason, "summary": summary}, "error" if gave_up else "info")

    def _thinks(self, number: int) -> Iterator[Event]:
        rng, manner = self._rng, self._manner
        call = f"llm-{number}"
        base = {"callId": call, "provider": "opal", "model": manner.model}
        yield self._event("llm_call", base | {"messages": [{"role": "user", "content": self._mind.task}]}, "debug")
        took = self._later(manner.pace * 600)
        cost = round(manner.price * rng.uniform(0.7, 1.3), 6)
        self._cost += cost
        read, written = int(cost * 90_000), int(cost * 12_000)
        usage = {"inputTokens": read, "outputTokens": written, "totalTokens": read + written}
        answer = {"completion": "Next step.", "finishReason": "tool_use", "usage": usage, "costUsd": cost}
        yield self._event("llm_response", base | answer | {"latencyMs": took})

    def _acts(self, number: int, *, fails: bool) -> Iterator[Event]:
        rng, mind = self._rng, self._mind
        tool, call = rng.choice(mind.tools), f"tool-{number}"
        arguments = {"path": f"src/part_{rng.randrange(40)}.py"} if "file" in tool else {"input": mind.task}
        self._later(200)
        yield self._event("tool_call", {"toolName": tool, "callId": call, "arguments": arguments})
        took = self._later(self._manner.pace * 380)
        about = {"callId": call, "toolName": tool, "durationMs": took}
        if fails:
            yield self._event("tool_error", about | {"error": mind.trouble}, "error")
        else:
            long = rng.random() < _LONG
            yield self._event("tool_response", about | {"result": _LINE * 240 if long else "ok", "isError": False})

    def _later(self, ms: float) -> int:
        passed = max(1, int(self._rng.gauss(ms, ms / 6)))
        self._at += passed
        return passed

    def _event(self, type_: str, payload: Event, severity: str = "info") -> Event:
        self._count += 1
        mind = self._mind
        return {
            "id": f"{self._session}-{self._count}",
            "sessionId": self._session,
            "agentId": mind.id,
            "eventType": type_,
            "severity": severity,
            "payload": payload,
            "metadata": {"channel": mind.channel, "label": mind.task} if self._count == 1 else {},
            "timestamp": moment(self._at),
            "at": self._at,  # for us; left out when it is published
        }
