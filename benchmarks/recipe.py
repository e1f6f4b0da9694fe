"""What a competent user builds from public packages: the same weights on the whole picture, ByteTrack, LineZone.

`trackers.ByteTrackTracker` with its defaults at the rate that is analysed, and `supervision.LineZone` with the anchors
and thresholds that its documentation offers. Boxes come from the product's own detector at score 0.3.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import supervision as sv
from trackers import ByteTrackTracker

from benchmarks.clips import Clip
from benchmarks.scoring import Happening, TruthLine
from vedette.engine.pace import Pace
from vedette.model.detections import Detections
from vedette.model.labels import expand
from vedette.model.time import Instant
from vedette.vision.detectors.yolox import YoloxNanoOptions, build

SCORE = 0.3
_CORNERS = (sv.Position.TOP_LEFT, sv.Position.TOP_RIGHT, sv.Position.BOTTOM_LEFT, sv.Position.BOTTOM_RIGHT)


@dataclass(frozen=True, slots=True)
class Variant:
    """A way to set up LineZone."""

    name: str
    anchors: tuple[sv.Position, ...]
    threshold: int


VARIANTS = (
    Variant("corners", _CORNERS, 1),
    Variant("corners, threshold 2", _CORNERS, 2),
    Variant("bottom", (sv.Position.BOTTOM_CENTER,), 1),
    Variant("bottom, threshold 2", (sv.Position.BOTTOM_CENTER,), 2),
)


@dataclass(frozen=True, slots=True)
class Seen:
    """What the detector finds in every frame of a clip, boxes in pixels."""

    clip: Clip
    size: tuple[int, int]
    moments: tuple[tuple[Instant, Detections], ...]


def look(clip: Clip) -> Seen:
    """Detect in every frame."""
    detector = build(YoloxNanoOptions())
    moments, size = [], (0, 0)
    for frame in clip.frames():
        size = frame.width, frame.height
        (found,) = detector.detect([frame.image])
        moments.append((frame.at, found.where(found.score >= SCORE)))
    return Seen(clip, size, tuple(moments))


def count(seen: Seen, fps: float | None = None) -> dict[str, dict[str, list[Happening]]]:
    """Events by variant and line when `fps` frames a second are looked at."""
    answer: dict[str, dict[str, list[Happening]]] = {variant.name: {} for variant in VARIANTS}
    pace = Pace(fps)
    moments = [(at, found) for at, found in seen.moments if pace.takes(at)]
    for line in seen.clip.lines:
        events = _cross(line, moments, seen.size, fps or seen.clip.fps)
        for name, happened in events.items():
            answer[name][line.name] = happened
    return answer


def _cross(
    line: TruthLine, moments: Sequence[tuple[Instant, Detections]], size: tuple[int, int], fps: float
) -> dict[str, list[Happening]]:
    tracker, zones = ByteTrackTracker(frame_rate=fps), {variant.name: zone(line, size, variant) for variant in VARIANTS}
    events: dict[str, list[Happening]] = {name: [] for name in zones}
    wanted = expand(line.labels)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for at, found in moments:
            mine = np.array([found.names[label] in wanted for label in found.label], np.bool_)
            tracked = tracker.update(as_supervision(found.where(mine), size))
            for name, counter in zones.items():
                inward, outward = counter.trigger(tracked)
                events[name] += [("backward", at.stream_s)] * int(inward.sum())
                events[name] += [("forward", at.stream_s)] * int(outward.sum())
    return events


def as_supervision(found: Detections, size: tuple[int, int]) -> sv.Detections:
    """The same boxes in pixels, as the peers take them."""
    return sv.Detections(xyxy=found.box * np.tile(size, 2), confidence=found.score, class_id=found.label)


def zone(line: TruthLine, size: tuple[int, int], variant: Variant) -> sv.LineZone:
    """`line` for supervision. With the same start and end its `out` is our forward, to the right of the line."""
    start, end = (sv.Point(x * size[0], y * size[1]) for x, y in line.line)
    return sv.LineZone(start, end, triggering_anchors=variant.anchors, minimum_crossing_threshold=variant.threshold)
