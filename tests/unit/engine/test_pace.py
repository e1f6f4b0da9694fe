from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes import instant
from vedette.engine.pace import Pace


def taken(fps: float | None, times: Iterable[float]) -> list[float]:
    pace = Pace(fps)
    return [second for second in times if pace.takes(instant(second))]


def steady(fps: float, seconds: float, start: float = 0.0) -> list[float]:
    return [start + n / fps for n in range(round(seconds * fps))]


def test_without_a_rate_every_frame_is_taken() -> None:
    assert taken(None, [0.0, 0.0, 0.1, 0.1, 5.0]) == [0.0, 0.0, 0.1, 0.1, 5.0]


@pytest.mark.parametrize("native", [7.0, 12.5, 23.976, 25.0, 29.97, 30.0, 60.0, 120.0])
@pytest.mark.parametrize("wanted", [1.0, 3.0, 5.0, 7.3, 10.0])
@pytest.mark.parametrize("start", [0.0, 61.37])
def test_so_many_frames_a_second_whatever_the_native_rate(native: float, wanted: float, start: float) -> None:
    found = taken(wanted, steady(native, 60.0, start))
    assert len(found) == pytest.approx(60.0 * min(wanted, native), abs=1.0 + 60.0 * min(wanted, native) * 0.01)
    gaps = [later - earlier for earlier, later in pairwise(found)]
    if wanted <= native:
        assert max(gaps) <= 1 / wanted + 1 / native + 1e-6
    assert found[0] == start


@pytest.mark.parametrize("fps", [3.0, 10.0, 25.0, 29.97])
def test_the_rate_of_the_file_itself_takes_every_frame(fps: float) -> None:
    rounded = [round(second, 3) for second in steady(fps, 20.0)]
    assert taken(fps, rounded) == rounded


def test_a_higher_rate_than_there_is_takes_what_there_is() -> None:
    assert taken(100.0, steady(10.0, 2.0)) == steady(10.0, 2.0)


def test_frames_of_one_moment_are_taken_once() -> None:
    assert taken(10.0, [0.0, 0.0, 0.1, 0.1, 0.1, 0.2]) == [0.0, 0.1, 0.2]


def test_a_jump_is_not_made_up_for() -> None:
    times = [*steady(25.0, 1.0), *steady(25.0, 1.0, start=31.0)]
    found = taken(5.0, times)
    assert len([second for second in found if second < 1.0]) == 5
    assert len([second for second in found if second >= 31.0]) == 5


def test_irregular_frames_do_not_make_the_pace_drift() -> None:
    times = [n / 25 + (0.013 if n % 3 else 0.0) for n in range(25 * 60)]
    assert len(taken(5.0, times)) == 300


@given(st.lists(st.floats(0.0, 100.0), min_size=1, max_size=200), st.floats(0.01, 1000.0))
def test_two_taken_frames_are_never_much_closer_than_asked(times: list[float], fps: float) -> None:
    times.sort()
    found = taken(fps, times)
    assert found[0] == times[0]
    turns = [round((second - found[0]) * 1e9) / (1e9 / fps) for second in found]
    assert len({int(turn + 0.1) for turn in turns}) == len(found)


@pytest.mark.parametrize("fps", [0.0, -1.0, float("nan")])
def test_a_rate_that_is_none_is_refused(fps: float) -> None:
    with pytest.raises(ValueError, match="greater than 0"):
        Pace(fps)
