"""What of the overview finds room, by the size of the terminal."""

from __future__ import annotations

import pytest

from app.tui.screens.room import BESIDE_NOW, PANES, Plan, plan

ALL = ("components", "streams", "consumers", "jobs", "agents", "scores", "sessions", "metrics", "events")


def made(size: tuple[int, int], *, zoom: str = "", opening: bool = False, wanted: int = 3) -> Plan:
    return plan(size, ALL, opening=opening, zoom=zoom, wanted=wanted)


@pytest.mark.parametrize(
    ("size", "panes", "wide", "lines", "title"),
    [
        ((40, 10), False, False, False, False),
        ((59, 30), False, False, False, True),
        ((80, 24), False, False, True, True),
        ((119, 50), False, False, True, True),
        ((120, 28), False, False, True, True),
        ((120, 29), True, False, True, True),  # a line less than asked for: multiplexers take one
        ((189, 60), True, False, True, True),
        ((190, 40), True, True, True, True),
    ],
)
def test_by_size(size: tuple[int, int], panes: bool, wide: bool, lines: bool, title: bool) -> None:
    found = made(size)
    assert (found.panes, found.wide, found.lines, found.title) == (panes, wide, lines, title)


def test_before_there_are_facts_nothing_else_is_shown() -> None:
    found = made((200, 50), opening=True)
    assert (found.panes, found.lines, found.title, found.visible) == (False, False, False, frozenset())
    assert found.order() == ["now"]


def test_the_agents_stand_under_the_consumers_where_there_are_two_columns() -> None:
    assert made((120, 40)).visible == {*PANES, BESIDE_NOW} - {"agents"}
    assert made((200, 50)).visible == set(PANES)
    assert made((120, 40)).order() == [
        *("now", "consumers", BESIDE_NOW, "streams", "jobs", "components", "score", "lines")
    ]


def test_panes_take_only_the_room_that_findings_leave() -> None:
    assert list(made((100, 30)).spare.values()) == [8]
    assert list(made((100, 40)).spare) == ["spare-consumers", "spare-agents"]
    assert not made((100, 40), wanted=30).spare
    assert made((100, 40)).visible == set(made((100, 40)).spare)


@pytest.mark.parametrize("size", [(100, 40), (130, 40), (200, 50)])
@pytest.mark.parametrize("zoom", ["now", "consumers", "streams", "spare-agents"])
def test_what_is_zoomed_is_alone(size: tuple[int, int], zoom: str) -> None:
    found = made(size, zoom=zoom)
    assert found.visible == {zoom}
    assert not found.spare
    assert not found.lines
    assert found.left is (zoom != "streams")
    assert set(found.order()) <= {"now", zoom}
