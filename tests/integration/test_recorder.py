"""The recorder with real files, a real database and a real bus; only the cameras are played."""

from __future__ import annotations

import hashlib
import io
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import av
import pytest

from fakes_engine import FakeCamera, FakeStream, until
from recorded_packets import session
from vedette.app.formats import Mp4Format
from vedette.clock import SystemClock
from vedette.engine.addresses import Addresses
from vedette.engine.bus import Publisher, Subscriber
from vedette.engine.keeper import KeeperOptions
from vedette.engine.recorder.options import StreamSettings
from vedette.engine.recorder.recorder import Recorder, RecorderParts
from vedette.model.media import Packet
from vedette.model.news import FragmentWritten, News, SegmentClosed
from vedette.model.recording import Keep
from vedette.store.database import Database
from vedette.store.ledger import SqlLedger
from vedette.store.recordings import SqlRecordings
from vedette.store.retention import SqlRetention
from vedette.video.recording.disk import DiskFiles
from vedette.video.recording.recovery import Recovered, recover, recover_storage

SECONDS = 6
PICTURES = 25 * SECONDS


@dataclass
class System:
    """A recorder over folders and a database in a temporary folder."""

    folder: Path
    disks: int = 1
    segment_s: float = 2.0
    repaired: list[Recovered] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.clock = SystemClock()
        self.database = Database.open(f"sqlite:///{self.folder / 'vedette.db'}", clock=self.clock, role="recorder")
        self.ledger = SqlLedger(self.database)
        self.recordings = SqlRecordings(self.database)
        self.files = [DiskFiles.open(self.folder / f"disk{number}") for number in range(self.disks)]
        for files in self.files:
            self.ledger.put_storage(files.storage)
        addresses = Addresses(self.folder / "bus")
        self.publisher = Publisher(addresses.recorder)
        self.subscriber = Subscriber([addresses.recorder], packets=True)
        parts = RecorderParts(
            clock=self.clock,
            bus=self.publisher,
            ledger=self.ledger,
            retention=SqlRetention(self.database),
            files=self.files,
            format=Mp4Format(1.0, self.segment_s),
            returned=lambda files, writing: self.repaired.append(recover_storage(files, self.ledger, writing)),
        )
        self.recorder = Recorder(parts, keeper=KeeperOptions(look_s=0.02, expire_s=0.1))

    def close(self) -> None:
        self.subscriber.close()
        self.publisher.close()
        self.database.close()

    def decoded(self, camera: str) -> int:
        """Pictures of a camera that come out of its committed segments, which are as their rows say."""
        count = 0
        for segment in self.recordings.between(camera, "main", 0, 1 << 62):
            (files,) = [each for each in self.files if each.storage.id == segment.storage]
            data = (Path(files.storage.path) / segment.path).read_bytes()
            assert len(data) == segment.size
            assert hashlib.sha256(data).digest() == segment.sha256
            with av.open(io.BytesIO(data), "r") as film:
                count += len(list(film.decode(video=0)))
        return count


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., System]]:
    made: list[System] = []

    def build(disks: int = 1) -> System:
        made.append(System(tmp_path, disks))
        return made[-1]

    yield build
    for system in made:
        system.close()


def camera(given: Sequence[Packet | Callable[[], None]], name: str) -> StreamSettings:
    return StreamSettings(camera=name, stream="main", source=FakeCamera([FakeStream(given, waits=True)]))


def hear(system: System, enough: Callable[[list[Packet | News]], bool]) -> list[Packet | News]:
    heard: list[Packet | News] = []

    def more() -> bool:
        while (item := system.subscriber.receive(0.01)) is not None:
            heard.append(item)
        return enough(heard)

    until(more, 20.0)
    return heard


def test_everything_that_came_is_on_the_disk_after_an_orderly_stop(make: Callable[..., System]) -> None:
    system = make()
    names = ["gate", "yard", "door"]
    system.recorder.start([camera(session(SECONDS), name) for name in names])
    # Two files of each are closed by then, however late this began to listen.
    heard = hear(system, lambda all_: sum(isinstance(item, SegmentClosed) for item in all_) >= 6)
    assert system.recorder.stop()
    assert {name: system.decoded(name) for name in names} == dict.fromkeys(names, PICTURES)
    assert list(system.ledger.garbage(system.files[0].storage.id)) == []
    assert system.ledger.open_runs() == []
    assert {(gap.camera, gap.reason) for gap in system.ledger.open_gaps()} == {(name, "stopped") for name in names}
    put_right = recover(system.files, system.ledger, system.clock.utc_ns())
    assert (put_right.segments, put_right.removed, put_right.left, put_right.runs) == ((), (), (), ())
    written = {item.fragment.sha256 for item in heard if isinstance(item, FragmentWritten)}
    kept = {
        fragment.sha256
        for name in names
        for segment in system.recordings.between(name, "main", 0, 1 << 62)
        for fragment in segment.fragments
    }
    assert written
    assert written <= kept


def test_a_disk_that_vanishes_loses_nothing_that_was_on_it(make: Callable[..., System]) -> None:
    system = make(disks=2)
    packets = session(SECONDS)
    folder = Path(system.files[0].storage.path)
    other = Path(system.files[1].storage.path)
    away = folder.with_name("unplugged")

    def unplug() -> None:
        until(lambda: not any(shelf.writer.figures()["queue_bytes"] for shelf in system.recorder._storages.shelves))
        used = folder if any(folder.rglob("*.mp4")) else other
        used.rename(away)
        until(system.recorder.alarms.now)

    def plug_in() -> None:
        away.rename(folder if not folder.exists() else other)
        until(lambda: not system.recorder.alarms.now(), 20.0)

    fed = threading.Event()
    parts = (packets[:80], [unplug], packets[80:130], [plug_in], packets[130:], [fed.set])
    system.recorder.start([camera([item for part in parts for item in part], "gate")])
    assert fed.wait(20.0)
    assert len(system.repaired) == 1
    assert system.recorder.stop()
    assert system.decoded("gate") == PICTURES
    assert len({each.storage for each in system.recordings.between("gate", "main", 0, 1 << 62)}) == 2


def test_retention_takes_files_and_rows(make: Callable[..., System]) -> None:
    system = make()
    system.recorder.start([camera(session(SECONDS), "gate")], [Keep("gate", "main", 1.0)])
    until(lambda: system.recorder._keeper.deleted >= 2, 20.0)
    assert system.recorder.stop()
    paths = {str(path) for path in system.files[0].files()}
    assert paths == {path for _, path, _ in system.ledger.known(system.files[0].storage.id)}
