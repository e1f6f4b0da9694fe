"""Cars, vans, trucks and buses: side outlines given a width, with windows, wheels and lamps."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from math import cos, pi
from typing import Final

import cv2
import numpy as np

from vedette.model.detections import Floats
from vedette.model.media import Image
from vedette.simulator.looks import Colour
from vedette.simulator.paths import Path
from vedette.simulator.sprites import Canvas, Sprite, extent

Outline = tuple[tuple[float, float, float], ...]
"""Corners of a body's side, clockwise from the lower rear: metres forward, metres up, half its width there."""

Corner = tuple[float, float]
Pane = tuple[Corner, Corner, Corner, Corner]
"""Lower rear, upper rear, upper front, lower front on a side: metres forward, metres up."""

_GLASS: Final[Colour] = (72, 62, 54)
_TYRE: Final[Colour] = (34, 33, 32)
_RIM: Final[Colour] = (150, 148, 146)
_WHEEL_CORNERS: Final = 18
_SIDEWAYS: Final = 0.6
_BELOW_WINDOWS_M: Final = 0.9


def _gloss() -> Image:
    """What the sky and the road do to paint, multiplied on (128 = unchanged): bright above, dark below."""
    height = np.linspace(0, 1, 64)
    grey = 128 * (1.1 - 0.1 * height - 0.28 * height**3 + 0.06 * np.sin(height * 9))
    return np.repeat(np.repeat(grey[:, None, None], 8, axis=1), 3, axis=2).astype(np.uint8)


_GLOSS: Final = _gloss()


@dataclass(frozen=True, slots=True)
class Body:
    """A convex piece of a vehicle; `glass` are the edges of its outline that are windows, `panes` those of its side."""

    outline: Outline
    glass: tuple[int, ...] = ()
    panes: tuple[Pane, ...] = ()
    marks: tuple[tuple[Pane, Colour], ...] = ()
    colour: Colour | None = None


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of vehicle: how the field calls it, its pieces, its axles (metres forward) and wheel radius."""

    label: str
    bodies: tuple[Body, ...]
    axles: tuple[float, ...]
    wheel_m: float
    colours: tuple[Colour, ...]


_PAINTS: Final[tuple[Colour, ...]] = (
    (46, 40, 150), (140, 78, 38), (205, 205, 208), (52, 50, 48), (168, 166, 162), (95, 112, 90), (36, 92, 158),
    (120, 118, 116), (84, 52, 40),
)  # fmt: skip
_WHITES: Final[tuple[Colour, ...]] = ((212, 212, 214), (196, 200, 204), (160, 120, 70), (60, 90, 190))

CAR: Final = Kind(
    "car",
    (
        Body(
            ((-2.04, 0.27, 0.84), (-2.16, 0.5, 0.88), (-2.16, 0.76, 0.88), (-2.06, 0.98, 0.84), (-1.9, 1.03, 0.82),
             (0.95, 1.02, 0.84), (1.6, 0.93, 0.82), (1.98, 0.8, 0.79), (2.14, 0.6, 0.78), (2.12, 0.27, 0.8)),
            marks=(
                (((1.72, 0.72), (1.78, 0.85), (2.02, 0.74), (2.08, 0.65)), (225, 232, 235)),
                (((-2.13, 0.72), (-2.08, 0.95), (-1.86, 0.97), (-1.92, 0.76)), (40, 36, 165)),
                (((0.78, 0.42), (0.8, 1.0), (0.815, 1.0), (0.795, 0.42)), (40, 40, 42)),
                (((-0.44, 0.4), (-0.42, 1.0), (-0.405, 1.0), (-0.425, 0.4)), (40, 40, 42)),
                (((-0.36, 0.86), (-0.36, 0.9), (-0.16, 0.9), (-0.16, 0.86)), (60, 60, 62)),
            ),
        ),
        Body(
            ((-2.0, 1.0, 0.8), (-1.76, 1.33, 0.67), (-1.32, 1.5, 0.6), (-0.45, 1.55, 0.59), (0.2, 1.47, 0.6),
             (1.08, 1.0, 0.8)),
            glass=(0, 4),
            panes=(((-1.72, 1.05), (-1.52, 1.36), (-1.2, 1.44), (-1.14, 1.05)),
                   ((-1.06, 1.05), (-1.1, 1.45), (-0.46, 1.47), (-0.44, 1.05)),
                   ((-0.34, 1.05), (-0.38, 1.47), (0.14, 1.42), (0.84, 1.06))),
        ),
    ),
    (-1.34, 1.36), 0.33, _PAINTS,
)  # fmt: skip
VAN: Final = Kind(
    "truck",
    (
        Body(
            ((-2.7, 0.36, 0.97), (-2.76, 1.3, 0.97), (-2.7, 2.3, 0.9), (0.9, 2.36, 0.88), (1.35, 2.2, 0.88),
             (2.05, 1.38, 0.94), (2.68, 1.12, 0.9), (2.8, 0.7, 0.92), (2.76, 0.36, 0.92)),
            glass=(4,),
            panes=(((0.45, 1.36), (0.45, 2.08), (1.1, 2.1), (1.72, 1.4)),),
            marks=(
                (((2.25, 0.86), (2.3, 1.08), (2.6, 1.02), (2.68, 0.84)), (225, 232, 235)),
                (((-2.74, 0.9), (-2.74, 1.3), (-2.62, 1.3), (-2.62, 0.9)), (40, 36, 165)),
                (((0.38, 0.5), (0.38, 2.2), (0.4, 2.2), (0.4, 0.5)), (60, 60, 62)),
                (((-1.1, 0.5), (-1.1, 2.2), (-1.08, 2.2), (-1.08, 0.5)), (90, 90, 92)),
                (((0.2, 1.2), (0.2, 1.25), (0.32, 1.25), (0.32, 1.2)), (50, 50, 52)),
                (((-2.72, 0.36), (-2.74, 0.56), (2.74, 0.56), (2.76, 0.36)), (52, 52, 54)),
            ),
        ),
    ),
    (-1.8, 1.85), 0.37, _WHITES,
)  # fmt: skip
TRUCK: Final = Kind(
    "truck",
    (
        Body(((1.75, 0.5, 1.1), (1.75, 2.65, 1.05), (3.0, 2.65, 1.02), (3.4, 1.6, 1.08), (3.5, 0.5, 1.1)), glass=(2,),
             panes=(((2.1, 1.6), (2.1, 2.4), (2.85, 2.4), (3.12, 1.6)),)),
        Body(((-3.7, 0.95, 1.2), (-3.7, 3.35, 1.2), (1.55, 3.35, 1.2), (1.55, 0.95, 1.2)), colour=(205, 208, 210)),
        Body(((-3.7, 0.55, 0.9), (-3.7, 0.93, 0.9), (1.9, 0.93, 0.9), (1.9, 0.55, 0.9)), colour=(52, 52, 54)),
    ),
    (-2.4, 2.45), 0.48, _PAINTS,
)  # fmt: skip
BUS: Final = Kind(
    "bus",
    (
        Body(
            ((-5.6, 0.34, 1.24), (-5.68, 1.4, 1.24), (-5.62, 2.9, 1.22), (-5.4, 3.1, 1.16), (5.2, 3.12, 1.16),
             (5.55, 2.9, 1.2), (5.72, 1.2, 1.24), (5.68, 0.34, 1.24)),
            glass=(5,),
            panes=(
                *(((-5.35 + 1.62 * i, 1.3), (-5.35 + 1.62 * i, 2.62), (-3.82 + 1.62 * i, 2.62), (-3.82 + 1.62 * i, 1.3))
                  for i in range(6)),
                ((4.44, 0.5), (4.44, 2.62), (4.92, 2.62), (4.92, 0.5)),
                ((4.98, 0.5), (4.98, 2.62), (5.46, 2.62), (5.5, 0.5)),
            ),
            marks=(
                (((5.45, 0.72), (5.45, 0.95), (5.66, 0.95), (5.68, 0.72)), (225, 232, 235)),
                (((-5.64, 0.8), (-5.64, 1.1), (-5.5, 1.1), (-5.5, 0.8)), (40, 36, 165)),
                (((-5.5, 2.72), (-5.5, 2.78), (5.3, 2.78), (5.3, 2.72)), (225, 225, 225)),
                (((2.2, 2.68), (2.2, 2.92), (4.3, 2.92), (4.3, 2.68)), (30, 30, 32)),
                (((2.4, 2.76), (2.4, 2.84), (4.1, 2.84), (4.1, 2.76)), (60, 190, 240)),
            ),
        ),
    ),
    (-3.3, 3.4), 0.5, ((40, 60, 190), (60, 150, 210), (150, 90, 40), (70, 130, 70)),
)  # fmt: skip


class Vehicle:
    """A vehicle that drives along a path."""

    def __init__(self, number: int, kind: Kind, path: Path, rng: np.random.Generator) -> None:
        self.id = number
        self.label = kind.label
        self.path = path
        self._kind = kind
        base = np.array(kind.colours[int(rng.integers(len(kind.colours)))]) + rng.normal(0, 6, 3)
        b, g, r = np.clip(base, 20, 235).tolist()
        self._colour: Colour = (b, g, r)
        self._vertices: list[tuple[float, float, float]] = []
        self._faces: list[_Face] = []
        self.hulls: tuple[tuple[int, ...], ...] = ()
        self._build()
        self._local = np.array(self._vertices)
        self.radii = np.full(len(self._local), 0.015)

    def later(self, seconds: float, number: int) -> Vehicle:
        """The same vehicle and way, so many seconds later and under another number."""
        moved = copy(self)
        moved.id, moved.path = number, self.path.later(seconds)
        return moved

    def balls(self, t: Floats) -> Floats:
        """(n, corners, 3) in world metres at times (n,)."""
        heading, place = self.path.heading(t)[:, None], self.path.position(t)
        right, forward = self._local[None, :, 0], self._local[None, :, 1]
        x = place[:, :1] + right * np.cos(heading) + forward * np.sin(heading)
        y = place[:, 1:] - right * np.sin(heading) + forward * np.cos(heading)
        return np.stack([x, y, np.broadcast_to(self._local[None, :, 2], x.shape)], axis=-1)

    def draw(self, xy: Floats, scale: Floats) -> Sprite:
        """Pixels from projected corners."""
        canvas = Canvas(extent(xy, self.radii * scale))
        fixed = canvas.fixed(xy)
        for face in sorted(self._faces, key=lambda face: face.rank):
            points = fixed[list(face.corners)]
            if _clockwise(points):
                canvas.fill(points, face.colour)
        return canvas.finish(_GLOSS, softness=max(0.4, canvas.height * 0.003))

    def lamps(self, balls: Floats, heading: float) -> Sequence[tuple[int, float, Colour]]:
        """Head lamps and tail lamps; from the side only the nearer of each pair shows."""
        both = abs(cos(heading)) > _SIDEWAYS
        shown = []
        for pair, radius_m, colour in (
            (self._front, 0.75, (215.0, 240.0, 255.0)),
            (self._rear, 0.3, (40.0, 40.0, 220.0)),
        ):
            near = min(pair, key=lambda corner: float(balls[corner, 1]))
            shown += [(corner, radius_m, colour) for corner in pair if both or corner == near]
        return shown

    def _vertex(self, right: float, forward: float, up: float) -> int:
        self._vertices.append((right, forward, up))
        return len(self._vertices) - 1

    def _build(self) -> None:
        hulls = []
        for rank, body in enumerate(self._kind.bodies):
            colour = body.colour or self._colour
            left = [self._vertex(-w, f, z) for f, z, w in body.outline]
            right = [self._vertex(w, f, z) for f, z, w in body.outline]
            hulls.append((*left, *right))
            self._strips(body, colour, left, right, rank)
            for side in (-1.0, 1.0):
                ring = right if side > 0 else left[::-1]
                self._faces.append(_Face(tuple(ring), _lit(colour, 0.86), rank + 0.2))
                self._side(body, colour, side, rank)
        for side in (-1.0, 1.0):
            hulls.extend(self._wheel(side, axle) for axle in self._kind.axles)
        first, last = self._kind.bodies[0].outline, self._kind.bodies[-1].outline
        nose = max((*first, *last), key=lambda corner: (corner[0], -corner[1]))
        tail = min((*first, *last), key=lambda corner: (corner[0], corner[1]))
        height = 0.68 if self.label == "car" else 0.85
        self._front: list[int] = [self._vertex(s * (nose[2] - 0.12), nose[0] - 0.03, height) for s in (-1.0, 1.0)]
        self._rear = [self._vertex(s * (tail[2] - 0.1), tail[0] + 0.03, height + 0.1) for s in (-1.0, 1.0)]
        self.hulls = tuple(hulls)

    def _strips(self, body: Body, colour: Colour, left: list[int], right: list[int], rank: int) -> None:
        """The faces across the vehicle: bonnet, windscreen, roof, tail."""
        for i in range(len(left) - 1):
            (f0, z0, _), (f1, z1, _) = body.outline[i], body.outline[i + 1]
            level = abs(f1 - f0) / max(1e-6, abs(f1 - f0) + abs(z1 - z0))
            tint = (96.0, 88.0, 80.0) if i in body.glass else _lit(colour, 0.7 + 0.45 * level)
            self._faces.append(_Face((left[i], left[i + 1], right[i + 1], right[i]), tint, rank + 0.1))

    def _side(self, body: Body, colour: Colour, side: float, rank: int) -> None:
        """What is painted on a side: a lit shoulder, a dark sill, windows with a reflection."""
        low = min(z for _, z, _ in body.outline)
        high = max(z for _, z, _ in body.outline)
        rear, front = min(f for f, _, _ in body.outline) + 0.1, max(f for f, _, _ in body.outline) - 0.12
        if low < _BELOW_WINDOWS_M:
            belt = 0.78 if self.label == "car" else low + 0.42 * (high - low)
            bands = ((belt, belt + 0.1, 1.08), (low, low + 0.13, 0.5))
            for z0, z1, light in bands:
                corners = ((rear, z0), (rear, z1), (front, z1), (front, z0))
                self._panel(body, corners, side, _lit(colour, light), rank + 0.3)
        for pane in body.panes:
            self._panel(body, pane, side, _GLASS, rank + 0.4)
            (f0, z0), (f1, z1), (f2, z2), (f3, z3) = pane
            upper = (((f0 + f1) / 2, (z0 + z1) / 2), pane[1], pane[2], ((f2 + f3) / 2, (z2 + z3) / 2))
            self._panel(body, upper, side, (112, 100, 90), rank + 0.5)
        for corners, tint in body.marks:
            self._panel(body, corners, side, tint, rank + 0.45)

    def _panel(self, body: Body, corners: Pane, side: float, colour: Colour, rank: float) -> None:
        points = [self._vertex(side * (_width_at(body.outline, z) + 0.004), f, z) for f, z in corners]
        self._faces.append(_Face(tuple(points if side > 0 else points[::-1]), colour, rank))

    def _wheel(self, side: float, axle: float) -> tuple[int, ...]:
        width = max(w for body in self._kind.bodies for _, _, w in body.outline)
        radius = self._kind.wheel_m
        ring: tuple[int, ...] = ()
        for share, out, colour in (
            (1.16, 0.0, (26.0, 25.0, 25.0)),
            (1.0, 0.012, _TYRE),
            (0.62, 0.02, _RIM),
            (0.2, 0.025, _TYRE),
        ):
            turn = np.linspace(0, 2 * pi, _WHEEL_CORNERS, endpoint=False) * -side
            low = radius if share <= 1 else radius * 1.02
            points = tuple(
                self._vertex(side * (width + out), axle + share * radius * c, max(0.0, low + share * radius * s))
                for c, s in zip(np.cos(turn).tolist(), np.sin(turn).tolist(), strict=True)
            )
            self._faces.append(_Face(points, colour, 8 + out))
            ring = points if share == 1.0 else ring
        return ring


@dataclass(frozen=True, slots=True)
class _Face:
    """A flat polygon, seen from one side only; lower ranks are drawn first."""

    corners: tuple[int, ...]
    colour: Colour
    rank: float


def _clockwise(points: Floats | np.ndarray) -> bool:
    return float(cv2.contourArea(points.reshape(-1, 1, 2).astype(np.float32), oriented=True)) > 0


def _width_at(outline: Outline, up: float) -> float:
    """Half the width of a body's side at a height."""
    by_height = sorted((z, w) for _, z, w in outline)
    return float(np.interp(up, [z for z, _ in by_height], [w for _, w in by_height]))


def _lit(colour: Colour, by: float) -> Colour:
    b, g, r = (min(255.0, channel * by) for channel in colour)
    return b, g, r
