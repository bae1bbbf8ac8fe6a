"""Migrations: the steps by which a database of any earlier version becomes one of this version."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy.engine import Connection

from app.store.tables import METADATA

SCHEMA = "0003"
"""The schema that this version of watchdeck reads and writes: the newest file in `versions/`."""


def begin(connection: Connection) -> None:
    """Makes all tables of `SCHEMA` in an empty database, as the migrations would, but without Alembic."""
    METADATA.create_all(connection, checkfirst=False)
    connection.exec_driver_sql(
        "CREATE TABLE alembic_version ("
        "version_num VARCHAR(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
    )
    connection.exec_driver_sql(f"INSERT INTO alembic_version VALUES ('{SCHEMA}')")  # noqa: S608 (our own constant)


def migrate(connection: Connection) -> None:
    """Brings the database up to `SCHEMA`, within the transaction that the connection is in."""
    # A third of a second to import, and needed only when the schema changes.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, SCHEMA)
