from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recorded_footage import START_NS, STORAGE, MemoryFiles, packets, record
from vedette.model.errors import FileMissing, StorageError
from vedette.model.media import Image
from vedette.model.time import NS_PER_S
from vedette.video.playback.snapshot import Snapshot, snapshot
from video_clips import number_in

S = NS_PER_S
FILES = MemoryFiles()
SEGMENTS = record(FILES, packets(range(100), group=25))


def at(seconds: float) -> int:
    return START_NS + round(seconds * S)


def opened(data: bytes) -> Image:
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    return np.asarray(image, np.uint8)


def seen(found: Snapshot | None) -> int:
    assert found is not None
    return number_in(opened(found.jpeg))


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 99), st.integers(0, 99_999_998))
def test_the_picture_is_the_newest_not_after_the_moment(number: int, later_ns: int) -> None:
    found = snapshot(SEGMENTS, {STORAGE: FILES}, at(number / 10) + later_ns)
    assert seen(found) == number
    assert found is not None
    assert abs(found.utc_ns - at(number / 10)) < 10
    assert (found.width, found.height) == (128, 96)


def test_a_hair_before_a_picture_it_is_the_one_before() -> None:
    assert seen(snapshot(SEGMENTS, {STORAGE: FILES}, at(5.0) - 1000)) == 49


def test_in_a_gap_it_is_the_last_one_before_and_says_when() -> None:
    found = snapshot(SEGMENTS, {STORAGE: FILES}, at(500))
    assert seen(found) == 99
    assert found is not None
    assert abs(found.utc_ns - at(9.9)) < 10


def test_before_everything_there_is_none() -> None:
    assert snapshot(SEGMENTS, {STORAGE: FILES}, at(-0.001)) is None
    assert snapshot([], {}, at(0)) is None


def test_after_the_clock_was_set_back_the_later_picture_counts() -> None:
    files = MemoryFiles()
    segments = record(files, packets(range(100), clock_steps={50: -4.0}))
    assert seen(snapshot(segments, {STORAGE: files}, at(2.05))) == 60


def test_it_is_scaled_with_its_proportions() -> None:
    found = snapshot(SEGMENTS, {STORAGE: FILES}, at(1), most=(64, 64))
    assert found is not None
    assert opened(found.jpeg).shape == (48, 64, 3)


def test_what_cannot_be_had_is_told() -> None:
    files = MemoryFiles(dict(FILES.content))
    path = SEGMENTS[0].path
    files.content[path] = files.content[path][:2000] + bytes(len(files.content[path]) - 2000)
    with pytest.raises(StorageError):
        snapshot(SEGMENTS, {STORAGE: files}, at(2))
    del files.content[path]
    with pytest.raises(FileMissing):
        snapshot(SEGMENTS, {STORAGE: files}, at(2))
