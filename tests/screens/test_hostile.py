"""Foreign text is painted as cells and nothing else, however it is made."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from textual import events

from app.model.text import cell_width, clean
from tests.literals import calm, findings, fleet, keyed, stream
from tests.screens.driving import driving

HOSTILE = {
    "osc52": "\x1b]52;c;QUJD\x07web",
    "markup": "[/bad][bold red]x[/]",
    "c1": "\x9b31mred\x90q\x9c",
    "long": "a" * 10_000,
    "cjk": "東京サーバー01東京サーバー01東京サーバー01",
    "emoji": "👩‍👩‍👧‍👦🏳️‍🌈 host 🇫🇷",
    "rtl": "\u202emoc.live\u202c שלום",
    "combining": "e" + "\u0301" * 50,
    "newlines": "a\r\nb\tc\x00",
    "surrogate": "x\ud800y",
}
SIZES = [(40, 10), (80, 24), (120, 30)]


def hostile(name: str) -> object:
    base = calm()
    text = clean(HOSTILE[name])
    one = next(iter(base.agents.values()))
    condition = replace(one.conditions[0], status=True, reason=text)
    hosts = replace(one, hostname=text, labels=((text, text),), conditions=(condition,), os=text)
    finding = replace(findings()[0], subject=text, what=text, detail=text, refs=(f"agent:{hosts.key}",))
    return replace(
        base,
        agents={**base.agents, **keyed([hosts])},
        streams={
            **base.streams,
            **keyed([stream("EVIL", description=text, subjects=(text,), metadata=((text, text),))]),
        },
        findings=keyed([finding]),
    )


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("name", HOSTILE)
async def test_it_changes_nothing_but_its_own_cells(name: str, size: tuple[int, int]) -> None:
    async with driving(hostile(name), size=size) as deck:  # type: ignore[arg-type]
        for keys in (["1"], ["enter"], ["J"], ["6"], ["enter"], ["w"], [":", *"stream EVIL", "enter"]):
            await deck.press(*keys)
            strips = deck.app.screen._compositor.render_strips()
            assert len(strips) == size[1]
            for strip in strips:
                assert strip.cell_length == size[0], strip.text
                assert strip.text.isprintable(), repr(strip.text)


@pytest.mark.parametrize("name", HOSTILE)
async def test_typed_and_pasted_text_is_no_exception(name: str) -> None:
    async with driving(fleet()) as deck:
        await deck.press("/")
        deck.app.post_message(events.Paste(HOSTILE[name].encode("utf-8", "replace").decode()))
        await deck.settle()
        assert all(strip.text.isprintable() for strip in deck.app.screen._compositor.render_strips())
        await deck.press("enter")
        assert deck.app.is_running


def test_names_are_as_wide_as_they_are_painted() -> None:
    for text in HOSTILE.values():
        assert cell_width(clean(text, 30)) <= 60


async def test_markup_in_a_name_is_shown_as_it_is() -> None:
    async with driving(hostile("markup")) as deck:  # type: ignore[arg-type]
        await deck.press("6")
        assert deck.line_with("[/bad]")


async def test_an_error_of_the_feed_is_cleaned() -> None:
    class Broken(Exception):
        pass

    async with driving(fleet()) as deck:

        async def fail() -> object:
            raise Broken("bad \x1b]52;c;AA\x07 end")

        deck.feed._queue.get = fail  # type: ignore[assignment]
        deck.feed.push(fleet())
        await asyncio.sleep(0)
        await deck.until(lambda: "the feed has ended" in deck.text)
        assert "bad" in deck.text
        assert deck.app.is_running
