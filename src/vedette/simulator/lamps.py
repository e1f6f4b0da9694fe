"""Light that shines into the lens."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from vedette.model.detections import Floats
from vedette.model.media import Image


@lru_cache(maxsize=1)
def _halo() -> NDArray[np.float32]:
    axis = np.linspace(-1, 1, 65)
    r = np.hypot(axis[:, None], axis[None, :])
    return np.asarray(np.clip(np.exp(-((r / 0.16) ** 2)) + 0.35 * np.exp(-r / 0.28) - 0.01, 0, None), np.float32)


def add_glow(
    image: Image,
    owner: NDArray[np.int32],
    number: int,
    *,
    at: Floats,
    radius_px: float,
    colour: tuple[float, float, float],
) -> None:
    """Add the halo of a lamp that sits at pixel `at` of actor `number`, if that pixel is not hidden."""
    height, width = image.shape[:2]
    x, y, half = round(float(at[0])), round(float(at[1])), max(2, round(radius_px))
    if not (0 <= x < width and 0 <= y < height) or owner[y, x] not in (number, 0):
        return
    left, top, right, bottom = max(0, x - half), max(0, y - half), min(width, x + half + 1), min(height, y + half + 1)
    halo = cv2.resize(_halo(), (2 * half + 1, 2 * half + 1), interpolation=cv2.INTER_LINEAR)
    part = halo[top - y + half : bottom - y + half, left - x + half : right - x + half]
    light = np.asarray(np.clip(part[..., None] * np.array(colour, np.float32), 0, 255), np.uint8)
    image[top:bottom, left:right] = cv2.add(image[top:bottom, left:right], light)
