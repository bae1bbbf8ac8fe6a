"""What failed, skipped and retried events say: the values of a few status keys a collection, each read once."""

from __future__ import annotations

import asyncio

from app.sources.agentwire import Unreadable
from app.sources.errors import LinkDown, SourceError
from app.sources.jobtable import JobTable
from app.sources.jobwire import event_value
from app.sources.keyvalue import Bucket
from app.sources.stored import Stored, StoredMessages

PER_TICK = 16
"""Values read in one collection."""
COUNTED = 4
"""Of these where each is a request of the budget, which is the broker's source's own."""
_TRIES = 3
_REMEMBERED = 1000


class ToldEvents:
    """Reads values of status keys into a table, the newest first."""

    def __init__(self, stored: StoredMessages) -> None:
        self._stored = stored
        self._tries: dict[str, int] = {}

    async def read(self, table: JobTable, part: Bucket, direct: bool) -> None:
        """One collection's share. Raises LinkDown only."""
        share = COUNTED if self._stored.counted(direct) else PER_TICK
        await asyncio.gather(*(self._read(key, table, part, direct) for key in table.unread(share)))
        if len(self._tries) > _REMEMBERED:  # of keys that went before they could be read
            self._tries.clear()

    async def _read(self, key: str, table: JobTable, part: Bucket, direct: bool) -> None:
        tries = self._tries.get(key, 0) + 1
        told = None
        try:
            found = await self._stored_event(key, part, direct)
            told = event_value(found.payload) if found is not None else None
        except LinkDown:
            raise
        except SourceError:
            pass
        except Unreadable:
            table.unreadable.add(key)
            tries = _TRIES
        if told is None and tries < _TRIES:
            self._tries[key] = tries
            return
        self._tries.pop(key, None)
        table.take_told(key, told.error if told else "", told.new_job if told else "")

    async def _stored_event(self, key: str, part: Bucket, direct: bool) -> Stored | None:
        revision = part.revision(key)
        if revision:
            return await self._stored.at(part.stream, revision, direct=direct)
        return await self._stored.last(part.stream, f"$KV.{part.bucket}.{key}", direct=direct)
