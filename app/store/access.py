"""What a repository needs of the store that it belongs to."""

from __future__ import annotations

from typing import Protocol, TypeVar

from app.store.lane import Work

T = TypeVar("T")


class Access(Protocol):
    """Runs work on the database in the store's own threads, each piece in a transaction. Both may raise StoreFailed."""

    async def write(self, work: Work[T]) -> T: ...

    async def read(self, work: Work[T]) -> T: ...

    def write_soon(self, work: Work[None]) -> None: ...
