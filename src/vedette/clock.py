"""The only place that asks the machine for the time."""

from __future__ import annotations

import time


class SystemClock:
    """The machine's clocks."""

    def utc_ns(self) -> int:
        """Nanoseconds since 1970 by the wall clock."""
        return time.time_ns()

    def monotonic_ns(self) -> int:
        """Nanoseconds of a clock that never steps."""
        return time.monotonic_ns()

    def cpu_ns(self) -> int:
        """Nanoseconds of processor time this process has used, all threads together."""
        return time.process_time_ns()

    def sleep(self, seconds: float) -> None:
        """Block this thread."""
        time.sleep(seconds)


class SimulatedClock:
    """Time that moves only when told to, or when somebody sleeps."""

    def __init__(self, utc_ns: int = 1_700_000_000_000_000_000) -> None:
        self._utc_ns = utc_ns
        self._monotonic_ns = 0

    def utc_ns(self) -> int:
        """Simulated wall clock."""
        return self._utc_ns

    def monotonic_ns(self) -> int:
        """Simulated steady clock."""
        return self._monotonic_ns

    def sleep(self, seconds: float) -> None:
        """Move both clocks on, at once."""
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        """Move both clocks on by `seconds`."""
        self._utc_ns += round(seconds * 1e9)
        self._monotonic_ns += round(seconds * 1e9)

    def step(self, seconds: float) -> None:
        """Set the wall clock, as an administrator or NTP would; the steady clock does not move."""
        self._utc_ns += round(seconds * 1e9)
