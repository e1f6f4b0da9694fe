"""A camera's packets made on the spot: a textured picture with sensor noise in which a bright thing moves now and then.

`BrightDetector` finds the thing, so that the whole way from packets to events can be tested without a model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import av
import cv2
import numpy as np

from vedette.model.detections import Detections
from vedette.model.labels import COCO
from vedette.model.media import Codec, Image, Packet
from vedette.model.time import NS_PER_S, Instant

UTC_NS = 1_767_225_600 * NS_PER_S


@dataclass(frozen=True)
class Thing:
    """A bright box, `height` of the picture high, whose middle goes straight from one place to the other."""

    start: float
    end: float
    come: tuple[float, float] = (0.05, 0.5)
    go: tuple[float, float] = (0.95, 0.5)
    height: float = 0.35
    width: float = 0.09

    def box(self, t: float) -> tuple[float, float, float, float] | None:
        if not self.start <= t <= self.end:
            return None
        share = (t - self.start) / (self.end - self.start)
        x, y = (a + share * (b - a) for a, b in zip(self.come, self.go, strict=True))
        return x - self.width / 2, y - self.height / 2, x + self.width / 2, y + self.height / 2


@dataclass(frozen=True)
class Film:
    """What the camera sees, and how it sends it.

    change   makes another picture of the one of a moment
    b_frames pictures that are sent out of order
    """

    seconds: float = 10.0
    things: Sequence[Thing] = ()
    fps: int = 10
    gop_s: float = 2.0
    size: tuple[int, int] = (240, 136)
    noise: float = 1.5
    codec: str = "libx264"
    b_frames: int = 0
    seed: int = 1
    change: Callable[[Image, float], Image] = lambda image, t: image  # noqa: ARG005

    def pictures(self) -> Iterator[tuple[float, Image]]:
        rng = np.random.default_rng(self.seed)
        width, height = self.size
        coarse = rng.integers(40, 120, (height // 12 + 1, width // 12 + 1, 3), np.uint8)
        ground = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR).astype(np.float32)
        for number in range(round(self.seconds * self.fps)):
            t = number / self.fps
            image = ground + rng.normal(0.0, self.noise, (height, width, 1)).astype(np.float32)
            for thing in self.things:
                box = thing.box(t)
                if box is not None:
                    left, top, right, bottom = (round(v * s) for v, s in zip(box, (width, height) * 2, strict=True))
                    image[max(top, 0) : bottom, max(left, 0) : right] = 235
            yield t, self.change(np.clip(image, 0, 255).astype(np.uint8), t)


def packets(
    film: Film, camera: str = "yard", *, stream: str = "main", run: int = 1, start_utc_ns: int = UTC_NS, first: int = 0
) -> list[Packet]:
    """The film as one run of packets, numbered from `first`."""
    context: Any = av.CodecContext.create(film.codec, "w")
    context.width, context.height = film.size
    context.pix_fmt = "yuvj420p" if film.codec == "mjpeg" else "yuv420p"
    context.time_base, context.framerate = Fraction(1, film.fps), Fraction(film.fps)
    context.gop_size, context.max_b_frames, context.thread_count = round(film.gop_s * film.fps), film.b_frames, 1
    if film.codec == "libx264":
        tune = {} if film.b_frames else {"tune": "zerolatency"}
        context.options = {"preset": "ultrafast", "crf": "24", "x264-params": f"scenecut=0:bframes={film.b_frames}",
                           **tune}  # fmt: skip
    context.open()
    codec = Codec({"libx264": "h264"}.get(film.codec, film.codec), b"", *film.size)
    made: list[Packet] = []
    for number, (_, image) in enumerate([*film.pictures(), (0.0, None)]):
        frame = None
        if image is not None:
            frame = av.VideoFrame.from_ndarray(image, format="bgr24").reformat(format=context.pix_fmt)
            frame.pts, frame.time_base = number, Fraction(1, film.fps)
        for packet in context.encode(frame):
            at_ns = packet.pts * NS_PER_S // film.fps
            dts_ns = packet.dts * NS_PER_S // film.fps
            made.append(
                Packet(camera, stream, bytes(packet), Instant(at_ns, start_utc_ns + at_ns), dts_ns,
                       packet.is_keyframe, codec, first + len(made), run)
            )  # fmt: skip
    return made


@dataclass
class BrightDetector:
    """Finds bright boxes and calls them persons. `fails` makes it raise what it returns."""

    names: tuple[str, ...] = COCO
    input_size: tuple[int, int] = (416, 416)
    model: tuple[str, str] = ("bright", "0" * 64)
    looks: int = 0
    fails: Callable[[], Exception | None] = lambda: None
    shown: list[tuple[int, int]] = field(default_factory=list)

    def detect(self, images: Sequence[Image]) -> list[Detections]:
        error = self.fails()
        if error is not None:
            raise error
        self.looks += len(images)
        return [self._found(image) for image in images]

    def _found(self, image: Image) -> Detections:
        height, width = image.shape[:2]
        mask = (image.min(axis=2) > 190).astype(np.uint8)
        count, _, stats, _ = cv2.connectedComponentsWithStats(mask)
        boxes = [
            (x / width, y / height, (x + w) / width, (y + h) / height)
            for x, y, w, h, area in stats[1:count].tolist()
            if area > 40
        ]
        n = len(boxes)
        return Detections(
            np.array(boxes, float).reshape(n, 4),
            np.full(n, 0.9),
            np.full(n, COCO.index("person"), np.int64),
            self.names,
        )
