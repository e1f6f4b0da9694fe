from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import pytest

from fakes import blank, instant
from vedette.model.media import Frame, Image
from vedette.vision.motion import Motion, MotionDetector, MotionOptions
from vedette.vision.regions import overlap

WIDTH, HEIGHT = 320, 180
Paint = Callable[[float], Image]


def ground(noise: float = 2.0) -> Paint:
    """A textured, slightly noisy place where nothing happens."""
    rng = np.random.default_rng(5)
    texture = rng.integers(60, 120, (HEIGHT // 10, WIDTH // 10, 1)).repeat(10, 0).repeat(10, 1).repeat(3, 2)

    def paint(second: float) -> Image:
        grain = np.random.default_rng(round(second * 1000)).normal(0.0, noise, texture.shape)
        return np.asarray(np.clip(texture + grain, 0, 255), np.uint8)

    return paint


def walker(second: float, speed: float = 0.08) -> tuple[float, float, float, float]:
    left = 0.05 + speed * second
    return (left, 0.4, left + 0.06, 0.7)


def with_box(image: Image, box: Iterable[float], shade: int = 230) -> Image:
    left, top, right, bottom = np.rint(np.array(list(box)) * [WIDTH, HEIGHT, WIDTH, HEIGHT]).astype(int)
    image = image.copy()
    image[top:bottom, left:right] = shade
    return image


def look(paint: Paint, until: float, fps: float, start: float = 0.0, detector: MotionDetector | None = None) -> Motion:
    """The last of all answers to frames from `start` to `until`."""
    detector = detector or MotionDetector()
    count = round((until - start) * fps) + 1
    motions = [
        detector.look(Frame(paint(start + n / fps), instant(start + n / fps), n)) for n in range(count)
    ]  # fmt: skip
    return motions[-1]


@pytest.mark.parametrize("fps", [3, 5, 10, 25])
def test_what_moves_is_found_where_it_is_at_any_rate(fps: int) -> None:
    place = ground()
    motion = look(lambda t: with_box(place(t), walker(t)), 6.0, fps)
    iou, _ = overlap(motion.boxes, np.array([walker(6.0)]))
    assert len(motion.boxes) == 1
    assert iou.max() > 0.6
    assert motion.settled
    assert not motion.upset
    assert motion.share_in(np.array([walker(6.0)]))[0] > 0.8
    assert motion.share_in(np.array([[0.8, 0.1, 0.9, 0.3]]))[0] == 0.0
    assert motion.share == pytest.approx(0.06 * 0.3, rel=0.4)


@pytest.mark.parametrize("fps", [3, 25])
def test_where_nothing_moves_nothing_is_found(fps: int) -> None:
    motion = look(ground(), 5.0, fps)
    assert len(motion.boxes) == 0
    assert motion.share < 0.001


@pytest.mark.parametrize("fps", [3, 5, 10, 25])
@pytest.mark.parametrize("gain", [0.6, 1.6])
def test_exposure_that_adapts_is_no_motion(fps: int, gain: float) -> None:
    place = ground()

    def adapting(second: float) -> Image:
        now = 1.0 + (gain - 1.0) * np.clip((second - 4.0) / 2.0, 0.0, 1.0)
        return np.asarray(np.clip(place(second) * now, 0, 255), np.uint8)

    detector = MotionDetector()
    look(adapting, 4.0, fps, detector=detector)
    for n in range(1, 4 * fps):
        second = 4.0 + n / fps
        motion = detector.look(Frame(adapting(second), instant(second), n))
        assert len(motion.boxes) == 0
        assert not motion.upset


@pytest.mark.parametrize("fps", [3, 25])
def test_somebody_is_seen_while_exposure_adapts(fps: int) -> None:
    place = ground()

    def adapting(second: float) -> Image:
        now = 1.0 - 0.4 * np.clip((second - 4.0) / 2.0, 0.0, 1.0)
        return np.asarray(with_box(place(second), walker(second)) * now, np.uint8)

    motion = look(adapting, 6.0, fps)
    iou, _ = overlap(motion.boxes, np.array([walker(6.0)]))
    assert iou.max(initial=0.0) > 0.5


def test_a_scene_that_changes_as_a_whole_is_upset_and_heals() -> None:
    place = ground()
    blocks = np.random.default_rng(9).integers(0, 255, (HEIGHT // 20, WIDTH // 20, 1), np.uint8)
    other = blocks.repeat(20, 0).repeat(20, 1).repeat(3, 2)
    detector = MotionDetector()
    assert look(place, 5.0, 10, detector=detector).settled
    changed = detector.look(Frame(other, instant(5.1), 51))
    assert changed.upset
    assert not changed.settled
    assert len(changed.boxes) == 0
    assert changed.share_in(np.array([[0.0, 0.0, 1.0, 1.0]]))[0] == 0.0
    after = look(lambda _: other, 8.0, 10, start=5.2, detector=detector)
    assert not after.upset
    assert after.settled
    assert len(after.boxes) == 0


@pytest.mark.parametrize("fps", [3, 25])
def test_the_background_is_believed_after_so_many_seconds(fps: int) -> None:
    detector = MotionDetector(MotionOptions(settle_s=2.0))
    settled = [
        (n / fps, detector.look(Frame(blank(), instant(100.0 + n / fps), n)).settled) for n in range(4 * fps)
    ]  # fmt: skip
    assert all(is_settled == (second >= 2.0 - 1e-6) for second, is_settled in settled)


def test_another_size_starts_anew() -> None:
    detector = MotionDetector()
    look(ground(), 5.0, 10, detector=detector)
    motion = detector.look(Frame(blank(100, 300), instant(5.1), 51))
    assert not motion.settled
    assert len(motion.boxes) == 0
    assert detector.look(Frame(blank(100, 300), instant(8.0), 52)).settled


@pytest.mark.parametrize("fps", [5, 25])
def test_who_stays_fades_into_the_background_with_time_and_not_with_frames(fps: int) -> None:
    place = ground()
    box = (0.4, 0.3, 0.5, 0.7)

    def comes(second: float) -> Image:
        return with_box(place(second), box) if second >= 10.0 else place(second)

    detector = MotionDetector(MotionOptions(memory_s=20.0))
    soon = look(comes, 11.4, fps, detector=detector)
    assert soon.share_in(np.array([box]))[0] > 0.8
    late = look(comes, 13.0, fps, start=11.6, detector=detector)
    assert late.share_in(np.array([box]))[0] < 0.1


@pytest.mark.parametrize("fps", [3, 25])
def test_somebody_in_the_first_picture_heals_after_having_gone(fps: int) -> None:
    place = ground()
    box = (0.4, 0.3, 0.5, 0.7)
    motion = look(lambda t: with_box(place(t), box) if t < 0.5 else place(t), 6.0, fps)
    assert motion.share_in(np.array([box]))[0] < 0.1


def test_specks_are_no_motion() -> None:
    place = ground()

    def snowing(second: float) -> Image:
        image = place(second)
        rng = np.random.default_rng(round(second * 100))
        for top in range(5, HEIGHT - 30, 40):
            for left in range(5, WIDTH - 30, 40):
                image[top + rng.integers(0, 25), left + rng.integers(0, 25)] = 255
        return image

    assert len(look(snowing, 5.0, 10).boxes) == 0


@pytest.mark.parametrize("size", [(8, 8), (1, 1), (3000, 2), (2, 3000), (4000, 3000)])
def test_any_size_of_picture_is_looked_at(size: tuple[int, int]) -> None:
    detector = MotionDetector()
    for n in range(4):
        motion = detector.look(Frame(blank(*size, shade=90 + n), instant(n / 10), n))
    assert motion.boxes.shape[1] == 4


@pytest.mark.parametrize("shade", [0, 255])
def test_black_and_white_pictures_have_no_gain(shade: int) -> None:
    place = ground()
    detector = MotionDetector()
    look(place, 3.0, 10, detector=detector)
    dark = look(lambda _: blank(WIDTH, HEIGHT, shade), 6.0, 10, start=3.1, detector=detector)
    assert len(dark.boxes) == 0
    back = look(place, 9.0, 10, start=6.1, detector=detector)
    assert len(back.boxes) == 0


def test_frames_of_one_moment_do_no_harm() -> None:
    place = ground()
    detector = MotionDetector()
    for n in range(60):
        motion = detector.look(Frame(with_box(place(n // 3 / 5), walker(n // 3 / 5)), instant(n // 3 / 5), n))
    assert len(motion.boxes) == 1


def test_shares_of_no_boxes_and_of_boxes_outside() -> None:
    place = ground()
    motion = look(lambda t: with_box(place(t), walker(t)), 4.0, 10)
    assert motion.share_in(np.zeros((0, 4))).shape == (0,)
    outside = np.array([[-0.5, -0.5, 0.0, 0.0], [1.0, 1.0, 1.5, 1.5], [0.5, 0.5, 0.5, 0.5], [-1.0, -1.0, 2.0, 2.0]])
    shares = motion.share_in(outside)
    assert shares[:3].tolist() == [0.0, 0.0, 0.0]
    assert shares[3] == pytest.approx(motion.share, rel=0.2)
