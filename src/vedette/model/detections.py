"""What a detector and a tracker answer: parallel arrays, one row per object."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


def _empty_boxes() -> Floats:
    return np.zeros((0, 4))


def _empty_floats() -> Floats:
    return np.zeros(0)


def _empty_ints() -> Ints:
    return np.zeros(0, np.int64)


@dataclass(frozen=True, slots=True)
class Detections:
    """Objects found in one picture.

    box    (n, 4) left, top, right, bottom in 0..1 of the picture, x to the right and y down
    score  (n,) confidence 0..1
    label  (n,) index into `names`
    names  class names the labels index
    """

    box: Floats = field(default_factory=_empty_boxes)
    score: Floats = field(default_factory=_empty_floats)
    label: Ints = field(default_factory=_empty_ints)
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        n = len(self.score)
        if self.box.shape != (n, 4) or self.label.shape != (n,):
            raise ValueError(f"detections do not agree: box {self.box.shape}, score {n}, label {self.label.shape}")

    def __len__(self) -> int:
        return len(self.score)

    def where(self, keep: Bools | Ints) -> Detections:
        """The rows that `keep` (mask or indices) chooses."""
        return Detections(self.box[keep], self.score[keep], self.label[keep], self.names)


class TrackState(IntEnum):
    """How sure the tracker is that a track is a real object in view."""

    TENTATIVE = 0
    """Too few detections so far; takes part in no rule."""
    CONFIRMED = 1
    """Detected in this frame or the one before it was missed is within the lost memory; counts."""
    LOST = 2
    """Confirmed before, not detected now; its box is a prediction."""


@dataclass(frozen=True, slots=True)
class Tracks:
    """Objects followed over time, as of one frame. Rows are the live tracks, those not detected now included.

    id         (n,) positive and never reused within a run; rows with id < 1 have no identity and no rule sees them
    box        (n, 4) left, top, right, bottom in 0..1; for a track that is not `seen`, predicted
    score      (n,) score of the latest detection
    label      (n,) class of the latest detection, index into `names`
    state      (n,) `TrackState`
    seen       (n,) detected in this very frame
    born_ns    (n,) stream time of the first detection
    continues  (n,) id of an earlier track that this one takes up again after a short gap, 0 where none
    ended      (m,) ids that were live at the update before and are not any more
    """

    id: Ints = field(default_factory=_empty_ints)
    box: Floats = field(default_factory=_empty_boxes)
    score: Floats = field(default_factory=_empty_floats)
    label: Ints = field(default_factory=_empty_ints)
    state: Ints = field(default_factory=_empty_ints)
    seen: Bools = field(default_factory=lambda: np.zeros(0, np.bool_))
    born_ns: Ints = field(default_factory=_empty_ints)
    continues: Ints = field(default_factory=_empty_ints)
    ended: Ints = field(default_factory=_empty_ints)
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        n = len(self.id)
        columns = (self.score, self.label, self.state, self.seen, self.born_ns, self.continues)
        if self.box.shape != (n, 4) or any(column.shape != (n,) for column in columns):
            raise ValueError("track columns differ in length")

    def __len__(self) -> int:
        return len(self.id)
