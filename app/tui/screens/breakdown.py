"""The page of a score's breakdown: in the window that the deck shows, its dimensions in either order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from app.feed.questions import ScoreOf
from app.model.scoring import Trend
from app.tui.lines import Line
from app.tui.picture import Picture
from app.tui.screens.asking import AskingPage
from app.tui.screens.page import Deck
from app.tui.views import score_detail, scores

PAUSE = 3.0
"""Seconds between two questions, at least."""


class BreakdownPage(AskingPage):
    """Asks again when the window is another one; an answer about another window is not shown."""

    def __init__(self, deck: Deck, view_id: str, ref: str) -> None:
        super().__init__(
            deck, view_id, ref,
            name=score_detail.title, write=self._breakdown, needs=scores.VIEW.sections, section="scores",
            question=lambda agent: ScoreOf(agent, deck.picture.window), pause=PAUSE,
        )  # fmt: skip
        self._by_weight: bool | None = None

    def _breakdown(self, agent: str, picture: Picture, width: int, answer: Any) -> list[Line]:
        return score_detail.detail(agent, picture, width, answer, by_weight=self._by_weight)

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

    async def perform(self, action: str) -> bool:
        if action == "sort.reverse":
            score = scores.of(self.key, self.picture)
            by_weight = score is None or score.trend is not Trend.DEGRADING
            self._by_weight = not (by_weight if self._by_weight is None else self._by_weight)
            self.rebuild()
            return True
        return await super().perform(action)
