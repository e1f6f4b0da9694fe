"""Boxes, of which an MP4 file is made (ISO/IEC 14496-12, section 4.2)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final, NamedTuple, TypeAlias

HEADER: Final = 8
"""Bytes of a box before what it holds: its size and its kind. Our own files have no larger ones."""
Bytes: TypeAlias = "bytes | bytearray | memoryview"


class Box(NamedTuple):
    """Where a box lies in the bytes it was found in: `start` of its header, `inside` of what it holds, its `end`."""

    kind: bytes
    start: int
    inside: int
    end: int


def box(kind: bytes, *parts: bytes) -> bytes:
    """A box that holds `parts`."""
    return b"".join((struct.pack(">I4s", HEADER + sum(map(len, parts)), kind), *parts))


def full_box(kind: bytes, version: int, flags: int, *parts: bytes) -> bytes:
    """A box with a version and flags before its `parts`."""
    return box(kind, struct.pack(">I", version << 24 | flags), *parts)


def walk(data: Bytes, start: int = 0, end: int | None = None) -> Iterator[Box]:
    """The boxes in `data[start:end]`, one after the other. Raises ValueError where they do not fit in there."""
    end = len(data) if end is None else end
    while start < end:
        if end - start < HEADER:
            raise ValueError("a box is cut off")
        size, kind = struct.unpack_from(">I4s", data, start)
        if size < HEADER or start + size > end:
            raise ValueError("a box is larger than what it lies in")
        yield Box(kind, start, start + HEADER, start + size)
        start += size


def find(data: Bytes, kinds: tuple[bytes, ...], start: int = 0, end: int | None = None) -> Box:
    """The first box down the path `kinds`. Raises ValueError where there is none."""
    kind, *deeper = kinds
    for found in walk(data, start, end):
        if found.kind == kind:
            return find(data, tuple(deeper), found.inside, found.end) if deeper else found
    raise ValueError(f"there is no box {kind.decode('latin-1')!r}")
