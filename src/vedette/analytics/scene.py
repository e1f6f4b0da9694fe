"""Tracks as the rules see them: anchors, votes and medians gathered over time, one subject per real thing.

Smoothing and voting depend on capture time and on detections, never on the number of frames.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vedette.analytics.slots import SlotTable
from vedette.model.detections import Bools, Floats, Ints, Tracks, TrackState
from vedette.model.observations import Fact, Observations, Subjects
from vedette.model.time import NS_PER_S, Instant

_SCORE_BINS = 40
_WHOLE_MARGIN = 0.02
_TRACE_ROWS = 48
_TRACE_STEP_NS = NS_PER_S // 40
_ANCHORS = {"bottom": slice(1, 3), "center": slice(3, 5), "top": slice(5, 7)}


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneOptions:
    """How positions are gathered.

    anchor_tau_s      time constant of the anchors' smoothing
    height_tau_s      time constant of the good height's smoothing
    hidden_ratio      a box lower than this share of the good height has its bottom hidden, if its top went on smoothly
    hidden_limit_s    after so long the low height is believed
    merged_limit_s    after so long a sudden greater height is believed
    edge              a box this close to the picture's upper or lower edge (0..1) is cut by it
    least_move        a subject is confirmed only after its top and its bottom have both moved by this share of its
                      height; 0 asks for nothing. What never moves is furniture, however sure the detector is of it
    least_score       nor is it while the median of its scores is lower: parts of things and passing shapes start
                      tracks too, but the detector does not stay sure of them
    whole             nor, if its class is one of these, before it was seen once without being cut by the top or a side
                      of the picture: an arm that reaches in looks like a person whose head nobody saw
    """

    anchor_tau_s: float = 0.15
    height_tau_s: float = 0.25
    hidden_ratio: float = 0.8
    hidden_limit_s: float = 5.0
    merged_limit_s: float = 1.0
    edge: float = 0.006
    least_move: float = 0.0
    least_score: float = 0.0
    whole: frozenset[str] = frozenset()


class Scene:
    """Turns the tracks of each moment into `Observations`."""

    def __init__(self, aspect: float, options: SceneOptions | None = None) -> None:
        self._aspect = aspect
        self._options = options or SceneOptions()
        self._slot_of: dict[int, int] = {}
        self._free: list[int] = []
        self._latest: tuple[list[int], Ints] = ([], np.zeros(0, np.int64))
        self._gone: Ints = np.zeros(0, np.int64)
        self._next_slot = 0
        self._next_key = 1
        self._names: tuple[str, ...] = ()
        self._to_be_whole: Bools = np.zeros(1, np.bool_)
        self._table = self._fresh_table(0)

    def _fresh_table(self, classes: int) -> SlotTable:
        return SlotTable(
            {
                "key": np.int64(0),
                "track": np.int64(0),
                "tracked": np.bool_(False),
                "moved": np.bool_(False),
                "whole": np.bool_(False),
                "born_ns": np.int64(0),
                "hits": np.int64(0),
                "last_ns": np.int64(0),
                "good_ns": np.int64(0),
                "box": np.zeros(4),
                "shape": np.zeros(2),  # smoothed height and width, picture heights
                "anchors": np.zeros((2, 6)),  # bottom, center and top, and their velocities a second
                "origin": np.zeros(6),  # the anchors at first sight
                "votes": np.zeros(classes),
                "label": np.int64(0),  # the class with most votes
                "scores": np.zeros(_SCORE_BINS, np.int64),  # histogram
                "median": np.int64(0),  # its median's bin
                "below": np.int64(0),  # scores under that bin
                "trace": np.full((_TRACE_ROWS, 7), np.nan),
                "trace_rows": np.int64(0),
                "trace_ns": np.int64(-_TRACE_STEP_NS),
            }
        )

    def observe(self, tracks: Tracks, at: Instant, frame: int, facts: tuple[Fact, ...] = ()) -> Observations:
        """What the rules may know at `at`. Tracks without identity (id < 1) are left out."""
        self._release(self._gone)
        if tracks.names != self._names:
            self._learn_names(tracks.names)
        gone = self._depart(tracks)
        rows = np.flatnonzero(tracks.id >= 1)
        slots = self._slots_for(tracks, rows)
        self._table["tracked"][slots] |= tracks.state[rows] >= TrackState.CONFIRMED
        self._table["track"][slots] = tracks.id[rows]
        self._table["box"][slots] = tracks.box[rows]
        seen = tracks.seen[rows]
        self._see(slots[seen], tracks, rows[seen], at)
        subjects = self._subjects(slots, seen, gone)
        self._gone = gone
        return Observations(at, frame, self._aspect, subjects, facts)

    def _learn_names(self, names: tuple[str, ...]) -> None:
        if self._slot_of:
            raise ValueError("class names changed while subjects were in view")
        self._names = names
        self._to_be_whole = np.array([name in self._options.whole for name in names] or [False], np.bool_)
        self._table = self._fresh_table(len(names))

    def _depart(self, tracks: Tracks) -> Ints:
        """Hand over stitched subjects to their new tracks; slots of those that ended for good."""
        passing: list[int] = []
        for row in np.flatnonzero(tracks.continues > 0).tolist():
            track, earlier = int(tracks.id[row]), int(tracks.continues[row])
            if earlier in self._slot_of:
                # A track may be recognised only after some sights: what was kept of them goes.
                passing += [self._slot_of[track]] if track in self._slot_of else []
                self._slot_of[track] = self._slot_of.pop(earlier)
        gone = passing + [self._slot_of.pop(track) for track in tracks.ended.tolist() if track in self._slot_of]
        return np.array(gone, np.int64)

    def _slots_for(self, tracks: Tracks, rows: Ints) -> Ints:
        ids = tracks.id[rows].tolist()
        if ids == self._latest[0]:
            return self._latest[1]
        fresh = [(row, track) for row, track in zip(rows.tolist(), ids, strict=True) if track not in self._slot_of]
        for _, track in fresh:
            self._slot_of[track] = self._free.pop() if self._free else self._next_slot
            self._next_slot = max(self._next_slot, self._slot_of[track] + 1)
        slots = np.array([self._slot_of[track] for track in ids], np.int64)
        self._table.reach(slots)
        for row, track in fresh:
            slot = self._slot_of[track]
            self._table["key"][slot] = self._next_key
            self._table["born_ns"][slot] = tracks.born_ns[row]
            self._next_key += 1
        self._latest = (ids, slots)
        return slots

    def _release(self, slots: Ints) -> None:
        self._table.reset(slots)
        self._free.extend(slots.tolist())

    def _see(self, slots: Ints, tracks: Tracks, rows: Ints, at: Instant) -> None:
        if not len(slots):
            return
        table, box = self._table, tracks.box[rows]
        dt = np.maximum(at.stream_ns - table["last_ns"][slots], 0) / NS_PER_S
        hits = table["hits"][slots] + 1
        first = hits == 1
        bottom = self._bottom(slots, box, dt, first, at)
        middle = (box[:, 0] + box[:, 2]) / 2
        place = np.stack([middle, bottom, middle, (box[:, 1] + bottom) / 2, middle, box[:, 1]], axis=1)
        self._follow(slots, place, dt, hits)
        table["hits"][slots] = hits
        table["last_ns"][slots] = at.stream_ns
        self._vote(slots, tracks.label[rows], tracks.score[rows])
        table["origin"][slots[first]] = table["anchors"][slots[first], 0]
        if self._options.whole:
            edge = _WHOLE_MARGIN
            table["whole"][slots] |= (box[:, 0] > edge) & (box[:, 1] > edge) & (box[:, 2] < 1.0 - edge)
        if self._options.least_move > 0.0:
            self._notice_move(slots[~table["moved"][slots]])
        self._record(slots, at)

    def _vote(self, slots: Ints, label: Ints, score: Floats) -> None:
        """Take in classes and scores. Votes only grow, so the winner can only be the old one or one just voted for."""
        table = self._table
        votes = table["votes"]
        votes[slots, label] += np.maximum(score, 1e-3)
        overtaken = votes[slots, label] > votes[slots, table["label"][slots]]
        table["label"][slots[overtaken]] = label[overtaken]
        self._rank(slots, np.clip((score * _SCORE_BINS).astype(np.int64), 0, _SCORE_BINS - 1))

    def _rank(self, slots: Ints, bins: Ints) -> None:
        """Keep the median of each histogram while it grows: the lowest bin with half of all scores in it or below.

        `below` counts the scores under the median's bin and tells when the median has to move; only then is the
        histogram summed.
        """
        table, counts, hits = self._table, self._table["scores"], self._table["hits"][slots]
        counts[slots, bins] += 1
        median = np.where(hits == 1, bins, table["median"][slots])
        below = table["below"][slots] + (bins < median)
        half, here = (hits + 1) // 2, counts[slots, median]
        off = np.flatnonzero((below + here < half) | (below >= half))
        if len(off):
            total = counts[slots[off]].cumsum(axis=1)
            median[off] = at = (total >= half[off, None]).argmax(axis=1)
            below[off] = total[np.arange(len(off)), at] - counts[slots[off], at]
        table["median"][slots], table["below"][slots] = median, below

    def _follow(self, slots: Ints, place: Floats, dt: Floats, hits: Ints) -> None:
        """Smooth the anchors by a g-h filter: no lag at constant speed, a straight line through the first sights.

        Gains: fading memory g = 1 - theta^2, h = (1 - theta)^2 with theta = exp(-dt / tau), and expanding memory
        g = 2(2n - 1)/(n(n + 1)), h = 6/(n(n + 1)) for the n-th sight, whichever is greater (E. Brookner, Tracking and
        Kalman Filtering Made Easy, sections 1.2.9 and 1.2.10). Sights at the same moment only refine the place.
        """
        n = hits.astype(np.float64)
        theta = np.exp(-dt / self._options.anchor_tau_s)
        rising = 1.0 / (n * (n + 1.0))
        g = np.maximum(1.0 - theta**2, np.minimum(1.0, (4.0 * n - 2.0) * rising))[:, None]
        h = np.maximum((1.0 - theta) ** 2, np.minimum(1.0, 6.0 * rising))
        moving = (n > 1.0) & (dt > 0.0)
        h = np.where(moving, h / np.where(moving, dt, 1.0), 0.0)[:, None]
        old = self._table["anchors"][slots]
        expected = old[:, 0] + old[:, 1] * dt[:, None]
        miss = place - expected
        self._table["anchors"][slots] = np.stack([expected + g * miss, old[:, 1] + h * miss], axis=1)

    def _notice_move(self, slots: Ints) -> None:
        table = self._table
        way = (table["anchors"][slots, 0] - table["origin"][slots]).reshape(-1, 3, 2)
        length = np.hypot(way[..., 0] * self._aspect, way[..., 1])
        least = self._options.least_move * table["shape"][slots, 0]
        table["moved"][slots] = np.minimum(length[:, 0], length[:, 2]) > least

    def _bottom(self, slots: Ints, box: Floats, dt: Floats, first: Bools, at: Instant) -> Floats:
        """Where the feet are: the box's bottom, or the last good height below its top where the bottom is hidden.

        Hidden means cut by the picture's lower edge, or a height that fell suddenly while the top went on smoothly and
        the width stayed: a thing that goes away shrinks both ways.
        """
        table, options = self._table, self._options
        old = table["shape"][slots]
        good, top = old[:, 0], table["anchors"][slots, 0, 5]
        new = np.stack([box[:, 3] - box[:, 1], (box[:, 2] - box[:, 0]) * self._aspect], axis=1)
        height, width = new[:, 0], new[:, 1]
        low = ~first & (height < options.hidden_ratio * good) & (width > options.hidden_ratio * old[:, 1])
        tall = ~first & (options.hidden_ratio * height > good) & (options.hidden_ratio * width < old[:, 1])
        smooth = np.abs(box[:, 1] - top) < 0.1 * good + 0.5 * good * dt
        waited_s = (at.stream_ns - table["good_ns"][slots]) / NS_PER_S
        patient = waited_s < options.hidden_limit_s
        cut = (box[:, 3] >= 1.0 - options.edge) & ~first & (height < good)
        # At the upper edge it is the top that is cut: the box gets lower although the bottom is seen.
        whole = box[:, 1] > options.edge
        hidden = (low & smooth & patient & whole) | cut
        # Suddenly taller but no wider is two people in one box: its height says nothing of either.
        odd = hidden | (tall & (waited_s < options.merged_limit_s))
        table["good_ns"][slots[~odd]] = at.stream_ns
        share = np.where(first, 1.0, 1.0 - np.exp(-dt / options.height_tau_s))[:, None]
        blended = old + share * (new - old)
        blended[odd, 0] = good[odd]
        table["shape"][slots] = blended
        return np.where(hidden, box[:, 1] + good, box[:, 3])

    def _record(self, slots: Ints, at: Instant) -> None:
        table = self._table
        due = slots[at.stream_ns - table["trace_ns"][slots] >= _TRACE_STEP_NS]
        row = table["trace_rows"][due] % _TRACE_ROWS
        table["trace"][due, row, 0] = at.stream_s
        table["trace"][due, row, 1:] = table["anchors"][due, 0]
        table["trace_rows"][due] += 1
        table["trace_ns"][due] = at.stream_ns

    def _subjects(self, live: Ints, seen: Bools, gone: Ints) -> Subjects:
        table, slots = self._table, np.concatenate([live, gone])
        anchors, shape = table["anchors"][slots, 0], table["shape"][slots]
        score = (table["median"][slots] + 0.5) / _SCORE_BINS
        return Subjects(
            key=table["key"][slots],
            slot=slots,
            track=table["track"][slots],
            seen=np.concatenate([seen, np.zeros(len(gone), np.bool_)]),
            gone=np.arange(len(slots)) >= len(live),
            confirmed=self._confirmed(slots, score),
            label=table["label"][slots],
            score=score,
            hits=table["hits"][slots],
            born_ns=table["born_ns"][slots],
            box=table["box"][slots],
            height=shape[:, 0],
            width=shape[:, 1],
            bottom=anchors[:, 0:2],
            center=anchors[:, 2:4],
            top=anchors[:, 4:6],
            names=self._names,
            trace=self._trace,
        )

    def _confirmed(self, slots: Ints, score: Floats) -> Bools:
        table, options = self._table, self._options
        moved = table["moved"][slots] | (options.least_move <= 0.0)
        whole = table["whole"][slots] | ~self._to_be_whole[table["label"][slots]]
        return np.asarray(table["tracked"][slots] & moved & whole & (score >= options.least_score))

    def _trace(self, slot: int, anchor: str, seconds: float) -> tuple[tuple[float, float, float], ...]:
        rows = self._table["trace"][slot]
        rows = rows[~np.isnan(rows[:, 0])]
        if not len(rows):
            return ()
        rows = rows[np.argsort(rows[:, 0], kind="stable")]
        recent = rows[rows[:, 0] >= rows[-1, 0] - seconds]
        place = recent[:, _ANCHORS[anchor]]
        return tuple((float(t), float(x), float(y)) for t, (x, y) in zip(recent[:, 0], place, strict=True))
