"""Pages about the score of an AI agent, in the window that the deck shows: its breakdown, and the agent itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from app.feed.questions import ScoreOf, Unanswered
from app.model.scoring import Trend
from app.tui.lines import Line
from app.tui.picture import Picture
from app.tui.screens.asking import AskedWrite, AskingPage
from app.tui.screens.page import Deck
from app.tui.views import ai_detail, score_detail, scores

PAUSE = 3.0
"""Seconds between two questions, at least."""
FIRST_WORDS = 0.3
"""Seconds that keys which were typed ahead wait at most for the first answer."""


class WindowedPage(AskingPage):
    """Asks again when the window is another one; an answer about another window is not shown."""

    def __init__(
        self,
        deck: Deck,
        view_id: str,
        ref: str,
        *,
        name: Callable[[str, Picture], str],
        write: AskedWrite,
        needs: frozenset[str],
        section: str,
    ) -> None:
        super().__init__(
            deck, view_id, ref, name=name, write=write, needs=needs, section=section,
            question=lambda agent: ScoreOf(agent, deck.picture.window), pause=PAUSE,
        )  # fmt: skip

    @property
    def looking_at(self) -> Iterator[str]:
        yield f"scores:{self.picture.window}"
        yield from super().looking_at

    def head(self) -> Line | None:
        return super().head() or Line(((f"{self.picture.window}d", "dim"),))

    def rebuild(self) -> None:
        window = self.picture.window
        if isinstance(self._question, ScoreOf) and self._question.window != window:
            self._question = ScoreOf(self.key, window)
            self.ask_anew()
        super().rebuild()


class AiAgentPage(WindowedPage):
    """An AI agent: how it stands, its score, its sessions."""

    def __init__(self, deck: Deck, view_id: str, ref: str) -> None:
        super().__init__(
            deck, view_id, ref,
            name=ai_detail.title, write=ai_detail.detail, needs=ai_detail.NEEDS, section="ai",
        )  # fmt: skip


class BreakdownPage(WindowedPage):
    """What each dimension gives, in either order; what the row with the cursor rests on stands below it."""

    def __init__(self, deck: Deck, view_id: str, ref: str) -> None:
        super().__init__(
            deck, view_id, ref,
            name=score_detail.title, write=self._breakdown, needs=scores.VIEW.sections, section="scores",
        )  # fmt: skip
        self._by_weight: bool | None = None
        self._pointed = False  # the cursor was put on what moved it, or the reader has moved it
        self._answered = asyncio.Event()

    def _breakdown(self, agent: str, picture: Picture, width: int, answer: Any) -> list[Line]:
        line = self.document.current
        at = line.key if line is not None else ""
        return score_detail.detail(agent, picture, width, answer, by_weight=self._by_weight, at=at)

    def rebuild(self) -> None:
        super().rebuild()
        if self.answer is not None and self.document.size.width:
            self._point()
            self._answered.set()

    def _point(self) -> None:
        """Once, to the session that cost most where the score is a fault: Enter shows what happened in it."""
        if self._pointed or isinstance(self.answer, Unanswered):
            return
        self._pointed = True
        score = scores.of(self.key, self.picture)
        mover = next((line.key for line in self.document.lines if line.key.startswith(score_detail.MOVER)), "")
        if score is not None and scores.standing(score, self.picture).fault:
            self.document.go(mover)

    async def laid_out(self) -> None:
        await super().laid_out()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._answered.wait(), FIRST_WORDS)

    async def perform(self, action: str) -> bool:
        self._pointed = True
        if action == "sort.reverse":
            score = scores.of(self.key, self.picture)
            by_weight = score is None or score.trend is not Trend.DEGRADING
            self._by_weight = not (by_weight if self._by_weight is None else self._by_weight)
        elif not await super().perform(action):
            return False
        self.rebuild()
        return True
