"""Many small numbers as few bytes: fragments of a segment, the line of a track, the geometry of an event, a heat tile.

Whole numbers are stored as what the numbers before do not foretell, the bytes of equal weight together, compressed by
zlib: times and sizes that repeat nearly vanish. Every form begins with its version, so that it can change.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vedette.model.detections import Floats, Ints
from vedette.model.errors import DatabaseError
from vedette.model.recording import Fragment

STEPS: Final = 65535
"""A coordinate is kept to the nearest of so many parts of the picture."""
_VERSION: Final = 1
_HEAD: Final = struct.Struct("<BII")
_HASH_BYTES: Final = 32
_POINT: Final = struct.Struct("<3d")


def pack_fragments(fragments: Sequence[Fragment]) -> bytes:
    """Exact. Raises DatabaseError when a hash has not 32 bytes."""
    if any(len(fragment.sha256) != _HASH_BYTES for fragment in fragments):
        raise DatabaseError("the SHA-256 of a fragment has 32 bytes")
    rows = [(f.offset, f.size, f.start_ns, f.duration_ns, f.utc_ns, int(f.key)) for f in fragments]
    offset, size, start, duration, utc, keys = np.array(rows, np.int64).reshape(-1, 6).T
    planes = _packed([_unforetold(offset, size), size, _unforetold(start, duration), _steps(duration),
                      _unforetold(utc, duration), keys])  # fmt: skip
    return _HEAD.pack(_VERSION, len(rows), len(planes)) + planes + b"".join(f.sha256 for f in fragments)


def unpack_fragments(data: bytes) -> tuple[Fragment, ...]:
    """What `pack_fragments` packed. Raises DatabaseError."""
    with _sound("fragment index"):
        columns, hashes = _unpacked(data, 6)
        sizes, durations = columns[1], np.cumsum(columns[3])
        if len(hashes) != len(sizes) * _HASH_BYTES:
            raise ValueError("hashes are missing")
        offset, start, utc = (
            np.cumsum(columns[at]) + _sum_before(by) for at, by in ((0, sizes), (2, durations), (4, durations))
        )
        table = np.column_stack([offset, sizes, start, durations, utc, columns[5]]).tolist()
        cut = (hashes[at : at + _HASH_BYTES] for at in range(0, len(hashes), _HASH_BYTES))
        return tuple(
            Fragment(at, size, start, duration, utc, bool(key), sha256)
            for (at, size, start, duration, utc, key), sha256 in zip(table, cut, strict=True)
        )


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """The points of a track: `at_ns` (n,), `box` (n, 4), `score` (n,)."""

    at_ns: Ints
    box: Floats
    score: Floats


def pack_line(line: Line) -> bytes:
    """Times are exact, boxes and scores right to half of 1/65535. Raises DatabaseError for what is not a number."""
    n = len(line.at_ns)
    values = np.column_stack([line.box.reshape(n, 4), line.score.reshape(n)]) if n else np.empty((0, 5))
    if not np.isfinite(values).all() or np.abs(values).max(initial=0.0) > STEPS:
        raise DatabaseError("a track with boxes or scores that are no numbers cannot be kept")
    whole = np.rint(values * STEPS).astype(np.int64)
    at_ns = np.asarray(line.at_ns, np.int64)
    planes = _packed([_steps(_steps(at_ns)), *(_steps(column) for column in whole.T)])
    return _HEAD.pack(_VERSION, n, len(planes)) + planes


def unpack_line(data: bytes) -> Line:
    """What `pack_line` packed. Raises DatabaseError."""
    with _sound("track"):
        columns, _ = _unpacked(data, 6)
        values = np.cumsum(columns[1:], axis=1).T / STEPS
        return Line(np.cumsum(np.cumsum(columns[0])), np.ascontiguousarray(values[:, :4]), values[:, 4].copy())


Anchor = tuple[float, float]
Box = tuple[float, float, float, float]
Trace = tuple[tuple[float, float, float], ...]


def pack_geometry(anchor: Anchor | None, box: Box | None, trace: Trace) -> bytes | None:
    """Exact; None when there is nothing."""
    if anchor is None and box is None and not trace:
        return None
    numbers = [*(anchor or ()), *(box or ()), *(value for point in trace for value in point)]
    return struct.pack(f"<BBB{len(numbers)}d", _VERSION, anchor is not None, box is not None, *numbers)


def unpack_geometry(data: bytes | None) -> tuple[Anchor | None, Box | None, Trace]:
    """What `pack_geometry` packed. Raises DatabaseError."""
    if data is None:
        return None, None, ()
    with _sound("event"):
        version, has_anchor, has_box = data[:3]
        _known(version)
        rest, anchor, box = data[3:], None, None
        if has_anchor:
            x, y = struct.unpack("<2d", rest[:16])
            anchor, rest = (x, y), rest[16:]
        if has_box:
            left, top, right, bottom = struct.unpack("<4d", rest[:32])
            box, rest = (left, top, right, bottom), rest[32:]
        return anchor, box, tuple((t, x, y) for t, x, y in _POINT.iter_unpack(rest))


def pack_cells(cells: Floats) -> bytes:
    """Cells of a heat tile, exact; their shape is kept elsewhere."""
    return zlib.compress(np.ascontiguousarray(cells, "<f8").tobytes())


def unpack_cells(data: bytes, rows: int, columns: int) -> Floats:
    """What `pack_cells` packed, shape (rows, columns). Raises DatabaseError."""
    with _sound("heat tile"):
        return np.frombuffer(zlib.decompress(data), "<f8").astype(np.float64).reshape(rows, columns)


def _unforetold(values: Ints, lasting: Ints) -> Ints:
    # One thing begins where the one before it ends. (Sums may wrap; they wrap back.)
    rest = values.copy()
    rest[1:] -= values[:-1] + lasting[:-1]
    return rest


def _sum_before(values: Ints) -> Ints:
    return np.cumsum(values) - values


def _steps(values: Ints) -> Ints:
    return np.diff(values, prepend=np.int64(0))


def _packed(columns: Sequence[Ints]) -> bytes:
    table = np.ascontiguousarray(columns, "<i8")
    planes: NDArray[np.uint8] = table.view(np.uint8).reshape(len(columns), -1, 8).transpose(0, 2, 1)
    return zlib.compress(planes.tobytes())


def _unpacked(data: bytes, columns: int) -> tuple[Ints, bytes]:
    version, rows, size = _HEAD.unpack_from(data)
    _known(version)
    body = zlib.decompress(data[_HEAD.size : _HEAD.size + size])
    planes = np.frombuffer(body, np.uint8).reshape(columns, 8, rows).transpose(0, 2, 1)
    table = np.ascontiguousarray(planes).view("<i8").reshape(columns, rows).astype(np.int64)
    return table, data[_HEAD.size + size :]


def _known(version: int) -> None:
    if version != _VERSION:
        raise ValueError(f"version {version} is not known")


@contextmanager
def _sound(what: str) -> Iterator[None]:
    try:
        yield
    except (ValueError, struct.error, zlib.error) as error:
        raise DatabaseError(
            f"the database holds a {what} that cannot be read ({error}); look with vedette fsck"
        ) from error
