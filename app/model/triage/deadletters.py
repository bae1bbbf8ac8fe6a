"""The rule `dead_letters`: messages that nobody will process any more, by the stream that keeps them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from app.model.changes import Changes, Timed
from app.model.findings import Evidence, Severity, Step
from app.model.fleet import parse_consumer
from app.model.jobs import DeadKind, DeadLetter
from app.model.text import count
from app.model.triage.candidates import Candidate, Context, instant
from app.model.triage.steps import nats, steps
from app.model.triage.thresholds import Limits, Threshold, Unit, written

DEAD = "dead_letters"
SOURCE = "deadletters"
UNKEPT = "unkept/"
"""Begins the key of a finding about letters that no stream keeps; their stream of origin follows."""

THRESHOLDS = {
    DEAD: (
        Threshold("window", Unit.SECONDS, 900.0, "in which a new one counts"),
        Threshold("crit", Unit.NUMBER, 10.0, "new ones in a short time are CRIT"),
        Threshold("crit_window", Unit.SECONDS, 300.0, "that short time"),
    ),
}

_NAMED = 20
_ERROR = 60


@dataclass(frozen=True, slots=True)
class Group:
    """What dead letters have in common."""

    who: str  # host, else the consumer
    operation: str
    error: str
    hosted: bool = False


class _Pile:
    """The new letters of one place, by time and by what they have in common, and what was last said of them."""

    __slots__ = ("begun", "due", "groups", "letters", "others", "said")

    def __init__(self) -> None:
        self.letters = Timed()
        self.groups: Counter[Group] = Counter()
        self.others = 0  # letters that died otherwise than by being deleted
        self.begun: float | None = None
        self.said: Candidate | None = None
        self.due = 0.0

    @property
    def deleted(self) -> bool:
        return not self.others


class DeadLetters:
    """Follows the dead letters from snapshot to snapshot; only those of the window are held."""

    def __init__(self) -> None:
        self._changes: Changes[DeadLetter] = Changes()
        self._of: dict[str, tuple[str, Group, DeadLetter]] = {}
        self._piles: dict[str, _Pile] = {}

    def candidates(self, context: Context) -> Iterator[Candidate]:
        limits = context.thresholds.of(DEAD)
        if not limits.on:
            return
        now = context.now.timestamp()
        self._take(context, now - limits["window"])
        for place, pile in list(self._piles.items()):
            for key in pile.letters.expire(now - limits["window"]):
                self._forget(key)
            if not pile.groups:
                del self._piles[place]
                continue
            if pile.said is None or now >= pile.due:
                self._say(place, pile, context, limits)
            if pile.said is not None:
                yield pile.said

    def by_host(self) -> Counter[str]:
        """New letters by the host whose consumer gave up."""
        found: Counter[str] = Counter()
        for pile in self._piles.values():
            for group, number in pile.groups.items():
                if group.hosted:
                    found[group.who] += number
        return found

    def hosts(self, place: str) -> frozenset[str] | None:
        """The hosts behind all letters of a place; None where one of them has none."""
        pile = self._piles.get(place)
        if pile is None or not all(group.hosted for group in pile.groups):
            return None
        return frozenset(group.who for group in pile.groups)

    def deleted_from(self, place: str) -> str:
        """The key of the one consumer whose messages were deleted before it had acknowledged them; empty where letters
        of a place died otherwise, or of several consumers."""
        pile = self._piles.get(place)
        if pile is None or not place.startswith(UNKEPT):
            return ""
        names = {group.who for group in pile.groups}
        return f"{place.removeprefix(UNKEPT)}/{names.pop()}" if len(names) == 1 and pile.deleted else ""

    def _take(self, context: Context, oldest: float) -> None:
        table = context.snapshot.deadletters
        changed, gone = self._changes.of(table)
        for key in (*gone, *changed):
            if key in self._of:
                self._piles[self._of[key][0]].letters.drop(key)
                self._forget(key)
        for key in changed:
            letter = table[key]
            if letter.at is None or (at := letter.at.timestamp()) < oldest:
                continue
            place = letter.stream or UNKEPT + letter.origin
            group = _group(letter)
            self._of[key] = (place, group, letter)
            pile = self._piles.setdefault(place, _Pile())
            pile.letters.put(key, at)
            pile.groups[group] += 1
            pile.others += letter.kind is not DeadKind.DELETED
            pile.due = 0.0

    def _forget(self, key: str) -> None:
        place, group, letter = self._of.pop(key)
        pile = self._piles[place]
        pile.groups[group] -= 1
        pile.others -= letter.kind is not DeadKind.DELETED
        pile.due = 0.0
        if not pile.groups[group]:
            del pile.groups[group]

    def _say(self, place: str, pile: _Pile, context: Context, limits: Limits) -> None:
        if pile.begun is None:
            pile.begun = pile.letters.first
        newest = [self._of[key][2] for key in reversed(pile.letters.newest(_NAMED))]
        pile.said = _candidate(place, pile, newest, context, limits)
        # An older one leaving the short window changes the sentence.
        pile.due = context.now.timestamp() + 5


def _group(letter: DeadLetter) -> Group:
    if letter.host:
        return Group(letter.host, letter.operation, letter.error, hosted=True)
    return Group(letter.consumer, letter.operation, letter.error)


def _candidate(place: str, pile: _Pile, newest: list[DeadLetter], context: Context, limits: Limits) -> Candidate:
    now = context.now.timestamp()
    lately = len(pile.letters) - pile.letters.until(now - limits["crit_window"] - 1e-6)
    kept = not place.startswith(UNKEPT)
    name = place if kept else place.removeprefix(UNKEPT)
    many = lately >= limits["crit"]
    stream = context.snapshot.streams.get(name)
    if kept:
        number, window = (lately, limits["crit_window"]) if many else (len(pile.letters), limits["window"])
        what = f"{count(number)} dead in {written(Unit.SECONDS, window)}{_who(pile, context)}"
        severity = Severity.CRIT if many else Severity.WARN
    else:
        what = _unkept(pile, newest)
        severity = Severity.CRIT if stream is not None and stream.retention == "workqueue" else Severity.WARN
    since = None if pile.begun is None else datetime.fromtimestamp(pile.begun, UTC)
    return Candidate(
        DEAD,
        place,
        "dead",
        stream.label if stream is not None else name or "messages",
        what,
        severity,
        tuple(f"deadletter:{letter.key}" for letter in newest),
        keep=Severity.CRIT if kept and lately >= 0.9 * limits["crit"] else severity,
        begun=since,
        since=since,
        clear=0.0,
        detail=_groups(pile, context),
        evidence=(
            Evidence(
                "new",
                f"{lately} in {written(Unit.SECONDS, limits['crit_window'])}, "
                f"{len(pile.letters)} in {written(Unit.SECONDS, limits['window'])}",
                f"any / {limits['crit']:g} in {written(Unit.SECONDS, limits['crit_window'])}",
                limits.origin("crit"),
            ),
            Evidence("last", instant(datetime.fromtimestamp(pile.letters.last or now, UTC), context.now)),
        ),
        steps=_steps(newest, context),
        measured=float(len(pile.letters)),
        source=SOURCE,
    )


def _unkept(pile: _Pile, newest: list[DeadLetter]) -> str:
    number = len(pile.letters)
    them = "them" if number != 1 else "it"
    if pile.deleted:
        return f"{count(number)} deleted before {'they were' if number != 1 else 'it was'} acknowledged"
    if all(letter.kind is DeadKind.TERMINATED for letter in newest):
        return f"{count(number)} terminated and nothing keeps {them}"
    tries = {letter.deliveries for letter in newest}
    after = f" after {tries.pop()} tries" if len(tries) == 1 and newest[0].deliveries else ""
    return f"{count(number)} gave up{after} and nothing keeps {them}"


def _worst(pile: _Pile) -> list[tuple[Group, int]]:
    return sorted(pile.groups.items(), key=lambda pair: (-pair[1], pair[0].who, pair[0].error))


def _who(pile: _Pile, context: Context) -> str:
    """`, 9 from web-03: timeout`: the largest group."""
    group, number = _worst(pile)[0]
    whose = _name(group, context)
    if not whose and not group.error:
        return ""
    share = "" if number == len(pile.letters) == 1 else "all " if number == len(pile.letters) else f"{count(number)} "
    error = f": {_cut(group.error)}" if group.error else ""
    return f", {share}from {whose}{error}" if whose else f"{error}"


def _groups(pile: _Pile, context: Context) -> str:
    """The largest groups in one line."""
    told = []
    for group, number in _worst(pile)[:3]:
        words = " ".join(filter(None, (_name(group, context), group.operation)))
        told.append(f"{count(number)} {words}{f': {_cut(group.error)}' if group.error else ''}")
    return "; ".join(told)


def _name(group: Group, context: Context) -> str:
    if group.hosted:
        agent = context.snapshot.agents.get(group.who)
        return agent.hostname if agent is not None and agent.hostname else group.who
    parsed = parse_consumer(group.who)
    if parsed is None:
        return group.who
    owner = context.snapshot.agents.get(parsed.machine)
    return parsed.label(owner.hostname if owner is not None else None)


def _steps(newest: list[DeadLetter], context: Context) -> tuple[Step, ...]:
    letter = newest[0]
    pairs = []
    if letter.stream:
        where = (letter.stream, str(letter.sequence))
        pairs.append(("See the newest of them", nats(context.site, "stream", "get", foreign=where)))
    if letter.origin and letter.origin_sequence:
        where = (letter.origin, str(letter.origin_sequence))
        pairs.append(
            ("See the message itself, if it is still kept", nats(context.site, "stream", "get", foreign=where))
        )
    if letter.origin and letter.consumer:
        where = (letter.origin, letter.consumer)
        pairs.append(("See the consumer that gave up", nats(context.site, "consumer", "info", foreign=where)))
    return steps(*pairs)


def _cut(error: str) -> str:
    return error if len(error) <= _ERROR else f"{error[: _ERROR - 1]}…"
