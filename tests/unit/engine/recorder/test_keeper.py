from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from fakes_engine import CODEC, FakeBus, FakeDisk, FakeFormat
from fakes_recording import MemoryLedger
from vedette.clock import SimulatedClock
from vedette.engine.health import AlarmBook, HealthBook
from vedette.engine.keeper import BATCH, Keeper, Limits
from vedette.engine.recorder.rows import Rows
from vedette.engine.recorder.storages import Storages
from vedette.engine.recorder.told import Tidings
from vedette.engine.recorder.writers import DiskWriter
from vedette.model.errors import DatabaseError, StorageError, StorageFull, StorageGone
from vedette.model.news import AlarmChanged
from vedette.model.recording import Doomed, Keep, Lock, Segment
from vedette.model.time import NS_PER_S

MB = 10**6
PART = "storage:disk-1"


@dataclass
class World:
    """A keeper over a disk in memory. Deciding is done on the ledger's rows as the database does it."""

    clock: SimulatedClock = field(default_factory=SimulatedClock)
    bus: FakeBus = field(default_factory=FakeBus)
    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    disk: FakeDisk = field(default_factory=FakeDisk)
    broken: DatabaseError | None = None

    def __post_init__(self) -> None:
        health = HealthBook(self.clock, self.bus.news)
        chance = random.Random(1)  # noqa: S311
        rows = Rows(self.ledger, health, chance, 1000)
        self.alarms = AlarmBook(self.clock, self.bus.news, rows.alarm)
        self.storages = Storages(self.clock, health, self.alarms, chance)
        tidings = Tidings(self.bus, rows, self.storages)
        self.storages.add(self.disk, DiskWriter(self.disk, FakeFormat(), tidings, self.clock, MB))
        self.keeper = Keeper(self.storages, self.ledger, self, self.alarms, clock=self.clock)
        self.shelf = self.storages.shelves[0]

    def record(self, count: int, size: int = MB, camera: str = "gate") -> None:
        """Segments of a minute each that ended a minute ago, the oldest first."""
        begun = len(self.ledger.segments)
        for number in range(begun, begun + count):
            start = self.clock.utc_ns() - (count - number + begun + 1) * 60 * NS_PER_S
            path = f"{camera}/main/day/{number}.mp4"
            place = (camera, "main", "disk-1", path)
            self.ledger.commit(Segment(number, 1, *place, start, 0, 60 * NS_PER_S, 0, size, b"", 0, CODEC, None, ()))
            self.disk.names.add(path)

    def lock(self, camera: str = "gate") -> None:
        self.ledger.lock_rows.append(Lock(1, camera, 0, 1 << 62, "case", 0))

    def free_rows(self) -> list[Segment]:
        if self.broken is not None:
            raise self.broken
        locked = {lock.camera for lock in self.ledger.lock_rows}
        rows = [one for one in self.ledger.segments.values() if one.camera not in locked]
        return sorted(rows, key=lambda one: one.start_utc_ns)

    def expired(self, keep: Sequence[Keep], now_utc_ns: int, limit: int) -> Sequence[Doomed]:
        old = [
            one
            for one in self.free_rows()
            for each in keep
            if (one.camera, one.stream) == (each.camera, each.stream)
            and each.seconds is not None
            and one.end_utc_ns <= now_utc_ns - round(each.seconds * NS_PER_S)
        ]
        return [Doomed(one.id, one.storage, one.path, one.size) for one in old[:limit]]

    def oldest(self, storage: str, size: int, limit: int) -> Sequence[Doomed]:
        found: list[Doomed] = []
        for one in self.free_rows()[:limit]:
            if sum(each.size for each in found) >= size:
                break
            found.append(Doomed(one.id, storage, one.path, one.size))
        return found

    def used(self, storage: str) -> tuple[int, int]:
        rows = [one for one in self.ledger.segments.values() if one.storage == storage]
        free = {one.id for one in self.free_rows()}
        return sum(one.size for one in rows), sum(one.size for one in rows if one.id not in free)

    def usable(self) -> bool:
        return self.shelf.usable

    def open(self) -> set[str]:
        return {kind for kind, _ in self.alarms.now()}


def keep(seconds: float) -> list[Keep]:
    return [Keep("gate", "main", seconds)]


def test_what_is_too_old_goes_and_leaves_nothing_behind() -> None:
    world = World()
    world.record(2 * BATCH + 30)
    world.keeper.apply(keep(30 * 60 + 1), {})
    world.keeper.tick()
    assert len(world.ledger.segments) == 30
    assert world.disk.names == {one.path for one in world.ledger.segments.values()}
    assert world.ledger.condemned == {}
    assert world.disk.synced == {"gate/main/day"}
    assert world.keeper.deleted == 2 * BATCH


def test_locked_footage_stays() -> None:
    world = World()
    world.record(10)
    world.lock()
    world.keeper.apply(keep(1), {"disk-1": Limits(keep_free=1 << 60)})
    world.keeper.tick()
    assert len(world.ledger.segments) == 10


def test_age_is_looked_at_now_and_then_only() -> None:
    world = World()
    world.keeper.apply(keep(30), {})
    world.keeper.tick()
    world.record(3)
    world.keeper.tick()
    assert len(world.ledger.segments) == 3
    world.clock.advance(61)
    world.keeper.tick()
    assert world.ledger.segments == {}


def test_room_is_made_before_the_disk_is_full() -> None:
    world = World()
    world.record(100)
    world.disk.free = 3 * MB
    world.keeper.apply([], {"disk-1": Limits(keep_free=10 * MB)})
    assert world.usable()
    world.keeper.tick()
    assert len(world.ledger.segments) == 88
    assert min(world.ledger.segments) == 12


def test_a_folder_takes_no_more_than_it_may() -> None:
    world = World()
    world.record(100)
    world.keeper.apply([], {"disk-1": Limits(most=50 * MB)})
    world.keeper.tick()
    assert len(world.ledger.segments) == 45
    assert world.open() == set()


def test_full_of_locked_footage_recording_stops_with_an_alarm_and_goes_on_by_itself() -> None:
    world = World()
    world.record(10)
    world.lock()
    world.disk.free = MB
    world.keeper.apply([], {"disk-1": Limits(keep_free=5 * MB)})
    world.keeper.tick()
    assert not world.usable()
    assert world.storages.choose("gate", "main") is None
    assert world.storages.why_none()[0] == "storage_full"
    assert "locked footage" in world.alarms.now()["storage_full", PART].text
    world.ledger.lock_rows.clear()
    world.keeper.tick()
    assert not world.usable()
    world.disk.free = 9 * MB
    world.keeper.tick()
    assert world.usable()
    assert "storage_full" not in world.open()


def test_a_disk_that_refused_a_file_is_not_tried_again_before_there_is_room_for_more_than_one() -> None:
    world = World()
    world.record(1000)
    world.lock()
    world.disk.free = 3 * MB
    world.storages.failed("disk-1", StorageFull("no room is left"))
    for _ in range(3):
        world.keeper.tick()
        assert not world.usable()
    world.ledger.lock_rows.clear()
    world.keeper.tick()
    assert len(world.ledger.segments) <= 1000 - 64
    world.disk.free = 80 * MB
    world.keeper.tick()
    assert world.usable()
    assert [news.alarm.cleared_utc_ns is None for news in world.bus.heard if isinstance(news, AlarmChanged)] == [
        True,
        False,
    ]


def test_full_of_other_things_is_said_to_be_that() -> None:
    world = World()
    world.disk.free = MB
    world.keeper.apply([], {"disk-1": Limits(keep_free=5 * MB)})
    world.keeper.tick()
    assert "other things" in world.alarms.now()["storage_full", PART].text


def test_alarm_comes_while_there_is_still_room_and_does_not_flutter() -> None:
    world = World()
    world.record(90)
    world.lock()
    world.disk.free = 15 * MB
    world.keeper.apply([], {"disk-1": Limits(keep_free=MB)})
    world.keeper.tick()
    assert world.open() == set()
    world.disk.free = 10 * MB
    world.keeper.tick()
    assert world.open() == {"storage_soon_full"}
    world.disk.free = 12 * MB
    world.keeper.tick()
    assert world.open() == {"storage_soon_full"}
    world.disk.free = 20 * MB
    world.keeper.tick()
    assert world.open() == set()
    assert len(world.ledger.segments) == 90


def test_a_full_disk_whose_footage_may_go_is_no_alarm() -> None:
    world = World()
    world.record(100)
    world.disk.free = 2 * MB
    world.keeper.apply([], {"disk-1": Limits(keep_free=MB)})
    world.keeper.tick()
    assert world.open() == set()


def test_a_crash_between_steps_leaves_garbage_that_the_next_start_removes() -> None:
    world = World()
    world.record(5)

    def crash(step: str) -> None:
        if step == "forget":
            raise DatabaseError("gone")

    world.ledger.before = crash
    world.keeper.apply(keep(1), {})
    world.keeper.tick()
    assert len(world.ledger.condemned) == 5
    again = World(ledger=world.ledger, disk=world.disk)
    world.ledger.before = lambda _: None
    again.keeper.tick()
    assert world.ledger.condemned == {}
    assert world.disk.names == set()


def test_one_stuck_file_does_not_keep_the_others() -> None:
    world = World()
    world.record(5)
    world.disk.stuck = {"gate/main/day/2.mp4"}
    world.keeper.apply(keep(1), {})
    world.keeper.tick()
    assert world.disk.names == {"gate/main/day/2.mp4"}
    assert list(world.ledger.condemned) == [2]
    world.disk.stuck = set()
    world.clock.advance(601)
    world.keeper.tick()
    assert world.disk.names == set()
    assert world.ledger.condemned == {}


def test_of_a_disk_that_is_away_the_rows_go_and_the_files_when_it_is_back() -> None:
    world = World()
    world.record(5)
    world.disk.trouble = StorageGone("pulled out")
    world.keeper.apply(keep(1), {})
    world.keeper.tick()
    assert "storage_lost" in world.open()
    assert world.ledger.segments == {}
    assert len(world.disk.names) == 5
    world.disk.trouble = None
    world.clock.advance(100)
    world.keeper.tick()
    world.keeper.tick()
    assert world.open() == set()
    assert world.disk.names == set()


def test_a_broken_database_deletes_nothing_and_ends_nothing() -> None:
    world = World()
    world.record(5)
    world.broken = DatabaseError("away")
    world.keeper.apply(keep(1), {"disk-1": Limits(keep_free=1 << 60)})
    for _ in range(5):
        world.keeper.tick()
    assert len(world.disk.names) == 5
    assert world.usable()
    world.broken = None
    world.keeper.tick()
    assert world.disk.names == set()


def test_a_fault_of_ours_does_not_end_the_keeper(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    world.record(5)
    world.keeper.apply(keep(1), {})
    with monkeypatch.context() as patch:
        patch.setattr(world, "used", lambda _: 1 // 0)
        world.keeper.tick()
    world.keeper.tick()
    assert world.ledger.segments == {}


def test_a_clock_that_jumps_ahead_deletes_nothing_at_once() -> None:
    world = World()
    world.record(5)
    world.keeper.apply(keep(86_400), {})
    world.keeper.tick()
    world.clock.step(30 * 86_400)
    for _ in range(5):
        world.clock.advance(120)
        world.keeper.tick()
    assert len(world.ledger.segments) == 5
    world.clock.step(-30 * 86_400)
    world.clock.advance(120)
    world.keeper.tick()
    assert len(world.ledger.segments) == 5
    world.clock.step(30 * 86_400)
    for _ in range(40):
        world.clock.advance(120)
        world.keeper.tick()
    assert world.ledger.segments == {}


def test_a_clock_that_is_set_by_exactly_an_hour_deletes_nothing() -> None:
    world = World()
    world.record(5)
    world.keeper.apply(keep(1800), {})
    world.keeper.tick()
    world.clock.step(3600)
    for _ in range(5):
        world.clock.advance(120)
        world.keeper.tick()
    assert len(world.ledger.segments) == 5


def test_deleting_pauses_so_that_disks_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    world.record(5 * BATCH)
    real = world.ledger.forget

    def slow(segments: Sequence[int]) -> None:
        world.clock.advance(1.5)
        real(segments)

    monkeypatch.setattr(world.ledger, "forget", slow)
    world.keeper.apply(keep(1), {})
    world.keeper.tick()
    assert len(world.ledger.segments) == 3 * BATCH
    world.keeper.tick()
    world.keeper.tick()
    assert world.ledger.segments == {}


def test_disks_show_how_they_are() -> None:
    world = World()
    world.disk.free = 7 * MB
    world.keeper.tick()
    shown = world.bus.heard[-1]
    assert "bytes_free': 7000000" in str(shown)
    world.storages.failed("disk-1", StorageError("input/output error"))
    assert "input/output error" in str(world.bus.heard[-1])
