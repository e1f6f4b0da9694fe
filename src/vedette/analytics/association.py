"""Who is who: which boxes may belong together, and the best one-to-one choice among them."""

from __future__ import annotations

from dataclasses import dataclass

import lap
import numpy as np

from vedette.analytics.bank import rows_of
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
    sides = box[:, 2:] - box[:, :2]
    return np.asarray(sides[:, 0] * sides[:, 1])


def grown(box: Floats, by: Floats) -> Floats:
    """Boxes with `by` (n, 2) added on the left and right, and on the top and bottom."""
    return np.concatenate((box[:, :2] - by, box[:, 2:] + by), axis=1)


def overlapping(a: Floats, b: Floats) -> Pairs:
    """Every pair of boxes of (n, 4) `a` and (m, 4) `b` that share some area, with their intersection over union.

    Boxes of `b` are sorted by their left edge, so that only neighbours are looked at: the work grows with the number
    of pairs that are near in x, not with n times m.
    """
    if not len(a) or not len(b):
        return _none()
    order = b[:, 0].argsort()
    left = b[order, 0]
    widest = (b[:, 2] - b[:, 0]).max()
    # Searching is several times as fast for numbers that are nearly in order.
    turn = a[:, 0].argsort()
    row, near = _runs(left.searchsorted(a[turn, 0] - widest), left.searchsorted(a[turn, 2]))
    return _meeting(a, b, turn[row], order[near])


def overlapping_within(box: Floats) -> Pairs:
    """The same among (n, 4) boxes: each unordered pair once."""
    if len(box) < 2:
        return _none()
    order = box[:, 0].argsort()
    left = box[order, 0]
    row, near = _runs(np.arange(1, len(box) + 1), np.maximum(left.searchsorted(box[order, 2]), 1))
    return _meeting(box, box, order[row], order[near])


def _none() -> Pairs:
    none = np.zeros(0, np.int64)
    return Pairs(none, none, np.zeros(0))


def _runs(first: Ints, stop: Ints) -> tuple[Ints, Ints]:
    """Row numbers and the numbers first..stop-1 that belong to each row, as two parallel arrays."""
    count = np.maximum(stop - first, 0)
    row = np.arange(len(first)).repeat(count)
    return row, np.arange(len(row)) + (first + count - count.cumsum()).repeat(count)


def _meeting(a: Floats, b: Floats, row: Ints, col: Ints) -> Pairs:
    """Those of the pairs that share some area. Their heights are compared first, because few pairs are left then."""
    a, b = np.asfortranarray(a), np.asfortranarray(b)
    meet = ((a[:, 3][row] > b[:, 1][col]) & (b[:, 3][col] > a[:, 1][row])).nonzero()[0]
    row, col = row[meet], col[meet]
    value = overlap(rows_of(a, row), rows_of(b, col))
    meet = (value > 0.0).nonzero()[0]
    return Pairs(row[meet], col[meet], value[meet])


def overlap(a: Floats, b: Floats) -> Floats:
    """(n,) intersection over union of each box of (n, 4) `a` with that of `b` in the same row."""
    sides = np.maximum(np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2]), 0.0)
    shared = sides[:, 0] * sides[:, 1]
    return np.asarray(shared / np.maximum(area(a) + area(b) - shared, 1e-12))


def assign(pairs: Pairs) -> tuple[Ints, Ints]:
    """The one-to-one choice with the largest sum of values: rows and columns chosen, in the order of rows.

    Pairs that belong to a best choice for certain are taken at once; what remains is solved by the Jonker-Volgenant
    algorithm (`lap`).
    """
    if len(pairs.row) < 2:
        return pairs.row, pairs.col
    certain = _certain(pairs)
    row, col = pairs.row[certain], pairs.col[certain]
    if len(row) < len(pairs.row):
        taken_row, taken_col = _marked(pairs.row, row), _marked(pairs.col, col)
        more = _solve(pairs.where(~(taken_row[pairs.row] | taken_col[pairs.col])))
        row, col = np.concatenate((row, more[0])), np.concatenate((col, more[1]))
    order = row.argsort()
    return row[order], col[order]


def _marked(every: Ints, some: Ints) -> Bools:
    """For each number up to the largest of `every`, whether it is among `some`."""
    marks = np.zeros(every.max() + 1, np.bool_)
    marks[some] = True
    return marks


def _certain(pairs: Pairs) -> Bools:
    """(k,) pairs worth at least as much as the best rival in their row and the best rival in their column together.

    Exchanging those two for it loses nothing, so some best choice contains it.
    """
    row, col, value = pairs.row, pairs.col, pairs.value
    best_row, best_col = np.zeros(row.max() + 1), np.zeros(col.max() + 1)
    np.maximum.at(best_row, row, value)
    np.maximum.at(best_col, col, value)
    top = (value >= best_row[row]) & (value >= best_col[col])
    rest = ~top
    next_row, next_col = np.zeros(len(best_row)), np.zeros(len(best_col))
    np.maximum.at(next_row, row[rest], value[rest])
    np.maximum.at(next_col, col[rest], value[rest])
    tops_row = np.bincount(row[top], minlength=len(best_row))[row]
    tops_col = np.bincount(col[top], minlength=len(best_col))[col]
    return np.asarray(top & (tops_row * tops_col == 1) & (value >= next_row[row] + next_col[col]))


def _solve(pairs: Pairs) -> tuple[Ints, Ints]:
    if not len(pairs.row):
        return pairs.row, pairs.col
    (rows, r), (cols, c) = _renumbered(pairs.row), _renumbered(pairs.col)
    gain = np.zeros((len(rows), len(cols)))
    gain[r, c] = pairs.value
    _, chosen, _ = lap.lapjv(-gain, extend_cost=True)
    took = (chosen >= 0).nonzero()[0]
    took = took[gain[took, chosen[took]] > 0.0]
    return rows[took], cols[chosen[took]]


def _renumbered(numbers: Ints) -> tuple[Ints, Ints]:
    """The different numbers in order, and the place of each of `numbers` among them."""
    different = _marked(numbers, numbers).nonzero()[0]
    return different, different.searchsorted(numbers)


def repeated(box: Floats, score: Floats, group: Ints, least: float, inside: float) -> tuple[Bools, Bools]:
    """Second boxes on one thing, among boxes of the same group: (same, part), both (n,).

    same  overlaps a better scored box by more than `least` (intersection over union)
    part  lies with more than the share `inside` of its area in a larger and better scored box
    """
    same, part = np.zeros(len(box), np.bool_), np.zeros(len(box), np.bool_)
    pairs = overlapping_within(box)
    pairs = pairs.where(group[pairs.row] == group[pairs.col])
    weaker = (score[pairs.row] < score[pairs.col]) | ((score[pairs.row] == score[pairs.col]) & (pairs.row > pairs.col))
    weak, strong = np.where(weaker, pairs.row, pairs.col), np.where(weaker, pairs.col, pairs.row)
    size = area(box)
    small, large = size[weak], size[strong]
    shared = pairs.value * (large + small) / (1.0 + pairs.value)
    same[weak[pairs.value > least]] = True
    part[weak[(shared > inside * small) & (small < large)]] = True
    return same, part & ~same
