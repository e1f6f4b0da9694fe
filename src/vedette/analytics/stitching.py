"""Which newborn takes up which lost one: for counts, where a broken path would lose a crossing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vedette.analytics.association import Pairs, assign
from vedette.model.detections import Floats, Ints
from vedette.model.time import NS_PER_S


@dataclass(frozen=True, slots=True)
class Ends:
    """Ends of paths that may belong together, one row each, in picture heights and seconds.

    at_ns  (n,) stream time of the end
    z      (n, 4) centre and size there
    speed  (n, 2) velocity of the centre there
    group  (n,) kind of thing, 0 where unknown
    """

    at_ns: Ints
    z: Floats
    speed: Floats
    group: Ints


def stitch(old: Ends, new: Ends, longest_s: float) -> tuple[Ints, Ints]:
    """Rows of `old` and `new` that are one path, at most one partner each.

    The gap is at most `longest_s`; each end, carried across it at its own constant velocity, must come near the other
    (half a box size, and half a size more for each second), and their heights may differ by a fifth.
    """
    gaps = (new.at_ns - old.at_ns[:, None]) / NS_PER_S
    high, other_high = old.z[:, 3, None], new.z[:, 3]
    group, other_group = old.group[:, None], new.group
    may = (gaps > 0.0) & (gaps <= longest_s)
    may &= np.maximum(high, other_high) <= 1.25 * np.minimum(high, other_high)
    may &= (group == other_group) | (group == 0) | (other_group == 0)
    i, j = may.nonzero()
    if not len(i):
        return i, j
    gap = gaps[i, j]
    size = np.sqrt(np.sqrt(old.z[i, 2] * old.z[i, 3] * new.z[j, 2] * new.z[j, 3]))
    way = new.z[j, :2] - old.z[i, :2]
    ahead = np.hypot(*(way - old.speed[i] * gap[:, None]).T)
    back = np.hypot(*(way - new.speed[j] * gap[:, None]).T)
    room = size * (0.5 + 0.5 * gap)
    fits = (ahead < room) & (back < room)
    value = 2.0 - (ahead + back) / (2.0 * room)
    return assign(Pairs(i[fits], j[fits], value[fits]))
