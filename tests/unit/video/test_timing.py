"""Capture times out of good and bad time stamps."""

from __future__ import annotations

import itertools
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vedette.model.time import NS_PER_S
from vedette.video.timing import Arrival, CaptureTimes, fps_of, plausible

MS = Fraction(1, 1000)
RTP = Fraction(1, 90000)


def milliseconds(stamps: list[int | None], fps: float = 25.0, base: Fraction = MS) -> list[float]:
    times = CaptureTimes(fps)
    return [times.at(pts, base).stream_ns / 1e6 for pts in stamps]


class TestRecorded:
    def test_starts_at_nothing_wherever_the_stamps_start(self) -> None:
        assert milliseconds([987_654, 987_694, 987_734]) == [0, 40, 80]

    def test_no_error_adds_up(self) -> None:
        times = CaptureTimes(29.97)
        last = [times.at(number, Fraction(1001, 30000)) for number in range(30_001)][-1]
        assert last.stream_ns == 1001 * NS_PER_S

    def test_uneven_steps_stay_uneven(self) -> None:
        assert milliseconds([0, 20, 353, 393, 2393]) == [0, 20, 353, 393, 2393]

    def test_utc_goes_along(self) -> None:
        times = CaptureTimes(25.0, utc_ns=1_700_000_000 * NS_PER_S)
        times.at(5, MS)
        assert times.at(1505, MS).utc_ns == 1_700_000_001_500_000_000

    def test_pause_of_some_seconds_is_kept(self) -> None:
        assert milliseconds([0, 40, 9000]) == [0, 40, 9000]

    def test_slow_camera_is_no_leap(self) -> None:
        """One picture a minute: time-lapse, and its header says so."""
        assert milliseconds([0, 60_000, 120_000], fps=1 / 60) == [0, 60_000, 120_000]


class TestBroken:
    def test_no_stamps_at_all(self) -> None:
        assert milliseconds([None] * 4, fps=12.5) == [0, 80, 160, 240]

    def test_missing_stamp_takes_the_usual_step(self) -> None:
        assert milliseconds([0, 100, 200, 300, None, 500], fps=25.0) == [0, 100, 200, 300, 400, 500]

    def test_first_stamp_missing(self) -> None:
        assert milliseconds([None, 500, 540]) == [0, 40, 80]

    def test_pairs_with_one_stamp_are_spread(self) -> None:
        assert milliseconds([0, 0, 80, 80, 160]) == [0, 40, 80, 120, 160]

    def test_stamp_that_never_changes(self) -> None:
        assert milliseconds([7] * 4) == [0, 40, 80, 120]

    def test_small_step_back_waits(self) -> None:
        assert milliseconds([0, 40, 80, 70, 120]) == [0, 40, 80, 80, 120]

    def test_starting_again_goes_on(self) -> None:
        assert milliseconds([5000, 5040, 5080, 0, 40, 80]) == [0, 40, 80, 120, 160, 200]

    def test_leap_goes_on(self) -> None:
        """The camera learns the date: 56 years in one frame."""
        leap = 1_770_000_000_000
        assert milliseconds([0, 40, 80, leap, leap + 40]) == [0, 40, 80, 120, 160]

    def test_single_wild_stamp_costs_nothing(self) -> None:
        assert milliseconds([0, 40, 80, 900_000, 160, 200]) == [0, 40, 80, 120, 160, 200]

    @pytest.mark.parametrize("bits", [32, 33])
    def test_counter_that_wraps(self, bits: int) -> None:
        stamps = [(2**bits - 9000 + 3600 * number) % 2**bits for number in range(6)]
        assert milliseconds(list(stamps), base=RTP) == [0, 40, 80, 120, 160, 200]

    def test_wrap_keeps_a_pause_that_falls_on_it(self) -> None:
        assert milliseconds([2**32 - 90_000, 2**32 - 86_400, 90_000], base=RTP) == [0, 40, 2000]

    @pytest.mark.parametrize("fps", [0.0, 1000.0, 90_000.0, -5.0])
    def test_rate_of_the_header_that_cannot_be_is_not_used(self, fps: float) -> None:
        assert milliseconds([None, None], fps=fps) == [0, 40]

    @given(st.lists(st.none() | st.integers(-(2**63), 2**63 - 1), max_size=60), st.floats(0, 1e5))
    def test_never_goes_back(self, stamps: list[int | None], fps: float) -> None:
        times = milliseconds(stamps, fps, RTP)
        assert times[:1] in ([], [0])
        assert all(0 <= a <= b for a, b in itertools.pairwise(times))

    @given(st.lists(st.integers(0, 9_000), min_size=1, max_size=60), st.integers(-(2**40), 2**40))
    def test_good_stamps_are_kept_exactly(self, steps: list[int], start: int) -> None:
        stamps = list(itertools.accumulate([start, *(step + 1 for step in steps)]))
        assert milliseconds(list(stamps)) == [stamp - start for stamp in stamps]


def live(frames: list[tuple[int | None, float, float]], fps: float = 25.0) -> list[tuple[float, float]]:
    """`(stream, utc)` seconds of frames given as `(pts in ms, steady clock, wall clock)`."""
    times = CaptureTimes(fps)
    instants = [times.at(pts, MS, Arrival(round(mono * 1e9), round(utc * 1e9))) for pts, mono, utc in frames]
    return [(at.stream_ns / 1e9, at.utc_ns / 1e9) for at in instants]


class TestLive:
    def test_jitter_does_not_reach_the_times(self) -> None:
        late = [0.0, 0.09, 0.01, 0.2, 0.0, 0.03]
        frames = [(40 * n, 5 + 0.04 * n + late[n], 1000 + 0.04 * n + late[n]) for n in range(6)]
        assert live(list(frames)) == [pytest.approx((0.04 * n, 1000 + 0.04 * n)) for n in range(6)]

    def test_late_first_frame_is_corrected_by_the_next(self) -> None:
        """At the start of a connection the first second comes in one burst."""
        frames = [(40 * n, max(1.0, 0.04 * n), 1000 + max(1.0, 0.04 * n)) for n in range(40)]
        assert live(list(frames))[-1] == pytest.approx((1.56, 1001.56))

    def test_clock_that_was_set_is_followed_and_stream_time_is_not_moved(self) -> None:
        frames = [(1000 * n, float(n), 1000.0 + n + (3600 if n >= 20 else 0)) for n in range(60)]
        times = live(list(frames), fps=1.0)
        assert times[-1] == pytest.approx((59.0, 1059.0 + 3600))
        assert times[19] == pytest.approx((19.0, 1019.0))

    def test_camera_clock_that_drifts_is_followed(self) -> None:
        """Its clock runs 0.1 % fast: after 1000 s stream time is 1 s ahead and UTC is not."""
        frames = [(1001 * n, float(n), 1000.0 + n) for n in range(1000)]
        stream, utc = live(list(frames), fps=1.0)[-1]
        assert stream == pytest.approx(999.999)
        assert utc == pytest.approx(1999.0, abs=0.05)

    def test_real_silence_is_no_leap(self) -> None:
        assert live([(0, 0.0, 0.0), (40, 0.04, 0.04), (30_040, 30.04, 30.04)])[-1][0] == pytest.approx(30.04)

    def test_numbering_that_starts_again_takes_the_time_that_passed(self) -> None:
        assert live([(9000, 0.0, 0.0), (9040, 0.04, 0.04), (0, 2.04, 2.04)])[-1][0] == pytest.approx(2.04)

    def test_memory_is_bounded(self) -> None:
        times = CaptureTimes(25.0)
        for n in range(20_000):
            at = times.at(40 * n, MS, Arrival(n * 40_000_000, n * 40_000_000 + (n * 7919 % 101) * 1_000_000))
        assert at.stream_s == pytest.approx(19_999 * 0.04)
        assert len(times._wall._least) <= 32


@pytest.mark.parametrize(("fps", "good"), [(25, 1), (0.1, 1), (240, 1), (0, 0), (1000, 0), (90000, 0)])
def test_plausible(fps: float, good: int) -> None:
    assert plausible(fps) == bool(good)


def test_fps_of_stamps_in_any_order() -> None:
    assert fps_of([0, 7200, 3600, 14400, 10800, 90000], RTP) == 25.0
    assert fps_of([5], RTP) == 0.0
    assert fps_of([0, 1, 2], RTP) == 0.0
