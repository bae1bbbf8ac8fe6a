"""Menus: one of several, picked by digit, first letter or cursor; the page behind it comes back afterwards."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from app.tui.screens.choice import ChoicePage
from widgets.menu import MenuItem

if TYPE_CHECKING:
    from app.tui.surface import Surface


class Menus:
    """Opens menus, and gives the router's keys to the one that is open."""

    def __init__(self, surface: Surface) -> None:
        self._surface = surface

    async def open(
        self, name: str, sentence: str, items: Sequence[MenuItem], picked: Callable[[str], None], *, cursor: str = ""
    ) -> None:
        """From this very key on, keys pick from the menu. `picked` is called with the key of an item."""
        surface = self._surface
        page = ChoicePage(surface, surface.stacks.page, name, sentence, items, picked)
        if cursor:
            page.menu.cursor_key = cursor
        page.take = self._take
        surface.router.open_menu()
        surface.say("")
        await surface.open_page(page)

    async def menu_key(self, key: str) -> bool:
        """A key while a menu is open; False once it is closed."""
        page = self._surface.stacks.page
        if not isinstance(page, ChoicePage):
            return False
        if key in ("escape", "backspace"):
            await self._close()
            return False
        picked = page.key(key)
        if picked is None:
            return True
        await self._take(picked)
        return False

    async def _take(self, key: str) -> None:
        page = self._surface.stacks.page
        await self._close()
        if isinstance(page, ChoicePage):
            page.picked(key)

    async def _close(self) -> None:
        surface = self._surface
        surface.router.close_menu()
        if isinstance(surface.stacks.page, ChoicePage):
            await surface.stacks.pop()
        surface.page_changed()
