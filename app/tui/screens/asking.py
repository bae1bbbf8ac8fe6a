"""A detail of which more is known than rows say: the worker is asked when it is opened and when its row changes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from app.feed.questions import Question, Unanswered
from app.tui.lines import Line
from app.tui.picture import Changes, Picture
from app.tui.screens.detail import DetailPage
from app.tui.screens.page import Deck
from app.tui.screens.raw import JsonTextPage, plain_value

AskedWrite = Callable[[str, Picture, int, Any], list[Line]]
"""Writes the lines of a key's detail with what was answered: None while nobody has answered yet."""
Opened = Callable[[str, Any], tuple[str, str] | None]
"""What is behind the line with a key: a name and JSON text."""


class AskingPage(DetailPage):
    """Shows at once what the rows know, and the answer when it comes. A failed question takes no answer away."""

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
        question: Callable[[str], Question[Any]],
        pause: float,
        opened: Opened | None = None,
    ) -> None:
        """`pause`: seconds that pass at least between two questions."""
        super().__init__(deck, view_id, ref, name=name, write=self._with_answer, needs=needs)
        self.answer: Any = None
        self._written = write
        self._section = section
        self._question = question(self.key)
        self._pause = pause
        self._opened = opened
        self._asking = False
        self._stale = False
        self._asked_at = 0.0

    def _with_answer(self, key: str, picture: Picture, width: int) -> list[Line]:
        return self._written(key, picture, width, self.answer)

    def on_mount(self) -> None:
        self._ask()

    def refresh_facts(self, changes: Changes, dirty: dict[str, set[str]]) -> None:
        if self.key in dirty.get(self._section, set()) or self._section in changes.whole:
            self._stale = True
            self._ask()
        super().refresh_facts(changes, dirty)

    def tick(self) -> None:
        if self._stale:
            self._ask()
        super().tick()

    def ask_anew(self) -> None:
        """Puts the question as it is now; what is answered to one before is not waited for."""
        self._asked_at = -self._pause
        self._asking, self.answer = False, None
        self._ask()

    def _ask(self) -> None:
        now = self.deck.options.monotonic()
        if self._asking or (self.answer is not None and now - self._asked_at < self._pause):
            return
        self._asking, self._stale, self._asked_at = True, False, now
        self.run_worker(self._put_question(), group="question", exit_on_error=False)

    async def _put_question(self) -> None:
        question = self._question
        try:
            answer = await self.deck.ask(question)
        finally:
            if question is self._question:
                self._asking = False
        if question is not self._question:
            return
        if not isinstance(answer, Unanswered) or self.answer is None or isinstance(self.answer, Unanswered):
            self.answer = answer
            self.rebuild()

    def raw(self) -> str:
        if self.answer is None or isinstance(self.answer, Unanswered):
            return ""
        return json.dumps(asdict(self.answer), default=plain_value, ensure_ascii=False)

    async def perform(self, action: str) -> bool:
        line = self.document.current
        if action == "open" and self._opened is not None and line is not None:
            behind = self._opened(line.key, self.answer)
            if behind is not None:
                await self.deck.open_page(JsonTextPage(self.deck, self, *behind))
                return True
        return await super().perform(action)
