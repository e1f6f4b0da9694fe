"""Where the picture moves.

A background model on a small grey picture (OpenCV's MOG2: Z. Zivkovic, Improved adaptive Gaussian mixture model for
background subtraction, ICPR 2004) whose learning rate follows capture time, so that it forgets as fast at 3 frames a
second as at 25.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import exp, sqrt

import cv2
import numpy as np
from numpy.typing import NDArray

from vedette.model.detections import Floats
from vedette.model.media import Frame
from vedette.model.time import Instant

_PIXELS = 320 * 180


@dataclass(frozen=True, slots=True, kw_only=True)
class MotionOptions:
    """How motion is found.

    memory_s      time constant of the background. What stands still has faded into it after a tenth of that: MOG2
                  counts a colour as background once it makes up a tenth of what it remembers of a pixel
    settle_s      while the model is younger than this it learns faster, so that a first picture with people in it heals
    threshold     squared distance from the background, in variances, beyond which a pixel moves
    global_share  when more of the picture than this changes at once, the light or the camera changed, not the scene
    min_height    lowest height of a moving blob, as a share of the picture's height
    """

    memory_s: float = 30.0
    settle_s: float = 2.0
    threshold: float = 25.0
    global_share: float = 0.6
    min_height: float = 0.02


@dataclass(frozen=True, slots=True)
class Motion:
    """What moves in one picture.

    boxes    (n, 4) left, top, right, bottom of moving blobs, 0..1 of the picture
    share    part of the picture that moves, 0..1
    upset    the whole picture changed (light, infrared switch, camera moved): boxes are empty, nothing can be concluded
    settled  the background has been watched long enough to be believed
    """

    boxes: Floats
    share: float
    upset: bool
    settled: bool
    _integral: NDArray[np.int32] = field(repr=False)

    @property
    def any(self) -> bool:
        """Something moves, or so much changed that it cannot be told."""
        return self.upset or len(self.boxes) > 0

    def share_in(self, boxes: Floats) -> Floats:
        """(n,) part of each of (n, 4) `boxes` (0..1 of the picture) that moves."""
        rows, columns = self._integral.shape[0] - 1, self._integral.shape[1] - 1
        x = np.clip(np.rint(boxes[:, [0, 2]] * columns).astype(int), 0, columns)
        y = np.clip(np.rint(boxes[:, [1, 3]] * rows).astype(int), 0, rows)
        total = self._integral
        inside = total[y[:, 1], x[:, 1]] - total[y[:, 0], x[:, 1]] - total[y[:, 1], x[:, 0]] + total[y[:, 0], x[:, 0]]
        area = np.maximum((x[:, 1] - x[:, 0]) * (y[:, 1] - y[:, 0]), 1)
        return np.asarray(inside / area, float)


class MotionDetector:
    """Keeps the background of one camera."""

    def __init__(self, options: MotionOptions | None = None) -> None:
        self._options = options or MotionOptions()
        self._since: Instant | None = None
        self._last: Instant | None = None
        self._size = (0, 0)
        self._restart()

    def _restart(self) -> None:
        self._model = cv2.createBackgroundSubtractorMOG2(
            history=500, varThreshold=self._options.threshold, detectShadows=False
        )
        self._since = None

    def look(self, frame: Frame) -> Motion:
        """What moves in `frame`. Frames come in order of time; a change of size starts anew."""
        size = _small_size(frame.width, frame.height)
        if size != self._size:
            self._size = size
            self._restart()
        small = cv2.resize(frame.image, size, interpolation=cv2.INTER_AREA)
        grey = cv2.GaussianBlur(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), (3, 3), 0)
        mask = self._model.apply(self._evened(np.asarray(grey, np.uint8)), learningRate=self._rate(frame.at))
        self._last = frame.at
        share = float(np.count_nonzero(mask)) / mask.size
        upset = share > self._options.global_share
        if upset or self._since is None:
            self._restart()
            self._model.apply(grey, learningRate=1.0)
            self._since = frame.at
            mask[:] = 0
        settled = frame.at.seconds_since(self._since) >= self._options.settle_s
        moving: NDArray[np.uint8] = np.asarray(cv2.morphologyEx(mask, cv2.MORPH_OPEN, _KERNEL), np.uint8)
        integral = cv2.integral((moving > 0).astype(np.uint8), sdepth=cv2.CV_32S)
        return Motion(self._boxes(moving), share, upset, settled, np.asarray(integral, np.int32))

    def _evened(self, grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The picture as bright as the background, so that automatic exposure is not taken for motion.

        Noise is stretched with the rest, so what counts as motion is stretched too.
        """
        if self._since is None:
            return grey
        background = self._model.getBackgroundImage()[::4, ::4].astype(np.float32) + 1.0
        gain = float(np.median((grey[::4, ::4].astype(np.float32) + 1.0) / background))
        stretch = max(gain, 1.0 / gain)
        self._model.setVarThreshold(self._options.threshold * stretch**3)
        if stretch - 1.0 < _STEADY_GAIN:
            return grey
        return np.asarray(cv2.convertScaleAbs(grey, alpha=1.0 / gain), np.uint8)

    def _rate(self, at: Instant) -> float:
        if self._last is None or self._since is None:
            return 1.0
        age_s = at.seconds_since(self._since)
        memory_s = max(min(self._options.memory_s, age_s * 2), 0.5)
        return 1.0 - exp(-at.seconds_since(self._last) / memory_s)

    def _boxes(self, mask: NDArray[np.uint8]) -> Floats:
        if not cv2.countNonZero(mask):
            return np.zeros((0, 4))
        joined = cv2.dilate(mask, _JOIN)
        count, _, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
        if count <= 1:
            return np.zeros((0, 4))
        left, top, width, height = (stats[1:, k].astype(float) for k in range(4))
        keep = height - _JOIN.shape[0] + 1 >= max(self._options.min_height * self._size[1], 2.0)
        rim = (_JOIN.shape[0] - 1) / 2
        boxes = np.stack([left + rim, top + rim, left + width - rim, top + height - rim], axis=1)[keep]
        return np.asarray(boxes / np.array([*self._size, *self._size], float))


class MotionProbe:
    """Whether anything moves, for whoever decides what to decode. Frames come in order of time, at any distance."""

    def __init__(self, options: MotionOptions | None = None) -> None:
        self._options = options
        self._detector = MotionDetector(options)
        self._first = True

    def moves(self, frame: Frame) -> bool:
        """Whether something moves in `frame`, compared with the frames before. The first one tells nothing."""
        first, self._first = self._first, False
        return self._detector.look(frame).any and not first

    def restart(self) -> None:
        """Forget the background: another run begins, whose time has nothing to do with that of the one before."""
        self._detector = MotionDetector(self._options)
        self._first = True


def one_thread_for_each_picture() -> None:
    """Have OpenCV work on a picture with the thread that asks, in this process from now on.

    Pictures here are small: several threads only wait for each other, which costs four times the processor time.
    """
    cv2.setNumThreads(1)


_STEADY_GAIN = 0.02
_KERNEL = np.ones((2, 2), np.uint8)
_JOIN = np.ones((7, 7), np.uint8)


def _small_size(width: int, height: int) -> tuple[int, int]:
    scale = min(1.0, sqrt(_PIXELS / (width * height)))
    return max(8, round(width * scale)), max(8, round(height * scale))
