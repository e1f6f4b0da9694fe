"""Objects of single pictures to objects over time.

Association in stages (sure detections first, doubtful ones only to continue a track: the idea of ByteTrack, arXiv
2110.06864; a look at the direction of travel: OC-SORT, arXiv 2203.14360) on top of a filter that knows the time. Every
quantity is in seconds or in box sizes, so that 3 and 25 frames a second mean the same. All tracks are rows of one
structured array; nothing loops over them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from vedette.analytics.association import Pairs, assign, grown, overlap, overlapping, repeated
from vedette.analytics.bank import Bank, rows_of
from vedette.analytics.motion_model import FIELDS, Motion, to_center, to_corners
from vedette.analytics.stitching import Ends, stitch
from vedette.model.detections import Bools, Detections, Floats, Ints, Tracks, TrackState
from vedette.model.labels import MOVER, group_of
from vedette.model.spec import STRICT
from vedette.model.time import NS_PER_S, Instant

_TRACK: dict[str, tuple[type, int]] = {
    **dict.fromkeys(("id", "group", "label", "state", "hits", "continues", "born_ns", "seen_ns"), (np.int64, 1)),
    **dict.fromkeys(("seen", "judged"), (np.bool_, 1)),
    "score": (np.float64, 1),
    **dict.fromkeys(("box", "first", "last"), (np.float64, 4)),
    "leaving": (np.float64, 2),
    **FIELDS,
}
"""Beside what `Tracks` tells: first and last sight as centre and size; velocity at the last
sight; whether it was tried to stitch this track to an earlier one; the filter."""

_TWO_WHEELED = frozenset({"bicycle", "motorcycle"})
_FASTER = {"vehicle": 2.5, "two-wheeled": 2.5, MOVER: 2.5}
_TENTATIVE, _CONFIRMED, _LOST = (int(state) for state in TrackState)
_LEAST_VISIBLE = 0.2
_LONG_STEP_S = 0.5
_KNOWN_PACE = 0.5
_YOUNG_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackerOptions:
    """Settings of the tracker. Overlaps are intersections over unions.

    low, high      detections scored `high` or more are sure; less sure ones down to `low` only continue a track
    start          score from which a sure detection that fits no track starts one
    min_overlap    least overlap of a prediction with a sure detection
    low_overlap    the same with a doubtful one
    wide_overlap   the same of a stretched prediction with a sure one
    direction      how much going the same way counts beside the overlap
    max_growth     how far a prediction may be stretched, in box sizes, when nothing fits it plainly; it is stretched
                   by `reach` standard deviations of its place, so by much only when new or long unseen
    same_overlap   of two detections of one kind that overlap more, the weaker is dropped
    part_of        one that lies in a stronger one with more than this share of its area starts no track
    confirm_hits   detections that make a track a real object
    memory_s       how long a track that is not seen is remembered
    tentative_s    the same before it is confirmed
    recent_s       doubtful detections continue only what was seen within this time
    stitch_s       longest gap over which a newborn track may take up a lost one; 0 switches it off
    aspect         width over height of the picture; need not be exact
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    low: float = 0.1
    high: float = 0.6
    start: float = 0.6
    min_overlap: float = 0.1
    low_overlap: float = 0.4
    wide_overlap: float = 0.05
    direction: float = 0.15
    reach: float = 2.0
    max_growth: float = 1.0
    same_overlap: float = 0.65
    part_of: float = 0.9
    confirm_hits: int = 2
    memory_s: float = 3.0
    tentative_s: float = 0.5
    recent_s: float = 0.5
    stitch_s: float = 3.0
    aspect: float = 16.0 / 9.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.low <= self.high <= 1.0:
            raise ValueError("low and high are scores with 0 <= low <= high <= 1")
        if not 0.0 <= self.start <= 1.0:
            raise ValueError("start is a score from 0 to 1")
        overlaps = (self.min_overlap, self.low_overlap, self.wide_overlap, self.same_overlap, self.part_of)
        if not all(0.0 < share <= 1.0 for share in overlaps):
            raise ValueError("all overlaps and part_of lie above 0 and up to 1")
        if self.confirm_hits < 2:
            raise ValueError("confirm_hits is at least 2: one detection proves nothing")
        spans = (self.direction, self.reach, self.max_growth, self.memory_s, self.tentative_s, self.recent_s)
        if min(*spans, self.stitch_s) < 0.0 or not self.aspect > 0.0:
            raise ValueError("times, direction, reach and max_growth are not below 0, and aspect is above 0")


@dataclass(frozen=True, slots=True)
class _Round:
    """One update: its detections with their groups and places, and who is who so far.

    free  (m,) detections that nobody has taken
    pick  (n,) the detection that each track took, -1 where none
    """

    found: Detections
    group: Ints
    z: Floats
    free: Bools
    pick: Ints

    @classmethod
    def of(cls, found: Detections, group: Ints, z: Floats, tracks: int) -> _Round:
        """The start of an update: nothing is taken."""
        return cls(found, group, z, np.ones(len(found), np.bool_), np.full(tracks, -1))

    def give(self, rows: Ints, cols: Ints) -> None:
        """Detections `cols` are the tracks `rows`."""
        self.pick[rows] = cols
        self.free[cols] = False


class Tracker:
    """Follows objects. Implements `vedette.model.ports.Tracker`."""

    def __init__(self, options: TrackerOptions | None = None, motion: Motion | None = None) -> None:
        self._options = options or TrackerOptions()
        self._motion = motion or Motion()
        self._bank = Bank.zeros(0, _TRACK)
        self._now_ns: int | None = None
        self._next_id = 1
        self._names: tuple[str, ...] = ()
        self._groups: Ints = np.zeros(0, np.int64)
        self._faster: Floats = np.ones(2)

    def update(self, detections: Detections, at: Instant) -> Tracks:
        """Take in what was detected at `at`, also when that is nothing.

        Raises ValueError when time goes back, or when class names change within a run.
        """
        self._learn_names(detections.names)
        self._move_to(at)
        forgotten = self._forget(self._unseen_s() > self._patience_s())
        found, sure = self._sift(detections)
        now = _Round.of(found, self._group(found), to_center(found.box, self._options.aspect), len(self._bank))
        self._associate(now, sure)
        self._take(now)
        self._settle()
        fresh = (sure & (found.score >= self._options.start) & now.free).nonzero()[0]
        born = self._born(now, fresh) if len(fresh) else None
        ended = [forgotten, self._stitched(), self._forget(self._out_of_view())]
        if born is not None:
            self._bank = self._bank.joined(born)
        return self._answer(np.concatenate(ended))

    def finish(self, at: Instant) -> Tracks:
        """End every track; the answer has only `ended`."""
        self._move_to(at)
        return Tracks(ended=self._forget(np.ones(len(self._bank), np.bool_)), names=self._names)

    def _learn_names(self, names: tuple[str, ...]) -> None:
        if not names or names == self._names:
            return
        if self._names:
            raise ValueError("class names changed within a run")
        self._names = names
        kinds = ["two-wheeled" if name in _TWO_WHEELED else group_of(name) for name in names]
        number = {kind: index + 1 for index, kind in enumerate(dict.fromkeys(kinds))}
        self._groups = np.array([0 if kind == MOVER else number[kind] for kind in kinds])
        self._faster = np.ones(len(number) + 1)
        for kind in kinds:
            self._faster[0 if kind == MOVER else number[kind]] = _FASTER.get(kind, 1.0)

    def _group(self, found: Detections) -> Ints:
        return self._groups[found.label] if len(self._groups) else np.ones(len(found), np.int64)

    def _move_to(self, at: Instant) -> None:
        before = at.stream_ns if self._now_ns is None else self._now_ns
        if at.stream_ns < before:
            raise ValueError(f"time went back from {before} ns to {at.stream_ns} ns")
        self._now_ns = at.stream_ns
        dt = (at.stream_ns - before) / NS_PER_S
        self._motion.predict(self._bank, dt, ~self._bank["seen"] | (dt > _LONG_STEP_S))
        self._bank["seen"] = False

    def _unseen_s(self) -> Floats:
        return np.asarray((self._now_ns - self._bank["seen_ns"]) / NS_PER_S)

    def _patience_s(self) -> Floats:
        tentative = self._bank["state"] == _TENTATIVE
        return np.where(tentative, self._options.tentative_s, self._options.memory_s)

    def _out_of_view(self) -> Bools:
        """Tracks that are not seen and hardly in the picture any more; the boxes of what is not seen are predicted."""
        hidden = (~self._bank["seen"]).nonzero()[0]
        box = to_corners(rows_of(self._bank["pos"], hidden), self._options.aspect)
        self._bank["box"][hidden] = box
        inside = np.minimum(np.maximum(box, 0.0), 1.0)
        shares = (inside[:, 2:] - inside[:, :2]) / (box[:, 2:] - box[:, :2])
        gone = np.zeros(len(self._bank), np.bool_)
        gone[hidden] = shares[:, 0] * shares[:, 1] < _LEAST_VISIBLE
        return gone

    def _forget(self, gone: Bools) -> Ints:
        """Drop the chosen rows; returns their ids."""
        ids: Ints = self._bank["id"][gone]
        if len(ids):
            self._bank = self._bank.where(~gone)
        return ids

    def _sift(self, detections: Detections) -> tuple[Detections, Bools]:
        """Detections worth looking at, and which of them are sure."""
        box = detections.box
        wide, high = box[:, 2] - box[:, 0], box[:, 3] - box[:, 1]
        keep = (detections.score >= self._options.low) & (wide > 0.0) & (high > 0.0) & (wide * high < np.inf)
        found = detections if keep.all() else detections.where(keep)
        found = Detections(np.asfortranarray(found.box), found.score, found.label, found.names)
        same, part = repeated(
            found.box, found.score, self._group(found), self._options.same_overlap, self._options.part_of
        )
        sure = (found.score >= self._options.high) & ~part
        if not same.any():
            return found, sure
        rest = (~same).nonzero()[0]
        kept = Detections(rows_of(found.box, rest), found.score[rest], found.label[rest], found.names)
        return kept, sure[rest]

    def _associate(self, now: _Round, sure: Bools) -> None:
        """Established tracks choose before tentative ones, plain fits before stretched ones."""
        bank, options = self._bank, self._options
        box = to_corners(bank["pos"], options.aspect)
        by = np.minimum(options.reach * np.sqrt(bank["pp"][:, :2]), options.max_growth * bank["pos"][:, 2:])
        wide = overlapping(grown(box, by / np.array([options.aspect, 1.0])), now.found.box)
        mine, other = bank["group"][wide.row], now.group[wide.col]
        wide = wide.where((mine == other) | (mine == 0) | (other == 0))
        if not len(wide.row):
            return
        plain = overlap(rows_of(box, wide.row), rows_of(now.found.box, wide.col))
        height, same_way = self._fit(wide.row, rows_of(now.z, wide.col))
        proven, certain = (bank["state"] != _TENTATIVE)[wide.row], sure[wide.col]
        recent = (self._unseen_s() <= options.recent_s)[wide.row]
        established = proven & certain
        left = np.arange(len(wide.row))
        for may, value, least in (
            (established, plain, options.min_overlap),
            (proven & recent & ~certain, plain, options.low_overlap),
            (established, wide.value, options.wide_overlap),
            (~proven, plain, options.min_overlap),
            (~proven & certain, wide.value, options.wide_overlap),
        ):
            k = left[may[left] & (value[left] >= least)]
            if not len(k):
                continue
            fit = np.maximum(value[k] * height[k] + options.direction * same_way[k], 1e-3)
            now.give(*assign(Pairs(wide.row[k], wide.col[k], fit)))
            left = left[(now.pick[wide.row[left]] < 0) & now.free[wide.col[left]]]

    def _fit(self, row: Ints, z: Floats) -> tuple[Floats, Floats]:
        """How well boxes `z` (k, 4) go on with the tracks `row` (k,): likeness of height 0..1, of direction -1..1.

        Direction counts in full once both the way from the last sight and the velocity (per second) exceed a third of
        the box size; below that noise decides.
        """
        pos = rows_of(self._bank["pos"], row)
        height = np.minimum(pos[:, 3], z[:, 3]) / np.maximum(pos[:, 3], z[:, 3])
        way, speed = z[:, :2] - rows_of(self._bank["last"][:, :2], row), rows_of(self._bank["vel"][:, :2], row)
        ninth = pos[:, 2] * pos[:, 3] / 9.0
        far2, fast2 = (np.maximum(v[:, 0] * v[:, 0] + v[:, 1] * v[:, 1], ninth) for v in (way, speed))
        return height, np.asarray((way[:, 0] * speed[:, 0] + way[:, 1] * speed[:, 1]) / np.sqrt(far2 * fast2))

    def _take(self, now: _Round) -> None:
        """Tracks learn from the detections they took."""
        rows = np.flatnonzero(now.pick >= 0)
        cols = now.pick[rows]
        bank, z, score = self._bank, rows_of(now.z, cols), now.found.score[cols]
        lost = bank["state"][rows] == _LOST
        again, known = rows[lost], (~lost).nonzero()[0]
        gap = (self._now_ns - bank["seen_ns"][again]) / NS_PER_S
        self._motion.resume(bank, again, rows_of(bank["last"], again), gap, rows_of(z, lost.nonzero()[0]), score[lost])
        self._motion.update(bank, rows[known], rows_of(z, known), score[known])
        bank["last"][rows], bank["box"][rows] = z, rows_of(now.found.box, cols)
        bank["leaving"][rows] = rows_of(bank["vel"][:, :2], rows)
        bank["score"][rows], bank["label"][rows] = score, now.found.label[cols]
        bank["group"][rows] = np.where(now.group[cols] > 0, now.group[cols], bank["group"][rows])
        bank["seen"][rows], bank["seen_ns"][rows] = True, self._now_ns
        bank["hits"][rows] += 1

    def _settle(self) -> None:
        bank = self._bank
        proven = (bank["state"] != _TENTATIVE) | (bank["hits"] >= self._options.confirm_hits)
        bank["state"] = np.where(proven, np.where(bank["seen"], _CONFIRMED, _LOST), _TENTATIVE)

    def _born(self, now: _Round, cols: Ints) -> Bank:
        born = Bank.zeros(len(cols), _TRACK)
        born["id"] = np.arange(self._next_id, self._next_id + len(born))
        self._next_id += len(born)
        born["label"], born["score"] = now.found.label[cols], now.found.score[cols]
        born["group"], born["box"] = now.group[cols], now.found.box[cols]
        born["first"] = born["last"] = now.z[cols]
        born["born_ns"] = born["seen_ns"] = self._now_ns
        born["seen"], born["hits"] = True, 1
        self._motion.start(born, now.z[cols], now.found.score[cols], self._faster[now.group[cols]])
        return born

    def _stitched(self) -> Ints:
        """Let young tracks whose velocity has become known take up lost ones; returns the ids that ended by it."""
        bank, options = self._bank, self._options
        new = np.flatnonzero(~bank["judged"] & (bank["state"] == _CONFIRMED))
        if not len(new):
            return np.zeros(0, np.int64)
        area = bank["pos"][new, 2] * bank["pos"][new, 3]
        new = new[bank["vv"][new, 0] <= _KNOWN_PACE**2 * area]
        bank["judged"][new] = True
        new = new[self._now_ns - bank["born_ns"][new] <= _YOUNG_S * NS_PER_S]
        if not len(new) or options.stitch_s <= 0.0:
            return np.zeros(0, np.int64)
        old = np.flatnonzero((bank["state"] == _LOST) & (bank["seen_ns"] < bank["born_ns"][new].max()))
        if not len(old):
            return np.zeros(0, np.int64)
        i, j = stitch(
            Ends(bank["seen_ns"][old], bank["last"][old], bank["leaving"][old], bank["group"][old]),
            Ends(bank["born_ns"][new], bank["first"][new], bank["vel"][new, :2], bank["group"][new]),
            options.stitch_s,
        )
        bank["continues"][new[j]] = bank["id"][old[i]]
        gone = np.zeros(len(bank), np.bool_)
        gone[old[i]] = True
        return self._forget(gone)

    def _answer(self, ended: Ints) -> Tracks:
        bank = self._bank
        return Tracks(
            id=bank["id"].copy(),
            box=bank["box"].copy(),
            score=bank["score"].copy(),
            label=bank["label"].copy(),
            state=bank["state"].copy(),
            seen=bank["seen"].copy(),
            born_ns=bank["born_ns"].copy(),
            continues=bank["continues"].copy(),
            ended=ended,
            names=self._names,
        )
