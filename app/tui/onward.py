"""Onward: what is opened in the place of this deck: another NATS context, or the demo."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.model.broker import LinkState
from app.tui import commands
from app.tui.options import Onward
from widgets.menu import MenuItem

if TYPE_CHECKING:
    from app.tui.surface import Surface


class Contexts:
    """Chooses among the contexts of the `nats` command line; one is shown at a time."""

    def __init__(self, surface: Surface) -> None:
        self._surface = surface

    @property
    def names(self) -> tuple[str, ...]:
        """Those that there are, as they are now."""
        return tuple(self._surface.options.contexts())

    async def menu(self) -> None:
        """`c`: the contexts that there are."""
        surface, names = self._surface, self.names
        if not names:
            surface.say("no contexts: `nats context add NAME --server URL` makes one")
            return
        present = self.present
        items = [MenuItem(name, name, "shown now" if name == present else "") for name in names]
        cursor = present if present in names else ""
        await surface.menus.open("Context", "Which NATS is to be shown?", items, self.choose, cursor=cursor)

    @property
    def present(self) -> str:
        """The context that is shown; empty if it is none."""
        return self._surface.options.site

    def command(self, name: str) -> None:
        """`:context NAME`."""
        if name in self.names:
            self.choose(name)
        else:
            near = commands.nearest(name, self.names)
            more = f"; nearest: {', '.join(near)}" if near else ""
            self._surface.say(f"no context {name}{more}", error=True)

    def choose(self, name: str) -> None:
        """Leaves this deck for one on that context."""
        if name == self.present:
            self._surface.say(f"{name} is shown already")
        else:
            self._surface.app.exit(Onward(context=name))

    def demo(self) -> None:
        """`d`: the demo, where there is no NATS to look at."""
        surface = self._surface
        site = surface.picture.snapshot.site
        if surface.stacks.page.kind != "overview" or site.connection.state is LinkState.CONNECTED:
            surface.say("d starts the demo where no NATS answers; watchdeck demo starts it anywhere")
        else:
            surface.app.exit(Onward(demo=True))
