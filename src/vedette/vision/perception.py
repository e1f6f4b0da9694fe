"""Decides when and where the detector looks, and which of its answers to believe.

Time is the cheapest evidence there is. A still picture is not looked at again and again; what the detector takes for a
person but nothing has ever moved under is furniture; and a thing that moves is real even where the detector has no name
for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Literal

import numpy as np

from vedette.model.detections import Bools, Detections, Floats, Tracks, TrackState
from vedette.model.labels import COCO, GROUPS, MOVER
from vedette.model.media import Frame
from vedette.model.ports import Detector, Sight
from vedette.model.time import NS_PER_S, Instant
from vedette.vision.motion import Motion, MotionDetector, MotionOptions
from vedette.vision.regions import Region, gather, overlap

View = Literal["oblique", "overhead", "moving"]
_SURE = 0.3
_MOVER_SCORE = 0.5
_MOVER_HEIGHT = 0.08
_LEAST_PX = 14.0  # of height in the detector's input: nothing smaller is found
WATCHED = frozenset({"person", *GROUPS["vehicle"], *GROUPS["animal"]})


@dataclass(frozen=True, slots=True, kw_only=True)
class PerceptionOptions:
    """How a camera's pictures are looked at.

    view       `oblique`: the usual camera; `overhead`: it looks straight down, classes mean little; `moving`: no fixed
               picture, so nothing is concluded from motion
    mode       `gated` looks where something happens, `whole` at every whole frame
    awake_s    after motion, the picture stays watched for so long
    stride     what is followed is looked at again when it may have moved by this share of its size
    rest_s     and at the latest after so long
    least_s    but never sooner than this: nothing is gained by more than a dozen looks a second
    fresh_s    motion that no followed object accounts for is looked at after so long
    doubt_s    what moves for so long without anything being found (leaves, a flag) is looked at now and then only
    search_s   how often that is, and how often something lost from sight is looked for where nothing moves
    recheck_s  objects that stand still are looked for again this often
    sweep_s    with nothing moving at all, the whole picture is looked at this often
    moved      least share of a box that must move for it to start a track
    close_px   things lower than this in the detector's input get a closer look
    close_s    closer looks are at least so far apart; while they bring nothing, up to eight times as far
    """

    view: View = "oblique"
    mode: Literal["gated", "whole"] = "gated"
    awake_s: float = 0.3
    stride: float = 0.35
    rest_s: float = 0.25
    least_s: float = 0.07
    fresh_s: float = 0.15
    doubt_s: float = 1.5
    search_s: float = 0.25
    recheck_s: float = 2.0
    sweep_s: float = 10.0
    moved: float = 0.06
    close_px: float = 28.0
    close_s: float = 0.25


class Paths:
    """How fast the followed objects move, from one look to the next; carries them over frames that nobody looks at."""

    def __init__(self) -> None:
        self._boxes: dict[int, Floats] = {}
        self._speeds: dict[int, Floats] = {}
        self._measured_ns = 0
        self._now_ns = 0
        self._step_s = 0.0

    def follow(self, tracks: Tracks, at: Instant, *, measured: bool) -> None:
        """Go on to the frame at `at`, with the tracks as of the one before; `measured` says that it was looked at."""
        before_ns, self._now_ns = self._now_ns, at.stream_ns
        self._step_s = (at.stream_ns - before_ns) / NS_PER_S
        if not measured:
            return
        elapsed_s = (before_ns - self._measured_ns) / NS_PER_S
        seen = dict(zip(tracks.id[tracks.seen].tolist(), tracks.box[tracks.seen], strict=True))
        old = self._boxes
        self._speeds = {
            track: (box - old[track]) / elapsed_s for track, box in seen.items() if track in old and elapsed_s > 0.0
        }
        self._boxes, self._measured_ns = seen, before_ns

    def fastest(self, tracks: Tracks) -> float:
        """Greatest speed of any track in its own sizes a second; infinite while that of one is not known yet."""
        speed = [self._speed(track, box) for track, box in zip(tracks.id.tolist(), tracks.box, strict=True)]
        return max(speed, default=0.0)

    def _speed(self, track: int, box: Floats) -> float:
        if track not in self._speeds:
            return inf
        dx, dy = (self._speeds[track][:2] + self._speeds[track][2:]) / 2
        return float(max(abs(dx) / max(box[2] - box[0], 1e-3), abs(dy) / max(box[3] - box[1], 1e-3)))

    def carry(self, tracks: Tracks, moving: Bools) -> Detections:
        """Where the tracks seen in the frame before are now: on their way where something moves, else still there."""
        still = np.zeros(4)
        steps = [
            self._speeds.get(track, still) if moves else still
            for track, moves in zip(tracks.id.tolist(), moving.tolist(), strict=True)
        ]
        box = np.clip(tracks.box + self._step_s * np.array(steps).reshape(-1, 4), 0.0, 1.0)
        seen = tracks.seen
        return Detections(box[seen], tracks.score[seen], tracks.label[seen], tracks.names)


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
        self._moved_ns = self._fruitful_ns = self._odd_since_ns = 0
        self._looked_ns: int | None = None
        self._closer_ns: int | None = None
        self._closer_s = self._options.close_s
        self._turn = 0
        self._paths = Paths()
        self._fresh = False

    def perceive(self, frame: Frame, tracks: Tracks) -> Sight:
        """Objects in `frame`. Boxes of things that stand still are carried on between two looks."""
        motion = self._motion.look(frame)
        self._paths.follow(tracks, frame.at, measured=self._fresh)
        self._fresh = self._due(frame.at, motion, tracks)
        if not self._fresh:
            carried = self._paths.carry(tracks, motion.share_in(tracks.box) > 0.0)
            return Sight(carried, moving=motion.any)
        regions = self._regions(frame, motion, tracks)
        answers = self._detector.detect([region.cut(frame) for region in regions])
        # Only now: a look that failed is made up for at once.
        self._looked_ns = frame.at.stream_ns
        named = [self._named(answer) for answer in answers]
        found = gather(list(zip(regions, named, strict=True)), frame.width, frame.height)
        if len(named) > 1:
            self._judge_closer(named[0], found)
        return Sight(self._believed(found, motion, tracks), len(regions), moving=motion.any)

    # -- when -----------------------------------------------------------------------------------------------------

    def _due(self, at: Instant, motion: Motion, tracks: Tracks) -> bool:
        options = self._options
        now_ns = at.stream_ns
        if self._looked_ns is None:
            self._moved_ns = self._fruitful_ns = self._odd_since_ns = now_ns
            return True
        if options.mode == "whole" or options.view == "moving":
            return True
        if not len(motion.boxes):
            self._odd_since_ns = now_ns
        if len(tracks) or (len(motion.boxes) and now_ns - self._moved_ns > options.doubt_s * NS_PER_S):
            self._fruitful_ns = now_ns
        if len(motion.boxes) or motion.upset:
            self._moved_ns = now_ns
        awake = now_ns - self._moved_ns <= options.awake_s * NS_PER_S
        if awake and now_ns - self._fruitful_ns <= options.doubt_s * NS_PER_S:
            return self._worth_it(at, motion, tracks)
        searching = awake or bool(((tracks.state == TrackState.TENTATIVE) | ~tracks.seen).any())
        patience_s = options.search_s if searching else options.recheck_s if len(tracks) else options.sweep_s
        return now_ns - self._looked_ns >= patience_s * NS_PER_S

    def _worth_it(self, at: Instant, motion: Motion, tracks: Tracks) -> bool:
        """Whether something new moves, or what is followed may have gone far enough for another look."""
        waited_s = (at.stream_ns - (self._looked_ns or 0)) / NS_PER_S
        if waited_s < self._options.least_s:
            return False
        if waited_s >= self._options.rest_s or (tracks.state == TrackState.TENTATIVE).any():
            return True
        if self._paths.fastest(tracks) * waited_s >= self._options.stride:
            return True
        _, within = overlap(motion.boxes, tracks.box)
        if (within.max(axis=1, initial=0.0) >= 0.3).all():
            self._odd_since_ns = at.stream_ns
            return False
        doubtful = at.stream_ns - self._odd_since_ns > self._options.doubt_s * NS_PER_S
        return waited_s >= (self._options.search_s if doubtful else self._options.fresh_s)

    # -- where ----------------------------------------------------------------------------------------------------

    def _regions(self, frame: Frame, motion: Motion, tracks: Tracks) -> list[Region]:
        """The whole picture and, now and then, a closer look at what is too small in it."""
        whole = Region.whole(frame.width, frame.height)
        options = self._options
        rested = self._closer_ns is None or frame.at.stream_ns - self._closer_ns >= self._closer_s * NS_PER_S
        if options.mode == "whole" or options.view != "oblique" or not rested:
            return [whole]
        closer = self._closer(frame, motion, tracks)
        if closer is None:
            return [whole]
        self._closer_ns = frame.at.stream_ns
        return [whole, closer]

    def _judge_closer(self, whole: Detections, found: Detections) -> None:
        """Wait longer for the next closer look while they find nothing sure that the whole picture did not show."""
        gained = np.count_nonzero(found.score >= _SURE) > np.count_nonzero(whole.score >= _SURE)
        least = self._options.close_s
        self._closer_s = least if gained else min(2.0 * self._closer_s, 8.0 * least)

    def _closer(self, frame: Frame, motion: Motion, tracks: Tracks) -> Region | None:
        """A square at twice the scale, or at the picture's own, about a thing that is too small; each time another."""
        longest, width, height = max(self._detector.input_size), frame.width, frame.height
        scale = longest / max(width, height)
        side = max(longest, 0.5 * longest / scale)
        boxes = np.concatenate([motion.boxes, tracks.box]) * np.array([width, height] * 2, float)
        lowest, highest = _LEAST_PX * side / longest, self._options.close_px / scale
        span = boxes[:, 3] - boxes[:, 1]
        small = boxes[(span >= lowest) & (span <= highest)]
        if scale >= 1.0 or not len(small):
            return None
        self._turn += 1
        left, top, right, bottom = small[self._turn % len(small)].tolist()
        return Region.square_around((left + right) / 2, (top + bottom) / 2, side, width, height)

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
        if self._options.view == "moving" or not motion.settled:
            return found
        moves = motion.share_in(found.box) >= self._options.moved
        found = found.where(moves | _claimed(found.box, tracks))
        if not self._overhead:
            return found
        return self._witnessed(found, motion)

    def _witnessed(self, found: Detections, motion: Motion) -> Detections:
        """From above, motion is the better witness: each moving blob vouches for the detection that fits it best.

        Where none fits, the blob itself is a thing of unknown class.
        """
        blobs = motion.boxes[(motion.boxes[:, 3] - motion.boxes[:, 1]) >= _MOVER_HEIGHT]
        iou, within = overlap(blobs, found.box)
        met = (within > 0.3).any(axis=1)
        score = found.score.copy()
        best = iou[met].argmax(axis=1) if met.any() else np.zeros(0, np.int64)
        score[best] = np.maximum(score[best], _MOVER_SCORE)
        free = blobs[~met]
        return Detections(
            np.concatenate([found.box, free]),
            np.concatenate([score, np.full(len(free), _MOVER_SCORE)]),
            np.concatenate([found.label, np.full(len(free), len(self._names) - 1, np.int64)]),
            found.names,
        )


def _claimed(boxes: Floats, tracks: Tracks) -> Bools:
    """(n,) boxes that lie where a track is expected."""
    if not len(tracks):
        return np.zeros(len(boxes), np.bool_)
    iou, _ = overlap(boxes, tracks.box)
    return np.asarray((iou > 0.3).any(axis=1))
