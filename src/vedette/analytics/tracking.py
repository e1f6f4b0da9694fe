"""Objects of single pictures to objects over time.

Two-stage association (sure detections first, then doubtful ones; the idea of ByteTrack, arXiv 2110.06864) on top of a
filter that knows the time. Every quantity is in seconds or in box sizes, so that 3 and 25 frames a second mean the same.
All tracks are rows of one structured array; nothing loops over them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from vedette.analytics.association import Pairs, assign, grown, overlapping
from vedette.analytics.motion_model import FIELDS, Bank, Motion, to_center, to_corners
from vedette.model.detections import Bools, Detections, Floats, Ints, Tracks, TrackState
from vedette.model.labels import MOVER, group_of
from vedette.model.spec import STRICT
from vedette.model.time import NS_PER_S, Instant

TRACK = np.dtype(
    [
        ("id", np.int64),
        ("group", np.int64),
        ("label", np.int64),
        ("state", np.int64),
        ("hits", np.int64),
        ("continues", np.int64),
        ("born_ns", np.int64),
        ("seen_ns", np.int64),
        ("seen", np.bool_),
        ("score", np.float64),
        ("last", np.float64, (4,)),
        *FIELDS,
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackerOptions:
    """Settings of the tracker: scores 0..1, times in seconds, overlaps as intersection over union.

    low, high      detections from `high` up are matched first; those from `low` up may only continue a track
    start          score from which a detection that fits no track starts one
    min_overlap    least overlap of a prediction with a detection
    memory_s       how long a track that is not seen is remembered
    tentative_s    the same before it is confirmed
    recent_s       a doubtful detection continues a track only if that was seen this short a time ago
    confirm_hits   detections that make a track a real object
    reach          growth of a box, in standard deviations of the predicted place, when nothing fits plainly
    max_growth     limit of that growth in box sizes
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    low: float = 0.1
    high: float = 0.5
    start: float = 0.5
    min_overlap: float = 0.2
    memory_s: float = 3.0
    tentative_s: float = 0.5
    recent_s: float = 0.5
    confirm_hits: int = 2
    reach: float = 1.0
    max_growth: float = 0.5

    def __post_init__(self) -> None:
        if not 0.0 <= self.low <= self.high <= 1.0:
            raise ValueError("low and high: scores with 0 <= low <= high <= 1")
        if not 0.0 <= self.start <= 1.0:
            raise ValueError("start: a score from 0 to 1")
        if not 0.0 < self.min_overlap < 1.0:
            raise ValueError("min_overlap: between 0 and 1")
        if self.confirm_hits < 2:
            raise ValueError("confirm_hits: at least 2, one detection proves nothing")
        if min(self.memory_s, self.tentative_s, self.recent_s, self.reach, self.max_growth) < 0.0:
            raise ValueError("memory_s, tentative_s, recent_s, reach and max_growth: not below 0")


@dataclass(slots=True)
class Tracker:
    """Follows objects. Implements `vedette.model.ports.Tracker`."""

    options: TrackerOptions = field(default_factory=TrackerOptions)
    motion: Motion = field(default_factory=Motion)
    _bank: Bank = field(default_factory=lambda: np.zeros(0, TRACK))
    _now_ns: int = 0
    _next_id: int = 1
    _names: tuple[str, ...] = ()
    _groups: Ints = field(default_factory=lambda: np.zeros(0, np.int64))

    def update(self, detections: Detections, at: Instant) -> Tracks:
        """Take in what was detected at `at`, also when that is nothing. Raises ValueError when time goes back."""
        self._move_to(at)
        self._learn_names(detections.names)
        found = detections.where(detections.score >= self.options.low)
        bank, options = self._bank, self.options
        bank["seen"] = False
        box = to_corners(bank["pos"])
        free_det = np.ones(len(found), bool)
        sure = found.score >= options.high
        age = (at.stream_ns - bank["seen_ns"]) / NS_PER_S
        recent = age <= options.recent_s
        self._match(box, found, free_det & sure, np.ones(len(bank), bool), free_det, options.min_overlap)
        self._match(box, found, free_det & ~sure, ~bank["seen"] & recent, free_det, 0.5)
        sigma = np.sqrt(bank["pp"][:, :2])
        growth = np.minimum(options.reach * sigma, options.max_growth * bank["pos"][:, 2:])
        self._match(box, found, free_det & sure, ~bank["seen"], free_det, options.min_overlap, growth)
        self._settle()
        born = self._born(found, free_det & (found.score >= options.start))
        ended = self._bury()
        self._bank = np.concatenate((self._bank, born)) if len(born) else self._bank
        return self._answer(ended)

    def finish(self, at: Instant) -> Tracks:
        """End every track; the answer has only `ended`."""
        self._move_to(at)
        ended = self._bank["id"].copy()
        self._bank = self._bank[:0]
        return Tracks(ended=ended, names=self._names)

    def _move_to(self, at: Instant) -> None:
        if at.stream_ns < self._now_ns:
            raise ValueError(f"time goes back: {at.stream_ns} ns after {self._now_ns} ns")
        dt = (at.stream_ns - self._now_ns) / NS_PER_S
        self._now_ns = at.stream_ns
        self.motion.predict(self._bank, dt, ~self._bank["seen"])

    def _learn_names(self, names: tuple[str, ...]) -> None:
        if names == self._names or not names:
            return
        self._names = names
        kinds = [group_of(name) for name in names]
        order = {kind: index + 1 for index, kind in enumerate(dict.fromkeys(kinds))}
        self._groups = np.array([0 if name == MOVER else order[kind] for name, kind in zip(names, kinds, strict=True)])

    def _group(self, label: Ints) -> Ints:
        return self._groups[label] if len(self._groups) else np.ones(len(label), np.int64)

    def _match(
        self,
        box: Floats,
        found: Detections,
        dets: Bools,
        tracks: Bools,
        free: Bools,
        least: float,
        growth: Floats | None = None,
    ) -> None:
        """Give the detections `dets` to the tracks `tracks` where they fit, and strike them off `free`."""
        rows, cols = np.flatnonzero(tracks), np.flatnonzero(dets)
        if not len(rows) or not len(cols):
            return
        a, b = box[rows], found.box[cols]
        if growth is not None:
            a = grown(a, growth[rows])
        pairs = overlapping(a, b)
        group = self._bank["group"][rows][pairs.row]
        other = self._group(found.label[cols])[pairs.col]
        alike = (group == other) | (group == 0) | (other == 0)
        keep = alike & (pairs.value >= least)
        row, col = assign(Pairs(pairs.row[keep], pairs.col[keep], pairs.value[keep]))
        self._take(rows[row], found, cols[col])
        free[cols[col]] = False

    def _take(self, rows: Ints, found: Detections, cols: Ints) -> None:
        bank = self._bank
        z, score = to_center(found.box[cols]), found.score[cols]
        gap = (self._now_ns - bank["seen_ns"][rows]) / NS_PER_S
        again = bank["state"][rows] == TrackState.LOST
        self.motion.update(bank, rows[~again], z[~again], score[~again])
        if again.any():
            old = to_center(bank["last"][rows[again]])
            self.motion.resume(bank, rows[again], z[again], score[again], old, gap[again])
        bank["last"][rows] = found.box[cols]
        bank["seen_ns"][rows] = self._now_ns
        bank["seen"][rows] = True
        bank["score"][rows] = score
        bank["label"][rows] = found.label[cols]
        bank["hits"][rows] += 1

    def _settle(self) -> None:
        bank = self._bank
        sure = (bank["hits"] >= self.options.confirm_hits) | (bank["state"] != TrackState.TENTATIVE)
        seen = np.where(bank["seen"], int(TrackState.CONFIRMED), int(TrackState.LOST))
        bank["state"] = np.where(sure, seen, int(TrackState.TENTATIVE))

    def _born(self, found: Detections, cols: Bools) -> Bank:
        born = np.zeros(int(cols.sum()), TRACK)
        if not len(born):
            return born
        born["id"] = np.arange(self._next_id, self._next_id + len(born))
        self._next_id += len(born)
        born["label"], born["score"] = found.label[cols], found.score[cols]
        born["group"] = self._group(found.label[cols])
        born["born_ns"] = born["seen_ns"] = self._now_ns
        born["seen"], born["hits"], born["last"] = True, 1, found.box[cols]
        self.motion.start(born, to_center(found.box[cols]), found.score[cols])
        return born

    def _bury(self) -> Ints:
        """Drop what has been unseen for too long or has left the picture; returns the ids."""
        bank = self._bank
        unseen = (self._now_ns - bank["seen_ns"]) / NS_PER_S
        patience = np.where(bank["state"] == TrackState.TENTATIVE, self.options.tentative_s, self.options.memory_s)
        box = to_corners(bank["pos"])
        inside = np.clip(box, 0.0, 1.0)
        visible = (inside[:, 2] - inside[:, 0]) * (inside[:, 3] - inside[:, 1])
        gone = visible < 0.2 * bank["pos"][:, 2] * bank["pos"][:, 3]
        dead = ~bank["seen"] & ((unseen > patience) | gone)
        ended: Ints = bank["id"][dead]
        if dead.any():
            self._bank = bank[~dead]
        return ended

    def _answer(self, ended: Ints) -> Tracks:
        bank = self._bank
        box = np.where(bank["seen"][:, None], bank["last"], to_corners(bank["pos"]))
        return Tracks(
            id=bank["id"].copy(),
            box=box,
            score=bank["score"].copy(),
            label=bank["label"].copy(),
            state=bank["state"].copy(),
            seen=bank["seen"].copy(),
            born_ns=bank["born_ns"].copy(),
            continues=bank["continues"].copy(),
            ended=ended,
            names=self._names,
        )
