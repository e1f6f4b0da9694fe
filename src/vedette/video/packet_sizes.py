"""Whether something happens, told from the sizes of packets alone."""

from __future__ import annotations

from math import log
from typing import Final

LEARNT: Final = 6
"""Groups of pictures after which sizes are believed."""
_FORGET: Final = 0.08
_SETTLE: Final = 0.01
_LEAST_SPREAD: Final = 0.03
_CLIP: Final = 4.0
_DRIFT: Final = 1.0
_LIMIT: Final = 9.0
_STRICTEST: Final = 8.0
_RELAX: Final = 0.97
_PLACES: Final = 64
_MEAN_TO_DEVIATION: Final = 1.25


class SizeWatch:
    """Notices when the packets between keyframes become larger than they usually are.

    Sensor noise makes sizes jump by a fixed factor now and then, rate control makes them climb through every group of
    pictures, and layered coding makes them alternate. So each place after the keyframe has its own usual size and
    spread (running means of the logarithm, outliers clipped), the slow drift of all of them is taken out, and what is
    left is summed up until it is too much to be chance (E. S. Page, Continuous Inspection Schemes, Biometrika 1954).
    A jump that turns out to be nothing makes it stricter for a while.
    """

    def __init__(self) -> None:
        self._usual: list[float] = []
        self._spread: list[float] = []
        self._seen: list[int] = []
        self._place = 0
        self._groups = 0
        self._level = 0.0
        self._sum = 0.0
        self._strictness = 1.0

    def key(self) -> None:
        """A keyframe came."""
        self._place = 0
        self._groups += 1
        self._strictness = max(1.0, self._strictness * _RELAX)

    def jump(self, size: int) -> bool:
        """Take in the next packet, of `size` bytes; whether it and those before it are more than chance."""
        place, value = self._next_place(), log(max(size, 1))
        if self._seen[place] < LEARNT:
            self._learn_first(place, value)
            return False
        excess = value - self._usual[place] - self._level
        score = excess / max(self._spread[place] * _MEAN_TO_DEVIATION, _LEAST_SPREAD)
        self._learn(place, excess, min(max(score, -_CLIP), _CLIP))
        self._sum = max(0.0, self._sum + min(score, _CLIP) - _DRIFT)
        if self._sum <= _LIMIT * self._strictness or self._groups < LEARNT:
            return False
        self._sum = 0.0
        return True

    def false_alarm(self) -> None:
        """Nothing moved after the last jump."""
        self._strictness = min(self._strictness * 1.5, _STRICTEST)

    def rest(self) -> None:
        """Sizes were not watched for a while."""
        self._sum = 0.0

    def _next_place(self) -> int:
        place = self._place
        self._place += 1
        if place >= _PLACES:
            # Far from the keyframe sizes depend on how often layers come round, not on the keyframe.
            place = _PLACES // 2 + place % (_PLACES // 2)
        while len(self._usual) <= place:
            self._usual.append(0.0)
            self._spread.append(0.0)
            self._seen.append(0)
        return place

    def _learn_first(self, place: int, value: float) -> None:
        count = self._seen[place] = self._seen[place] + 1
        before = self._usual[place]
        self._usual[place] += (value - before) / count
        if count > 1:
            self._spread[place] += (abs(value - before) - self._spread[place]) / (count - 1)

    def _learn(self, place: int, excess: float, score: float) -> None:
        spread = max(self._spread[place], _LEAST_SPREAD / _MEAN_TO_DEVIATION)
        clipped = score * spread * _MEAN_TO_DEVIATION
        self._usual[place] += _FORGET * clipped
        self._spread[place] += _FORGET * (min(abs(excess), _CLIP * spread) - spread)
        self._level += _SETTLE * clipped
