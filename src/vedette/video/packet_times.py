"""When the pictures and the sound of packets were captured, and in which order they are to be decoded.

docs/design/time.md says why each rule is as it is.
"""

from __future__ import annotations

from collections import deque
from fractions import Fraction
from statistics import median
from typing import Final

from vedette.model.time import NS_PER_S, Instant
from vedette.video.timing import FALLBACK_NS, LEAP_FRAMES, LEAP_S, WRAPS, Arrival, Wall, nanoseconds, plausible

MAX_OFFSET_NS: Final = 2 * NS_PER_S
"""No codec shows a picture later than this after it was decoded."""
LEAST_STEP_NS: Final = 1_000_000
"""Between the decoding times of two packets whose stamps do not differ."""
TOO_SOON_NS: Final = 2 * NS_PER_S
"""A live packet whose stamp is further ahead of its arrival than any before it, by this, was not captured then."""
NEAR_NS: Final = 2 * NS_PER_S
"""Sound is no further than this from the newest picture."""
APART_NS: Final = NS_PER_S // 5
"""Sound that lies no further than this from where it went on belongs there."""
PATIENCE_NS: Final = 2 * NS_PER_S
"""How long sound and pictures may count differently before sound goes over to how the pictures count."""


class PacketTimes:
    """Decoding and capture times of the pictures of one stream, asked for in decoding order.

    The first packet is shown at 0, and what is decoded ahead of being shown is decoded before 0. Stream time follows
    the presentation stamps, which come from the camera; decoding stamps are mostly guesses of FFmpeg and are taken
    where they make sense.

    fps     nominal frame rate, 0 when unknown
    utc_ns  wall clock time of the first picture, for streams that do not arrive live
    """

    def __init__(self, fps: float = 0.0, utc_ns: int = 0) -> None:
        self._interval_ns = round(NS_PER_S / fps) if plausible(fps) else FALLBACK_NS
        self._utc_ns = utc_ns
        self._wall = Wall()
        self._steps: deque[int] = deque(maxlen=31)
        self._offsets: deque[int] = deque([0], maxlen=31)
        self._zero_pts = 0
        self._zero_ns = 0
        self._time_base = Fraction(0)
        self._pts: int | None = None
        self._dts_ns: int | None = None
        self._newest_ns = 0
        self._advanced_ns: int | None = None
        self._unmoved = 0
        self._mended = False
        self._soonest_ns: int | None = None

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
        if self._pts is None:
            self._time_base = time_base
            self._anchor(pts, 0)
        shown_ns = self._shown(pts, arrival)
        self._pts = pts
        # What is shown before the first picture that came cannot be decoded; it is kept, and shown with it.
        at_ns = max(0, shown_ns, self._decoded(shown_ns, pts, dts))
        self._note(shown_ns, arrival)
        assert self._dts_ns is not None  # noqa: S101
        if arrival is None:
            return self.instant(at_ns), self._dts_ns
        if self._mended:
            # The camera's clock is told by the stamp too.
            self._wall.forget_camera()
            camera_utc_ns = None
        return Instant(at_ns, self._wall.utc_ns(at_ns, arrival, camera_utc_ns)), self._dts_ns

    @property
    def newest_ns(self) -> int:
        """Stream time of the picture that is shown last of those that came."""
        return self._newest_ns

    def place(self, pts: int, time_base: Fraction) -> int | None:
        """Where the stamp of something else, counted like these, lies in stream time; None before the first picture."""
        if self._pts is None:
            return None
        base = self._time_base
        ticks = pts * time_base.numerator * base.denominator - self._zero_pts * base.numerator * time_base.denominator
        return self._zero_ns + nanoseconds(ticks, Fraction(1, time_base.denominator * base.denominator))

    def instant(self, stream_ns: int) -> Instant:
        """`stream_ns` on both clocks, as the pictures have it at present."""
        offset_ns = self._wall.offset_ns
        return Instant(stream_ns, stream_ns + (self._utc_ns if offset_ns is None else offset_ns))

    @property
    def _interval(self) -> int:
        return round(median(self._steps)) if len(self._steps) >= 3 else self._interval_ns

    @property
    def _depth_ns(self) -> int:
        """How much later than decoded a picture is shown at most, of late."""
        return max(self._offsets)

    def _shown(self, pts: int, arrival: Arrival | None) -> int:
        """Where the packet lies on the line of stamps, which is anchored anew where it breaks."""
        placed = self._place(pts)
        step = placed - self._newest_ns
        self._mended = False
        if self._pts is None or (0 < step <= TOO_SOON_NS and pts != self._pts):
            return placed
        waited_ns = self._waited(arrival)
        if pts == self._pts:
            self._mended = True
            return self._newest_ns + waited_ns
        limit = -self._interval - self._depth_ns
        if step < limit:
            step = self._unwrap(pts, step)
        if step < limit or self._leaps(step, arrival, waited_ns):
            self._mended = True
            self._anchor(pts, self._newest_ns + waited_ns)
        return self._place(pts)

    def _waited(self, arrival: Arrival | None) -> int:
        """Time since the newest picture: what passed, or for recordings what so many pictures usually take."""
        if arrival is None or self._advanced_ns is None:
            return (self._unmoved + 1) * self._interval
        return max(0, arrival.monotonic_ns - self._advanced_ns)

    def _unwrap(self, pts: int, step: int) -> int:
        for wrap in WRAPS:
            unwrapped = step + nanoseconds(wrap, self._time_base)
            if -self._depth_ns <= unwrapped <= LEAP_S * NS_PER_S:
                self._zero_pts -= wrap
                return self._place(pts) - self._newest_ns
        return step

    def _leaps(self, step: int, arrival: Arrival | None, waited_ns: int) -> bool:
        frames_ns = LEAP_FRAMES * self._interval
        if arrival is None:
            return step > max(round(LEAP_S * NS_PER_S), frames_ns)
        if step <= max(TOO_SOON_NS, frames_ns) + waited_ns:
            return False
        delay_ns = arrival.monotonic_ns - self._newest_ns - step
        return self._soonest_ns is not None and delay_ns < self._soonest_ns - TOO_SOON_NS

    def _decoded(self, at_ns: int, pts: int, dts: int) -> int:
        """The decoding time of the packet, which is also kept.

        Once pictures were seen to be shown later than decoded, one that is shown after all others but decoded when it
        is shown has a stamp that FFmpeg could not guess.
        """
        last = self._dts_ns
        offset_ns = _reordering_ns(pts - dts, self._time_base)
        ahead = last is None or at_ns > self._newest_ns
        guessed = offset_ns is None or (ahead and offset_ns == 0 < self._depth_ns)
        own_ns = at_ns - (offset_ns or 0)
        if last is None:
            self._dts_ns = own_ns
        elif not guessed and own_ns >= last + LEAST_STEP_NS:
            self._dts_ns = own_ns
            self._steps.append(own_ns - last)
        else:
            usual = max(last + self._interval, max(at_ns, self._newest_ns) - self._depth_ns)
            self._dts_ns = max(last + LEAST_STEP_NS, min(at_ns, usual))
        if ahead and not guessed:
            self._offsets.append(offset_ns or 0)
        return self._dts_ns

    def _note(self, at_ns: int, arrival: Arrival | None) -> None:
        self._unmoved += 1
        moved = at_ns > self._newest_ns or self._advanced_ns is None
        if moved:
            self._newest_ns, self._unmoved = max(at_ns, self._newest_ns), 0
        if arrival is None:
            return
        if moved:
            self._advanced_ns = arrival.monotonic_ns
        delay_ns = arrival.monotonic_ns - at_ns
        self._soonest_ns = delay_ns if self._soonest_ns is None else min(self._soonest_ns, delay_ns)

    def _place(self, pts: int) -> int:
        return self._zero_ns + nanoseconds(pts - self._zero_pts, self._time_base)

    def _anchor(self, pts: int, ns: int) -> None:
        self._zero_pts, self._zero_ns = pts, ns


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

    def at(
        self, pts: int | None, time_base: Fraction, duration_ns: int, arrival: Arrival | None = None
    ) -> tuple[Instant, int] | None:
        """Capture and decoding time of the next packet of sound; None for what came before the first picture.

        pts          its stamp in ticks of `time_base` seconds; None when it has none
        duration_ns  how long it sounds; 0 when unknown
        arrival      when it came in, for live streams
        """
        placed = self._pictures.place(pts or 0, time_base)
        if placed is None:
            return None
        if pts is None:
            placed = None
        if placed is not None and abs(placed - self._pictures.newest_ns) > NEAR_NS:
            placed = None
        if self._last_ns is None:
            ns = self._pictures.newest_ns if placed is None else placed
            if ns < 0:
                return None
        else:
            ns = max(self._choose(placed, self._own(pts, time_base)), self._last_ns + LEAST_STEP_NS)
        self._last_ns, self._last_pts, self._duration_ns = ns, pts, duration_ns or self._duration_ns
        at = self._pictures.instant(ns)
        return (at if arrival is None else Instant(ns, min(at.utc_ns, arrival.utc_ns))), ns

    def _own(self, pts: int | None, time_base: Fraction) -> int:
        """Where the packet would lie if nothing broke since the one before."""
        assert self._last_ns is not None  # noqa: S101
        follows = self._last_ns + max(self._duration_ns, LEAST_STEP_NS)
        if pts is None or self._last_pts is None:
            return follows
        step = nanoseconds(pts - self._last_pts, time_base)
        return self._last_ns + step if 0 < step <= NEAR_NS else follows

    def _choose(self, placed: int | None, own: int) -> int:
        newest = self._pictures.newest_ns
        astray = abs(own - newest) > NEAR_NS
        if placed is None:
            return min(max(own, newest - NEAR_NS), newest + NEAR_NS)
        if astray or abs(placed - own) <= APART_NS:
            self._apart_since_ns = None
            return placed
        if self._apart_since_ns is None:
            self._apart_since_ns = own
        return own if own - self._apart_since_ns < PATIENCE_NS else placed


def _reordering_ns(ticks: int, time_base: Fraction) -> int | None:
    """How much later than it is decoded a picture is shown, also where one of the stamps wrapped; None for nonsense."""
    offset = nanoseconds(ticks, time_base)
    if 0 <= offset <= MAX_OFFSET_NS:
        return offset
    for wrap in WRAPS:
        unwrapped = nanoseconds((ticks + wrap // 2) % wrap - wrap // 2, time_base)
        if 0 <= unwrapped <= MAX_OFFSET_NS:
            return unwrapped
    return None
