"""Media time as a camera stamps it: straight, or bent by a fault."""

from __future__ import annotations

from vedette.simulator.cameras.faults import BackwardStamps, SlowClock, StallStamps

Bend = StallStamps | BackwardStamps | SlowClock
_MILLION = 1e6


class Stamps:
    """The clock behind a camera's RTP time stamps."""

    def __init__(self) -> None:
        self._ahead_s = 0.0
        self._bend: Bend | None = None
        self._since_s = 0.0

    def of(self, at_s: float) -> float:
        """The stamp, in seconds, of what belongs to media time `at_s`."""
        return self._ahead_s + self._bent(at_s)

    def jump(self, seconds: float) -> None:
        """Go on somewhere else."""
        self._ahead_s += seconds

    def bend(self, bend: Bend, at_s: float) -> None:
        """From `at_s` on run as `bend` says."""
        self.straighten(at_s)
        self._bend, self._since_s = bend, at_s

    def straighten(self, at_s: float) -> None:
        """Run as fast as real time again: a slow clock goes on from where it is, others catch up at once."""
        if isinstance(self._bend, SlowClock):
            self._ahead_s += self._bent(at_s) - at_s
        self._bend = None

    def _bent(self, at_s: float) -> float:
        match self._bend:
            case StallStamps():
                return self._since_s
            case BackwardStamps():
                return 2 * self._since_s - at_s
            case SlowClock(ppm):
                return at_s - (at_s - self._since_s) * ppm / _MILLION
            case None:
                return at_s
