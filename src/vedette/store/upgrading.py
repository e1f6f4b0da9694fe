"""Bringing a database to the form that this program knows."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import Connection, Engine, text

from vedette.model.errors import DatabaseError
from vedette.store.connecting import WRITING
from vedette.store.failures import first_line

FOLDER: Final = Path(__file__).parent / "migrations"
_LOCK_KEY: Final = 0x7665646574746500
_LOCK_TIMEOUT_MS: Final = 60_000


def revisions() -> list[str]:
    """Every revision, the oldest first."""
    return [script.revision for script in reversed(list(_scripts().walk_revisions()))]


def upgrade(engine: Engine, name: str, to: str = "head") -> None:
    """Bring the database to revision `to` in one transaction. Raises DatabaseError when it is newer than the program.

    Programs that do so at the same time wait for each other.
    """
    try:
        with engine.connect() as connection:
            if revision(connection) == _target(to):
                return
        with engine.connect().execution_options(**{WRITING: True}) as connection, connection.begin():
            _wait_turn(connection)
            now = revision(connection)
            if now != _target(to):
                _refuse_newer(now, name)
                command.upgrade(_config(connection), to)
                _check_references(connection, name)
    except CommandError as error:
        raise DatabaseError(f"the database {name} cannot be upgraded: {first_line(error)}") from error


def revision(connection: Connection) -> str | None:
    """The revision of a database; None when it is empty."""
    return MigrationContext.configure(connection).get_current_revision()


def _wait_turn(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SET LOCAL lock_timeout = {_LOCK_TIMEOUT_MS}"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK_KEY})


def _target(to: str) -> str:
    return revisions()[-1] if to == "head" else to


def _refuse_newer(now: str | None, name: str) -> None:
    if now is not None and now not in revisions():
        raise DatabaseError(
            f"the database {name} was written by a newer Vedette (revision {now[:40]}); install that one, or restore "
            "an older backup"
        )


def _check_references(connection: Connection, name: str) -> None:
    if connection.dialect.name == "sqlite" and connection.exec_driver_sql("PRAGMA foreign_key_check").first():
        raise DatabaseError(f"the database {name} cannot be upgraded: rows refer to others that are not there")


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config(None))


def _config(connection: Connection | None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    config.attributes["connection"] = connection
    return config
