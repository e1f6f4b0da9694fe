"""A fragment of a recording put to its place in a film: moved, trimmed, muted, never decoded.

Whatever is left out stays in `mdat`, where nothing points to it any more; so a fragment keeps its size, and a film's
size is known before any of it is read.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from vedette.video.mp4.boxes import Box, find, walk
from vedette.video.mp4.fragments import CHECKSUM, rebase, ticks
from vedette.video.mp4.init import AUDIO_TRACK, VIDEO_TRACK
from vedette.video.playback.span import LEAD_NS, Part

_ROW: Final = struct.Struct(">IIIi")
"""Duration, size, flags, composition offset: what our `trun` says of a sample."""
_TABLE: Final = 20
"""Bytes of our `trun` before its rows."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a film a fragment goes.

    sequence      its number in the film, from 1
    description   index of its video sample description
    audio         index of its audio sample description; 0 leaves its sound out
    rate          samples a second of the film's sound
    sets          parameter sets to put before its first picture, length-prefixed
    """

    sequence: int
    description: int = 1
    audio: int = 0
    rate: int = 0
    sets: bytes = b""


def put(data: bytes, part: Part, place: Place) -> bytes:
    """The fragment `data` as `part` shows it at `place`: `len(place.sets)` bytes longer. Raises ValueError."""
    shift_ns = part.shown_ns - part.fragment.start_ns - part.from_ns
    times = {VIDEO_TRACK: ticks(part.media_ns)}
    heard = _first_time(data, AUDIO_TRACK) if place.audio else None
    if heard is not None:
        # Below 0 where sound of the lead in comes first, which is left out below.
        heard += ticks(shift_ns, place.rate)
        times[AUDIO_TRACK] = max(0, heard)
    moved = bytearray(rebase(data, place.sequence, times, {VIDEO_TRACK: place.description, AUDIO_TRACK: place.audio}))
    moof = find(moved, (b"moof",))
    for box in walk(moved, moof.inside, moof.end):
        if box.kind == b"traf":
            _trim(moved, box, part, place, heard or 0)
    if place.sets:
        _insert(moved, moof, place.sets)
    return bytes(moved)


def _track(data: bytes | bytearray, traf: Box) -> int:
    return int(struct.unpack_from(">I", data, find(data, (b"tfhd",), traf.inside, traf.end).inside + 4)[0])


def _first_time(data: bytes, track: int) -> int | None:
    moof = find(data, (b"moof",))
    for box in walk(data, moof.inside, moof.end):
        if box.kind == b"traf" and _track(data, box) == track:
            return int(struct.unpack_from(">Q", data, find(data, (b"tfdt",), box.inside, box.end).inside + 4)[0])
    return None


def _trim(moved: bytearray, traf: Box, part: Part, place: Place, heard: int) -> None:
    whole = part.from_ns == 0 and part.to_ns >= part.fragment.duration_ns
    if _track(moved, traf) == VIDEO_TRACK:
        if not whole:
            _trim_pictures(moved, find(moved, (b"trun",), traf.inside, traf.end), part)
    elif not place.audio or part.from_ns >= part.to_ns:
        _drop(moved, traf)
    elif not whole:
        _trim_sound(moved, traf, part, place.rate, heard)


def _drop(moved: bytearray, box: Box) -> None:
    moved[box.start + 4 : box.start + 8] = b"free"


def _rows(moved: bytearray, table: Box) -> list[tuple[int, int, int, int]]:
    return list(_ROW.iter_unpack(moved[table.start + _TABLE : table.end]))


def _write(moved: bytearray, table: Box, skipped: int, rows: list[tuple[int, int, int, int]]) -> None:
    """Put `rows` into `table`, whose samples begin `skipped` bytes later; what remains of it becomes free space."""
    (offset,) = struct.unpack_from(">I", moved, table.start + 16)
    packed = b"".join(_ROW.pack(*row) for row in rows)
    end = table.start + _TABLE + len(packed)
    struct.pack_into(">I", moved, table.start, end - table.start)
    struct.pack_into(">II", moved, table.start + 12, len(rows), offset + skipped)
    moved[table.start + _TABLE : end] = packed
    if end < table.end:
        struct.pack_into(">I4s", moved, end, table.end - end, b"free")


def _trim_pictures(moved: bytearray, table: Box, part: Part) -> None:
    """Squeeze what leads in into `LEAD_NS`, and leave out what comes after the end."""
    from_ticks, to_ticks, lead = ticks(part.from_ns), ticks(part.to_ns), ticks(LEAD_NS)

    def placed(time: int) -> int:
        return time * lead // from_ticks if time < from_ticks else time - from_ticks + (lead if from_ticks else 0)

    rows, time = [], 0
    for duration, size, flags, offset in _rows(moved, table):
        if part.to_ns > part.from_ns and time >= to_ticks:
            break
        end = min(time + duration, to_ticks) if part.to_ns > part.from_ns else time + duration
        shown = placed(time)
        rows.append((max(0, placed(end) - shown), size, flags, placed(time + offset) - shown if offset else 0))
        time += duration
    _write(moved, table, 0, rows)


def _trim_sound(moved: bytearray, traf: Box, part: Part, rate: int, time: int) -> None:
    """Keep the samples that begin in what is shown. `time` is when the first of all begins in the film."""
    clock = find(moved, (b"tfdt",), traf.inside, traf.end)
    table = find(moved, (b"trun",), traf.inside, traf.end)
    first, last = ticks(part.shown_ns, rate), ticks(part.shown_ns + part.to_ns - part.from_ns, rate)
    kept, skipped, begin = [], 0, None
    for row in _rows(moved, table):
        if first <= time < last:
            begin = time if begin is None else begin
            kept.append(row)
        elif begin is None:
            skipped += row[1]
        time += row[0]
    if begin is None:
        _drop(moved, traf)
        return
    struct.pack_into(">Q", moved, clock.inside + 4, begin)
    _write(moved, table, skipped, kept)


def _insert(moved: bytearray, moof: Box, sets: bytes) -> None:
    """Put parameter sets into the first picture: FFmpeg does not look at the sample description of a fragment."""
    at, mdat = moof.end, find(moved, (b"mdat",))
    for box in walk(moved, moof.inside, moof.end):
        if box.kind == b"traf":
            table = find(moved, (b"trun",), box.inside, box.end)
            (offset,) = struct.unpack_from(">I", moved, table.start + 16)
            if _track(moved, box) == VIDEO_TRACK:
                at = moof.start + offset
                (size,) = struct.unpack_from(">I", moved, table.start + _TABLE + 4)
                struct.pack_into(">I", moved, table.start + _TABLE + 4, size + len(sets))
            else:
                struct.pack_into(">I", moved, table.start + 16, offset + len(sets))
        elif box.kind == b"uuid" and moved[box.inside : box.inside + 16] == CHECKSUM:
            _drop(moved, box)
    struct.pack_into(">I", moved, mdat.start, mdat.end - mdat.start + len(sets))
    moved[at:at] = sets
