"""Stacks: each view's pages, from its list down to where the reader is. A hidden page keeps cursor, filter and sort."""

from __future__ import annotations

from collections.abc import Callable

from textual.widget import Widget

from app.tui.screens.page import Page


class Stacks:
    """The pages of all views; one of them is shown. `make` makes the first page of a view."""

    def __init__(self, first: Page, make: Callable[[str], Page]) -> None:
        self._stacks: dict[str, list[Page]] = {first.view_id: [first]}
        self._make = make
        self.view_id = first.view_id

    @property
    def pages(self) -> list[Page]:
        """From the root of the present view to the page that is shown."""
        return self._stacks[self.view_id]

    @property
    def page(self) -> Page:
        return self.pages[-1]

    async def show(self, body: Widget, view_id: str) -> None:
        """Another view, as it was left."""
        self.page.display = False
        if view_id not in self._stacks:
            page = self._make(view_id)
            self._stacks[view_id] = [page]
            self.view_id = view_id
            await body.mount(page)
            await page.laid_out()
        self.view_id = view_id
        self.page.display = True

    async def push(self, body: Widget, page: Page) -> None:
        """One level down in the present view."""
        self.page.display = False
        self.pages.append(page)
        await body.mount(page)
        await page.laid_out()

    async def pop(self) -> bool:
        """One level up; False at the root."""
        if len(self.pages) == 1:
            return False
        page = self.pages.pop()
        self.page.display = True
        await page.remove()
        return True

    async def home(self) -> None:
        """Up to the root of the present view."""
        while await self.pop():
            pass
