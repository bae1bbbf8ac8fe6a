"""Now: findings by width, the opened one, the cursor, and what is repainted."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.widgets.deck import Stage, is_reverse, repainted, screen_lines, styles_at
from widgets.now_list import NowList, NowRow

ROWS = [
    NowRow(
        "agent.gone|web-03", "✗", "CRIT", "agent", "web-03", "gone since 14:01:12, 2 jobs running", "+4m", "crit",
        details=("2.1k pending on its 6 consumers, 12 dead letters", "4 findings folded · enter: why and what to do"),
    ),
    NowRow(
        "stalled|b", "✗", "CRIT", "consumer", "ORDERS › billing", "no ack 4m12s, ack pending 1000/1000", "+4m", "crit",
    ),
    NowRow("cond|web-02", "▲", "WARN", "agent", "web-02", "memory 94% used (15.0/16.0 GB)", "31m", "warn",
           details=("for 31m",)),
]  # fmt: skip


@pytest.fixture
def now():
    return NowList()


async def test_at_80_columns(now):
    async with Stage(now).run_test(size=(80, 8)) as pilot:
        now.set_rows(ROWS, more="1 acknowledged · e shows")
        await pilot.pause()
        assert screen_lines(pilot.app) == [
            " ✗ CRIT agent     web-03               gone since 14:01:12, 2 jobs running   +4m",
            "     2.1k pending on its 6 consumers, 12 dead letters",
            "     4 findings folded · enter: why and what to do",
            " ✗ CRIT consumer  ORDERS › billing     no ack 4m12s, ack pending 1000/1000   +4m",
            " ▲ WARN agent     web-02               memory 94% used (15.0/16.0 GB)        31m",
            "   1 acknowledged · e shows",
            "",
            "",
        ]
        assert now.lines_wanted == 6
        assert [is_reverse(pilot.app, y) for y in range(4)] == [True, False, False, False]


async def test_the_finding_under_the_cursor_opens(now):
    async with Stage(now).run_test(size=(80, 8)) as pilot:
        now.set_rows(ROWS)
        now.move(2)
        await pilot.pause()
        assert now.cursor_key == "cond|web-02"
        assert screen_lines(pilot.app)[:4] == [
            " ✗ CRIT agent     web-03               gone since 14:01:12, 2 jobs running   +4m",
            " ✗ CRIT consumer  ORDERS › billing     no ack 4m12s, ack pending 1000/1000   +4m",
            " ▲ WARN agent     web-02               memory 94% used (15.0/16.0 GB)        31m",
            "     for 31m",
        ]
        now.opened = False
        await pilot.pause()
        assert screen_lines(pilot.app)[3] == ""
        now.opened = True
        now.active = False
        await pilot.pause()
        assert screen_lines(pilot.app)[3] == ""
        assert not is_reverse(pilot.app, 2)


async def test_under_76_columns_the_sentence_is_below(now):
    async with Stage(now).run_test(size=(60, 8)) as pilot:
        now.set_rows(ROWS)
        now.move(1)
        await pilot.pause()
        assert screen_lines(pilot.app)[:6] == [
            " ✗ CRIT agent     web-03                                 +4m",
            "     gone since 14:01:12, 2 jobs running",
            " ✗ CRIT consumer  ORDERS › billing                       +4m",
            "     no ack 4m12s, ack pending 1000/1000",
            " ▲ WARN agent     web-02                                 31m",
            "     memory 94% used (15.0/16.0 GB)",
        ]


async def test_at_40_columns_a_finding_is_a_line(now):
    async with Stage(now).run_test(size=(40, 8)) as pilot:
        now.set_rows(ROWS, more="1 acknowledged")
        await pilot.pause()
        assert screen_lines(pilot.app)[:4] == [
            " ✗ web-03                            +4m",
            " ✗ ORDERS › billing                  +4m",
            " ▲ web-02                            31m",
            "   1 acknowledged",
        ]


async def test_more_columns_where_there_is_room_and_sites_when_there_are_two(now):
    async with Stage(now).run_test(size=(180, 8)) as pilot:
        now.set_rows(
            [replace(row, site="prod", acked_by="ana", next_step="nats consumer info", trend="▁▃█") for row in ROWS]
        )
        await pilot.pause()
        line = screen_lines(pilot.app)[0]
        assert line.startswith(" ✗ CRIT prod     agent     web-03")
        assert line.split()[-5:] == ["ana", "nats", "consumer", "info", "▁▃█"]


async def test_nothing_wrong_is_said(now):
    async with Stage(now).run_test(size=(80, 5)) as pilot:
        now.set_rows([], headline="● All clear. 11 components.", headline_style="ok", more="1 acknowledged · e shows")
        await pilot.pause()
        assert screen_lines(pilot.app)[0] == " ● All clear. 11 components."
        assert (now.cursor_key, now.cursor_row, now.more_below) == ("", None, 0)
        now.move(1)
        now.page(-1)


async def test_cursor_stays_on_its_finding(now):
    async with Stage(now).run_test(size=(80, 8)):
        now.set_rows(ROWS)
        now.move(1)
        assert now.cursor_key == "stalled|b"
        now.set_rows([replace(ROWS[2], key="new"), *ROWS])
        assert now.cursor_key == "stalled|b"
        now.set_rows([replace(ROWS[2], key="new"), ROWS[0], ROWS[2]])
        assert now.cursor_key == "cond|web-02"
        now.set_rows([])
        assert now.cursor_key == ""
        now.set_rows(ROWS)
        assert now.cursor_key == ROWS[0].key
        now.cursor_key = "cond|web-02"
        assert now.cursor_row is ROWS[2]


async def test_only_what_changed_is_repainted(now):
    async with Stage(now).run_test(size=(80, 8)) as pilot:
        now.set_rows(ROWS)
        await pilot.pause()
        with repainted(now) as lines:
            now.set_rows([replace(row) for row in ROWS])
            await pilot.pause()
        assert lines == []
        with repainted(now) as lines:
            now.set_rows([ROWS[0], replace(ROWS[1], age="+5m"), ROWS[2]])
            await pilot.pause()
        assert lines == [3]


async def test_the_cursor_is_in_sight_with_what_it_opens(now):
    rows = [replace(ROWS[0], key=str(i), subject=f"web-{i:02}") for i in range(30)]
    async with Stage(now).run_test(size=(80, 8)) as pilot:
        now.set_rows(rows)
        now.move(20)
        await pilot.pause()
        lines = screen_lines(pilot.app)
        place = next(i for i, line in enumerate(lines) if "web-20" in line)
        assert lines[place + 2].strip().startswith("4 findings folded")
        assert now.more_below == 9
        now.move_to_end(True)
        await pilot.pause()
        assert "web-00" in screen_lines(pilot.app)[0]
        await pilot.click(now, offset=(10, 5))
        assert now.cursor_key == "3"


async def test_foreign_text_is_text(now):
    async with Stage(now).run_test(size=(80, 4)) as pilot:
        now.set_rows(
            [
                replace(
                    ROWS[0],
                    subject="[/bad]\x1b[2J漢字漢字漢字漢字漢字",
                    what="🧑‍🚀" * 40,
                    details=("[red]\x1b]0;x\x07",),
                )
            ]
        )
        await pilot.pause()
        strips = pilot.app.screen._compositor.render_strips()
        assert all(strip.text.isprintable() for strip in strips)
        assert strips[0].text.rstrip().endswith("+4m")
        assert "[red]" in strips[1].text


async def test_severity_has_its_colour_also_under_the_cursor(now):
    async with Stage(now).run_test(size=(80, 8)) as pilot:
        now.set_rows(ROWS)
        await pilot.pause()
        for y in (0, 3, 4):
            pieces = styles_at(pilot.app, y)
            severity = next(piece for piece in pieces if "CRIT" in piece.text or "WARN" in piece.text)
            rest = next(piece for piece in pieces if "agent" in piece.text or "consumer" in piece.text)
            assert severity.style.color != rest.style.color
