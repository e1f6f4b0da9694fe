"""Decoded pictures of recordings."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

import cv2
import numpy as np
from av.video.frame import VideoFrame

from vedette.model.errors import FileMissing, OutputError, StorageError, StorageGone
from vedette.model.media import Image, Packet
from vedette.model.recording import Fragment, Segment
from vedette.model.recording_ports import FileReader
from vedette.model.time import Instant
from vedette.video.mp4.boxes import HEADER, find
from vedette.video.mp4.fragments import Sample, nanoseconds, read_runs
from vedette.video.mp4.init import VIDEO_TRACK
from vedette.video.mp4.parameter_sets import NAL_CODECS, annex_b
from vedette.video.packet_decoder import PacketDecoder
from vedette.video.playback.growing import damaged, read
from vedette.video.playback.span import Part, Span

_HEAD: Final = 4096
"""Bytes that hold `prft`, `moof` and the beginning of the first sample of a usual fragment."""
_TABLE: Final = 20


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded picture of a recording, still in the form of its decoder.

    utc_ns  when it was captured
    """

    utc_ns: int
    _frame: VideoFrame = field(repr=False)
    _decoder: PacketDecoder = field(repr=False)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self._frame.width, self._frame.height

    def image(self, most: tuple[int, int] | None = None) -> Image:
        """It as BGR, no larger than `most` (width, height) and with its proportions."""
        width, height = self.size
        if most is not None:
            scale = min(most[0] / width, most[1] / height, 1.0)
            width, height = max(1, round(width * scale)), max(1, round(height * scale))
        return self._decoder.image(self._frame, width, height)


def packets(files: Mapping[str, FileReader], segment: Segment, fragment: Fragment) -> list[tuple[Packet, int]]:
    """The packets of the pictures of a fragment as the camera sent them, with the ns each is shown.

    Raises StorageError.
    """
    data = read(files, segment, fragment.offset, fragment.size)
    try:
        samples = read_runs(data, checked=False)[VIDEO_TRACK].samples
        found = [(_packet(segment, fragment, samples[0], each), nanoseconds(each.duration)) for each in samples]
    except (ValueError, LookupError, struct.error) as error:
        raise damaged(segment, fragment, error) from error
    if not found:
        raise damaged(segment, fragment, ValueError("no pictures"))
    return found


def pictures(span: Span, files: Mapping[str, FileReader]) -> Iterator[Picture]:
    """Every picture of `span` in the order of its parts, from the one that is shown at its start. Raises StorageError.

    Damaged ones are left out.
    """
    decoder: PacketDecoder | None = None
    wanted: set[int] = set()
    for part in span.parts:
        if decoder is not None and not (part.follows and part.segment.codec == decoder.codec):
            yield from _shown(decoder, None, wanted)
            decoder = None
        if decoder is None:
            decoder, wanted = PacketDecoder(part.segment.codec), set()
        for packet, duration_ns in packets(files, part.segment, part.fragment):
            begin_ns = packet.at.utc_ns - part.fragment.utc_ns
            if _within(part, begin_ns, begin_ns + duration_ns):
                wanted.add(packet.at.stream_ns)
            yield from _shown(decoder, packet, wanted)
    if decoder is not None:
        yield from _shown(decoder, None, wanted)


def keyframe(files: Mapping[str, FileReader], segment: Segment, fragment: Fragment) -> Picture | None:
    """The first picture of a fragment that begins with a keyframe, read alone; None when it is damaged.

    Raises StorageGone and FileMissing.
    """
    try:
        data = _first_sample(files, segment, fragment)
        coded = annex_b(data) if segment.codec.name in NAL_CODECS else data
    except (StorageGone, FileMissing):
        raise
    except (StorageError, ValueError, struct.error):
        return None
    decoder = PacketDecoder(segment.codec)
    at = Instant(segment.start_stream_ns + fragment.start_ns, fragment.utc_ns)
    packet = Packet(segment.camera, segment.stream, coded, at, at.stream_ns, True, segment.codec)
    for frame, instant in decoder.pictures(packet) + decoder.pictures(None):
        return Picture(instant.utc_ns, frame, decoder)
    return None


def jpeg(image: Image, quality: int) -> bytes:
    """`image` as a JPEG file. Raises OutputError."""
    good, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not good:
        raise OutputError("this picture cannot be written as JPEG")
    return bytes(np.asarray(data, np.uint8).tobytes())


def _packet(segment: Segment, fragment: Fragment, first: Sample, sample: Sample) -> Packet:
    shown, decoded = nanoseconds(sample.time + sample.offset), nanoseconds(sample.time)
    utc_ns = fragment.utc_ns + shown - nanoseconds(first.time + first.offset)
    data = annex_b(sample.data) if segment.codec.name in NAL_CODECS else sample.data
    zero = segment.start_stream_ns
    return Packet(
        segment.camera, segment.stream, data, Instant(zero + shown, utc_ns), zero + decoded, sample.key, segment.codec,
        run=segment.run,
    )  # fmt: skip


def _within(part: Part, begin_ns: int, end_ns: int) -> bool:
    """Whether a picture is shown. Reordered ones may lie outside their fragment, so only edges that were cut count."""
    if part.from_ns >= part.to_ns or (part.from_ns and end_ns <= part.from_ns):
        return False
    return part.to_ns >= part.fragment.duration_ns or begin_ns < part.to_ns


def _shown(decoder: PacketDecoder, packet: Packet | None, wanted: set[int]) -> Iterator[Picture]:
    for frame, at in decoder.pictures(packet):
        if at.stream_ns in wanted:
            wanted.discard(at.stream_ns)
            yield Picture(at.utc_ns, frame, decoder)


def _first_sample(files: Mapping[str, FileReader], segment: Segment, fragment: Fragment) -> bytes:
    """The first sample of the pictures, without reading the others. Raises ValueError where there is none."""
    head = read(files, segment, fragment.offset, min(_HEAD, fragment.size))
    at = 0
    while head[at + 4 : at + HEADER] != b"moof":
        at += max(HEADER, struct.unpack_from(">I", head, at)[0])
    (size,) = struct.unpack_from(">I", head, at)
    if at + size > len(head):
        head = read(files, segment, fragment.offset, min(at + size, fragment.size))
    table = find(head, (b"moof", b"traf", b"trun"), at)
    (offset,) = struct.unpack_from(">I", head, table.start + 16)
    (length,) = struct.unpack_from(">I", head, table.start + _TABLE + 4)
    if not 0 < length <= fragment.size:
        raise ValueError("a picture is larger than its fragment")
    return read(files, segment, fragment.offset + at + offset, length)
