"""Decides when and where the detector looks, and which of its answers to believe.

Time is the cheapest evidence there is. A still picture is not looked at again and again; what the detector takes for a
person but nothing has ever moved under is furniture; and a thing that moves is real even where the detector has no name
for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from vedette.model.detections import Bools, Detections, Floats, Tracks, TrackState
from vedette.model.labels import COCO, GROUPS, MOVER
from vedette.model.media import Frame
from vedette.model.ports import Detector, Sight
from vedette.model.time import Instant
from vedette.vision.motion import Motion, MotionDetector, MotionOptions
from vedette.vision.regions import Region, gather, overlap

View = Literal["oblique", "overhead", "moving"]
WATCHED = frozenset({"person", *GROUPS["vehicle"], *GROUPS["animal"]})


@dataclass(frozen=True, slots=True, kw_only=True)
class PerceptionOptions:
    """How a camera's pictures are looked at.

    view       `oblique`: the usual camera; `overhead`: it looks straight down, classes mean little; `moving`: no fixed
               picture, so nothing is concluded from motion
    mode       `gated` looks where something happens, `whole` at every whole frame
    awake_s    after motion, every frame is looked at for so long
    recheck_s  objects that stand still are looked for again this often
    sweep_s    with nothing moving at all, the whole picture is looked at this often
    moved      least share of a box that must move for it to start a track
    close_px   objects lower than this in the detector's input get a closer look
    closer     most closer looks a frame
    """

    view: View = "oblique"
    mode: Literal["gated", "whole"] = "gated"
    awake_s: float = 0.7
    recheck_s: float = 2.0
    sweep_s: float = 10.0
    moved: float = 0.06
    close_px: float = 32.0
    closer: int = 1


class Perception:
    """Implements the `Perceiver` port over a detector. Keeps the background of one camera."""

    def __init__(
        self, detector: Detector, options: PerceptionOptions | None = None, motion: MotionOptions | None = None
    ) -> None:
        self._detector = detector
        self._options = options or PerceptionOptions()
        self._motion = MotionDetector(motion)
        self._names = (*detector.names, MOVER)
        self._overhead = self._options.view == "overhead"
        self._watched = np.array([name in WATCHED or detector.names != COCO for name in detector.names], np.bool_)
        self._awake_until_ns = 0
        self._looked_ns: int | None = None
        self._turn = 0

    def perceive(self, frame: Frame, tracks: Tracks) -> Sight:
        """Objects in `frame`. Boxes of things that stand still are carried on between two looks."""
        motion = self._motion.look(frame)
        if not self._due(frame.at, motion, tracks):
            return Sight(self._carried(tracks))
        self._looked_ns = frame.at.stream_ns
        regions = self._regions(frame, motion, tracks)
        answers = self._detector.detect([region.cut(frame) for region in regions])
        found = gather(list(zip(regions, answers, strict=True)), frame.width, frame.height)
        return Sight(self._believed(self._named(found), motion, tracks), len(regions))

    # -- when -----------------------------------------------------------------------------------------------------

    def _due(self, at: Instant, motion: Motion, tracks: Tracks) -> bool:
        options = self._options
        if options.mode == "whole" or options.view == "moving" or self._looked_ns is None:
            return True
        if len(motion.boxes) or motion.upset:
            self._awake_until_ns = at.stream_ns + round(options.awake_s * 1e9)
        searching = bool(((tracks.state == TrackState.TENTATIVE) | ~tracks.seen).any())
        if at.stream_ns <= self._awake_until_ns or searching:
            return True
        waited_s = (at.stream_ns - self._looked_ns) / 1e9
        return waited_s >= (options.recheck_s if len(tracks) else options.sweep_s)

    @staticmethod
    def _carried(tracks: Tracks) -> Detections:
        """What stood still a moment ago still does: nothing moved since."""
        still = tracks.seen
        return Detections(tracks.box[still], tracks.score[still], tracks.label[still], tracks.names)

    # -- where ----------------------------------------------------------------------------------------------------

    def _regions(self, frame: Frame, motion: Motion, tracks: Tracks) -> list[Region]:
        """The whole picture, and closer looks at what is too small in it."""
        whole = Region.whole(frame.width, frame.height)
        options = self._options
        if options.mode == "whole" or options.view == "moving":
            return [whole]
        scale = min(
            side / span for side, span in zip(self._detector.input_size, (frame.width, frame.height), strict=True)
        )
        wanted = self._too_small(frame, motion, tracks, scale)
        return [whole, *self._closer(wanted, frame, scale)]

    def _too_small(self, frame: Frame, motion: Motion, tracks: Tracks, scale: float) -> Floats:
        """(n, 4) pixel boxes of moving things that the whole picture shows too small for the detector."""
        size = np.array([frame.width, frame.height] * 2, float)
        boxes = np.concatenate([motion.boxes, tracks.box]) * size
        height, width = boxes[:, 3] - boxes[:, 1], boxes[:, 2] - boxes[:, 0]
        shown = np.maximum(height, width) * scale
        return np.asarray(boxes[(shown < self._options.close_px) & (shown > 4.0)])

    def _closer(self, boxes: Floats, frame: Frame, scale: float) -> list[Region]:
        """Squares at twice the scale or better that hold as many of `boxes` as possible, another choice every time."""
        regions: list[Region] = []
        side = min(max(self._detector.input_size), 0.5 * max(self._detector.input_size) / scale)
        while len(boxes) and len(regions) < self._options.closer:
            self._turn += 1
            seed = boxes[self._turn % len(boxes)]
            region = Region.square_around(
                (seed[0] + seed[2]) / 2, (seed[1] + seed[3]) / 2, side, frame.width, frame.height
            )
            regions.append(region)
            boxes = boxes[~region.contains(boxes)][1 if not region.contains(seed[None])[0] else 0 :]
        return regions

    # -- what to believe ------------------------------------------------------------------------------------------

    def _named(self, found: Detections) -> Detections:
        """Classes the camera can meet. From overhead the others are things of unknown class."""
        known = self._watched[found.label]
        if self._overhead:
            label = np.where(known, found.label, len(self._names) - 1)
            return Detections(found.box, found.score, label, self._names)
        return Detections(found.box, found.score, found.label, self._names).where(known)

    def _believed(self, found: Detections, motion: Motion, tracks: Tracks) -> Detections:
        """Leave out what neither moves nor belongs to a track; from overhead, add what moves and was not found."""
        if self._options.view == "moving":
            return found
        if not motion.settled:
            return found
        moves = motion.share_in(found.box) >= self._options.moved
        found = found.where(moves | _claimed(found.box, tracks))
        if not self._overhead:
            return found
        return _joined(found, self._movers(found, motion))

    def _movers(self, found: Detections, motion: Motion) -> Detections:
        """Moving blobs that no detection accounts for."""
        boxes = motion.boxes[(motion.boxes[:, 3] - motion.boxes[:, 1]) >= 0.08]
        _, within = overlap(boxes, found.box)
        free = boxes[~(within > 0.3).any(axis=1)] if len(found) else boxes
        n = len(free)
        return Detections(free, np.full(n, 0.5), np.full(n, len(self._names) - 1, np.int64), self._names)


def _claimed(boxes: Floats, tracks: Tracks) -> Bools:
    """(n,) boxes that lie where a track is expected."""
    if not len(tracks):
        return np.zeros(len(boxes), np.bool_)
    iou, _ = overlap(boxes, tracks.box)
    return np.asarray((iou > 0.3).any(axis=1))


def _joined(first: Detections, second: Detections) -> Detections:
    return Detections(
        np.concatenate([first.box, second.box]),
        np.concatenate([first.score, second.score]),
        np.concatenate([first.label, second.label]),
        first.names,
    )
