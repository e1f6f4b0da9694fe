"""Figures over time, kept in bins that grow with the video: memory stays bounded however long it runs."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Final

_WIDTHS_S: Final = (1, 60, 3600, 86_400)
_MOST_BINS: Final = 7200
_INTERVALS_S: Final = (
    *(1, 2, 5, 10, 15, 30),
    *(60, 120, 300, 600, 900, 1800),
    *(3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800),
)
_MOST_BARS: Final = 26


def interval_s(duration_s: float) -> int:
    """How many seconds one bar of a chart of `duration_s` covers: a round number that gives at most 26 bars."""
    return next((width for width in _INTERVALS_S if width * _MOST_BARS >= duration_s), _INTERVALS_S[-1])


def interval_words(seconds: int) -> str:
    """`seconds`, one of the intervals, after "per": `10 seconds`, `minute`, `2 hours`."""
    for size, unit in ((604_800, "week"), (86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second")):
        if seconds % size == 0:
            count = seconds // size
            return unit if count == 1 else f"{count} {unit}s"
    return f"{seconds} seconds"


@dataclass(frozen=True, slots=True)
class Series:
    """`values[i]` belongs to the `interval_s` seconds of stream time from `first_s + i * interval_s` on."""

    first_s: int
    interval_s: int
    values: tuple[float, ...]


class Timeline:
    """Sums of amounts by key and time. Bins are one second wide, and a minute, an hour, a day as the span grows."""

    def __init__(self) -> None:
        self._level = 0
        self._bins: dict[Hashable, dict[int, float]] = {}

    def add(self, key: Hashable, at_s: float, amount: float = 1.0) -> None:
        """Add `amount` to `key` at stream time `at_s`."""
        while at_s >= _WIDTHS_S[self._level] * _MOST_BINS and self._level < len(_WIDTHS_S) - 1:
            self._widen()
        bins = self._bins.setdefault(key, {})
        position = max(0, int(at_s // _WIDTHS_S[self._level]))
        bins[position] = bins.get(position, 0.0) + amount

    def _widen(self) -> None:
        ratio = _WIDTHS_S[self._level + 1] // _WIDTHS_S[self._level]
        self._level += 1
        for key, bins in self._bins.items():
            wider: dict[int, float] = {}
            for position, amount in bins.items():
                wider[position // ratio] = wider.get(position // ratio, 0.0) + amount
            self._bins[key] = wider

    def series(self, key: Hashable, start_s: float, end_s: float) -> Series:
        """The sums of `key` over [start_s, end_s), in bars whose width is a round number and whose edges are too.

        The width follows the span, and is never finer than what was kept.
        """
        width = max(interval_s(end_s - start_s), _WIDTHS_S[self._level])
        first = int(start_s // width)
        count = max(1, int(-(-end_s // width)) - first)
        values = [0.0] * count
        for position, amount in self._bins.get(key, {}).items():
            bar = position * _WIDTHS_S[self._level] // width - first
            values[min(max(bar, 0), count - 1)] += amount
        return Series(first * width, width, tuple(values))
