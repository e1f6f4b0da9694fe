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
_TRACED = {"bottom": (0, 1, 2), "center": (0, 3, 4), "top": (0, 5, 6)}
_CONFIRMED = int(TrackState.CONFIRMED)


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
    whole             nor, if its class is one of these, before it was seen for `whole_s` uncut by the top or a
                      side of the picture: an arm that reaches in looks like a person whose head nobody saw
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
    whole_s: float = 0.35


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
                "whole_s": np.float64(0.0),
                "born_ns": np.int64(0),
                "hits": np.int64(0),
                "last_ns": np.int64(0),
                "good_ns": np.int64(0),
                "box": np.zeros(4),
                "shape": np.zeros(2),  # smoothed height and width, picture heights
                "anchors": np.zeros(12),  # bottom, center and top, then their velocities a second
                "origin": np.zeros(6),  # the anchors at first sight
                "votes": np.zeros(classes),
                "label": np.int64(0),  # the class with most votes
                "scores": np.zeros(_SCORE_BINS, np.int64),  # histogram
                "median": np.int64(0),  # its median's bin
                "below": np.int64(0),  # scores under that bin
                "trace": np.zeros((_TRACE_ROWS, 7)),  # times and anchors, the newest in place of the oldest
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
        self._table["tracked"][slots] |= tracks.state[rows] >= _CONFIRMED
        self._table["track"][slots] = tracks.id[rows]
        self._table["box"][slots] = tracks.box.take(rows, axis=0)
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
        known = set(ids) <= self._slot_of.keys()
        fresh = [] if known else [pair for pair in zip(rows.tolist(), ids, strict=True) if pair[1] not in self._slot_of]
        for _, track in fresh:
            self._slot_of[track] = self._free.pop() if self._free else self._next_slot
            self._next_slot = max(self._next_slot, self._slot_of[track] + 1)
        slots = np.fromiter(map(self._slot_of.__getitem__, ids), np.int64, len(ids))
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
        table, box = self._table, tracks.box.take(rows, axis=0)
        dt = np.maximum(at.stream_ns - table["last_ns"][slots], 0) / NS_PER_S
        hits = table["hits"][slots] + 1
        first = hits == 1
        bottom = self._bottom(slots, box, dt, first, at)
        middle = (box[:, 0] + box[:, 2]) / 2
        place = np.array([middle, bottom, middle, (box[:, 1] + bottom) / 2, middle, box[:, 1]])
        self._follow(slots, place, dt, hits)
        table["hits"][slots] = hits
        table["last_ns"][slots] = at.stream_ns
        self._vote(slots, tracks.label[rows], tracks.score[rows])
        table["origin"][slots[first]] = table["anchors"][slots[first], :6]
        if self._options.whole:
            rim = _WHOLE_MARGIN
            uncut = (box[:, 0] > rim) & (box[:, 1] > rim) & (box[:, 2] < 1.0 - rim) & ~first
            table["whole_s"][slots] += np.where(uncut, dt, 0.0)
        if self._options.least_move > 0.0:
            self._notice_move(slots[~table["moved"][slots]])
        self._record(slots, at)

    def _vote(self, slots: Ints, label: Ints, score: Floats) -> None:
        """Take in classes and scores. Votes only grow, so the winner can only be the old one or one just voted for."""
        votes, mine = self._table.cells("votes", slots, label)
        votes[mine] += np.maximum(score, 1e-3)
        winner = self._table["label"]
        _, leading = self._table.cells("votes", slots, winner[slots])
        overtaken = votes[mine] > votes[leading]
        winner[slots[overtaken]] = label[overtaken]
        self._rank(slots, np.minimum(np.maximum((score * _SCORE_BINS).astype(np.int64), 0), _SCORE_BINS - 1))

    def _rank(self, slots: Ints, bins: Ints) -> None:
        """Keep the median of each histogram while it grows: the lowest bin with half of all scores in it or below.

        `below` counts the scores under the median's bin and tells when the median has to move; only then is the
        histogram summed.
        """
        table, hits = self._table, self._table["hits"][slots]
        counts, here = table.cells("scores", slots, bins)
        counts[here] += 1
        median = np.where(hits == 1, bins, table["median"][slots])
        below = table["below"][slots] + (bins < median)
        half = (hits + 1) // 2
        _, here = table.cells("scores", slots, median)
        off = np.flatnonzero((below + counts[here] < half) | (below >= half))
        if len(off):
            total = table["scores"].take(slots[off], axis=0).cumsum(axis=1)
            median[off] = at = (total >= half[off, None]).argmax(axis=1)
            below[off] = total[np.arange(len(off)), at] - table["scores"][slots[off], at]
        table["median"][slots], table["below"][slots] = median, below

    def _follow(self, slots: Ints, place: Floats, dt: Floats, hits: Ints) -> None:
        """Smooth the anchors by a g-h filter: no lag at constant speed, a straight line through the first sights.

        Gains: fading memory g = 1 - theta^2, h = (1 - theta)^2 with theta = exp(-dt / tau), and expanding memory
        g = 2(2n - 1)/(n(n + 1)), h = 6/(n(n + 1)) for the n-th sight, whichever is greater (E. Brookner, Tracking and
        Kalman Filtering Made Easy, sections 1.2.9 and 1.2.10). Sights at the same moment only refine the place.
        `place` is (6, n): the gains of subjects spread fastest over rows of one coordinate.
        """
        n = hits.astype(np.float64)
        theta = np.exp(-dt / self._options.anchor_tau_s)
        rising = 1.0 / (n * (n + 1.0))
        g = np.maximum(1.0 - theta**2, np.minimum(1.0, (4.0 * n - 2.0) * rising))
        h = np.maximum((1.0 - theta) ** 2, np.minimum(1.0, 6.0 * rising))
        moving = (n > 1.0) & (dt > 0.0)
        h = np.where(moving, h / np.where(moving, dt, 1.0), 0.0)
        old = self._table["anchors"].take(slots, axis=0).T.copy()
        expected, velocity = old[:6] + old[6:] * dt, old[6:]
        miss = place - expected
        self._table["anchors"][slots] = np.concatenate((expected + g * miss, velocity + h * miss)).T

    def _notice_move(self, slots: Ints) -> None:
        if not len(slots):
            return
        table = self._table
        way = table["anchors"].take(slots, axis=0)[:, :6] - table["origin"].take(slots, axis=0)
        bottom, top = (np.hypot(way[:, x] * self._aspect, way[:, x + 1]) for x in (0, 4))
        least = self._options.least_move * table["shape"][:, 0][slots]
        table["moved"][slots] = np.minimum(bottom, top) > least

    def _bottom(self, slots: Ints, box: Floats, dt: Floats, first: Bools, at: Instant) -> Floats:
        """Where the feet are: the box's bottom, or the last good height below its top where the bottom is hidden.

        Hidden means cut by the picture's lower edge, or a height that fell suddenly while the top went on smoothly and
        the width stayed: a thing that goes away shrinks both ways.
        """
        table, options = self._table, self._options
        good, broad = table["shape"].take(slots, axis=0).T
        top = table["anchors"][:, 5][slots]
        height, width = box[:, 3] - box[:, 1], (box[:, 2] - box[:, 0]) * self._aspect
        low = ~first & (height < options.hidden_ratio * good) & (width > options.hidden_ratio * broad)
        tall = ~first & (options.hidden_ratio * height > good) & (options.hidden_ratio * width < broad)
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
        share = np.where(first, 1.0, 1.0 - np.exp(-dt / options.height_tau_s))
        table["shape"][:, 0][slots] = np.where(odd, good, good + share * (height - good))
        table["shape"][:, 1][slots] = broad + share * (width - broad)
        return np.where(hidden, box[:, 1] + good, box[:, 3])

    def _record(self, slots: Ints, at: Instant) -> None:
        table = self._table
        due = slots[at.stream_ns - table["trace_ns"][slots] >= _TRACE_STEP_NS]
        sights = np.empty((len(due), 7))
        sights[:, 0], sights[:, 1:] = at.stream_s, table["anchors"].take(due, axis=0)[:, :6]
        trace, here = table.cells("trace", due, table["trace_rows"][due] % _TRACE_ROWS)
        trace[here] = sights
        table["trace_rows"][due] += 1
        table["trace_ns"][due] = at.stream_ns

    def _subjects(self, live: Ints, seen: Bools, gone: Ints) -> Subjects:
        table, slots = self._table, np.concatenate([live, gone])
        anchors, shape = (table[name].take(slots, axis=0) for name in ("anchors", "shape"))
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
            box=table["box"].take(slots, axis=0),
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
        whole = (table["whole_s"][slots] >= options.whole_s) | ~self._to_be_whole[table["label"][slots]]
        return np.asarray(table["tracked"][slots] & moved & whole & (score >= options.least_score))

    def _trace(self, slot: int, anchor: str, seconds: float) -> tuple[tuple[float, float, float], ...]:
        rows, taken = self._table["trace"][slot], int(self._table["trace_rows"][slot])
        if not taken:
            return ()
        oldest = taken % _TRACE_ROWS if taken > _TRACE_ROWS else 0
        rows = np.concatenate((rows[oldest:taken], rows[:oldest]))
        recent = rows[rows[:, 0] >= rows[-1, 0] - seconds]
        return tuple((t, x, y) for t, x, y in recent[:, _TRACED[anchor]].tolist())
