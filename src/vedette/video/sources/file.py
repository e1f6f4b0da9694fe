"""Video files: any container and codec that FFmpeg reads, and nothing but the file itself."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Any, ClassVar, Final

import av
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from vedette.model.errors import SourceError, SourceLost
from vedette.model.media import Frame, Packet, StreamInfo
from vedette.model.spec import STRICT, Spec
from vedette.model.time import NS_PER_S
from vedette.video.decoding import Decoder, Numbering
from vedette.video.probe import Probe, absolute, index_until, open_container, probe, shown, video_stream
from vedette.video.sources.packing import Packer
from vedette.video.timing import CaptureTimes

READ_ERRORS: Final = 100
"""Errors in a row after which a file is given up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileOptions:
    """Settings of a video file.

    start  RFC 3339 time at which the first picture was captured, when the file says it wrongly or not at all
    """

    start: str | None = None

    __pydantic_config__: ClassVar[Any] = STRICT

    def __post_init__(self) -> None:
        self.utc_ns()

    def utc_ns(self) -> int | None:
        """`start` in nanoseconds since 1970. Raises ValueError when it is not a time with a zone."""
        if self.start is None:
            return None
        try:
            moment = datetime.fromisoformat(self.start)
        except ValueError:
            raise ValueError(f"start: '{self.start}' is not a time like 2026-11-22T16:30:00Z") from None
        if moment.tzinfo is None:
            raise ValueError(f"start: '{self.start}' needs a time zone: add Z for UTC, or an offset like +01:00")
        return int(moment.timestamp() * 1_000_000) * 1000


class FileSource:
    """A video file on this machine."""

    def __init__(self, path: Path, options: FileOptions | None = None) -> None:
        self._path = path
        self._options = options or FileOptions()

    def open(self) -> FileStream:
        """Look at the file and get ready to read. Raises SourceError."""
        return FileStream(self._path, probe(self._path, self._options.utc_ns()))


class FileStream:
    """An open video file. `damaged` counts packets and pictures that were left out."""

    def __init__(self, path: Path, found: Probe) -> None:
        self._path = path
        self._found = found
        self._lock = threading.Lock()
        self._closed = False
        self._used = False
        self._open()

    def _open(self) -> None:
        self._container = open_container(self._path)
        try:
            self._stream = video_stream(self._container, shown(self._path))
        except SourceError:
            self._container.close()
            raise
        self._decoder = Decoder(self._stream, delay=True)
        self._read_errors = 0
        self._packets = 0
        self._end: int | None = None
        self._end_byte = 0

    @property
    def info(self) -> StreamInfo:
        """What is known before the first frame."""
        return self._found.info

    @property
    def damaged(self) -> int:
        """Packets and pictures left out so far because they were damaged."""
        return self._decoder.damaged + self._read_errors

    def packets(self) -> Iterator[Packet]:
        """Compressed packets in decoding order. Raises SourceLost where the file breaks off."""
        self._claim()
        packer = Packer(self.info.name, self._stream, None, self.info.fps, self._found.utc_ns)
        for packet in self._demux():
            if packet.size:
                yield from packer.take(packet)
        yield from packer.flush()
        self._check_end()

    def frames(self, start_s: float = 0.0, end_s: float | None = None) -> Iterator[Frame]:
        """Decoded frames in presentation order whose stream time lies in [start_s, end_s). Raises SourceLost."""
        self._claim()
        start_ns = round(start_s * NS_PER_S)
        end_ns = None if end_s is None else round(end_s * NS_PER_S)
        times, numbering, pictures = self._begin(start_ns)
        for picture in pictures:
            index = numbering.came(picture.pts)
            if index is None:
                self._decoder.damaged += 1
                continue
            at = times.at(picture.pts, picture.time_base)
            if end_ns is not None and at.stream_ns >= end_ns:
                return
            if at.stream_ns >= start_ns:
                yield Frame(self._decoder.image(picture), at, index)
        self._check_end()

    def close(self) -> None:
        """Free everything. May be called twice, and from another thread."""
        with self._lock:
            self._closed = True
            self._container.close()

    def _claim(self) -> None:
        if self._used:
            raise RuntimeError("a stream is read once: open the source again")
        self._used = True

    def _begin(self, start_ns: int) -> tuple[CaptureTimes, Numbering, Iterator[VideoFrame]]:
        """Start reading at the keyframe before `start_ns`, or at the front where that place cannot be told exactly."""
        key, before = self._keyframe(start_ns) if start_ns > 0 else (None, [])
        if key is not None:
            times, numbering = self._fresh()
            for pts in before:
                times.at(pts, self._found.time_base)
            numbering.start_at(len(before))
            pictures = self._pictures(numbering)
            self._container.seek(key, stream=self._stream)
            first = next((p for p in pictures if p.pts is None or p.pts >= key), None)
            if first is not None and first.pts == key:
                return times, numbering, chain([first], pictures)
            self._reopen()
        times, numbering = self._fresh()
        return times, numbering, self._pictures(numbering)

    def _fresh(self) -> tuple[CaptureTimes, Numbering]:
        found = self._found
        numbering = Numbering(found.time_base, one_per_packet=found.one_per_packet)
        return CaptureTimes(found.info.fps, found.utc_ns), numbering

    def _keyframe(self, start_ns: int) -> tuple[int | None, list[int]]:
        """Stamp of the last keyframe not after `start_ns`, and those of all pictures before it. None: read it all."""
        index = index_until(self._path, self._found, start_ns)
        if index is None:
            return None, []
        times, _ = self._fresh()
        best = 0
        for number, pts in enumerate(index.pts):
            if times.at(pts, self._found.time_base).stream_ns > start_ns:
                break
            if pts in index.keys:
                best = number
        return (index.pts[best], index.pts[:best]) if best else (None, [])

    def _pictures(self, numbering: Numbering) -> Iterator[VideoFrame]:
        for packet in self._demux():
            if packet.size and not packet.is_discard:
                numbering.sent(packet)
            with self._lock:
                if self._closed:
                    return
                pictures = self._decoder.pictures(packet)
            yield from pictures

    def _demux(self) -> Iterator[av.Packet[VideoStream]]:
        """Packets up to the end or the close, the empty last one that flushes the decoder included."""
        demux = self._container.demux(self._stream)
        in_a_row = 0
        while True:
            with self._lock:
                if self._closed:
                    return
                try:
                    packet = next(demux, None)
                except av.FFmpegError as error:
                    in_a_row += 1
                    self._read_errors += 1
                    if in_a_row > READ_ERRORS:
                        raise SourceLost(f"{shown(self._path)} cannot be read any further: {error.strerror}") from None
                    demux = self._container.demux(self._stream)
                    continue
            if packet is None:
                return
            in_a_row = 0
            self._note(packet)
            yield packet

    def _note(self, packet: av.Packet[VideoStream]) -> None:
        if packet.size:
            self._packets += 1
            self._end_byte = max(self._end_byte, (packet.pos or 0) + packet.size)
        if packet.pts is not None:
            end = packet.pts + (packet.duration or 0)
            self._end = end if self._end is None else max(self._end, end)

    def _check_end(self) -> None:
        """Raises SourceLost when the file ended well before what its header says."""
        found = self._found
        if self._closed or (found.promised and self._packets >= found.promised):
            return
        first = found.origin or 0
        end_s = float(((self._end or first) - first) * (found.time_base or 0))
        promised_s = found.promised_s
        if promised_s is not None and end_s < promised_s - max(0.5, 0.01 * promised_s):
            got = f"{end_s:.1f} of {promised_s:.1f} s can be read"
        elif found.fragmented and self._end_byte < 0.9 * self._container.size:
            got = f"{end_s:.1f} s can be read and the rest of its bytes cannot"
        else:
            return
        raise SourceLost(f"{shown(self._path)} breaks off: {got}, copy it again if the original is whole")

    def _reopen(self) -> None:
        with self._lock:
            self._container.close()
            self._open()


def build(options: FileOptions, address: str) -> FileSource:
    """The file at `address`: a path, or a `file:` URL."""
    return FileSource(absolute(address), options)


SPEC = Spec("file", FileOptions, build, "a video file, any container and codec that FFmpeg reads")
