from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenes import FPS, Thing, along, events, kinds, rule, still, told
from vedette.analytics.rules.intrusion import IntrusionOptions
from vedette.analytics.zone_shape import ShareMap, ZoneShape
from vedette.model.geometry import Polygon

SQUARE = ((0.2, 0.2), (0.6, 0.2), (0.6, 0.6), (0.2, 0.6))
BOW_TIE = ((0.2, 0.2), (0.6, 0.6), (0.6, 0.2), (0.2, 0.6))
C_SHAPE = ((0.2, 0.2), (0.8, 0.2), (0.8, 0.3), (0.3, 0.3), (0.3, 0.7), (0.8, 0.7), (0.8, 0.8), (0.2, 0.8))

coordinate = st.floats(0.0, 1.0)
point = st.tuples(coordinate, coordinate)


def meetings(shape: ZoneShape, start: tuple[float, float], end: tuple[float, float]) -> list[float]:
    a, b = np.array([start]), np.array([end])
    return shape.meetings(a, b, shape.contains(a), shape.contains(b)).get(0, [])


def test_path_through_meets_the_border_twice() -> None:
    assert meetings(ZoneShape(SQUARE), (0.0, 0.4), (1.0, 0.4)) == pytest.approx([0.2, 0.6])


def test_path_through_both_arms_of_a_c_meets_four_times() -> None:
    assert len(meetings(ZoneShape(C_SHAPE), (0.5, 0.1), (0.5, 0.9))) == 4


def test_path_that_ends_on_the_border_meets_it_there() -> None:
    assert meetings(ZoneShape(SQUARE), (0.1, 0.4), (0.2, 0.4)) == pytest.approx([1.0])


def test_path_far_away_and_unknown_past_meet_nothing() -> None:
    shape = ZoneShape(SQUARE)
    assert meetings(shape, (0.7, 0.1), (0.9, 0.9)) == []
    unknown = np.full((1, 2), np.nan)
    assert shape.meetings(unknown, np.array([[0.4, 0.4]]), np.array([False]), np.array([True])) == {}


@given(st.lists(point, min_size=3, max_size=7), point, point)
def test_number_of_meetings_agrees_with_the_ends(
    corners: list[tuple[float, float]], start: tuple[float, float], end: tuple[float, float]
) -> None:
    xs, ys = zip(*corners, strict=True)
    if max(xs) - min(xs) < 1e-3 or max(ys) - min(ys) < 1e-3 or start == end:
        return
    shape = ZoneShape(corners)
    a, b = np.array([start]), np.array([end])
    was, inside = shape.contains(a), shape.contains(b)
    hits = shape.meetings(a, b, was, inside).get(0, [])
    assert hits == sorted(hits)
    assert all(0.0 <= hit <= 1.0 for hit in hits)
    assert len(hits) % 2 == int(was[0] != inside[0])


def test_band_is_limited_in_a_narrow_zone() -> None:
    strip = ZoneShape(((0.50, 0.0), (0.53, 0.0), (0.53, 1.0), (0.50, 1.0)))
    assert strip.clear_of_border(np.array([0.515, 0.5]), 0.1, 1.0)
    assert not ZoneShape(SQUARE).clear_of_border(np.array([0.25, 0.4]), 0.06, 1.0)


def test_distance_to_the_border_is_in_picture_heights() -> None:
    square = ZoneShape(SQUARE)
    assert not square.clear_of_border(np.array([0.24, 0.4]), 0.05, 1.0)
    assert square.clear_of_border(np.array([0.24, 0.4]), 0.05, 2.0)


@given(point, point)
def test_share_of_a_box_is_that_of_its_area(first: tuple[float, float], second: tuple[float, float]) -> None:
    left, right = sorted((first[0], second[0]))
    top, bottom = sorted((first[1], second[1]))
    if right - left < 0.02 or bottom - top < 0.02:
        return
    truth = max(0.0, min(right, 0.6) - max(left, 0.2)) * max(0.0, min(bottom, 0.6) - max(top, 0.2))
    truth /= (right - left) * (bottom - top)
    share = ShareMap(Polygon(SQUARE)).of(np.array([[left, top, right, bottom]]))[0]
    assert share == pytest.approx(truth, abs=0.01)


def test_share_in_a_zone_that_crosses_itself_leaves_the_middle_out() -> None:
    tie = ShareMap(Polygon(BOW_TIE))
    assert tie.of(np.array([[0.2, 0.2, 0.6, 0.6]]))[0] == pytest.approx(0.5, abs=0.01)


def test_zone_that_crosses_itself_has_defined_insides() -> None:
    tie = rule("region", zone=BOW_TIE)
    inside = Thing(path=still(0.25, 0.4), end=3)
    between = Thing(path=still(0.4, 0.25), end=3)
    assert kinds(events(tie, inside, fps=5)) == ["appeared", "vanished"]
    assert events(rule("region", zone=BOW_TIE), between, fps=5) == []


@pytest.mark.parametrize(
    ("zone", "words"),
    [
        (((0.1, 0.1), (0.2, 0.2)), "at least three points"),
        (((0.1, 0.1), (0.2, 0.1), (0.3, 0.1)), "area"),
        (((1.1, 0.1), (1.5, 0.1), (1.5, 0.5)), "outside the picture"),
        (((0.1, -0.5), (0.5, -0.5), (0.5, -0.1)), "outside the picture"),
        (((0.1, float("nan")), (0.5, 0.5), (0.5, 0.1)), "must be a number"),
    ],
)
def test_zone_that_can_never_work_is_refused(zone: tuple[tuple[float, float], ...], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        IntrusionOptions(id="x", zone=zone)


def test_zone_partly_outside_the_picture_is_taken() -> None:
    IntrusionOptions(id="x", zone=((-0.5, 0.5), (0.5, 0.5), (0.5, 1.5)))


@pytest.mark.parametrize("fps", FPS)
def test_share_of_the_box_decides_where_asked_for(fps: float) -> None:
    walk = Thing(path=along((0, 0.1, 0.5), (4, 0.9, 0.5)), end=4)
    for overlap, enter, leave in ((0.1, 1.3, 3.2), (0.5, 1.5, 3.0), (0.9, 1.7, 2.8)):
        found = told(events(rule("intrusion", overlap=overlap), walk, fps=fps))
        assert [kind for kind, _ in found] == ["intruded", "cleared"]
        assert [at for _, at in found] == pytest.approx([enter, leave], abs=1 / fps)


@pytest.mark.parametrize("fps", FPS)
def test_thin_strip_notices_who_walks_through(fps: float) -> None:
    strip = ((0.50, 0.0), (0.53, 0.0), (0.53, 1.0), (0.50, 1.0))
    walk = Thing(path=along((0, 0.1, 0.5), (4, 0.9, 0.5)), end=4)
    found = told(events(rule("region", zone=strip), walk, fps=fps))
    assert [kind for kind, _ in found] == ["entered", "left"]
    assert [at for _, at in found] == pytest.approx([2.0, 2.15], abs=1 / fps)


@pytest.mark.parametrize("fps", FPS)
def test_standing_just_inside_the_border_is_inside(fps: float) -> None:
    step_in = Thing(path=along((0, 0.2, 0.5), (1, 0.41, 0.5), (6, 0.41, 0.5)), end=6)
    found = told(events(rule("intrusion"), step_in, fps=fps))
    assert [kind for kind, _ in found] == ["intruded", "cleared"]
    assert found[0][1] == pytest.approx(0.2 / 0.21, abs=1 / fps)


@pytest.mark.parametrize("fps", FPS)
def test_born_inside_and_left(fps: float) -> None:
    out = Thing(path=along((0, 0.5, 0.5), (2, 0.5, 0.5), (3, 0.1, 0.5)), end=3)
    found = told(events(rule("region"), out, fps=fps))
    assert [kind for kind, _ in found] == ["appeared", "left"]
    assert [at for _, at in found] == pytest.approx([0.0, 2.25], abs=1 / fps)


def test_glimpse_inside_is_nothing() -> None:
    glimpse = Thing(path=still(0.5, 0.5), end=0.1)
    for kind in ("region", "intrusion", "loitering"):
        assert events(rule(kind), glimpse, fps=25) == []
