"""The pinhole camera that looks at a scene, and the picture it makes.

World coordinates are metres: x to the right, y away from the camera along the ground, z up; the camera stands over
the origin and looks along y, tilted down.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, radians, sin

import numpy as np

from vedette.model.detections import Floats

NEAR_M = 0.3
"""Points nearer than this to the lens are drawn as if they were this far."""


@dataclass(frozen=True, slots=True)
class Camera:
    """Where the camera hangs and what lens it has.

    height_m    over the ground
    tilt_deg    downwards from the horizontal
    focal       focal length in picture heights
    """

    height_m: float
    tilt_deg: float
    focal: float


@dataclass(frozen=True, slots=True)
class View:
    """A camera with a picture of `width` x `height` pixels."""

    camera: Camera
    width: int
    height: int

    @property
    def aspect(self) -> float:
        """Width divided by height."""
        return self.width / self.height

    def project(self, points: Floats) -> tuple[Floats, Floats]:
        """World points (..., 3) to pixels (..., 2) and to the pixels that one metre covers there (...)."""
        tilt = radians(self.camera.tilt_deg)
        x, y, z = points[..., 0], points[..., 1], points[..., 2] - self.camera.height_m
        depth = np.maximum(y * cos(tilt) - z * sin(tilt), NEAR_M)
        up = y * sin(tilt) + z * cos(tilt)
        scale = self.camera.focal * self.height / depth
        px = np.stack([self.width / 2 + x * scale, self.height / 2 - up * scale], axis=-1)
        return px, scale

    def pixels(self, points: Sequence[Sequence[float]]) -> Floats:
        """(n, 2) pixels of world points [x, y] on the ground or [x, y, z]."""
        world = np.array([[*p, 0.0][:3] for p in points], float)
        return self.project(world)[0]

    def relative(self, points: Sequence[Sequence[float]]) -> tuple[tuple[float, float], ...]:
        """World points in 0..1 of the picture, moved into it, and rounded as they are written into files."""
        px = np.clip(self.pixels(points) / [self.width, self.height], 0.0, 1.0)
        return tuple((round(float(x), 4), round(float(y), 4)) for x, y in px)
