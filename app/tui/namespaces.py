"""Namespaces: whose fleet is shown where there are several, chosen once and remembered."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from app.feed.acts import ChooseNamespace
from app.feed.protocol import FeedState
from app.model.snapshot import Capability
from app.tui import sentences
from app.tui.memory import Memory
from widgets.menu import MenuItem

if TYPE_CHECKING:
    from app.tui.surface import Surface

AUTO = "auto"
_NAME = re.compile(r"[A-Za-z0-9_-]{0,100}")


class Namespaces:
    """Chooses, remembers, and applies what was remembered once a worker has found several."""

    def __init__(self, surface: Surface) -> None:
        self._surface = surface
        self._memory = Memory(surface.options.state_dir)
        self._told = ""  # the worker's run that has been told, or whose reader has been asked

    def choices(self) -> Iterable[str]:
        """What completes the command."""
        found = self._surface.picture.snapshot.site.namespaces
        return [*(sentences.namespace_word(name) for name in found), AUTO]

    def facts_came(self) -> None:
        """Applies what is remembered, and says once that there is something to choose."""
        picture = self._surface.picture
        asked = sentences.several_fleets(picture)
        if not asked or picture.state is not FeedState.LIVE or picture.snapshot.epoch == self._told:
            return
        self._told = picture.snapshot.epoch
        remembered = self._memory.namespace
        if remembered is not None and remembered in picture.snapshot.site.namespaces:
            self._tell(remembered, remember=False)
        else:
            self._surface.say(asked)

    async def command(self, text: str) -> None:
        """`:namespace NS`, or a menu of those that are here."""
        if text:
            self.choose("" if text in ('""', "''") else text)
            return
        site = self._surface.picture.snapshot.site
        if len(site.namespaces) < 2:
            one = f"one fleet here: {sentences.namespace_word(site.namespace)}" if self._present() else "no fleet here"
            self._surface.say(f"{one}; :namespace NAME looks for another")
            return
        used = site.namespace if self._present() else None
        items = [
            MenuItem(name, sentences.namespace_word(name), "shown now" if name == used else "")
            for name in site.namespaces
        ]
        await self._surface.menus.open(
            "Namespace", "Whose fleet is to be shown?", items, self.choose, cursor=used or ""
        )

    def choose(self, namespace: str) -> None:
        """Somebody wants this one."""
        if not _NAME.fullmatch(namespace):
            self._surface.say("a namespace is of letters, digits, - and _", error=True)
            return
        self._tell(namespace, remember=True)

    def _present(self) -> bool:
        return self._surface.picture.has(Capability.FLEET)

    def _tell(self, namespace: str, *, remember: bool) -> None:
        self._surface.app.run_worker(
            self._post(namespace, remember), group="namespace", exclusive=True, exit_on_error=False
        )

    async def _post(self, namespace: str, remember: bool) -> None:
        refusal = await self._surface.feed.act(ChooseNamespace(namespace))
        if refusal:
            self._surface.say(f"the namespace is as it was: {refusal}", error=True)
            return
        if remember:
            self._memory.namespace = None if namespace == AUTO else namespace
        word = sentences.namespace_word(namespace)
        self._surface.say("looking for a fleet" if namespace == AUTO else f"looking at the fleet of {word}")
