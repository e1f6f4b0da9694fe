import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vedette.analytics.optics import (
    MM_PER_PX,
    PX_PER_M,
    SENSOR_WIDTH_MM,
    Camera,
    angle_of_lens,
    bands,
    class_at,
    level_top,
)

LEVEL = Camera(width=1920, height=1080, hfov_deg=90.0, mounted_m=2.0, tilt_deg=0.0)
cameras = st.builds(
    Camera,
    width=st.integers(320, 8000),
    height=st.integers(240, 5000),
    hfov_deg=st.floats(2.0, 130.0),
    mounted_m=st.floats(0.5, 30.0),
    tilt_deg=st.floats(0.0, 90.0),
)
heights = st.floats(0.0, 3.0)


def test_the_classes_are_those_of_the_standard() -> None:
    assert [PX_PER_M[name] for name in MM_PER_PX] == [12.5, 25.0, 62.5, 125.0, 250.0, 1000.0]


def test_pixels_per_metre_by_hand() -> None:
    # 90 degrees: at 10 m the picture is 20 m wide, and 1920 px over 20 m are 96 px/m.
    assert LEVEL.focal_px == pytest.approx(960.0)
    assert LEVEL.px_per_m(10.0) == pytest.approx(96.0)
    assert LEVEL.half_width_m(10.0) == pytest.approx(10.0)
    assert LEVEL.person_px(10.0, 1.7) == pytest.approx(96.0 * 1.7)
    assert LEVEL.reach(62.5) == pytest.approx(15.36)


def test_a_lens_and_a_sensor_give_an_angle() -> None:
    assert angle_of_lens(2.8, SENSOR_WIDTH_MM["1/2.8"]) == pytest.approx(85.1, abs=0.1)
    assert angle_of_lens(4.0, 8.0) == pytest.approx(90.0)


def test_the_vertical_angle_follows_from_the_picture() -> None:
    assert LEVEL.vfov_deg == pytest.approx(58.716, abs=1e-3)
    assert replace(LEVEL, width=1080).vfov_deg == pytest.approx(90.0)


def test_the_blind_zone_of_a_level_camera() -> None:
    # The lower edge is 960 px deep for 540 px down, so the ground 2 m below appears at 2 * 960 / 540 m.
    assert LEVEL.nearest() == pytest.approx(2.0 * 960 / 540)
    assert LEVEL.farthest() == math.inf
    assert LEVEL.row(LEVEL.nearest()) == pytest.approx(1.0)


def test_a_steep_camera_sees_its_own_foot_and_no_horizon() -> None:
    steep = replace(LEVEL, tilt_deg=70.0)
    assert steep.nearest() == 0.0
    assert steep.farthest() == pytest.approx(2.0 / math.tan(math.radians(70.0 - LEVEL.vfov_deg / 2)))


def test_straight_down_the_scale_is_the_same_everywhere() -> None:
    down = replace(LEVEL, tilt_deg=90.0, mounted_m=4.0)
    assert down.px_per_m(0.0) == pytest.approx(down.px_per_m(1.5)) == pytest.approx(960.0 / 4.0)
    assert down.reach(100.0) == math.inf
    assert down.reach(300.0) == 0.0


def test_a_face_above_the_camera_comes_into_view_with_distance() -> None:
    low = replace(LEVEL, mounted_m=1.0)
    assert low.nearest(1.7) == pytest.approx(0.7 * 960 / 540)
    assert replace(low, tilt_deg=60.0).nearest(1.7) == math.inf


def test_by_default_the_horizon_is_the_upper_edge() -> None:
    aimed = level_top(LEVEL)
    assert aimed.tilt_deg == pytest.approx(LEVEL.vfov_deg / 2)
    assert aimed.row(1e9, aimed.mounted_m) == pytest.approx(0.0, abs=1e-6)


@given(camera=cameras, height=heights)
def test_the_edges_of_view_are_where_the_rows_say(camera: Camera, height: float) -> None:
    near, far = camera.nearest(height), camera.farthest(height)
    if 0.01 < near < 1e6 and camera.depth(near, height) > 1e-3:
        edge = 1.0 if height <= camera.mounted_m else 0.0
        assert camera.row(near, height) == pytest.approx(edge, abs=1e-6)
    if 0.01 < far < 1e6:
        assert camera.row(far, height) == pytest.approx(0.0, abs=1e-6)


@given(camera=cameras, height=heights, density=st.floats(5.0, 2000.0))
def test_at_its_reach_a_class_is_just_met(camera: Camera, height: float, density: float) -> None:
    reach = camera.reach(density, height)
    if 0.0 < reach < 1e6 and camera.tilt_deg < 89.9:
        assert camera.px_per_m(reach, height) == pytest.approx(density, rel=1e-6)


@given(camera=cameras)
def test_finer_classes_end_nearer(camera: Camera) -> None:
    ends = [band.to_m for band in bands(camera, 1.7)]
    assert ends == sorted(ends, reverse=True)


def test_classes_by_density() -> None:
    assert [class_at(value) for value in (5.0, 12.5, 61.0, 62.5, 999.0, 5000.0)] == [
        "",
        "monitor",
        "detect",
        "observe",
        "identify",
        "inspect",
    ]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"hfov_deg": math.nan}, "finite"),
        ({"hfov_deg": 179.0}, "horizontal angle"),
        ({"width": 0}, "not possible"),
        ({"mounted_m": -1.0}, "mounted"),
        ({"tilt_deg": 91.0}, "tilt"),
    ],
)
def test_what_is_no_camera_is_refused(changed: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(LEVEL, **changed)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="greater than 0"):
        angle_of_lens(0.0, 5.0)
