"""When a picture was captured, made of what files and cameras say about it.

Presentation time stamps (pts) are missing, repeat, run backwards, leap and wrap around. `CaptureTimes` turns them into
`Instant`s that start at 0 and never go back. docs/design/time.md says why each rule is as it is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from statistics import median
from typing import Final

from vedette.model.time import NS_PER_S, Instant

LEAP_S: Final = 10.0
"""A step of more than this, and of more than `LEAP_FRAMES` frames, is a break in the numbering and not a pause."""
LEAP_FRAMES: Final = 30
WRAPS: Final = (1 << 32, 1 << 33)
"""Where the counters of RTP and of MPEG transport streams start again."""
FALLBACK_NS: Final = 40_000_000
"""Frame interval when nothing at all is known of it."""
FPS_RANGE: Final = (1 / 600, 240.0)
"""Frame rates to believe in a header. The time bases 1000 and 90000, written there by mistake, are none."""
MAX_OFFSET_NS: Final = 2 * NS_PER_S
"""No codec shows a picture later than this after it was decoded."""
LEAST_STEP_NS: Final = 1_000_000
"""Between the decoding times of two packets whose stamps do not differ."""
WINDOW_S: Final = 30
"""How long the least delayed arrival is remembered."""
TRUST_NS: Final = (NS_PER_S // 10, 2 * NS_PER_S)
"""A camera's clock is believed when its captures lie at most so far after and before the soonest arrivals..."""
TRUST_STILL_NS: Final = (NS_PER_S // 2, 3 * NS_PER_S)
"""...and is still believed while they lie at most so far off, so that a clock at the limit does not go to and fro."""
APART_NS: Final = NS_PER_S // 5
"""Sound that lies no further than this from where it went on belongs there."""
PATIENCE_NS: Final = 2 * NS_PER_S
"""How long sound and pictures may count differently before sound goes over to how the pictures count."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """When a live packet came in: nanoseconds of the steady clock and of the wall clock."""

    monotonic_ns: int
    utc_ns: int


class CaptureTimes:
    """Capture times of the frames of one stream, asked for in presentation order.

    fps     nominal frame rate, 0 when unknown; used until the stream has shown its own
    utc_ns  wall clock time of the first frame, for streams that do not arrive live
    """

    def __init__(self, fps: float = 0.0, utc_ns: int = 0) -> None:
        self._interval_ns = round(NS_PER_S / fps) if plausible(fps) else FALLBACK_NS
        self._utc_ns = utc_ns
        self._wall = _Wall()
        self._steps: deque[int] = deque(maxlen=31)
        self._started = False
        self._ns = 0
        self._pts: int | None = None
        self._time_base: Fraction | None = None
        self._zero_pts: int | None = None
        self._zero_ns = 0
        self._arrived_ns: int | None = None

    def at(self, pts: int | None, time_base: Fraction | None, arrival: Arrival | None = None) -> Instant:
        """The instant of the next frame.

        pts        its time stamp in ticks of `time_base` seconds; None when it has none
        arrival    when it came in, for live streams; None for recorded ones
        """
        ns = self.stream_ns(pts, time_base, arrival)
        return Instant(ns, self._utc_ns + ns if arrival is None else self._wall.utc_ns(ns, arrival))

    def stream_ns(self, pts: int | None, time_base: Fraction | None, arrival: Arrival | None = None) -> int:
        """The same without the wall clock, for whoever keeps that himself."""
        if self._started:
            self._advance(pts, time_base, arrival)
        elif pts is not None:
            self._zero_pts = pts
        self._started = True
        if pts is not None:
            self._pts, self._time_base = pts, time_base
        if arrival is not None:
            self._arrived_ns = arrival.monotonic_ns
        return self._ns

    @property
    def interval_ns(self) -> int:
        """The usual time between frames: the median of late, the nominal one before there are enough."""
        return round(median(self._steps)) if len(self._steps) >= 3 else self._interval_ns

    def _advance(self, pts: int | None, time_base: Fraction | None, arrival: Arrival | None) -> None:
        waited_ns = None
        if arrival is not None and self._arrived_ns is not None:
            waited_ns = max(0, arrival.monotonic_ns - self._arrived_ns)
        by_guess = self._ns + (self.interval_ns if waited_ns is None else waited_ns)
        if pts is None or time_base is None or pts == self._pts:
            self._ns = by_guess
            return
        if self._zero_pts is None:
            # The first packets of a live stream come in a burst, so their arrival tells nothing.
            self._anchor(pts, self._ns + self.interval_ns)
            return
        step = self._place(pts, time_base) - self._ns
        if step < -self.interval_ns:
            step, pts = self._unwrap(step, pts, time_base)
        if step < -self.interval_ns or self._leaps(step, waited_ns):
            self._anchor(pts, by_guess)
            return
        if step > 0:
            self._steps.append(step)
            self._ns += step

    def place(self, pts: int, time_base: Fraction) -> int | None:
        """Where a stamp of another count that started with this one lies, in ns; None while nothing had a stamp."""
        if self._zero_pts is None or self._time_base is None:
            return None
        zero = self._time_base
        ticks = pts * time_base.numerator * zero.denominator - self._zero_pts * zero.numerator * time_base.denominator
        return self._zero_ns + _to_ns(ticks, Fraction(1, time_base.denominator * zero.denominator))

    def _place(self, pts: int, time_base: Fraction) -> int:
        assert self._zero_pts is not None  # noqa: S101
        return self._zero_ns + _to_ns(pts - self._zero_pts, time_base)

    def _anchor(self, pts: int, ns: int) -> None:
        self._zero_pts, self._zero_ns, self._ns = pts, ns, ns

    def _unwrap(self, step: int, pts: int, time_base: Fraction) -> tuple[int, int]:
        assert self._zero_pts is not None  # noqa: S101
        for wrap in WRAPS:
            unwrapped = self._place(pts + wrap, time_base) - self._ns
            if unwrapped >= 0 and not self._leaps(unwrapped, None):
                self._zero_pts -= wrap
                return unwrapped, pts
        return step, pts

    def _leaps(self, step: int, waited_ns: int | None) -> bool:
        limit = max(round(LEAP_S * NS_PER_S), LEAP_FRAMES * self.interval_ns)
        return step > limit + (waited_ns or 0)


class PacketTimes:
    """Decoding and capture times of the pictures of one stream, asked for in decoding order.

    Decoding stamps run like the stamps of pictures in presentation order do, so `CaptureTimes` mends them; the
    presentation time of a packet lies as far behind its decoding time as the source says, which no mending changes.
    The first packet is shown at 0, and what is decoded ahead of being shown is decoded before 0.

    fps     nominal frame rate, 0 when unknown
    utc_ns  wall clock time of the first picture, for streams that do not arrive live
    """

    def __init__(self, fps: float = 0.0, utc_ns: int = 0) -> None:
        self._times = CaptureTimes(fps)
        self._utc_ns = utc_ns
        self._wall = _Wall()
        self._lead_ns: int | None = None
        self._dts_ns: int | None = None
        self.newest_ns = 0

    def at(
        self,
        pts: int,
        dts: int,
        time_base: Fraction,
        arrival: Arrival | None = None,
        camera_utc_ns: int | None = None,
    ) -> tuple[Instant, int]:
        """When the picture of a packet was captured, and its decoding time in ns of stream time.

        Decoding times increase strictly. A capture time is never before its decoding time, never before 0, and that of
        a live picture never after its arrival.

        pts, dts       its stamps in ticks of `time_base` seconds
        arrival        when it came in, for live streams
        camera_utc_ns  when it was captured by the camera's own clock, where the camera says so
        """
        offset_ns = _reordering_ns(pts - dts, time_base)
        if self._lead_ns is None:
            self._lead_ns = offset_ns
        mended_ns = self._times.stream_ns(dts, time_base, arrival) - self._lead_ns
        dts_ns = mended_ns
        if self._dts_ns is not None:
            dts_ns = max(dts_ns, self._dts_ns + LEAST_STEP_NS)
        self._dts_ns = dts_ns
        at_ns = max(0, dts_ns, mended_ns + offset_ns)
        self.newest_ns = max(self.newest_ns, at_ns)
        if arrival is None:
            return self.instant(at_ns), dts_ns
        return Instant(at_ns, self._wall.utc_ns(at_ns, arrival, camera_utc_ns)), dts_ns

    @property
    def started(self) -> bool:
        """Whether a picture has come."""
        return self._lead_ns is not None

    def place(self, pts: int, time_base: Fraction) -> int | None:
        """Where the stamp of something else, counted like these, lies in stream time; None without stamps to go by."""
        ns = self._times.place(pts, time_base)
        return None if ns is None else ns - (self._lead_ns or 0)

    def instant(self, stream_ns: int) -> Instant:
        """`stream_ns` on both clocks, as the pictures have it at present."""
        offset_ns = self._wall.offset_ns
        return Instant(stream_ns, stream_ns + (self._utc_ns if offset_ns is None else offset_ns))


class SoundTimes:
    """Times of the sound that belongs to the pictures of `pictures`: the same stamp is the same moment.

    Where the numbering breaks, it does not break for pictures and sound at the same packet. So a stamp is read as the
    pictures count while that agrees with how the sound went on so far, and else goes on from the sound before it until
    the two have disagreed for `PATIENCE_NS`.
    """

    def __init__(self, pictures: PacketTimes) -> None:
        self._pictures = pictures
        self._last_pts: int | None = None
        self._last_ns: int | None = None
        self._duration_ns = 0
        self._apart_since_ns: int | None = None

    def at(self, pts: int | None, time_base: Fraction, duration_ns: int) -> tuple[Instant, int] | None:
        """Capture and decoding time of the next packet of sound; None for what came before the first picture.

        pts          its stamp in ticks of `time_base` seconds; None when it has none
        duration_ns  how long it sounds; 0 when unknown
        """
        if not self._pictures.started:
            return None
        placed = None if pts is None else self._pictures.place(pts, time_base)
        if placed is not None and abs(placed - self._pictures.newest_ns) > LEAP_S * NS_PER_S:
            placed = None
        if self._last_ns is None:
            ns = self._pictures.newest_ns if placed is None else placed
            if ns < 0:
                return None
        else:
            ns = max(self._choose(placed, self._own(pts, time_base)), self._last_ns + LEAST_STEP_NS)
        self._last_ns, self._last_pts, self._duration_ns = ns, pts, duration_ns or self._duration_ns
        return self._pictures.instant(ns), ns

    def _own(self, pts: int | None, time_base: Fraction) -> int:
        """Where the packet would lie if nothing broke since the one before."""
        assert self._last_ns is not None  # noqa: S101
        follows = self._last_ns + max(self._duration_ns, LEAST_STEP_NS)
        if pts is None or self._last_pts is None:
            return follows
        step = _to_ns(pts - self._last_pts, time_base)
        return self._last_ns + step if 0 < step <= LEAP_S * NS_PER_S else follows

    def _choose(self, placed: int | None, own: int) -> int:
        if placed is not None and abs(placed - own) <= APART_NS:
            self._apart_since_ns = None
            return placed
        if self._apart_since_ns is None:
            self._apart_since_ns = own
        if own - self._apart_since_ns < PATIENCE_NS:
            return own
        self._apart_since_ns = None
        return max(own, self._pictures.newest_ns - PATIENCE_NS) if placed is None else placed


class _Wall:
    """Wall clock time of live frames: stream time plus the smallest delay seen of late.

    Networks and cameras only ever delay a frame, so the frame that came soonest tells best when frames are captured.
    Delays are taken by the steady clock, so that a wall clock that is set is followed at once. Where the camera says
    by its own clock when a frame was captured, and that is a believable time before its arrival, the camera is right:
    it knows how long it took to encode.
    """

    def __init__(self) -> None:
        self._least: deque[tuple[int, int]] = deque()
        self._believed = False
        self._claim_ns: int | None = None
        self.offset_ns: int | None = None

    def utc_ns(self, stream_ns: int, arrival: Arrival, camera_utc_ns: int | None = None) -> int:
        offset = arrival.monotonic_ns - stream_ns
        second = arrival.monotonic_ns // NS_PER_S
        while self._least and self._least[-1][1] >= offset:
            self._least.pop()
        if not self._least or self._least[-1][0] != second:
            self._least.append((second, offset))
        while self._least[0][0] < second - WINDOW_S:
            self._least.popleft()
        by_arrival = self._least[0][1] + arrival.utc_ns - arrival.monotonic_ns
        if camera_utc_ns is not None:
            self._claim_ns = camera_utc_ns - stream_ns
        self.offset_ns = min(self._trusted(by_arrival), arrival.utc_ns - stream_ns)
        return stream_ns + self.offset_ns

    def _trusted(self, by_arrival: int) -> int:
        if self._claim_ns is None:
            return by_arrival
        ahead, behind = TRUST_STILL_NS if self._believed else TRUST_NS
        self._believed = -ahead <= by_arrival - self._claim_ns <= behind
        return self._claim_ns if self._believed else by_arrival


def _to_ns(ticks: int, time_base: Fraction) -> int:
    """`ticks` of `time_base` seconds in ns, to the nearest."""
    return (2 * ticks * NS_PER_S * time_base.numerator + time_base.denominator) // (2 * time_base.denominator)


def _reordering_ns(ticks: int, time_base: Fraction) -> int:
    """How much later than it is decoded a picture is shown, 0..MAX_OFFSET_NS, also where one of the stamps wrapped."""
    offset = _to_ns(ticks, time_base)
    if 0 <= offset <= MAX_OFFSET_NS:
        return offset
    for wrap in WRAPS:
        unwrapped = _to_ns((ticks + wrap // 2) % wrap - wrap // 2, time_base)
        if 0 <= unwrapped <= MAX_OFFSET_NS:
            return unwrapped
    return min(max(0, offset), MAX_OFFSET_NS)


def plausible(fps: float) -> bool:
    """Whether a camera could really run at `fps`."""
    return FPS_RANGE[0] <= fps <= FPS_RANGE[1]


def fps_of(stamps: Sequence[int], time_base: Fraction) -> float:
    """Frame rate of time stamps in any order: one over the median step, 0 when that is no rate to believe."""
    ordered = sorted(set(stamps))
    steps = [later - earlier for earlier, later in pairwise(ordered)]
    if not steps:
        return 0.0
    fps = float(1 / (Fraction(median(steps)) * time_base))
    return fps if plausible(fps) else 0.0
