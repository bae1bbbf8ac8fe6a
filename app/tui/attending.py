"""Attending: acknowledging, snoozing and muting findings, and taking that back. All decks of a worker share it."""

from __future__ import annotations

import re
from collections.abc import Coroutine
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from app.feed.acts import Acknowledge, Act, Mute, Snooze, TakeBack
from app.model.attention import Mark
from app.model.findings import Finding, urgency
from app.tui.picture import Picture
from widgets.menu import MenuItem

if TYPE_CHECKING:
    from app.tui.surface import Surface

LONGEST = timedelta(days=30)
"""Nothing is silenced for longer than this from a deck."""
MORNING = 8
"""The hour, local time, until which a night's snooze lasts."""
_PERIODS = {"15m": timedelta(minutes=15), "1h": timedelta(hours=1), "4h": timedelta(hours=4)}
_PERIOD = re.compile(r"(\d{1,5})([mhd])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
READ_ONLY = "read-only: this deck changes nothing"


class Attending:
    """What a person does about a finding, told to the worker."""

    def __init__(self, surface: Surface) -> None:
        self._surface = surface

    async def acknowledge(self) -> None:
        """`a`: asks for a note; of an acknowledged finding, whether that is to be taken back."""
        finding = self._finding("acknowledge")
        if finding is None:
            return
        attention = finding.attention
        if attention is not None and attention.state == "acked":
            at = "" if attention.at is None else f" {attention.at:%H:%M}Z"
            note = f': "{attention.note}"' if attention.note else ""
            await self._take_back(f"Acknowledged by {attention.by}{at}{note}.", f"ack|{finding.id}")
            return

        async def noted(note: str) -> None:
            await self._act(Acknowledge(finding.id, note.strip()), f"acknowledged: {finding.subject}")

        self._surface.prompts.ask("acknowledge, note:", noted)

    async def snooze(self) -> None:
        """`s`: asks until when."""
        finding = self._finding("snooze")
        if finding is None:
            return
        attention = finding.attention
        if attention is not None and attention.state == "snoozed":
            await self._take_back(f"Snoozed by {attention.by}.", f"snooze|{finding.id}")
            return
        now = self._surface.options.wall()
        morning = next_morning(now)
        items = [MenuItem(name, name, f"until {_local(now + period)}") for name, period in _PERIODS.items()]
        items.append(MenuItem("morning", f"until {MORNING:02}:00", f"{_local(morning)}"))

        def picked(key: str) -> None:
            until = morning if key == "morning" else now + _PERIODS[key]
            self._later(self._act(Snooze(finding.id, until), f"snoozed until {_local(until)}: {finding.subject}"))

        await self._surface.menus.open("Snooze", f"Hide {finding.kind} {finding.subject} for how long?", items, picked)

    async def mute(self, rest: str) -> None:
        """`:mute RULE SUBJECT 2h NOTE`: the rule is silent about subjects like that for so long."""
        if self._surface.options.hands_off:
            self._surface.say(READ_ONLY)
            return
        words = rest.split()
        place = next((at for at, word in enumerate(words) if at >= 2 and _PERIOD.fullmatch(word)), None)
        if place is None:
            self._surface.say("usage: mute RULE SUBJECT 2h NOTE; the time must be given", error=True)
            return
        period = parse_period(words[place])
        if period is None or not timedelta(0) < period <= LONGEST:
            self._surface.say("a mute lasts from 1m to 30d", error=True)
            return
        until = self._surface.options.wall() + period
        rule, subject, note = words[0], " ".join(words[1:place]), " ".join(words[place + 1 :])
        await self._act(Mute(rule, subject, until, note), f"{rule} is silent about {subject} until {_local(until)}")

    async def marks(self) -> None:
        """`:marks`: all that is acknowledged, snoozed and muted, to be taken back."""
        surface = self._surface
        marks = sorted(surface.picture.snapshot.marks.values(), key=lambda mark: mark.at, reverse=True)
        if not marks:
            surface.say("nothing is acknowledged, snoozed or muted")
            return
        items = [MenuItem(mark.key, mark_name(mark, surface.picture), mark_told(mark)) for mark in marks]

        def picked(key: str) -> None:
            if surface.options.hands_off:
                surface.say(READ_ONLY)
            else:
                self._later(self._act(TakeBack(key), "taken back"))

        await surface.menus.open("Marks", "Which is to be taken back?", items, picked)

    async def _take_back(self, sentence: str, mark: str) -> None:
        items = [MenuItem("leave", "leave it"), MenuItem("take", "take it back")]

        def picked(key: str) -> None:
            if key == "take":
                self._later(self._act(TakeBack(mark), "taken back"))

        await self._surface.menus.open("Taken care of", sentence, items, picked, cursor="leave")

    def _finding(self, what: str) -> Finding | None:
        """The finding under the cursor, or the worst one of the row; None, and said so, if there is none."""
        surface = self._surface
        if surface.options.hands_off:
            surface.say(READ_ONLY)
            return None
        found = finding_of(surface.stacks.page.pointed, surface.picture) or finding_of(
            surface.stacks.page.ref, surface.picture
        )
        if found is None:
            surface.say(f"nothing to {what} here")
        return found

    async def _act(self, act: Act, done: str) -> None:
        refusal = await self._surface.feed.act(act)
        self._surface.say(refusal or done, error=bool(refusal))

    def _later(self, doing: Coroutine[Any, Any, None]) -> None:
        self._surface.app.run_worker(doing, group="attending", exit_on_error=False)


def finding_of(ref: str, picture: Picture) -> Finding | None:
    """The finding that a ref names, or the most urgent one about its row: those that nobody cares for first."""
    kind, _, key = ref.partition(":")
    if kind == "finding":
        return picture.snapshot.findings.get(key)
    return min(picture.findings_of(ref), key=urgency, default=None) if ref else None


def next_morning(now: datetime) -> datetime:
    """The next time that it is `MORNING` o'clock here."""
    local = now.astimezone()
    morning = local.replace(hour=MORNING, minute=0, second=0, microsecond=0)
    return morning if morning > local else morning + timedelta(days=1)


def parse_period(text: str) -> timedelta | None:
    """`15m`, `2h`, `3d`; None for anything else."""
    match = _PERIOD.fullmatch(text)
    return None if match is None else timedelta(**{_UNITS[match[2]]: int(match[1])})


def mark_name(mark: Mark, picture: Picture) -> str:
    """What a mark is about."""
    if mark.finding:
        finding = picture.snapshot.findings.get(mark.finding)
        return f"{mark.kind} {f'{finding.kind} {finding.subject}' if finding else mark.finding.replace('|', ' ', 1)}"
    return f"{mark.kind} {mark.rule} {mark.subject}"


def mark_told(mark: Mark) -> str:
    """By whom, until when, and why."""
    until = f", until {_local(mark.until)}" if mark.until is not None else ""
    return f"{mark.by}{until}{f', {mark.note}' if mark.note else ''}"


def _local(at: datetime) -> str:
    """An instant as people here write it down, with its zone."""
    local = at.astimezone()
    return f"{local:%a %H:%M} {local.tzname() or f'{local:%z}'}"
