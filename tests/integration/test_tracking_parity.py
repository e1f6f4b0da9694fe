"""The tracker held against ByteTrack of the `trackers` package, and the scores of both by `trackeval`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from benchmarks import mot
from benchmarks.tracking import CONTESTANTS, Follow, scores, track

from vedette.model.detections import Detections
from vedette.model.time import NS_PER_S, Instant

pytestmark = pytest.mark.filterwarnings("ignore")


def _easy_scene(rng: np.random.Generator) -> list[Detections]:
    """Eight people who walk apart from each other for ten seconds at 30 frames a second, found every time."""
    start = np.stack((np.linspace(0.05, 0.6, 8), np.linspace(0.1, 0.9, 8)), axis=1)
    speed = np.stack((rng.uniform(0.01, 0.03, 8), np.zeros(8)), axis=1)
    half = np.array([0.02, 0.045])
    scene = []
    for k in range(300):
        middle = start + speed * k / 30 + rng.normal(0.0, 0.001, (8, 2))
        box = np.hstack((middle - half, middle + half))
        scene.append(Detections(box, rng.uniform(0.75, 0.95, 8), np.zeros(8, np.int64), mot.PERSON))
    return scene


def _identities(follow: Follow, scene: list[Detections]) -> list[dict[tuple[float, ...], int]]:
    answers = []
    for k, found in enumerate(scene):
        ns = k * NS_PER_S // 30
        ids, box, _ = follow(found, Instant(ns, ns))
        answers.append({tuple(np.round(b, 6).tolist()): int(i) for b, i in zip(box, ids, strict=True)})
    return answers


def test_on_an_easy_scene_ids_are_those_of_bytetrack_one_to_one() -> None:
    scene = _easy_scene(np.random.default_rng(7))
    ours = _identities(CONTESTANTS["Vedette"](), scene)
    theirs = _identities(CONTESTANTS["ByteTrack"](), scene)
    pairs = set()
    for mine, other in zip(ours[3:], theirs[3:], strict=True):
        assert mine.keys() == other.keys()
        pairs |= {(mine[box], other[box]) for box in mine}
    assert len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs}) == 8


@pytest.fixture
def sequences(footage: Callable[[str], Path]) -> list[mot.Sequence]:
    """The sequences, where the footage is there."""
    footage("tracking_mot")
    return mot.sequences()


def test_hota_on_tud_campus_is_not_below_that_of_bytetrack(sequences: list[mot.Sequence]) -> None:
    (campus,) = [sequence for sequence in sequences if sequence.name == "TUD-Campus"]
    numbers = campus.numbers()
    ours, theirs = (
        mot.Scorer().add(name, campus.truth, track(campus, CONTESTANTS[name](), numbers), numbers)
        for name in ("Vedette", "ByteTrack")
    )
    assert ours.hota >= theirs.hota
    assert ours.idf1 >= theirs.idf1


@pytest.mark.usefixtures("sequences")
@pytest.mark.parametrize("half", [False, True], ids=["native", "half"])
def test_over_all_sequences_hota_and_idf1_are_above_the_peers(half: bool) -> None:
    ours, _ = scores("Vedette", half=half)
    for name in ("ByteTrack", "OC-SORT"):
        theirs, _ = scores(name, half=half)
        assert ours.hota > theirs.hota, name
        assert ours.idf1 > theirs.idf1, name
        assert ours.mota > theirs.mota, name


@pytest.mark.usefixtures("sequences")
def test_half_the_frame_rate_costs_at_most_two_hota() -> None:
    native, each_native = scores("Vedette")
    half, each_half = scores("Vedette", half=True)
    assert half.hota >= native.hota - 2.0
    mean = [np.mean([score.hota for score in each.values()]) for each in (each_native, each_half)]
    assert mean[1] >= mean[0] - 2.0


def test_the_scorer_gives_full_marks_to_the_truth_and_none_to_silence(sequences: list[mot.Sequence]) -> None:
    campus = sequences[-1]
    perfect = mot.Scorer().add("", campus.truth, campus.truth, campus.numbers())
    assert [perfect.hota, perfect.idf1, perfect.mota, perfect.switches] == [100.0, 100.0, 100.0, 0]
    silent = campus.truth.where(np.zeros(len(campus.truth.id), np.bool_))
    assert mot.Scorer().add("", campus.truth, silent, campus.numbers()).hota == 0.0
