"""Whether somebody has interfered with a camera, told from its pictures.

The edges of a scene are what stays when the light changes and people pass. Block by block of a small grey picture they
are compared with those of the last minutes.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from math import exp
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from vedette.model.detections import Tracks
from vedette.model.media import Frame
from vedette.model.observations import Fact
from vedette.model.ports import Perceiver, Sight
from vedette.model.time import Instant

COVERED: Final = "covered"
DEFOCUSED: Final = "defocused"
MOVED: Final = "moved"
DARK: Final = "dark"
FROZEN: Final = "frozen"

Grey = NDArray[np.float32]

_BLOCK: Final = 10
_COLUMNS: Final = 16
_ROWS: Final = 9
_WIDTH: Final = _COLUMNS * _BLOCK
_HEIGHT: Final = _ROWS * _BLOCK
_WINDOW: Final = np.asarray(cv2.createHanningWindow((_WIDTH, _HEIGHT), cv2.CV_32F), np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class TamperOptions:
    """What counts as interference. Levels are grey levels, 0..255; shares 0..1.

    look_s      pictures are compared at most this often
    memory_s    time constant with which the scene is learnt
    settle_s    nothing is said before it was watched for so long
    texture     a block is judged when its edges are at least so strong
    alike       least correlation of a block's edges with those learnt
    least       blocks that must be judged; a plainer scene tells only darkness and standstill
    kept        with less than this share of the judged blocks alike, the scene is gone
    same        least correlation of the picture in rough with the one learnt for it to be the same scene out of focus
    plain       with less than this share of the usual detail, what hides the scene is a cover and no other scene
    focus       with edges less than this share as steep as the contrast around them suggests, it is out of focus
    dark_level, dark_detail   a picture whose mean and whose share of the usual detail are below these is dark, and so
                is one whose mean is below a quarter of that level
    shift       share of the picture's width that the scene must have moved
    accept_s    a camera that was turned is taken to belong there after so long
    still       pictures that differ by less than this on average are one and the same. Of a scene at rest the noise of
                any sensor leaves more, also after coding; of one picture sent again and again, a new keyframe may
    stirred     a picture that differs by more than this from the one before shows that things go on
    """

    look_s: float = 0.45
    memory_s: float = 60.0
    settle_s: float = 10.0
    texture: float = 6.0
    alike: float = 0.4
    least: int = 16
    kept: float = 0.35
    same: float = 0.75
    plain: float = 0.5
    focus: float = 0.75
    dark_level: float = 24.0
    dark_detail: float = 0.1
    shift: float = 0.015
    accept_s: float = 600.0
    still: float = 0.04
    stirred: float = 2.0


@dataclass(frozen=True, slots=True)
class _Look:
    """What is measured of one picture.

    grey      (90, 160)
    edges     (90, 160) how steep the grey is
    rough     (144,) mean of each block
    steep, contrast   (144,) deviation of the edges and of the grey within each block
    """

    grey: Grey
    edges: Grey
    rough: Grey
    steep: Grey
    contrast: Grey

    @classmethod
    def at(cls, frame: Frame) -> _Look:
        small = cv2.resize(frame.image, (_WIDTH, _HEIGHT), interpolation=cv2.INTER_AREA)
        grey = np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), np.float32)
        across, down = (cv2.Sobel(grey, cv2.CV_32F, dx, 1 - dx, scale=0.25) for dx in (1, 0))
        edges = np.asarray(cv2.magnitude(across, down), np.float32)
        blocks = _blocks(grey)
        return cls(grey, edges, blocks.mean(axis=1), _blocks(edges).std(axis=1), blocks.std(axis=1))

    def mixed(self, other: _Look, share: float) -> _Look:
        """These measures moved towards `other` by `share`."""
        grey, edges, rough, steep, contrast = (
            old + share * (new - old)
            for old, new in (
                (self.grey, other.grey), (self.edges, other.edges), (self.rough, other.rough),
                (self.steep, other.steep), (self.contrast, other.contrast),
            )
        )  # fmt: skip
        return _Look(grey, edges, rough, steep, contrast)


@dataclass(frozen=True, slots=True)
class Measures:
    """A picture compared with the scene learnt.

    judged  number of blocks with enough texture
    kept    share of them that still look as learnt
    same    correlation of the picture in rough
    detail  mean steepness against the usual one
    focus   steepness against contrast in the judged blocks, against the usual one
    shift   share of the width by which the scene has moved, if that explains it; else 0
    mean    mean grey level
    """

    judged: int
    kept: float
    same: float
    detail: float
    focus: float
    shift: float
    mean: float


class TamperWatch:
    """Remembers what one camera's scene looks like. Pictures come in order of time, at any distance."""

    def __init__(self, options: TamperOptions | None = None) -> None:
        self._options = options or TamperOptions()
        self._shape = (0, 0)
        self._scene: _Look | None = None
        self._steady = np.zeros(0, np.float32)
        self._stills = _Stills(self._options)
        self._since = self._looked = Instant(0, 0)
        self._odd_since: Instant | None = None
        self._said: tuple[str, ...] = ()
        self.measured: Measures | None = None

    def look(self, frame: Frame) -> tuple[Fact, ...]:
        """What is wrong with the camera as of `frame`; nothing while all is well."""
        shape = (frame.width, frame.height)
        if shape != self._shape or self._scene is None:
            self._shape, self._scene, self._since = shape, None, frame.at
            self._stills = _Stills(self._options)
        elif frame.at.seconds_since(self._looked) < self._options.look_s:
            return self._facts(frame.at)
        now = _Look.at(frame)
        still = self._stills.take(now.grey)
        kind = self._seen(now, frame.at)
        self._said = () if kind is None and not still else (kind or FROZEN,)
        self._looked = frame.at
        return self._facts(frame.at)

    def _facts(self, at: Instant) -> tuple[Fact, ...]:
        return tuple(Fact(kind, at) for kind in self._said)

    def _seen(self, now: _Look, at: Instant) -> str | None:
        """What is wrong with the scene; it is learnt while nothing is."""
        if self._scene is None:
            self._scene, self._steady = now, np.ones(_COLUMNS * _ROWS, np.float32)
            return None
        judged = (self._scene.steep >= self._options.texture) & (self._steady >= _STEADY)
        self.measured = found = compared(now, self._scene, judged, self._options)
        kind = self._kind(found)
        if kind is None or at.seconds_since(self._since) < self._options.settle_s:
            self._learn(now, at)
            return None
        self._odd_since = self._odd_since or at
        if kind == MOVED and at.seconds_since(self._odd_since) >= self._options.accept_s:
            self._scene = None
            return None
        return kind

    def _learn(self, now: _Look, at: Instant) -> None:
        """Blocks in which things pass all the time are no part of the scene."""
        assert self._scene is not None  # noqa: S101
        self._odd_since = None
        memory_s = min(self._options.memory_s, max(at.seconds_since(self._since), 0.5))
        share = 1.0 - exp(-at.seconds_since(self._looked) / memory_s)
        alike = (_fit(now.edges, self._scene.edges) >= self._options.alike).astype(np.float32)
        self._steady += share * (alike - self._steady)
        self._scene = self._scene.mixed(now, share)

    def _kind(self, found: Measures) -> str | None:
        options = self._options
        dim = found.mean < options.dark_level
        if dim and (found.detail < options.dark_detail or found.mean < options.dark_level / 4):
            return DARK
        if found.judged < options.least:
            return None
        if found.same >= options.same and found.focus < options.focus:
            return DEFOCUSED
        gone = found.kept < options.kept
        if gone and found.detail < options.plain:
            return COVERED
        return MOVED if gone or found.shift > 0.0 else None


class Guarded:
    """Implements the `Perceiver` port over another one, and adds what is wrong with the camera to what it sees."""

    def __init__(self, perceiver: Perceiver, watch: TamperWatch | None = None) -> None:
        self._perceiver = perceiver
        self._watch = watch or TamperWatch()

    def perceive(self, frame: Frame, tracks: Tracks) -> Sight:
        """What the other sees, and `covered`, `defocused`, `moved`, `dark` or `frozen` while it is so."""
        sight = self._perceiver.perceive(frame, tracks)
        return Sight(sight.detections, sight.inferences, sight.facts + self._watch.look(frame), sight.moving)


class _Stills:
    """Whether pictures repeat.

    Those of one picture sent again and again are equal where they lie alike in their groups of pictures, so each is
    compared with several before it.
    """

    _KEPT: Final = 8
    _ENOUGH: Final = 3

    def __init__(self, options: TamperOptions) -> None:
        self._options = options
        self._before: deque[Grey] = deque(maxlen=self._KEPT)
        self._same: deque[bool] = deque(maxlen=self._KEPT)
        self._still = False

    def take(self, grey: Grey) -> bool:
        """Take in the next picture; whether it and those before it are one and the same."""
        differs = [float(np.abs(grey - other).mean()) for other in self._before]
        if differs and differs[-1] > self._options.stirred:
            self._same.clear()
        elif differs:
            self._same.append(min(differs) < self._options.still)
        self._before.append(grey)
        # Once it is so, one picture in a while that repeats is enough for it to go on.
        self._still = sum(self._same) >= (1 if self._still else self._ENOUGH)
        return self._still


def compared(now: _Look, scene: _Look, judged: NDArray[np.bool_], options: TamperOptions) -> Measures:
    """How `now` differs from `scene` in the blocks `judged`."""
    count = int(np.count_nonzero(judged))
    kept = _kept(now.edges, scene.edges, judged, options.alike)
    steep = now.steep / np.maximum(scene.steep, 1e-3)
    contrast = np.maximum(now.contrast, 1e-3) / np.maximum(scene.contrast, 1e-3)
    return Measures(
        judged=count,
        kept=kept,
        same=float(np.corrcoef(now.rough, scene.rough)[0, 1]) if now.rough.std() > 0.0 < scene.rough.std() else 0.0,
        detail=float(now.edges.mean() / max(float(scene.edges.mean()), 1e-3)),
        focus=float(np.median((steep / contrast)[judged])) if count else 1.0,
        shift=_shift(now, scene, judged, options) if count and kept < _SUSPICIOUS else 0.0,
        mean=float(now.grey.mean()),
    )


_SUSPICIOUS: Final = 0.6
_STEADY: Final = 0.7
_GAIN: Final = 0.25


def _kept(edges: Grey, learnt: Grey, judged: NDArray[np.bool_], alike: float) -> float:
    """Share of the judged blocks whose edges correlate with those learnt."""
    return float((_fit(edges, learnt)[judged] >= alike).mean()) if judged.any() else 1.0


def _fit(edges: Grey, learnt: Grey) -> Grey:
    """(144,) correlation of each block's edges with those learnt."""
    a, b = (blocks - blocks.mean(axis=1, keepdims=True) for blocks in (_blocks(edges), _blocks(learnt)))
    product = np.sqrt((a * a).sum(axis=1) * (b * b).sum(axis=1))
    return np.asarray((a * b).sum(axis=1) / np.maximum(product, 1e-3), np.float32)


def _shift(now: _Look, scene: _Look, judged: NDArray[np.bool_], options: TamperOptions) -> float:
    """Share of the width by which the whole scene has moved: where shifting it back makes the blocks alike again.

    The shift is that of phase correlation (C. D. Kuglin and D. C. Hines, The phase correlation image alignment method,
    IEEE SMC 1975).
    """
    # It applies the window to what it is given.
    (dx, dy), _ = cv2.phaseCorrelate(scene.edges.copy(), now.edges.copy(), _WINDOW)
    if np.hypot(dx, dy) < options.shift * _WIDTH:
        return 0.0
    back = np.array([[1.0, 0.0, -dx], [0.0, 1.0, -dy]])
    edges = np.asarray(cv2.warpAffine(now.edges, back, (_WIDTH, _HEIGHT), borderMode=cv2.BORDER_REPLICATE), np.float32)
    before = _kept(now.edges, scene.edges, judged, options.alike)
    after = _kept(edges, scene.edges, judged, options.alike)
    return float(np.hypot(dx, dy)) / _WIDTH if after >= before + _GAIN else 0.0


def _blocks(image: Grey) -> Grey:
    """(90, 160) as (144, 100), one row per block."""
    return image.reshape(_ROWS, _BLOCK, _COLUMNS, _BLOCK).swapaxes(1, 2).reshape(_ROWS * _COLUMNS, -1)
