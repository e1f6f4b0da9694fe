"""Pictures kept while a video runs by: the empty scene, and the last seconds for thumbnails. Bounded memory."""

from __future__ import annotations

from collections import deque
from typing import Final

import cv2
import numpy as np

from vedette.model.events import RuleEvent
from vedette.model.media import Frame, Image
from vedette.model.time import NS_PER_S
from vedette.reports.palette import ORANGE, bgr

LARGEST_WIDTH: Final = 1280
_KEPT: Final = 9
_FIRST_GAP_NS: Final = NS_PER_S // 2
_RING_GAP_NS: Final = NS_PER_S // 11
_RING_NS: Final = 8 * NS_PER_S
_RING_BYTES: Final = 24_000_000
_THUMB_PX: Final = 128


def shrunk(image: Image, width: int = LARGEST_WIDTH) -> Image:
    """`image`, or a smaller copy where it is wider than `width`."""
    if image.shape[1] <= width:
        return image
    height = max(1, round(image.shape[0] * width / image.shape[1]))
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def jpeg(image: Image, quality: int) -> bytes:
    """`image` as JPEG."""
    _, coded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return coded.tobytes()


class SceneKeeper:
    """The scene without those who pass through it: the median of a few pictures spread evenly over the time so far.

    Every time `_KEPT` pictures are together, each second one is dropped and the distance between them doubles.
    """

    def __init__(self) -> None:
        self._pictures: list[Image] = []
        self._gap_ns = _FIRST_GAP_NS
        self._next_ns = -1

    def take(self, frame: Frame) -> None:
        """Keep a small copy of `frame` where it is time for one."""
        if frame.at.stream_ns < self._next_ns:
            return
        picture = shrunk(frame.image)
        if self._pictures and self._pictures[0].shape != picture.shape:
            return
        self._pictures.append(np.array(picture))
        if len(self._pictures) >= _KEPT:
            self._pictures = self._pictures[::2]
            self._gap_ns *= 2
        self._next_ns = frame.at.stream_ns + self._gap_ns

    def picture(self) -> Image | None:
        """The scene as BGR, at most `LARGEST_WIDTH` wide; None before the first frame.

        Where no picture is like the median (the camera moves), the picture nearest to it is the answer.
        """
        if not self._pictures:
            return None
        middle = np.sort(np.stack(self._pictures), axis=0)[len(self._pictures) // 2]
        misses = [float(np.mean(cv2.absdiff(picture, middle))) for picture in self._pictures]
        best = int(np.argmin(misses))
        return self._pictures[best] if misses[best] > 16.0 else np.asarray(middle, np.uint8)


class FrameRing:
    """The last seconds as small JPEGs, because an event may lie a few seconds back when it becomes known."""

    def __init__(self) -> None:
        self._ring: deque[tuple[int, bytes]] = deque()
        self._bytes = 0

    def take(self, frame: Frame) -> None:
        """Keep `frame` where a tenth of a second has passed since the one before; drop what is too old or too much."""
        now_ns = frame.at.stream_ns
        if self._ring and now_ns - self._ring[-1][0] < _RING_GAP_NS:
            return
        coded = jpeg(shrunk(frame.image), 85)
        self._ring.append((now_ns, coded))
        self._bytes += len(coded)
        while len(self._ring) > 1 and (now_ns - self._ring[0][0] > _RING_NS or self._bytes > _RING_BYTES):
            self._bytes -= len(self._ring.popleft()[1])

    def nearest(self, stream_ns: int) -> Image | None:
        """The kept picture nearest to a moment; None where the ring is empty."""
        if not self._ring:
            return None
        coded = min(self._ring, key=lambda entry: abs(entry[0] - stream_ns))[1]
        return np.asarray(cv2.imdecode(np.frombuffer(coded, np.uint8), cv2.IMREAD_COLOR), np.uint8)


def thumbnail(event: RuleEvent, picture: Image) -> bytes:
    """A small JPEG of `picture` round the object of `event`, or all of it where the event has no place."""
    height, width = picture.shape[:2]
    if event.box is None and event.anchor is None:
        return jpeg(shrunk(picture, 192), 70)
    x, y = event.anchor or (0.5, 0.5)
    left, top, right, bottom = event.box or (x - 0.04, y - 0.15, x + 0.04, y + 0.02)
    box = [round(left * width), round(top * height), round(right * width), round(bottom * height)]
    side = int(min(max(1.35 * max(box[2] - box[0], box[3] - box[1]), 48), width, height))
    x0 = min(max((box[0] + box[2] - side) // 2, 0), width - side)
    y0 = min(max((box[1] + box[3] - side) // 2, 0), height - side)
    crop = np.array(picture[y0 : y0 + side, x0 : x0 + side])
    how = cv2.INTER_AREA if side > _THUMB_PX else cv2.INTER_CUBIC
    small: Image = np.asarray(cv2.resize(crop, (_THUMB_PX, _THUMB_PX), interpolation=how), np.uint8)
    if event.box is not None:
        scale = _THUMB_PX / side
        corner = [round((box[i] - (x0, y0)[i % 2]) * scale) for i in range(4)]
        cv2.rectangle(small, (corner[0], corner[1]), (corner[2], corner[3]), bgr(ORANGE), 1)
    return jpeg(small, 72)
