"""One time for all runs of a camera, so that rules remember across a lost connection."""

from __future__ import annotations

from dataclasses import replace

from vedette.analytics.replay import in_stream_time
from vedette.model.events import RuleEvent
from vedette.model.media import Frame
from vedette.model.time import NS_PER_S, Instant
from vedette.model.track_line import TrackLine


class RunTime:
    """Shifts the stream time of each run so that it goes on where the one before ended, pauses included.

    The first run is not shifted.
    """

    def __init__(self) -> None:
        self._shift_ns = 0
        self._last_ns: int | None = None
        self._heard_ns = 0
        self._utc_ns = 0

    def begin(self, first: Instant, heard_ns: int) -> None:
        """Another run begins with a packet captured at `first`, heard at `heard_ns` of a steady clock."""
        if self._last_ns is not None:
            pause_ns = max(heard_ns - self._heard_ns, NS_PER_S // 1000)
            self._shift_ns = self._last_ns + pause_ns - first.stream_ns

    def hear(self, at: Instant, heard_ns: int) -> None:
        """A packet captured at `at` of this run was heard at `heard_ns`."""
        place_ns = at.stream_ns + self._shift_ns
        self._last_ns = place_ns if self._last_ns is None else max(self._last_ns, place_ns)
        self._heard_ns, self._utc_ns = heard_ns, at.utc_ns

    def now(self, heard_ns: int) -> Instant | None:
        """The present moment by the camera's clocks, told without a packet; None before the first."""
        if self._last_ns is None:
            return None
        waited_ns = max(heard_ns - self._heard_ns, 0)
        return Instant(self._last_ns + waited_ns, self._utc_ns + waited_ns)

    def frame(self, frame: Frame) -> Frame:
        """`frame` at its place in this time."""
        if not self._shift_ns:
            return frame
        return replace(frame, at=Instant(frame.at.stream_ns + self._shift_ns, frame.at.utc_ns))

    def event(self, event: RuleEvent) -> RuleEvent:
        """`event` in the stream time of the present run."""
        return in_stream_time(event, -self._shift_ns)

    def in_run(self, stream_ns: int) -> int:
        """The same in the stream time of the present run."""
        return stream_ns - self._shift_ns

    def line(self, line: TrackLine) -> TrackLine:
        """`line` in the stream time of the present run."""
        if not self._shift_ns:
            return line
        return replace(line, at_ns=line.at_ns - self._shift_ns, ended_ns=line.ended_ns - self._shift_ns)
