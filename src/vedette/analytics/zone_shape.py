"""The shape of a zone: who is in it, where paths meet its border, how much of a box it covers. All rows at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from vedette.model.detections import Bools, Floats
from vedette.model.geometry import Point, Polygon

_CELLS: Final = 512
_FLAT: Final = 1e-24
_SLACK: Final = 1e-6
_NARROW: Final = 0.25
"""A band along the border never takes more than this share of the zone's narrow side."""


class ZoneShape:
    """A polygon in 0..1 of the picture."""

    def __init__(self, points: Sequence[Point]) -> None:
        self.polygon = Polygon(points)
        corners = self.polygon.vertices
        self._low, self._high = corners.min(axis=0), corners.max(axis=0)
        self._start = corners
        self._step = np.roll(corners, -1, axis=0) - corners

    def contains(self, points: Floats) -> Bools:
        """(n,) which of (n, 2) `points` lie inside."""
        within = (points >= self._low) & (points <= self._high)
        inside = within[:, 0] & within[:, 1]
        near = np.flatnonzero(inside)
        if len(near):
            inside[near] = self.polygon.contains(points[near])
        return np.asarray(inside)

    def meetings(self, start: Floats, end: Floats, was: Bools, inside: Bools) -> dict[int, list[float]]:
        """By row: fractions 0..1 at which the straight path from `start` to `end` (n, 2) met the border, in order.

        `was` and `inside` say whether the ends lie inside; the number of meetings always agrees with them. Rows whose
        `start` is NaN (nothing known) and rows that meet nothing are left out.
        """
        near = (np.minimum(start, end) <= self._high) & (np.maximum(start, end) >= self._low)
        # Whatever is compared with NaN is far.
        rows = np.flatnonzero(near[:, 0] & near[:, 1])
        if not len(rows):
            return {}
        fractions = self._fractions(start[rows], end[rows])
        found: dict[int, list[float]] = {}
        for index in np.flatnonzero((~np.isnan(fractions)).any(axis=1) | (was[rows] != inside[rows])).tolist():
            row = int(rows[index])
            hits = sorted(value for value in fractions[index].tolist() if value == value)  # noqa: PLR0124 - not NaN
            change = bool(was[row] != inside[row])
            if len(hits) % 2 != change:
                # An end lies on the border, or the path touches a corner; the ends decide.
                hits = [self._touch(start[row], end[row])] if change else []
            if hits:
                found[row] = hits
        return found

    def _touch(self, start: Floats, end: Floats) -> float:
        fractions = self._fractions(start[None], end[None], _SLACK)
        known = fractions[~np.isnan(fractions)]
        return float(np.clip(np.median(known), 0.0, 1.0)) if len(known) else 0.5

    def _fractions(self, start: Floats, end: Floats, slack: float = 0.0) -> Floats:
        """(n, edges) fraction of each path at which it meets each edge, NaN where it does not."""
        path = (end - start)[:, None, :]
        edge = self._step[None]
        offset = self._start[None] - start[:, None, :]
        cross = path[..., 0] * edge[..., 1] - path[..., 1] * edge[..., 0]
        # Parallel, or a path too short to meet anything: dividing by its cross product would overflow.
        flat = np.abs(cross) < _FLAT
        safe = np.where(flat, 1.0, cross)
        along_path = (offset[..., 0] * edge[..., 1] - offset[..., 1] * edge[..., 0]) / safe
        along_edge = (offset[..., 0] * path[..., 1] - offset[..., 1] * path[..., 0]) / safe
        low, high = -slack, 1.0 + slack
        meets = ~flat & (along_path >= low) & (along_path < high) & (along_edge >= low) & (along_edge < high)
        return np.where(meets, along_path, np.nan)

    def clear_of_border(self, point: Floats, band: float, aspect: float) -> bool:
        """Whether `point` is farther than `band` (picture heights) from the border."""
        stretch = np.array([aspect, 1.0])
        sides = (self._high - self._low) * stretch
        band = min(band, _NARROW * float(sides.min()))
        offset, step = (point - self._start) * stretch, self._step * stretch
        length2 = np.maximum((step**2).sum(axis=1), 1e-18)
        along = np.clip((offset * step).sum(axis=1) / length2, 0.0, 1.0)
        rest = offset - along[:, None] * step
        return bool((rest**2).sum(axis=1).min() > band * band)


class ShareMap:
    """Share of a box that lies inside a polygon, from a summed-area table over the polygon's surroundings.

    Cells are 1/512 of the polygon's width and height; between cell corners the sums are interpolated, so the answer is
    that of the polygon drawn in cells. (F. Crow, Summed-area tables for texture mapping, SIGGRAPH 1984.)
    """

    def __init__(self, polygon: Polygon) -> None:
        self._low = polygon.vertices.min(axis=0)
        self._size = (np.ptp(polygon.vertices, axis=0)) / _CELLS
        middles = self._low[None] + (np.arange(_CELLS) + 0.5)[:, None] * self._size[None]
        cells = np.zeros((_CELLS, _CELLS))
        for row, y in enumerate(middles[:, 1].tolist()):
            cells[row] = polygon.contains(np.stack([middles[:, 0], np.full(_CELLS, y)], axis=1))
        self._sums = np.zeros((_CELLS + 1, _CELLS + 1))
        self._sums[1:, 1:] = cells.cumsum(axis=0).cumsum(axis=1)

    def of(self, boxes: Floats) -> Floats:
        """(n,) share 0..1 of each of (n, 4) boxes left, top, right, bottom."""
        left, top, right, bottom = boxes.T
        covered = self._sum(right, bottom) - self._sum(left, bottom) - self._sum(right, top) + self._sum(left, top)
        area = (right - left) * (bottom - top) / (self._size[0] * self._size[1])
        return np.asarray(np.clip(covered / np.maximum(area, 1e-12), 0.0, 1.0))

    def _sum(self, x: Floats, y: Floats) -> Floats:
        """Cells up to (x, y), parts of cells counted by their part."""
        column = np.clip((x - self._low[0]) / self._size[0], 0.0, _CELLS)
        row = np.clip((y - self._low[1]) / self._size[1], 0.0, _CELLS)
        i, j = np.minimum(row.astype(int), _CELLS - 1), np.minimum(column.astype(int), _CELLS - 1)
        v, u = row - i, column - j
        s = self._sums
        low = s[i, j] * (1.0 - u) + s[i, j + 1] * u
        high = s[i + 1, j] * (1.0 - u) + s[i + 1, j + 1] * u
        return np.asarray(low * (1.0 - v) + high * v)
