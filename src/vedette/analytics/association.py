"""Who is who: which boxes may belong together, and the best one-to-one choice among them."""

from __future__ import annotations

from dataclasses import dataclass

import lap
import numpy as np

from vedette.model.detections import Floats, Ints


@dataclass(frozen=True, slots=True)
class Pairs:
    """Candidate pairs: `row` and `col` (k,) index into two lists of boxes, `value` (k,) says how well they fit (> 0)."""

    row: Ints
    col: Ints
    value: Floats


def area(box: Floats) -> Floats:
    """(n,) area of (n, 4) boxes."""
    return np.asarray((box[:, 2] - box[:, 0]) * (box[:, 3] - box[:, 1]))


def grown(box: Floats, by: Floats) -> Floats:
    """Boxes with `by` (n, 2) added on the left and right, and on the top and bottom."""
    return np.hstack((box[:, :2] - by, box[:, 2:] + by))


def overlapping(a: Floats, b: Floats) -> Pairs:
    """Every pair of boxes of (n, 4) `a` and (m, 4) `b` that share some area, with their intersection over union.

    Boxes of `b` are sorted by their left edge, so that only neighbours are looked at: the work grows with the number
    of pairs that meet in x, not with n times m.
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
    p, q = a[row], b[col]
    wide = np.minimum(p[:, 2], q[:, 2]) - np.maximum(p[:, 0], q[:, 0])
    high = np.minimum(p[:, 3], q[:, 3]) - np.maximum(p[:, 1], q[:, 1])
    meet = (wide > 0.0) & (high > 0.0)
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
    alone = (np.bincount(row)[row] == 1) & (np.bincount(col)[col] == 1)
    rival = ~alone
    if not rival.any():
        return row, col
    rows, r = np.unique(row[rival], return_inverse=True)
    cols, c = np.unique(col[rival], return_inverse=True)
    gain = np.zeros((len(rows), len(cols)))
    gain[r, c] = value[rival]
    _, chosen, _ = lap.lapjv(-gain, extend_cost=True)
    took = np.flatnonzero(chosen >= 0)
    took = took[gain[took, chosen[took]] > 0.0]
    row = np.concatenate((row[alone], rows[took]))
    col = np.concatenate((col[alone], cols[chosen[took]]))
    order = np.argsort(row, kind="stable")
    return row[order], col[order]
