"""Migrations: the steps by which a database of any earlier version becomes one of this version."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy.engine import Connection

SCHEMA = "0001"
"""The schema that this version of watchdeck reads and writes: the newest file in `versions/`."""


def migrate(connection: Connection) -> None:
    """Brings the database up to `SCHEMA`, within the transaction that the connection is in."""
    # A third of a second to import, and needed only when the schema changes.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, SCHEMA)
