"""Seeing to it that a database can be asked: a file that cannot is replaced by its last good copy."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from sqlalchemy import select

from vedette.model.time import rfc3339
from vedette.store.database import Database, DatabaseDamaged
from vedette.store.rescue import Rescue, backup_path, rescue, sound
from vedette.store.schema import storages


def mend(database: Database, told: Callable[[str], None], *, again: bool = False) -> Rescue | None:
    """Replace the file of `database` where it is damaged, gone, or was made anew while its copy is not empty.

    told   hears one line that says what is wrong and what is done, before it is done
    again  it was replaced a short time ago: its copy is not believed any more then, and put aside too

    What was done; None while all is well, and for PostgreSQL. Raises DatabaseError.
    """
    path = database.path
    if path is None:
        return None
    try:
        _examine(database, path)
    except DatabaseDamaged as error:
        copy = backup_path(path)
        if again and copy.exists():
            copy.replace(copy.with_name(copy.name + ".damaged"))
        told(f"{error}; {_plan(copy)}")
        done = rescue(path, database.clock)
        database.reopen()
        return done
    return None


def _examine(database: Database, path: Path) -> None:
    """Return when the file can be used. Raises DatabaseDamaged."""
    if _emptied(database, path):
        raise DatabaseDamaged(f"the database {path} is empty")
    if not database.damaged:
        return
    if not path.exists():
        raise DatabaseDamaged(f"the database {path} has vanished")
    database.reopen()
    # A row that refers to nothing spoils no other: that is no reason to go back to an older file.
    wrong = [line for line in database.integrity(quick=False) if " refers to no row of " not in line]
    if wrong:
        raise DatabaseDamaged(f"the database {path} is damaged ({wrong[0]})")


def _emptied(database: Database, path: Path) -> bool:
    """Whether it knows of no storage folder, which the recorder notes first of all, while there is a good copy."""
    with database.reading() as connection:
        if connection.execute(select(storages.c.id).limit(1)).first() is not None:
            return False
    return _filled(backup_path(path))


def _plan(copy: Path) -> str:
    if not (copy.is_file() and sound(copy)):
        return "a new one is filled from the recordings; the old file is kept beside it"
    when = rfc3339(copy.stat().st_mtime_ns)
    return f"its copy of {when} takes its place and is filled up from the recordings; the old file is kept beside it"


def _filled(copy: Path) -> bool:
    if not (copy.is_file() and sound(copy)):
        return False
    try:
        with closing(sqlite3.connect(f"{copy.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            return connection.execute("SELECT 1 FROM storages LIMIT 1").fetchone() is not None
    except sqlite3.Error:
        return False
