import numpy as np
import pytest

from vedette.simulator.projection import Camera, View


def test_the_point_the_camera_looks_at_is_the_middle_of_the_picture() -> None:
    view = View(Camera(height_m=3.0, tilt_deg=45.0, focal=1.0), 640, 480)
    px, scale = view.project(np.array([[0.0, 3.0, 0.0]]))
    assert np.allclose(px, [[320, 240]])
    assert scale[0] == pytest.approx(480 / np.hypot(3, 3))


def test_right_is_right_up_is_up_and_far_is_small() -> None:
    view = View(Camera(3.0, 20.0, 1.0), 640, 480)
    px, scale = view.project(np.array([[0, 8, 0], [1, 8, 0], [0, 8, 1.7], [0, 16, 0]], float))
    assert px[1, 0] > px[0, 0]
    assert px[2, 1] < px[0, 1]
    assert px[3, 1] < px[0, 1]
    assert scale[3] < scale[0]


def test_relative_points_do_not_depend_on_the_resolution_and_stay_in_the_picture() -> None:
    camera = Camera(3.0, 20.0, 1.0)
    points = ((-2.0, 8.0), (2.0, 8.0), (90.0, 4.0))
    small, large = View(camera, 320, 180).relative(points), View(camera, 1920, 1080).relative(points)
    assert small == large
    assert small[2][0] == 1.0
