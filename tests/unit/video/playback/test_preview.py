from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from recorded_footage import START_NS, STORAGE, MemoryFiles, packets, record
from vedette.model.errors import FileMissing, UsageError
from vedette.model.media import Image
from vedette.model.recording import Segment
from vedette.model.time import NS_PER_S
from vedette.video.playback.preview import Sheet, sheet
from video_clips import number_in

S = NS_PER_S


def tiles(found: Sheet) -> list[Image]:
    image = cv2.imdecode(np.frombuffer(found.jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    assert image.shape == (found.rows * found.height, found.columns * found.width, 3)
    return [
        np.asarray(image[y : y + found.height, x : x + found.width], np.uint8)
        for y in range(0, image.shape[0], found.height)
        for x in range(0, image.shape[1], found.width)
    ]


def footage() -> tuple[MemoryFiles, list[Segment]]:
    """Ten seconds, 20 s nothing, ten seconds; a keyframe every second at least."""
    files = MemoryFiles()
    first = record(files, packets(range(100), group=10))
    second = record(files, packets(range(100, 200), group=10, run=2, start_ns=START_NS + 30 * S), first_id=10)
    return files, first + second


def test_tiles_show_the_keyframe_of_their_moment_or_nothing() -> None:
    files, segments = footage()
    found = sheet(segments, {STORAGE: files}, START_NS, 4.0, columns=5, rows=2, size=(128, 96))

    seconds = [None if each is None else (each - START_NS) / S for each in found.moments]
    assert [each is None for each in seconds] == [False] * 3 + [True] * 4 + [False] * 3
    for index, (second, tile) in enumerate(zip(seconds, tiles(found), strict=True)):
        if second is None:
            assert tile.max() < 40
        else:
            assert number_in(tile) == round((second if second < 20 else second - 20) * 10)
            assert index * 4 - 1.5 < second < index * 4 + 4


def test_only_keyframes_are_read() -> None:
    files, segments = footage()
    files.reads.clear()
    sheet(segments, {STORAGE: files}, START_NS, 1.0, columns=10, rows=1)
    assert len(files.reads) <= 20


def test_one_keyframe_for_many_tiles_is_decoded_once() -> None:
    files, segments = footage()
    files.reads.clear()
    found = sheet(segments, {STORAGE: files}, START_NS, 0.001, columns=50, rows=1, size=(16, 12))
    assert len({*found.moments}) == 1
    assert len(files.reads) == 2


def test_pictures_keep_their_proportions() -> None:
    files, segments = footage()
    (tile,) = tiles(sheet(segments, {STORAGE: files}, START_NS, 1, columns=1, rows=1, size=(200, 96)))
    assert tile[:, :30].max() < 40
    assert tile[:, -30:].max() < 40
    assert number_in(np.ascontiguousarray(tile[:, 36:164])) == 0


def test_damage_leaves_a_tile_empty_and_missing_files_are_told() -> None:
    files, segments = footage()
    path = segments[0].path
    broken = segments[0].fragments[0]
    data = bytearray(files.content[path])
    data[broken.offset : broken.offset + broken.size] = bytes(broken.size)
    files.content[path] = bytes(data)
    found = sheet(segments, {STORAGE: files}, START_NS, 0.01, columns=1, rows=1)
    assert found.moments == (None,)
    files.content[path] = files.content[path][: broken.offset + 100]
    assert sheet(segments, {STORAGE: files}, START_NS, 0.01, columns=1, rows=1).moments == (None,)
    with pytest.raises(FileMissing):
        sheet([replace(segments[0], path="gone")], {STORAGE: files}, START_NS, 1, columns=1, rows=1)


@pytest.mark.parametrize(("columns", "rows", "interval"), [(0, 1, 1.0), (100, 100, 1.0), (-2, -2, 1.0), (1, 1, 0.0)])
def test_sheets_that_make_no_sense_are_refused(columns: int, rows: int, interval: float) -> None:
    with pytest.raises(UsageError):
        sheet([], {}, START_NS, interval, columns=columns, rows=rows)
