from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import pytest

from fakes_engine import (
    CODEC,
    UTC_NS,
    FakeBus,
    FakeCamera,
    FakeDisk,
    FakeFormat,
    FakeStream,
    packet,
    until,
    video,
)
from fakes_recording import MemoryLedger
from vedette.clock import SimulatedClock
from vedette.engine.health import AlarmBook, HealthBook
from vedette.engine.recorder.filing import Filing
from vedette.engine.recorder.gaps import GapBook
from vedette.engine.recorder.options import RecorderOptions, RecordSettings, StreamSettings
from vedette.engine.recorder.rows import Rows
from vedette.engine.recorder.storages import Storages
from vedette.engine.recorder.stream import StreamParts, StreamRecorder
from vedette.engine.recorder.told import Tidings
from vedette.engine.recorder.writers import DiskWriter
from vedette.engine.supervisor import Backoff, Waits
from vedette.model.errors import SourceDenied, SourceError, SourceLost, UsageError
from vedette.model.news import AlarmChanged, RunChanged
from vedette.model.recording import Gap
from vedette.model.time import NS_PER_S


@dataclass
class World:
    """One stream whose waits are counted instead of waited; it ends after `rounds` of them."""

    script: list[FakeStream | Exception]
    rounds: int = 1
    record: RecordSettings = field(default_factory=RecordSettings)
    clock: SimulatedClock = field(default_factory=lambda: SimulatedClock(UTC_NS))
    bus: FakeBus = field(default_factory=FakeBus)
    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    format: FakeFormat = field(default_factory=FakeFormat)
    waits: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        chance = random.Random(1)  # noqa: S311
        self.health = HealthBook(self.clock, self.bus.news)
        self.rows = Rows(self.ledger, self.health, chance, 1000)
        self.alarms = AlarmBook(self.clock, self.bus.news, self.rows.alarm)
        storages = Storages(self.clock, self.health, self.alarms, chance)
        disk = FakeDisk()
        self.writer = DiskWriter(disk, self.format, Tidings(self.bus, self.rows, storages), self.clock, 10**6)
        storages.add(disk, self.writer)
        self.rows.start(self.alarms)
        self.writer.start()
        self.gap_rows: dict[int, Gap] = {}
        gaps = GapBook("gate", "main", self.put_gap)
        self.camera = FakeCamera(self.script)
        settings = StreamSettings(camera="gate", stream="main", source=self.camera, record=self.record)
        self.backoff = Backoff(Waits(jitter=0.0), chance)
        filing = Filing(self.format, storages, gaps)
        parts = StreamParts(
            self.clock, self.bus, self.rows, filing, gaps, self.health, self.alarms, self.backoff
        )  # fmt: skip
        self.stream = StreamRecorder(settings, parts, RecorderOptions(node="here"), self.wait)

    def wait(self, seconds: float) -> bool:
        self.waits.append(seconds)
        self.clock.advance(seconds)
        self.stream.watch()
        return len(self.waits) >= self.rounds

    def put_gap(self, gap: Gap) -> None:
        self.gap_rows[gap.id] = gap
        self.rows.gap(gap)

    def finish(self) -> None:
        self.writer.stop()
        assert self.writer.join(10.0)
        assert self.rows.stop(10.0)

    def gap_list(self) -> list[tuple[str, int | None]]:
        return [(gap.reason, gap.end_utc_ns) for gap in self.gap_rows.values()]


Make = Callable[..., World]


@pytest.fixture
def make() -> Iterator[Make]:
    made: list[World] = []

    def build(*script: FakeStream | Exception, **more: object) -> World:
        made.append(World(list(script), **more))  # type: ignore[arg-type]
        return made[-1]

    yield build
    for world in made:
        world.finish()


LOST = SourceLost("the camera broke off")


def test_packets_are_stamped_published_and_recorded(make: Make) -> None:
    world = make(FakeStream(video(0, 3), LOST))
    world.stream.run()
    world.finish()
    (run,) = world.ledger.runs.values()
    assert [one.number for one in world.bus.packets] == list(range(15))
    assert {(one.camera, one.stream, one.run) for one in world.bus.packets} == {("gate", "main", run.id)}
    assert all(one.codec is CODEC for one in world.bus.packets)
    assert world.format.numbers() == list(range(15))
    assert (run.node, run.why, run.start_utc_ns) == ("here", "camera_lost", UTC_NS)
    assert run.end_utc_ns == UTC_NS + round(2.8 * NS_PER_S)
    begun, ended = world.bus.of(RunChanged)
    assert (begun.codec, begun.run.end_utc_ns) == (CODEC, None)
    assert ended.run == run


def test_every_connection_is_a_run_of_its_own_numbered_from_the_start(make: Make) -> None:
    world = make(FakeStream(video(0, 1), LOST), FakeStream(video(0, 1), LOST), rounds=2)
    world.stream.run()
    world.finish()
    assert len(world.ledger.runs) == 2
    assert [one.number for one in world.bus.packets] == [*range(5), *range(5)]
    assert len(world.format.files) == 2


def test_waits_grow_while_a_camera_is_away_and_begin_anew_after_a_while_of_success(make: Make) -> None:
    clock = SimulatedClock(UTC_NS)

    def a_while() -> None:
        clock.advance(60)

    away = SourceError("cannot be reached")
    steady = FakeStream([packet(0.0, key=True), a_while], LOST)
    short = FakeStream([packet(0.0, key=True)], LOST)
    world = make(away, away, away, short, steady, away, rounds=6, clock=clock)
    world.stream.run()
    assert world.waits == [1, 2, 4, 8, 1, 2]


def test_a_refused_login_is_not_tried_again_soon(make: Make) -> None:
    world = make(SourceDenied("user name or password is wrong"))
    world.stream.run()
    assert world.waits == [300]
    assert "so that the account is not locked" in str(world.bus.heard)


def test_a_lost_camera_raises_one_alarm_after_a_while_and_clears_it(make: Make) -> None:
    away = SourceError("cannot be reached")
    back = FakeStream(())
    world = make(*[away] * 6, back, rounds=7)
    seen: list[int] = []

    def look() -> None:
        world.stream.watch()
        seen.append(len(world.alarms.now()))

    back.given = [packet(0.0, key=True), look]
    world.stream.run()
    assert seen == [0]
    first, cleared, again = (news.alarm for news in world.bus.of(AlarmChanged))
    assert (first.kind, first.part) == ("camera_lost", "camera:gate:main")
    assert "cannot be reached" in first.text
    assert first.raised_utc_ns == UTC_NS + 15 * NS_PER_S
    assert cleared == replace(first, cleared_utc_ns=cleared.cleared_utc_ns)
    assert again.cleared_utc_ns is None


def test_gaps_tell_when_and_why_nothing_was_recorded(make: Make) -> None:
    later = UTC_NS + 100 * NS_PER_S
    again = FakeStream(video(0, 1, utc_ns=later), LOST)
    world = make(SourceError("no"), FakeStream(video(0, 1), LOST), again, rounds=3)
    world.stream.run()
    assert world.gap_list() == [("connecting", UTC_NS), ("camera_lost", later), ("camera_lost", None)]


def test_stop_wakes_a_stream_that_waits_for_its_camera(make: Make) -> None:
    silent = FakeStream(video(0, 1), waits=True)
    world = make(silent)
    world.stream.start()
    until(lambda: len(world.bus.packets) == 5)
    world.stream.stop()
    assert world.stream.join(5.0)
    world.finish()
    (run,) = world.ledger.runs.values()
    assert run.why == "stopped"
    assert world.format.numbers() == list(range(5))
    assert world.gap_list()[-1] == ("stopped", None)
    assert world.waits == []


def test_stop_while_waiting_for_the_next_try(make: Make) -> None:
    world = make(SourceError("no"))
    world.stream._wait = threading.Event().wait
    stopping = world.stream._stopping
    world.stream._wait = stopping.wait
    world.stream.start()
    until(lambda: world.camera.opened == 1)
    world.stream.stop()
    assert world.stream.join(5.0)


def test_a_stop_during_the_connecting_closes_the_new_stream(make: Make) -> None:
    late = FakeStream(video(0, 100), waits=True)
    world = make(late)

    def open_late() -> FakeStream:
        world.stream.stop()
        return late

    world.camera.open = open_late  # type: ignore[method-assign]
    world.stream.run()
    assert late.closed.is_set()
    assert world.bus.packets == []


@pytest.mark.parametrize("error", [KeyError("bug"), UsageError("the address is wrong")])
def test_nothing_a_camera_does_ends_its_recording_for_good(make: Make, error: Exception) -> None:
    def broken() -> None:
        raise error

    world = make(FakeStream([*video(0, 1), broken]), error, FakeStream(video(0, 1), LOST), rounds=3)
    world.stream.run()
    world.finish()
    assert len(world.ledger.runs) == 2
    assert len(world.format.numbers()) == 10
    assert {run.why for run in world.ledger.runs.values()} == {"camera_lost"}


def test_a_source_that_simply_ends_is_opened_again(make: Make) -> None:
    world = make(FakeStream(video(0, 1)), FakeStream(video(0, 1)), rounds=2)
    world.stream.run()
    assert len(world.bus.packets) == 10


def test_a_new_codec_is_told(make: Make) -> None:
    small = replace(CODEC, width=320)
    packets = [*video(0, 1), *video(1, 2, codec=small)]
    world = make(FakeStream(packets, LOST))
    world.stream.run()
    told = [(news.run.id, news.codec) for news in world.bus.of(RunChanged)]
    run = told[0][0]
    assert told == [(run, CODEC), (run, small), (run, None)]


def test_a_camera_without_keyframes_is_told_of(make: Make) -> None:
    world = make(FakeStream([packet(n / 5) for n in range(60)], LOST))
    world.stream.run()
    assert [reason for reason, _ in world.gap_list()] == ["connecting", "no_keyframe", "camera_lost"]
    assert len(world.bus.packets) == 60


def test_what_is_not_to_be_recorded_is_published_all_the_same(make: Make) -> None:
    world = make(FakeStream(video(0, 3), LOST), record=RecordSettings(mode="off"))
    world.stream.run()
    assert len(world.bus.packets) == 15
    assert world.format.files == []
    assert world.gap_list() == [("off", None)]


def test_figures_tell_rates_and_lag(make: Make) -> None:
    world = make()
    for one in video(0, 2):
        world.clock.advance(0.2)
        world.stream.meter.count(one)
    figures = world.stream.meter.figures()
    assert figures["fps"] == pytest.approx(5.0)
    assert figures["bits_per_s"] == pytest.approx(4000.0)
    assert figures["lag_s"] == pytest.approx(0.2)
    world.clock.advance(3.0)
    assert world.stream.meter.age_s() == pytest.approx(3.0)
    assert world.stream.meter.figures()["fps"] == 0.0
