"""Copies of a database file, and what to do when the file is damaged."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, text

from vedette.model.errors import DatabaseError
from vedette.model.ports import Clock
from vedette.model.time import NS_PER_S
from vedette.store.failures import DatabaseDamaged, mapped
from vedette.store.file_lock import file_lock

_BESIDE: Final = ("", "-wal", "-shm")
_MOST_PROBLEMS: Final = 20
_LOCK_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Rescue:
    """What was done: where the damaged file is kept, and which backup was put in its place, if there was a good one."""

    kept: Path
    restored: Path | None


def backup_path(path: Path) -> Path:
    """Where the backup of the database file `path` lies unless somebody says otherwise."""
    return path.with_name(path.name + ".backup")


def problems_of(connection: Connection, *, quick: bool) -> list[str]:
    """What is wrong with the database that `connection` leads to, one line each."""
    if connection.dialect.name != "sqlite":
        connection.execute(text("SELECT 1"))
        return []
    pragma = f"PRAGMA {'quick_check' if quick else 'integrity_check'}({_MOST_PROBLEMS})"
    found = [str(row[0]) for row in connection.exec_driver_sql(pragma)]
    rows = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchmany(_MOST_PROBLEMS)
    return [line for line in found if line != "ok"] + [
        f"a row of {row[0]} refers to no row of {row[2]}" for row in rows
    ]


def backup(source: Path, target: Path, busy_timeout_s: float) -> None:
    """Copy the database file `source` to `target` while others use it. Raises DatabaseError, sqlite3.Error."""
    part = target.with_name(target.name + ".part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        part.unlink(missing_ok=True)
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        with closing(sqlite3.connect(source, timeout=busy_timeout_s)) as ours, closing(sqlite3.connect(part)) as copy:
            # In one step: a copy in several begins anew whenever somebody writes.
            ours.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")
        if not sound(part):
            raise DatabaseDamaged(f"the database {source} is damaged; its copy was not kept")
        _place(part, target)
    except OSError as error:
        raise DatabaseError(f"the database cannot be copied to {target}: {error.strerror or error}") from error
    finally:
        part.unlink(missing_ok=True)


def sound(path: Path) -> bool:
    """Whether `path` is a database file without a fault."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            return bool(connection.execute("PRAGMA quick_check(1)").fetchone() == ("ok",))
    except sqlite3.Error:
        return False


def rescue(path: Path, clock: Clock, last_backup: Path | None = None) -> Rescue:
    """Move the damaged database file `path` aside, never away, and put its last good backup in its place.

    Without a good backup nothing is put there: the next `Database.open` makes a new one, and what files say about
    themselves can be indexed anew. Every program that has the old file open must open it again. Raises DatabaseError.
    """
    stamp = f"{datetime.fromtimestamp(clock.utc_ns() // NS_PER_S, UTC):%Y%m%dT%H%M%SZ}"
    copy = last_backup or backup_path(path)
    try:
        with mapped(str(path)), file_lock(path, clock, _LOCK_S):
            kept = _free_name(path, stamp)
            for suffix in _BESIDE:
                part = path.with_name(path.name + suffix)
                if part.exists():
                    part.rename(kept.with_name(kept.name + suffix))
            good = copy.is_file() and sound(copy)
            if good:
                fresh = path.with_name(path.name + ".part")
                shutil.copyfile(copy, fresh)
                fresh.chmod(0o600)
                _place(fresh, path)
            _sync(path.parent)
    except OSError as error:
        raise DatabaseError(f"the damaged database {path} cannot be replaced: {error.strerror or error}") from error
    return Rescue(kept, copy if good else None)


def _free_name(path: Path, stamp: str) -> Path:
    kept, count = path.with_name(f"{path.name}.damaged-{stamp}"), 1
    while kept.exists():
        count += 1
        kept = path.with_name(f"{path.name}.damaged-{stamp}-{count}")
    return kept


def _place(part: Path, target: Path) -> None:
    _sync(part)
    part.replace(target)
    _sync(target.parent)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
