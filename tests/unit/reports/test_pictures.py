from collections.abc import Callable

import cv2
import numpy as np
import pytest

from vedette.model.detections import Floats
from vedette.model.events import RuleEvent
from vedette.model.media import Frame
from vedette.model.step import Step
from vedette.model.time import Instant
from vedette.reports.heat_map import Heat, PresenceGrid, draw_heat_map, heat_of_rule
from vedette.reports.pictures import FrameRing, SceneKeeper, thumbnail


def frame(at_s: float, tone: int, size: tuple[int, int] = (160, 90)) -> Frame:
    ns = round(at_s * 1e9)
    return Frame(np.full((size[1], size[0], 3), tone, np.uint8), Instant(ns, ns), round(at_s * 10))


def test_the_ring_answers_with_the_nearest_picture_of_the_last_seconds() -> None:
    ring = FrameRing()
    assert ring.nearest(0) is None
    for i in range(200):
        ring.take(frame(i / 10, i))
    found = ring.nearest(15_040_000_000)
    assert found is not None
    assert abs(int(found[0, 0, 0]) - 150) <= 2
    oldest = ring.nearest(0)
    assert oldest is not None
    assert 117 <= int(oldest[0, 0, 0]) <= 124


def test_the_ring_is_bounded_in_pictures_and_bytes() -> None:
    ring = FrameRing()
    noise = np.random.default_rng(1).integers(0, 255, (720, 1280, 3), np.uint8)
    for i in range(60):
        ring.take(Frame(noise, Instant(i * 100_000_000, 0), i))
    assert 10 < len(ring._ring) < 60
    assert ring._bytes <= 24_000_000 + 1_500_000
    assert ring._bytes == sum(len(coded) for _, coded in ring._ring)


def test_the_scene_is_found_behind_those_who_pass() -> None:
    keeper = SceneKeeper()
    assert keeper.picture() is None
    for i in range(1200):
        image = np.full((90, 160, 3), 100, np.uint8)
        x = i * 7 % 150
        image[20:80, x : x + 10] = 250
        keeper.take(Frame(image, Instant(i * 100_000_000, 0), i))
        assert len(keeper._pictures) <= 9
    scene = keeper.picture()
    assert scene is not None
    assert (scene == 100).mean() > 0.99


def test_a_moving_camera_gives_a_real_picture_and_no_ghost() -> None:
    keeper, noise = SceneKeeper(), np.random.default_rng(1)
    pictures = [noise.integers(0, 255, (90, 160, 3), np.uint8) for _ in range(5)]
    for i, picture in enumerate(pictures):
        keeper.take(Frame(picture, Instant(i * 1_000_000_000, 0), i))
    scene = keeper.picture()
    assert scene is not None
    assert any(np.array_equal(scene, picture) for picture in pictures)


@pytest.mark.parametrize(
    "box", [(0.4, 0.4, 0.5, 0.8), (-0.2, 0.5, 0.1, 1.3), (0.0, 0.0, 1.0, 1.0), (0.7, 0.7, 0.7, 0.7), None]
)
def test_thumbnails_are_small_pictures_wherever_the_object_is(
    make_crossing: Callable[..., RuleEvent], box: tuple[float, float, float, float] | None
) -> None:
    coded = thumbnail(make_crossing(1, box=box), frame(0, 90, (640, 360)).image)
    small = cv2.imdecode(np.frombuffer(coded, np.uint8), cv2.IMREAD_COLOR)
    assert small is not None
    assert small.shape == (128, 128, 3)
    assert len(coded) < 8000


def test_presence_is_the_time_spent_and_not_the_number_of_frames(make_step: Callable[..., Step]) -> None:
    def heat(every: int) -> Floats:
        grid = PresenceGrid()
        for index in range(0, 101, every):
            grid.take(make_step(index, {1: (0.5, 0.2, 0.6, 0.8)}))
        return grid.heat().cells

    often, seldom = heat(1), heat(5)
    assert often.shape == (36, 64)
    assert often.sum() == pytest.approx(10.0)
    assert seldom.sum() == pytest.approx(10.0)
    assert np.argwhere(often).tolist() == [[28, 35]]


def test_absence_tentative_tracks_and_long_gaps_add_no_time(make_step: Callable[..., Step]) -> None:
    grid = PresenceGrid()
    box = (0.5, 0.2, 0.6, 0.8)
    grid.take(make_step(0, {1: box}))
    grid.take(make_step(5, {1: box}, tentative=frozenset({1})))
    grid.take(make_step(10, {1: box}, unseen=frozenset({1})))
    assert grid.heat().cells.sum() == 0.0
    grid.take(make_step(10_000, {1: box}))
    assert grid.heat().cells.sum() == pytest.approx(1.0)


def test_the_heat_map_is_bright_where_somebody_was_and_has_a_scale() -> None:
    cells = np.zeros((36, 64))
    cells[18, 48] = 9.0
    reference = np.full((360, 640, 3), 120, np.uint8)
    image = draw_heat_map(Heat(cells), reference)
    assert image.shape[0] > 360
    assert image.shape[1] == 640
    hot, cold = image[185, 485].astype(int), image[185, 100].astype(int)
    assert hot.sum() > 2 * cold.sum()
    assert (cold == cold[0]).all()
    assert image[360:].std() > 10


@pytest.mark.parametrize("cells", [np.zeros((36, 64)), np.full((1, 1), 3.0)])
def test_a_heat_map_of_nothing_or_of_one_cell_is_drawn(cells: Floats) -> None:
    assert draw_heat_map(Heat(cells), np.zeros((90, 160, 3), np.uint8)).shape[1] == 160


def test_the_grid_of_a_heat_map_rule_is_taken() -> None:
    found = heat_of_rule({"rows": [[0, 1], [2, 3]], "by": "visits"})
    assert found is not None
    assert found.cells.tolist() == [[0, 1], [2, 3]]
    assert found.short == ""


@pytest.mark.parametrize("values", [{}, {"rows": "x"}, {"rows": [[1], [2, 3]]}, {"rows": [1]}, {"rows": [[None]]}])
def test_other_figures_are_no_grid(values: dict[str, object]) -> None:
    assert heat_of_rule(values) is None


@pytest.mark.parametrize("size", [(16, 16), (1, 40), (40, 1), (4000, 8)])
def test_a_heat_map_of_a_tiny_picture_has_room_for_its_scale(size: tuple[int, int]) -> None:
    width, height = size
    picture = draw_heat_map(Heat(np.ones((4, 4))), np.full((height, width, 3), 90, np.uint8))
    assert picture.shape[1] >= 160
    assert picture.shape[0] > height
