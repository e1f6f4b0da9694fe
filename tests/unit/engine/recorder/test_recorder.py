from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import pytest

from fakes_engine import UTC_NS, FakeBus, FakeCamera, FakeDisk, FakeFormat, FakeStream, packet, until, video
from fakes_recording import MemoryLedger
from vedette.clock import SimulatedClock
from vedette.engine.keeper import KeeperOptions
from vedette.engine.recorder.options import RecorderOptions, RecordSettings, StreamSettings
from vedette.engine.recorder.process import Wanted, run_recorder
from vedette.engine.recorder.recorder import Recorder, RecorderParts
from vedette.engine.signals import Signals
from vedette.model.errors import ConfigError, DatabaseError, StorageGone
from vedette.model.events import RuleEvent
from vedette.model.health import Alarm
from vedette.model.incidents import StoredEvent
from vedette.model.media import Packet
from vedette.model.news import EventFound, HealthChanged, News, RunChanged, SegmentBegun
from vedette.model.recording import Doomed, Keep
from vedette.model.recording_ports import Files
from vedette.model.time import NS_PER_S, Instant


class NothingToDelete:
    def expired(self, keep: Sequence[Keep], now_utc_ns: int, limit: int) -> Sequence[Doomed]:
        del keep, now_utc_ns, limit
        return ()

    def oldest(self, storage: str, size: int, limit: int) -> Sequence[Doomed]:
        del storage, size, limit
        return ()

    def used(self, storage: str) -> tuple[int, int]:
        del storage
        return 0, 0


@dataclass
class World:
    bus: FakeBus = field(default_factory=FakeBus)
    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    format: FakeFormat = field(default_factory=FakeFormat)
    disk: FakeDisk = field(default_factory=FakeDisk)
    clock: SimulatedClock = field(default_factory=lambda: SimulatedClock(UTC_NS))
    past: Callable[[], None] | None = None
    alarms: tuple[Alarm, ...] = ()
    returned: list[tuple[str, set[str]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        parts = RecorderParts(
            clock=self.clock,
            bus=self.bus,
            ledger=self.ledger,
            retention=NothingToDelete(),
            files=[self.disk],
            format=self.format,
            chance=random.Random(1),  # noqa: S311
            past=self.past,
            alarms=self.alarms,
            returned=self.repair,
        )
        self.recorder = Recorder(parts, RecorderOptions(), KeeperOptions(look_s=0.01))
        self.stopped = False

    def repair(self, files: Files, writing: Collection[str]) -> None:
        self.returned.append((files.storage.id, set(writing)))

    def stop(self) -> bool:
        if self.stopped:
            return True
        self.stopped = True
        return self.recorder.stop()


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.stop()


def stream(camera: FakeCamera, name: str = "gate", mark: str = "a", **record: object) -> StreamSettings:
    settings = RecordSettings(**record)  # type: ignore[arg-type]
    return StreamSettings(camera=name, stream="main", source=camera, fingerprint=mark, record=settings)


def live(*packets: Packet) -> FakeCamera:
    return FakeCamera([FakeStream(packets or video(0, 3), waits=True)])


def event(camera: str, at_s: float) -> EventFound:
    at = Instant(0, UTC_NS + round(at_s * NS_PER_S))
    return EventFound(StoredEvent(1, camera, 2, RuleEvent("line", "hash", "crossed", at, 3, at), "info"))


def test_an_orderly_stop_closes_and_commits_everything(world: World) -> None:
    cameras = {f"c{number}": live() for number in range(5)}
    world.recorder.start([stream(camera, name) for name, camera in cameras.items()])
    until(lambda: len(world.bus.packets) == 75)
    assert world.stop()
    assert len(world.ledger.segments) == 5
    assert {file.state for file in world.format.files} == {"finished"}
    assert {run.why for run in world.ledger.runs.values()} == {"stopped"}
    assert {gap.reason for gap in world.ledger.open_gaps()} == {"stopped"}
    assert len(world.ledger.open_gaps()) == 5
    assert world.recorder.health.now()["recorder"].state == "off"


def test_a_camera_that_never_answered_is_written_down_as_stopped_too(world: World) -> None:
    world.recorder.start([stream(FakeCamera([]))])
    world.stop()
    assert [gap.reason for gap in world.ledger.open_gaps()] == ["stopped"]


def test_a_change_touches_only_what_changed(world: World) -> None:
    kept, moved, gone, new = live(), live(), live(), live()
    world.recorder.start([stream(kept, "kept"), stream(moved, "moved"), stream(gone, "gone")])
    until(lambda: len(world.bus.packets) == 45)
    again = live()
    world.recorder.apply(
        [stream(FakeCamera([]), "kept", mode="off"), stream(again, "moved", mark="b"), stream(new, "new")]
    )
    until(lambda: len(world.bus.packets) == 75)
    assert (kept.opened, moved.opened, gone.opened, again.opened, new.opened) == (1, 1, 1, 1, 1)
    assert world.recorder._streams["kept", "main"].settings.record.mode == "off"
    ended = {run.camera for run in world.ledger.runs.values() if run.why}
    assert ended <= {"moved", "gone"}
    assert "camera:gone:main" not in world.recorder.health.now()
    assert world.stop()
    assert {run.camera: run.why for run in world.ledger.runs.values()}["kept"] == "stopped"


def test_a_new_address_and_a_camera_that_returns_leave_no_gap_open(world: World) -> None:
    world.recorder.start([stream(live())])
    until(lambda: len(world.bus.packets) == 15)
    later = UTC_NS + 10 * NS_PER_S
    world.clock.advance(8)
    moved = FakeCamera([FakeStream(video(0, 3, utc_ns=later), waits=True)])
    world.recorder.apply([stream(moved, mark="b")])
    until(lambda: len(world.bus.packets) == 30)
    world.recorder.apply([])
    world.clock.advance(20)
    back = FakeCamera([FakeStream(video(0, 3, utc_ns=later + 30 * NS_PER_S), waits=True)])
    world.recorder.apply([stream(back, mark="b")])
    until(lambda: len(world.bus.packets) == 45)
    assert world.stop()
    gaps = sorted(world.ledger.gap_rows.values(), key=lambda gap: (gap.start_utc_ns, gap.end_utc_ns or 1 << 62))
    assert [gap.reason for gap in gaps if gap.end_utc_ns is None] == ["stopped"]
    assert gaps[-1].end_utc_ns is None
    assert all(before.end_utc_ns <= after.start_utc_ns for before, after in pairwise(gaps) if before.end_utc_ns)


def test_a_change_of_state_is_told_at_once(world: World) -> None:
    world.recorder.start([stream(live())])
    until(lambda: len(world.bus.packets) == 15)
    world.recorder.tick()
    told = [news.health for news in world.bus.of(HealthChanged) if news.health.part == "camera:gate:main"]
    assert [health.state for health in told] == ["ok"]


def test_events_record_their_own_camera_only(world: World) -> None:
    more = video(3, 4)

    def feed() -> None:
        world.recorder.hear(event("gate", 2.0))

    waiting = FakeCamera([FakeStream([*video(0, 3), feed, *more], waits=True)])
    other = FakeCamera([FakeStream([*video(0, 4)], waits=True)])
    world.recorder.start([stream(waiting, "gate", mode="event", pre_s=1.0), stream(other, "yard", mode="event")])
    until(lambda: len(world.bus.packets) == 40)
    world.stop()
    (file,) = world.format.files
    assert file.segment.camera == "gate"
    assert [one.at.stream_s for one in file.packets] == [pytest.approx(1 + n / 5) for n in range(15)]


def test_signs_of_life_and_announcements_come_every_few_seconds(world: World) -> None:
    world.recorder.start([stream(FakeCamera([FakeStream([*video(0, 2)], waits=True)]))])
    until(lambda: world.bus.of(SegmentBegun))
    world.bus.heard.clear()
    world.recorder.tick()
    assert not world.bus.of(RunChanged)
    world.clock.advance(5.0)
    world.recorder.tick()
    parts = {news.health.part for news in world.bus.of(HealthChanged)}
    assert {"recorder", "camera:gate:main", "database", "storage:disk-1"} <= parts
    assert len(world.bus.of(RunChanged)) == 1
    (begun,) = world.bus.of(SegmentBegun)
    assert len(begun.segment.fragments) == 1


def test_a_disk_that_comes_back_is_repaired_first(world: World) -> None:
    world.disk.trouble = StorageGone("pulled out")
    world.recorder.start([stream(live())])
    until(lambda: ("storage_lost", "storage:disk-1") in world.recorder.alarms.now())
    world.disk.trouble = None
    world.clock.advance(400)
    until(lambda: world.returned)
    assert world.returned[0][0] == "disk-1"
    until(lambda: not world.recorder.alarms.now())


def test_what_recovery_could_not_write_is_written_first() -> None:
    order: list[str] = []
    ledger = MemoryLedger(before=order.append)
    tries: list[int] = []

    def past() -> None:
        tries.append(1)
        if len(tries) < 3:
            raise DatabaseError("away")
        order.append("past")

    world = World(ledger=ledger, past=past)
    world.recorder.start([stream(live())])
    until(lambda: "begin_run" in order)
    assert order[0] == "past"
    world.stop()


def test_alarms_of_an_earlier_process_are_cleared_where_all_is_well_or_gone() -> None:
    old = (
        Alarm("camera_lost", "camera:gate:main", "lost", 1),
        Alarm("camera_lost", "camera:away:main", "lost", 1),
        Alarm("storage_lost", "storage:disk-1", "lost", 1),
        Alarm("storage_lost", "storage:sold", "lost", 1),
    )
    world = World(alarms=old)
    world.recorder.start([stream(live())])
    until(lambda: len(world.bus.packets) == 15)
    world.clock.advance(6)
    world.recorder.tick()
    until(lambda: not world.recorder.alarms.now())
    world.stop()
    assert {alarm.part for alarm in world.ledger.alarms if alarm.cleared_utc_ns} == {alarm.part for alarm in old}


@dataclass
class Script:
    """What the main loop hears: news, and things that happen."""

    steps: list[News | Callable[[], None]]

    def receive(self, timeout_s: float) -> Packet | News | None:
        del timeout_s
        step = self.steps.pop(0)
        if callable(step):
            step()
            return None
        return step


def test_the_process_reloads_hears_and_ends(world: World) -> None:
    camera, second = live(), live(packet(0.0, key=True))
    settings = [[stream(camera)], [stream(camera), stream(second, "yard")]]
    signals = Signals()

    def wanted() -> Wanted:
        if not settings:
            raise ConfigError("cameras: is wrong")
        return Wanted(streams=settings.pop(0))

    script = Script(
        [
            lambda: until(lambda: len(world.bus.packets) == 15),
            lambda: signals.take(signal.SIGHUP),
            lambda: until(lambda: len(world.bus.packets) == 16),
            event("gate", 0.0),
            lambda: signals.take(signal.SIGHUP),
            lambda: signals.take(signal.SIGTERM),
        ]
    )
    assert run_recorder(world.recorder, wanted, script, signals)
    world.stopped = True
    assert (camera.opened, second.opened) == (1, 1)
    assert script.steps == []
    assert len(world.ledger.segments) == 2


def test_signals_the_second_is_harder() -> None:
    left: list[bool] = []
    signals = Signals(lambda: left.append(True))
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    try:
        signals.install()
        os.kill(os.getpid(), signal.SIGHUP)
        assert signals.reload()
        assert not signals.reload()
        os.kill(os.getpid(), signal.SIGTERM)
        assert signals.stopping
        assert not left
        os.kill(os.getpid(), signal.SIGINT)
        assert left == [True]
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
