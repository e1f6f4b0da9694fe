"""Who is who: which boxes may belong together, and the best one-to-one choice among them."""

from __future__ import annotations

from dataclasses import dataclass

import lap
import numpy as np

from vedette.model.detections import Bools, Floats, Ints


@dataclass(frozen=True, slots=True)
class Pairs:
    """Candidates: `row` and `col` (k,) index two lists of boxes, `value` (k,) > 0 says how well they fit."""

    row: Ints
    col: Ints
    value: Floats

    def where(self, keep: Bools) -> Pairs:
        """The pairs chosen by a mask."""
        return Pairs(self.row[keep], self.col[keep], self.value[keep])


def area(box: Floats) -> Floats:
    """(n,) area of (n, 4) boxes."""
    return np.asarray((box[:, 2] - box[:, 0]) * (box[:, 3] - box[:, 1]))


def grown(box: Floats, by: Floats) -> Floats:
    """Boxes with `by` (n, 2) added on the left and right, and on the top and bottom."""
    return np.hstack((box[:, :2] - by, box[:, 2:] + by))


def overlapping(a: Floats, b: Floats) -> Pairs:
    """Every pair of boxes of (n, 4) `a` and (m, 4) `b` that share some area, with their intersection over union.

    Boxes of `b` are sorted by their left edge, so that only neighbours are looked at: the work grows with the number
    of pairs that are near in x, not with n times m.
    """
    if not len(a) or not len(b):
        none = np.zeros(0, np.int64)
        return Pairs(none, none, np.zeros(0))
    order = np.argsort(b[:, 0])
    left = b[order, 0]
    widest = float((b[:, 2] - b[:, 0]).max())
    first = np.searchsorted(left, a[:, 0] - widest)
    count = np.searchsorted(left, a[:, 2]) - first
    row = np.repeat(np.arange(len(a)), count)
    col = order[np.arange(len(row)) - np.repeat(np.cumsum(count) - count - first, count)]
    high = np.minimum(a[row, 3], b[col, 3]) - np.maximum(a[row, 1], b[col, 1])
    meet = high > 0.0
    row, col, high = row[meet], col[meet], high[meet]
    wide = np.minimum(a[row, 2], b[col, 2]) - np.maximum(a[row, 0], b[col, 0])
    meet = wide > 0.0
    row, col, shared = row[meet], col[meet], (wide * high)[meet]
    return Pairs(row, col, shared / np.maximum(area(a)[row] + area(b)[col] - shared, 1e-12))


def assign(pairs: Pairs) -> tuple[Ints, Ints]:
    """The one-to-one choice with the largest sum of values: rows and columns chosen, in the order of rows.

    A pair without a rival on either side is part of every best choice and is taken at once; what remains is solved by
    the Jonker-Volgenant algorithm (`lap`).
    """
    row, col, value = pairs.row, pairs.col, pairs.value
    if not len(row):
        return row, col
    rival = (np.bincount(row)[row] > 1) | (np.bincount(col)[col] > 1)
    if not rival.any():
        return row, col
    rows, r = np.unique(row[rival], return_inverse=True)
    cols, c = np.unique(col[rival], return_inverse=True)
    gain = np.zeros((len(rows), len(cols)))
    gain[r, c] = value[rival]
    _, chosen, _ = lap.lapjv(-gain, extend_cost=True)
    took = np.flatnonzero(chosen >= 0)
    took = took[gain[took, chosen[took]] > 0.0]
    row = np.concatenate((row[~rival], rows[took]))
    col = np.concatenate((col[~rival], cols[chosen[took]]))
    order = np.argsort(row)
    return row[order], col[order]


def repeated(box: Floats, score: Floats, group: Ints, least: float, inside: float) -> tuple[Bools, Bools]:
    """Second boxes on one thing, among boxes of the same group: (same, part), both (n,).

    same  overlaps a better scored box by more than `least` (intersection over union)
    part  lies with more than the share `inside` of its area in a larger and better scored box
    """
    same, part = np.zeros(len(box), np.bool_), np.zeros(len(box), np.bool_)
    pairs = overlapping(box, box)
    rank = np.empty(len(box), np.int64)
    rank[np.argsort(-score, kind="stable")] = np.arange(len(box))
    pairs = pairs.where((rank[pairs.row] < rank[pairs.col]) & (group[pairs.row] == group[pairs.col]))
    size = area(box)
    large, small = size[pairs.row], size[pairs.col]
    shared = pairs.value * (large + small) / (1.0 + pairs.value)
    same[pairs.col[pairs.value > least]] = True
    part[pairs.col[(shared > inside * small) & (small < large)]] = True
    return same, part & ~same
