"""How boxes move: one constant-velocity Kalman filter per track and coordinate, all of them at once.

A box is (centre x, centre y, width, height). Each coordinate has a position and a velocity of its own, so a filter is
three numbers of covariance and needs no matrix inversion. Noise is in units of the box's own size, which makes the
filter indifferent to distance, resolution and the picture's aspect. Time is in seconds: steps may be of any length,
zero included. (Textbook constant-velocity model with white-noise acceleration: Bar-Shalom, Li and Kirubarajan,
"Estimation with Applications to Tracking and Navigation", 2001, section 6.2.)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vedette.model.detections import Floats

Bank = NDArray[np.void]
"""Structured array with one row per track; the fields used here are those of `FIELDS`."""

FIELDS: list[tuple[Any, ...]] = [
    ("pos", np.float64, (4,)),
    ("vel", np.float64, (4,)),
    ("pp", np.float64, (4,)),
    ("pv", np.float64, (4,)),
    ("vv", np.float64, (4,)),
]
"""Position and velocity (per second) of centre x, centre y, width, height; their variances and covariance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Motion:
    """What is known of movement, in box sizes (widths for x, heights for y) and seconds.

    measured   standard deviation of a detected position at score 1
    unsure     what a score of 0 adds to that
    pace       standard deviation of the velocity of something just born
    swerve     standard deviation of the change of velocity in one second
    resize     factor on both for width and height, which change more slowly than the place
    coast_s    after this time without a sight of it, 1/e of a track's velocity is left
    """

    measured: float = 0.06
    unsure: float = 0.1
    pace: float = 2.5
    swerve: float = 1.0
    resize: float = 0.25
    coast_s: float = 1.0

    def start(self, bank: Bank, z: Floats, score: Floats) -> None:
        """Begin at the measured boxes `z` (n, 4), velocity unknown."""
        size = _size(z)
        bank["pos"], bank["vel"], bank["pv"] = z, 0.0, 0.0
        bank["pp"] = self._noise(size, score)
        bank["vv"] = (self.pace * self._slow() * size) ** 2

    def predict(self, bank: Bank, dt: float, coasting: NDArray[np.bool_]) -> None:
        """Move everything on by `dt` seconds. The velocity of `coasting` (n,) tracks dies away."""
        if dt <= 0.0 or not len(bank):
            return
        fade = np.exp(-dt / self.coast_s)
        bank["vel"][:, 2:] *= fade
        reach = np.where(coasting, self.coast_s * (1.0 - fade), dt)[:, None]
        bank["pos"] += bank["vel"] * reach
        bank["vel"] *= np.where(coasting, fade, 1.0)[:, None]
        np.maximum(bank["pos"][:, 2:], 1e-4, out=bank["pos"][:, 2:])
        q = (self.swerve * self._slow() * _size(bank["pos"])) ** 2
        bank["pp"] += 2.0 * dt * bank["pv"] + dt * dt * bank["vv"] + q * (dt**3 / 3.0)
        bank["pv"] += dt * bank["vv"] + q * (dt * dt / 2.0)
        bank["vv"] += q * dt

    def update(self, bank: Bank, rows: NDArray[np.int64], z: Floats, score: Floats) -> None:
        """Take in the measured boxes `z` (k, 4) of the tracks `rows` (k,)."""
        pp, pv = bank["pp"][rows], bank["pv"][rows]
        total = pp + self._noise(_size(z), score)
        gain, push = pp / total, pv / total
        miss = z - bank["pos"][rows]
        bank["pos"][rows] += gain * miss
        bank["vel"][rows] += push * miss
        bank["pp"][rows] = (1.0 - gain) * pp
        bank["vv"][rows] -= push * pv
        bank["pv"][rows] = (1.0 - gain) * pv

    def resume(
        self, bank: Bank, rows: NDArray[np.int64], z: Floats, score: Floats, before: Floats, gap: Floats
    ) -> None:
        """Take up tracks again after a gap: the straight way from the box `before` (k, 4) seen `gap` (k,) seconds ago.

        What the filter believed while it saw nothing is thrown away (the idea of OC-SORT's re-update, arXiv 2203.14360).
        """
        size = _size(z)
        noise = self._noise(size, score)
        seconds = np.maximum(gap, 1e-3)[:, None]
        bank["pos"][rows] = z
        velocity = (z - before) / seconds
        velocity[:, 2:] = 0.0
        bank["vel"][rows] = velocity
        bank["pp"][rows] = noise
        bank["pv"][rows] = noise / seconds
        bank["vv"][rows] = np.minimum(
            2.0 * noise / seconds**2 + (self.swerve * self._slow() * size) ** 2 * seconds / 3.0,
            (self.pace * self._slow() * size) ** 2,
        )

    def _slow(self) -> Floats:
        return np.array([1.0, 1.0, self.resize, self.resize])

    def _noise(self, size: Floats, score: Floats) -> Floats:
        return np.asarray(((self.measured + self.unsure * (1.0 - score))[:, None] * size) ** 2)


def _size(z: Floats) -> Floats:
    """(n, 4) width, height, width, height."""
    return np.asarray(z[:, [2, 3, 2, 3]])


def to_center(box: Floats) -> Floats:
    """Corners (n, 4) to centre and size."""
    return np.hstack(((box[:, :2] + box[:, 2:]) / 2.0, box[:, 2:] - box[:, :2]))


def to_corners(z: Floats) -> Floats:
    """Centre and size (n, 4) to corners."""
    half = z[:, 2:] / 2.0
    return np.hstack((z[:, :2] - half, z[:, :2] + half))
