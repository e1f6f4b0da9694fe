"""Parts that behave like the real ones and that the test controls. Fakes, not mocks: they hold no expectations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from vedette.model.detections import Detections
from vedette.model.errors import SourceLost
from vedette.model.labels import COCO
from vedette.model.media import Frame, Image, Packet, StreamInfo
from vedette.model.time import NS_PER_S, Instant

UTC_NS = 1_700_000_000 * NS_PER_S


def instant(seconds: float) -> Instant:
    """The moment `seconds` into a run."""
    ns = round(seconds * NS_PER_S)
    return Instant(ns, UTC_NS + ns)


def blank(width: int = 64, height: int = 48, shade: int = 90) -> Image:
    """A picture with nothing in it."""
    return np.full((height, width, 3), shade, np.uint8)


def people(*boxes: tuple[float, float, float, float], score: float = 0.9, label: str = "person") -> Detections:
    """Detections of one class, boxes as left, top, right, bottom in 0..1."""
    n = len(boxes)
    rows = np.array(boxes, float).reshape(n, 4)
    return Detections(rows, np.full(n, score), np.full(n, COCO.index(label), np.int64), COCO)


@dataclass(slots=True)
class FakeStream:
    """Frames at given times, as many as there are pictures."""

    images: Sequence[Image]
    times_s: Sequence[float]
    lost_after: int | None = None
    closed: bool = False

    @property
    def info(self) -> StreamInfo:
        height, width = self.images[0].shape[:2]
        gaps = np.diff(self.times_s)
        fps = 1.0 / float(np.median(gaps)) if len(gaps) else 0.0
        return StreamInfo("fake", width, height, fps, frames=len(self.images), duration_s=self.times_s[-1])

    def packets(self) -> Iterator[Packet]:
        return iter(())

    def frames(self, start_s: float = 0.0, end_s: float | None = None) -> Iterator[Frame]:
        for index, (image, at_s) in enumerate(zip(self.images, self.times_s, strict=True)):
            if self.lost_after is not None and index >= self.lost_after:
                raise SourceLost("the fake was told to break off")
            if at_s >= start_s and (end_s is None or at_s < end_s):
                yield Frame(image, instant(at_s), index)

    def close(self) -> None:
        self.closed = True


@dataclass(slots=True)
class FakeSource:
    """A source of blank pictures, or of given ones, at a steady rate or at given times."""

    images: Sequence[Image] = field(default_factory=lambda: [blank()] * 10)
    fps: float = 10.0
    times_s: Sequence[float] | None = None
    lost_after: int | None = None

    def open(self) -> FakeStream:
        times = self.times_s or [index / self.fps for index in range(len(self.images))]
        return FakeStream(self.images, times, self.lost_after)


@dataclass(slots=True)
class FakeDetector:
    """Answers picture after picture with what it was given, nothing when that is used up; keeps what it was shown."""

    answers: Sequence[Detections] = ()
    names: tuple[str, ...] = COCO
    input_size: tuple[int, int] = (416, 416)
    shown: list[Image] = field(default_factory=list)

    def detect(self, images: Sequence[Image]) -> list[Detections]:
        first = len(self.shown)
        self.shown.extend(images)
        nothing = Detections(names=self.names)
        return [self.answers[i] if i < len(self.answers) else nothing for i in range(first, len(self.shown))]


def rule(**options: object) -> Mapping[str, object]:
    """A line crossing as a rules file gives it, with `options` on top."""
    line = [[0.5, 0.0], [0.5, 1.0]]
    return {"id": "gate", "type": "line_crossing", "line": line, **options}
