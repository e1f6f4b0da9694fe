"""The parts of the tracker against plain reference computations."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from vedette.analytics.association import Pairs, assign, overlapping, overlapping_within, repeated
from vedette.analytics.bank import Bank
from vedette.analytics.motion_model import FIELDS, Motion, to_center, to_corners
from vedette.model.detections import Floats


def boxes(rng: np.random.Generator, count: int) -> Floats:
    corner = rng.random((count, 2))
    return np.hstack((corner, corner + 0.01 + 0.3 * rng.random((count, 2))))


def plain_iou(a: Floats, b: Floats) -> float:
    wide = min(a[2], b[2]) - max(a[0], b[0])
    high = min(a[3], b[3]) - max(a[1], b[1])
    if wide <= 0 or high <= 0:
        return 0.0
    shared = wide * high
    return float(shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared))


@given(st.integers(0, 2**32 - 1), st.integers(0, 25), st.integers(0, 25))
@settings(max_examples=60, deadline=None)
def test_overlapping_finds_what_comparing_all_with_all_finds(seed: int, n: int, m: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = boxes(rng, n), boxes(rng, m)
    pairs = overlapping(a, b)
    found = dict(zip(zip(pairs.row.tolist(), pairs.col.tolist(), strict=True), pairs.value.tolist(), strict=True))
    expected = {(i, j): value for i in range(n) for j in range(m) if (value := plain_iou(a[i], b[j])) > 0}
    assert found == pytest.approx(expected)


@given(st.integers(0, 2**32 - 1), st.integers(0, 25))
@settings(max_examples=60, deadline=None)
def test_overlapping_within_finds_each_unordered_pair_once(seed: int, n: int) -> None:
    box = boxes(np.random.default_rng(seed), n)
    pairs = overlapping_within(box)
    found = [tuple(sorted(pair)) for pair in zip(pairs.row.tolist(), pairs.col.tolist(), strict=True)]
    expected = {(i, j) for i in range(n) for j in range(i + 1, n) if plain_iou(box[i], box[j]) > 0}
    assert len(found) == len(set(found))
    assert set(found) == expected


@given(st.integers(0, 2**32 - 1), st.integers(1, 9), st.integers(1, 9), st.sampled_from([1, 2, 8]))
@settings(max_examples=200, deadline=None)
def test_assign_is_as_good_as_the_best(seed: int, n: int, m: int, digits: int) -> None:
    rng = np.random.default_rng(seed)
    gain = np.where(rng.random((n, m)) < rng.choice([0.2, 0.5, 1.0]), np.round(rng.random((n, m)), digits), 0.0)
    row, col = np.nonzero(gain)
    rows, cols = assign(Pairs(row, col, gain[row, col]))
    assert len(set(rows.tolist())) == len(rows)
    assert len(set(cols.tolist())) == len(cols)
    assert (gain[rows, cols] > 0).all()
    best = linear_sum_assignment(-gain)
    assert gain[rows, cols].sum() == pytest.approx(gain[best].sum())


def test_repeated_tells_the_same_from_a_part_and_minds_groups() -> None:
    box = np.array([[0.1, 0.1, 0.5, 0.5], [0.11, 0.1, 0.5, 0.5], [0.2, 0.2, 0.3, 0.3], [0.1, 0.1, 0.5, 0.49]])
    score, group = np.array([0.9, 0.8, 0.7, 0.6]), np.array([1, 1, 1, 2])
    same, part = repeated(box, score, group, 0.65, 0.9)
    assert same.tolist() == [False, True, False, False]
    assert part.tolist() == [False, False, True, False]


def reference_step(x: Floats, p: Floats, dt: float, q: float) -> tuple[Floats, Floats]:
    """One prediction of the textbook filter by matrices."""
    f = np.array([[1.0, dt], [0.0, 1.0]])
    noise = q * np.array([[dt**3 / 3, dt**2 / 2], [dt**2 / 2, dt]])
    return f @ x, f @ p @ f.T + noise


def test_the_filter_equals_the_textbook_one() -> None:
    motion = Motion(settle_s=1e12)
    rng = np.random.default_rng(1)
    bank = Bank.zeros(1, FIELDS)
    z = np.array([[0.4, 0.5, 0.1, 0.2]])
    score, row = np.array([0.8]), np.array([0])
    motion.start(bank, z, score, np.ones(1))
    x, p = np.array([0.4, 0.0]), np.diag([bank["pp"][0, 0], bank["vv"][0, 0]])
    for dt in (0.04, 0.2, 0.0, 0.33, 1.0):
        area = bank["pos"][0, 2] * bank["pos"][0, 3]
        if dt:
            width, height = bank["pos"][0, 2:] + bank["vel"][0, 2:] * dt
            x, p = reference_step(x, p, dt, motion.swerve[0] ** 2 * width * height)
            assert area > 0
        motion.predict(bank, dt, np.array([False]))
        z = z + np.array([[0.05, 0.01, 0.0, 0.0]]) * dt + rng.normal(0.0, 0.002, (1, 4))
        r = float(motion.noise(z, score)[0, 0])
        gain = p[:, 0] / (p[0, 0] + r)
        x, p = x + gain * (z[0, 0] - x[0]), p - np.outer(gain, p[0])
        motion.update(bank, row, z, score)
        assert [bank["pos"][0, 0], bank["vel"][0, 0]] == pytest.approx(x.tolist())
        assert [bank["pp"][0, 0], bank["pv"][0, 0], bank["vv"][0, 0]] == pytest.approx([p[0, 0], p[0, 1], p[1, 1]])


def test_resuming_takes_the_velocity_of_the_way_between_the_sights() -> None:
    motion = Motion()
    bank = Bank.zeros(1, FIELDS)
    before, after = np.array([[0.2, 0.5, 0.1, 0.3]]), np.array([[0.6, 0.5, 0.1, 0.3]])
    motion.start(bank, before, np.ones(1), np.ones(1))
    motion.predict(bank, 2.0, np.array([True]))
    motion.resume(bank, np.array([0]), before, np.array([2.0]), after, np.ones(1))
    assert bank["pos"][0].tolist() == pytest.approx(after[0].tolist())
    assert bank["vel"][0, 0] == pytest.approx(0.2, rel=0.1)
    assert (bank["pp"][0] * bank["vv"][0] >= bank["pv"][0] ** 2).all()


def test_corners_and_centres_are_inverse() -> None:
    box = boxes(np.random.default_rng(2), 20)
    np.testing.assert_allclose(to_corners(to_center(box, 1.6), 1.6), box, atol=1e-12)
