"""Damaged files: noticed, kept, replaced by the last good copy."""

from __future__ import annotations

import sqlite3
import stat
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from stored import segment
from vedette.clock import SimulatedClock
from vedette.model.errors import DatabaseError
from vedette.store.database import Database, DatabaseDamaged, rescue
from vedette.store.ledger import SqlLedger
from vedette.store.rescue import backup_path, sound

CLOCK = SimulatedClock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "vedette.db"


def opened(path: Path) -> Database:
    return Database.open(f"sqlite:///{path}", clock=CLOCK, role="recorder")


@pytest.fixture
def filled(path: Path) -> Path:
    """A database of 50 segments with a backup from when it had 40."""
    with closing(opened(path)) as database:
        for n in range(1, 51):
            SqlLedger(database).commit(segment(n))
            if n == 40:
                database.backup(backup_path(path))
    return path


def segments_in(path: Path) -> int:
    with closing(opened(path)) as database:
        assert database.integrity(quick=False) == []
        return len(list(SqlLedger(database).known("disk")))


def overwrite(path: Path, at: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(data)


def test_a_backup_is_a_whole_database(filled: Path) -> None:
    assert segments_in(backup_path(filled)) == 40
    assert stat.S_IMODE(backup_path(filled).stat().st_mode) == 0o600
    assert list(filled.parent.glob("*.part*")) == []


def test_a_backup_while_others_write(path: Path) -> None:
    with closing(opened(path)) as database:
        ledger, stop = SqlLedger(database), threading.Event()

        def write() -> None:
            n = 0
            while not stop.is_set():
                n += 1
                ledger.commit(segment(n))

        writer = threading.Thread(target=write)
        writer.start()
        for _ in range(5):
            database.backup(backup_path(path))
            assert sound(backup_path(path))
        stop.set()
        writer.join()


@pytest.mark.parametrize("harm", ["header", "everything", "short"])
def test_a_file_that_is_no_database_any_more(filled: Path, harm: str) -> None:
    if harm == "header":
        overwrite(filled, 0, b"rubbish" * 20)
    elif harm == "everything":
        filled.write_bytes(bytes(range(256)) * 64)
    else:
        with filled.open("r+b") as file:
            file.truncate(5000)
    with pytest.raises(DatabaseDamaged, match="damaged") as caught:
        segments_in(filled)
    assert len(str(caught.value).splitlines()) == 1
    damaged = filled.read_bytes()
    done = rescue(filled, CLOCK)
    assert done.restored == backup_path(filled)
    assert done.kept.read_bytes() == damaged
    assert segments_in(filled) == 40
    assert segments_in(backup_path(filled)) == 40, "the backup is still there"


def test_damage_in_the_middle_is_found_by_looking(filled: Path) -> None:
    with closing(sqlite3.connect(filled)) as looked:
        root = looked.execute("SELECT rootpage FROM sqlite_master WHERE name = 'ix_segments_time'").fetchone()[0]
    overwrite(filled, (root - 1) * 4096, b"\xff" * 2000)
    with closing(opened(filled)) as database:
        try:
            problems = database.integrity()
        except DatabaseDamaged:
            problems = ["it cannot even be checked"]
        assert problems
        backup_before = backup_path(filled).read_bytes()
        with pytest.raises(DatabaseError):
            database.backup(backup_path(filled))
    assert backup_path(filled).read_bytes() == backup_before, "a damaged copy never replaces a good one"
    rescue(filled, CLOCK)
    assert segments_in(filled) == 40


def test_without_a_backup_a_new_one_begins(filled: Path) -> None:
    backup_path(filled).unlink()
    overwrite(filled, 0, b"rubbish" * 20)
    done = rescue(filled, CLOCK)
    assert done.restored is None
    assert not filled.exists()
    assert segments_in(filled) == 0
    assert done.kept.exists()


def test_a_damaged_backup_is_not_restored(filled: Path) -> None:
    overwrite(backup_path(filled), 0, b"rubbish" * 20)
    overwrite(filled, 0, b"rubbish" * 20)
    assert rescue(filled, CLOCK).restored is None
    assert segments_in(filled) == 0


def test_every_damaged_file_is_kept(filled: Path) -> None:
    kept = set()
    for _ in range(3):
        overwrite(filled, 0, b"rubbish" * 20)
        kept.add(rescue(filled, CLOCK).kept)
    assert len(kept) == 3
    assert all(path.exists() for path in kept)


def test_the_log_goes_with_its_file(filled: Path) -> None:
    with closing(sqlite3.connect(filled)) as other:
        other.execute("PRAGMA wal_autocheckpoint = 0")
        other.execute("INSERT INTO storages VALUES ('a', 'b', 1)")
        other.commit()
        assert filled.with_name(filled.name + "-wal").exists()
        done = rescue(filled, CLOCK)
        assert done.kept.with_name(done.kept.name + "-wal").exists()
        assert not filled.with_name(filled.name + "-wal").exists()
    assert segments_in(filled) == 40


def test_who_has_the_old_file_open_goes_on_with_the_new_one(filled: Path) -> None:
    with closing(opened(filled)) as server:
        SqlLedger(server).commit(segment(60))
        rescue(filled, CLOCK)
        with closing(opened(filled)) as recorder:
            SqlLedger(recorder).commit(segment(61))
            assert SqlLedger(server).segment(segment(60).id) is None, "that was in the file that is kept aside"
            assert SqlLedger(server).segment(segment(61).id) == segment(61), "closing the old file spoils no new log"
            SqlLedger(server).commit(segment(62))
            assert recorder.integrity(quick=False) == []
    assert segments_in(filled) == 42


def test_a_database_is_connected_to_when_it_is_needed(path: Path) -> None:
    with closing(Database.later(f"sqlite:///{path}", clock=CLOCK)) as database:
        assert not path.exists()
        SqlLedger(database).commit(segment(1))
    assert segments_in(path) == 1


def test_a_backup_where_none_can_be(filled: Path) -> None:
    with closing(opened(filled)) as database, pytest.raises(DatabaseError, match="cannot be copied"):
        database.backup(Path("/proc/vedette/copy"))


@pytest.fixture(autouse=True)
def no_parts_left(tmp_path: Path) -> Iterator[None]:
    yield
    assert list(tmp_path.glob("*.part*")) == []
