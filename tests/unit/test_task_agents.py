"""The agents of a board are those that worked on it lately."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from app.model.taskhistory import TaskEvent, millis
from app.model.taskwords import TaskWord, named
from app.store.store import Store

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


def word(task: str, board: str, who: str, ago: timedelta) -> TaskWord:
    at = millis(NOW - ago)
    return TaskWord(task, (TaskEvent(at, 7, "in_progress", who),), f"{at:015d}", task, named("board", board), None)


async def test_who_worked_on_a_board_lately_is_one_of_its_agents(tmp_path: Path) -> None:
    store = Store.open("", tmp_path, clock=lambda: NOW)
    try:
        lately, long_ago = timedelta(hours=1), timedelta(days=31)
        await store.metrics.take(
            [
                word("t1", "docs", "coder-7", lately),
                word("t2", "docs", "web_01", timedelta(days=29)),
                word("t3", "docs", "gone", long_ago),
                word("t4", "docs", "", lately),
                word("t5", "ops", "other", lately),
            ]
        )
        assert await store.metrics.agents_on(named("board", "docs").id, NOW) == {"coder-7", "web_01"}
        assert await store.metrics.agents_on("none", NOW) == frozenset()
    finally:
        await store.close()
