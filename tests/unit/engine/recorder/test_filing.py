from __future__ import annotations

import random
import threading
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise

import pytest

from fakes_engine import UTC_NS, FakeBus, FakeDisk, FakeFormat, packet, until, video
from fakes_recording import MemoryLedger
from vedette.clock import SimulatedClock
from vedette.engine.health import AlarmBook, HealthBook
from vedette.engine.recorder.filing import Filing
from vedette.engine.recorder.gaps import GapBook
from vedette.engine.recorder.rows import Rows
from vedette.engine.recorder.storages import Storages
from vedette.engine.recorder.told import Tidings
from vedette.engine.recorder.writers import DiskWriter
from vedette.model.errors import DatabaseError, StorageError, StorageFull, StorageGone
from vedette.model.media import Packet
from vedette.model.news import AlarmChanged, FragmentWritten, SegmentBegun, SegmentClosed
from vedette.model.recording import Gap, Run, Storage
from vedette.model.recording_ports import Files
from vedette.model.time import NS_PER_S

HOME = zlib.crc32(b"gate/main") % 2
RUN = Run(11, "gate", "main", UTC_NS)


@dataclass
class World:
    """One stream, two disks, real threads."""

    limit: int = 10**6
    clock: SimulatedClock = field(default_factory=SimulatedClock)
    bus: FakeBus = field(default_factory=FakeBus)
    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    format: FakeFormat = field(default_factory=lambda: FakeFormat(segment_s=10.0))
    repaired: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.health = HealthBook(self.clock, self.bus.news)
        self.rows = Rows(self.ledger, self.health, random.Random(1), 1000)  # noqa: S311
        self.alarms = AlarmBook(self.clock, self.bus.news, self.rows.alarm)
        self.storages = Storages(self.clock, self.health, self.alarms, random.Random(1), self.repair)  # noqa: S311
        tidings = Tidings(self.bus, self.rows, self.storages)
        self.disks = [FakeDisk(Storage(f"d{number}", f"/d{number}")) for number in range(2)]
        self.writers = [DiskWriter(disk, self.format, tidings, self.clock, self.limit) for disk in self.disks]
        for disk, writer in zip(self.disks, self.writers, strict=True):
            self.storages.add(disk, writer)
            writer.start()
        self.rows.start(self.alarms)
        self.gap_rows: dict[int, Gap] = {}
        self.gaps = GapBook("gate", "main", self.put_gap)
        self.filing = Filing(self.format, self.storages, self.gaps)
        self.home, self.other = self.disks[HOME], self.disks[1 - HOME]
        self.number = 0
        self.filing.begin(RUN)

    def repair(self, files: Files) -> None:
        self.repaired.append(files.storage.id)

    def put_gap(self, gap: Gap) -> None:
        self.gap_rows[gap.id] = gap

    def feed(self, packets: list[Packet]) -> None:
        for one in packets:
            object.__setattr__(one, "number", self.number)
            self.number += 1
            self.filing.take(one)

    def settle(self) -> None:
        """Return once nothing waits for a disk."""
        for writer in self.writers:
            until(partial(_idle, writer))

    def stop(self) -> None:
        for disk in self.disks:
            if disk.hold is not None:
                disk.hold.set()
        for writer in self.writers:
            writer.stop()
            assert writer.join(10.0)
        assert self.rows.stop(10.0)

    def gap_list(self) -> list[tuple[str, float, float | None]]:
        def at(utc_ns: int | None) -> float | None:
            return None if utc_ns is None else (utc_ns - UTC_NS) / NS_PER_S

        rows = sorted(self.gap_rows.values(), key=lambda gap: (gap.start_utc_ns, gap.id))
        return [(gap.reason, at(gap.start_utc_ns) or 0.0, at(gap.end_utc_ns)) for gap in rows]


def _idle(writer: DiskWriter) -> bool:
    return not writer._jobs and writer._busy_since is None


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.stop()


def test_every_packet_from_the_first_keyframe_on_is_in_a_file(world: World) -> None:
    world.feed([packet(0.0), packet(0.2), *video(0.4, 30.4)])
    world.filing.end("stopped")
    world.stop()
    assert world.format.numbers() == list(range(2, 152))
    assert [file.state for file in world.format.files] == ["finished"] * 3
    assert len(world.ledger.segments) == 3
    assert len(world.bus.of(SegmentBegun)) == len(world.bus.of(SegmentClosed)) == 3
    assert len(world.bus.of(FragmentWritten)) == 30
    assert world.gap_list() == [("stopped", 30.4, None)]


def test_a_file_is_told_of_only_once_its_row_is_there(world: World) -> None:
    world.ledger.before = lambda _: (_ for _ in ()).throw(DatabaseError("away"))
    world.feed(video(0, 12))
    world.settle()
    assert world.format.files[0].state == "finished"
    assert not world.bus.of(SegmentClosed)
    world.ledger.before = lambda _: None
    until(lambda: world.bus.of(SegmentClosed))


def test_a_pause_closes_the_file_and_recording_goes_on_at_a_keyframe(world: World) -> None:
    world.feed(video(0, 2.6))
    world.filing.pause("no_event")
    world.filing.pause("no_event")
    world.feed([packet(4.6), *video(5.0, 7.0)])
    world.filing.end("camera_lost")
    world.settle()
    assert [len(file.packets) for file in world.format.files] == [13, 10]
    assert world.gap_list() == [("no_event", 2.6, 5.0), ("camera_lost", 7.0, None)]


def test_a_slow_disk_costs_whole_gops_a_gap_and_an_alarm_but_never_waits() -> None:
    world = World(limit=2000)
    world.home.hold = threading.Event()
    world.feed(video(0, 10.2))
    assert world.filing.dropped > 0
    assert world.filing.trouble
    assert ("storage_slow", f"storage:{world.home.storage.id}") in world.alarms.now()
    assert world.gap_list()[0][0] == "overload"
    world.home.hold.set()
    world.settle()
    world.feed(video(10.4, 14.4))
    assert not world.filing.trouble
    world.filing.end("stopped")
    world.stop()
    numbers = world.format.numbers()
    assert numbers == sorted(numbers)
    assert all(file.packets[0].key for file in world.format.files)
    (reason, start, end), *_ = world.gap_list()
    first = world.format.files[0].packets
    assert (reason, start) == ("overload", first[-1].at.stream_s + 0.2)
    assert end == world.format.files[1].packets[0].at.stream_s
    kept = {one.at.stream_s for file in world.format.files for one in file.packets}
    lost = [at for at in (n / 5 for n in range(51)) if at not in kept]
    assert lost
    assert all(start <= at < (end or 0) or at >= 10 for at in lost)


def test_a_fragment_larger_than_the_limit_is_still_written() -> None:
    world = World(limit=10)
    world.feed(video(0, 1.2))
    world.settle()
    assert len(world.format.numbers()) == 5
    world.stop()


@pytest.mark.parametrize("error", [StorageGone("pulled out"), StorageError("input/output error")])
def test_a_lost_disk_is_left_for_the_other_at_the_next_keyframe(world: World, error: StorageError) -> None:
    world.feed(video(0, 3.2))
    world.settle()
    world.home.trouble = error
    world.feed(video(3.2, 4.2, gop_s=99)[1:])
    world.feed([packet(4.2, key=True)])
    world.settle()
    world.feed(video(4.4, 5.0, gop_s=99)[1:])
    world.feed(video(5.0, 8.2))
    world.filing.end("stopped")
    world.settle()
    first, second = world.format.files
    assert (first.disk, second.disk) == (world.home, world.other)
    assert first.state == "abandoned"
    assert second.packets[0].at.stream_s == 5.0
    assert ("storage_lost", f"storage:{world.home.storage.id}") in world.alarms.now()
    assert [gap[0] for gap in world.gap_list()] == ["storage_lost", "stopped"]
    start, end = world.gap_list()[0][1:]
    assert start == first.packets[-1].at.stream_s + 0.2
    assert end == 5.0


def test_a_full_disk_keeps_what_is_on_it(world: World) -> None:
    world.feed(video(0, 3.2))
    world.settle()
    world.home.trouble = StorageFull("no room")
    world.home.check = lambda: None  # type: ignore[method-assign]
    world.feed(video(3.2, 6.2))
    world.settle()
    assert world.format.files[0].state == "finished"
    until(lambda: world.ledger.segments)
    assert ("storage_full", f"storage:{world.home.storage.id}") in world.alarms.now()


def test_with_no_disk_left_nothing_is_recorded_and_everything_goes_on_when_one_is_back(world: World) -> None:
    for disk in world.disks:
        disk.trouble = StorageGone("pulled out")
    world.feed(video(0, 4.2))
    world.settle()
    world.feed(video(4.2, 6.2, gop_s=0.4))
    world.settle()
    world.feed(video(6.2, 8.2, gop_s=0.4))
    world.settle()
    world.feed(video(8.2, 9.2, gop_s=0.4))
    assert "pulled out" in world.filing.trouble
    assert world.gap_list()[-1][0] == "storage_lost"
    assert world.gap_list()[-1][2] is None
    world.home.trouble = None
    world.clock.advance(1000)
    world.storages.look()
    assert world.repaired == [world.home.storage.id]
    assert ("storage_lost", f"storage:{world.home.storage.id}") not in world.alarms.now()
    world.feed(video(9.2, 12.2))
    world.filing.end("stopped")
    world.settle()
    assert world.format.files[-1].packets[0].at.stream_s == pytest.approx(9.0)
    assert not world.filing.trouble
    *lost, last = world.gap_list()
    assert last[0] == "stopped"
    assert {reason for reason, *_ in lost} == {"storage_lost"}
    assert (lost[0][1], lost[-1][2]) == (0.0, 9.0)
    assert all(before[2] == after[1] for before, after in pairwise(lost))


def test_a_disk_that_fails_while_looking_well_rests_longer_and_longer(world: World) -> None:
    shelf = world.storages.shelves[HOME]
    rests = []
    for _ in range(4):
        world.storages.failed(shelf.id, StorageError("input/output error"))
        rests.append(shelf.look_at_ns - world.clock.monotonic_ns())
        world.clock.advance(400)
        world.storages.look()
        assert shelf.usable
    assert rests[-1] > 3 * rests[0] or rests[1] < rests[0] * 3
    assert world.storages.choose("gate", "main") is shelf


def test_a_disk_that_looks_well_and_takes_nothing_stays_lost(world: World) -> None:
    shelf = world.storages.shelves[HOME]
    world.home.secret = StorageError("input/output error")
    world.storages.failed(shelf.id, world.home.secret)
    for _ in range(3):
        world.clock.advance(400)
        world.storages.look()
        assert not shelf.usable
    world.home.secret = StorageFull("no room is left")
    world.clock.advance(400)
    world.storages.look()
    assert shelf.usable, "that it is full is another matter"
    assert not world.home.names
    raised = [item.alarm.cleared_utc_ns for item in world.bus.heard if isinstance(item, AlarmChanged)]
    assert [cleared is None for cleared in raised] == [True, False]


def test_a_stuck_write_sends_new_files_elsewhere(world: World) -> None:
    world.home.hold = threading.Event()
    world.feed(video(0, 1.2))
    until(lambda: world.writers[HOME]._busy_since is not None)
    world.clock.advance(30)
    chosen = world.storages.choose("gate", "main")
    assert chosen is not None
    assert chosen.id == world.other.storage.id
    world.storages.look()
    assert world.health.now()[f"storage:{world.home.storage.id}"].state == "degraded"


def test_a_fault_in_writing_one_file_is_not_held_against_the_disk(world: World) -> None:
    world.format.fault = KeyError("bug")
    world.feed(video(0, 1.2))
    world.settle()
    world.format.fault = None
    world.feed(video(1.2, 4.2, gop_s=0.4))
    world.filing.end("stopped")
    world.settle()
    assert all(shelf.usable for shelf in world.storages.shelves)
    assert len(world.format.files) == 2
    assert world.format.files[1].state == "finished"


def test_sound_and_pictures_before_a_run_hurt_nobody(world: World) -> None:
    world.filing.end("camera_lost")
    world.filing.take(packet(0.0, key=True))
    assert world.format.files == []
