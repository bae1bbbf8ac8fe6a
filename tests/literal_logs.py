"""A unit with a log as literals, and a feed that answers about it as a worker does."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from app.feed.questions import LogsOf, Unanswered
from app.model.components import Component, ComponentKind
from app.model.health import Health
from app.model.snapshot import Snapshot
from app.model.units import LogLine, LogPage, Unit
from tests.literals import NOW, LiteralFeed, ago, fleet, keyed

WEB = Component(
    "unit:web", ComponentKind.UNIT, "web", Health.WARN, "activating", since=ago(3), rss=52_428_800,
    reason="exit code 1, restarted 4 times in 10m", started_at=ago(3),
    unit=Unit(
        "web.service", "user", "loaded", "activating", "auto-restart", "exit-code", "exit code 1", "simple",
        "The web", "", 4242, 7, 4, (ago(3), ago(60)), "enabled", "/etc/systemd/user/web.service",
    ),
)  # fmt: skip
DB = Component(
    "unit:db", ComponentKind.UNIT, "db", Health.OK, "active", since=ago(7200),
    unit=Unit("db.service", "user", "loaded", "active", "running", "success"),
)  # fmt: skip


def line(number: int, at: datetime, **fields: Any) -> LogLine:
    """The line of that number: each tenth is an error, each fifth a warning."""
    priority = 3 if number % 10 == 0 else 4 if number % 5 == 0 else 6
    known = {"priority": priority, "text": f"request {number} done", "source": "uvicorn", "pid": 42, **fields}
    return LogLine(f"c{number}", at, **known)


def with_units(**changed: Any) -> Snapshot:
    """The fleet, with two units."""
    snapshot = fleet(**changed)
    return fleet(**{"components": {**snapshot.components, **keyed([WEB, DB])}, **changed})


class LogFeed(LiteralFeed):
    """Answers about the log of `web` as a worker does; `log` may be added to."""

    def __init__(self, lines: int = 1000) -> None:
        super().__init__(with_units())
        self.log = [line(number, NOW - timedelta(seconds=lines - number)) for number in range(lines)]
        self.silent = ""
        self.look_most = 1_000_000

    def write(self, number: int, **fields: Any) -> None:
        """The unit logs something now."""
        self.log.append(line(number, self.wall(), **fields))

    async def ask(self, question: Any) -> Any:
        if not isinstance(question, LogsOf):
            return await super().ask(question)
        self.asked.append(question)
        if self.silent or question.name != "web":
            return Unanswered(self.silent or "there is no such unit here")
        return self._page(question)

    def _page(self, asked: LogsOf) -> LogPage:
        places = {each.cursor: at for at, each in enumerate(self.log)}
        backwards = asked.older or not asked.cursor
        at = places.get(asked.cursor, len(self.log))
        way = range(at - 1, -1, -1) if backwards else range(at + 1, len(self.log))
        found: list[LogLine] = []
        looked: list[LogLine] = []
        full = False
        for place in way:
            if len(found) >= asked.limit or len(looked) >= self.look_most:
                full = True
                break
            each = self.log[place]
            if each.priority > asked.priority:
                continue
            looked.append(each)
            if asked.contains.casefold() in each.text.casefold():
                found.append(each)
        if backwards:
            found.reverse()
            looked.reverse()
        oldest, newest = (looked[0].cursor, looked[-1].cursor) if looked else ("", "")
        return LogPage(
            "web", "web.service", "user", tuple(found),
            older=(oldest if full else "") if backwards else oldest or asked.cursor, newer=newest or asked.cursor,
            looked_at=len(looked), partly=full and len(found) < asked.limit,
        )  # fmt: skip

    @property
    def logs_asked(self) -> list[LogsOf]:
        return [each for each in self.asked if isinstance(each, LogsOf)]
