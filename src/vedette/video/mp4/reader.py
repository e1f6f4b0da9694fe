"""What is in a file of a recording, from the file alone, torn or not."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from vedette.model.media import Codec
from vedette.model.recording import Fragment
from vedette.video.mp4.boxes import HEADER
from vedette.video.mp4.fragments import TrackRun, nanoseconds, read_runs, wall_time
from vedette.video.mp4.init import FACTS, VIDEO_TRACK, Facts, read_facts

Read = Callable[[int, int], bytes]
"""`read(offset, size)`: bytes of a file, fewer at its end."""

MOST_HEADER: Final = 1 << 20
MOST_FRAGMENT: Final = 1 << 26
"""Bytes. What claims to be larger is garbage; nothing larger is ever held in memory."""
_FRAGMENT_BOXES: Final = (b"prft", b"moof", b"mdat")


@dataclass(frozen=True, slots=True)
class Index:
    """A file of a recording.

    header     bytes before the first fragment
    facts      what it says about itself
    fragments  the whole ones, in order
    torn_at    where the last whole one ends; the size of the file when nothing is torn
    """

    header: int
    facts: Facts
    codec: Codec
    audio: Codec | None
    fragments: tuple[Fragment, ...]
    torn_at: int

    @property
    def duration_ns(self) -> int:
        """From its first picture to the end of its last."""
        return 0 if not self.fragments else self.fragments[-1].start_ns + self.fragments[-1].duration_ns


def read_index(read: Read, size: int) -> Index | None:
    """The index of a file of `size` bytes, up to the first fragment that is not whole; None when its header is not.

    Every fragment is read, one at a time, and held against its checksum; the answer has their SHA-256.
    """
    header = _read_header(read, size)
    if header is None:
        return None
    at, facts, codec, audio = header
    start, fragments = at, []
    while (found := _read_fragment(read, at, size)) is not None:
        data, runs = found
        fragments.append(_described(data, runs, at))
        at += len(data)
    return Index(start, facts, codec, audio, tuple(fragments), at)


def _read_header(read: Read, size: int) -> tuple[int, Facts, Codec, Codec | None] | None:
    """Where the header ends, and the facts in it."""
    at, kinds = 0, []
    while at < min(size, MOST_HEADER):
        head = read(at, HEADER + 16)
        if len(head) < HEADER:
            return None
        length, kind = struct.unpack_from(">I4s", head)
        if length < HEADER or at + length > min(size, MOST_HEADER):
            return None
        kinds.append(kind)
        if kind == b"uuid" and head[HEADER:] == FACTS:
            try:
                facts, codec, audio = read_facts(read(at + HEADER + 16, length - HEADER - 16))
            except ValueError:
                return None
            return (at + length, facts, codec, audio) if kinds == [b"ftyp", b"moov", b"uuid"] else None
        at += length
    return None


def _read_fragment(read: Read, at: int, size: int) -> tuple[bytes, dict[int, TrackRun]] | None:
    end = at
    for kind in _FRAGMENT_BOXES:
        head = read(end, HEADER) if end + HEADER <= size else b""
        if len(head) < HEADER:
            return None
        length, found = struct.unpack(">I4s", head)
        end += length
        if found != kind or length < HEADER or end > size or end - at > MOST_FRAGMENT:
            return None
    data = read(at, end - at)
    if len(data) != end - at:
        return None
    try:
        runs = read_runs(data)
    except ValueError:
        return None
    return (data, runs) if VIDEO_TRACK in runs and runs[VIDEO_TRACK].samples else None


def _described(data: bytes, runs: dict[int, TrackRun], offset: int) -> Fragment:
    video = runs[VIDEO_TRACK]
    return describe(data, offset, video.samples[0].time, video.duration, video.samples[0].key)


def describe(data: bytes, offset: int, time: int, duration: int, key: bool) -> Fragment:
    """The fragment `data` as databases know it; `time` and `duration` of its pictures in ticks."""
    start_ns = nanoseconds(time)
    return Fragment(
        offset=offset,
        size=len(data),
        start_ns=start_ns,
        duration_ns=nanoseconds(time + duration) - start_ns,
        utc_ns=wall_time(data),
        key=key,
        sha256=hashlib.sha256(data).digest(),
    )
