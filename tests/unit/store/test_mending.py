"""A database that is damaged, gone or emptied while programs have it open, and one that only seems to be."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from stored import segment
from vedette.clock import SimulatedClock
from vedette.model.errors import DatabaseError
from vedette.model.recording import Storage
from vedette.store.database import Database, DatabaseDamaged
from vedette.store.ledger import SqlLedger
from vedette.store.mending import mend
from vedette.store.rescue import backup_path

CLOCK = SimulatedClock()
RUBBISH = bytes(range(256)) * 64


def opened(path: Path) -> Database:
    return Database.later(f"sqlite:///{path}", clock=CLOCK, role="recorder")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database that knows of a folder and 20 segments, with a copy from when there were 10."""
    path = tmp_path / "vedette.db"
    with closing(opened(path)) as database:
        SqlLedger(database).put_storage(Storage("disk", "/disk"))
        for n in range(1, 21):
            SqlLedger(database).commit(segment(n))
            if n == 10:
                database.backup(backup_path(path))
    return path


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    with closing(opened(path)) as database:
        assert count(database) == 20
        yield database


def count(database: Database) -> int:
    return len(list(SqlLedger(database).known("disk")))


def mended(database: Database) -> list[str]:
    """What is told, until the database can be asked."""
    told: list[str] = []
    for _ in range(3):
        if mend(database, told.append) is None:
            return told
    raise AssertionError(told)


def test_a_sound_database_is_left_alone(database: Database) -> None:
    assert mended(database) == []
    assert database.generation == 1


@pytest.mark.parametrize("asked", [True, False])
def test_a_file_that_vanished_comes_back_from_its_copy(database: Database, path: Path, *, asked: bool) -> None:
    for name in ("", "-wal", "-shm"):
        path.with_name(path.name + name).unlink(missing_ok=True)
    if asked:
        with pytest.raises(DatabaseDamaged, match="vanished"):
            SqlLedger(database).commit(segment(21))
        assert not path.exists(), "nobody but who can fill it again makes a new one"
    assert len(mended(database)) == 1
    assert count(database) == 10
    assert database.generation == 2


def test_another_program_was_first_with_an_empty_file(database: Database, path: Path) -> None:
    path.unlink()
    with closing(opened(path)) as other:
        SqlLedger(other).commit(segment(30))
    (line,) = mended(database)
    assert "is empty" in line
    assert count(database) == 10


def test_rubbish_in_its_place(database: Database, path: Path) -> None:
    rubbish = path.with_name("rubbish")
    rubbish.write_bytes(RUBBISH)
    os.replace(rubbish, path)
    (line,) = mended(database)
    assert "damaged" in line
    assert "copy of 20" in line
    assert len(line.splitlines()) == 1
    assert count(database) == 10
    assert [one.read_bytes() for one in path.parent.glob("*.damaged-*Z")] == [RUBBISH]


def test_without_a_copy_a_new_one_begins(database: Database, path: Path) -> None:
    backup_path(path).unlink()
    path.unlink()
    (line,) = mended(database)
    assert "filled from the recordings" in line
    assert count(database) == 0
    assert database.generation == 2


def test_a_copy_that_did_not_help_is_not_taken_again(database: Database, path: Path) -> None:
    path.write_bytes(RUBBISH)
    with pytest.raises(DatabaseDamaged):
        database.reopen()
    assert mend(database, lambda _line: None, again=True) is not None
    assert count(database) == 0
    assert not backup_path(path).exists()
    assert len(list(path.parent.glob("*.backup.damaged"))) == 1


def test_a_false_alarm_changes_nothing(database: Database) -> None:
    database.damaged = True
    assert mended(database) == []
    assert count(database) == 20
    assert not database.damaged


def test_a_copy_that_knows_nothing_is_no_reason(path: Path) -> None:
    with closing(sqlite3.connect(backup_path(path))) as copy:
        copy.execute("DELETE FROM storages")
        copy.commit()
    path.unlink()
    with closing(opened(path)) as other:
        assert count(other) == 0
        assert mended(other) == []


def test_a_database_that_is_only_locked_is_not_replaced(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        database = Database.later(f"sqlite:///{path}", clock=CLOCK, busy_timeout_s=0.1)
        with closing(database), pytest.raises(DatabaseError):
            mend(database, pytest.fail)
    with closing(opened(path)) as database:
        assert count(database) == 20
