"""How an actor moves: a path in continuous time, so that a scene is the same at every frame rate."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from math import atan2, hypot, pi
from typing import Final

import numpy as np

from vedette.model.detections import Floats

_GRID_S: Final = 0.04
_ROUND_S: Final = 0.45
_TURN_S: Final = 0.3
_STANDING_M_S: Final = 0.25
_NORMAL_M_S: Final = 1.3


@dataclass(frozen=True, slots=True)
class Stop:
    """A way point: go to (x, y) at `speed` m/s, then stay `wait_s`, looking towards `face` (degrees, 0 = along +y)."""

    x: float
    y: float
    speed: float = _NORMAL_M_S
    wait_s: float = 0.0
    face: float | None = None


class Path:
    """Position over time from `start_s` to `end_s`: straight legs between stops, the corners rounded.

    Rounding is the mean of the legs over a short window, in closed form, so position and speed are smooth and exact.
    """

    def __init__(self, start_s: float, stops: Sequence[Stop]) -> None:
        times, points, faces = [start_s], [(stops[0].x, stops[0].y)], []
        if stops[0].wait_s > 0:
            times.append(times[-1] + stops[0].wait_s)
            points.append(points[0])
        for stop in stops[1:]:
            leg = hypot(stop.x - points[-1][0], stop.y - points[-1][1])
            times.append(times[-1] + max(leg / stop.speed, 1e-3))
            points.append((stop.x, stop.y))
            if stop.face is not None:
                faces.append((times[-1], times[-1] + stop.wait_s, stop.face * pi / 180))
            if stop.wait_s > 0:
                times.append(times[-1] + stop.wait_s)
                points.append((stop.x, stop.y))
        self._times, self._points = np.array(times), np.array(points)
        self.start_s, self.end_s = start_s, times[-1]
        steps = np.diff(self._times)[:, None]
        self._sums = np.vstack([np.zeros(2), np.cumsum((self._points[1:] + self._points[:-1]) / 2 * steps, axis=0)])
        self._gait(faces)

    def later(self, seconds: float) -> Path:
        """The same way, so many seconds later."""
        moved = copy(self)
        moved.start_s, moved.end_s = self.start_s + seconds, self.end_s + seconds
        moved._times, moved._grid = self._times + seconds, self._grid + seconds
        return moved

    def position(self, t: Floats) -> Floats:
        """(n, 2) metres at times (n,)."""
        return np.asarray((self._integral(t + _ROUND_S) - self._integral(t - _ROUND_S)) / (2 * _ROUND_S))

    def velocity(self, t: Floats) -> Floats:
        """(n, 2) metres per second at times (n,)."""
        return np.asarray((self._linear(t + _ROUND_S) - self._linear(t - _ROUND_S)) / (2 * _ROUND_S))

    def heading(self, t: Floats) -> Floats:
        """(n,) radians, 0 = along +y, growing to the right (clockwise from above)."""
        return np.interp(t, self._grid, self._heading)

    def distance(self, t: Floats) -> Floats:
        """(n,) metres walked since the start."""
        return np.interp(t, self._grid, self._walked)

    def steps(self, t: Floats) -> Floats:
        """(n,) how often the walking cycle of a body one metre tall has gone round; divide by the stature."""
        return np.interp(t, self._grid, self._cycles)

    def swing(self, t: Floats) -> Floats:
        """(n,) how far the limbs swing: 0 standing, 1 at a normal pace."""
        return np.interp(t, self._grid, self._swing)

    def _linear(self, t: Floats) -> Floats:
        return np.stack([np.interp(t, self._times, self._points[:, i]) for i in (0, 1)], axis=-1)

    def _integral(self, t: Floats) -> Floats:
        inside = np.clip(t, self.start_s, self.end_s)
        leg = np.clip(np.searchsorted(self._times, inside, side="right") - 1, 0, len(self._times) - 2)
        since = (inside - self._times[leg])[:, None]
        here = self._linear(inside)
        area = self._sums[leg] + (self._points[leg] + here) / 2 * since
        return np.asarray(area + here * (t - inside)[:, None])

    def _gait(self, faces: Sequence[tuple[float, float, float]]) -> None:
        """Heading, limb swing and walking cycle on a fine grid that does not depend on any frame rate."""
        self._grid = np.arange(self.start_s, self.end_s + _GRID_S, _GRID_S)
        velocity = self.velocity(self._grid)
        speed = np.hypot(velocity[:, 0], velocity[:, 1])
        raw = np.arctan2(velocity[:, 0], velocity[:, 1])
        moving = speed > _STANDING_M_S
        if not moving.any():
            raw[:] = atan2(*(self._points[-1] - self._points[0]))
            moving[:] = True
        source = np.maximum.accumulate(np.where(moving, np.arange(len(raw)), 0))
        source[: int(moving.argmax())] = int(moving.argmax())
        raw = raw[source]
        for since, until, angle in faces:
            raw[(self._grid >= since) & (self._grid <= until)] = angle
        self._heading = _smooth(np.unwrap(raw), round(_TURN_S / _GRID_S))
        swing = np.minimum(1.15, (speed / _NORMAL_M_S) ** 0.7)
        self._swing = _smooth(swing, 2)
        cadence = speed / (0.86 * np.maximum(swing, 0.25))
        self._cycles: Floats = np.concatenate([[0.0], np.cumsum(cadence[:-1]) * _GRID_S])
        self._walked: Floats = np.concatenate([[0.0], np.cumsum(speed[:-1]) * _GRID_S])


def _smooth(values: Floats, half: int) -> Floats:
    padded = np.pad(values, half, mode="edge")
    return np.convolve(padded, np.full(2 * half + 1, 1 / (2 * half + 1)), mode="valid")
