"""Plane geometry in picture coordinates: x to the right, y down.

Distances are true only where both axes have the same unit. Callers stretch x by the picture's aspect first
(`square`), so that lengths come out in picture heights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from vedette.model.detections import Bools, Floats

Point = tuple[float, float]


def square(points: Floats, aspect: float) -> Floats:
    """(..., 2) points in 0..1 of the picture to picture heights: x times width/height."""
    return np.asarray(points * np.array([aspect, 1.0]))


@dataclass(frozen=True, slots=True)
class Hits:
    """Where a path met a polyline: the fraction of the path (0..1) and the side it came out on (+1 right, -1 left)."""

    fraction: float
    side: int


class Polyline:
    """Two or more points. Right of it (`+1`) is to the right of somebody who stands on the first point and looks along.

    With y down, the right-hand side of a segment from `a` to `b` is where cross(b - a, p - a) is positive.
    """

    def __init__(self, points: Sequence[Point] | Floats) -> None:
        vertices = np.asarray(points, float)
        if vertices.ndim != 2 or vertices.shape[1] != 2 or len(vertices) < 2:
            raise ValueError("a line needs at least two points [x, y]")
        steps = np.diff(vertices, axis=0)
        keep = np.hypot(steps[:, 0], steps[:, 1]) > 0.0
        if not keep.any():
            raise ValueError("a line needs a length: its points are all the same")
        self._start = vertices[:-1][keep]
        self._step = steps[keep]
        self._length2 = (self._step**2).sum(axis=1)
        self._vertices: list[tuple[float, float]] = [tuple(p) for p in [*self._start.tolist(), vertices[-1].tolist()]]

    def signed_distance(self, points: Floats) -> Floats:
        """(n,) distance of each of (n, 2) `points`, positive on the right side of the nearest segment.

        Where two segments are equally near (beyond the outside of a bend), the one that the point faces most squarely
        decides, so that the sign does not flip along the bisector.
        """
        if len(self._start) == 1:
            return self._signed_distance_of_one(points)
        offset = points[:, None, :] - self._start[None]
        along = np.clip((offset * self._step).sum(axis=2) / self._length2, 0.0, 1.0)
        rest = offset - along[..., None] * self._step
        distance = np.hypot(rest[..., 0], rest[..., 1])
        cross = self._step[:, 0] * offset[..., 1] - self._step[:, 1] * offset[..., 0]
        off_line = np.abs(cross) / np.sqrt(self._length2)
        nearest = distance.min(axis=1, keepdims=True)
        tied = distance <= nearest + 1e-12
        pick = np.where(tied, off_line, -1.0).argmax(axis=1)
        rows = np.arange(len(points))
        return np.asarray(np.where(cross[rows, pick] >= 0.0, 1.0, -1.0) * distance[rows, pick])

    def _signed_distance_of_one(self, points: Floats) -> Floats:
        """The same for the line of a single segment, which most lines are."""
        (dx, dy), length2 = self._step[0].tolist(), float(self._length2[0])
        x, y = points[:, 0] - self._start[0, 0], points[:, 1] - self._start[0, 1]
        along = np.clip((x * dx + y * dy) / length2, 0.0, 1.0)
        distance = np.hypot(x - along * dx, y - along * dy)
        return np.asarray(np.where(dx * y - dy * x >= 0.0, distance, -distance))

    def crossings(self, start: Point, end: Point) -> list[Hits]:
        """Where the straight path from `start` to `end` passes through the polyline, in order along the path.

        They meet where the ends of each lie on different sides of the other. A point on a segment belongs to
        its right side; the side of a vertex is worked out once for both of its segments, from the path's ends in a
        fixed order, so that a path through an inner vertex meets the polyline once, there and back.
        """
        hits: list[Hits] = []
        (sx, sy), (ex, ey) = start, end
        (lx, ly), (hx, hy) = sorted((start, end))
        vertices = self._vertices
        beyond = [(hx - lx) * (y - ly) - (hy - ly) * (x - lx) >= 0.0 for x, y in vertices]
        for index, ((ax, ay), (bx, by)) in enumerate(pairwise(vertices)):
            if beyond[index] == beyond[index + 1]:
                continue
            before = (bx - ax) * (sy - ay) - (by - ay) * (sx - ax)
            after = (bx - ax) * (ey - ay) - (by - ay) * (ex - ax)
            if (before >= 0.0) != (after >= 0.0):
                hits.append(Hits(before / (before - after), 1 if after >= 0.0 else -1))
        return sorted(hits, key=lambda hit: hit.fraction)


class Polygon:
    """Three or more corners, closed by itself. Inside is decided by the even-odd rule, so it may cross itself."""

    def __init__(self, points: Sequence[Point] | Floats) -> None:
        vertices = np.asarray(points, float)
        if vertices.ndim != 2 or vertices.shape[1] != 2 or len(vertices) < 3:
            raise ValueError("a zone needs at least three points [x, y]")
        if np.ptp(vertices[:, 0]) == 0.0 or np.ptp(vertices[:, 1]) == 0.0:
            raise ValueError("a zone needs an area: its points lie on one line")
        self.vertices = vertices
        self._next = np.roll(vertices, -1, axis=0)

    def contains(self, points: Floats) -> Bools:
        """(n,) which of (n, 2) `points` lie inside. Left and top borders belong to it, right and bottom ones do not."""
        x, y = points[:, 0:1], points[:, 1:2]
        (ax, ay), (bx, by) = self.vertices.T, self._next.T
        spans = (ay > y) != (by > y)
        # Left of the edge, without dividing by its rise, which may be as small as numbers go.
        turn = (bx - ax) * (y - ay) - (x - ax) * (by - ay)
        left = np.where(by > ay, turn > 0.0, turn < 0.0)
        return np.asarray((spans & left).sum(axis=1) % 2 == 1)
