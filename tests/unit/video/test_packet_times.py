"""Decoding and capture times of packets out of good and bad stamps."""

from __future__ import annotations

import itertools
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vedette.model.time import NS_PER_S
from vedette.video.packet_times import MAX_OFFSET_NS, PacketTimes, SoundTimes
from vedette.video.timing import Arrival

MS = Fraction(1, 1000)
RTP = Fraction(1, 90000)
AAC = Fraction(1, 16000)
UTC_S = 1_700_000_000
LAG = 3
"""Frames that the reordering below holds pictures back."""
REORDERED = [0, 3, 1, 2, 6, 4, 5, 9, 7, 8, 12, 10, 11]


def recorded(stamps: list[tuple[int, int]], fps: float = 25.0, base: Fraction = MS) -> list[tuple[float, float]]:
    """`(shown, decoded)` milliseconds of packets given as `(pts, dts)`."""
    times = PacketTimes(fps)
    return [(at.stream_ns / 1e6, dts / 1e6) for at, dts in (times.at(*stamp, base) for stamp in stamps)]


def live(
    packets: list[tuple[int, int, float]], fps: float = 25.0, base: Fraction = MS, utc_s: float = UTC_S
) -> list[tuple[float, float, float]]:
    """`(shown, decoded, utc - utc_s)` seconds of packets given as `(pts, dts, arrival in seconds)`."""
    times = PacketTimes(fps)
    found = []
    for pts, dts, s in packets:
        arrival = Arrival(round(s * 1e9), round((utc_s + s) * 1e9))
        at, dts_ns = times.at(pts, dts, base, arrival)
        found.append((at.stream_ns / 1e9, dts_ns / 1e9, at.utc_ns / 1e9 - utc_s))
    return found


def shown(found: list[tuple[float, float, float]]) -> list[float]:
    return [pytest.approx(at, abs=1e-4) for at, _, _ in found]  # type: ignore[misc]


def steady(stamps: list[int], start: float = 5.0) -> list[tuple[int, int, float]]:
    """Packets with the same stamp for both, one every 40 ms."""
    return [(pts, pts, start + 0.04 * number) for number, pts in enumerate(stamps)]


class TestGood:
    def test_starts_at_nothing(self) -> None:
        assert recorded([(5000, 5000), (5040, 5040)]) == [(0, 0), (40, 40)]

    def test_pictures_out_of_order_keep_their_times(self) -> None:
        stamps = [(40 * (n + 100), 40 * (100 + number - LAG)) for number, n in enumerate(REORDERED)]
        times = recorded(stamps)
        assert [at for at, _ in times] == [40.0 * n for n in REORDERED]
        assert [dts for _, dts in times] == [40.0 * (number - LAG) for number in range(len(REORDERED))]

    def test_no_error_adds_up(self) -> None:
        times = PacketTimes(29.97)
        at, dts_ns = [times.at(n, n - 1, Fraction(1001, 30000)) for n in range(30_001)][-1]
        assert (at.stream_ns, dts_ns) == (1001 * NS_PER_S, 1001 * NS_PER_S - 33_366_667)

    def test_utc_goes_along(self) -> None:
        times = PacketTimes(25.0, utc_ns=1_700_000_000 * NS_PER_S)
        times.at(5, 5, MS)
        assert times.at(1505, 1505, MS)[0].utc_ns == 1_700_000_001_500_000_000

    @given(
        st.lists(st.integers(1, 9000), min_size=1, max_size=80),
        st.integers(-(2**40), 2**40),
        st.integers(0, 400),
    )
    def test_uneven_steps_are_kept_exactly(self, steps: list[int], start: int, lead: int) -> None:
        stamps = list(itertools.accumulate([start, *steps]))
        times = recorded([(stamp, stamp - lead) for stamp in stamps])
        assert [at for at, _ in times] == [stamp - start for stamp in stamps]
        assert [dts for _, dts in times] == [stamp - start - lead for stamp in stamps]

    @given(st.permutations(range(4)), st.integers(3, 12))
    def test_any_order_of_pictures_is_kept(self, order: list[int], groups: int) -> None:
        """Groups of four, each in the same order, as an encoder repeats its pattern."""
        shown_as = [4 * group + n for group in range(groups) for n in order]
        stamps = [(40 * n, 40 * (number - 3)) for number, n in enumerate(shown_as)]
        times = recorded(stamps)
        first = shown_as[0]
        assert [at for at, _ in times] == [max(0.0, 40.0 * (n - first)) for n in shown_as]


class TestBroken:
    def test_stamp_that_never_changes_goes_on_as_time_does(self) -> None:
        assert shown(live(steady([7] * 5))) == [0, 0.04, 0.08, 0.12, 0.16]
        assert recorded([(7, 7)] * 4) == [(0, 0), (40, 40), (80, 80), (120, 120)]

    def test_stamps_that_stood_still_and_go_on_where_they_should(self) -> None:
        stamps = [0, 40, 80, 80, 80, 80, 240, 280]
        assert shown(live(steady(stamps))) == [0, 0.04, 0.08, 0.12, 0.16, 0.2, 0.24, 0.28]

    def test_pairs_with_one_stamp_are_spread(self) -> None:
        assert [at for at, _ in recorded([(0, 0), (0, 0), (80, 80), (80, 80), (160, 160)])] == [0, 40, 80, 120, 160]

    def test_backward_stamps_lose_no_time(self) -> None:
        found = live(steady([100_000 - 40 * n for n in range(100)]))
        assert found[-1][0] == pytest.approx(99 * 0.04, abs=0.05)
        assert found[-1][2] == pytest.approx(5.0 + 99 * 0.04, abs=0.05)

    @pytest.mark.parametrize("jump_s", [-86_400, -3600, -5, -1, 5, 3600, 56 * 365 * 86_400])
    def test_jump_goes_on_as_time_does(self, jump_s: int) -> None:
        stamps = [40 * n + (1000 * jump_s if n >= 50 else 0) for n in range(100)]
        found = live(steady(stamps))
        assert shown(found) == [pytest.approx(0.04 * n, abs=1e-4) for n in range(100)]
        assert [utc for _, _, utc in found] == [pytest.approx(5 + 0.04 * n, abs=1e-3) for n in range(100)]

    @pytest.mark.parametrize("jump_s", [-3600, -5, -1, 3600])
    def test_jump_of_pictures_out_of_order_whose_decoding_stamps_ffmpeg_then_cannot_guess(self, jump_s: int) -> None:
        """After a jump back FFmpeg says that every picture is decoded when it is shown, in no order."""
        packets = []
        order = [3 * group + n for group in range(20) for n in (3, 1, 2)]
        for number, n in enumerate(order):
            late = number >= 30
            pts = 40 * n + (1000 * jump_s if late else 0)
            packets.append((pts, pts if late else 40 * (number - 1), 5 + 0.04 * number))
        found = live(packets)
        assert shown(found[:30]) == [max(0.0, 0.04 * (n - 3)) for n in order[:30]]
        steps = [b - a for (a, _, _), (b, _, _) in itertools.pairwise(found[31:])]
        expected = [0.04 * (b - a) for a, b in itertools.pairwise(order[31:])]
        assert steps == [pytest.approx(step, abs=0.002) for step in expected]
        assert found[-1][0] == pytest.approx(packets[-1][2] - 5.0, abs=0.25)

    def test_pause_that_really_was_is_kept(self) -> None:
        assert shown(live([(0, 0, 5.0), (40, 40, 5.04), (60_040, 60_040, 65.04)])) == [0, 0.04, 60.04]

    def test_pause_after_which_the_camera_leaves_out_what_it_could_not_send(self) -> None:
        """Nothing for five seconds, then one stale frame and a leap to the newest ones."""
        stamps = [(0, 0, 5.0), (40, 40, 5.04), (80, 80, 10.1), (5040, 5040, 10.1), (5080, 5080, 10.12)]
        assert shown(live(stamps)) == [0, 0.04, 0.08, 5.04, 5.08]

    @pytest.mark.parametrize("bits", [32, 33])
    @pytest.mark.parametrize("lead", [0, 3])
    def test_counter_that_wraps_once_a_day(self, bits: int, lead: int) -> None:
        ticks = 2**bits
        stamps = [((ticks - 9000 + 3600 * n) % ticks, (ticks - 9000 + 3600 * (n - lead)) % ticks) for n in range(9)]
        assert recorded(stamps, base=RTP) == [(40 * n, 40 * (n - lead)) for n in range(9)]

    def test_recording_that_leaps_goes_on(self) -> None:
        assert [at for at, _ in recorded([(0, 0), (40, 40), (80, 80), (900_000, 900_000), (900_040, 900_040)])] == [
            0, 40, 80, 120, 160,
        ]  # fmt: skip

    @given(
        st.lists(st.tuples(st.integers(-(2**62), 2**62), st.integers(-(2**62), 2**62), st.floats(0, 20)), max_size=60),
        st.booleans(),
        st.sampled_from([MS, RTP, Fraction(1, 1_000_000), Fraction(1001, 30000)]),
        st.floats(0, 1e5),
    )
    def test_whatever_comes(
        self, packets: list[tuple[int, int, float]], arriving: bool, base: Fraction, fps: float
    ) -> None:
        times = PacketTimes(fps)
        now, last = 0.0, None
        for pts, dts, wait_s in packets:
            now += wait_s
            arrival = Arrival(round(now * 1e9), round((UTC_S + now) * 1e9)) if arriving else None
            at, dts_ns = times.at(pts, dts, base, arrival)
            assert at.stream_ns >= max(0, dts_ns)
            assert last is None or dts_ns >= last + 1_000_000
            assert arrival is None or at.utc_ns <= arrival.utc_ns
            last = dts_ns

    @given(st.lists(st.integers(-400, 800), max_size=60), st.integers(0, 3))
    def test_time_that_passes_is_followed_whatever_the_stamps_do(self, steps: list[int], lead: int) -> None:
        """Stamps that wander while a frame comes every 40 ms."""
        stamps = list(itertools.accumulate([0, *steps]))
        found = live([(pts, pts - 40 * lead, 5 + 0.04 * n) for n, pts in enumerate(stamps)])
        assert all(b[1] > a[1] for a, b in itertools.pairwise(found))
        assert found[-1][0] >= found[0][0]
        assert found[-1][0] <= 0.04 * len(stamps) + sum(step for step in steps if step > 0) / 1000 + 1


class TestWall:
    def test_first_burst_is_dated_by_the_first_that_was_waited_for(self) -> None:
        """Fifty frames come at once after two seconds, then one every 40 ms."""
        packets = [(40 * n, 40 * n, max(2.0, 0.04 * n)) for n in range(80)]
        assert live(packets)[-1][2] == pytest.approx(79 * 0.04)

    @pytest.mark.parametrize("hours", [-1, 1])
    def test_wall_clock_that_is_set_is_followed_at_once(self, hours: int) -> None:
        times = PacketTimes(25.0)
        for n in range(100):
            set_ns = hours * 3600 * NS_PER_S if n >= 50 else 0
            at, _ = times.at(40 * n, 40 * n, MS, Arrival(n * 40_000_000, n * 40_000_000 + 10**15 + set_ns))
            assert at.stream_ns == n * 40_000_000
            assert at.utc_ns == n * 40_000_000 + 10**15 + set_ns

    @pytest.mark.parametrize(
        ("camera_s", "believed"), [(-0.3, True), (-0.9, True), (0.05, True), (-1.2, False), (0.2, False), (3600, False)]
    )
    def test_camera_is_believed_when_its_clock_can_be_right(self, camera_s: float, believed: bool) -> None:
        """A frame that comes 0.3 s after it was captured by the camera's clock, and one captured after it came."""
        times = PacketTimes(25.0)
        for n in range(10):
            arrival = Arrival(n * 40_000_000, n * 40_000_000 + 10**15)
            at, _ = times.at(40 * n, 40 * n, MS, arrival, round(arrival.utc_ns + camera_s * 1e9))
        expected = min(camera_s, 0.0) if believed else 0.0
        assert (at.utc_ns - arrival.utc_ns) / 1e9 == pytest.approx(expected)
        assert at.utc_ns <= arrival.utc_ns

    def test_camera_whose_clock_is_set_wrongly_while_it_runs_is_believed_no_more(self) -> None:
        times = PacketTimes(25.0)
        for n in range(20):
            arrival = Arrival(n * 40_000_000, n * 40_000_000 + 10**15)
            claim = arrival.utc_ns - 300_000_000 + (3600 * NS_PER_S if n >= 10 else 0)
            at, _ = times.at(40 * n, 40 * n, MS, arrival, claim)
            assert at.utc_ns - arrival.utc_ns == (-300_000_000 if n < 10 else 0)


class TestSound:
    def pictures(self, count: int = 50) -> PacketTimes:
        times = PacketTimes(25.0)
        for n in range(count):
            times.at(90_000 + 3600 * n, 90_000 + 3600 * n, RTP)
        return times

    def test_before_the_first_picture_there_is_none(self) -> None:
        assert SoundTimes(PacketTimes()).at(0, AAC, 64_000_000) is None

    def test_from_before_the_first_picture_is_left_out(self) -> None:
        sound = SoundTimes(self.pictures(1))
        assert sound.at(16_000 - 1024, AAC, 64_000_000) is None
        assert sound.at(16_000, AAC, 64_000_000) is not None

    def test_the_same_stamp_is_the_same_moment(self) -> None:
        sound = SoundTimes(self.pictures())
        found = [sound.at(16_000 + 1024 * n, AAC, 64_000_000) for n in range(30)]
        assert [times[1] for times in found if times] == [64_000_000 * n for n in range(30)]
        assert all(times and times[0].stream_ns == times[1] for times in found)

    @pytest.mark.parametrize("jump_s", [-3600, -3, 3600])
    @pytest.mark.parametrize("late", [0, 4])
    def test_a_jump_does_not_part_sound_and_pictures(self, jump_s: int, late: int) -> None:
        """Both jump, the sound up to four packets later."""
        pictures, found = PacketTimes(25.0), []
        sound = SoundTimes(pictures)
        for n in range(250):
            arrival = Arrival(40_000_000 * n, 10**15 + 40_000_000 * n)
            pts = 3600 * n + (90_000 * jump_s if n >= 100 else 0)
            at, _ = pictures.at(pts, pts, RTP, arrival)
            heard = sound.at(640 * n + (16_000 * jump_s if n >= 100 + late else 0), AAC, 40_000_000, arrival)
            assert heard is not None
            found.append((at.stream_ns - heard[1]) / 1e9)
        assert all(abs(apart) < 0.05 for apart in found)

    def test_sound_that_was_apart_for_long_joins_the_pictures(self) -> None:
        """Its stamps go back half a second, and those of the pictures never do."""
        sound = SoundTimes(self.pictures(160))
        sound.at(16_000 * 6, AAC, 40_000_000)
        found = [sound.at(16_000 * 6 - 8000 + 640 * n, AAC, 40_000_000) for n in range(75)]
        assert found[0] is not None
        assert found[0][1] == 5 * NS_PER_S + 40_000_000
        last = found[-1]
        assert last is not None
        assert last[1] == 4_500_000_000 + 74 * 40_000_000

    def test_sound_that_pauses_goes_on_with_its_pictures(self) -> None:
        pictures = self.pictures(25)
        sound = SoundTimes(pictures)
        sound.at(16_000, AAC, 40_000_000)
        for n in range(25, 1000):
            pictures.at(90_000 + 3600 * n, 90_000 + 3600 * n, RTP)
        times = sound.at(16_000 + 640 * 1000, AAC, 40_000_000)
        assert times is not None
        assert times[1] == 40 * NS_PER_S

    @given(st.lists(st.tuples(st.none() | st.integers(-(2**40), 2**40), st.integers(0, 10**8)), max_size=60))
    def test_whatever_comes(self, packets: list[tuple[int | None, int]]) -> None:
        sound, last = SoundTimes(self.pictures()), -1
        for pts, duration_ns in packets:
            times = sound.at(pts, AAC, duration_ns)
            if times is not None:
                assert times[1] > last
                assert times[0].stream_ns == times[1]
                last = times[1]


def test_no_offset_is_longer_than_a_codec_can_reorder() -> None:
    times = recorded([(0, 0), (90_000, 40), (120, 80)])
    assert all(at - dts <= MAX_OFFSET_NS / 1e6 for at, dts in times)
