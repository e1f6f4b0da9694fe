"""Drawing one actor: convex parts, shaded as if round, on a small supersampled canvas."""

from __future__ import annotations

from dataclasses import dataclass
from math import pi
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from vedette.model.detections import Floats
from vedette.model.media import Image
from vedette.simulator.body import Figure

Mask = NDArray[np.uint8]

_SHIFT: Final = 4
_SUB: Final = 1 << _SHIFT
_LARGEST_CANVAS_PX: Final = 1000
_CORNERS: Final = 14
_CIRCLE: Final = np.stack([np.cos(a := np.linspace(0, 2 * pi, _CORNERS, endpoint=False)), np.sin(a)], axis=-1)
_SHADES: Final = ((1.0, 0.62), (0.86, 0.8), (0.62, 0.95), (0.36, 1.07))
"""Nested outlines of a part: share of its radius and brightness, from the rim to the highlight."""
_TYPICAL_M: Final = 7.0
"""A distance to the camera: pixels per metre grow by a bias's share of it."""
_TOWARDS_LIGHT: Final = np.array([-0.38, -0.42])


@dataclass(frozen=True, slots=True)
class Sprite:
    """A drawn actor: pixels already multiplied by `alpha` (both uint8), and where its top left pixel goes."""

    left: int
    top: int
    colour: Image
    alpha: Mask


def extent(xy: Floats, radius: Floats) -> Floats:
    """(..., 4) left, top, right, bottom in pixels of balls (..., balls, 2) with radii (..., balls)."""
    low, high = xy - radius[..., None], xy + radius[..., None]
    return np.concatenate([low.min(axis=-2), high.max(axis=-2)], axis=-1)


class Canvas:
    """A supersampled canvas round a box of the picture."""

    def __init__(self, box: Floats) -> None:
        left, top = int(np.floor(box[0])) - 3, int(np.floor(box[1])) - 3
        right, bottom = int(np.ceil(box[2])) + 3, int(np.ceil(box[3])) + 3
        self.left, self.top, self.width, self.height = left, top, right - left, bottom - top
        longest = max(self.width, self.height)
        self.fine = 3 if longest < 150 else 2 if 2 * longest < _LARGEST_CANVAS_PX else 1
        self.colour = np.zeros((self.height * self.fine, self.width * self.fine, 3), np.uint8)
        self.alpha = np.zeros(self.colour.shape[:2], np.uint8)

    def fixed(self, xy: Floats) -> NDArray[np.int32]:
        """Picture pixels to the canvas's fixed-point pixels."""
        fine = (xy - [self.left, self.top]) * self.fine - 0.5
        return np.asarray(np.round(fine * _SUB), np.int32)

    def fill(self, points: NDArray[np.int32], colour: tuple[float, float, float], *, solid: bool = True) -> None:
        """Fill a convex outline given in fixed-point pixels; what is not `solid` stays within what is there."""
        cv2.fillConvexPoly(self.colour, points, colour, cv2.LINE_AA, _SHIFT)
        if solid:
            cv2.fillConvexPoly(self.alpha, points, 255, cv2.LINE_AA, _SHIFT)

    def finish(self, texture: Image | None, softness: float) -> Sprite:
        """Cloth texture, a slight blur, and down to the size of the picture."""
        if texture is not None:
            size = (self.colour.shape[1], self.colour.shape[0])
            cloth = cv2.resize(texture, size, interpolation=cv2.INTER_LINEAR)
            self.colour = np.asarray(cv2.multiply(self.colour, cloth, scale=1 / 128), np.uint8)
        self.colour[self.alpha == 0] = 0
        colour, alpha = self.colour, self.alpha
        sigma = softness * self.fine
        if sigma > 0.3:
            colour = np.asarray(cv2.GaussianBlur(colour, (0, 0), sigma), np.uint8)
            alpha = np.asarray(cv2.GaussianBlur(alpha, (0, 0), sigma), np.uint8)
        if self.fine > 1:
            colour = np.asarray(cv2.resize(colour, (self.width, self.height), interpolation=cv2.INTER_AREA), np.uint8)
            alpha = np.asarray(cv2.resize(alpha, (self.width, self.height), interpolation=cv2.INTER_AREA), np.uint8)
        return Sprite(self.left, self.top, colour, alpha)


def draw_figure(figure: Figure, xy: Floats, scale: Floats, texture: Image) -> Sprite:
    """A person from projected balls: pixels (balls, 2) and pixels per metre (balls,)."""
    radius = figure.radii * scale
    canvas = Canvas(extent(xy, radius))
    shades = _SHADES if canvas.height > 70 else _SHADES[::2]
    rings = [
        canvas.fixed(xy[:, None] + radius[:, None, None] * (_TOWARDS_LIGHT * (1 - share) + _CIRCLE * share))
        for share, _ in shades
    ]
    nearness = np.array([scale[list(part.balls)].mean() * (1 + part.bias / _TYPICAL_M) for part in figure.parts])
    for index in np.argsort(nearness, kind="stable"):
        part = figure.parts[index]
        if part.plain:
            canvas.fill(rings[0][part.balls[0]], part.colour)
            continue
        for level, (_, brightness) in enumerate(shades):
            b, g, r = (min(255.0, channel * brightness) for channel in part.colour)
            for hull in part.hulls:
                outline = cv2.convexHull(rings[level][list(hull)].reshape(-1, 1, 2))
                canvas.fill(np.asarray(outline, np.int32), (b, g, r), solid=level == 0)
    return canvas.finish(texture, softness=max(0.35, canvas.height * 0.004))


def cloth(seed: int) -> Image:
    """A texture that is multiplied onto a figure (128 = unchanged): folds, and less light towards the ground."""
    rng = np.random.default_rng(seed)
    folds = cv2.resize(rng.normal(0, 1, (26, 10)), (48, 128), interpolation=cv2.INTER_CUBIC)
    fine = cv2.GaussianBlur(rng.normal(0, 1, (128, 48)), (0, 0), 0.8)
    fall = np.linspace(1.06, 0.84, 128)[:, None]
    grey = np.clip(128 * fall * (1 + 0.05 * folds + 0.06 * fine), 0, 255)
    return np.repeat(grey[..., None], 3, axis=2).astype(np.uint8)


def paste(image: Image, sprite: Sprite) -> tuple[slice, slice, Mask] | None:
    """Lay a sprite over the picture. Answers rows, columns and alpha of what lies inside, None when nothing does."""
    height, width = image.shape[:2]
    top, left = max(0, sprite.top), max(0, sprite.left)
    bottom = min(height, sprite.top + sprite.alpha.shape[0])
    right = min(width, sprite.left + sprite.alpha.shape[1])
    if top >= bottom or left >= right:
        return None
    rows, columns = slice(top, bottom), slice(left, right)
    inner = np.s_[top - sprite.top : bottom - sprite.top, left - sprite.left : right - sprite.left]
    colour, alpha = sprite.colour[inner], sprite.alpha[inner]
    rest = cv2.cvtColor(cv2.bitwise_not(alpha), cv2.COLOR_GRAY2BGR)
    image[rows, columns] = cv2.add(cv2.multiply(image[rows, columns], rest, scale=1 / 255), colour)
    return rows, columns, alpha
