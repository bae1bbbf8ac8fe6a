"""JSON and menu."""

from __future__ import annotations

import json

from rich.cells import cell_len

from tests.widgets.deck import Stage, repainted, screen_lines
from widgets.json_view import JsonView, json_lines
from widgets.menu import Menu, MenuItem


def test_json_is_indented_and_what_is_none_stays():
    assert json_lines('{"b":1,"a":["漢"]}') == ["{", '  "b": 1,', '  "a": [', '    "漢"', "  ]", "}"]
    assert json_lines("not json\x1b[2J\nat all") == ["not json�[2J", "at all"]
    assert json_lines('"\\u001b[2J"') == ['"\\u001b[2J"']
    assert json_lines("[" * 100_000)[0].startswith("[[[")


async def test_json_is_scrolled_and_searched():
    view = JsonView(json.dumps({f"key{i}": i for i in range(100)}))
    async with Stage(view).run_test(size=(40, 10)) as pilot:
        assert screen_lines(pilot.app)[:3] == [" {", '   "key0": 0,', '   "key1": 1,']
        assert view.search("KEY7") == 11
        assert view.matches == (1, 11)
        await pilot.pause()
        assert '   "key7": 7,' in screen_lines(pilot.app)
        assert view.next_match(1)
        await pilot.pause()
        assert '   "key70": 70,' in screen_lines(pilot.app)
        view.next_match(-1)
        view.next_match(-1)
        assert view.matches == (11, 11)
        assert view.search("nowhere") == 0
        assert not view.next_match(1)
        view.move_to_end(False)
        await pilot.pause()
        assert screen_lines(pilot.app)[-1] == " }"
        view.move(-1)
        view.page(-1)
        view.move_to_end(True)
        await pilot.pause()
        with repainted(view) as lines:
            view.set_text(json.dumps({f"key{i}": 5 if i == 3 else i for i in range(100)}))
            await pilot.pause()
        assert lines == [4]


async def test_json_scrolls_sideways_also_through_wide_characters():
    view = JsonView(json.dumps({"漢字漢字漢字": "x" * 100}))
    async with Stage(view).run_test(size=(30, 5)) as pilot:
        view.scroll_columns(1)
        await pilot.pause()
        strips = pilot.app.screen._compositor.render_strips()
        assert {sum(cell_len(s.text) for s in strip) for strip in strips} == {30}
        view.scroll_columns(-5)
        await pilot.pause()
        assert screen_lines(pilot.app)[0] == " {"


async def test_menu_picks_by_cursor_digit_and_letter():
    menu = Menu(title="Related")
    async with Stage(menu).run_test(size=(40, 8)) as pilot:
        menu.set_items(
            [
                MenuItem("head", "web-03", enabled=False),
                MenuItem("s", "Stream", "ORDERS"),
                MenuItem("c", "Consumers", "6"),
                MenuItem("j", "Jobs"),
                MenuItem("e", "Jobs of the hour"),
            ]
        )
        await pilot.pause()
        assert screen_lines(pilot.app)[:6] == [
            " Related",
            "   web-03",
            " 1 Stream                        ORDERS",
            " 2 Consumers                          6",
            " 3 Jobs",
            " 4 Jobs of the hour",
        ]
        assert menu.cursor_key == "s"
        menu.move(1)
        assert menu.cursor_key == "c"
        menu.move(-2)
        assert menu.cursor_key == "e"
        assert [menu.pick(character) for character in "13950²x"] == ["s", "j", None, None, None, None, None]
        assert (menu.pick("C"), menu.cursor_key) == ("c", "c")
        assert (menu.pick("j"), menu.cursor_key) == (None, "j")
        assert (menu.pick("j"), menu.cursor_key) == (None, "e")
        assert menu.pick("w") is None
        assert menu.size.height == 6


async def test_menu_items_are_clicked_and_keep_the_cursor():
    picked = []

    class Clicked(Stage):
        def on_menu_picked(self, event):
            picked.append(event.key)

    menu = Menu([MenuItem("a", "[/bad] item\x1b"), MenuItem("b", "漢" * 90), MenuItem("c", "off", enabled=False)])
    async with Clicked(menu).run_test(size=(30, 8)) as pilot:
        await pilot.click(menu, offset=(4, 1))
        await pilot.click(menu, offset=(4, 2))
        await pilot.pause()
        assert picked == ["b"]
        strips = pilot.app.screen._compositor.render_strips()
        assert {sum(cell_len(s.text) for s in strip) for strip in strips} == {30}
        menu.set_items([MenuItem("x", "new"), MenuItem("b", "still")])
        assert menu.cursor_key == "b"
