"""Every style can be read in every theme, and the terminal's own colours are left to it."""

from __future__ import annotations

from rich.style import Style
from textual.color import Color

from tests.widgets.deck import Stage
from widgets.columns import Column
from widgets.message_line import MessageLine
from widgets.palette import LEAST_CONTRAST, contrast, legible
from widgets.record_table import RecordTable


def test_contrast_as_the_standard_counts_it():
    assert contrast(Color.parse("#000"), Color.parse("#fff")) == 21
    assert contrast(Color.parse("#777"), Color.parse("#777")) == 1
    assert round(contrast(Color.parse("#767676"), Color.parse("#fff")), 2) == 4.54


def test_moved_towards_the_plain_text_only_as_far_as_it_must():
    plain = Style.parse("#222222 on #ffffff")
    assert legible(Style.parse("#aa0000 on #ffffff"), plain) == Style.parse("#aa0000 on #ffffff")
    moved = legible(Style.parse("bold #ffa62b on #ffffff"), plain)
    ratio = contrast(Color.from_rich_color(moved.color), Color.parse("#fff"))
    assert LEAST_CONTRAST <= ratio < 7
    assert moved.bold


async def test_every_style_in_every_theme():
    table = RecordTable([Column("glyph", "", 1), Column("name", "NAME", 9, flex=True)])
    async with Stage(table).run_test(size=(40, 5)) as pilot:
        line = MessageLine()
        await pilot.app.mount(line)
        for theme in pilot.app.available_themes.values():
            pilot.app.theme = theme.name
            await pilot.pause()
            for widget in (table, line):
                for name in ("", *widget.STYLE_NAMES):
                    style = widget.paint(name)
                    if theme.name.startswith("ansi"):
                        assert style.bgcolor.is_default
                        continue
                    ratio = contrast(Color.from_rich_color(style.color), Color.from_rich_color(style.bgcolor))
                    assert ratio >= LEAST_CONTRAST, (theme.name, name, ratio)
            if theme.name.startswith("ansi"):
                assert table.paint("dim").dim
