from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes import blank, instant, people
from vedette.model.detections import Detections
from vedette.model.labels import COCO, MOVER
from vedette.model.media import Frame
from vedette.vision.regions import Region, gather, overlap

WIDTH, HEIGHT = 1000, 500
WHOLE = Region.whole(WIDTH, HEIGHT)
LEFT = Region(0, 0, 500, 500)
RIGHT = Region(500, 0, 1000, 500)
NAMES = (*COCO, MOVER)


def one(label: str, box: tuple[float, float, float, float], score: float) -> Detections:
    return Detections(np.array([box]), np.array([score]), np.array([NAMES.index(label)]), NAMES)


def both(a: Detections, b: Detections) -> Detections:
    return Detections(
        np.concatenate([a.box, b.box]), np.concatenate([a.score, b.score]), np.concatenate([a.label, b.label]), NAMES
    )


def within(region: Region, box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    """A box in pixels of the picture as a detector says it that is shown `region`."""
    w, h = region.right - region.left, region.bottom - region.top
    left, top, right, bottom = box
    return ((left - region.left) / w, (top - region.top) / h, (right - region.left) / w, (bottom - region.top) / h)


def test_boxes_come_back_to_the_place_in_the_picture() -> None:
    box = (600.0, 100.0, 700.0, 400.0)
    found = gather([(RIGHT, people(within(RIGHT, box)))], WIDTH, HEIGHT)
    assert found.box[0] == pytest.approx([0.6, 0.2, 0.7, 0.8])
    assert found.names == COCO


def test_the_cut_is_what_the_region_says_and_no_copy() -> None:
    image = blank(WIDTH, HEIGHT)
    image[100:400, 600:700] = 7
    shown = Region(600, 100, 700, 400).cut(Frame(image, instant(0.0), 0))
    assert shown.shape == (300, 100, 3)
    assert (shown == 7).all()
    assert np.shares_memory(shown, image)


@pytest.mark.parametrize(
    ("box", "kept"),
    [
        ((450.0, 100.0, 500.0, 300.0), False),  # cut by the inner edge
        ((430.0, 100.0, 492.0, 300.0), True),
        ((0.0, 100.0, 60.0, 300.0), True),  # the picture ends there
        ((100.0, 0.0, 160.0, 500.0), True),
    ],
)
def test_a_box_cut_by_an_inner_edge_is_left_out(box: tuple[float, float, float, float], kept: bool) -> None:
    assert len(gather([(LEFT, people(within(LEFT, box)))], WIDTH, HEIGHT)) == kept


def test_each_inner_edge_cuts() -> None:
    middle = Region(200, 100, 800, 400)
    boxes = [(0.0, 0.3, 0.2, 0.7), (0.3, 0.0, 0.5, 0.4), (0.8, 0.3, 1.0, 0.7), (0.3, 0.6, 0.5, 1.0)]
    assert len(gather([(middle, people(*boxes))], WIDTH, HEIGHT)) == 0
    assert len(gather([(WHOLE, people(*boxes))], WIDTH, HEIGHT)) == 4


def test_of_two_answers_about_one_thing_the_surer_stays() -> None:
    box = (300.0, 100.0, 400.0, 400.0)
    near = Region(200, 50, 600, 450)
    answers = [
        (WHOLE, people(within(WHOLE, (305.0, 105.0, 398.0, 395.0)), score=0.4)),
        (near, people(within(near, box), score=0.9)),
    ]
    found = gather(answers, WIDTH, HEIGHT)
    assert found.score.tolist() == [0.9]
    assert found.box[0] == pytest.approx([0.3, 0.2, 0.4, 0.8])


def test_a_person_before_a_bus_is_not_the_bus() -> None:
    bus, person = one("bus", (0.1, 0.1, 0.9, 0.9), 0.9), one("person", (0.4, 0.4, 0.5, 0.8), 0.4)
    assert len(gather([(WHOLE, both(bus, person))], WIDTH, HEIGHT)) == 2


def test_a_part_much_less_sure_than_the_whole_goes() -> None:
    car, bonnet = one("car", (0.1, 0.1, 0.5, 0.5), 0.9), one("truck", (0.1, 0.3, 0.4, 0.5), 0.5)
    found = gather([(WHOLE, both(car, bonnet))], WIDTH, HEIGHT)
    assert [NAMES[label] for label in found.label.tolist()] == ["car"]


def test_a_car_before_a_lorry_as_sure_as_the_lorry_stays() -> None:
    lorry, car = one("truck", (0.1, 0.1, 0.9, 0.9), 0.9), one("car", (0.2, 0.5, 0.5, 0.85), 0.8)
    assert len(gather([(WHOLE, both(lorry, car))], WIDTH, HEIGHT)) == 2


def test_two_names_of_one_vehicle_are_one() -> None:
    truck, car = one("truck", (0.1, 0.1, 0.5, 0.5), 0.6), one("car", (0.1, 0.12, 0.5, 0.5), 0.7)
    found = gather([(WHOLE, both(truck, car))], WIDTH, HEIGHT)
    assert [NAMES[label] for label in found.label.tolist()] == ["car"]


@pytest.mark.parametrize("label", ["person", "car", MOVER])
def test_a_thing_of_unknown_class_may_be_anything(label: str) -> None:
    known, mover = one(label, (0.1, 0.1, 0.5, 0.5), 0.9), one(MOVER, (0.1, 0.12, 0.5, 0.5), 0.5)
    found = gather([(WHOLE, both(known, mover))], WIDTH, HEIGHT)
    assert found.score.tolist() == [0.9]


def test_nothing_found_anywhere() -> None:
    nothing = Detections(names=COCO)
    found = gather([(WHOLE, nothing), (LEFT, nothing)], WIDTH, HEIGHT)
    assert len(found) == 0
    assert found.names == COCO


def test_overlap_of_boxes_without_area_is_zero() -> None:
    line, box = np.array([[0.2, 0.2, 0.2, 0.8]]), np.array([[0.1, 0.1, 0.5, 0.9]])
    iou, part = overlap(line, box)
    assert iou[0, 0] == part[0, 0] == 0.0
    assert overlap(np.zeros((0, 4)), box)[0].shape == (0, 1)


def test_overlap() -> None:
    iou, part = overlap(np.array([[0.0, 0.0, 0.2, 1.0]]), np.array([[0.1, 0.0, 0.5, 1.0]]))
    assert iou[0, 0] == pytest.approx(0.1 / 0.5)
    assert part[0, 0] == pytest.approx(0.5)


@given(
    st.floats(-2000, 4000), st.floats(-2000, 4000), st.floats(1, 3000), st.integers(8, 2000), st.integers(8, 2000)
)  # fmt: skip
def test_a_square_lies_in_the_picture(x: float, y: float, side: float, width: int, height: int) -> None:
    region = Region.square_around(x, y, side, width, height)
    assert 0 <= region.left < region.right <= width
    assert 0 <= region.top < region.bottom <= height
    assert region.right - region.left == min(round(side), width)
    assert region.bottom - region.top == min(round(side), height)
