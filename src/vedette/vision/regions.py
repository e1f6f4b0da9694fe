"""Which parts of a picture the detector is shown, and how its answers come together again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vedette.model.detections import Detections, Floats, Ints
from vedette.model.labels import MOVER, group_of
from vedette.model.media import Frame, Image


@dataclass(frozen=True, slots=True)
class Region:
    """A rectangle of the picture in pixels, right and bottom excluded."""

    left: int
    top: int
    right: int
    bottom: int

    @classmethod
    def whole(cls, width: int, height: int) -> Region:
        """All of the picture."""
        return cls(0, 0, width, height)

    @classmethod
    def square_around(cls, x: float, y: float, side: float, width: int, height: int) -> Region:
        """A square of `side` pixels about (x, y), shifted into the picture and no larger than it."""
        w, h = min(round(side), width), min(round(side), height)
        left = int(np.clip(round(x - w / 2), 0, width - w))
        top = int(np.clip(round(y - h / 2), 0, height - h))
        return cls(left, top, left + w, top + h)

    def cut(self, frame: Frame) -> Image:
        """The pixels, not copied."""
        return frame.image[self.top : self.bottom, self.left : self.right]


def gather(answers: Sequence[tuple[Region, Detections]], width: int, height: int) -> Detections:
    """Answers about regions as one answer about the picture, in 0..1 of it.

    A box that touches an inner edge of its region is cut and left out: what it shows is seen whole in another region or
    in the whole picture. Of boxes of one thing from different regions the surest stays.
    """
    parts = [_placed(region, found, width, height) for region, found in answers]
    joined = Detections(
        np.concatenate([part.box for part in parts]),
        np.concatenate([part.score for part in parts]),
        np.concatenate([part.label for part in parts]),
        parts[0].names,
    )
    return joined.where(_distinct(joined))


def _placed(region: Region, found: Detections, width: int, height: int) -> Detections:
    span = np.array([region.right - region.left, region.bottom - region.top] * 2, float)
    box = found.box * span + np.array([region.left, region.top] * 2, float)
    rim = 0.01 * span[0]
    inner = (
        ((region.left > 0) & (box[:, 0] < region.left + rim))
        | ((region.top > 0) & (box[:, 1] < region.top + rim))
        | ((region.right < width) & (box[:, 2] > region.right - rim))
        | ((region.bottom < height) & (box[:, 3] > region.bottom - rim))
    )
    size = np.array([width, height, width, height], float)
    return Detections(box / size, found.score, found.label, found.names).where(~inner)


def overlap(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """(n, m) intersection over union of (n, 4) and (m, 4) boxes, and intersection over the smaller of the two."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    inter = np.clip(high - low, 0.0, None).prod(axis=2)
    area_a = (a[:, 2:] - a[:, :2]).prod(axis=1)[:, None]
    area_b = (b[:, 2:] - b[:, :2]).prod(axis=1)[None]
    union = area_a + area_b - inter
    return inter / np.maximum(union, 1e-12), inter / np.maximum(np.minimum(area_a, area_b), 1e-12)


def _distinct(found: Detections) -> Ints:
    """Indices of boxes that are not the same thing as a surer one, or merely a part of a much surer one.

    A person before a bus is not the bus, and a car before a lorry is as sure as the lorry. A thing of unknown class may
    be anything.
    """
    iou, within = overlap(found.box, found.box)
    groups = np.array([group_of(found.names[label]) for label in found.label.tolist()], np.str_)
    alike = (groups[:, None] == groups[None, :]) | (groups == MOVER)[:, None] | (groups == MOVER)[None, :]
    much_surer = found.score[:, None] < 0.7 * found.score[None, :]
    same = ((iou > 0.5) | ((within > 0.8) & much_surer)) & alike
    kept: list[int] = []
    for index in np.argsort(-found.score, kind="stable").tolist():
        if not same[index, kept].any():
            kept.append(index)
    return np.array(kept, np.int64)
