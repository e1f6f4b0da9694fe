"""Somebody or something crosses a line, in one direction or the other.

A crossing is a path of the anchor that meets the line itself and leads from beyond the band on one side to beyond the
band on the other. The band (a share of the object height) swallows the trembling of boxes; time beyond it swallows
single wrong detections. Both are judged by capture time and by detections, never by counting frames.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vedette.analytics.rules.base import Draft, RuleContext, RuleOptions, SubjectRule
from vedette.analytics.slots import SlotTable
from vedette.model.detections import Floats, Ints
from vedette.model.events import Direction
from vedette.model.geometry import Point, Polyline, square
from vedette.model.observations import Observations
from vedette.model.spec import Spec
from vedette.model.time import NS_PER_S, Instant

_MOTION_S = 3.0
"""How much of the path before the last step tells how an object moved."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineCrossingOptions(RuleOptions):
    """Options of `line_crossing`.

    line       two or more points; forward is from its left to its right for somebody who walks along it
    names      words for the two directions
    band       dead band on either side, as a share of the object's height
    confirm_s  how long the object has to stay beyond the band on the new side
    dedup_s    out and back within so long counts as nothing; 0 counts both
    """

    line: tuple[Point, ...]
    names: dict[Literal["forward", "backward"], str] = field(default_factory=dict)
    band: float = 0.1
    confirm_s: float = 0.3
    dedup_s: float = 0.0

    def __post_init__(self) -> None:
        RuleOptions.__post_init__(self)
        Polyline(self.line)
        if self.band < 0.0 or self.confirm_s < 0.0 or self.dedup_s < 0.0:
            raise ValueError("band, confirm_s and dedup_s must not be negative")


@dataclass(frozen=True, slots=True)
class _Passage:
    """Where and when a subject's path met the line last, on its way to `side`."""

    side: int
    at: Instant
    frame: int
    anchor: Point
    box: tuple[float, float, float, float]
    trace: tuple[tuple[float, float, float], ...]


class LineCrossing(SubjectRule):
    """Counts crossings of one polyline."""

    def __init__(self, options: LineCrossingOptions, context: RuleContext) -> None:
        super().__init__(options, context)
        self._options = options
        self._line: Polyline | None = None
        self._aspect = 0.0
        self._passages: dict[int, _Passage] = {}
        self._table = SlotTable(
            {
                "side": np.int8(0),  # where the subject was last known beyond the band: +1 right, -1 left
                "place": np.full(2, np.nan),  # last seen anchor, picture heights
                "distance": np.float64(np.nan),
                "seen_ns": np.int64(0),
                "seen_frame": np.int64(0),
                "open": np.bool_(False),  # any of the following is not as on arrival
                "net": np.int64(0),  # passages to the right minus passages to the left since `side` was set
                "beyond": np.int64(0),  # detections beyond the band on the other side since then
                "stay": np.int64(0),  # of those, without a break
                "stay_ns": np.int64(0),
            }
        )

    def judge(self, now: Observations) -> Iterator[Draft]:
        """Crossings that are certain as of this moment."""
        line = self._line_for(now.aspect)
        subjects = now.subjects
        self._table.reach(subjects.slot)
        rows = np.flatnonzero(subjects.seen)
        if len(rows):
            place = self.anchors_square(now).take(rows, axis=0)
            distance = line.signed_distance(place)
            self._pass(now, rows, place, distance)
            if self._options.dedup_s:
                self._hold(now)
            yield from self._settle(now, rows, distance)
            self._remember(now, rows, place, distance)
        for row in np.flatnonzero(subjects.gone).tolist():
            yield from self._farewell(now, row)
        self._forget(subjects.slot[subjects.gone])

    def _line_for(self, aspect: float) -> Polyline:
        if self._line is None or aspect != self._aspect:
            self._aspect = aspect
            self._line = Polyline(square(np.asarray(self._options.line, float), aspect))
        return self._line

    def _pass(self, now: Observations, rows: Ints, place: Floats, distance: Floats) -> None:
        """Note where paths since the last detection met the line."""
        table, slots = self._table, now.subjects.slot[rows]
        before, before_distance = table["place"].take(slots, axis=0), table["distance"][slots]
        dx, dy = place[:, 0] - before[:, 0], place[:, 1] - before[:, 1]
        # A path that meets the line is at least as long as the ways to the line from both of its ends together.
        # Comparisons with the NaN of a first sight are false.
        way2 = dx * dx + dy * dy
        near = ((np.abs(before_distance) + np.abs(distance)) ** 2 <= way2 * (1.0 + 1e-9)) & (way2 > 0.0)
        for index in np.flatnonzero(near).tolist():
            self._walk(now, int(rows[index]), before[index], place[index])

    def _walk(self, now: Observations, row: int, before: Floats, place: Floats) -> None:
        slot, table = int(now.subjects.slot[row]), self._table
        for hit in self._line_for(now.aspect).crossings(tuple(before.tolist()), tuple(place.tolist())):
            table["net"][slot] += hit.side
            table["open"][slot] = True
            # Both clocks go by stream time, so that a step of the wall clock in between does no harm.
            way_ns = max(0, now.at.stream_ns - int(table["seen_ns"][slot]))
            at = now.at.shifted(-round((1.0 - hit.fraction) * way_ns))
            first = int(table["seen_frame"][slot])
            frame = first + round(hit.fraction * (now.frame - first))
            x, y = (before + hit.fraction * (place - before)).tolist()
            left, top, right, bottom = now.subjects.box[row].tolist()
            trace = tuple(point for point in self.trace(now, slot) if point[0] <= at.stream_s)
            self._passages[slot] = _Passage(hit.side, at, frame, (x / now.aspect, y), (left, top, right, bottom), trace)

    def _settle(self, now: Observations, rows: Ints, distance: Floats) -> Iterator[Draft]:
        """Bring the sides up to date; say who has stayed beyond the band on the other side for long enough."""
        table, subjects = self._table, now.subjects
        slots = subjects.slot[rows]
        band = self._options.band * subjects.height[rows]
        zone = (distance > band).astype(np.int8) - (distance < -band).astype(np.int8)
        home = table["side"][slots]
        at_home = (zone != 0) & ((home == 0) | ((zone == home) & table["open"][slots]))
        self._arrive(slots[at_home], zone[at_home])
        table["stay"][slots[zone == 0]] = 0
        across = slots[zone * home < 0]
        if not len(across):
            return
        fresh = across[table["stay"][across] == 0]
        table["stay_ns"][fresh] = now.at.stream_ns
        # A moment that comes twice is one piece of evidence.
        later = across[(now.at.stream_ns > table["seen_ns"][across]) | (table["stay"][across] == 0)]
        table["open"][across] = True
        table["stay"][later] += 1
        table["beyond"][later] += 1
        stayed = now.at.stream_ns - table["stay_ns"][across] >= self._options.confirm_s * NS_PER_S
        for slot in across[stayed & (table["stay"][across] >= 2)].tolist():
            side = -int(table["side"][slot])
            yield from self._crossed(slot, side, now)
            self._arrive(np.array([slot]), np.array([side], np.int8))

    def _arrive(self, slots: Ints, side: NDArray[np.int8]) -> None:
        if not len(slots):
            return
        table = self._table
        table["side"][slots] = side
        for column in ("open", "net", "beyond", "stay"):
            table[column][slots] = 0

    def _crossed(self, slot: int, side: int, now: Observations) -> Iterator[Draft]:
        """The crossing to `side`, if the path there led through the line and not round its end."""
        passage = self._passages.get(slot)
        if passage is None or passage.side != side or np.sign(self._table["net"][slot]) != side:
            return
        direction: Direction = "forward" if side > 0 else "backward"
        draft = Draft(
            slot=slot,
            kind="crossed",
            at=passage.at,
            frame=passage.frame,
            anchor=passage.anchor,
            box=passage.box,
            trace=passage.trace,
            direction=direction,
            direction_name=self._options.names.get(direction),
            any_age=True,
            not_before_ns=now.at.stream_ns + round(self._options.dedup_s * NS_PER_S) if self._options.dedup_s else 0,
        )
        if not (self._options.dedup_s and self._folds(draft)):
            yield draft

    def _folds(self, draft: Draft) -> bool:
        """Whether the draft takes back the crossing before it. If so, that one is dropped."""
        limit = draft.at.stream_ns - round(self._options.dedup_s * NS_PER_S)
        for earlier in self._drafts:
            if earlier.slot == draft.slot and earlier.direction != draft.direction and earlier.at.stream_ns >= limit:
                self._drafts.remove(earlier)
                return True
        return False

    def _hold(self, now: Observations) -> None:
        """Keep back crossings whose subject met the line again in time: whether it goes back is not certain yet."""
        limit = round(self._options.dedup_s * NS_PER_S)
        for index, draft in enumerate(self._drafts):
            passage = self._passages.get(draft.slot)
            back = passage is not None and 0 < passage.at.stream_ns - draft.at.stream_ns <= limit
            if back and self._table["net"][draft.slot] != 0 and draft.not_before_ns <= now.at.stream_ns:
                self._drafts[index] = replace(draft, not_before_ns=now.at.stream_ns + 1)

    def _remember(self, now: Observations, rows: Ints, place: Floats, distance: Floats) -> None:
        table, slots = self._table, now.subjects.slot[rows]
        table["place"][slots] = place
        table["distance"][slots] = distance
        table["seen_ns"][slots] = now.at.stream_ns
        table["seen_frame"][slots] = now.frame

    def _farewell(self, now: Observations, row: int) -> Iterator[Draft]:
        """A track that ended beyond the band: two detections there suffice, or one after a long and credible step."""
        table, subjects = self._table, now.subjects
        slot = int(subjects.slot[row])
        side = -int(table["side"][slot])
        beyond = table["distance"][slot] * side > self._options.band * subjects.height[row]
        if side == 0 or not beyond:
            return
        credible = self._long_and_fitting(now, row)
        if table["beyond"][slot] >= 2 or (table["beyond"][slot] == 1 and credible):
            yield from self._crossed(slot, side, now)

    def _long_and_fitting(self, now: Observations, row: int) -> bool:
        """Whether the last step is at least half the object's height and goes on as the object moved before."""
        path = np.array(now.subjects.trace(int(now.subjects.slot[row]), self._anchor, _MOTION_S)).reshape(-1, 3)
        if len(path) < 2:
            return False
        way = square(np.diff(path[:, 1:], axis=0), now.aspect)
        step, step_s = way[-1], path[-1, 0] - path[-2, 0]
        if float(np.hypot(*step)) < 0.5 * float(now.subjects.height[row]):
            return False
        if len(path) == 2:
            return True
        before = way[:-1].sum(axis=0) / max(path[-2, 0] - path[0, 0], 1e-9)
        return bool(float(step @ before) * step_s >= 0.3 * float(step @ step))

    def _forget(self, slots: Ints) -> None:
        self._table.reset(slots)
        for slot in slots.tolist():
            self._passages.pop(slot, None)


def build(options: LineCrossingOptions, context: RuleContext) -> LineCrossing:
    """Make the rule."""
    return LineCrossing(options, context)


SPEC = Spec("line_crossing", LineCrossingOptions, build, "who crosses a line, and in which direction")
