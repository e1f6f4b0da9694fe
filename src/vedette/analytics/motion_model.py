"""How boxes move: one constant-velocity Kalman filter per track and coordinate, all of them at once.

A box is (centre x, centre y, width, height) in picture heights. Each coordinate has a position and a velocity of its
own, so a filter is three numbers of covariance and needs no matrix inversion. Noise is in units of the box's own size,
the root of its area, which makes the filter indifferent to distance and resolution. Time is in seconds: steps may be of
any length, zero included. (Textbook constant-velocity model with white-noise acceleration: Bar-Shalom, Li and
Kirubarajan, "Estimation with Applications to Tracking and Navigation", 2001, section 6.2.)
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import exp

import numpy as np

from vedette.analytics.bank import Bank, rows_of
from vedette.model.detections import Bools, Floats, Ints

FIELDS: dict[str, tuple[type, int]] = dict.fromkeys(("pos", "vel", "pp", "pv", "vv"), (np.float64, 4))
"""Columns of a bank that the filter keeps: position and velocity (per second) of centre x, centre y, width, height;
their variances and covariance."""

LEAST_SIZE = 1e-4
"""A predicted width or height never falls below this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Motion:
    """What is known of movement: standard deviations in box sizes and seconds, (place, size) where there are two.

    measured   of a detected centre, and of a detected width or height, at score 1
    unsure     a score of 0 multiplies that by 1 + this
    pace       of the velocity of something just born and on foot; `start` is told how much faster others are
    swerve     of the change of velocity within one second
    settle_s   time in which a change of size dies away
    coast_s    time in which the velocity of something unseen dies away
    """

    measured: tuple[float, float] = (0.055, 0.085)
    unsure: float = 1.0
    pace: tuple[float, float] = (1.7, 0.42)
    swerve: tuple[float, float] = (0.27, 0.085)
    settle_s: float = 1.0
    coast_s: float = 3.0

    def start(self, bank: Bank, z: Floats, score: Floats, faster: Floats) -> None:
        """Begin at the measured boxes `z` (n, 4), velocity unknown but `faster` (n,) times that of people."""
        bank["pos"], bank["vel"], bank["pv"] = z, 0.0, 0.0
        bank["pp"] = self.noise(z, score)
        bank["vv"] = self._variance(self.pace, z) * (faster**2)[:, None]

    def predict(self, bank: Bank, dt: float, coasting: Bools) -> None:
        """Move everything on by `dt` seconds. The velocity of `coasting` (n,) tracks dies away."""
        if dt <= 0.0 or not len(bank):
            return
        pos, vel, pp, pv, vv = (bank[name] for name in ("pos", "vel", "pp", "pv", "vv"))
        fade = exp(-dt / self.coast_s)
        vel[:, 2:] *= exp(-dt / self.settle_s)
        pos += vel * np.where(coasting, self.coast_s * (1.0 - fade), dt)[:, None]
        vel *= np.where(coasting, fade, 1.0)[:, None]
        np.maximum(pos[:, 2:], LEAST_SIZE, out=pos[:, 2:])
        q = self._variance(self.swerve, pos)
        pp += dt * (2.0 * pv + dt * vv) + q * (dt**3 / 3.0)
        pv += dt * vv + q * (dt * dt / 2.0)
        vv += q * dt

    def update(self, bank: Bank, rows: Ints, z: Floats, score: Floats) -> None:
        """Take in the measured boxes `z` (k, 4) of the tracks `rows` (k,)."""
        if not len(rows):
            return
        pos, vel, pp, pv, vv = (bank[name] for name in ("pos", "vel", "pp", "pv", "vv"))
        # All rows are worked on, which costs less than picking some; infinite noise leaves the others as they are.
        noise, miss = np.full(pos.shape, np.inf, order="F"), np.zeros(pos.shape, order="F")
        noise[rows], miss[rows] = self.noise(z, score), z - rows_of(pos, rows)
        total = pp + noise
        gain, push = pp / total, pv / total
        pos += gain * miss
        vel += push * miss
        pp -= gain * pp
        vv -= push * pv
        pv -= gain * pv

    def resume(self, bank: Bank, rows: Ints, before: Floats, gap: Floats, z: Floats, score: Floats) -> None:  # noqa: PLR0917
        """Take up tracks that were not seen since they were at `before` (k, 4), `gap` (k,) seconds ago.

        The place is where it is seen now. The velocity is that of the straight way between the two sights, weighed
        with what was known before, so that errors gathered while blind are undone (the purpose of the re-update of
        OC-SORT, arXiv 2203.14360).
        """
        if not len(rows):
            return
        seconds = np.maximum(gap, 1e-3)[:, None]
        noise, most = self.noise(z, score), self._variance(self.pace, z)
        straight = 2.0 * noise / seconds**2 + self._variance(self.swerve, z) * seconds / 3.0
        speed, doubt = rows_of(bank["vel"], rows), rows_of(bank["vv"], rows)
        weight = doubt / (doubt + straight)
        velocity = speed + weight * ((z - before) / seconds - speed)
        velocity[:, 2:] = 0.0
        known = np.minimum(weight * straight, most)
        bank["pos"][rows], bank["vel"][rows], bank["pp"][rows], bank["vv"][rows] = z, velocity, noise, known
        bank["pv"][rows] = np.minimum(noise / seconds, 0.9 * np.sqrt(noise * known))

    def noise(self, z: Floats, score: Floats) -> Floats:
        """(n, 4) variances of boxes measured at `z` (n, 4) with `score` (n,)."""
        return self._variance(self.measured, z) * ((1.0 + self.unsure * (1.0 - score)) ** 2)[:, None]

    @staticmethod
    def _variance(pair: tuple[float, float], z: Floats) -> Floats:
        return np.asarray((_squares(*pair) * (z[:, 2] * z[:, 3])).T)


@cache
def _squares(place: float, size: float) -> Floats:
    """(4, 1) squares of the deviations of a box's coordinates."""
    return np.array([[place], [place], [size], [size]]) ** 2


def to_center(box: Floats, aspect: float) -> Floats:
    """Corners (n, 4) in 0..1 of the picture to centre and size in picture heights."""
    corner, size = box[:, :2], box[:, 2:] - box[:, :2]
    return np.asarray(np.concatenate((corner + size / 2.0, size), axis=1) * np.array([aspect, 1.0, aspect, 1.0]))


def to_corners(z: Floats, aspect: float) -> Floats:
    """Centre and size (n, 4) in picture heights to corners in 0..1 of the picture."""
    half = z[:, 2:] / 2.0
    return np.asarray(np.concatenate((z[:, :2] - half, z[:, :2] + half), axis=1) / np.array([aspect, 1.0, aspect, 1.0]))
