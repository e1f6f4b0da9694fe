"""What one moment holds for the rules."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from vedette.model.detections import Bools, Floats, Ints
from vedette.model.time import Instant


class Trace(Protocol):
    """The recent path of every subject."""

    def __call__(self, slot: int, anchor: str, seconds: float) -> tuple[tuple[float, float, float], ...]:
        """`(t_s, x, y)` of the anchor of the subject in `slot` over the last `seconds`, oldest first."""
        ...


def _no_trace(slot: int, anchor: str, seconds: float) -> tuple[tuple[float, float, float], ...]:  # noqa: ARG001
    return ()


@dataclass(frozen=True, slots=True)
class Subjects:
    """The tracks of a moment as the rules see them: one row per subject, smoothed and voted over time.

    key        (n,) stays the same when a track is stitched to an earlier one, and is never reused
    slot       (n,) a small number of its own while the subject lives, reused afterwards: rules keep arrays by it
    track      (n,) id of the track that carries the subject now
    seen       (n,) detected in this very frame; the anchors of the others stay where they were seen last
    gone       (n,) this is its last moment (never together with `seen`): rules judge what is open and drop their state
    confirmed  (n,) may take part in rules; a subject that is not yet confirmed is followed but judged only once it is
    label      (n,) majority vote over the track, index into `names`
    score      (n,) median score over the track
    hits       (n,) number of detections
    born_ns    (n,) stream time of the first detection
    box        (n, 4) left, top, right, bottom, 0..1
    height     (n,) smoothed height of the box in picture heights
    width      (n,) smoothed width of the box in picture heights
    bottom, center, top   (n, 2) smoothed anchors, 0..1 of the picture
    """

    key: Ints
    slot: Ints
    track: Ints
    seen: Bools
    gone: Bools
    confirmed: Bools
    label: Ints
    score: Floats
    hits: Ints
    born_ns: Ints
    box: Floats
    height: Floats
    width: Floats
    bottom: Floats
    center: Floats
    top: Floats
    names: tuple[str, ...]
    trace: Trace = _no_trace

    def __len__(self) -> int:
        return len(self.key)

    def anchor(self, name: str) -> Floats:
        """(n, 2) the anchors called `name`: `bottom`, `center` or `top`."""
        return {"bottom": self.bottom, "center": self.center, "top": self.top}[name]

    @classmethod
    def none(cls, names: tuple[str, ...] = ()) -> Subjects:
        """No subjects at all."""
        f, i, b = np.zeros(0), np.zeros(0, np.int64), np.zeros(0, np.bool_)
        p = np.zeros((0, 2))
        return cls(i, i, i, b, b, b, i, f, i, i, np.zeros((0, 4)), f, f, p, p, p, names)


@dataclass(frozen=True, slots=True)
class Fact:
    """Something found in pixels, sound or the stream itself that is not a track.

    kind   one of the known words: `covered`, `defocused`, `moved`, `dark`, `frozen`, `signal_lost`, `blind`,
           `unattended`, `heard`
    box    where in the picture (0..1), if anywhere
    """

    kind: str
    at: Instant
    box: tuple[float, float, float, float] | None = None
    value: float = 0.0


@dataclass(frozen=True, slots=True)
class Observations:
    """Everything the rules may know of one moment.

    frame     index of the source frame
    aspect    width of the picture divided by its height
    """

    at: Instant
    frame: int
    aspect: float
    subjects: Subjects
    facts: tuple[Fact, ...] = field(default=())
