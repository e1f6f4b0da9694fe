"""Who is inside a zone, since when, and through which moment they came and went.

Being inside is a state with memory. It changes when an object has been seen on the other side of the border at least
twice, for `CONFIRM_S`, and beyond a band along the border; the change happened where the path met the border. So one
wrong box, or a body swaying on the border, changes nothing, and the moment does not depend on the frame rate. A visit
too short for that counts if the object went on in the direction it came in. Nobody moves while not seen.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, Literal

import numpy as np

from vedette.analytics.rules.base import Draft, RuleOptions
from vedette.analytics.slots import SlotTable
from vedette.analytics.zone_shape import ShareMap, ZoneShape
from vedette.model.detections import Bools, Floats, Ints
from vedette.model.geometry import Point, Polygon
from vedette.model.observations import Observations
from vedette.model.time import NS_PER_S, Instant

CONFIRM_S: Final = 0.3
BAND: Final = 0.1
"""Band along the border, as a share of the object's height."""
SHARE_BAND: Final = 0.2
"""The same where the share of the box decides, less where the limit is near none or all of it."""
SETTLE_S: Final = 2.0
"""After so long on the other side the band does not matter any more."""

HIDDEN_S: Final = 6.0
"""A time not seen counts as spent inside up to this: twice the tracker's memory, once lost and once stitched."""

Trace = tuple[tuple[float, float, float], ...]
How = Literal["crossed", "born", "ended"]


def _no_trace(slot: int) -> Trace:  # noqa: ARG001
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneOptions(RuleOptions):
    """Options of rules with a zone.

    zone  three or more corners in 0..1 of the picture; may cross itself (inside by the even-odd rule)
    """

    zone: tuple[Point, ...]

    def __post_init__(self) -> None:
        RuleOptions.__post_init__(self)
        check_zone(self.zone)


def check_zone(points: tuple[Point, ...]) -> None:
    """Raises ValueError unless `points` enclose an area that the picture shows."""
    corners = np.asarray(points, float)
    if not np.isfinite(corners).all():
        raise ValueError("zone: every coordinate must be a number")
    Polygon(points)
    if corners.min(axis=0).max() >= 1.0 or corners.max(axis=0).min() <= 0.0:
        raise ValueError("zone lies outside the picture: coordinates go from 0 to 1")


@dataclass(frozen=True, slots=True)
class Moment:
    """Where and when a subject was."""

    at: Instant
    frame: int
    anchor: Point
    box: tuple[float, float, float, float]
    trace: Trace = ()

    def draft(self, slot: int, kind: str, **more: Any) -> Draft:
        """A finding about the subject in `slot` at this moment."""
        return Draft(slot, kind, self.at, self.frame, self.anchor, self.box, self.trace, **more)


@dataclass(frozen=True, slots=True)
class Change:
    """A subject came in or went out.

    how   `crossed` the border, `born` inside (came in), or its track `ended` inside (went out)
    """

    row: int
    slot: int
    inside: bool
    moment: Moment
    how: How = "crossed"


@dataclass(slots=True)
class _Turn:
    """The path has left the side the subject is known to be on; not sure yet."""

    moment: Moment
    step: tuple[float, float] | None
    fits: bool = False
    born: bool = False
    count: int = 0
    first_ns: int = 0


@dataclass(slots=True)
class _Pass:
    """In and out again before either was sure, in one direction."""

    enter: Moment
    leave: Moment
    step: tuple[float, float]
    fits: bool
    count: int = 0
    first_ns: int = 0


@dataclass(slots=True)
class Visits:
    """Follows all subjects in and out of one zone.

    `table["inside"]`, by slot, is who is known to be inside; `table["raw"]` who was at the last detection.
    """

    zone: tuple[Point, ...]
    overlap: float | None = None
    table: SlotTable = field(init=False)
    _shape: ZoneShape = field(init=False)
    _shares: ShareMap | None = field(init=False)
    _turns: dict[int, _Turn] = field(default_factory=dict)
    _passes: dict[int, _Pass] = field(default_factory=dict)
    _fresh: ClassVar = {
        "inside": np.bool_(False),
        "raw": np.bool_(False),
        "known": np.bool_(False),
        "open": np.bool_(False),  # a turn or a pass is being watched
        "place": np.full(2, np.nan),
        "share": np.float64(0.0),
        "step": np.full(2, np.nan),  # last step, picture heights
        "seen_ns": np.int64(0),
        "seen_frame": np.int64(0),
    }

    def __post_init__(self) -> None:
        self.table = SlotTable(self._fresh)
        self._shape = ZoneShape(self.zone)
        self._shares = ShareMap(self._shape.polygon) if self.overlap is not None else None

    def gaps(self, now: Observations) -> dict[int, int]:
        """By slot: nanoseconds by which those inside were unseen for longer than `HIDDEN_S`, before this moment."""
        slots = now.subjects.slot[now.subjects.seen]
        self.table.reach(slots)
        slots = slots[self.table["inside"][slots]]
        excess = now.at.stream_ns - self.table["seen_ns"][slots] - round(HIDDEN_S * NS_PER_S)
        late = excess > 0
        return dict(zip(slots[late].tolist(), excess[late].tolist(), strict=True)) if late.any() else {}

    def update(self, now: Observations, places: Floats, trace: Callable[[int], Trace] = _no_trace) -> list[Change]:
        """Who came and went, as is certain now. `places` are the (n, 2) judged points, in 0..1 of the picture."""
        subjects, table = now.subjects, self.table
        table.reach(subjects.slot)
        changes: list[Change] = []
        rows = np.flatnonzero(subjects.seen)
        if len(rows):
            slots, place = subjects.slot[rows], places[rows]
            share = self._shares.of(subjects.box[rows]) if self._shares is not None else None
            inside = self._shape.contains(place) if share is None else share >= (self.overlap or 0.0)
            turns = self._border(slots, place, inside, share)
            busy = (inside != table["inside"][slots]) | table["open"][slots]
            if turns:
                busy[list(turns)] = True
            for index in np.flatnonzero(busy).tolist():
                look = _Look(now, int(rows[index]), place[index], bool(inside[index]), trace)
                changes.extend(self._follow(look, turns.get(index, []), share[index] if share is not None else None))
            self._remember(now, rows, place, inside, share)
        for row in np.flatnonzero(subjects.gone).tolist():
            changes.extend(self._farewell(now, row, trace))
        self._forget(subjects.slot[subjects.gone])
        return changes

    def turn_at_ns(self, slot: int) -> int | None:
        """Stream time at which the subject seems to have changed sides, while that is not certain."""
        turn = self._turns.get(slot)
        return turn.moment.at.stream_ns if turn is not None else None

    # -- one moment ------------------------------------------------------------------------------------------------

    def _border(self, slots: Ints, place: Floats, inside: Bools, share: Floats | None) -> dict[int, list[float]]:
        """By index of the detection: fractions of the step at which the path met the border."""
        table = self.table
        was, before = table["raw"][slots], table["place"][slots]
        if share is None:
            return self._shape.meetings(before, place, was, inside)
        old = table["share"][slots]
        turned = np.flatnonzero((was != inside) & table["known"][slots])
        level = self.overlap or 0.0
        return {i: [float((level - old[i]) / (share[i] - old[i]))] for i in turned.tolist()}

    def _follow(self, look: _Look, fractions: list[float], share: float | None) -> Iterator[Change]:
        slot, table = look.slot, self.table
        state, raw = bool(table["inside"][slot]), bool(table["raw"][slot])
        step = self._step(look)
        for fraction in fractions:
            raw = not raw
            moment = look.moment(fraction, table)
            if raw != state:
                self._turn(slot, moment, step)
            else:
                self._return(slot, moment, step, state)
        if look.inside != state and slot not in self._turns:
            self._turns[slot] = _Turn(look.moment(1.0, table), None, born=not table["known"][slot])
        fresh = look.ns > table["seen_ns"][slot] or not table["known"][slot]
        if look.inside != state:
            yield from self._settle(look, state, share, fresh)
        else:
            self._turns.pop(slot, None)
            yield from self._settle_pass(look, fresh)
        table["open"][slot] = slot in self._turns or slot in self._passes

    def _step(self, look: _Look) -> tuple[float, float]:
        dx, dy = (look.place - self.table["place"][look.slot]).tolist()
        return dx * look.now.aspect, dy

    def _turn(self, slot: int, moment: Moment, step: tuple[float, float]) -> None:
        passing = self._passes.get(slot)
        if passing is not None and _along(passing.step, step) <= 0.0:
            del self._passes[slot]
            self._turns[slot] = _Turn(moment, None)
        else:
            self._turns[slot] = _Turn(moment, step, self._fits(slot, step))

    def _return(self, slot: int, moment: Moment, step: tuple[float, float], state: bool) -> None:
        turn = self._turns.pop(slot, None)
        if state or turn is None or turn.step is None or _along(turn.step, step) <= 0.0:
            return
        self._passes[slot] = _Pass(turn.moment, moment, step, turn.fits)

    def _fits(self, slot: int, step: tuple[float, float]) -> bool:
        """Whether the step goes on as the object moved before (it does if nothing is known of that)."""
        old = self.table["step"][slot]
        if np.isnan(old).any():
            return True
        return _along(tuple(old.tolist()), step) > 0.0

    def _settle(self, look: _Look, state: bool, share: float | None, fresh: bool) -> Iterator[Change]:
        """Count a detection on the other side; two, for long enough and beyond the band, make it certain."""
        turn, slot = self._turns[look.slot], look.slot
        if fresh:
            turn.first_ns = look.ns if turn.count == 0 else turn.first_ns
            turn.count += 1
        stayed = (look.ns - turn.first_ns) / NS_PER_S
        if turn.count < 2 or stayed < CONFIRM_S:
            return
        if not turn.born and stayed < SETTLE_S and not self._beyond(look, share):
            return
        del self._turns[slot]
        self._passes.pop(slot, None)
        self.table["inside"][slot] = not state
        yield Change(look.row, slot, not state, turn.moment, "born" if turn.born else "crossed")

    def _beyond(self, look: _Look, share: float | None) -> bool:
        if share is not None:
            level = self.overlap or 0.0
            return abs(share - level) > min(SHARE_BAND, 0.5 * (1.0 - level if look.inside else level))
        height = float(look.now.subjects.height[look.row])
        return self._shape.clear_of_border(look.place, BAND * height, look.now.aspect)

    def _settle_pass(self, look: _Look, fresh: bool) -> Iterator[Change]:
        passing = self._passes.get(look.slot)
        if passing is None or not fresh:
            return
        passing.first_ns = look.ns if passing.count == 0 else passing.first_ns
        passing.count += 1
        if passing.count >= 2 and look.ns - passing.first_ns >= CONFIRM_S * NS_PER_S:
            del self._passes[look.slot]
            yield Change(look.row, look.slot, True, passing.enter)
            yield Change(look.row, look.slot, False, passing.leave)

    def _remember(self, now: Observations, rows: Ints, place: Floats, inside: Bools, share: Floats | None) -> None:
        table, slots = self.table, now.subjects.slot[rows]
        table["known"][slots] = True
        table["step"][slots] = (place - table["place"][slots]) * np.array([now.aspect, 1.0])
        table["place"][slots] = place
        table["raw"][slots] = inside
        if share is not None:
            table["share"][slots] = share
        table["seen_ns"][slots] = now.at.stream_ns
        table["seen_frame"][slots] = now.frame

    # -- the end of a track ----------------------------------------------------------------------------------------

    def _farewell(self, now: Observations, row: int, trace: Callable[[int], Trace]) -> Iterator[Change]:
        """What was still open is decided by the evidence there is; who is inside then ended there."""
        slot, table = int(now.subjects.slot[row]), self.table
        if not table["known"][slot]:
            return
        state = bool(table["inside"][slot])
        passing, turn = self._passes.get(slot), self._turns.get(slot)
        if passing is not None and (passing.count >= 2 or self._long(passing, now, row)):
            yield Change(row, slot, True, passing.enter)
            yield Change(row, slot, False, passing.leave)
        if turn is not None and self._evident(turn, now, row):
            state = not state
            yield Change(row, slot, state, turn.moment, "born" if turn.born else "crossed")
        if state:
            yield Change(row, slot, False, _last_moment(now, row, table, trace), "ended")

    def _evident(self, turn: _Turn, now: Observations, row: int) -> bool:
        if turn.born:
            slot = int(now.subjects.slot[row])
            lived = int(self.table["seen_ns"][slot] - now.subjects.born_ns[row])
            return turn.count >= 2 and lived >= CONFIRM_S * NS_PER_S
        place = self.table["place"][now.subjects.slot[row]]
        if not self._shape.clear_of_border(place, BAND * float(now.subjects.height[row]), now.aspect):
            return False
        return turn.count >= 2 or self._long(turn, now, row)

    @staticmethod
    def _long(found: _Turn | _Pass, now: Observations, row: int) -> bool:
        """A single detection suffices after a step of half the object's height that fits its motion."""
        length = math.hypot(*found.step) if found.step is not None else 0.0
        return found.fits and length >= 0.5 * float(now.subjects.height[row])

    def _forget(self, slots: Ints) -> None:
        self.table.reset(slots)
        for slot in slots.tolist():
            self._turns.pop(slot, None)
            self._passes.pop(slot, None)


@dataclass(frozen=True, slots=True)
class _Look:
    """One detection under consideration."""

    now: Observations
    row: int
    place: Floats
    inside: bool
    trace: Callable[[int], Trace]

    @property
    def slot(self) -> int:
        return int(self.now.subjects.slot[self.row])

    @property
    def ns(self) -> int:
        return self.now.at.stream_ns

    def moment(self, fraction: float, table: SlotTable) -> Moment:
        """The moment at `fraction` of the way from the detection before to this one."""
        now, slot = self.now, self.slot
        box: Any = tuple(now.subjects.box[self.row].tolist())
        x, y = self.place.tolist()
        at, frame = now.at, now.frame
        if fraction < 1.0 and table["known"][slot]:
            rest = 1.0 - fraction
            # Both clocks go by stream time, so that a step of the wall clock in between does no harm.
            at = now.at.shifted(-round(rest * max(0, now.at.stream_ns - int(table["seen_ns"][slot]))))
            frame = now.frame - round(rest * (now.frame - int(table["seen_frame"][slot])))
            old_x, old_y = table["place"][slot].tolist()
            x, y = x + rest * (old_x - x), y + rest * (old_y - y)
        trace = tuple(point for point in self.trace(slot) if point[0] <= at.stream_s)
        return Moment(at, frame, (x, y), box, trace)


def _last_moment(now: Observations, row: int, table: SlotTable, trace: Callable[[int], Trace]) -> Moment:
    slot = int(now.subjects.slot[row])
    at = now.at.shifted(int(table["seen_ns"][slot]) - now.at.stream_ns)
    x, y = table["place"][slot].tolist()
    box: Any = tuple(now.subjects.box[row].tolist())
    return Moment(at, int(table["seen_frame"][slot]), (x, y), box, trace(slot))


def _along(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    return a[0] * b[0] + a[1] * b[1]
