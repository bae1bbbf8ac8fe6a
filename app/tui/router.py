"""The key router: one place that decides what a key means, before focus and bindings are asked.

It owns the mode. `/` and `:` change it within the very handler of the key, so that what was typed ahead in one burst
is text from then on, whether or not the field is on the screen yet.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Protocol

from app.model.text import clean

PASTE_IGNORED = "paste ignored: press / or : first"
CTRL_C_AGAIN = "press ctrl+c again, or q, to quit"
CTRL_C_WINDOW = 2.0
"""Seconds within which the second ctrl+c quits."""
TEXT_LIMIT = 500
"""Characters that a prompt holds; more is cut."""
HISTORY_LIMIT = 50


class Mode(StrEnum):
    LIST = "list"
    TEXT = "text"
    MENU = "menu"


class Deck(Protocol):
    """What the router drives."""

    async def perform(self, action: str) -> None:
        """Runs the action with this id of the key table."""

    def say(self, text: str) -> None:
        """One line above the footer."""


class Prompts(Protocol):
    """What text means while a prompt is open."""

    def begin_text(self, prompt: str) -> str:
        """A prompt opens; answers the text that it begins with."""

    def edit_text(self, prompt: str, text: str) -> None:
        """The text of the prompt is now this."""

    async def take_text(self, prompt: str, text: str) -> None:
        """Enter: the text is taken."""

    def leave_text(self, prompt: str, before: str) -> None:
        """Esc: all goes back to what it was before."""

    def complete_text(self, prompt: str, text: str) -> str:
        """The text as far as it can be completed."""


class Menus(Protocol):
    """What keys mean while a menu is open."""

    async def menu_key(self, key: str) -> bool:
        """A key in an open menu; False once the menu is closed."""


class Router:
    """Keys in, actions and text out. `now` is a monotonic clock in seconds."""

    def __init__(
        self, deck: Deck, prompts: Prompts, menus: Menus, bindings: Mapping[str, str], *, now: Callable[[], float]
    ) -> None:
        self.mode = Mode.LIST
        self.prompt = ""
        self.text = ""
        self._deck = deck
        self._prompts = prompts
        self._menus = menus
        self._bindings = dict(bindings)
        self._now = now
        self._before = ""
        self._interrupted: float | None = None
        self._history: dict[str, list[str]] = {}
        self._past = 0  # how far back in the history; 0 is the text being written

    async def key(self, name: str, character: str | None) -> None:
        """One key as the terminal sent it: Textual's name and, for printable ones, the character."""
        if name.startswith("alt+"):
            await self.key("escape", None)
            rest = name.removeprefix("alt+")
            if rest.startswith("shift+") and len(rest) == len("shift+") + 1:
                rest = rest[-1].upper()
            await self.key(rest, rest if len(rest) == 1 else None)
            return
        printable = character if character is not None and len(character) == 1 and character.isprintable() else None
        action = self._bindings.get("space" if printable == " " else printable or name, "")
        if action == "interrupt":
            await self._interrupt()
        elif self.mode is Mode.TEXT:
            await self._text_key(name, printable)
        elif self.mode is Mode.MENU:
            if not await self._menus.menu_key(printable or name):
                self.mode = Mode.LIST
        elif action in ("filter", "command"):
            self.open_prompt("/" if action == "filter" else ":")
        elif action:
            await self._deck.perform(action)

    def paste(self, text: str) -> None:
        """Bracketed paste: text in a prompt, nothing anywhere else."""
        if self.mode is Mode.TEXT:
            self._set(self.text + clean(text))
        else:
            self._deck.say(PASTE_IGNORED)

    def open_prompt(self, prompt: str) -> None:
        """From here on every printable key is text."""
        self.mode, self.prompt, self._past = Mode.TEXT, prompt, 0
        self.text = self._before = self._prompts.begin_text(prompt)

    def open_menu(self) -> None:
        """From here on keys pick lines of a menu."""
        self.mode = Mode.MENU

    def close_menu(self) -> None:
        """The menu is gone, also when it was not a key that closed it."""
        if self.mode is Mode.MENU:
            self.mode = Mode.LIST

    async def _interrupt(self) -> None:
        before, self._interrupted = self._interrupted, self._now()
        if before is not None and self._interrupted - before <= CTRL_C_WINDOW:
            await self._deck.perform("interrupt")
        else:
            self._deck.say(CTRL_C_AGAIN)

    async def _text_key(self, name: str, printable: str | None) -> None:
        if printable is not None:
            self._set(self.text + printable)
        elif name == "enter":
            prompt, text = self._close()
            self._remember(prompt, text)
            await self._prompts.take_text(prompt, text)
        elif name == "escape" or (name == "backspace" and not self.text):
            prompt, _ = self._close()
            self._prompts.leave_text(prompt, self._before)
        elif name == "backspace":
            self._set(self.text[:-1])
        elif name == "ctrl+u":
            self._set("")
        elif name == "ctrl+w":
            kept = self.text.rstrip(" ")
            self._set(kept[: kept.rfind(" ") + 1])
        elif name == "tab":
            self._set(self._prompts.complete_text(self.prompt, self.text))
        elif name in ("up", "down"):
            self._recall(1 if name == "up" else -1)

    def _close(self) -> tuple[str, str]:
        prompt, text = self.prompt, self.text
        self.mode, self.prompt, self.text = Mode.LIST, "", ""
        return prompt, text

    def _set(self, text: str) -> None:
        self.text = text[:TEXT_LIMIT]
        self._prompts.edit_text(self.prompt, self.text)

    def _remember(self, prompt: str, text: str) -> None:
        past = self._history.setdefault(prompt, [])
        if text.strip() and (not past or past[-1] != text):
            past.append(text)
            del past[:-HISTORY_LIMIT]

    def _recall(self, step: int) -> None:
        past = self._history.get(self.prompt, [])
        self._past = max(0, min(len(past), self._past + step))
        self._set(past[-self._past] if self._past else "")
