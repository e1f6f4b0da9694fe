"""How much of a thing a camera shows at a distance: pixels per metre by the pinhole model.

The classes are those of IEC 62676-4:2014 (video surveillance systems for use in security applications, application
guidelines), which states them as millimetres a pixel in the plane of the target. Everything else is similar triangles:
with the focal length in pixels f = (width / 2) / tan(horizontal angle / 2), a target at depth z along the optical axis
shows f / z pixels per metre. Wide lenses deviate from the pinhole towards the picture's edges.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

MM_PER_PX: Final = {"monitor": 80.0, "detect": 40.0, "observe": 16.0, "recognise": 8.0, "identify": 4.0, "inspect": 1.0}
"""Class of IEC 62676-4 to the most millimetres of the target that one pixel may cover, from coarse to fine."""

PX_PER_M: Final = {name: 1000.0 / mm for name, mm in MM_PER_PX.items()}
"""The same as least pixels per metre: 12.5, 25, 62.5, 125, 250, 1000."""

WIDEST_DEG: Final = 150.0
"""Lenses wider than this do not follow the pinhole model even roughly."""

SENSOR_WIDTH_MM: Final = {
    "1/4": 3.6,
    "1/3.6": 4.0,
    "1/3": 4.8,
    "1/2.9": 4.96,
    "1/2.8": 5.14,
    "1/2.7": 5.37,
    "1/2.5": 5.76,
    "1/2": 6.4,
    "1/1.8": 7.18,
    "1/1.7": 7.6,
    "2/3": 8.8,
    "1/1.2": 10.67,
    "1": 12.8,
    "4/3": 17.3,
}
"""Optical format in inches to the usual width of the active area in millimetres; makers differ by a few per cent."""


def angle_of_lens(focal_mm: float, sensor_width_mm: float) -> float:
    """Horizontal angle in degrees that a lens shows on a sensor: 2 atan(width / (2 focal length))."""
    if focal_mm <= 0.0 or sensor_width_mm <= 0.0:
        raise ValueError("focal length and sensor width must be greater than 0 mm")
    return math.degrees(2.0 * math.atan(sensor_width_mm / (2.0 * focal_mm)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """A pinhole camera over flat ground.

    width, height   of the picture in pixels
    hfov_deg        angle the picture shows from its left to its right edge
    mounted_m       height of the lens above the ground
    tilt_deg        how far the optical axis points below the horizon, 0..90
    """

    width: int
    height: int
    hfov_deg: float
    mounted_m: float
    tilt_deg: float

    def __post_init__(self) -> None:
        values = (self.hfov_deg, self.mounted_m, self.tilt_deg)
        if not all(math.isfinite(value) for value in values):
            raise ValueError("angles and heights must be finite numbers")
        if not (16 <= self.width <= 100_000 and 16 <= self.height <= 100_000):
            raise ValueError(f"a picture of {self.width}x{self.height} pixels is not possible")
        if not 0.5 <= self.hfov_deg <= WIDEST_DEG:
            raise ValueError(f"the horizontal angle must lie between 0.5 and {WIDEST_DEG:g} degrees")
        if not 0.1 <= self.mounted_m <= 500.0:
            raise ValueError("the camera must be mounted between 0.1 and 500 m above the ground")
        if not 0.0 <= self.tilt_deg <= 90.0:
            raise ValueError("the tilt must lie between 0 (level) and 90 degrees (straight down)")

    @property
    def focal_px(self) -> float:
        """Focal length in pixels."""
        return self.width / 2.0 / math.tan(math.radians(self.hfov_deg) / 2.0)

    @property
    def vfov_deg(self) -> float:
        """Angle the picture shows from its top to its bottom edge."""
        return math.degrees(2.0 * math.atan(self.height / 2.0 / self.focal_px))

    def depth(self, distance_m: float, above_ground_m: float = 0.0) -> float:
        """Metres along the optical axis to a point straight ahead, `distance_m` away over the ground."""
        tilt = math.radians(self.tilt_deg)
        return distance_m * math.cos(tilt) + (self.mounted_m - above_ground_m) * math.sin(tilt)

    def px_per_m(self, distance_m: float, above_ground_m: float = 0.0) -> float:
        """Pixels per metre across the view at that point; infinite at the lens and behind it."""
        depth = self.depth(distance_m, above_ground_m)
        return self.focal_px / depth if depth > 0.0 else math.inf

    def row(self, distance_m: float, above_ground_m: float = 0.0) -> float:
        """Where a point straight ahead appears: 0 the picture's top edge, 1 its bottom edge, beyond when outside."""
        tilt = math.radians(self.tilt_deg)
        depth = self.depth(distance_m, above_ground_m)
        if depth <= 0.0:
            return math.inf
        down = (self.mounted_m - above_ground_m) * math.cos(tilt) - distance_m * math.sin(tilt)
        return 0.5 + self.focal_px * down / depth / self.height

    def person_px(self, distance_m: float, person_m: float) -> float:
        """Height in pixels of an upright person, as far as it lies within the picture."""
        feet, head = (min(max(self.row(distance_m, above), 0.0), 1.0) for above in (0.0, person_m))
        return (feet - head) * self.height

    def half_width_m(self, distance_m: float, above_ground_m: float = 0.0) -> float:
        """Metres to either side that the picture shows at that distance."""
        return max(self.depth(distance_m, above_ground_m), 0.0) * math.tan(math.radians(self.hfov_deg) / 2.0)

    def nearest(self, above_ground_m: float = 0.0) -> float:
        """Least distance over the ground at which something so high is in the picture; nearer lies the blind zone.

        Infinite when it never comes into the picture, as something above a camera that only looks down.
        """
        below = self.mounted_m - above_ground_m
        if below < 0.0:
            above_horizon = self.vfov_deg / 2.0 - self.tilt_deg
            return -below / math.tan(math.radians(above_horizon)) if above_horizon > 0.0 else math.inf
        lower_edge = math.radians(self.tilt_deg + self.vfov_deg / 2.0)
        return below / math.tan(lower_edge) if lower_edge < math.pi / 2 else 0.0

    def farthest(self, above_ground_m: float = 0.0) -> float:
        """Greatest distance over the ground at which something so high is still in the picture; may be infinite."""
        below = self.mounted_m - above_ground_m
        upper_edge = math.radians(self.tilt_deg - self.vfov_deg / 2.0)
        if upper_edge <= 0.0:
            return math.inf
        return max(below / math.tan(upper_edge), 0.0)

    def reach(self, px_per_m: float, above_ground_m: float = 0.0) -> float:
        """Distance over the ground up to which a point so high is shown with at least that many pixels per metre.

        0 when it is not reached anywhere in front of the camera, infinite for a camera that looks straight down and
        reaches it (its depth does not grow with the distance).
        """
        tilt = math.radians(self.tilt_deg)
        rest = self.focal_px / px_per_m - (self.mounted_m - above_ground_m) * math.sin(tilt)
        if rest < 0.0:
            return 0.0
        return rest / math.cos(tilt) if self.tilt_deg < 90.0 else math.inf


def level_top(camera: Camera) -> Camera:
    """The camera tilted so that the horizon lies on the upper edge: the least blind zone that wastes no sky."""
    return replace(camera, tilt_deg=min(camera.vfov_deg / 2.0, 90.0))


@dataclass(frozen=True, slots=True)
class Band:
    """Distances over the ground at which a class of IEC 62676-4 is met; empty when `to_m` is not beyond `from_m`."""

    name: str
    px_per_m: float
    from_m: float
    to_m: float

    @property
    def empty(self) -> bool:
        """Whether the class is met nowhere in view."""
        return self.to_m <= self.from_m


def bands(camera: Camera, target_m: float) -> list[Band]:
    """Where each class is met for the top of a target of that height (a face), coarse to fine.

    From where the top of the target is in view, to where the class, or the view of it, ends.
    """
    near, far = camera.nearest(target_m), camera.farthest(target_m)
    return [Band(name, density, near, min(camera.reach(density, target_m), far)) for name, density in PX_PER_M.items()]


def class_at(px_per_m: float) -> str:
    """The finest class of IEC 62676-4 met at that many pixels per metre, or nothing."""
    return next((name for name, least in reversed(PX_PER_M.items()) if px_per_m >= least), "")
