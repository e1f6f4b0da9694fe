from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

import cv2
import numpy as np
import pytest

from fakes import blank, instant
from vedette.analytics.tracking import Tracker, TrackerOptions
from vedette.model.detections import Detections, Tracks
from vedette.model.labels import COCO, MOVER
from vedette.model.media import Frame, Image
from vedette.model.ports import Sight
from vedette.vision.perception import Perception, PerceptionOptions

Box = tuple[float, float, float, float]
PERSON, BOARD, PHONE, LEAF = 240, 200, 160, 20
CLASSES: Mapping[int, tuple[str, float]] = {PERSON: ("person", 0.8), BOARD: ("person", 0.6), PHONE: ("cell phone", 0.3)}
"""What the detector takes each shade for. It has no name for a leaf."""


@dataclass
class Eyes:
    """Finds rectangles by their shade, in whatever it is shown; `blind` says when it finds nothing."""

    names: tuple[str, ...] = COCO
    input_size: tuple[int, int] = (416, 416)
    model: tuple[str, str] = ("eyes", "0")
    blind: bool = False
    shown: list[tuple[int, int]] = field(default_factory=list)

    def detect(self, images: Sequence[Image]) -> list[Detections]:
        self.shown += [(image.shape[1], image.shape[0]) for image in images]
        return [Detections(names=self.names) if self.blind else self._found(image) for image in images]

    def _found(self, image: Image) -> Detections:
        height, width = image.shape[:2]
        rows = []
        for shade, (label, score) in CLASSES.items():
            mask = (image[:, :, 0] == shade).astype(np.uint8)
            _, _, stats, _ = cv2.connectedComponentsWithStats(mask)
            for x, y, w, h, area in stats[1:].tolist():
                if area > 20:
                    box = (x / width, y / height, (x + w) / width, (y + h) / height)
                    rows.append((box, score, self.names.index(label)))
        boxes = np.array([row[0] for row in rows], float).reshape(-1, 4)
        labels = np.array([row[2] for row in rows], np.int64)
        return Detections(boxes, np.array([row[1] for row in rows], float), labels, self.names)


Paint = Callable[[float], Sequence[tuple[Box, int]]]


@dataclass
class Run:
    """What came of a film: one sight and one answer of the tracker per frame, and when the detector looked."""

    times: list[float] = field(default_factory=list)
    sights: list[Sight] = field(default_factory=list)
    tracks: list[Tracks] = field(default_factory=list)

    def looks(self, start: float = 0.0, end: float = 1e9) -> list[float]:
        return [t for t, sight in zip(self.times, self.sights, strict=True) if sight.inferences and start <= t < end]

    def between(self, start: float, end: float = 1e9) -> list[Sight]:
        return [sight for t, sight in zip(self.times, self.sights, strict=True) if start <= t < end]


def tracker_of() -> Tracker:
    """The tracker as `vedette analyze` sets it up."""
    return Tracker(TrackerOptions(high=0.3, start=0.4))


def film(
    paint: Paint,
    seconds: float,
    *,
    fps: float = 10.0,
    eyes: Eyes | None = None,
    size: tuple[int, int] = (320, 180),
    start: float = 0.0,
    blind: Callable[[float], bool] = lambda t: False,  # noqa: ARG005
    view: Literal["oblique", "overhead", "moving"] = "oblique",
    mode: Literal["gated", "whole"] = "gated",
) -> Run:
    """`paint` gives boxes and their shades for each second; perception and tracker follow them as in the engine."""
    eyes = eyes or Eyes()
    perception, tracker, tracks = Perception(eyes, PerceptionOptions(view=view, mode=mode)), tracker_of(), Tracks()
    run = Run()
    scale = np.array([*size, *size])
    for index in range(round(seconds * fps)):
        t = index / fps
        image = blank(*size)
        for box, shade in paint(t):
            left, top, right, bottom = np.rint(np.array(box) * scale).astype(int)
            image[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)] = shade
        eyes.blind = blind(t)
        at = instant(start + t)
        sight = perception.perceive(Frame(image, at, index), tracks)
        tracks = tracker.update(sight.detections, at)
        run.times.append(t)
        run.sights.append(sight)
        run.tracks.append(tracks)
    return run


def nobody(_: float) -> list[tuple[Box, int]]:
    return []


def walker(
    t: float, start: float = 0.0, stop: float = 1e9, speed: float = 0.06, shade: int = PERSON
) -> tuple[Box, int]:
    left = 0.05 + speed * (min(t, stop) - start)
    return (left, 0.4, left + 0.08, 0.7), shade


def centres(sight: Sight) -> list[float]:
    return [(left + right) / 2 for left, _, right, _ in sight.detections.box.tolist()]


# -- when -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("start", [0.0, 3600.0])
@pytest.mark.parametrize("fps", [3, 10, 25])
def test_an_idle_picture_is_only_swept(fps: int, start: float) -> None:
    first, *looks = film(nobody, 29.0, fps=fps, start=start).looks()
    assert first == 0.0
    # The first moments are watched, wherever in the stream they lie.
    assert [t for t in looks if t > 1.0] == pytest.approx([10.3, 20.3], abs=0.8)


@pytest.mark.parametrize("fps", [3, 10, 25])
@pytest.mark.parametrize("start", [0.0, 3600.0])
def test_motion_wakes_at_once(fps: int, start: float) -> None:
    run = film(lambda t: [walker(t, start=6.0)] if t >= 6.0 else [], 8.0, fps=fps, start=start)
    (first, *_) = run.looks(1.0)
    assert 6.0 <= first <= 6.2 + 1 / fps
    assert all(len(sight.detections) == 1 for sight in run.between(first))


@pytest.mark.parametrize("fps", [10, 25])
def test_what_moves_is_not_looked_at_in_every_frame_and_still_there_in_every_frame(fps: int) -> None:
    run = film(lambda t: [walker(t)], 10.0, fps=fps)
    assert len(run.looks()) < 0.7 * len(run.times)
    for t, sight in zip(run.times, run.sights, strict=True):
        (box, _) = walker(t)
        assert centres(sight) == pytest.approx([(box[0] + box[2]) / 2], abs=0.02)
    assert {len(tracks) for tracks in run.tracks[1:]} == {1}
    assert len({int(tracks.id[0]) for tracks in run.tracks[1:]}) == 1


def test_the_faster_it_moves_the_more_often_it_is_looked_at() -> None:
    slow, fast = (film(lambda t, v=v: [walker(t, speed=v)], 2.0, fps=25) for v in (0.02, 0.4))  # type: ignore[misc]
    assert len(fast.looks()) > 1.5 * len(slow.looks())


@pytest.mark.parametrize("fps", [3, 10])
def test_who_stands_still_is_never_dropped_and_rarely_looked_at(fps: int) -> None:
    run = film(lambda t: [walker(t, stop=4.0)], 40.0, fps=fps)
    assert all(len(sight.detections) == 1 for sight in run.sights)
    assert all(tracks.seen.all() for tracks in run.tracks)
    assert len({int(tracks.id[0]) for tracks in run.tracks[1:]}) == 1
    looks = run.looks(12.0)
    assert 11 <= len(looks) <= 15
    assert np.diff(looks).max() <= 2.0 + 1 / fps + 1e-6


def test_who_stands_still_and_is_lost_from_sight_is_looked_for() -> None:
    run = film(lambda t: [walker(t, stop=4.0)], 20.0, blind=lambda t: 12.0 <= t < 14.0)
    gone = next(t for t in run.looks(12.0) if t >= 12.0)
    assert np.diff(run.looks(gone, 14.5)).max() <= 0.3 + 1e-6
    back = run.between(14.5)
    assert all(len(sight.detections) == 1 for sight in back)
    assert int(run.tracks[-1].id[0]) == int(run.tracks[50].id[0])


def test_who_walks_on_after_standing_is_followed_on() -> None:
    def goes_on(t: float) -> list[tuple[Box, int]]:
        return [walker(min(t, 3.0) + max(t - 20.0, 0.0))]

    run = film(goes_on, 24.0)
    assert len({int(tracks.id[0]) for tracks in run.tracks[1:]}) == 1
    assert centres(run.sights[-1]) == pytest.approx([0.05 + 0.06 * 6.9 + 0.04], abs=0.02)


def test_what_waves_and_is_nothing_is_looked_at_now_and_then_only() -> None:
    def leaves(t: float) -> list[tuple[Box, int]]:
        shift = 0.03 * np.sin(t * 7.0)
        return [((0.5 + shift, 0.2, 0.6 + shift, 0.5), LEAF)] if t >= 5.0 else []

    run = film(leaves, 20.0, fps=25)
    assert len(run.looks(5.0, 6.5)) > 1.5 * 5
    assert len(run.looks(8.0, 18.0)) <= 10.0 * 4 + 1
    assert len(run.looks(8.0, 18.0)) >= 10.0 * 2


def test_somebody_among_waving_leaves_is_found_soon() -> None:
    def leaves(t: float) -> list[tuple[Box, int]]:
        shift = 0.03 * np.sin(t * 7.0)
        here = [walker(t, start=15.0)] if t >= 15.0 else []
        return [((0.8 + shift, 0.1, 0.9 + shift, 0.3), LEAF), *here]

    run = film(leaves, 18.0, fps=25)
    assert all(len(sight.detections) == 1 for sight in run.between(15.5))


@pytest.mark.parametrize("view", ["oblique", "overhead"])
def test_whole_mode_looks_at_every_whole_frame(view: Literal["oblique", "overhead"]) -> None:
    eyes = Eyes()
    run = film(lambda t: [((0.1 + 0.02 * t, 0.4, 0.12 + 0.02 * t, 0.45), PERSON)], 4.0, eyes=eyes,
               size=(1280, 720), view=view, mode="whole")  # fmt: skip
    assert [sight.inferences for sight in run.sights] == [1] * 40
    assert set(eyes.shown) == {(1280, 720)}


def test_a_moving_camera_looks_at_every_frame_and_believes_what_it_sees() -> None:
    run = film(lambda _: [((0.4, 0.3, 0.5, 0.7), BOARD)], 5.0, view="moving")
    assert [sight.inferences for sight in run.sights] == [1] * 50
    assert all(len(sight.detections) == 1 for sight in run.sights)


# -- where ----------------------------------------------------------------------------------------------------------


def small(t: float) -> list[tuple[Box, int]]:
    """Forty pixels high in 1280x720, which is thirteen in the detector's input."""
    return [((0.1 + 0.03 * t, 0.4, 0.115 + 0.03 * t, 0.455), PERSON)]


def large(t: float) -> list[tuple[Box, int]]:
    return [((0.1 + 0.05 * t, 0.2, 0.25 + 0.05 * t, 0.8), PERSON)]


def test_a_closer_look_goes_to_small_things_only() -> None:
    near = Eyes()
    film(large, 5.0, eyes=near, size=(1280, 720))
    assert set(near.shown) == {(1280, 720)}
    far = Eyes()
    run = film(small, 5.0, eyes=far, size=(1280, 720))
    assert set(far.shown) == {(1280, 720), (640, 640)}
    closer = [t for t, sight in zip(run.times, run.sights, strict=True) if sight.inferences == 2]
    assert np.diff(closer).min() >= 0.25 - 1e-6
    assert all(len(sight.detections) <= 1 for sight in run.sights)


def test_a_picture_no_larger_than_the_input_has_nothing_to_come_closer_to() -> None:
    eyes = Eyes()
    film(lambda t: [((0.1 + 0.03 * t, 0.4, 0.13 + 0.03 * t, 0.5), PERSON)], 4.0, eyes=eyes, size=(416, 234))
    assert set(eyes.shown) == {(416, 234)}


def test_several_small_things_take_turns() -> None:
    eyes = Eyes()
    seen: list[int] = []
    found = eyes._found

    def note(image: Image) -> Detections:
        answer = found(image)
        if image.shape[:2] == (640, 640):
            seen.append(round(float(answer.box[:, 0].max(initial=0.0)) * 100))
        return answer

    eyes._found = note  # type: ignore[method-assign]

    def pair(t: float) -> list[tuple[Box, int]]:
        sway = 0.02 * np.sin(t * 3)
        return [((x + sway, 0.4, x + sway + 0.015, 0.455), PERSON) for x in (0.05, 0.9)]

    film(pair, 6.0, eyes=eyes, size=(1280, 720))
    assert min(seen) < 40
    assert max(seen) > 60


# -- what to believe ------------------------------------------------------------------------------------------------


def test_what_never_moves_starts_nothing() -> None:
    run = film(lambda _: [((0.4, 0.3, 0.5, 0.7), BOARD)], 30.0, blind=lambda t: t < 3.0)
    assert all(len(sight.detections) == 0 for sight in run.sights)
    assert len(run.looks()) <= 4


def test_classes_that_no_camera_meets_are_left_out() -> None:
    run = film(lambda t: [walker(t, shade=PHONE)], 5.0)
    assert all(len(sight.detections) == 0 for sight in run.sights)


def test_classes_of_an_own_model_are_all_kept() -> None:
    eyes = Eyes(names=("person", "cell phone"))
    run = film(lambda t: [walker(t, shade=PHONE)], 5.0, eyes=eyes, mode="whole")
    assert all(len(sight.detections) == 1 for sight in run.sights)
    assert run.sights[-1].detections.names == ("person", "cell phone", MOVER)


def label_of(sight: Sight) -> list[str]:
    return [sight.detections.names[label] for label in sight.detections.label.tolist()]


def test_from_overhead_what_has_no_likely_class_is_a_mover_and_its_motion_vouches_for_it() -> None:
    run = film(lambda t: [walker(t, start=10.0, shade=PHONE)] if t >= 10.0 else [], 14.0, view="overhead")
    for sight in run.between(10.5):
        assert label_of(sight) == [MOVER]
        assert sight.detections.score.tolist() == [0.5]


def test_from_overhead_what_moves_and_has_no_name_is_a_mover() -> None:
    run = film(lambda t: [walker(t, start=10.0, shade=LEAF)] if t >= 10.0 else [], 14.0, view="overhead")
    for t, sight in zip(run.times, run.sights, strict=True):
        if t >= 10.5:
            (box, _) = walker(t, start=10.0)
            assert label_of(sight) == [MOVER]
            assert sight.detections.box[0] == pytest.approx(box, abs=0.03)


def test_from_overhead_a_person_stays_one() -> None:
    run = film(lambda t: [walker(t)], 6.0, view="overhead")
    for sight in run.between(3.0):
        assert label_of(sight) == ["person"]
        assert sight.detections.score.tolist() == [0.8]


def test_from_overhead_two_things_far_apart_are_two() -> None:
    def pair(t: float) -> list[tuple[Box, int]]:
        x = 0.06 * (t - 10.0)
        both = [walker(t, start=10.0, shade=LEAF), ((0.9 - x, 0.05, 0.98 - x, 0.25), PERSON)]
        return both if t >= 10.0 else []

    run = film(pair, 14.0, view="overhead")
    for sight in run.between(10.5):
        assert sorted(label_of(sight)) == [MOVER, "person"]


def test_light_that_changes_all_at_once_drops_nobody() -> None:
    run = film(lambda t: [*([((0.0, 0.0, 1.0, 1.0), 30)] if t >= 6.0 else []), walker(t)], 9.0)
    assert all(len(sight.detections) == 1 for sight in run.between(1.0))
    assert len({int(tracks.id[0]) for tracks in run.tracks[1:]}) == 1


def test_a_change_of_size_on_the_way_does_no_harm() -> None:
    perception, tracker, tracks = Perception(Eyes()), tracker_of(), Tracks()
    for index in range(40):
        size = (320, 180) if index < 20 else (200, 300)
        image = blank(*size)
        (left, top, right, bottom), _ = walker(index / 10)
        image[round(top * size[1]) : round(bottom * size[1]), round(left * size[0]) : round(right * size[0])] = PERSON
        sight = perception.perceive(Frame(image, instant(index / 10), index), tracks)
        tracks = tracker.update(sight.detections, instant(index / 10))
    assert len(tracks) == 1


def test_more_than_a_dozen_looks_a_second_are_never_taken() -> None:
    run = film(lambda t: [walker(t, speed=0.4)], 2.0, fps=50)
    looks = run.looks()
    assert min(b - a for a, b in pairwise(looks)) >= 0.07
