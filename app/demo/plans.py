"""Plans: what a simulation's planner hands out to the other AI agents, and how each task went, as task events.

One session a day, of the planner's own: it says what became of the tasks that began that day, also on later days.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from app.demo.tales import Event, moment

PLANNER = "planner"
HISTORY = 65
"""Days that it has planned when the simulation begins: a month, the month before it, and what was open then."""
_DAY = 86_400_000
_HOUR = 3_600_000
_WORK = (7.0, 18.0)  # hours of the day, UTC
_WEEKEND = 0.3
_FAILS, _AGAIN, _STUCK = 0.08, 0.12, 0.02  # shares of tasks that fail, come back from review, stay where they are


@dataclass(frozen=True, slots=True)
class Kind:
    """Tasks of one board: how many on a working day, and how many hours of work each is. `slower`: the factor by which
    they take longer since a week ago."""

    board: str
    group: str
    agents: tuple[str, ...]
    titles: tuple[str, ...]
    daily: float
    hours: float
    slower: float = 1.0


KINDS = (
    Kind("checkout", "product", ("coder-7", "coder-8"), ("fix the failing build", "round totals half up", "update a"
         " dependency", "retry a payment once"), 6.0, 3.0, 1.6),
    Kind("search", "product", ("coder-8", "docs-writer"), ("describe an endpoint", "rank exact matches first", "drop an"
         " unused index"), 4.0, 2.0),
    Kind("reviews", "quality", ("reviewer-2",), ("review a change", "review a migration"), 7.0, 0.7, 0.8),
    Kind("support", "customers", ("support-eu", "support-us", "triage-bot"), ("answer a customer", "sort new tickets",
         "merge duplicates"), 9.0, 0.4),
    Kind("insights", "customers", ("sql-analyst", "log-reader"), ("answer a question about sales", "explain an alert"),
         3.0, 1.2),
)  # fmt: skip


def plans(seed: int, now: int) -> Iterator[list[Event]]:
    """The planner's sessions before `now` (milliseconds), oldest first; nothing of what is yet to come."""
    today = now // _DAY
    for day in range(today - HISTORY, today + 1):
        events = [event for event in _of_day(seed, day, now) if event["at"] <= now]
        if events:
            yield events


def planned(seed: int, number: int, now: int) -> list[Event]:
    """One task that is handed out now, with all that will become of it, within minutes: for who looks on."""
    rng = random.Random(f"{seed}:plan:live:{number}:{now}")  # noqa: S311  a simulation
    kind = rng.choices(KINDS, [each.daily for each in KINDS])[0]
    teller = _Teller(f"plan-{now}")
    teller.begin(now)
    teller.task(kind, rng, now + 1, 45_000 / _HOUR)
    teller.end(max(map(_at, teller.events)) + 1)
    return sorted(teller.events, key=_at)


def _of_day(seed: int, day: int, now: int) -> Sequence[Event]:
    rng = random.Random(f"{seed}:plan:{day}")  # noqa: S311  a simulation
    weekend = datetime.fromtimestamp(day * 86_400, UTC).weekday() >= 5
    teller = _Teller(f"plan-{day}")
    teller.begin(day * _DAY + int(_WORK[0] * _HOUR))
    for kind in KINDS:
        slower = kind.slower if now - day * _DAY < 7 * _DAY else 1.0
        for _ in range(max(0, round(rng.gauss(kind.daily, 1.0) * (_WEEKEND if weekend else 1.0)))):
            at = day * _DAY + int(rng.uniform(_WORK[0] + 0.1, _WORK[1]) * _HOUR)
            teller.task(kind, rng, at, kind.hours * slower)
    teller.end(day * _DAY + int((_WORK[1] + 1) * _HOUR))  # what becomes of its tasks is said afterwards as well
    return sorted(teller.events, key=_at)


def _at(event: Event) -> int:
    return int(event["at"])


class _Teller:
    def __init__(self, session: str) -> None:
        self.events: list[Event] = []
        self._session = session
        self._tasks = 0

    def begin(self, at: int) -> None:
        self._say(at, "session_started", {"agentName": "Planner", "tags": ["tasks"]})

    def end(self, at: int) -> None:
        self._say(at, "session_ended", {"reason": "completed", "summary": "the tasks were handed out"})

    def task(self, kind: Kind, rng: random.Random, at: int, hours: float) -> None:
        """From the inbox to wherever it gets."""
        self._tasks += 1
        agent = rng.choice(kind.agents)
        data = {
            "taskId": f"{self._session}-{self._tasks}", "title": rng.choice(kind.titles), "boardId": kind.board,
            "groupId": kind.group, "agentId": agent,
        }  # fmt: skip
        fate = rng.random()
        self._task(at, "inbox", data)
        at += int(rng.expovariate(1 / (hours * 0.5)) * _HOUR)
        if fate < _STUCK / 2:
            return
        self._task(at, "in_progress", data)
        if fate < _STUCK:
            return
        at += int(rng.lognormvariate(0.0, 0.6) * hours * _HOUR)
        failed = fate > 1 - _FAILS
        self._task(at, "review", data | ({"failed": True} if failed else {}))
        at += int(rng.expovariate(1 / (hours * 0.4)) * _HOUR)
        if failed or rng.random() < _AGAIN:
            self._task(at, "in_progress", data)
            at += int(rng.lognormvariate(0.0, 0.6) * hours * 0.5 * _HOUR)
            self._task(at, "review", data)
            at += int(rng.expovariate(1 / (hours * 0.4)) * _HOUR)
        self._task(at, "done", data)

    def _say(self, at: int, type_: str, payload: dict[str, Any]) -> None:
        number = len(self.events) + 1
        first = type_ == "session_started"
        self.events.append({
            "id": f"{self._session}-{number}",
            "sessionId": self._session,
            "agentId": PLANNER,
            "eventType": type_,
            "severity": "info",
            "payload": payload,
            "metadata": {"channel": "board", "label": "hand out tasks"} if first else {},
            "timestamp": moment(at),
            "at": at,  # for us; left out when it is published
        })  # fmt: skip

    def _task(self, at: int, status: str, data: dict[str, Any]) -> None:
        self._say(at, "custom", {"type": "task", "data": data | {"status": status}})
