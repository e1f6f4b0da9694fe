"""Many small pictures of a span in one file, for scrubbing."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from vedette.model.errors import UsageError
from vedette.model.media import Image
from vedette.model.recording import Fragment, Segment
from vedette.model.recording_ports import FileReader
from vedette.model.time import NS_PER_S
from vedette.video.playback.pictures import jpeg, keyframe

MOST_TILES: Final = 400
_EMPTY: Final = 24
"""Shade of tiles without a picture."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """Thumbnails in rows from the upper left.

    width, height  pixels of one of them
    moments        capture time of each; None where nothing was recorded
    """

    jpeg: bytes = field(repr=False)
    columns: int
    rows: int
    width: int
    height: int
    moments: tuple[int | None, ...]


def sheet(
    segments: Iterable[Segment],
    files: Mapping[str, FileReader],
    start_utc_ns: int,
    interval_s: float,
    *,
    columns: int = 10,
    rows: int = 10,
    size: tuple[int, int] = (160, 90),
    quality: int = 75,
) -> Sheet:
    """`columns` x `rows` thumbnails, one every `interval_s` from the start on. Only keyframes are read and decoded.

    Each shows the last keyframe at or before its moment when that was recorded without a break since, else the first
    one within its interval. What cannot be decoded stays empty. Raises UsageError for a sheet that is too large or
    has no interval, StorageGone and FileMissing where files are gone.
    """
    if min(columns, rows) < 1 or columns * rows > MOST_TILES or interval_s <= 0 or min(size) < 2:
        raise UsageError(f"a preview has 1 to {MOST_TILES} pictures and an interval over 0 s")
    step_ns = round(interval_s * NS_PER_S)
    keys = _keys(segments)
    canvas = np.full((rows * size[1], columns * size[0], 3), _EMPTY, np.uint8)
    moments: list[int | None] = []
    shown: tuple[_Key | None, Image | None] = (None, None)
    for tile in range(columns * rows):
        key = _chosen(keys, start_utc_ns + tile * step_ns, step_ns)
        if key is not None and key is not shown[0]:
            shown = key, _thumbnail(files, key, size)
        image = shown[1] if key is not None else None
        if image is not None:
            row, column = divmod(tile, columns)
            top = row * size[1] + (size[1] - image.shape[0]) // 2
            left = column * size[0] + (size[0] - image.shape[1]) // 2
            canvas[top : top + image.shape[0], left : left + image.shape[1]] = image
        moments.append(key.fragment.utc_ns if key is not None and image is not None else None)
    return Sheet(jpeg(canvas, quality), columns, rows, *size, tuple(moments))


@dataclass(frozen=True, slots=True, eq=False)
class _Key:
    segment: Segment
    fragment: Fragment
    end_utc_ns: int


def _keys(segments: Iterable[Segment]) -> list[_Key]:
    """Keyframes by capture time, each with the end of what follows it without another."""
    found: list[_Key] = []
    for segment in segments:
        starts = [index for index, fragment in enumerate(segment.fragments) if fragment.key]
        for index, after in zip(starts, [*starts[1:], len(segment.fragments)], strict=True):
            last = segment.fragments[after - 1]
            found.append(_Key(segment, segment.fragments[index], last.utc_ns + last.duration_ns))
    return sorted(found, key=lambda key: key.fragment.utc_ns)


def _chosen(keys: list[_Key], utc_ns: int, step_ns: int) -> _Key | None:
    index = bisect_right(keys, utc_ns, key=lambda key: key.fragment.utc_ns)
    if index and utc_ns < keys[index - 1].end_utc_ns:
        return keys[index - 1]
    if index < len(keys) and keys[index].fragment.utc_ns < utc_ns + step_ns:
        return keys[index]
    return None


def _thumbnail(files: Mapping[str, FileReader], key: _Key, size: tuple[int, int]) -> Image | None:
    picture = keyframe(files, key.segment, key.fragment)
    return None if picture is None else picture.image(size)
