"""The wall clock steps under a recorder that runs in this process, on a real camera, real files and a real database."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from datetime import time as clock_time
from pathlib import Path
from typing import Self
from zoneinfo import ZoneInfo

import av
import numpy as np
import pytest

from fakes_engine import FakeBus
from vedette.analytics.schedule import Period
from vedette.app.formats import Mp4Format
from vedette.clock import SystemClock
from vedette.engine.keeper import KeeperOptions
from vedette.engine.recorder.options import RecordSettings, StreamSettings
from vedette.engine.recorder.recorder import Recorder, RecorderParts
from vedette.model.news import FragmentWritten
from vedette.model.recording import Keep, Segment
from vedette.model.time import NS_PER_S
from vedette.plugins import source_for
from vedette.simulator.cameras import CameraFarm, CameraSpec, frame_number, make_clip
from vedette.store.database import Database
from vedette.store.ledger import SqlLedger
from vedette.store.recordings import SqlRecordings
from vedette.store.retention import SqlRetention
from vedette.video.recording.disk import DiskFiles
from vedette.video.recording.fsck import check
from vedette.video.recording.recovery import Recovered, recover

pytestmark = pytest.mark.slow

FPS = 25
EVER = 1 << 62
HOUR_NS = 3600 * NS_PER_S


class SteppedClock(SystemClock):
    """The machine's clocks, with a wall clock that somebody sets."""

    ahead_ns = 0

    def utc_ns(self) -> int:
        return super().utc_ns() + self.ahead_ns

    def show(self, moment: datetime) -> None:
        """Set it."""
        self.ahead_ns = int(moment.timestamp()) * NS_PER_S - super().utc_ns()


class Desk:
    """A recorder in this process, of one camera, with files of two seconds; it looks for old footage all the time."""

    def __init__(self, folder: Path, farm: CameraFarm, clock: SteppedClock, record: RecordSettings) -> None:
        self.clock, self.farm = clock, farm
        self.database = Database.open(f"sqlite:///{folder / 'vedette.db'}", clock=clock, role="recorder")
        self.ledger, self.recordings = SqlLedger(self.database), SqlRecordings(self.database)
        self.files = DiskFiles.open(folder / "disk")
        self.ledger.put_storage(self.files.storage)
        self.bus = FakeBus()
        parts = RecorderParts(
            clock=clock, bus=self.bus, ledger=self.ledger, retention=SqlRetention(self.database), files=[self.files],
            format=Mp4Format(1.0, 2.0),
        )  # fmt: skip
        self.recorder = Recorder(parts, keeper=KeeperOptions(look_s=0.05, expire_s=0.1))
        address = farm.address("gate")
        stream = StreamSettings(
            camera="gate", stream="main", source=lambda: source_for(address, {}, clock), record=record
        )
        # Footage goes after half an hour, which is less than the clock steps.
        self.recorder.start([stream], [Keep("gate", "main", 1800.0)])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.recorder.stop()
        self.database.close()

    def fragments(self) -> int:
        return sum(isinstance(news, FragmentWritten) for news in self.bus.heard)

    def recorded(self, more: int) -> None:
        """Wait until so many fragments more are on the disk."""
        wanted, ends = self.fragments() + more, time.monotonic() + 60.0
        while self.fragments() < wanted:
            assert time.monotonic() < ends, f"{self.fragments()} fragments, not {wanted}"
            time.sleep(0.02)

    def segments(self, start_utc_ns: int = 0, end_utc_ns: int = EVER) -> list[Segment]:
        return list(self.recordings.between("gate", "main", start_utc_ns, end_utc_ns))

    def pictures(self) -> list[int | None]:
        """Numbers of all pictures that were kept, in the order of stream time."""
        found = []
        for segment in sorted(self.segments(), key=lambda one: (one.run, one.start_stream_ns)):
            with av.open(str(Path(self.files.storage.path) / segment.path)) as film:
                shown = [frame.to_ndarray(format="gray") for frame in film.decode(video=0)]
            found += [frame_number(np.asarray(one, np.uint8)) for one in shown]
        return found

    def assert_whole(self) -> None:
        """Nothing of what was sent on the one connection is missing, and nothing is left to be put right."""
        assert self.recorder.stop()
        kept = self.pictures()
        (viewing,) = self.farm.sent("gate").viewings
        sent = viewing.picture.tolist()
        first = sent.index(kept[0])
        assert kept == sent[first : first + len(kept)]
        assert len(sent) - first - len(kept) <= FPS // 2
        assert self.recorder._keeper.deleted == 0
        assert check(self.files, self.ledger, self.recordings, hashes=True) == []
        gaps = self.recordings.gaps("gate", "main", 0, EVER)
        assert all(gap.end_utc_ns is None or gap.end_utc_ns >= gap.start_utc_ns for gap in gaps), gaps


@pytest.fixture
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CameraFarm]:
    clip = make_clip(tmp_path_factory.mktemp("clip"), seconds=60, fps=FPS, size=(320, 180), gop_s=0.5, bitrate=300_000)
    with CameraFarm({"gate": CameraSpec(clip, join="keyframe")}) as farm:
        yield farm


def test_a_clock_that_steps_an_hour_and_back(tmp_path: Path, farm: CameraFarm) -> None:
    clock = SteppedClock()
    desk = Desk(tmp_path, farm, clock, RecordSettings())
    with desk:
        start_ns = clock.utc_ns()
        desk.recorded(4)
        before_ns = clock.utc_ns()
        clock.ahead_ns = HOUR_NS
        desk.recorded(6)
        ahead_ns = clock.utc_ns()
        clock.ahead_ns = 0
        desk.recorded(6)
        end_ns = clock.utc_ns()
        desk.assert_whole()
        assert desk.segments(start_ns, before_ns), "footage of before the step is found where it was"
        assert desk.segments(ahead_ns - 3 * NS_PER_S, ahead_ns), "footage of the wrong hour is found there"
        assert desk.segments(end_ns - 2 * NS_PER_S, end_ns), "footage of after the step is found at the right time"
        assert len({segment.run for segment in desk.segments()}) == 1, "a step ends no connection"
        reasons = {gap.reason for gap in desk.recordings.gaps("gate", "main", 0, EVER)}
        assert reasons <= {"connecting", "stopped"}
        assert recover([desk.files], desk.ledger, clock.utc_ns()).segments == Recovered().segments
        # The next start has the right time, and the hour that never was stays what it is.
        assert all(gap.end_utc_ns is not None for gap in desk.recordings.gaps("gate", "main", 0, EVER))


def test_the_end_of_summer_time(tmp_path: Path, farm: CameraFarm) -> None:
    zone = ZoneInfo("Europe/Berlin")
    # At 01:00 UTC it is 02:00 in Berlin for the second time.
    change = datetime(2026, 10, 25, 1, 0, 0, tzinfo=UTC)
    assert change.astimezone(zone).hour == 2
    clock = SteppedClock()
    clock.show(change - timedelta(seconds=5))
    night = Period(start=clock_time(2), end=clock_time(3))
    desk = Desk(tmp_path, farm, clock, RecordSettings(mode="schedule", periods=(night,), zone=zone))
    with desk:
        desk.recorded(10)
        desk.assert_whole()
        found = desk.segments()
        assert found[0].start_utc_ns < int(change.timestamp()) * NS_PER_S < found[-1].end_utc_ns
        assert [one.path for one in found] == sorted(one.path for one in found)
