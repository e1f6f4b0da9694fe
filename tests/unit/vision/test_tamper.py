from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from fakes import instant
from vedette.engine.pace import Pace
from vedette.model.detections import Detections, Tracks
from vedette.model.media import Frame, Image
from vedette.model.observations import Fact
from vedette.model.ports import Sight
from vedette.plugins import source_for
from vedette.vision.tamper import COVERED, DARK, DEFOCUSED, FROZEN, MOVED, Guarded, TamperOptions, TamperWatch

Change = Callable[[Image], Image]
Drawn = Callable[[float], Image]
SIZE = (320, 180)


def scene(seed: int = 1) -> Drawn:
    """A street of boxes with sensor noise; somebody walks through."""
    rng = np.random.default_rng(seed)
    base = np.full((SIZE[1], SIZE[0], 3), 120, np.uint8)
    for _ in range(70):
        x, y = (int(rng.integers(0, side)) for side in SIZE)
        w, h = (int(rng.integers(8, 50)) for _ in range(2))
        cv2.rectangle(base, (x, y), (x + w, y + h), [int(v) for v in rng.integers(20, 230, 3)], -1)

    def drawn(t: float) -> Image:
        image = base.copy()
        x = int(t * 15) % SIZE[0]
        cv2.rectangle(image, (x, 60), (x + 25, 140), (40, 40, 160), -1)
        return noisy(image, seed=int(t * 1000))

    return drawn


def noisy(image: Image, deviation: float = 2.0, seed: int = 0) -> Image:
    grain = np.random.default_rng(seed).normal(0.0, deviation, image.shape[:2])[..., None]
    return np.clip(image + grain, 0, 255).astype(np.uint8)


def kinds(
    drawn: Drawn, change: Change | None = None, start: float = 20.0, end: float = 40.0, fps: float = 2.0
) -> list[str]:
    """What is said at each look from `start` on, from where `change` is made to the pictures."""
    watch = TamperWatch()
    found: list[str] = []
    for number in range(round(end * fps)):
        t = number / fps
        image = drawn(t)
        facts = watch.look(Frame(change(image) if change and t >= start else image, instant(t), number))
        if t >= start + 4.0:
            found.append(facts[0].kind if facts else "")
    return found


def blurred(share: float) -> Change:
    return lambda image: np.asarray(cv2.GaussianBlur(image, (0, 0), share * image.shape[1]), np.uint8)


def shifted(share: float) -> Change:
    return lambda image: np.ascontiguousarray(np.roll(image, round(share * image.shape[1]), axis=1))


def turned(degrees: float) -> Change:
    def turn(image: Image) -> Image:
        height, width = image.shape[:2]
        matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.1)
        return np.asarray(cv2.warpAffine(image, matrix, (width, height)), np.uint8)

    return turn


def partly_covered(image: Image) -> Image:
    """A cloth over four fifths of the picture."""
    image = image.copy()
    image[:, : image.shape[1] * 4 // 5] = 60
    return noisy(image)


TAMPERED = [
    (COVERED, lambda image: noisy(np.full_like(image, 70))),
    (COVERED, partly_covered),
    (DEFOCUSED, blurred(0.02)),
    (MOVED, shifted(0.05)),
    (MOVED, shifted(0.3)),
    (MOVED, turned(12.0)),
    (DARK, lambda image: noisy((image * 0.02).astype(np.uint8))),
]
LIGHTS = [
    lambda image: noisy((image * 0.2).astype(np.uint8)),
    lambda image: np.clip(image * 1.8, 0, 255).astype(np.uint8),
    lambda image: np.clip(image * np.linspace(0.3, 1.5, image.shape[1])[None, :, None], 0, 255).astype(np.uint8),
    lambda image: np.clip(image * np.array([0.6, 0.9, 1.3]), 0, 255).astype(np.uint8),
]


@pytest.mark.parametrize("fps", [0.5, 2.0, 12.5])
def test_nothing_is_said_of_a_scene_that_goes_on(fps: float) -> None:
    assert set(kinds(scene(), fps=fps)) == {""}


@pytest.mark.parametrize(("kind", "change"), TAMPERED)
def test_tampering_is_seen_for_what_it_is(kind: str, change: Change) -> None:
    assert set(kinds(scene(), change)) == {kind}


@pytest.mark.parametrize("change", LIGHTS)
def test_light_that_goes_on_or_off_is_none(change: Change) -> None:
    assert set(kinds(scene(), change)) == {""}


def test_tampering_is_seen_at_keyframes_only() -> None:
    assert set(kinds(scene(), blurred(0.02), start=40.0, end=80.0, fps=0.5)) == {DEFOCUSED}


def test_a_picture_that_never_changes_is_frozen() -> None:
    frozen = scene()(19.0)
    found = kinds(lambda t: scene()(t) if t < 20.0 else frozen)
    assert set(found) == {FROZEN}


def test_a_scene_at_rest_with_noise_is_not_frozen() -> None:
    still = scene()(0.0)
    assert set(kinds(lambda t: noisy(still, 0.8, seed=int(t * 1000)))) == {""}


def test_frozen_ends_when_things_go_on() -> None:
    watch, frozen, drawn = TamperWatch(), scene()(9.0), scene()
    facts: list[tuple[Fact, ...]] = []
    for number in range(80):
        t = number / 2
        facts.append(watch.look(Frame(frozen if 10 <= t < 20 else drawn(t), instant(t), number)))
    assert facts[39]
    assert not any(facts[-20:])


def test_all_is_well_again_when_the_cover_is_taken_away() -> None:
    drawn = scene()
    found = kinds(lambda t: noisy(np.full((180, 320, 3), 70, np.uint8)) if 12 <= t < 20 else drawn(t), start=20.0)
    assert set(found) == {""}


def test_a_camera_that_was_turned_belongs_there_after_a_while() -> None:
    watch = TamperWatch(TamperOptions(accept_s=30.0))
    first, second = scene(1), scene(2)
    said = []
    for number in range(160):
        t = number / 2
        facts = watch.look(Frame(first(t) if t < 20 else second(t), instant(t), number))
        said.append(facts[0].kind if facts else "")
    assert set(said[45:95]) == {MOVED}
    assert set(said[105:]) == {""}


def test_a_plain_scene_tells_only_darkness_and_standstill() -> None:
    wall = np.full((180, 320, 3), 150, np.uint8)
    assert set(kinds(lambda t: noisy(wall, seed=int(t * 1000)), lambda image: noisy(image // 2))) == {""}
    assert set(kinds(lambda t: noisy(wall, seed=int(t * 1000)), lambda image: noisy(image // 60))) <= {DARK, ""}


def test_another_size_of_picture_begins_anew() -> None:
    drawn = scene()
    found = kinds(drawn, lambda image: np.asarray(cv2.resize(image, (200, 160)), np.uint8))
    assert set(found) == {""}


def test_looks_are_not_made_oftener_than_needed() -> None:
    watch, drawn = TamperWatch(), scene()
    for number in range(100):
        watch.look(Frame(drawn(number / 25), instant(number / 25), number))
    assert len(watch._stills._before) == 8


def test_facts_come_with_what_is_seen() -> None:
    class Blind:
        def perceive(self, frame: Frame, tracks: Tracks) -> Sight:  # noqa: ARG002
            return Sight(Detections(), 1, (Fact("heard", frame.at),), moving=True)

    drawn, guarded = scene(), Guarded(Blind())
    sights = [
        guarded.perceive(Frame(noisy(drawn(t) if t < 20 else drawn(t) // 60), instant(t), 0), Tracks())
        for t in np.arange(0.0, 24.0, 0.5).tolist()
    ]
    assert [fact.kind for fact in sights[5].facts] == ["heard"]
    assert [fact.kind for fact in sights[-1].facts] == ["heard", DARK]
    assert sights[-1].moving
    assert sights[-1].inferences == 1


# -- public footage ----------------------------------------------------------------------------------------------------

CLIPS = ("TUD-Campus.mp4", "bottle-detection.mp4", "car-detection.mp4", "issue53_brightness_change.avi",
         "traffic_camera.mp4", "traffic_camera_vfr.mp4", "vtest.avi")  # fmt: skip


def looks(path: Path, end_s: float | None = None) -> Iterator[Frame]:
    stream, pace = source_for(str(path)).open(), Pace(2.0)
    try:
        for frame in stream.frames(0.0, end_s):
            if pace.takes(frame.at):
                yield frame
    finally:
        stream.close()


@pytest.mark.slow
@pytest.mark.parametrize("clip", CLIPS)
def test_nothing_is_said_of_public_footage(footage: Callable[[str], Path], clip: str) -> None:
    watch = TamperWatch()
    said = [(frame.at.stream_s, watch.look(frame)) for frame in looks(footage(f"video/{clip}"))]
    assert [(t, facts) for t, facts in said if facts] == []


@pytest.mark.slow
@pytest.mark.parametrize("clip", ["vtest.avi", "traffic_camera.mp4"])
def test_tampering_with_public_footage_is_seen(footage: Callable[[str], Path], clip: str) -> None:
    frames = list(looks(footage(f"video/{clip}"), 20.0))
    half = len(frames) * 3 // 4

    def worst(change: Change) -> set[str]:
        watch = TamperWatch()
        for frame in frames[:half]:
            assert watch.look(frame) == ()
        said = [watch.look(Frame(change(frame.image), frame.at, frame.index)) for frame in frames[half:]]
        return {facts[0].kind if facts else "" for facts in said[4:]}

    frozen = frames[half].image
    for kind, change in [*TAMPERED, (FROZEN, lambda image: frozen)]:  # noqa: ARG005
        assert worst(change) == {kind}
    for change in LIGHTS[:3]:
        assert worst(change) == {""}
