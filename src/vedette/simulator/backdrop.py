"""Painting what does not move: flat surfaces in the world, with a depth buffer and procedural textures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import cos, radians, sin
from typing import Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from vedette.model.detections import Bools, Floats
from vedette.model.media import Image
from vedette.simulator.projection import View

Reach = NDArray[np.floating]
Axis = Literal["x", "y", "z"]
Light = Literal["day", "dusk", "night"]
Illumination = Callable[[Floats, Floats], Floats]
"""World x and y (...) to the gains of blue, green and red (..., 3)."""

_FINE: Final = 2
_TILE: Final = 256
_STRIP: Final = 96
"""Rows that are painted at once, to keep memory low."""


@dataclass(frozen=True, slots=True)
class Screen:
    """Something fixed that hides what stands behind it: everything with a larger y than `y_m`.

    colour is multiplied by `alpha` already, as sprites are.
    """

    y_m: float
    colour: Image
    alpha: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Backdrop:
    """The empty scene, and the parts of it that hide actors, nearest last."""

    image: Image
    screens: tuple[Screen, ...]


def noise_tile(seed: int) -> NDArray[np.float32]:
    """(256, 256) smooth noise without seams, mean 0, deviation 1."""
    white = np.random.default_rng(seed).normal(0, 1, (_TILE, _TILE))
    wide = np.tile(white, (3, 3))
    soft = cv2.GaussianBlur(wide, (0, 0), 2.0)[_TILE : 2 * _TILE, _TILE : 2 * _TILE]
    return np.asarray((soft - soft.mean()) / soft.std(), np.float32)


class Painter:
    """Paints surfaces at twice the picture's resolution; nearer ones hide farther ones."""

    def __init__(self, view: View, illumination: Illumination, background: tuple[float, float, float]) -> None:
        self._view = View(view.camera, view.width * _FINE, view.height * _FINE)
        self._lit = illumination
        shape = (self._view.height, self._view.width)
        self._colour = np.full((*shape, 3), background, np.float32)
        self._range = np.full(shape, np.inf, np.float32)
        self._layer = np.zeros(shape, np.uint8)
        self._tiles: dict[int, NDArray[np.float32]] = {}
        camera = self._view.camera
        tilt, reach = radians(camera.tilt_deg), camera.focal * shape[0]
        dx = (np.arange(shape[1]) + 0.5 - shape[1] / 2)[None, :] / reach
        dy = (np.arange(shape[0]) + 0.5 - shape[0] / 2)[:, None] / reach
        self._ray = {
            "x": np.broadcast_to(dx, shape).astype(np.float32),
            "y": np.broadcast_to(cos(tilt) - dy * sin(tilt), shape).astype(np.float32),
            "z": np.broadcast_to(-sin(tilt) - dy * cos(tilt), shape).astype(np.float32),
        }

    def surface(
        self,
        axis: Axis,
        at: float,
        where: Callable[[Floats, Floats], Bools],
        colour: Callable[[Floats, Floats], Floats],
        layer: int = 0,
        *,
        shaded: bool = True,
    ) -> None:
        """Paint the plane `axis` = `at` metres, there where `where(u, v)` says so.

        u, v are the two other world axes in alphabetical order, as flat arrays (n,) of the pixels concerned;
        `colour(u, v)` gives blue, green, red (n, 3) in full light, or as it is where not `shaded`. `layer` marks the
        pixels for `screen`.
        """
        window = self._window(axis, at, where)
        if window is None:
            return
        rows, columns = window
        for top in range(rows.start, rows.stop, _STRIP):
            strip = (slice(top, min(top + _STRIP, rows.stop)), columns)
            self._strip(axis, at, strip, where, colour, layer=layer, shaded=shaded)

    def _strip(
        self,
        axis: Axis,
        at: float,
        window: tuple[slice, slice],
        where: Callable[[Floats, Floats], Bools],
        colour: Callable[[Floats, Floats], Floats],
        *,
        layer: int,
        shaded: bool,
    ) -> None:
        distance, position = self._meet(axis, at, window)
        seen = (distance > 0.0) & (distance < self._range[window] - 1e-4)
        picked = np.nonzero(seen.ravel())[0]
        flat = {name: np.asarray(values.ravel()[picked], float) for name, values in position.items()}
        u, v = (flat[name] for name in ("x", "y", "z") if name != axis)
        inside = np.nonzero(where(u, v))[0]
        if len(inside) == 0:
            return
        painted = np.zeros(seen.size, bool)
        painted[picked[inside]] = True
        chosen = painted.reshape(seen.shape)
        lit = self._lit(flat["x"][inside], flat["y"][inside]) if shaded else np.ones((len(inside), 3))
        self._colour[window][chosen] = colour(u[inside], v[inside]) * lit
        self._range[window][chosen] = distance[chosen]
        self._layer[window][chosen] = layer

    def _meet(self, axis: Axis, at: float, window: tuple[slice, slice]) -> tuple[Reach, dict[str, Reach]]:
        """Along the rays of `window`: the distance to the plane, and the world position there."""
        origin = {"x": 0.0, "y": 0.0, "z": self._view.camera.height_m}
        ray = {name: values[window] for name, values in self._ray.items()}
        with np.errstate(divide="ignore", invalid="ignore"):
            distance = (at - origin[axis]) / ray[axis]
        distance = np.where(np.isfinite(distance), distance, -1.0)
        return distance, {name: origin[name] + distance * ray[name] for name in ray}

    def _window(self, axis: Axis, at: float, where: Callable[[Floats, Floats], Bools]) -> tuple[slice, slice] | None:
        """The rows and columns that the surface can lie in, from a look at every fourth pixel."""
        step = 4
        sparse = (slice(None, None, step), slice(None, None, step))
        distance, position = self._meet(axis, at, sparse)
        u, v = (np.asarray(position[name].ravel(), float) for name in ("x", "y", "z") if name != axis)
        hit = where(u, v).reshape(distance.shape) & (distance > 0)
        if not hit.any():
            return None
        rows, columns = np.nonzero(hit.any(axis=1))[0] * step, np.nonzero(hit.any(axis=0))[0] * step
        margin = 2 * step
        return (
            slice(max(0, int(rows[0]) - margin), int(rows[-1]) + margin),
            slice(max(0, int(columns[0]) - margin), int(columns[-1]) + margin),
        )

    def box(self, low: Floats, high: Floats, colour: Callable[[Floats, Floats], Floats], layer: int = 0) -> None:
        """The faces of an upright box that the camera sees, each shaded by where it looks."""
        faces: tuple[tuple[Axis, float, float], ...] = (
            ("y", low[1], 0.8),
            ("z", high[2], 1.05),
            ("x", low[0] if low[0] > 0 else high[0], 0.68),
        )
        for axis, at, shade in faces:
            a, b = (i for i, name in enumerate(("x", "y", "z")) if name != axis)

            def within(u: Floats, v: Floats, a: int = a, b: int = b) -> Bools:
                return np.asarray((u >= low[a]) & (u <= high[a]) & (v >= low[b]) & (v <= high[b]))

            def shaded(u: Floats, v: Floats, shade: float = shade) -> Floats:
                return np.asarray(colour(u, v) * shade)

            self.surface(axis, at, within, shaded, layer)

    def grain(self, u: Floats, v: Floats, per_m: float, seed: int) -> Floats:
        """(n,) noise of mean 0 and deviation 1 at (u, v), `per_m` grains per metre."""
        if seed not in self._tiles:
            self._tiles[seed] = noise_tile(seed)
        scale = per_m * 4.0
        map_u = np.asarray(np.mod(u * scale, _TILE), np.float32).reshape(1, -1)
        map_v = np.asarray(np.mod(v * scale, _TILE), np.float32).reshape(1, -1)
        tile = self._tiles[seed]
        return np.asarray(tile[map_v.astype(np.intp) % _TILE, map_u.astype(np.intp) % _TILE], float).ravel()

    def image(self) -> Image:
        """The picture so far, with the slight softness of a lens."""
        soft = cv2.GaussianBlur(self._colour, (0, 0), 0.9)
        return self._down(np.clip(np.asarray(soft, np.float32), 0, 255))

    def screen(self, y_m: float, layer: int, image: Image) -> Screen:
        """The pixels painted with `layer`, as something that hides what is behind y = `y_m`."""
        solid = self._down((self._layer == layer).astype(np.float32) * 255)
        colour = cv2.multiply(image, cv2.cvtColor(solid, cv2.COLOR_GRAY2BGR), scale=1 / 255)
        return Screen(y_m, np.asarray(colour, np.uint8), solid)

    def _down(self, fine: Floats | NDArray[np.float32]) -> NDArray[np.uint8]:
        size = (self._view.width // _FINE, self._view.height // _FINE)
        return np.round(cv2.resize(fine, size, interpolation=cv2.INTER_AREA)).astype(np.uint8)


def plain(*bgr: float) -> Callable[[Floats, Floats], Floats]:
    """A surface of one colour."""
    colour = np.array(bgr, float)
    return lambda u, v: np.broadcast_to(colour, (len(u), 3))  # noqa: ARG005


def everywhere(u: Floats, v: Floats) -> Bools:  # noqa: ARG001
    """A surface without an edge."""
    return np.ones(len(u), bool)


def rectangle(u0: float, u1: float, v0: float, v1: float) -> Callable[[Floats, Floats], Bools]:
    """A surface from (u0, v0) to (u1, v1)."""
    return lambda u, v: np.asarray((u >= u0) & (u < u1) & (v >= v0) & (v < v1))
