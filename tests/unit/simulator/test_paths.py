from math import pi

import numpy as np
import pytest

from vedette.simulator.paths import Path, Stop


def walk() -> Path:
    return Path(2.0, [Stop(0, 0), Stop(4, 0, 1.0, 3.0, 180.0), Stop(4, 5, 1.25)])


def test_position_goes_from_stop_to_stop_and_waits() -> None:
    path = walk()
    assert path.end_s == pytest.approx(2 + 4 + 3 + 4)
    at = path.position(np.array([4.0, 7.5, 11.0]))
    assert np.allclose(at, np.array([[2, 0], [4, 0], [4, 2.5]], float), atol=1e-9)


def test_velocity_is_the_derivative_of_position_everywhere() -> None:
    path = walk()
    t = np.linspace(2.1, 12.9, 301)
    numeric = (path.position(t + 1e-4) - path.position(t - 1e-4)) / 2e-4
    assert np.abs(numeric - path.velocity(t)).max() < 1e-3


def test_heading_follows_the_walk_and_the_wish_to_look_somewhere() -> None:
    path = walk()
    heading = path.heading(np.array([4.0, 7.5, 11.5]))
    assert heading[0] == pytest.approx(pi / 2, abs=0.02)
    assert abs(np.cos(heading[1]) + 1) < 0.02
    assert abs(np.cos(heading[2]) - 1) < 0.02


def test_limbs_swing_only_while_walking_and_steps_add_up() -> None:
    path = walk()
    standing, walking = path.swing(np.array([7.5]))[0], path.swing(np.array([4.0]))[0]
    assert standing < 0.05
    assert 0.6 < walking < 1.2
    assert path.steps(np.array([6.5]))[0] == pytest.approx(path.steps(np.array([8.5]))[0], abs=0.02)
    assert path.distance(np.array([13.0]))[0] == pytest.approx(9.0, rel=0.05)


def test_somebody_who_never_moves_is_no_trouble() -> None:
    path = Path(0.0, [Stop(1, 1), Stop(1, 1, 1.0, 5.0)])
    assert np.allclose(path.position(np.array([0.0, 3.0])), 1.0)
    assert np.isfinite(path.heading(np.array([2.0]))).all()
