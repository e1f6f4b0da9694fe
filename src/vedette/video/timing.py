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
WINDOW_S: Final = 30
"""How long the least delayed arrival is remembered."""
TRUST_NS: Final = (NS_PER_S // 10, NS_PER_S)
"""A camera's clock is believed when its captures lie at most so far after and before the soonest arrivals..."""
TRUST_STILL_NS: Final = (NS_PER_S // 2, NS_PER_S * 3 // 2)
"""...and is still believed while they lie at most so far off, so that a clock at the limit does not go to and fro."""


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
        self._wall = Wall()
        self._steps: deque[int] = deque(maxlen=31)
        self._started = False
        self._ns = 0
        self._pts: int | None = None
        self._zero_pts: int | None = None
        self._zero_ns = 0
        self._arrived_ns: int | None = None

    def at(self, pts: int | None, time_base: Fraction | None, arrival: Arrival | None = None) -> Instant:
        """The instant of the next frame.

        pts        its time stamp in ticks of `time_base` seconds; None when it has none
        arrival    when it came in, for live streams; None for recorded ones
        """
        if self._started:
            self._advance(pts, time_base, arrival)
        elif pts is not None:
            self._zero_pts = pts
        self._started = True
        if pts is not None:
            self._pts = pts
        if arrival is None:
            return Instant(self._ns, self._utc_ns + self._ns)
        self._arrived_ns = arrival.monotonic_ns
        return Instant(self._ns, self._wall.utc_ns(self._ns, arrival))

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

    def _place(self, pts: int, time_base: Fraction) -> int:
        assert self._zero_pts is not None  # noqa: S101
        return self._zero_ns + nanoseconds(pts - self._zero_pts, time_base)

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


class Wall:
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
        """Wall clock time of what lies at `stream_ns`, never after its arrival; `camera_utc_ns` is the camera's own."""
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

    def forget_camera(self) -> None:
        """What the camera said of its clock holds no longer."""
        self._claim_ns, self._believed = None, False

    def _trusted(self, by_arrival: int) -> int:
        if self._claim_ns is None:
            return by_arrival
        ahead, behind = TRUST_STILL_NS if self._believed else TRUST_NS
        self._believed = -ahead <= by_arrival - self._claim_ns <= behind
        return self._claim_ns if self._believed else by_arrival


def nanoseconds(ticks: int, time_base: Fraction) -> int:
    """`ticks` of `time_base` seconds in ns, to the nearest."""
    return (2 * ticks * NS_PER_S * time_base.numerator + time_base.denominator) // (2 * time_base.denominator)


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
