"""Capture time: the only time that rules and trackers know."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

NS_PER_S: Final = 1_000_000_000


@dataclass(frozen=True, slots=True, order=True)
class Instant:
    """When a picture was captured.

    stream_ns  nanoseconds since the start of the run; never decreases within a run and is the same in a replay
    utc_ns     nanoseconds since 1970-01-01T00:00Z by the best clock known for the source; may step
    """

    stream_ns: int
    utc_ns: int

    @property
    def stream_s(self) -> float:
        """Seconds since the start of the run."""
        return self.stream_ns / NS_PER_S

    @property
    def utc(self) -> datetime:
        """The same moment as an aware datetime, to the microsecond."""
        return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=self.utc_ns // 1000)

    def seconds_since(self, earlier: Instant) -> float:
        """Stream seconds from `earlier` to this instant."""
        return (self.stream_ns - earlier.stream_ns) / NS_PER_S

    def shifted(self, ns: int) -> Instant:
        """The instant `ns` nanoseconds later (earlier when negative) on both clocks."""
        return Instant(self.stream_ns + ns, self.utc_ns + ns)


def rfc3339(utc_ns: int) -> str:
    """`utc_ns` as RFC 3339 in UTC with milliseconds, for example `2026-11-22T16:31:00.250Z`."""
    moment = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=utc_ns // 1_000_000)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
