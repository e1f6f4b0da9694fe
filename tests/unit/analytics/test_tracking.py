"""What the tracker promises, on drawn boxes."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import pytest

from fakes import instant, people
from vedette.analytics.tracking import Tracker, TrackerOptions
from vedette.model.detections import Detections, Tracks, TrackState
from vedette.model.labels import COCO, MOVER

RATES = [3, 5, 10, 25]
Box = tuple[float, float, float, float]


def walker(x: float, y: float = 0.5, height: float = 0.2) -> Box:
    """A person whose middle is at (x, y)."""
    return (x - height / 8, y - height / 2, x + height / 8, y + height / 2)


def moments(start: float, stop: float, fps: float) -> Iterable[float]:
    return (start + k / fps for k in range(math.ceil((stop - start) * fps - 1e-9)))


def row(tracks: Tracks, track: int) -> int:
    (found,) = np.flatnonzero(tracks.id == track)
    return int(found)


def named(box: Box, label: str, score: float = 0.9) -> Detections:
    return people(box, score=score, label=label)


def both(first: Detections, second: Detections) -> Detections:
    return Detections(
        np.vstack((first.box, second.box)),
        np.concatenate((first.score, second.score)),
        np.concatenate((first.label, second.label)),
        first.names,
    )


@pytest.mark.parametrize("fps", RATES)
def test_a_walker_keeps_one_positive_id_and_is_confirmed_by_the_second_sight(fps: int) -> None:
    tracker = Tracker()
    states = []
    for t in moments(0.0, 4.0, fps):
        tracks = tracker.update(people(walker(0.1 + 0.08 * t)), instant(t))
        assert tracks.id.tolist() == [1]
        assert tracks.seen.tolist() == [True]
        assert tracks.born_ns.tolist() == [0]
        states.append(int(tracks.state[0]))
    assert states[:2] == [TrackState.TENTATIVE, TrackState.CONFIRMED]
    assert set(states[1:]) == {TrackState.CONFIRMED}


def test_a_seen_box_is_the_detected_one() -> None:
    tracker = Tracker()
    for t in moments(0.0, 1.0, 10):
        found = people(walker(0.3 + 0.05 * t + 0.003 * math.sin(40 * t)))
        np.testing.assert_array_equal(tracker.update(found, instant(t)).box, found.box)


@pytest.mark.parametrize("fps", RATES)
def test_a_gap_of_two_seconds_keeps_the_id(fps: int) -> None:
    tracker = Tracker()
    for t in moments(0.0, 6.0, fps):
        hidden = 2.0 <= t < 4.0
        tracks = tracker.update(people(*[] if hidden else [walker(0.2 + 0.05 * t)]), instant(t))
        assert tracks.id.tolist() == [1]
        assert tracks.state[0] == (TrackState.LOST if hidden else TrackState.CONFIRMED if t else TrackState.TENTATIVE)
        assert tracks.ended.tolist() == []


@pytest.mark.parametrize("fps", RATES)
def test_more_than_three_seconds_end_it(fps: int) -> None:
    tracker = Tracker()
    ended_at = []
    last_seen = max(moments(0.0, 2.0, fps))
    for t in moments(0.0, 8.0, fps):
        hidden = 2.0 <= t < 5.9
        tracks = tracker.update(people(*[] if hidden else [walker(0.5)]), instant(t))
        ended_at += [t] * len(tracks.ended)
    assert tracks.id.tolist() == [2]
    (end,) = ended_at
    assert last_seen + 3.0 < end <= last_seen + 3.0 + 1.0 / fps + 1e-6


def test_the_memory_is_counted_in_seconds_when_frames_come_irregularly() -> None:
    tracker = Tracker()
    rng = np.random.default_rng(3)
    t = 0.0
    for _ in range(200):
        tracks = tracker.update(people(walker(0.2 + 0.05 * t)), instant(t))
        assert tracks.id.tolist() == [1]
        t += float(rng.choice([0.01, 0.04, 0.2, 0.5]))
        if t > 14.0:
            break
    assert tracks.state.tolist() == [TrackState.CONFIRMED]


def test_the_same_instant_twice_changes_nothing_but_the_sight() -> None:
    tracker = Tracker()
    for t in (0.0, 0.1, 0.1, 0.2, 0.2, 0.2, 0.3):
        tracks = tracker.update(people(walker(0.3 + 0.1 * t)), instant(t))
    assert tracks.id.tolist() == [1]
    tracker.update(people(), instant(0.3))
    tracks = tracker.update(people(walker(0.33)), instant(0.3))
    assert tracks.id.tolist() == [1]
    assert np.isfinite(tracker.update(people(), instant(0.4)).box).all()


def test_time_may_not_go_back() -> None:
    tracker = Tracker()
    tracker.update(people(), instant(1.0))
    with pytest.raises(ValueError, match="time went back"):
        tracker.update(people(), instant(0.9))


def test_a_jump_of_the_clock_forgets_what_is_too_old() -> None:
    tracker = Tracker()
    for t in (0.0, 0.1, 0.2):
        tracker.update(people(walker(0.5)), instant(t))
    tracks = tracker.update(people(walker(0.5)), instant(60.0))
    assert tracks.id.tolist() == [2]
    assert tracks.ended.tolist() == [1]


def test_a_doubtful_detection_continues_a_track_and_starts_none() -> None:
    tracker = Tracker()
    for t in moments(0.0, 1.0, 10):
        tracker.update(people(walker(0.3 + 0.1 * t)), instant(t))
    for t in moments(1.0, 2.0, 10):
        doubtful = people(walker(0.3 + 0.1 * t), walker(0.8), score=0.2)
        tracks = tracker.update(doubtful, instant(t))
        assert tracks.id.tolist() == [1]
        assert tracks.seen.tolist() == [True]
        assert tracks.score.tolist() == [0.2]


def test_nothing_seen_at_all() -> None:
    tracker = Tracker()
    for t in (0.0, 0.1, 0.2):
        assert len(tracker.update(Detections(), instant(t))) == 0
    assert tracker.finish(instant(0.3)).ended.tolist() == []


def test_broken_boxes_are_left_out() -> None:
    tracker = Tracker()
    bad = people((math.nan, 0.1, 0.2, 0.3), (0.3, 0.3, 0.3, 0.5), (0.6, 0.5, 0.5, 0.6), walker(0.8))
    assert len(tracker.update(bad, instant(0.0))) == 1


@pytest.mark.parametrize("fps", RATES)
def test_labels_may_flicker_within_a_group(fps: int) -> None:
    tracker = Tracker()
    names = ["car", "truck", "bus"]
    for k, t in enumerate(moments(0.0, 3.0, fps)):
        box = (0.2 + 0.05 * t, 0.4, 0.35 + 0.05 * t, 0.55)
        tracks = tracker.update(named(box, names[k % 3]), instant(t))
        assert tracks.id.tolist() == [1]
        assert COCO[tracks.label[0]] == names[k % 3]


def test_a_person_does_not_take_over_a_car() -> None:
    tracker = Tracker()
    for t in (0.0, 0.1, 0.2):
        tracker.update(named((0.4, 0.4, 0.5, 0.6), "car"), instant(t))
    tracks = tracker.update(named((0.41, 0.4, 0.5, 0.6), "person"), instant(0.3))
    assert tracks.state.tolist() == [TrackState.LOST, TrackState.TENTATIVE]


def test_something_moving_without_a_class_goes_on_as_what_it_turns_out_to_be() -> None:
    names = (MOVER, "car", "person")
    box = np.array([[0.4, 0.4, 0.5, 0.5]])
    tracker = Tracker()
    for t, label in enumerate([0, 0, 1, 0, 1]):
        found = Detections(box, np.array([0.8]), np.array([label]), names)
        assert tracker.update(found, instant(t / 10)).id.tolist() == [1]
    person = Detections(box, np.array([0.8]), np.array([2]), names)
    assert tracker.update(person, instant(0.5)).id.tolist() == [1, 2]


def test_class_names_may_not_change() -> None:
    tracker = Tracker()
    tracker.update(people(walker(0.5)), instant(0.0))
    with pytest.raises(ValueError, match="class names"):
        tracker.update(Detections(names=("a",)), instant(0.1))


def test_a_second_box_of_another_class_on_the_same_lorry_is_no_second_lorry() -> None:
    tracker = Tracker()
    for t in moments(0.0, 2.0, 10):
        lorry = (0.2 + 0.1 * t, 0.3, 0.5 + 0.1 * t, 0.6)
        again = (0.21 + 0.1 * t, 0.31, 0.51 + 0.1 * t, 0.6)
        tracks = tracker.update(both(named(lorry, "truck", 0.9), named(again, "car", 0.7)), instant(t))
        assert tracks.id.tolist() == [1]
        assert COCO[tracks.label[0]] == "truck"


def test_a_weaker_box_inside_a_lorry_is_no_car() -> None:
    tracker = Tracker()
    for t in moments(0.0, 2.0, 10):
        lorry = (0.2 + 0.1 * t, 0.3, 0.5 + 0.1 * t, 0.6)
        cab = (0.4 + 0.1 * t, 0.35, 0.5 + 0.1 * t, 0.59)
        tracks = tracker.update(both(named(lorry, "truck", 0.9), named(cab, "car", 0.65)), instant(t))
        assert tracks.id.tolist() == [1]


def test_two_people_side_by_side_are_two() -> None:
    tracker = Tracker()
    for t in moments(0.0, 2.0, 5):
        tracks = tracker.update(people(walker(0.3 + 0.05 * t), walker(0.33 + 0.05 * t)), instant(t))
        assert tracks.id.tolist() == [1, 2]


@pytest.mark.parametrize("fps", RATES)
def test_two_who_meet_and_pass_keep_their_ids(fps: int) -> None:
    tracker = Tracker()
    for t in moments(0.0, 6.0, fps):
        right, left = walker(0.2 + 0.1 * t, height=0.3), walker(0.8 - 0.1 * t, 0.51, height=0.3)
        hidden = abs(right[0] - left[0]) < 0.04
        tracks = tracker.update(people(*[right] if hidden else [right, left]), instant(t))
    seen = dict(zip(tracks.id.tolist(), tracks.box[:, 0].tolist(), strict=True))
    assert set(seen) == {1, 2}
    assert seen[1] > seen[2]


@pytest.mark.parametrize("fps", [5, 10, 25])
def test_a_car_that_moves_more_than_its_own_length_between_frames_is_followed(fps: int) -> None:
    tracker = Tracker()
    ids: set[int] = set()
    for t in moments(0.0, 1.0, fps):
        ids |= set(tracker.update(named((0.6 * t, 0.4, 0.6 * t + 0.08, 0.5), "car"), instant(t)).id.tolist())
    assert ids == {1}


@pytest.mark.parametrize("fps", RATES)
def test_who_leaves_the_picture_is_not_waited_for(fps: int) -> None:
    tracker = Tracker()
    gone_at, ended_at = 0.0, math.inf
    for t in moments(0.0, 6.0, fps):
        left, top, right, bottom = walker(0.3 - 0.15 * t)
        visible = right > 0.004
        gone_at = gone_at if visible else gone_at or t
        tracks = tracker.update(people(*[(max(left, 0.0), top, right, bottom)] if visible else []), instant(t))
        if len(tracks.ended):
            ended_at = min(ended_at, t)
    assert ended_at - gone_at <= 1.0


def test_a_lost_track_slows_down() -> None:
    tracker = Tracker()
    for t in moments(0.0, 1.0, 10):
        tracker.update(people(walker(0.1 + 0.2 * t)), instant(t))
    places = [float(tracker.update(people(), instant(1.0 + t)).box[0, [0, 2]].mean()) for t in (0.0, 1.0, 2.0)]
    first, second = places[1] - places[0], places[2] - places[1]
    assert 0.0 < second < first < 0.2


def test_ids_are_never_used_again_and_every_end_is_told_once() -> None:
    tracker = Tracker()
    rng = np.random.default_rng(5)
    live: set[int] = set()
    ended: list[int] = []
    for k in range(400):
        boxes = [walker(x, y) for x, y in rng.random((rng.integers(0, 6), 2))]
        tracks = tracker.update(people(*boxes), instant(k / 5))
        now = set(tracks.id.tolist())
        assert len(now) == len(tracks)
        assert live - now == set(tracks.ended.tolist())
        assert not now & set(ended)
        ended += tracks.ended.tolist()
        live = now
    last = tracker.finish(instant(100.0))
    assert len(last) == 0
    assert set(last.ended.tolist()) == live
    ended += last.ended.tolist()
    assert sorted(ended) == list(range(1, len(ended) + 1))


def test_a_hundred_thousand_short_lives_leave_nothing_behind() -> None:
    tracker = Tracker()
    grid = np.stack(np.meshgrid(np.linspace(0.02, 0.98, 25), np.linspace(0.05, 0.95, 20)), axis=-1).reshape(-1, 2)
    born = most = 0
    for k in range(410):
        half = np.array([0.006, 0.02])
        box = np.hstack((grid - half, grid + half))
        found = Detections(box, np.full(len(box), 0.9), np.zeros(len(box), np.int64), COCO)
        tracks = tracker.update(found if k % 2 else Detections(names=COCO), instant(k * 4.0))
        most = max(most, len(tracks))
        born = max(born, int(tracks.id.max(initial=0)))
    assert born > 100_000
    assert most <= len(grid)


def test_a_flicker_is_never_confirmed() -> None:
    tracker = Tracker()
    for t in moments(0.0, 20.0, 5):
        seen = round(t * 5) % 10 == 0
        tracks = tracker.update(people(*[walker(0.5)] if seen else []), instant(t))
        assert TrackState.CONFIRMED not in tracks.state


@pytest.mark.parametrize(
    "wrong",
    [
        {"low": 0.7, "high": 0.6},
        {"low": -0.1},
        {"start": 1.5},
        {"min_overlap": 0.0},
        {"part_of": 1.2},
        {"confirm_hits": 1},
        {"memory_s": -1.0},
        {"aspect": 0.0},
        {"aspect": math.nan},
    ],
)
def test_options_that_make_no_sense_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="|".join(TrackerOptions.__dataclass_fields__)):
        TrackerOptions(**wrong)  # type: ignore[arg-type]
