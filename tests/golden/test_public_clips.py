"""Counts on public clips, in short: what a change of tracker, perception or rules must not spoil.

`python -m benchmarks accuracy` is the whole of it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from benchmarks import clips, scoring
from benchmarks.clips import Clip

Footage = Callable[[str], Path]


def clip_of(footage: Footage, name: str, limit_s: float | None = None) -> Clip:
    """One of the clips with known truth; the test is skipped, with the file's name, where the footage is not there."""
    footage(f"video/{name}")
    footage(f"video/{name.rsplit('.', 1)[0].removesuffix('_vfr')}.counts.json")
    known, _ = clips.public_clips(limit_s)
    (found,) = [clip for clip in known if clip.name == name]
    return found


@pytest.mark.slow
def test_people_pass_before_each_other_on_a_campus(footage: Footage) -> None:
    clip = clip_of(footage, "TUD-Campus.mp4")
    found = clips.run(clip).score(clip.lines)
    assert found.crossings == 8
    assert found.miscounted <= 2
    assert found.f1 >= 0.8


@pytest.mark.slow
@pytest.mark.parametrize("fps", [10.0, 5.0])
def test_cars_from_straight_above(footage: Footage, fps: float) -> None:
    clip = clip_of(footage, "car-detection.mp4")
    found = clips.run(clip, fps).score(clip.lines)
    assert (found.crossings, found.miscounted, found.matched) == (4, 0, 4)


@pytest.mark.slow
def test_walkers_at_five_frames_a_second(footage: Footage) -> None:
    clip = clip_of(footage, "vtest.avi", limit_s=30.0)
    found = clips.run(clip, 5.0).score(clip.lines)
    assert found.crossings >= 8
    assert found.miscounted <= 1
    assert found.f1 >= 0.9


@pytest.mark.slow
@pytest.mark.parametrize("fps", [None, 5.0])
def test_nothing_is_seen_where_nothing_is(footage: Footage, fps: float | None) -> None:
    for name in clips.EMPTY:
        footage(f"video/{name}")
    empty, _ = clips.empty_clips()
    assert {clip.name: clips.run(clip, fps).events for clip in empty} == dict.fromkeys(clips.EMPTY, ())


def test_the_clip_with_irregular_times_has_its_truth_moved_along(footage: Footage) -> None:
    steady, irregular = clip_of(footage, "traffic_camera.mp4"), clip_of(footage, clips.VARIABLE)
    pairs = list(zip(steady.lines[0].crossings, irregular.lines[0].crossings, strict=True))
    assert all(moved.direction == first.direction for first, moved in pairs)
    early = [moved.first_s == pytest.approx(first.first_s, abs=0.05) for first, moved in pairs if first.first_s < 10.0]
    assert len(early) > 10
    assert all(early)
    late = [moved.first_s - first.first_s for first, moved in pairs if first.first_s > 20.0]
    assert min(late) > 5.0


def test_truth_outside_a_shortened_clip_is_left_out(footage: Footage) -> None:
    whole, part = clip_of(footage, "vtest.avi"), clip_of(footage, "vtest.avi", limit_s=30.0)
    assert 0 < sum(len(line.crossings) for line in part.lines) < sum(len(line.crossings) for line in whole.lines)
    assert all(crossing.last_s < 30.0 for line in part.lines for crossing in line.crossings)
    assert scoring.score(part.lines[0], []).matched == 0
