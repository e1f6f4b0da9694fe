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
from vedette.video.mp4.fragments import is_intact, nanoseconds, read_runs, wall_time
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
    fragments  in order
    torn_at    where the last whole one ends; the size of the file when nothing is torn
    damaged    places in `fragments` of those whose checksum does not fit, but which whole ones follow
    """

    header: int
    facts: Facts
    codec: Codec
    audio: Codec | None
    fragments: tuple[Fragment, ...]
    torn_at: int
    damaged: tuple[int, ...] = ()

    @property
    def duration_ns(self) -> int:
        """From its first picture to the end of its last."""
        return 0 if not self.fragments else self.fragments[-1].start_ns + self.fragments[-1].duration_ns


def read_index(read: Read, size: int) -> Index | None:
    """The index of a file of `size` bytes; None when its header is not whole.

    Every fragment is read, one at a time, and held against its checksum; the answer has their SHA-256. What a crash
    tears is the end, so fragments are left off there until one is whole; in the middle they are kept and told of.
    """
    header = _read_header(read, size)
    if header is None:
        return None
    at, facts, codec, audio = header
    start = at
    fragments: list[Fragment] = []
    damaged: list[int] = []
    while (found := _read_fragment(read, at, size)) is not None:
        if not found[1]:
            damaged.append(len(fragments))
        fragments.append(found[0])
        at += found[0].size
    while damaged and damaged[-1] == len(fragments) - 1:
        at = fragments.pop().offset
        damaged.pop()
    return Index(start, facts, codec, audio, tuple(fragments), at, tuple(damaged))


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


def _read_fragment(read: Read, at: int, size: int) -> tuple[Fragment, bool] | None:
    """The fragment at `at`, and whether its samples are as they were written; None when there is none."""
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
        video = read_runs(data, checked=False).get(VIDEO_TRACK)
        if video is None or not video.samples:
            return None
        first = video.samples[0]
        return describe(data, at, first.time, video.duration, first.key), is_intact(data)
    except (ValueError, struct.error):
        return None


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
