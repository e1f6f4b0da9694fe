"""Removal of double boxes."""

from __future__ import annotations

from typing import Final

import numpy as np

from vedette.model.detections import Bools, Floats, Ints

MOST: Final = 1000
"""No more than this many of the best boxes are compared; the cost grows with the square."""


def iou(a: Floats, b: Floats) -> Floats:
    """(n, m) intersection over union of (n, 4) and (m, 4) corners; 0 where both boxes have no area."""
    area_a = (a[:, 2] - a[:, 0]) * (a[:, 3] - a[:, 1])
    area_b = (b[:, 2] - b[:, 0]) * (b[:, 3] - b[:, 1])
    width = np.minimum(a[:, None, 2], b[:, 2]) - np.maximum(a[:, None, 0], b[:, 0])
    height = np.minimum(a[:, None, 3], b[:, 3]) - np.maximum(a[:, None, 1], b[:, 1])
    common = np.maximum(width, 0.0) * np.maximum(height, 0.0)
    union = area_a[:, None] + area_b - common
    return np.asarray(np.divide(common, union, out=np.zeros_like(common), where=union > 0))


def suppress(box: Floats, score: Floats, label: Ints, group: Ints, *, same: float, across: float) -> Ints:
    """Indices of the boxes to keep, best score first.

    Greedy: a box goes when a better one that stays overlaps it by more than `same` and has its class, or by more than
    `across` and is of its group (one vehicle called both car and truck). `group` is (n,) any number per group. Equal
    scores keep their order, so that the answer is always the same.
    """
    order = np.argsort(-score, kind="stable")[:MOST]
    box, label, group = box[order], label[order], group[order]
    overlap = iou(box, box)
    doubles: Bools = (overlap > same) & (label[:, None] == label)
    doubles |= (overlap > across) & (group[:, None] == group)
    doubles = np.triu(doubles, 1)
    keep = np.ones(len(order), np.bool_)
    for i in np.flatnonzero(doubles.any(axis=1)):
        if keep[i]:
            keep[doubles[i]] = False
    return np.asarray(order[keep], np.int64)
