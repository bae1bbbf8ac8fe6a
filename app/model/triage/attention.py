"""Attention: what people have said of findings, laid over them. Pure: marks and findings in, findings out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import MappingProxyType

from app.model.attention import Mark, MarkKind
from app.model.findings import Attention, Finding, urgency

Findings = Mapping[str, Finding]

LASTS = timedelta(hours=24)
"""How long an acknowledgement holds at most."""
DOUBLED = 2.0
JOINED = 3

_AGEING = frozenset(("nats.unreachable", "nats.credentials", "facts.stale", "consumer.poison"))
"""Rules that measure only how long it lasts: an age doubles by itself, and is no worse for it."""


def worse(mark: Mark, finding: Finding, now: datetime) -> bool:
    """Whether a finding has got worse than what was acknowledged, or was acknowledged too long ago.

    Of one that is only the last known, nothing but the time is known to have changed.
    """
    if now - mark.at >= LASTS or (mark.until is not None and mark.until <= now):
        return True
    if finding.last_known:
        return False
    if mark.level is not None and finding.severity.rank > mark.level.rank:
        return True
    if finding.folded >= mark.joined + JOINED:
        return True
    if finding.rule in _AGEING or not mark.measured or finding.measured is None:
        return False
    return mark.measured > 0 and finding.measured >= DOUBLED * mark.measured


def said_of(finding: Finding, marks: Mapping[str, Mark], now: datetime) -> Attention | None:
    """What people have said of one finding: what hides it before what only puts it back."""
    snooze = marks.get(f"{MarkKind.SNOOZE}|{finding.id}")
    if snooze is not None and snooze.until is not None and snooze.until > now:
        return Attention("snoozed", snooze.by, snooze.at, snooze.until, snooze.note)
    ack = marks.get(f"{MarkKind.ACK}|{finding.id}")
    if ack is None:
        return None
    state = "returned" if worse(ack, finding, now) else "acked"
    return Attention(state, ack.by, ack.at, None, ack.note)


class Mutes:
    """The mutes in force at one instant."""

    def __init__(self, marks: Iterable[Mark] = (), now: datetime | None = None) -> None:
        self._by_rule: dict[str, list[tuple[re.Pattern[str], Mark]]] = {}
        self.until: datetime | None = None  # when the first of them ends
        for mark in marks:
            if mark.kind is not MarkKind.MUTE or mark.until is None or (now is not None and mark.until <= now):
                continue
            self._by_rule.setdefault(mark.rule, []).append((_pattern(mark.subject), mark))
            self.until = mark.until if self.until is None else min(self.until, mark.until)

    def of(self, finding: Finding) -> Attention | None:
        """The mute that a finding falls under."""
        for pattern, mark in self._by_rule.get(finding.rule, ()):
            if pattern.fullmatch(finding.subject):
                return Attention("muted", mark.by, mark.at, mark.until, mark.note)
        return None

    def __bool__(self) -> bool:
        return bool(self._by_rule)


def _pattern(subject: str) -> re.Pattern[str]:
    """`*` is any text, `?` one character, everything else itself; case is ignored.

    Each `*` takes the least that fits and is not tried again: a pattern of many costs no more than its length.
    """
    first, *others = ("".join("." if each == "?" else re.escape(each) for each in part) for part in subject.split("*"))
    if not others:
        return re.compile(first, re.IGNORECASE | re.DOTALL)
    *middle, last = others
    steps = "".join(f"(?>.*?{part})" for part in middle if part)
    return re.compile(f"{first}{steps}.*{last}", re.IGNORECASE | re.DOTALL)


class Attending:
    """Lays marks over findings, tick after tick: what did not change stays the same object."""

    def __init__(self) -> None:
        self._made: dict[str, tuple[Finding, Finding]] = {}  # id -> as judged, as attended
        self._last: tuple[Findings, Findings] | None = None
        self._mutes = Mutes()
        self._marks: Mapping[str, Mark] = MappingProxyType({})

    def mutes(self, marks: Mapping[str, Mark], now: datetime) -> Mutes:
        """The mutes of some marks; the same object while they are the same."""
        over = self._mutes.until is not None and self._mutes.until <= now
        if marks is not self._marks or over:
            self._marks, self._mutes = marks, Mutes(marks.values(), now)
        return self._mutes

    def attend(self, findings: Findings, marks: Mapping[str, Mark], now: datetime) -> Findings:
        """The findings with what people have said of them, in the order in which a person should look."""
        mutes = self.mutes(marks, now)
        named = dict.fromkeys(mark.finding for mark in marks.values() if mark.finding in findings)
        said = {name: said_of(findings[name], marks, now) for name in named}
        if mutes:
            for name, finding in findings.items():
                if (muted := mutes.of(finding)) is not None:
                    said[name] = muted
        made: dict[str, tuple[Finding, Finding]] = {}
        for name, attention in said.items():
            if attention is not None:
                judged, before = findings[name], self._made.get(name)
                if before is None or before[0] is not judged or before[1].attention != attention:
                    before = (judged, replace(judged, attention=attention))
                made[name] = before
        if not made:
            self._made, self._last = made, None
            return findings
        same = self._last is not None and self._last[0] is findings and self._made.keys() == made.keys()
        if same and self._last is not None and all(each[1] is self._made[name][1] for name, each in made.items()):
            return self._last[1]
        whole = {**findings, **{name: each[1] for name, each in made.items()}}
        attended = MappingProxyType({each.id: each for each in sorted(whole.values(), key=urgency)})
        self._made, self._last = made, (findings, attended)
        return attended


@dataclass(frozen=True, slots=True)
class Settled:
    """What has become of the marks: acknowledgements that hold no more, and keys of marks that are over."""

    lapsed: tuple[Mark, ...] = ()
    over: tuple[str, ...] = ()


def settle(marks: Mapping[str, Mark], findings: Findings, now: datetime, cleared: Callable[[str], bool]) -> Settled:
    """What becomes of marks now. `cleared` says of the id of a finding that is not there whether it is really over.

    An acknowledgement that once ceased to hold does not come back when things get better again.
    """
    lapsed: list[Mark] = []
    over: list[str] = []
    for key, mark in marks.items():
        if mark.kind is not MarkKind.ACK:
            if mark.until is None or mark.until <= now:
                over.append(key)
            continue
        finding = findings.get(mark.finding)
        if finding is None:
            if cleared(mark.finding):
                over.append(key)
        elif mark.until is None and worse(mark, finding, now):
            lapsed.append(replace(mark, until=now))
    return Settled(tuple(lapsed), tuple(over))
