"""The wire by its laws: whatever happens between two questions, whole plus changes is whole."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.feed.assembler import Assembler, Step
from app.feed.ledger import TOMBSTONE_AGE, Ledger
from app.feed.wire import (
    ALWAYS,
    BYE,
    ROWS_PER_LINE,
    WIRE,
    Mark,
    WireError,
    WireMismatch,
    WorkerLeaving,
    decode_answer,
)
from app.model.broker import Connection, LinkState, Stream
from app.model.findings import Finding, Severity
from app.model.fleet import Agent, Vitals
from app.model.health import Health
from app.model.snapshot import SECTIONS, Capability, Count, Site, Snapshot, SourceState, SourceStatus, Verdict

NOW = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)
USED = ("findings", "streams", "agents", "vitals")


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def record(section: str, key: str, value: int) -> Any:
    if section == "findings":
        return Finding(id=key, rule="r", severity=Severity.WARN, kind="k", subject=key, what=str(value))
    if section == "streams":
        return Stream(key, messages=value)
    if section == "agents":
        return Agent(key, key, key, os=str(value))
    return Vitals(key, NOW, cpu=float(value))


def ask(ledger: Ledger, assembler: Assembler, sections: frozenset[str]) -> tuple[bytes, frozenset[str]]:
    """One question as the feed puts it."""
    assembler.keep(sections)
    lacking = assembler.lacks(sections)
    since, asked = (None, lacking) if lacking else (assembler.mark, sections)
    return ledger.answer(since, asked), asked


def learn(ledger: Ledger, assembler: Assembler, sections: frozenset[str] = frozenset()) -> Step:
    body, asked = ask(ledger, assembler, sections)
    step = assembler.read(body, asked)
    assembler.take(step)
    return step


def snapshot(seq: int, *, epoch: str = "e", **fields: Any) -> Snapshot:
    return Snapshot(epoch=epoch, seq=seq, at=NOW, **fields)


def vitals(values: dict[str, int]) -> dict[str, Vitals]:
    return {key: record("vitals", key, value) for key, value in values.items()}


# laws

tables = st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 3), max_size=6)


@dataclass(frozen=True)
class Publish:
    section: str
    table: dict[str, int]


@dataclass(frozen=True)
class Poll:
    sections: frozenset[str]
    lost: bool


@dataclass(frozen=True)
class Restart:
    """Another worker takes over."""


@dataclass(frozen=True)
class Away:
    """Longer than tombstones are kept."""


happenings = st.lists(
    st.one_of(
        st.builds(Publish, st.sampled_from(USED), tables),
        st.builds(Poll, st.frozensets(st.sampled_from(USED)), st.booleans()),
        st.just(Restart()),
        st.just(Away()),
    ),
    max_size=40,
)


def shown(before: Snapshot, step: Step) -> None:
    """What a step says of its changes is exactly what changed, and what did not is the same object."""
    for section in SECTIONS:
        old, new = before.section(section), step.snapshot.section(section)
        for key in old.keys() & new.keys():
            assert (new[key] is old[key]) == (new[key] == old[key])
        if section in step.whole or section not in step.held:
            continue
        assert step.gone.get(section, frozenset()) == old.keys() - new.keys()
        assert step.changed.get(section, frozenset()) == {
            key for key, value in new.items() if key not in old or old[key] != value
        }


@settings(max_examples=300, deadline=None)
@given(happenings)
def test_whatever_happens_the_deck_ends_with_what_the_worker_holds(events: list[Any]) -> None:
    clock = Clock()
    ledger = Ledger(clock=clock)
    assembler = Assembler()
    truth = snapshot(1)
    ledger.update(truth)
    epochs = 0
    for event in [*events, Poll(frozenset(USED), False)]:
        if isinstance(event, Publish):
            table = {key: record(event.section, key, value) for key, value in event.table.items()}
            truth = replace(truth, seq=truth.seq + 1, **{event.section: table})
            ledger.update(truth)
        elif isinstance(event, Restart):
            epochs += 1
            ledger, truth = Ledger(clock=clock), replace(truth, epoch=f"e{epochs}", seq=1)
            ledger.update(truth)
        elif isinstance(event, Away):
            clock.now += TOMBSTONE_AGE + 1
        else:
            for _ in range(3):
                body, asked = ask(ledger, assembler, event.sections)
                step = assembler.read(body, asked)
                if event.lost:
                    break
                before = assembler.snapshot
                assembler.take(step)
                shown(before, step)
                if not assembler.lacks(event.sections) and assembler.mark == ledger.mark:
                    break
            if not event.lost:
                for section in SECTIONS:
                    wanted = section in event.sections or section in ALWAYS
                    assert dict(assembler.snapshot.section(section)) == (truth.section(section) if wanted else {})
                assert not ledger.news(assembler.mark, event.sections)


@given(tables, tables)
def test_two_snapshots_whole_plus_changes_is_whole(first: dict[str, int], second: dict[str, int]) -> None:
    ledger, follower, newcomer = Ledger(), Assembler(), Assembler()
    ledger.update(snapshot(1, vitals=vitals(first)))
    learn(ledger, follower, frozenset({"vitals"}))
    ledger.update(snapshot(2, vitals=vitals(second)))
    learn(ledger, follower, frozenset({"vitals"}))
    learn(ledger, newcomer, frozenset({"vitals"}))
    assert follower.snapshot.vitals == newcomer.snapshot.vitals == vitals(second)


@given(tables, st.data())
def test_a_damaged_answer_is_a_wire_error_and_changes_nothing(table: dict[str, int], data: st.DataObject) -> None:
    ledger, assembler = Ledger(), Assembler()
    ledger.update(snapshot(1, vitals=vitals(table)))
    learn(ledger, assembler, frozenset({"vitals"}))
    known = assembler.snapshot
    body = bytearray(ledger.answer(None, {"vitals"}))
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    with suppress(WireError):  # anything else is not expected by those who read
        assembler.read(bytes(body), {"vitals"})
    assert assembler.snapshot is known


# what is sent


def test_only_changed_rows_are_sent() -> None:
    ledger, assembler = Ledger(), Assembler()
    first = vitals({f"a{i}": i for i in range(1200)})
    ledger.update(snapshot(1, vitals=first))
    learn(ledger, assembler, frozenset({"vitals"}))
    second = first | {"a7": record("vitals", "a7", 99)}
    del second["a8"]
    ledger.update(snapshot(2, vitals=second))
    answer = decode_answer(ledger.answer(assembler.mark, {"vitals"}))
    (line,) = answer.lines
    assert (line.section, line.whole, line.gone) == ("vitals", False, ["a8"])
    assert [row["key"] for row in msgspec.json.decode(line.rows)] == ["a7"]


def test_lines_hold_at_most_500_rows_and_only_the_first_says_whole() -> None:
    ledger = Ledger()
    ledger.update(snapshot(1, vitals=vitals({f"a{i}": i for i in range(1200)})))
    answer = decode_answer(ledger.answer(None, {"vitals"}))
    lines = [line for line in answer.lines if line.section == "vitals"]
    assert [len(msgspec.json.decode(line.rows)) for line in lines] == [ROWS_PER_LINE, ROWS_PER_LINE, 200]
    assert [line.whole for line in lines] == [True, False, False]


def test_equal_rows_made_anew_are_no_change() -> None:
    ledger, assembler = Ledger(), Assembler()
    ledger.update(snapshot(1, vitals=vitals({"a": 1})))
    learn(ledger, assembler, frozenset({"vitals"}))
    ledger.update(snapshot(2, vitals=vitals({"a": 1})))
    assert not ledger.news(assembler.mark, {"vitals"})
    assert decode_answer(ledger.answer(assembler.mark, {"vitals"})).lines == ()


def test_ten_decks_get_the_same_news_encoded_once_and_nothing_old_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    encoded: list[Any] = []
    from app.feed import ledger as module

    encode = module.encode_record
    monkeypatch.setattr(module, "encode_record", lambda row: encoded.append(row) or encode(row))
    ledger = Ledger()
    ledger.update(snapshot(1, vitals=vitals({f"a{i}": i for i in range(50)})))
    answers = {ledger.answer(None, {"vitals"}) for _ in range(10)}
    assert (len(answers), len(encoded)) == (1, 50)
    encoded.clear()
    ledger.update(snapshot(2, vitals=vitals({f"a{i}": i for i in range(52)})))
    ledger.answer(Mark("e", 1), {"vitals"})
    b"".join(ledger.lines(Mark("e", 1), {"vitals"}))
    assert len(encoded) == 2
    ledger.update(snapshot(3, vitals=vitals({f"a{i}": i for i in range(53)})))
    ledger.answer(Mark("e", 1), {"vitals"})
    assert len(encoded) == 2 + 3


def test_an_answer_tells_the_instant_it_was_asked_for_however_late_it_is_sent() -> None:
    ledger, assembler = Ledger(), Assembler()
    ledger.update(snapshot(1, vitals=vitals({"a": 1, "b": 1})))
    lines = ledger.lines(None, {"vitals"})
    ledger.update(snapshot(2, vitals=vitals({"a": 2})))
    assembler.take(assembler.read(b"".join(lines), {"vitals"}))
    assert assembler.mark == Mark("e", 1)
    assert assembler.snapshot.vitals == vitals({"a": 1, "b": 1})


def test_a_deck_away_longer_than_tombstones_gets_the_section_whole_and_is_told_what_went() -> None:
    clock = Clock()
    ledger, assembler = Ledger(clock=clock), Assembler()
    ledger.update(snapshot(1, vitals=vitals({"a": 1, "b": 1}), streams={"S": Stream("S")}))
    wanted = frozenset({"vitals", "streams"})
    learn(ledger, assembler, wanted)
    ledger.update(snapshot(2, vitals=vitals({"a": 1}), streams={"S": Stream("S")}))
    clock.now += TOMBSTONE_AGE + 1
    ledger.update(snapshot(3, vitals=vitals({"a": 1}), streams={"S": Stream("S")}))
    answer = decode_answer(ledger.answer(assembler.mark, wanted))
    assert [(line.section, line.whole) for line in answer.lines] == [("vitals", True)]
    step = learn(ledger, assembler, wanted)
    assert step.gone == {"vitals": frozenset({"b"})}
    assert step.whole == frozenset()


def test_a_row_that_comes_back_is_changed_and_not_gone() -> None:
    ledger, assembler = Ledger(), Assembler()
    ledger.update(snapshot(1, vitals=vitals({"a": 1})))
    learn(ledger, assembler, frozenset({"vitals"}))
    ledger.update(snapshot(2))
    ledger.update(snapshot(3, vitals=vitals({"a": 2})))
    step = learn(ledger, assembler, frozenset({"vitals"}))
    assert (step.changed, step.gone) == ({"vitals": frozenset({"a"})}, {})


def test_a_new_section_is_asked_whole_and_the_others_catch_up() -> None:
    ledger, assembler = Ledger(), Assembler()
    ledger.update(snapshot(1, vitals=vitals({"a": 1}), streams={"S": Stream("S")}))
    learn(ledger, assembler, frozenset({"vitals"}))
    ledger.update(snapshot(2, vitals=vitals({"a": 2}), streams={"S": Stream("S", messages=1)}))
    step = learn(ledger, assembler, frozenset({"vitals", "streams"}))
    assert step.whole == {"streams"}
    assert assembler.mark == Mark("e", 1)  # vitals are still of then
    assert ledger.news(assembler.mark, {"vitals", "streams"})
    step = learn(ledger, assembler, frozenset({"vitals", "streams"}))
    assert step.changed == {"vitals": frozenset({"a"})}
    assert assembler.mark == ledger.mark


def test_a_dropped_section_is_let_go_and_comes_whole_again() -> None:
    ledger, assembler = Ledger(), Assembler()
    ledger.update(snapshot(1, vitals=vitals({"a": 1}), streams={"S": Stream("S")}))
    learn(ledger, assembler, frozenset({"vitals", "streams"}))
    learn(ledger, assembler, frozenset({"streams"}))
    assert assembler.snapshot.vitals == {}
    ledger.update(snapshot(2, vitals=vitals({"b": 1}), streams={"S": Stream("S")}))
    step = learn(ledger, assembler, frozenset({"vitals", "streams"}))
    assert step.whole == {"vitals"}
    assert assembler.snapshot.vitals == vitals({"b": 1})


def test_an_unchanged_table_stays_the_same_object() -> None:
    ledger, assembler = Ledger(), Assembler()
    ledger.update(snapshot(1, vitals=vitals({"a": 1}), site=Site(name="x"), sources={"s": SourceState("s")}))
    learn(ledger, assembler, frozenset({"vitals"}))
    before = assembler.snapshot
    ledger.update(snapshot(2, vitals=vitals({"a": 1}), site=Site(name="x"), sources={"s": SourceState("s")}))
    learn(ledger, assembler, frozenset({"vitals"}))
    assert assembler.snapshot.seq == 2
    for name in ("vitals", "findings", "site", "sources", "verdict", "counts"):
        assert getattr(assembler.snapshot, name) is getattr(before, name)


# what is news

BASE = snapshot(
    1,
    site=Site(connection=Connection(LinkState.CONNECTED, rtt=0.001)),
    sources={"streams": SourceState("streams", SourceStatus.OK, NOW)},
    counts={"streams": Count(ok=1)},
    verdict=Verdict(Health.OK),
)
LATER = datetime(2026, 11, 22, 14, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "fields",
    [
        {"site": Site(connection=Connection(LinkState.CONNECTED, rtt=0.009))},
        {"site": Site(connection=Connection(LinkState.CONNECTED, rtt=0.001), clock_offset=0.2)},
        {"sources": {"streams": SourceState("streams", SourceStatus.OK, LATER)}},
        {"at": LATER},
        {"vitals": vitals({"a": 1})},
    ],
    ids=["round trip", "clock offset", "age of facts", "clock", "a section not asked for"],
)
def test_is_no_news_but_comes_along(fields: dict[str, Any]) -> None:
    ledger, assembler = Ledger(), Assembler()
    ledger.update(BASE)
    learn(ledger, assembler)
    ledger.update(replace(BASE, seq=2, **fields))
    assert not ledger.news(assembler.mark, ())
    learn(ledger, assembler)
    for name, value in fields.items():
        if name != "vitals":
            assert getattr(assembler.snapshot, name) == value


@pytest.mark.parametrize(
    "fields",
    [
        {"site": Site(connection=Connection(LinkState.DOWN))},
        {"site": replace(BASE.site, capabilities=frozenset({Capability.FLEET}))},
        {"sources": {"streams": SourceState("streams", SourceStatus.FAILED, NOW, "list times out")}},
        {"sources": {"streams": SourceState("streams", SourceStatus.OK, NOW, "something else")}},
        {"verdict": Verdict(Health.CRIT, crit=1)},
        {"counts": {"streams": Count(ok=2)}},
        {"findings": {"f": record("findings", "f", 1)}},
    ],
    ids=["connection", "capabilities", "source state", "source error", "verdict", "counts", "a finding"],
)
def test_is_news_to_every_deck(fields: dict[str, Any]) -> None:
    ledger, assembler = Ledger(), Assembler()
    ledger.update(BASE)
    learn(ledger, assembler)
    ledger.update(replace(BASE, seq=2, **fields))
    assert ledger.news(assembler.mark, ())
    learn(ledger, assembler)
    assert not ledger.news(assembler.mark, ())
    for name, value in fields.items():
        assert getattr(assembler.snapshot, name) == value


def test_a_row_that_went_is_news_to_who_shows_its_section() -> None:
    ledger = Ledger()
    ledger.update(snapshot(1, vitals=vitals({"a": 1})))
    ledger.update(snapshot(2))
    assert ledger.news(Mark("e", 1), {"vitals"})
    assert not ledger.news(Mark("e", 1), {"streams"})


def test_a_mark_of_another_run_or_of_the_future_is_answered_whole_and_at_once() -> None:
    ledger = Ledger()
    ledger.update(snapshot(5, vitals=vitals({"a": 1})))
    for mark in (None, Mark("other", 5), Mark("e", 6), Mark("e", 2)):
        assert ledger.news(mark, {"vitals"})
        lines = decode_answer(ledger.answer(mark, {"vitals"})).lines
        assert [(line.section, line.whole) for line in lines] == [("findings", True), ("vitals", True)]


def test_an_older_snapshot_changes_nothing() -> None:
    ledger = Ledger()
    ledger.update(snapshot(2, vitals=vitals({"a": 2})))
    ledger.update(snapshot(1, vitals=vitals({"a": 1})))
    assert ledger.mark == Mark("e", 2)


# what cannot be read


def test_another_wire_is_one_sentence_naming_both() -> None:
    ledger = Ledger()
    ledger.update(snapshot(1, site=Site(version="0.9.0")))
    body = ledger.answer(None, ()).replace(b'{"wire":%d' % WIRE, b'{"wire":%d' % (WIRE + 1), 1)
    with pytest.raises(WireMismatch) as caught:
        Assembler("0.1.0").read(body, ())
    assert str(caught.value) == (
        f"worker 0.9.0 speaks wire {WIRE + 1}, this deck 0.1.0 speaks wire {WIRE}: update this deck"
    )


def test_another_wire_is_told_even_if_nothing_else_is_as_we_know_it() -> None:
    with pytest.raises(WireMismatch, match="speaks wire 7"):
        Assembler().read(b'{"wire":7,"sources":[1,2],"site":"x"}\n?', ())


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\n",
        b"<html>",
        b"\xff\xfe",
        b'{"wire":%d}\n{"end":true}\n' % WIRE,
        Ledger().answer(None, ()).removesuffix(b'{"end":true}\n'),
        Ledger().answer(None, ()).replace(b'"findings"', b'"nonsense"'),
        Ledger().answer(None, ()).replace(b'"rows":[]', b'"rows":[{"id":1}]'),
        Ledger().answer(None, ()).replace(b'"whole":true,', b""),
        Ledger().answer(None, ()).split(b"\n")[0] + b'\n{"end":true}\n',
    ],
    ids=["nothing", "blank", "page", "bytes", "no head", "cut", "section", "row", "never whole", "section missing"],
)
def test_what_is_no_answer_is_said_in_one_sentence(body: bytes) -> None:
    with pytest.raises(WireError) as caught:
        Assembler().read(body, ())
    assert not isinstance(caught.value, WireMismatch)
    assert str(caught.value).startswith("the worker's answer ")


def test_goodbye_is_told_apart() -> None:
    with pytest.raises(WorkerLeaving):
        Assembler().read(BYE, ())


def test_an_unknown_section_is_the_askers_mistake() -> None:
    with pytest.raises(KeyError):
        Ledger().answer(None, {"nonsense"})


@given(st.text(max_size=20), st.integers(0, 10**14))
def test_a_mark_reads_back(epoch: str, seq: int) -> None:
    assert Mark.parse(str(Mark(epoch, seq))) == Mark(epoch, seq)


@pytest.mark.parametrize("text", ["", "e", "e.", "e.-1", "e.x", "e.٣", "e." + "9" * 40])
def test_what_is_no_mark_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        Mark.parse(text)
