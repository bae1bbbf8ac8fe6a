"""Turns of a source: never two at once, never without end, never an error to whoever waits."""

from __future__ import annotations

import asyncio

import pytest

from app.worker.turn import Turns


def turns(timeout: float = 5.0) -> tuple[Turns[str], list[None]]:
    ends: list[None] = []
    return Turns("thing", "first", timeout, lambda: ends.append(None)), ends


async def test_facts_are_those_of_the_last_success() -> None:
    subject, ends = turns()

    async def good() -> str:
        return "good"

    async def bad() -> str:
        raise ValueError("\x1b[2Jbroken")

    await subject.begin(good, 1)
    assert (subject.facts, subject.mark, subject.taken, subject.trouble) == ("good", 1, 1, "")
    await subject.begin(bad, 2)
    assert (subject.facts, subject.mark, subject.taken, subject.ended) == ("good", 1, 1, 2)
    assert subject.trouble == "ValueError: broken"
    await subject.begin(good, 3)
    assert (subject.trouble, subject.mark) == ("", 3)
    assert len(ends) == 3


async def test_a_collection_that_lasts_is_not_started_twice() -> None:
    subject, _ = turns()
    go = asyncio.Event()
    calls = 0

    async def slow() -> str:
        nonlocal calls
        calls += 1
        await go.wait()
        return "late"

    first = subject.begin(slow, 1)
    await asyncio.sleep(0)
    assert subject.begin(slow, 2) is first
    assert subject.running
    go.set()
    await first
    assert (calls, subject.facts, subject.mark) == (1, "late", 1)


async def test_one_that_never_answers_is_given_up() -> None:
    subject, _ = turns(timeout=0.05)

    async def never() -> str:
        await asyncio.Event().wait()
        return ""

    await subject.begin(never, 1)
    assert subject.trouble == "no answer within 0.05 s"
    assert not subject.running


async def test_one_that_ignores_being_given_up_is_still_not_started_twice() -> None:
    subject, _ = turns(timeout=0.05)
    go = asyncio.Event()
    refused = asyncio.Event()

    async def stubborn() -> str:
        while not go.is_set():
            try:
                await go.wait()
            except asyncio.CancelledError:
                refused.set()
        return "at last"

    first = subject.begin(stubborn, 1)
    await asyncio.wait_for(refused.wait(), 10)
    assert subject.running
    assert subject.trouble == "no answer within 0.05 s"
    assert subject.begin(stubborn, 2) is first
    go.set()
    await asyncio.wait({first}, timeout=10)
    assert not subject.running


@pytest.mark.parametrize("patience", [0.05, 1.0])
async def test_the_end_waits_no_longer_than_its_patience(patience: float) -> None:
    subject, _ = turns()

    async def never() -> str:
        await asyncio.Event().wait()
        return ""

    subject.begin(never, 1)
    await asyncio.sleep(0)
    await asyncio.wait_for(subject.end(patience), 10)
    assert not subject.running
