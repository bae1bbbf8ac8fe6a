"""Prompts: the line that is typed into. A filter, a command, or the answer to a question of the deck."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from app.tui import commands
from widgets.row_filter import FilterError

if TYPE_CHECKING:
    from app.tui.command_line import CommandLine
    from app.tui.surface import Surface

FILTER = "/"
COMMAND = ":"


class Prompts:
    """What the router's text means. `command_line` runs what is typed behind `:`."""

    def __init__(self, surface: Surface, command_line: CommandLine) -> None:
        self._surface = surface
        self._command_line = command_line
        self._filter_before = ""
        self._wanted: str | None = None
        self._answered: Callable[[str], Awaitable[None]] | None = None

    def ask(self, question: str, answered: Callable[[str], Awaitable[None]]) -> None:
        """Opens a prompt of its own; from this very key on, keys are text. `answered` is called on enter only."""
        self._answered = answered
        self._surface.router.open_prompt(question)

    # -- what the router calls ---------------------------------------------------------------------------------------
    def begin_text(self, prompt: str) -> str:
        self._surface.deck_actions.dismiss_greeting()
        page = self._surface.stacks.page
        self._filter_before = page.filter_text
        text = page.filter_text if prompt == FILTER else ""
        self._prompting(True)
        self._show(prompt, text)
        return text

    def edit_text(self, prompt: str, text: str) -> None:
        self._show(prompt, text)
        if prompt == FILTER:
            # Once for all that was typed in one burst: thousands of rows are not gone through for each letter.
            self._wanted = text
            self._surface.app.call_later(self._filter_as_typed, text)

    async def take_text(self, prompt: str, text: str) -> None:
        self._prompting(False)
        if prompt == FILTER:
            self.take_filter(text)
        elif prompt == COMMAND:
            await self._command_line.run(text)
        elif self._answered is not None:
            answered, self._answered = self._answered, None
            await answered(text)

    def leave_text(self, prompt: str, before: str) -> None:
        self._prompting(False)
        self._wanted = self._answered = None
        if prompt == FILTER:
            with suppress(FilterError):
                self._surface.stacks.page.set_filter(before)

    def complete_text(self, prompt: str, text: str) -> str:
        return commands.complete(text, self._command_line.commands) if prompt == COMMAND else text

    # -- the filter --------------------------------------------------------------------------------------------------
    def take_filter(self, text: str) -> None:
        """Filters the page in front, or says why not and leaves it as it was."""
        self._wanted = None
        page = self._surface.stacks.page
        try:
            page.set_filter(text)
        except FilterError as fault:
            page.set_filter(self._filter_before)
            self._surface.say(str(fault), error=True)

    def _filter_as_typed(self, text: str) -> None:
        if self._wanted != text:
            return
        try:
            self._surface.stacks.page.set_filter(text)
        except FilterError as fault:
            self._show(FILTER, text, str(fault))

    # -- the line itself ---------------------------------------------------------------------------------------------
    def _prompting(self, on: bool) -> None:
        self._surface.messages.set_class(on, "-off")
        self._surface.prompt.set_class(not on, "-off")
        if not on:
            self._surface.prompt.clear()

    def _show(self, prompt: str, text: str, error: str = "") -> None:
        hint = ""
        if prompt == COMMAND:
            known = self._command_line.commands
            completed = commands.complete(text, known)
            hint = completed[len(text) :] if completed.startswith(text) and text else ""
            if not hint and not error and text:
                found = commands.candidates(text, known)
                hint = f"   {'  '.join(found)}" if len(found) > 1 else ""
        shown = prompt if prompt in (FILTER, COMMAND) else f"{prompt} "
        self._surface.prompt.show(shown, text, cursor=len(text), hint=hint, error=error)
