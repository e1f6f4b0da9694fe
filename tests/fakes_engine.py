"""Parts round the recorder that the test controls: cameras, files, a bus, a ledger that can fail."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import TypeVar

from vedette.engine.recorder.ports import Cut
from vedette.model.errors import SourceError, StorageError
from vedette.model.identity import new_id
from vedette.model.media import Codec, Frame, Packet, StreamInfo
from vedette.model.news import News
from vedette.model.recording import Fragment, Run, Segment, Storage
from vedette.model.recording_ports import Files, WritableFile
from vedette.model.time import NS_PER_S, Instant

T = TypeVar("T")
UTC_NS = 1_790_000_000 * NS_PER_S
CODEC = Codec("h264", b"\x00\x00\x00\x01\x67", 640, 360)
SOUND = Codec("pcm_alaw", rate=8000, channels=1)


def packet(
    at_s: float, *, key: bool = False, size: int = 100, codec: Codec = CODEC, utc_ns: int = UTC_NS, number: int = 0
) -> Packet:
    """A packet captured `at_s` into its run, which began at `utc_ns`."""
    at_ns = round(at_s * NS_PER_S)
    return Packet("source", "main", bytes(size), Instant(at_ns, utc_ns + at_ns), at_ns, key, codec, number)


def video(start_s: float, end_s: float, *, gop_s: float = 1.0, fps: float = 5.0, **more: object) -> list[Packet]:
    """Packets from `start_s` to before `end_s`, a keyframe every `gop_s`."""
    count = round((end_s - start_s) * fps)
    each = max(1, round(gop_s * fps))
    return [packet(start_s + n / fps, key=n % each == 0, **more) for n in range(count)]  # type: ignore[arg-type]


@dataclass
class FakeStream:
    """Gives what it was told; then breaks off, or waits until it is closed."""

    given: Sequence[Packet | Callable[[], None]]
    lost: SourceError | None = None
    waits: bool = False
    closed: threading.Event = field(default_factory=threading.Event)

    @property
    def info(self) -> StreamInfo:
        return StreamInfo("fake", 640, 360, 5.0, live=True)

    def packets(self) -> Iterator[Packet]:
        for item in self.given:
            if self.closed.is_set():
                return
            if isinstance(item, Packet):
                yield item
            else:
                item()
        if self.waits:
            assert self.closed.wait(10.0)
        if self.lost is not None and not self.closed.is_set():
            raise self.lost

    def frames(self, start_s: float = 0.0, end_s: float | None = None) -> Iterator[Frame]:
        del start_s, end_s
        return iter(())

    def close(self) -> None:
        self.closed.set()


@dataclass
class FakeCamera:
    """A source whose connections are scripted one after the other: a stream, or why there is none."""

    script: list[FakeStream | Exception]
    opened: int = 0

    def __call__(self) -> FakeCamera:
        return self

    def open(self) -> FakeStream:
        self.opened += 1
        step = self.script.pop(0) if self.script else FakeStream((), waits=True)
        if isinstance(step, Exception):
            raise step
        return step


@dataclass
class FakeBus:
    """Keeps what was sent."""

    packets: list[Packet] = field(default_factory=list)
    heard: list[News] = field(default_factory=list)

    def packet(self, packet: Packet) -> None:
        self.packets.append(packet)

    def news(self, news: News) -> None:
        self.heard.append(news)

    def of(self, kind: type[T]) -> list[T]:
        return [news for news in self.heard if isinstance(news, kind)]


@dataclass
class FakeFragmenter:
    """Cuts at every keyframe and begins a file every `segment_s`."""

    segment_s: float
    waiting: list[Packet] = field(default_factory=list)
    begun_ns: int | None = None
    opens: bool = True

    def feed(self, packet: Packet) -> Sequence[Cut]:
        key = packet.key and packet.codec.medium == "video"
        if not self.waiting and self.begun_ns is None:
            assert key, "the first packet has to be a keyframe"
            self.begun_ns, self.opens = packet.at.stream_ns, True
        cuts = self._cut() if key and self.waiting else []
        if key and self.begun_ns is not None and packet.at.stream_ns - self.begun_ns >= self.segment_s * NS_PER_S:
            self.begun_ns, self.opens = packet.at.stream_ns, True
        self.waiting.append(packet)
        return cuts

    def finish(self) -> Sequence[Cut]:
        cuts = self._cut() if self.waiting else []
        self.begun_ns = None
        return cuts

    def _cut(self) -> list[Cut]:
        packets, self.waiting = self.waiting, []
        opens, self.opens = self.opens, False
        size = sum(len(each.data) for each in packets)
        end_ns = packets[-1].at.utc_ns + NS_PER_S // 5
        return [Cut(opens, size, packets[0].at.utc_ns, end_ns, tuple(packets))]


@dataclass
class FakeDisk:
    """A storage folder in memory.

    `trouble` is raised by whatever writes, `secret` by what is written into a new file only, `hold` makes writes wait.
    """

    storage: Storage = Storage("disk-1", "/disk-1")  # noqa: RUF009 - frozen
    trouble: StorageError | None = None
    secret: StorageError | None = None
    hold: threading.Event | None = None
    free: int = 10**12
    names: set[str] = field(default_factory=set)
    synced: set[str] = field(default_factory=set)
    stuck: set[str] = field(default_factory=set)

    def touch(self) -> None:
        if self.hold is not None:
            assert self.hold.wait(10.0)
        if self.trouble is not None:
            raise self.trouble

    def free_bytes(self) -> int:
        return self.free

    def check(self) -> None:
        if self.trouble is not None:
            raise self.trouble

    def unlink(self, path: PurePosixPath) -> None:
        self.check()
        if str(path) in self.stuck:
            raise StorageError(f"{path} is stuck")
        self.names.discard(str(path))

    def sync_folder(self, path: PurePosixPath) -> None:
        self.synced.add(str(path))

    def create(self, path: PurePosixPath) -> WritableFile:
        self.check()
        self.names.add(str(path))
        return PlainFile(self)

    def append(self, path: PurePosixPath) -> WritableFile:
        raise NotImplementedError

    def read(self, path: PurePosixPath, offset: int = 0, size: int | None = None) -> bytes:
        raise NotImplementedError

    def size(self, path: PurePosixPath) -> int | None:
        raise NotImplementedError

    def files(self) -> Iterator[PurePosixPath]:
        return (PurePosixPath(name) for name in self.names)


@dataclass
class PlainFile:
    """A new file on a disk, whatever is written into it."""

    disk: FakeDisk

    def write(self, data: bytes) -> None:
        del data

    def sync(self, *, whole: bool = False) -> None:
        del whole
        self.disk.touch()
        if self.disk.secret is not None:
            raise self.disk.secret

    def truncate(self, size: int) -> None:
        raise NotImplementedError

    def close(self) -> None:
        pass


@dataclass
class FakeFile:
    """A file being written. `packets` are those of the fragments that reached the disk."""

    disk: FakeDisk
    segment: Segment
    packets: list[Packet] = field(default_factory=list)
    state: str = "open"
    fault: Exception | None = None

    def write(self, cut: Cut) -> Fragment:
        self.disk.touch()
        if self.fault is not None:
            raise self.fault
        fragment = Fragment(self.segment.size, cut.size, 0, cut.end_utc_ns - cut.utc_ns, cut.utc_ns, True, b"")
        self.packets.extend(cut.payload)
        written = (*self.segment.fragments, fragment)
        length = cut.end_utc_ns - self.segment.start_utc_ns
        self.segment = replace(
            self.segment, fragments=written, size=self.segment.size + cut.size, duration_ns=length, wall_ns=length
        )
        return fragment

    def finish(self) -> Segment | None:
        self.disk.check()
        self.state = "finished"
        return self.segment if self.segment.fragments else None

    def abandon(self) -> None:
        self.state = "abandoned"


@dataclass
class FakeFormat:
    """Files that remember their packets."""

    segment_s: float = 60.0
    files: list[FakeFile] = field(default_factory=list)
    fault: Exception | None = None

    def fragmenter(self, run: Run) -> FakeFragmenter:
        del run
        return FakeFragmenter(self.segment_s)

    def create(self, files: Files, run: Run, cut: Cut) -> FakeFile:
        assert isinstance(files, FakeDisk)
        assert cut.opens
        files.touch()
        number = new_id(cut.utc_ns)
        path = f"{run.camera}/{run.stream}/{number:x}.mp4"
        place = (run.camera, run.stream, files.storage.id, path)
        segment = Segment(number, run.id, *place, cut.utc_ns, 0, 0, 0, 0, b"", 0, CODEC, None, ())
        files.names.add(path)
        self.files.append(FakeFile(files, segment, fault=self.fault))
        return self.files[-1]

    def numbers(self) -> list[int]:
        """Numbers of all packets that reached a disk, in order of files."""
        return [each.number for file in self.files for each in file.packets]


def until(condition: Callable[[], object], seconds: float = 10.0) -> None:
    """Return once another thread made `condition` true."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.002)
