"""Settings that are changed while the worker runs, each as JSON text under a name."""

from __future__ import annotations

import json

from sqlalchemy.engine import Connection
from sqlmodel import Session

from app.store.access import Access
from app.store.tables import SettingRow


class SettingsTable:
    """The changed settings of one store; what is not in it has its configured value."""

    def __init__(self, store: Access) -> None:
        self._store = store

    async def get(self, key: str) -> str | None:
        """The JSON text of a setting; None: it was never changed."""

        def value(connection: Connection) -> str | None:
            with Session(connection) as session:
                row = session.get(SettingRow, key)
                return None if row is None else row.value

        return await self._store.read(value)

    async def put(self, key: str, value: str) -> None:
        """Keeps the JSON text of a setting; a ValueError if it is no JSON."""
        json.loads(value)

        def keep(connection: Connection) -> None:
            with Session(connection) as session:
                session.merge(SettingRow(key=key, value=value))
                session.flush()

        await self._store.write(keep)

    async def delete(self, key: str) -> bool:
        """The setting has its configured value again; False if it had it already."""

        def remove(connection: Connection) -> bool:
            with Session(connection) as session:
                row = session.get(SettingRow, key)
                if row is None:
                    return False
                session.delete(row)
                session.flush()
                return True

        return await self._store.write(remove)
