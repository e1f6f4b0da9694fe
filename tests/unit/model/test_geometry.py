import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vedette.model.geometry import Point, Polygon, Polyline, square

DOWN = Polyline([(0.5, 0.0), (0.5, 1.0)])
RIGHTWARDS = Polyline([(0.0, 0.5), (1.0, 0.5)])
coordinate = st.floats(-2.0, 3.0, allow_nan=False).map(lambda value: round(value, 6))
point = st.tuples(coordinate, coordinate)


def at(*points: Point) -> np.ndarray:
    return np.array(points, float)


def test_right_of_a_line_down_the_picture_is_the_left_of_the_picture() -> None:
    assert DOWN.signed_distance(at((0.2, 0.5), (0.8, 0.5))) == pytest.approx([0.3, -0.3])
    assert RIGHTWARDS.signed_distance(at((0.5, 0.9), (0.5, 0.1))) == pytest.approx([0.4, -0.4])


def test_distance_beyond_an_end_is_to_the_end() -> None:
    assert abs(DOWN.signed_distance(at((0.5 + 0.3, 1.4)))[0]) == pytest.approx(0.5)


def test_the_side_at_a_bend_is_that_of_the_segment_that_faces_the_point() -> None:
    bent = Polyline([(0.0, 0.0), (1.0, 0.0), (1.0, 1.0)])
    assert bent.signed_distance(at((0.5, 0.2), (0.9, 0.5)))[0] > 0
    outside = bent.signed_distance(at((1.1, -0.1), (1.2, -0.1), (1.1, -0.2)))
    assert (outside < 0).all(), "no flip along the bisector outside the bend"


@pytest.mark.parametrize(
    ("start", "end", "sides"),
    [
        ((0.8, 0.5), (0.2, 0.5), [1]),
        ((0.2, 0.5), (0.8, 0.5), [-1]),
        ((0.8, 1.2), (0.2, 1.2), []),
        ((0.8, 0.5), (0.6, 0.5), []),
        ((0.8, 0.5), (0.5, 0.5), [1]),
        ((0.5, 0.5), (0.2, 0.5), []),
    ],
    ids=["forward", "backward", "round the end", "short of it", "onto it", "from on it"],
)
def test_paths_and_a_line(start: Point, end: Point, sides: list[int]) -> None:
    assert [hit.side for hit in DOWN.crossings(start, end)] == sides


def test_the_fraction_of_a_crossing_is_where_the_path_meets_the_line() -> None:
    (hit,) = DOWN.crossings((0.9, 0.2), (0.4, 0.2))
    assert hit.fraction == pytest.approx(0.8)


def test_a_path_through_a_vertex_meets_the_polyline_once() -> None:
    line = Polyline([(0.5, 0.0), (0.5, 0.5), (0.5, 1.0)])
    assert len(line.crossings((0.9, 0.5), (0.1, 0.5))) == 1


def test_a_path_along_a_zigzag_comes_out_on_the_side_it_ends_on() -> None:
    zigzag = Polyline([(0.3, 0.0), (0.7, 0.25), (0.3, 0.5), (0.7, 0.75), (0.3, 1.0)])
    hits = zigzag.crossings((0.5, -0.2), (0.5, 1.2))
    assert [hit.side for hit in hits] == [-hits[0].side * (-1) ** (i + 1) for i in range(len(hits))]
    assert [hit.fraction for hit in hits] == sorted(hit.fraction for hit in hits)


@given(start=point, end=point, bend=point)
def test_a_path_there_and_back_meets_a_line_as_often(start: Point, end: Point, bend: Point) -> None:
    if bend in ((0.5, 0.0), (0.5, 1.0)):
        return
    line = Polyline([(0.5, 0.0), bend, (0.5, 1.0)])
    there = [hit.side for hit in line.crossings(start, end)]
    back = [hit.side for hit in line.crossings(end, start)]
    touches_end = any(abs(line.signed_distance(at(p))[0]) < 1e-9 for p in (start, end))
    if not touches_end:
        assert sum(there) == -sum(back)


@given(start=point, end=point)
def test_a_long_line_is_crossed_exactly_when_the_sides_differ(start: Point, end: Point) -> None:
    line = Polyline([(0.5, -100.0), (0.5, 100.0)])
    before, after = line.signed_distance(at(start, end))
    if before != 0 and after != 0:
        assert len(line.crossings(start, end)) == int((before > 0) != (after > 0))


@pytest.mark.parametrize("points", [[(0.1, 0.1)], [], [(0.1, 0.1), (0.1, 0.1)], [(0.1, 0.1, 0.1), (0, 0, 0)]])
def test_what_is_no_line_is_refused(points: list[Point]) -> None:
    with pytest.raises(ValueError, match="a line needs"):
        Polyline(points)


def test_inside_a_polygon_with_its_borders() -> None:
    box = Polygon([(0.2, 0.2), (0.6, 0.2), (0.6, 0.8), (0.2, 0.8)])
    inside = at((0.4, 0.5), (0.2, 0.5), (0.4, 0.2))
    outside = at((0.6, 0.5), (0.4, 0.8), (0.1, 0.5), (0.4, 0.9))
    assert box.contains(inside).all()
    assert not box.contains(outside).any()


def test_a_polygon_that_crosses_itself_follows_the_even_odd_rule() -> None:
    star = Polygon([(0.5, 0.0), (0.8, 1.0), (0.0, 0.4), (1.0, 0.4), (0.2, 1.0)])
    assert star.contains(at((0.5, 0.2), (0.5, 0.5))).tolist() == [True, False]


def test_neighbouring_polygons_share_no_point() -> None:
    left = Polygon([(0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0)])
    right = Polygon([(0.5, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 1.0)])
    points = at(*[(x / 20, y / 20) for x in range(20) for y in range(20)])
    assert (left.contains(points) ^ right.contains(points)).all()


@pytest.mark.parametrize(
    "points", [[(0.1, 0.1), (0.2, 0.2)], [(0.1, 0.1), (0.1, 0.5), (0.1, 0.9)], [(0, 0), (1, 0), (0.5, 0)]]
)
def test_what_is_no_zone_is_refused(points: list[Point]) -> None:
    with pytest.raises(ValueError, match="a zone needs"):
        Polygon(points)


def test_squaring_stretches_x_by_the_aspect() -> None:
    assert square(at((0.5, 0.5)), 16 / 9).tolist() == [[pytest.approx(8 / 9), 0.5]]
