from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from scenes import FPS, Film, Thing, along
from vedette.analytics.scene import Scene, SceneOptions
from vedette.model.detections import Tracks
from vedette.model.observations import Observations
from vedette.model.time import Instant

NAMES = ("person", "car")


def tracks(*rows: tuple[int, list[float]], names: tuple[str, ...] = NAMES, **columns: Any) -> Tracks:
    """Confirmed, seen persons with these (id, box)."""
    n = len(rows)
    base: dict[str, Any] = {
        "id": np.array([row[0] for row in rows], np.int64),
        "box": np.array([row[1] for row in rows], float).reshape(-1, 4),
        "score": np.full(n, 0.8),
        "label": np.zeros(n, np.int64),
        "state": np.ones(n, np.int64),
        "seen": np.ones(n, np.bool_),
        "born_ns": np.zeros(n, np.int64),
        "continues": np.zeros(n, np.int64),
        "names": names,
    }
    return Tracks(**{**base, **columns})


def at(seconds: float) -> Instant:
    return Instant(round(seconds * 1e9), round(seconds * 1e9))


def ended(*ids: int) -> Tracks:
    return Tracks(ended=np.array(ids, np.int64), names=NAMES)


def shown(box_at: Callable[[float], list[float]], fps: float, end: float, scene: Scene | None = None) -> Observations:
    """The last moment of one object whose box is `box_at(t)`."""
    scene = scene or Scene(1.0)
    now = None
    for index in range(round(end * fps) + 1):
        now = scene.observe(tracks((1, box_at(index / fps))), at(index / fps), index)
    assert now is not None
    return now


@pytest.mark.parametrize("fps", FPS)
def test_anchors_do_not_lag_behind_even_motion(fps: float) -> None:
    now = shown(lambda t: [0.1 + 0.1 * t, 0.3, 0.2 + 0.1 * t, 0.5], fps, 4.0)
    assert now.subjects.bottom[0] == pytest.approx([0.55, 0.5], abs=1e-6)
    assert now.subjects.center[0] == pytest.approx([0.55, 0.4], abs=1e-6)
    assert now.subjects.top[0] == pytest.approx([0.55, 0.3], abs=1e-6)


def test_trembling_is_smoothed_over_time() -> None:
    noise = np.random.default_rng(3).normal(0.0, 0.01, 1000)

    def trembling(t: float) -> list[float]:
        d = float(noise[round(t * 25)])
        return [0.4 + d, 0.3, 0.5 + d, 0.5]

    scene = Scene(1.0)
    xs = []
    for index in range(500):
        now = scene.observe(tracks((1, trembling(index / 25))), at(index / 25), index)
        xs.append(now.subjects.bottom[0, 0])
    assert np.std(xs[50:]) < 0.7 * np.std(noise[50:500])


def test_labels_are_voted_and_scores_are_medians() -> None:
    scene = Scene(1.0)
    for index, (label, score) in enumerate([(0, 0.9), (1, 0.3), (0, 0.5), (1, 0.3), (0, 0.7)]):
        now = scene.observe(
            tracks((1, [0.4, 0.3, 0.5, 0.5]), label=np.array([label]), score=np.array([score])), at(index), index
        )
    assert now.subjects.names[now.subjects.label[0]] == "person"
    assert now.subjects.score[0] == pytest.approx(0.5, abs=0.02)
    assert now.subjects.hits[0] == 5


@pytest.mark.parametrize("fps", FPS)
def test_feet_stay_on_the_ground_when_legs_are_hidden(fps: float) -> None:
    """Behind a counter from one second on, the box ends at the hip."""
    now = shown(lambda t: [0.4, 0.3, 0.5, 0.5 if t < 1.0 else 0.4], fps, 3.0)
    assert now.subjects.bottom[0, 1] == pytest.approx(0.5, abs=0.01)


def test_low_height_is_believed_in_the_end() -> None:
    now = shown(lambda t: [0.4, 0.3, 0.5, 0.5 if t < 1.0 else 0.4], 5, 12.0)
    assert now.subjects.bottom[0, 1] == pytest.approx(0.4, abs=0.01)


@pytest.mark.parametrize("fps", FPS)
def test_feet_go_on_below_the_picture(fps: float) -> None:
    now = shown(lambda t: [0.4, 0.5 + 0.1 * t, 0.5, min(1.0, 0.8 + 0.1 * t)], fps, 4.0)
    assert now.subjects.bottom[0, 1] == pytest.approx(1.2, abs=0.01)


@pytest.mark.parametrize("fps", FPS)
def test_feet_go_on_when_the_head_leaves_the_picture(fps: float) -> None:
    now = shown(lambda t: [0.4, max(0.0, 0.2 - 0.1 * t), 0.5, 0.5 - 0.1 * t], fps, 4.0)
    assert now.subjects.bottom[0, 1] == pytest.approx(0.1, abs=0.01)


def test_sizes_are_in_picture_heights() -> None:
    now = Scene(2.0).observe(tracks((1, [0.4, 0.3, 0.5, 0.7])), at(0), 0)
    assert (now.subjects.width[0], now.subjects.height[0]) == pytest.approx((0.2, 0.4))


def test_objects_without_identity_are_left_out() -> None:
    now = Scene(1.0).observe(tracks((-1, [0.1] * 4), (0, [0.2] * 4), (5, [0.3, 0.3, 0.4, 0.4])), at(0), 0)
    assert now.subjects.track.tolist() == [5]


def test_gone_for_one_moment_then_the_slot_is_free() -> None:
    scene = Scene(1.0)
    first = scene.observe(tracks((1, [0.4, 0.3, 0.5, 0.5])), at(0), 0).subjects
    last = scene.observe(ended(1), at(1), 1).subjects
    assert last.gone.tolist() == [True]
    assert last.seen.tolist() == [False]
    assert last.key.tolist() == first.key.tolist()
    assert last.bottom[0] == pytest.approx([0.45, 0.5])
    after = scene.observe(tracks((2, [0.1, 0.1, 0.2, 0.2])), at(2), 2).subjects
    assert after.slot.tolist() == first.slot.tolist()
    assert after.key.tolist() != first.key.tolist()
    assert after.hits.tolist() == [1]


def test_slot_of_the_departing_is_not_given_away_at_once() -> None:
    scene = Scene(1.0)
    first = scene.observe(tracks((1, [0.4, 0.3, 0.5, 0.5])), at(0), 0).subjects
    both = replace(tracks((2, [0.1, 0.1, 0.2, 0.2])), ended=np.array([1]))
    now = scene.observe(both, at(1), 1).subjects
    assert len(set(now.slot.tolist())) == 2
    assert now.slot[now.gone].tolist() == first.slot.tolist()


def test_stitched_track_is_the_same_subject() -> None:
    film = [
        Thing(path=along((0, 0.2, 0.5), (4, 0.6, 0.5)), end=1.9, id=7),
        Thing(path=along((0, 0.2, 0.5), (4, 0.6, 0.5)), start=2.4, end=4.0, id=8, continues=7),
    ]
    moments = [now.subjects for now in Film(film, 10).moments()]
    keys = {key for subjects in moments for key in subjects.key.tolist()}
    assert keys == {1}
    assert {track for subjects in moments for track in subjects.track.tolist()} == {7, 8}
    assert sum(int(subjects.gone.sum()) for subjects in moments) == 1


def test_confirmed_once_is_confirmed() -> None:
    scene = Scene(1.0)
    box = [0.4, 0.3, 0.5, 0.5]
    assert not scene.observe(tracks((1, box), state=np.array([0])), at(0), 0).subjects.confirmed[0]
    assert scene.observe(tracks((1, box), state=np.array([1])), at(1), 1).subjects.confirmed[0]
    assert scene.observe(tracks((1, box), state=np.array([2]), seen=np.array([False])), at(2), 2).subjects.confirmed[0]


def test_furniture_is_not_confirmed() -> None:
    scene = Scene(1.0, SceneOptions(least_move=0.2))
    now = shown(lambda t: [0.4, 0.3, 0.5, 0.5], 5, 5.0, scene)  # noqa: ARG005
    assert not now.subjects.confirmed[0]
    moving = shown(
        lambda t: [0.4 + 0.02 * t, 0.3, 0.5 + 0.02 * t, 0.5], 5, 5.0, Scene(1.0, SceneOptions(least_move=0.2))
    )
    assert moving.subjects.confirmed[0]


def test_unseen_stays_where_it_was_seen_last() -> None:
    scene = Scene(1.0)
    scene.observe(tracks((1, [0.4, 0.3, 0.5, 0.5])), at(0), 0)
    now = scene.observe(tracks((1, [0.8, 0.3, 0.9, 0.5]), seen=np.array([False])), at(1), 1)
    assert now.subjects.bottom[0] == pytest.approx([0.45, 0.5])
    assert now.subjects.hits[0] == 1


@pytest.mark.parametrize("fps", FPS)
def test_trace_is_the_last_second(fps: float) -> None:
    now = shown(lambda t: [0.1 + 0.1 * t, 0.3, 0.2 + 0.1 * t, 0.5], fps, 4.0)
    trace = now.subjects.trace(int(now.subjects.slot[0]), "bottom", 1.0)
    times = np.array([t for t, _, _ in trace])
    assert times[-1] == pytest.approx(4.0)
    assert times[0] == pytest.approx(3.0, abs=1 / fps + 1e-6)
    assert [x for _, x, _ in trace] == pytest.approx((0.15 + 0.1 * times).tolist(), abs=1e-6)


def test_moment_that_comes_twice() -> None:
    scene = Scene(1.0)
    for _ in range(3):
        now = scene.observe(tracks((1, [0.4, 0.3, 0.5, 0.5])), at(1), 1)
    assert now.subjects.bottom[0] == pytest.approx([0.45, 0.5])


def test_class_names_may_change_only_while_nobody_is_in_view() -> None:
    scene = Scene(1.0)
    crowd = [(i + 1, [0.4, 0.3, 0.5, 0.5]) for i in range(100)]
    scene.observe(tracks(*crowd), at(0), 0)
    with pytest.raises(ValueError, match="class names changed"):
        scene.observe(tracks(*crowd, names=("dog",)), at(1), 1)
    scene.observe(ended(*range(1, 101)), at(2), 2)
    now = scene.observe(tracks((200, [0.4, 0.3, 0.5, 0.5]), names=("dog",)), at(3), 3)
    assert now.subjects.names == ("dog",)


def test_nobody_at_all() -> None:
    assert len(Scene(1.0).observe(Tracks(), at(0), 0).subjects) == 0


def test_memory_is_flat_over_many_tracks() -> None:
    scene = Scene(1.0)
    sizes = []
    tracemalloc.start()
    for wave in range(200):
        ids = list(range(wave * 100 + 1, wave * 100 + 101))
        for step in range(2):
            scene.observe(tracks(*((i, [0.4, 0.3, 0.5, 0.5]) for i in ids)), at(wave + step / 4), wave)
        scene.observe(ended(*ids), at(wave + 0.9), wave)
        sizes.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    assert sizes[-1] < sizes[20] + 20_000
