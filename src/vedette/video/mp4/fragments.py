"""Fragments: a few samples of each track, written and played as one (ISO/IEC 14496-12, section 8.8).

A fragment is `prft` (wall clock time of its first picture), `moof` and `mdat`. All numbers that depend on where in a
film it stands have fixed places and sizes, so that playback can move it without copying samples.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from vedette.model.time import NS_PER_S
from vedette.video.mp4.boxes import Box, Bytes, box, find, full_box, walk
from vedette.video.mp4.init import AUDIO_TRACK, VIDEO_TRACK
from vedette.video.mp4.sample_entries import VIDEO_TIMESCALE

CHECKSUM: Final = bytes.fromhex("c1a5e2d84b7f4a9d9e300d6bb7f2183c")
"""Type of the `uuid` box in `moof` that holds the CRC-32 of what is in `mdat`."""
_NTP_EPOCH_S: Final = 2_208_988_800
"""Seconds from 1900, where NTP counts from, to 1970."""
_ERA_S: Final = 1 << 32
_SYNC: Final = 0x02000000
_NOT_SYNC: Final = 0x01010000
_NOT_SYNC_BIT: Final = 0x00010000
_DESCRIPTION_AND_MOOF_BASE: Final = 0x020002
_EVERYTHING: Final = 0x000F01
"""Flags of `trun`: data offset; duration, size, flags and composition offset of every sample."""
_CHECKSUM_SIZE: Final = 8 + 16 + 4


@dataclass(frozen=True, slots=True)
class Sample:
    """One access unit as an MP4 file holds it; times in ticks of its track.

    time      when it is decoded, from the start of the film; not negative
    duration  until the next is decoded
    offset    from decoding to presentation; may be negative
    """

    data: bytes = field(repr=False)
    time: int
    duration: int
    offset: int = 0
    key: bool = True


@dataclass(frozen=True, slots=True)
class TrackRun:
    """The samples of one track in a fragment that was read back."""

    description: int
    samples: tuple[Sample, ...]

    @property
    def duration(self) -> int:
        """Ticks from its first sample to the end of its last."""
        return sum(sample.duration for sample in self.samples)


def ticks(ns: int, timescale: int = VIDEO_TIMESCALE) -> int:
    """Nanoseconds in ticks, rounded to the nearest."""
    return (2 * ns * timescale + NS_PER_S) // (2 * NS_PER_S)


def nanoseconds(count: int, timescale: int = VIDEO_TIMESCALE) -> int:
    """Ticks in nanoseconds, rounded to the nearest."""
    return (2 * count * NS_PER_S + timescale) // (2 * timescale)


def fragment(
    sequence: int,
    video: Sequence[Sample],
    audio: Sequence[Sample] = (),
    utc_ns: int = 0,
    *,
    video_description: int = 1,
    audio_description: int = 1,
) -> bytes:
    """A fragment of these samples, of which there must be at least one.

    sequence     counts the fragments of a film from 1
    utc_ns       capture time of the first picture by the wall clock
    description  which of the track's sample descriptions holds, from 1
    """
    runs = [run for run in ((VIDEO_TRACK, video_description, video), (AUDIO_TRACK, audio_description, audio)) if run[2]]
    payload = [sample.data for _, _, samples in runs for sample in samples]
    checksum = 0
    for data in payload:
        checksum = zlib.crc32(data, checksum)
    size = 8 + 16 + sum(8 + 20 + 20 + 20 + 16 * len(samples) for _, _, samples in runs) + _CHECKSUM_SIZE
    trafs, at = [], size + 8
    for track, description, samples in runs:
        trafs.append(_traf(track, description, samples, at))
        at += sum(len(sample.data) for sample in samples)
    head = full_box(b"mfhd", 0, 0, struct.pack(">I", sequence))
    moof = box(b"moof", head, *trafs, box(b"uuid", CHECKSUM, struct.pack(">I", checksum)))
    track, _, samples = runs[0]
    clock = struct.pack(">IQQ", track, _ntp(utc_ns), max(0, samples[0].time + samples[0].offset))
    return b"".join((full_box(b"prft", 1, 0, clock), moof, box(b"mdat", *payload)))


def _traf(track: int, description: int, samples: Sequence[Sample], data_offset: int) -> bytes:
    rows: list[int] = []
    for sample in samples:
        flags = _SYNC if sample.key else _NOT_SYNC
        rows += (sample.duration, len(sample.data), flags, sample.offset & 0xFFFFFFFF)
    return box(
        b"traf",
        full_box(b"tfhd", 0, _DESCRIPTION_AND_MOOF_BASE, struct.pack(">II", track, description)),
        full_box(b"tfdt", 1, 0, struct.pack(">Q", samples[0].time)),
        full_box(b"trun", 1, _EVERYTHING, struct.pack(f">II{len(rows)}I", len(samples), data_offset, *rows)),
    )


def _ntp(utc_ns: int) -> int:
    seconds, rest = divmod(utc_ns, NS_PER_S)
    return (seconds + _NTP_EPOCH_S) % _ERA_S << 32 | ((rest << 32) + NS_PER_S // 2) // NS_PER_S


def _utc_ns(ntp: int) -> int:
    seconds = (ntp >> 32) - _NTP_EPOCH_S
    # NTP's seconds start again in 2036; nothing was recorded before 1970.
    return (seconds if seconds >= 0 else seconds + _ERA_S) * NS_PER_S + (
        (ntp & 0xFFFFFFFF) * NS_PER_S + (1 << 31) >> 32
    )


def rebase(
    data: Bytes,
    sequence: int,
    times: Mapping[int, int] | None = None,
    descriptions: Mapping[int, int] | None = None,
) -> bytes:
    """The same fragment at another place of a film; not a byte longer. Raises ValueError for what is none of ours.

    times         decoding time of its first sample by track, in ticks
    descriptions  index of the sample description by track
    """
    moved = bytearray(data)
    times, descriptions = times or {}, descriptions or {}
    tops = {top.kind: top for top in walk(moved)}
    if b"moof" not in tops:
        raise ValueError("this is no fragment")
    moof = tops[b"moof"]
    shifts: dict[int, int] = {}
    for part in walk(moved, moof.inside, moof.end):
        if part.kind == b"mfhd":
            struct.pack_into(">I", moved, part.inside + 4, sequence)
        elif part.kind == b"traf":
            track, shift = _rebase_track(moved, part, times, descriptions)
            shifts[track] = shift
    if b"prft" in tops:
        track, _, time = struct.unpack_from(">IQQ", moved, tops[b"prft"].inside + 4)
        struct.pack_into(">Q", moved, tops[b"prft"].inside + 16, max(0, time + shifts.get(track, 0)))
    return bytes(moved)


def _rebase_track(
    moved: bytearray, traf: Box, times: Mapping[int, int], descriptions: Mapping[int, int]
) -> tuple[int, int]:
    head = find(moved, (b"tfhd",), traf.inside, traf.end)
    clock = find(moved, (b"tfdt",), traf.inside, traf.end)
    flags, track = struct.unpack_from(">II", moved, head.inside)
    if flags != _DESCRIPTION_AND_MOOF_BASE or moved[clock.inside] != 1:
        raise ValueError("this fragment cannot be moved: it was not written here")
    if track in descriptions:
        struct.pack_into(">I", moved, head.inside + 8, descriptions[track])
    if track not in times:
        return track, 0
    (before,) = struct.unpack_from(">Q", moved, clock.inside + 4)
    struct.pack_into(">Q", moved, clock.inside + 4, times[track])
    return track, times[track] - before


def wall_time(data: Bytes) -> int:
    """Capture time, in ns of the wall clock, of a fragment's first picture. Raises ValueError when it has none."""
    clock = find(data, (b"prft",))
    (ntp,) = struct.unpack_from(">Q", data, clock.inside + 8)
    return _utc_ns(ntp)


def is_intact(data: Bytes) -> bool:
    """Whether the samples of a whole fragment are as they were written. Raises ValueError for what is no fragment."""
    moof, mdat = find(data, (b"moof",)), find(data, (b"mdat",))
    for part in walk(data, moof.inside, moof.end):
        if part.kind == b"uuid" and data[part.inside : part.inside + 16] == CHECKSUM:
            checksum = int.from_bytes(data[part.inside + 16 : part.end], "big")
            return zlib.crc32(memoryview(data)[mdat.inside : mdat.end]) == checksum
    return False


def read_runs(data: Bytes, *, checked: bool = True) -> dict[int, TrackRun]:
    """The samples of a whole fragment by track.

    Raises ValueError when it is damaged: boxes do not fit, sizes do not add up, or (`checked`) the checksum differs.
    """
    try:
        moof, mdat = find(data, (b"moof",)), find(data, (b"mdat",))
        runs, at = {}, mdat.inside
        for part in walk(data, moof.inside, moof.end):
            if part.kind == b"traf":
                track, run, start = _read_track(data, part, moof.start)
                if start != at:
                    raise ValueError("a fragment does not hold what it lists")
                runs[track] = run
                at += sum(len(sample.data) for sample in run.samples)
    except struct.error as error:
        raise ValueError("a fragment is cut off") from error
    if at != mdat.end:
        raise ValueError("a fragment does not hold what it lists")
    if checked and not is_intact(data):
        raise ValueError("the samples of a fragment are damaged")
    return runs


def _read_track(data: Bytes, traf: Box, moof: int) -> tuple[int, TrackRun, int]:
    head = find(data, (b"tfhd",), traf.inside, traf.end)
    clock = find(data, (b"tfdt",), traf.inside, traf.end)
    table = find(data, (b"trun",), traf.inside, traf.end)
    _, track, description = struct.unpack_from(">III", data, head.inside)
    (time,) = struct.unpack_from(">Q", data, clock.inside + 4)
    flags, count, offset = struct.unpack_from(">III", data, table.inside)
    if flags != 1 << 24 | _EVERYTHING or table.end - table.inside != 12 + 16 * count:
        raise ValueError("a fragment was not written here")
    at, samples = moof + offset, []
    start = at
    for duration, size, kind, shift in struct.iter_unpack(">IIIi", data[table.inside + 12 : table.end]):
        if at + size > len(data):
            raise ValueError("a fragment is cut off")
        samples.append(Sample(bytes(data[at : at + size]), time, duration, shift, not kind & _NOT_SYNC_BIT))
        at, time = at + size, time + duration
    return track, TrackRun(description, tuple(samples)), start
