from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vedette.model.detections import Floats, Ints
from vedette.vision.detectors.nms import MOST, iou, suppress

PERSON, CAR, TRUCK = 0, 1, 2
GROUP = np.array([0, 1, 1])


def kept(box: list[list[float]], score: list[float], label: list[int]) -> list[int]:
    labels = np.array(label, np.int64)
    keep = suppress(np.array(box, float), np.array(score), labels, GROUP[labels], same=0.45, across=0.7)
    return [int(i) for i in keep]


def test_iou_of_known_boxes() -> None:
    a = np.array([[0, 0, 2, 2], [5, 5, 5, 5]], float)
    b = np.array([[1, 0, 3, 2], [0, 0, 2, 2], [4, 4, 5, 5], [5, 5, 5, 5]], float)
    np.testing.assert_allclose(iou(a, b), np.array([[1 / 3, 1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]]))


def test_doubles_of_one_class_go_and_the_best_stays_first() -> None:
    assert kept([[0, 0, 10, 10], [50, 0, 60, 10], [0, 1, 10, 11]], [0.5, 0.9, 0.6], [PERSON] * 3) == [1, 2]


def test_a_car_called_truck_as_well_is_one_vehicle() -> None:
    assert kept([[0, 0, 10, 10], [0, 1, 10, 11]], [0.5, 0.6], [CAR, TRUCK]) == [1]


def test_two_vehicles_that_overlap_less_both_stay() -> None:
    assert kept([[0, 0, 10, 10], [0, 3, 10, 13]], [0.5, 0.6], [CAR, TRUCK]) == [1, 0]


def test_a_person_in_front_of_a_car_stays() -> None:
    assert kept([[0, 0, 10, 10], [0, 0, 10, 10]], [0.5, 0.6], [CAR, PERSON]) == [1, 0]


def test_a_box_that_goes_takes_no_other_with_it() -> None:
    # B is a double of A, C of B but not of A: C stays.
    assert kept([[0, 0, 10, 10], [0, 3, 10, 13], [0, 6, 10, 16]], [0.9, 0.8, 0.7], [PERSON] * 3) == [0, 2]


def test_nothing_stays_nothing() -> None:
    none = np.zeros(0, np.int64)
    assert suppress(np.zeros((0, 4)), np.zeros(0), none, none, same=0.5, across=0.7).shape == (0,)


def _greedy(box: Floats, score: Floats, label: Ints, group: Ints) -> list[int]:
    """The definition, one box at a time."""
    overlap = iou(box, box)
    chosen: list[int] = []
    for i in np.argsort(-score, kind="stable"):
        double = any(
            (overlap[i, j] > 0.45 and label[i] == label[j]) or (overlap[i, j] > 0.7 and group[i] == group[j])
            for j in chosen
        )
        if not double:
            chosen.append(int(i))
    return chosen


@given(st.integers(0, 2**32 - 1), st.integers(0, 60))
def test_it_is_the_greedy_definition(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    corner = rng.integers(0, 20, (n, 2)).astype(float)
    box = np.concatenate([corner, corner + rng.integers(0, 15, (n, 2))], axis=1)
    score = rng.integers(1, 6, n) / 5
    label = rng.integers(0, 3, n)
    got = suppress(box, score, label, GROUP[label], same=0.45, across=0.7)
    assert got.tolist() == _greedy(box, score, label, GROUP[label])


def test_a_flood_of_boxes_is_bounded() -> None:
    n = MOST * 5
    box = np.tile(np.arange(n, dtype=float)[:, None] * 2, (1, 4)) + np.array([0, 0, 1, 1])
    zeros = np.zeros(n, np.int64)
    assert len(suppress(box, np.linspace(0, 1, n), zeros, zeros, same=0.5, across=0.7)) == MOST
