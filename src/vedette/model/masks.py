"""Parts of a picture that nobody is to see."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from vedette.model.detections import Bools
from vedette.model.geometry import Point, Polygon
from vedette.model.media import Image

GREY: Final = 96
"""What covers. A solid colour, since a blur can be undone."""
_PROBES: Final = (0.0, 0.5, 0.999)


class Masks:
    """Zones, corners in 0..1 of the picture, that are covered in every picture. Raises ValueError where one is none."""

    def __init__(self, zones: Sequence[Sequence[Point]]) -> None:
        self._zones = [Polygon(tuple(zone)) for zone in zones]
        self._covered: dict[tuple[int, int], Bools] = {}

    def __bool__(self) -> bool:
        return bool(self._zones)

    def cover(self, image: Image) -> Image:
        """`image` with every pixel that a zone touches filled; the same array when there is nothing to cover."""
        if not self._zones:
            return image
        height, width = image.shape[:2]
        covered = self._covered.get((width, height))
        if covered is None:
            covered = self._covered[width, height] = self._touched(width, height)
        result = image.copy()
        result[covered] = GREY
        return result

    def _touched(self, width: int, height: int) -> Bools:
        touched = np.zeros((height, width), np.bool_)
        for dx in _PROBES:
            for dy in _PROBES:
                x, y = np.meshgrid((np.arange(width) + dx) / width, (np.arange(height) + dy) / height)
                points = np.stack([x.ravel(), y.ravel()], axis=1)
                for zone in self._zones:
                    touched |= zone.contains(points).reshape(height, width)
        return touched
