"""Ids: UUIDs for what has names of its own, for clients that know UUIDs only. The same name gives the same id."""

from __future__ import annotations

from collections.abc import Set
from uuid import UUID, uuid5

SPACE = UUID("c6f4a3d2-6f0a-5b7e-9a51-3e0b7a1d9c44")
"""Under which all of ours are made."""


def id_of(kind: str, name: str) -> UUID:
    """The id of a thing of a kind (`host`, `ai`, `board`), by its name."""
    return uuid5(SPACE, f"{kind}:{name}")


class KnownIds:
    """Ids of many things, each made once, and the way back from an id to its name."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._ids: dict[str, UUID] = {}
        self._names: dict[UUID, str] = {}

    def of(self, name: str) -> UUID:
        found = self._ids.get(name)
        if found is None:
            found = self._ids[name] = id_of(self._kind, name)
            self._names[found] = name
        return found

    def name(self, id: UUID, names: Set[str]) -> str | None:
        """The one of these names that has this id; None if there is none. What is no longer among them is forgotten."""
        if self._ids.keys() != names:
            for gone in self._ids.keys() - names:
                del self._names[self._ids.pop(gone)]
            for new in names - self._ids.keys():
                self.of(new)
        return self._names.get(id)
