"""The recorder's care for its database: copies in time, refilling after a replacement until it has worked."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from stored import segment
from vedette.app.database_care import CareOptions, DatabaseCare
from vedette.clock import SimulatedClock
from vedette.model.errors import DatabaseBusy, OperationError
from vedette.model.recording import Lock, Storage
from vedette.store.database import Database
from vedette.store.ledger import SqlLedger
from vedette.store.locks import SqlLocks
from vedette.store.rescue import backup_path, sound

HOUR_S = 3600.0
RUBBISH = bytes(range(256)) * 64


class Watch:
    """What the care for a database tells, and what its refilling raises."""

    def __init__(self, path: Path) -> None:
        self.clock = SimulatedClock()
        self.database = Database.open(f"sqlite:///{path}", clock=self.clock, role="recorder")
        SqlLedger(self.database).put_storage(Storage("disk", "/disk"))
        self.said: list[str] = []
        self.fails: list[OperationError] = []
        self.care = self.anew()

    def anew(self) -> DatabaseCare:
        """As after a start."""
        return DatabaseCare(
            self.database, self.clock, refill=self.refill, told=self.said.append,
            well=lambda: self.said.append("well"), options=CareOptions(),
        )  # fmt: skip

    def refill(self) -> None:
        self.said.append("refill")
        if self.fails:
            raise self.fails.pop()
        SqlLedger(self.database).commit(segment(1))

    def after(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.care.look()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "vedette.db"


@pytest.fixture
def watch(path: Path) -> Iterator[Watch]:
    watch = Watch(path)
    with closing(watch.database):
        yield watch


@pytest.fixture
def age(path: Path, watch: Watch) -> Callable[[float], None]:
    """Make the copy so many seconds old by the clock of the test."""

    def make(seconds: float) -> None:
        at = watch.clock.utc_ns() / 1e9 - seconds
        os.utime(backup_path(path), (at, at))

    return make


def test_a_copy_is_made_soon_and_then_once_a_day(watch: Watch, path: Path, age: Callable[[float], None]) -> None:
    watch.after(1.0)
    assert not backup_path(path).exists()
    watch.after(10.0)
    assert sound(backup_path(path))
    backup_path(path).write_bytes(b"old")
    age(0.0)
    watch.after(23.9 * HOUR_S)
    assert not sound(backup_path(path))
    watch.after(0.2 * HOUR_S)
    assert sound(backup_path(path))
    assert watch.said == []


@pytest.mark.parametrize(("old_s", "first_s"), [(20 * HOUR_S, 4 * HOUR_S - 5.0), (30 * HOUR_S, 0.0), (-HOUR_S, 0.0)])
def test_the_age_of_the_copy_counts_over_a_start(
    watch: Watch, path: Path, age: Callable[[float], None], old_s: float, first_s: float
) -> None:
    backup_path(path).write_bytes(b"old")
    age(old_s)
    watch.care = watch.anew()
    watch.after(first_s)
    assert not sound(backup_path(path))
    watch.after(12.0)
    assert sound(backup_path(path))


def test_a_database_that_vanishes_is_restored_and_refilled(watch: Watch, path: Path) -> None:
    watch.after(11.0)
    SqlLedger(watch.database).commit(segment(2))
    path.unlink()
    watch.after(1.0)
    assert watch.said[1:] == ["refill", "well"]
    assert "vanished" in watch.said[0]
    assert [number for number, _, _ in SqlLedger(watch.database).known("disk")] == [segment(1).id]
    watch.after(1.0)
    assert len(watch.said) == 3


def test_refilling_is_tried_until_it_has_worked(watch: Watch, path: Path) -> None:
    path.unlink()
    watch.fails = [DatabaseBusy("locked"), DatabaseBusy("locked")]
    for _ in range(5):
        watch.after(1.0)
    assert watch.said[1:] == ["refill", "refill", "refill", "well"]


def test_damaged_again_and_again_ends_with_a_new_one(watch: Watch, path: Path) -> None:
    watch.after(11.0)
    for _ in range(3):
        path.write_bytes(RUBBISH)
        watch.database.damaged = True
        watch.after(1.0)
        watch.after(1.0)
    assert watch.database.integrity(quick=False) == []
    assert len(list(path.parent.glob("*.damaged-*Z*"))) >= 3
    assert watch.said.count("well") == 3


def test_no_copy_where_the_disk_has_no_room(watch: Watch, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr("shutil.disk_usage", lambda _path: usage)
    watch.after(11.0)
    assert not backup_path(path).exists()
    monkeypatch.undo()
    watch.after(HOUR_S)
    assert sound(backup_path(path))


def test_a_new_lock_is_in_the_copy_at_once(watch: Watch, path: Path) -> None:
    watch.after(11.0)
    made = Lock(5, "gate", 0, 1 << 62, "case 12", 1)
    SqlLocks(watch.database).put(made)
    watch.after(1.0)
    before = backup_path(path).stat().st_ino
    watch.after(1.0)
    assert backup_path(path).stat().st_ino == before, "once is enough"
    path.write_bytes(RUBBISH)
    watch.database.damaged = True
    watch.after(1.0)
    assert SqlLocks(watch.database).all() == [made]


def test_locks_of_before_the_start_are_in_the_copy_soon(watch: Watch, path: Path, age: Callable[[float], None]) -> None:
    watch.after(11.0)
    SqlLocks(watch.database).put(Lock(5, "gate", 0, 1 << 62, "case 12", 1))
    age(0.0)
    before = backup_path(path).stat().st_ino
    watch.care = watch.anew()
    watch.after(1.0)
    assert backup_path(path).stat().st_ino == before
    watch.after(10.0)
    assert backup_path(path).stat().st_ino != before
