"""Draws the frames of a scene, and says for each what is truly in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from vedette.model.detections import Floats
from vedette.model.media import Image
from vedette.simulator.backdrop import Backdrop, Light, Screen
from vedette.simulator.lamps import add_glow
from vedette.simulator.projection import View
from vedette.simulator.scene import Actor, Scene
from vedette.simulator.sprites import Mask, Sprite, extent, paste

_BLOCK: Final = 16
_NOISE_MARGIN: Final = 96
_CLOSEST_PX: Final = 6.0
"""An actor is drawn up to this many picture heights; nearer to the lens it would only be a blur over everything."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One actor in one frame; boxes are left, top, right, bottom in pixels.

    full        the whole extent, also what is hidden or outside the picture
    visible     the extent of what shows, None when nothing does
    visibility  share of the actor's pixels that shows
    """

    id: int
    label: str
    full: tuple[float, float, float, float]
    visible: tuple[float, float, float, float] | None
    visibility: float


@dataclass(frozen=True, slots=True)
class Drawn:
    """One frame with its truth; `owner` is the id of the actor that each pixel shows, 0 for the backdrop."""

    image: Image
    at_s: float
    seen: tuple[Seen, ...]
    owner: NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class _Posed:
    """One actor at one moment."""

    actor: Actor
    balls: Floats
    xy: Floats
    scale: Floats
    box: Floats
    ground: Floats
    heading: float


class Renderer:
    """Draws frames of `scene` at any moment. The same arguments give the same pixels."""

    def __init__(
        self, scene: Scene, view: View, actors: list[Actor], light: Light, seed: int, *, noise: float | None = None
    ) -> None:
        self.scene, self.view, self.actors = scene, view, actors
        self.backdrop: Backdrop = scene.paint(view, light)
        self._lighting = scene.light(light)
        deviation = self._lighting.noise if noise is None else noise
        self._noise = _noise(view, deviation, seed) if deviation > 0 else None
        self._seed = seed

    def frames(self, fps: float, count: int, first: int = 0) -> Iterator[Drawn]:
        """Frames `first` to `count` - 1; frame i shows the moment i / fps."""
        for begin in range(first, count, _BLOCK):
            indices = range(begin, min(count, begin + _BLOCK))
            moments: list[list[_Posed]] = [[] for _ in indices]
            times = np.array([i / fps for i in indices])
            for actor in self.actors:
                self._pose(actor, times, moments)
            for index, at_s, posed in zip(indices, times.tolist(), moments, strict=True):
                yield self._draw(index, at_s, posed)

    def _pose(self, actor: Actor, times: Floats, moments: list[list[_Posed]]) -> None:
        alive = np.nonzero((times >= actor.path.start_s) & (times <= actor.path.end_s))[0]
        if len(alive) == 0:
            return
        t = times[alive]
        balls = actor.balls(t)
        xy, scale = self.view.project(balls)
        boxes = extent(xy, actor.radii * scale)
        places, headings = actor.path.position(t), actor.path.heading(t)
        inside = (boxes[:, 2] > 0) & (boxes[:, 0] < self.view.width) & (boxes[:, 3] > 0)
        inside &= (boxes[:, 1] < self.view.height) & (boxes[:, 3] - boxes[:, 1] < _CLOSEST_PX * self.view.height)
        for i in np.nonzero(inside)[0].tolist():
            moments[int(alive[i])].append(
                _Posed(actor, balls[i], xy[i], scale[i], boxes[i], places[i], float(headings[i]))
            )

    def _draw(self, index: int, at_s: float, posed: list[_Posed]) -> Drawn:
        image = self.backdrop.image.copy()
        owner = np.zeros(image.shape[:2], np.int32)
        posed = sorted(posed, key=lambda p: (-p.ground[1], p.actor.id))
        for one in posed:
            self._shade(image, one)
        drawn = {one.actor.id: self._place(image, owner, one) for one in posed}
        if self._lighting.lamps:
            for one in posed:
                for ball, radius_m, colour in one.actor.lamps(one.balls, one.heading):
                    radius_px = radius_m * float(one.scale[ball])
                    add_glow(image, owner, one.actor.id, at=one.xy[ball], radius_px=radius_px, colour=colour)
        if self._noise is not None:
            dx, dy = np.random.default_rng([self._seed, index]).integers(0, _NOISE_MARGIN, 2).tolist()
            grain = self._noise[dy : dy + image.shape[0], dx : dx + image.shape[1]]
            image = np.asarray(cv2.add(image, grain, dtype=cv2.CV_8U), np.uint8)
        return Drawn(image, at_s, tuple(_seen(one, owner, drawn[one.actor.id]) for one in posed), owner)

    def _place(self, image: Image, owner: NDArray[np.int32], one: _Posed) -> int:
        """Draw one actor; answers how many pixels it has, hidden ones and those outside the picture included."""
        sprite = one.actor.draw(one.xy, one.scale)
        gains = self._lighting.illumination(one.ground[:1], one.ground[1:])[0].tolist()
        lit = _times(sprite.colour, gains)
        sprite = Sprite(sprite.left, sprite.top, lit, sprite.alpha)
        pixels = int(np.count_nonzero(sprite.alpha > 127))
        sprite, clear = self._veil(sprite, float(one.ground[1]))
        pasted = paste(image, sprite)
        if pasted is not None:
            rows, columns, _ = pasted
            top, left = rows.start - sprite.top, columns.start - sprite.left
            shown = clear[top : top + rows.stop - rows.start, left : left + columns.stop - columns.start]
            owner[rows, columns][shown > 127] = one.actor.id
        return pixels

    def _veil(self, sprite: Sprite, y_m: float) -> tuple[Sprite, Mask]:
        """The sprite behind every screen that is nearer, and the part of its alpha that is still its own."""
        clear = sprite.alpha
        for screen in self.backdrop.screens:
            if screen.y_m < y_m:
                sprite, clear = _behind(screen, sprite, clear)
        return sprite, clear

    def _shade(self, image: Image, one: _Posed) -> None:
        """The actor's shadow on the ground."""
        dx, dy = self._lighting.sun
        flat = one.balls.copy()
        flat[:, 0] += dx * flat[:, 2]
        flat[:, 1] += dy * flat[:, 2]
        flat[:, 2] = 0.0
        xy, scale = self.view.project(flat)
        radius = one.actor.radii * scale
        box = extent(xy, radius)
        margin = 0.12 * float(scale.mean())
        left, top = max(0, int(box[0] - margin)), max(0, int(box[1] - margin))
        right = min(self.view.width, int(box[2] + margin) + 1)
        bottom = min(self.view.height, int(box[3] + margin) + 1)
        if left >= right or top >= bottom:
            return
        mask = np.zeros((bottom - top, right - left), np.uint8)
        flatness = np.array([1.0, 0.4])
        ring = xy[:, None] + radius[:, None, None] * _CIRCLE * flatness - [left, top]
        outlines = np.asarray(np.round(ring * 16), np.int32)
        for hull in one.actor.hulls:
            points = np.asarray(cv2.convexHull(outlines[list(hull)].reshape(-1, 1, 2)), np.int32)
            cv2.fillConvexPoly(mask, points, 255, cv2.LINE_8, 4)
        mask = np.asarray(cv2.GaussianBlur(mask, (0, 0), max(0.8, margin * 0.4)), np.uint8)
        for screen in self.backdrop.screens:
            if screen.y_m < float(one.ground[1]):
                open_part = cv2.bitwise_not(screen.alpha[top:bottom, left:right])
                mask = np.asarray(cv2.multiply(mask, open_part, scale=1 / 255), np.uint8)
        kept = cv2.subtract(np.full_like(mask, 255), cv2.convertScaleAbs(mask, alpha=self._lighting.shadow))
        under = image[top:bottom, left:right]
        image[top:bottom, left:right] = cv2.multiply(under, cv2.cvtColor(kept, cv2.COLOR_GRAY2BGR), scale=1 / 255)


def _times(colour: Image, gains: list[float]) -> Image:
    """Each channel times its gain.

    `cv2.multiply` would take the gains for a picture where the sprite is four pixels high.
    """
    channels = [
        cv2.convertScaleAbs(channel, alpha=gain) for channel, gain in zip(cv2.split(colour), gains, strict=True)
    ]
    return np.asarray(cv2.merge(channels), np.uint8)


_CIRCLE: Final = np.stack([np.cos(a := np.linspace(0, 2 * np.pi, 10, endpoint=False)), np.sin(a)], axis=-1)


def _behind(screen: Screen, sprite: Sprite, clear: Mask) -> tuple[Sprite, Mask]:
    height, width = screen.alpha.shape
    top, left = max(0, sprite.top), max(0, sprite.left)
    bottom = min(height, sprite.top + clear.shape[0])
    right = min(width, sprite.left + clear.shape[1])
    if top >= bottom or left >= right or not screen.alpha[top:bottom, left:right].any():
        return sprite, clear
    inner = np.s_[top - sprite.top : bottom - sprite.top, left - sprite.left : right - sprite.left]
    cover = screen.alpha[top:bottom, left:right]
    rest = cv2.bitwise_not(cover)
    colour, own = sprite.colour.copy(), clear.copy()
    through = cv2.multiply(colour[inner], cv2.cvtColor(rest, cv2.COLOR_GRAY2BGR), scale=1 / 255)
    alpha = cv2.cvtColor(sprite.alpha[inner], cv2.COLOR_GRAY2BGR)
    colour[inner] = cv2.add(through, cv2.multiply(screen.colour[top:bottom, left:right], alpha, scale=1 / 255))
    own[inner] = cv2.multiply(own[inner], rest, scale=1 / 255)
    return Sprite(sprite.left, sprite.top, colour, sprite.alpha), own


def _seen(one: _Posed, owner: NDArray[np.int32], pixels: int) -> Seen:
    height, width = owner.shape
    left, top = max(0, int(one.box[0]) - 3), max(0, int(one.box[1]) - 3)
    right, bottom = min(width, int(one.box[2]) + 4), min(height, int(one.box[3]) + 4)
    mine = owner[top:bottom, left:right] == one.actor.id
    count = int(np.count_nonzero(mine))
    visible = None
    if count:
        rows, columns = np.nonzero(mine.any(axis=1))[0], np.nonzero(mine.any(axis=0))[0]
        visible = (
            float(left + columns[0]), float(top + rows[0]), float(left + columns[-1] + 1), float(top + rows[-1] + 1)
        )  # fmt: skip
    x0, y0, x1, y1 = one.box.tolist()
    return Seen(one.actor.id, one.actor.label, (x0, y0, x1, y1), visible, min(1.0, count / max(pixels, 1)))


def _noise(view: View, deviation: float, seed: int) -> NDArray[np.int16]:
    """A field of sensor noise larger than the picture; every frame takes another part of it."""
    rng = np.random.default_rng([seed, 77])
    shape = (view.height + _NOISE_MARGIN, view.width + _NOISE_MARGIN)
    grey = rng.standard_normal((*shape, 1), np.float32)
    tint = cv2.GaussianBlur(rng.standard_normal((*shape, 3), np.float32), (0, 0), 1.2)
    return np.asarray(np.round((grey + np.asarray(tint)) * deviation), np.int16)
