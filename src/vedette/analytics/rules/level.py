"""A number of people over time, and when it is too many for too long."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from vedette.analytics.rules.announce import Announcer
from vedette.model.events import RuleEvent
from vedette.model.time import NS_PER_S, Instant, rfc3339

KEEP_MINUTES: Final = 1440
_MINUTE_NS: Final = 60 * NS_PER_S


class Level:
    """Says `exceeded` at the moment at which the number had been above `limit` for `for_s`, and `cleared`."""

    def __init__(self, announcer: Announcer, limit: int | None, for_s: float) -> None:
        self._announcer = announcer
        self._limit, self._for_ns = limit, round(for_s * NS_PER_S)
        self._number = 0
        self._over: tuple[Instant, int] | None = None
        self._said = False
        self._raised_at: Instant | None = None
        self._minutes: OrderedDict[int, _Minute] = OrderedDict()
        self._last: Instant | None = None
        self._most = 0

    @property
    def number(self) -> int:
        """How many there are now."""
        return self._number

    def change(self, number: int, at: Instant, frame: int, known_at: Instant) -> list[RuleEvent]:
        """The number became `number` at `at`, as is known at `known_at`."""
        found = self._check(at, frame, known_at)
        self._number = number
        self._most = max(self._most, number)
        over = self._limit is not None and number > self._limit
        if over and self._over is None:
            self._over = (at, frame)
        elif not over and self._over is not None:
            found += self._clear(at, frame, known_at)
        return found + self._check(at, frame, known_at)

    def tick(self, now: Instant, frame: int) -> list[RuleEvent]:
        """Time went on."""
        if self._last is not None:
            self._minute(self._last).add(self._number, max(0, now.stream_ns - self._last.stream_ns))
        self._minute(now).add(self._number, 0)
        self._last = now
        return self._check(now, frame, now)

    def _check(self, at: Instant, frame: int, known_at: Instant) -> list[RuleEvent]:
        if self._over is None or self._raised_at is not None or self._limit is None:
            return []
        since, first = self._over
        if at.stream_ns - since.stream_ns < self._for_ns:
            return []
        self._raised_at = since.shifted(self._for_ns)
        whole = at.stream_ns - since.stream_ns
        reached = first + round((frame - first) * self._for_ns / whole) if whole > 0 else frame
        said = self._announcer.say("exceeded", self._raised_at, reached, known_at, value=float(self._number))
        self._said = bool(said)
        return said

    def _clear(self, at: Instant, frame: int, known_at: Instant) -> list[RuleEvent]:
        raised, said = self._raised_at, self._said
        self._over = self._raised_at = None
        self._said = False
        if raised is None or not said:
            return []
        return self._announcer.say("cleared", max(at, raised), frame, known_at, always=True, value=float(self._number))

    def _minute(self, at: Instant) -> _Minute:
        start = at.utc_ns // _MINUTE_NS
        if start not in self._minutes:
            self._minutes[start] = _Minute()
            if len(self._minutes) > KEEP_MINUTES:
                self._minutes.popitem(last=False)
        return self._minutes[start]

    def values(self) -> dict[str, object]:
        """`now`, `most`, and `per_minute` of the last day: `start`, `most` and time-weighted `mean` of each."""
        return {
            "now": self._number,
            "most": self._most,
            "per_minute": [
                {"start": rfc3339(start * _MINUTE_NS), "most": minute.most, "mean": round(minute.mean, 3)}
                for start, minute in self._minutes.items()
            ],
        }


class _Minute:
    """The number over one minute."""

    __slots__ = ("_last", "_ns", "_people_ns", "most")

    def __init__(self) -> None:
        self.most = 0
        self._people_ns = self._ns = 0
        self._last = 0

    def add(self, number: int, ns: int) -> None:
        self.most = max(self.most, number)
        self._people_ns += number * ns
        self._ns += ns
        self._last = number

    @property
    def mean(self) -> float:
        return self._people_ns / self._ns if self._ns else float(self._last)
